"""Make `.venv` and install what requirements.lock names; `set_up.py lock` writes that file.

`set_up.py bench` makes `.venv-bench`, the environment of the runtimes that `make bench` sets beside the course's.

Runs on whatever Python a machine has, with the standard library alone, so that a Python too old or too new, or a
Debian without the venv module, gets a sentence and not a traceback.
"""

import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
OLDEST, NEWEST = (
    (3, 10),
    (3, 13),
)  # what TensorFlow 2.21 has wheels for; requires-python in pyproject.toml agrees
BENCH, BENCH_OLDEST = ROOT / ".venv-bench", (3, 11)  # what ONNX Runtime 1.32 has wheels for


def check_python():
    """End with one sentence if this Python cannot hold the course."""
    version = sys.version_info[:2]
    if not OLDEST <= version <= NEWEST:
        sys.exit(
            "TensorFlow 2.21 runs on Python 3.10 to 3.13, and this is Python {}.{}. "
            "Install one of those and name it, for example: make run PYTHON=python3.12".format(
                *version
            )
        )
    try:
        import ensurepip  # noqa: F401
    except ImportError:
        sys.exit(
            "This Python lacks its venv module. On Debian or Ubuntu: apt install python{}.{}-venv".format(
                *version
            )
        )


def make(folder):
    """Create an environment in `folder` and return its Python."""
    import venv

    venv.create(str(folder), with_pip=True, clear=True)
    return python_of(folder)


def python_of(folder):
    """Return the Python of the environment in `folder`."""
    windows = sys.platform == "win32"
    return str(folder / ("Scripts" if windows else "bin") / ("python.exe" if windows else "python"))


def run(*command):
    """Run a command; end with its exit status if it fails."""
    status = subprocess.call([str(part) for part in command], cwd=str(ROOT))
    if status:
        sys.exit(status)


def install():
    """Set up .venv from the lock, with hashes, and make `helpers` importable from anywhere."""
    print("Setting up .venv: about two minutes, 2.7 GB on disk, 700 MB to download.", flush=True)
    python = make(ROOT / ".venv")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run(*pip, "--require-hashes", "--requirement", "requirements.lock")
    run(*pip, "--no-deps", "--no-build-isolation", "--editable", ".")
    (ROOT / ".venv" / ".ready").touch()


def bench():
    """Set up .venv-bench from requirements-bench.txt."""
    version = sys.version_info[:2]
    if version < BENCH_OLDEST:
        sys.exit(
            "ONNX Runtime 1.32, which the benchmark compares with, runs on Python 3.11 and newer, and this is Python "
            "{}.{}. The course itself runs here. For the benchmark name a newer one, in a fresh clone, for example: "
            "make bench PYTHON=python3.12".format(*version)
        )
    print(
        "Setting up .venv-bench: about two minutes, 2.6 GB on disk, 800 MB to download.", flush=True
    )
    python = make(BENCH)
    run(
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
        "requirements-bench.txt",
    )
    (BENCH / ".ready").touch()


def lock():
    """Resolve requirements.txt for Python 3.10 to 3.13, all systems, with hashes, using uv."""
    python = make(ROOT / "build" / "lock-env")
    run(python, "-m", "pip", "install", "--quiet", "uv")
    run(
        *(
            python,
            "-m",
            "uv",
            "pip",
            "compile",
            "requirements.txt",
            "--output-file",
            "requirements.lock",
        ),
        *("--universal", "--python-version", "3.10", "--generate-hashes", "--quiet"),
        *("--custom-compile-command", "make lock"),
    )


if __name__ == "__main__":
    check_python()
    {"lock": lock, "bench": bench}.get("".join(sys.argv[1:]), install)()
