"""Start JupyterHub for a class on this machine: `make hub USERS=4`. docs/teach/server.md.

Everything that it keeps is in one folder: the learners' work, their tokens, the printable sheet,
the shared cache. Started again it goes on with what is there.
"""

import argparse
import contextlib
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from deploy.web import build
from helpers import tinyhub
from helpers.course import cache
from hub_to_tflite import knowledge

ROOT = Path(__file__).resolve().parents[2]
SOURCES = Path(__file__).parent
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that is read as another on paper
FIRST_UID = 1_900_000_000  # ids that no system gives to its users, to services or to containers
CONFIG = SOURCES / "jupyterhub_config.py"
COMMAND = [ROOT / ".venv-hub/bin/python", "-m", "jupyterhub", "-f", CONFIG]
NEWS = "@jupyterlab/apputils-extension:announcements"  # it asks each learner about a newsletter
LEFTOVERS = ("configurable-http-proxy", "jupyterhub_idle_culler")
LOCAL = ("localhost", "127.0.0.1", "::1")


class HubError(RuntimeError):
    """The server can't start here. The message says what is wrong and what to do."""


def people(count: int, known: dict, homes: Path) -> dict[str, dict]:
    """Return {name: {"token", "uid", "home"}} for a teacher and `count` learners.

    A token that's `known` stays. As root each gets a user id that's nobody else's, else 0.
    """
    found = {}
    for number in range(count + 1):
        name = f"learner{number}" if number else "teacher"
        fresh = "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(3))
        found[name] = {
            "token": known.get(name, {}).get("token", fresh),
            "uid": FIRST_UID + number if os.geteuid() == 0 else 0,
            "home": str(homes / name),
        }
    return found


