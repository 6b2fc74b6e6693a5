"""What a learner's server does first, as the learner: the lessons, the cache, then JupyterLab.

It becomes jupyterhub-singleuser, with the same arguments: that of .venv-hub, or of the image that
this runs in on Kubernetes (values.yaml).
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from helpers import tinyhub

ROOT = Path(__file__).resolve().parents[2]


def link(shared: Path, own: Path) -> None:
    """Let a learner's cache show all that a shared one has: links, so that nothing is copied.

    What a lesson makes anew goes into `own`, which is the learner's. Raises OSError.
    """
    for path in sorted(shared.glob("*/*")):
        names = [path.name]
        if path.parent.name.startswith("tfhub-"):
            names = _for_each_port(path)
        folder = own / path.parent.name
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            if not (folder / name).exists():
                (folder / name).unlink(missing_ok=True)  # leads to an older shared cache
                (folder / name).symlink_to(path)


def _for_each_port(path):
    """Return the names of a download, whichever port a kernel's own hub gets.

    tensorflow_hub's name for it is the sha1 of its address, which stands in <sha1>.descriptor.txt.
    """
    first, *rest = path.name.split(".", 1)
    about = path.with_name(f"{first}.descriptor.txt")
    address = about.read_text().partition("\n")[0].removeprefix("Module: ")
    host, _, model = address.removeprefix("http://").partition("/")
    if not host.startswith("127.0.0.1:"):
        return [path.name]
    addresses = [f"http://127.0.0.1:{port}/{model}" for port in tinyhub.PORTS if port]
    return [".".join([hashlib.sha1(one.encode()).hexdigest(), *rest]) for one in addresses]


if __name__ == "__main__":
    lessons = Path.home() / "lessons"
    copy = [sys.executable, "-m", "tools.course.class_copy", str(lessons)]
    subprocess.run(copy, cwd=ROOT, check=True)
    if "HUB_TO_TFLITE_SHARED" in os.environ:
        link(Path(os.environ["HUB_TO_TFLITE_SHARED"]), Path(os.environ["HUB_TO_TFLITE_CACHE"]))
    own = ROOT / ".venv-hub" / "bin" / "jupyterhub-singleuser"
    server = str(own) if own.exists() else own.name
    os.execvp(server, [server, *sys.argv[1:]])
