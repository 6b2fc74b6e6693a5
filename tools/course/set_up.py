"""Make `.venv` and install what requirements.lock names, every package checked by its hash.

`set_up.py lock` writes that file and the locks of the site and the hub, and `lock-check` sees that
each system has the wheels. `set_up.py site` makes `.venv-site`, which renders the site, `hub` makes
`.venv-hub`, which serves a class, and `bench` makes `.venv-bench`, the environment of the runtimes
that `make bench` compares with. Everything here is in the standard library, so that a Python too
old or too new, or a Debian without the venv module, gets a sentence and no traceback.
uv installs in a fraction of pip's time. It comes from the lock, too; if it fails, pip takes over.
"""

import argparse
import ast
import functools
import json
import os
import pathlib
import platform
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.lock"
SITE_LOCK = ROOT / "requirements-site.lock"
HUB_LOCK = ROOT / "requirements-hub.lock"
OLDEST, NEWEST = (3, 10), (3, 13)  # TensorFlow 2.21's wheels; pyproject.toml's requires-python
EXTRAS = {  # oldest Python, what is installed, whose wheels decide that, size
    "bench": (
        (3, 11),
        ROOT / "requirements-bench.txt",
        "ONNX Runtime 1.32, which the benchmark compares with",
        "2.6 GB on disk, 800 MB",
    ),
    "site": ((3, 11), SITE_LOCK, "Sphinx 9, which renders the site", "290 MB on disk, 60 MB"),
    "hub": (OLDEST, HUB_LOCK, "JupyterHub 5, which serves a class", "310 MB on disk, 50 MB"),
}
SYSTEMS = {  # uv's names; Intel Macs are told by check_machine that there's no TensorFlow
    "Linux x86_64": "x86_64-manylinux_2_28",
    "Linux aarch64": "aarch64-manylinux_2_28",
    "macOS arm64": "aarch64-apple-darwin",
    "Windows x64": "x86_64-pc-windows-msvc",
}
PIP_TO_UV = {
    "index-url": "--default-index",
    "extra-index-url": "--index",
    "find-links": "--find-links",
    "trusted-host": "--allow-insecure-host",
}


def check_machine() -> None:
    """End with one sentence if this machine or this Python cannot hold the course."""
    version = sys.version_info[:2]
    if sys.platform == "darwin" and platform.machine() == "x86_64":
        sys.exit(
            "TensorFlow 2.21 has no build for Intel Macs, and this Python is one for Intel. On an "
            "Apple chip, install Python for arm64; on an Intel Mac, open the course in Colab."
        )
    if not OLDEST <= version <= NEWEST:
        sys.exit(
            "TensorFlow 2.21 runs on Python 3.10 to 3.13, and this is Python {}.{}. Install one of "
            "those and name it, for example: make run PYTHON=python3.12".format(*version)
        )
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        sys.exit(
            "This Python lacks its venv module. "
            "On Debian or Ubuntu: apt install python{}.{}-venv".format(*version)
        )


def python_of(folder: pathlib.Path) -> str:
    """Return the Python of the environment in `folder`."""
    if sys.platform == "win32":
        return str(folder / "Scripts" / "python.exe")
    return str(folder / "bin" / "python")


def make(folder: pathlib.Path) -> str:
    """Create an environment in `folder`, with the lock's uv if it can be had; return its Python."""
    import venv

    venv.create(str(folder), with_pip=True, clear=True)
    python = python_of(folder)
    locked = re.search(r"^uv==(.*\\\n)+.*\n", LOCK.read_text(), re.MULTILINE)
    if locked:
        only_uv = folder / "uv.txt"
        only_uv.write_text(locked[0])
        pip(python, "--require-hashes", "--only-binary=uv", "--requirement", only_uv)
    return python


def uv_options(python: str, only_index: bool = False) -> list:
    """Return uv's options for what pip is told, by its files or the environment, of indexes.

    `only_index`: without folders and indexes beside it, which may have one system's wheels only.
    """
    command = [python, "-m", "pip", "config", "list"]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout
    options = ["--index-strategy", "unsafe-best-match"]  # safe: the hashes decide what is installed
    for line in told.splitlines():  # such as global.find-links='/wheels' or :env:.no-index='1'
        key, _, value = line.partition("=")
        name = key.rpartition(".")[2]
        if only_index and name in ("extra-index-url", "find-links"):
            continue
        for one in ast.literal_eval(value).split():
            if name in PIP_TO_UV:
                options += [PIP_TO_UV[name], one]
            elif name == "no-index" and one.lower() in ("1", "true", "yes", "on"):
                options.append("--no-index")
            elif name == "cert":
                os.environ.setdefault("SSL_CERT_FILE", one)
    return options


def pip(python: str, *arguments) -> int:
    """Run `pip install` and return its exit status."""
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return subprocess.call([*command, *map(str, arguments)], cwd=str(ROOT))


