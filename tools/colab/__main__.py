"""Run the lessons as Google Colab does: its Python and versions, an empty folder, the first cell.

    python -m tools.colab [NOTEBOOK ...]

Colab is replaced by: an environment of requirements.txt beside this file, a package `google.colab`,
a clone of this checkout in the place of the public address. The first cell of the first lesson
installs what's missing, as it does there. A lesson passes if it ends without an error, and with
nothing on standard error.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat

from tools.course import notebooks, readme, run, set_up

VERSION = "3.13"
ROOT = notebooks.FOLDER.parent
FOLDER = ROOT / "build" / "colab"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
HERE = "from importlib.metadata import version; print(version('tensorflow'))"
# Colab imports it before any cell; its first import of TensorFlow comes later.
STARTUP = "--IPKernelApp.exec_lines=import google.colab"
KERNEL = {**notebooks.KERNEL, "kernel_name": "colab", "execution_timeout": 600}
KERNEL["extra_arguments"] = [*notebooks.KERNEL["extra_arguments"], STARTUP]
QUIET = ["-Xfrozen_modules=off"]  # a word of the debugger's, on Python 3.11 and later


def find_python() -> str:
    """Return a Python of Colab's version; end with one sentence if there's none."""
    found = [shutil.which(f"python{VERSION}"), sys.executable]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    found += sorted(map(str, pyenv.glob(f"{VERSION}.*/bin/python")))
    for python in filter(None, found):
        command = [python, "-c", "import sys, ensurepip; print('%d.%d' % sys.version_info[:2])"]
        if subprocess.run(command, capture_output=True, text=True).stdout.strip() == VERSION:
            return python
    sys.exit(
        f"Colab has Python {VERSION}, and none was found here. Install one, or set PYENV_ROOT."
    )


def environment() -> Path:
    """Return the folder of an environment with Colab's versions, made anew if they have changed."""
    folder, wanted = FOLDER / "env", REQUIREMENTS.read_text()
    ready = folder / "ready.txt"
    if ready.exists() and ready.read_text() == wanted:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    print("Setting up Colab's versions: 2.5 GB on disk.", flush=True)
    subprocess.run([find_python(), "-m", "venv", folder], check=True)
    what = "install", "--python", set_up.python_of(folder), "-r", REQUIREMENTS
    if (done := set_up.uv(sys.executable, *what)).returncode:
        sys.exit(done.stderr)
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "google" / "colab").mkdir(parents=True)
    (packages / "google" / "colab" / "__init__.py").touch()
    ready.write_text(wanted)
    return folder


def settings(folder: Path, clone: Path, home: Path) -> dict[str, str]:
    """Return the variables of a kernel that stands for Colab's, with a home of its own."""
    kernel = home / "jupyter" / "kernels" / "colab"
    kernel.mkdir(parents=True)
    python = set_up.python_of(folder)
    about = {"argv": [python, *QUIET, "-m", "ipykernel_launcher", "-f", "{connection_file}"]}
    (kernel / "kernel.json").write_text(json.dumps({**about, "display_name": "Colab"}))
    return {
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_PATH": str(home / "jupyter"),
        "HUB_TO_TFLITE_CACHE": str(home / "cache"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{clone.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": readme.address(),
        "PATH": os.pathsep.join([str(Path(python).parent), os.environ["PATH"]]),
    }


def chatter(path: Path) -> str:
    """Return what the cells of an executed lesson wrote on standard error, or ""."""
    return "; ".join(
        f"cell {number} says on standard error: {output.text.strip()[:300]}"
        for number, cell in enumerate(nbformat.read(path, 4).cells)
        for output in cell.get("outputs", [])
        if output.get("name") == "stderr"
    )


def main(paths: list[Path]) -> int:
    """Run lessons, print a line for each, and return the number of those that failed."""
    folder, failed = environment(), 0
    summary = FOLDER / "summary.json"
    rows = json.loads(summary.read_text()) if summary.exists() else []
    with tempfile.TemporaryDirectory(prefix="colab-") as home:
        clone = Path(home, "clone")
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        os.environ.update(settings(folder, clone, Path(home)))
        command = [set_up.python_of(folder), "-c", HERE]
        tensorflow = subprocess.check_output(command, text=True).strip()
        for path in paths:
            empty = Path(home, path.stem)
            empty.mkdir()
            row = run.execute(path, FOLDER, empty, KERNEL)
            row["environment"] = f"Google Colab: Python {VERSION}, TensorFlow {tensorflow}"
            row["error"] = wrong = row["error"] or chatter(FOLDER / path.name)
            failed += bool(wrong)
            rows = [*(one for one in rows if one["notebook"] != path.stem), row]
            summary.write_text(json.dumps(rows, indent=1) + "\n")
            state = "FAILED" if wrong else "ok"
            print(f"{state:6} {row['seconds']:4.0f} s  {path.stem}  {wrong}", flush=True)
    print(f"{len(paths) - failed} of {len(paths)} lessons hold on Colab's versions.")
    return failed


if __name__ == "__main__":
    sys.exit(main([Path(name) for name in sys.argv[1:]] or notebooks.every()) > 0)