def prepare(folder: Path, users: int, url: str, **settings: str | int) -> Path:
    """Write into `folder` all that JupyterHub starts from; return the folder that it runs in.

    `url` is what learners type. `settings` are cert and key (paths, or empty), memory (bytes that a
    learner may hold), idle_kernel and idle_server (seconds). Raises HubError, and WebError if the
    proxy can't be fetched.
    """
    secret, homes, before = folder / "hub", folder / "home", {}
    for path, mode in ((folder, 0o755), (homes, 0o755), (secret, 0o700)):
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(mode)
    with contextlib.suppress(FileNotFoundError):
        before = json.loads((secret / "class.json").read_text())
    known = people(users, before.get("people", {}), homes)
    for person in known.values():
        home = Path(person["home"])
        if not home.exists():
            home.mkdir(mode=0o700)
            if person["uid"]:
                os.chown(home, person["uid"], person["uid"])
    argv = [str(ROOT / ".venv/bin/python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = {"argv": argv, "display_name": "Python 3", "language": "python"}
    kernel = folder / "jupyter" / "kernels" / "python3" / "kernel.json"
    page = folder / "jupyter" / "labconfig" / "page_config.json"
    for path, content in ((kernel, spec), (page, {"disabledExtensions": {NEWS: True}})):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    _let_all_read(known["teacher"]["uid"], kernel)
    address = urlsplit(url)
    host = "127.0.0.1" if address.hostname in LOCAL else ""
    proxy = build.packages(sources=SOURCES) / "configurable-http-proxy/bin/configurable-http-proxy"
    decided = settings | {
        "people": known,
        "bind": f"{address.scheme}://{host}:{port_of(url)}",
        "ports": before.get("ports") or [free_port(), free_port()],
        "proxy": [shutil.which("node") or "node", str(proxy)],
        "jupyter": str(folder / "jupyter"),
        "shared": str(shared_cache(folder)),
    }
    cache.write(secret / "class.json", json.dumps(decided, indent=1).encode())
    about = {"people": known, "own": bool(known["teacher"]["uid"]), "open": exposed(url)}
    sheet = knowledge.render(SOURCES / "sheet.html.j2", url=url, **about)
    cache.write(secret / "sheet.html", sheet.encode())
    return secret


def shared_cache(folder: Path) -> Path:
    """Return where the cache that all learners read is: one for each state of lock and models."""
    state = (ROOT / "requirements.lock").read_bytes() + tinyhub.digest().encode()
    return folder / f"cache-{hashlib.sha256(state).hexdigest()[:12]}"


def warm(shared: Path, lessons: str = "0?_*") -> None:
    """Fill the shared cache, once, with what running `lessons` leaves in it. Raises HubError."""
    if shared.exists():
        return
    with cache.whole_folder(shared) as new, tempfile.TemporaryDirectory() as work:
        for lesson in sorted((ROOT / "notebooks").glob(f"{lessons}.ipynb")):
            print(f"Warming the shared cache, once: {lesson.stem}", flush=True)
            command = [sys.executable, "-m", "jupyter", "execute", "--timeout=600", str(lesson)]
            settings = os.environ | {"HUB_TO_TFLITE_CACHE": str(new)}
            settings.pop("TFHUB_CACHE_DIR", None)  # the teacher's own
            done = subprocess.run(command, cwd=work, env=settings, capture_output=True, text=True)
            if done.returncode:
                found = done.stderr.strip().splitlines()[-1:]
                raise HubError(f"{lesson.stem} doesn't run here. Found: {' '.join(found)}")
        close(new)


def close(folder: Path) -> None:
    """Let everybody read what is in a folder, and nobody write there."""
    for path in folder.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    folder.chmod(0o755)  # it's going to be renamed


@contextlib.contextmanager
def running(work: Path, url: str) -> Iterator[subprocess.Popen]:
    """Run JupyterHub in the folder that `prepare` returned, and yield it when it answers.

    It's stopped at the end, and each learner's server with it. Raises HubError.
    """
    _end_leftovers(work)
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(("127.0.0.1", port_of(url)))
        except OSError as error:
            found = f"port {port_of(url)} can't be had: {error.strerror}"
            raise HubError(f"{found}. Name another in the address") from None
    about = f"{urlsplit(url).scheme}://127.0.0.1:{port_of(url)}/hub/health"
    itself = ssl._create_unverified_context()  # on this machine, and nothing is sent
    direct = urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=itself)
    with (
        open(work / "hub.log", "a") as log,
        subprocess.Popen(COMMAND, cwd=work, stdout=log, stderr=log) as hub,
    ):
        try:
            end, ready = time.monotonic() + 300, False
            while not ready:
                if hub.poll() is not None or time.monotonic() > end:
                    raise HubError(f"JupyterHub doesn't answer. {work / 'hub.log'} says why")
                with contextlib.suppress(OSError):
                    ready = urllib.request.build_opener(*direct).open(about, timeout=5)
                time.sleep(0.1)
            yield hub
        finally:
            hub.terminate()
            hub.wait()
            _end_leftovers(work)


def _end_leftovers(work):
    """End what a hub that has died leaves: its proxy, which holds the port, and its culler."""
    for one in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # it's another user's, or has ended
            named = any(name in part for part in one.cmdline() for name in LEFTOVERS)
            if named and Path(one.cwd()) == work.resolve():
                one.terminate()
                one.wait(10)


def exposed(url: str) -> bool:
    """Return whether others on the network can read what learners type at `url`."""
    address = urlsplit(url)
    return address.scheme == "http" and address.hostname not in LOCAL


def port_of(url: str) -> int:
    """Return the port of an address."""
    address = urlsplit(url)
    return address.port or {"http": 80, "https": 443}[address.scheme]


def free_port() -> int:
    """Return a port of this machine that nobody has now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _let_all_read(uid, spec):
    """Make sure that a learner's own user can run both environments. Raises HubError."""
    for room, package in ((".venv", "helpers.course"), (".venv-hub", "jupyterhub")):
        code = f"import {package}; open({str(spec)!r})"
        command = [str(ROOT / room / "bin" / "python"), "-c", code]
        found = "it isn't readable"
        with contextlib.suppress(PermissionError):
            user = {"user": uid, "group": uid, "extra_groups": []} if uid else {}
            done = subprocess.run(command, cwd="/", stderr=subprocess.PIPE, text=True, **user)
            found = done.stderr.strip().rpartition("\n")[2] if done.returncode else ""
        if found:
            raise HubError(
                f"learners can't use {ROOT / room}: {found}. Each is a user of the system, and a "
                "folder on the way may be closed to them. Put the checkout, its Python and the "
                "class where all can read them, such as /srv"
            )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m deploy.jupyterhub", description=__doc__)
    parser.add_argument("command", nargs="?", choices=("start", "packages"), default="start")
    parser.add_argument("--users", type=int, default=4, help="learners; a teacher comes on top")
    parser.add_argument("--url", default="http://localhost:8000", help="what learners type")
    parser.add_argument("--cert", default="", help="the certificate, for an https address")
    parser.add_argument("--key", default="", help="its key")
    parser.add_argument("--folder", type=Path, default=ROOT / "class", help="where all is kept")
    parser.add_argument("--memory", type=float, default=2, help="GB for a learner")
    parser.add_argument("--idle", type=int, default=10, help="minutes until a kernel is stopped")
    told = parser.parse_args(arguments)
    folder = told.folder.resolve()
    cert, key = (path and str(Path(path).resolve()) for path in (told.cert, told.key))
    limits = {"memory": int(told.memory * 1e9), "idle_kernel": told.idle * 60, "idle_server": 3600}
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, signal.default_int_handler)
    try:
        if told.command == "packages":
            build.packages(sources=SOURCES)
            return 0
        _check(told)
        work = prepare(folder, told.users, told.url, cert=cert, key=key, **limits)
        warm(shared_cache(folder))
        with running(work, told.url) as hub:
            _say(told, work)
            hub.wait()
            raise HubError(f"it has ended. {work / 'hub.log'} says why. Started again it goes on")
    except KeyboardInterrupt:
        print("It ends.", flush=True)
    except (HubError, build.WebError, OSError) as error:
        print(f"The server doesn't run: {error}.", file=sys.stderr)
        return 1
    return 0


def _say(told, work):
    """Print what the teacher needs to know now."""
    print(f"Learners go to {told.url}\nTheir tokens, to print: {work / 'sheet.html'}")
    if os.geteuid():
        print("They all share your user: each can read the others' files, and yours.")
        print("For a class start it as root.")
    if exposed(told.url):
        print("No TLS: others on this network can read what learners type, tokens included.")
    print(f"What they save is in {work.parent / 'home'}, and stays. Ctrl+C ends it.", flush=True)


def _check(told):
    """Say in one sentence why the server can't start with these arguments. Raises HubError."""
    if sys.platform == "win32":
        raise HubError("JupyterHub doesn't run on Windows. Use a Linux machine")
    address = urlsplit(told.url)
    if address.scheme not in ("http", "https") or not address.hostname or told.users < 1:
        raise HubError(
            "it needs an address and at least one learner, such as --url https://class.example "
            f"--users 4. Found: {told.url!r}, {told.users}"
        )
    if (address.scheme == "https") != bool(told.cert and told.key):
        raise HubError("https needs --cert and --key, and they need an address with https")
    for path in filter(None, (told.cert, told.key)):
        Path(path).open().close()
    if not (ROOT / ".venv-hub" / ".ready").exists():
        raise HubError("there's no .venv-hub yet. Run: make .venv-hub/.ready")


if __name__ == "__main__":
    sys.exit(main())