def uv(python: str, *arguments, only_index: bool = False, quiet: bool = True):
    """Run `uv pip` and return how it ended, with what it said in `stderr`: faults, if `quiet`."""
    options = uv_options(python, only_index)
    command = [python, "-m", "uv", *["--quiet"] * quiet, "pip", *map(str, arguments), *options]
    return subprocess.run(command, cwd=str(ROOT), stderr=subprocess.PIPE, text=True)


def install_with(python: str, *arguments) -> None:
    """Install with uv, or with pip if that fails; end with pip's exit status if it fails, too."""
    done = uv(python, "install", "--python", python, "--compile-bytecode", *arguments)
    if done.returncode == 0:
        return
    print(f"{done.stderr}uv could not install this, so pip does; that takes minutes.", flush=True)
    status = pip(python, *arguments)
    if status:
        sys.exit(status)


def install() -> None:
    """Set up .venv from the lock, with hashes, and make the packages importable from anywhere."""
    print("Setting up .venv: 3.3 GB on disk, 700 MB to download.", flush=True)
    python = make(ROOT / ".venv")
    install_with(python, "--require-hashes", "--requirement", LOCK)
    install_with(python, "--no-deps", "--no-build-isolation", "--editable", ".")
    (ROOT / ".venv" / ".ready").touch()


def extra(name: str) -> None:
    """Set up .venv-bench, .venv-site or .venv-hub, from its lock with hashes where it has one."""
    oldest, requirements, what, size = EXTRAS[name]
    version = sys.version_info[:2]
    if version < oldest:
        sys.exit(
            "{}, runs on Python {}.{} and newer, and this is Python {}.{}. The course itself runs "
            "here. Name a newer one, in a fresh clone, for example: make {} "
            "PYTHON=python3.12".format(what, *oldest, *version, name)
        )
    print(f"Setting up .venv-{name}: {size} to download.", flush=True)
    folder = ROOT / f".venv-{name}"
    hashes = ["--require-hashes"] if requirements.suffix == ".lock" else []
    install_with(make(folder), *hashes, "--requirement", requirements)
    (folder / ".ready").touch()


def lock() -> None:
    """Resolve each requirements file for all Pythons and systems, with hashes, using uv."""
    python = make(ROOT / "build" / "lock-env")
    for path, oldest in ((LOCK, OLDEST), (SITE_LOCK, EXTRAS["site"][0]), (HUB_LOCK, OLDEST)):
        arguments = ["--universal", "--python-version", "{}.{}".format(*oldest)]
        arguments += ["--generate-hashes", "--custom-compile-command", "make lock"]
        if path == HUB_LOCK:  # JupyterLab there and in .venv is one version
            arguments += ["--constraint", LOCK.name]
        source = path.with_suffix(".txt").name
        arguments += ["--output-file", path.name]
        done = uv(python, "compile", source, *arguments, only_index=True)
        if done.returncode:
            sys.exit(done.stderr)


def resolve(path: pathlib.Path, platform_: str, python: str, only_index: bool = False):
    """Return how uv ends that resolves a lock to wheels for another system, and what it says."""
    what = ["install", "--dry-run", "--require-hashes", "--only-binary", ":all:"]
    what += ["--python-platform", platform_, "--python-version", python]
    what += ["--requirement", path, "--target", ROOT / "build" / "nothing-here"]
    return uv(sys.executable, *what, only_index=only_index, quiet=False)


def lock_check() -> None:
    """Resolve the locks to wheels for each system and Python; end with status 1 if one lacks any.

    The site's lock is for the Pythons that Sphinx runs on, the hub's for the systems of its users.
    """
    folder = ROOT / "build" / "lock-check"
    folder.mkdir(parents=True, exist_ok=True)
    rows = []  # as in the summary.json of `make run`
    for system, platform_ in SYSTEMS.items():
        for minor in range(OLDEST[1], NEWEST[1] + 1):
            error = ""
            for path in (LOCK, SITE_LOCK, HUB_LOCK):
                if path == SITE_LOCK and minor < EXTRAS["site"][0][1]:
                    continue
                if path == HUB_LOCK and system.startswith("Windows"):
                    continue
                done = resolve(path, platform_, f"3.{minor}", only_index=True)
                error += " ".join(done.stderr.split()) if done.returncode else ""
            rows.append({"environment": system, "notebook": f"Python 3.{minor}", "error": error})
            print(f"{system}, Python 3.{minor}: {error or 'every package has a wheel'}", flush=True)
    (folder / "summary.json").write_text(json.dumps(rows, indent=1) + "\n")
    sys.exit(any(row["error"] for row in rows))


COMMANDS = {"install": install, "lock": lock, "lock-check": lock_check}
COMMANDS.update((name, functools.partial(extra, name)) for name in EXTRAS)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="?", choices=tuple(COMMANDS), default="install")
    chosen = parser.parse_args().what
    check_machine()
    COMMANDS[chosen]()
