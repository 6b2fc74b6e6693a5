"""What `make hub` runs JupyterHub with. `python -m deploy.jupyterhub` has written class.json."""

import asyncio
import contextlib
import json
import os
import resource
import sys
from hmac import compare_digest
from pathlib import Path

import psutil
from jupyterhub.auth import Authenticator
from jupyterhub.spawner import LocalProcessSpawner

ROOT = Path(__file__).resolve().parents[2]
CLASS = json.loads(Path("class.json").read_text())  # what __main__.py decided, tokens included
PEOPLE = CLASS["people"]  # {name: {"token": ..., "uid": ..., "home": ...}}
THREADS = "2"  # of one calculation: what one learner takes of the processor at a time


class Tokens(Authenticator):
    """A name from the sheet, with its token."""

    async def authenticate(self, handler, data):
        """Return the name, or None if the token isn't the one on its card."""
        name, typed = (data[field].strip().lower() for field in ("username", "password"))
        known = PEOPLE.get(name, {"token": ""})["token"]
        return name if known and compare_digest(known.encode(), typed.encode()) else None


class OwnUser(LocalProcessSpawner):
    """A process on this machine, with a user id, a folder and limits of its own.

    Started by root each learner is another user of the system, without an account. Started by
    anyone else all are that one user, and nothing keeps them from each other's files.
    """

    def make_preexec_fn(self, name):
        """Return what the learner's process does first: give up all that isn't the learner's."""
        person, most = PEOPLE[name], self.mem_limit

        def begin():
            resource.setrlimit(resource.RLIMIT_DATA, (most, most))  # of each process
            if person["uid"]:
                os.setgroups([])
                os.setgid(person["uid"])
                os.setuid(person["uid"])
            os.umask(0o077)
            os.chdir(person["home"])

        return begin

    def user_env(self, env):
        """Return the environment of the learner's process."""
        name, home = self.user.name, PEOPLE[self.user.name]["home"]
        own = {"HOME": home, "USER": name, "LOGNAME": name, "SHELL": "/bin/bash"}
        return env | own | {"HUB_TO_TFLITE_CACHE": f"{home}/.cache/hub-to-tflite"}

    async def poll(self):
        """Look whether the server lives, and end the largest kernel of one who holds too much."""
        ended = await super().poll()
        if ended is None and self.pid:
            await asyncio.to_thread(self._free_memory)
        return ended

    def _free_memory(self):
        held = {}  # what only that process has: TensorFlow's code, which all share, isn't counted
        with contextlib.suppress(psutil.Error):
            for one in psutil.Process(self.pid).children(recursive=True):
                with contextlib.suppress(psutil.Error):  # it has ended
                    info = one.memory_info()
                    held[one] = info.rss - getattr(info, "shared", 0)
        if sum(held.values()) > self.mem_limit:
            with contextlib.suppress(psutil.Error):
                largest = max(held, key=held.get)
                largest.kill()
                self.log.warning(
                    f"{self.user.name} held {sum(held.values()) / 1e9:.1f} GB, so the largest "
                    f"kernel was ended. Found: {held[largest] / 1e9:.1f} GB in it."
                )


c = get_config()  # noqa: F821
c.JupyterHub.bind_url = CLASS["bind"]
c.JupyterHub.ssl_cert, c.JupyterHub.ssl_key = CLASS["cert"], CLASS["key"]
c.JupyterHub.hub_port = CLASS["ports"][0]
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{CLASS['ports'][1]}"
c.ConfigurableHTTPProxy.command = CLASS["proxy"]
c.JupyterHub.authenticator_class = Tokens
c.Authenticator.allowed_users = set(PEOPLE)
c.Authenticator.admin_users = {"teacher"}

c.JupyterHub.spawner_class = OwnUser
c.Spawner.cmd = [str(ROOT / ".venv/bin/python"), str(ROOT / "deploy/jupyterhub/start.py")]
c.Spawner.notebook_dir = "~/lessons"
c.Spawner.default_url = "/lab/tree/00_start_here.ipynb"
c.Spawner.start_timeout = c.Spawner.http_timeout = 180  # thirty may begin in the same minute
c.LocalProcessSpawner.interrupt_timeout = 2  # seconds from SIGINT to SIGTERM; the culler needs both
c.Spawner.mem_limit = CLASS["memory"]
c.Spawner.poll_interval = 5
c.Spawner.environment = {
    "PATH": f"{ROOT / '.venv/bin'}{os.pathsep}{os.environ['PATH']}",
    "JUPYTER_PATH": f"{CLASS['jupyter']}{os.pathsep}{ROOT / '.venv/share/jupyter'}",
    "JUPYTER_CONFIG_PATH": CLASS["jupyter"],
    "HUB_TO_TFLITE_SHARED": CLASS["shared"],
    "TF_NUM_INTRAOP_THREADS": THREADS,
    "TF_NUM_INTEROP_THREADS": THREADS,
    "OMP_NUM_THREADS": THREADS,
    "OPENBLAS_NUM_THREADS": THREADS,
}
c.Spawner.args = [
    "--LabApp.extension_manager=readonly",
    f"--MappingKernelManager.cull_idle_timeout={CLASS['idle_kernel']}",
    f"--MappingKernelManager.cull_interval={min(60, CLASS['idle_kernel'] // 4)}",
    "--MappingKernelManager.cull_connected=True",  # a tab that's open keeps no kernel
    "--KernelSpecManager.ensure_native_kernel=False",  # kernels are the course's .venv
]
culler = [sys.executable, "-m", "jupyterhub_idle_culler", f"--timeout={CLASS['idle_server']}"]
c.JupyterHub.services = [{"name": "idle", "command": culler}]
scopes = ["list:users", "read:users:activity", "read:servers", "delete:servers"]
c.JupyterHub.load_roles = [{"name": "idle", "services": ["idle"], "scopes": scopes}]
