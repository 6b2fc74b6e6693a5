"""The last tflite-runtime, in a folder that only a child process sees: what does it open?

It ended with 2.14, in 2023, and many devices still have it. It needs NumPy 1, and has wheels for
Linux and for Python up to 3.11. Source: https://pypi.org/project/tflite-runtime/2.14.0/#files
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from helpers.course import cache
from hub_to_tflite import sandbox
from tools.course import set_up

RELEASE = (2, 14)
PACKAGES = ("tflite-runtime==2.14.0", "numpy==1.26.4")
FOLDER = set_up.ROOT / "build" / "tflite-runtime-2.14"


class OldRuntimeError(RuntimeError):
    """It can't be had here."""


def packages(fetch: bool = True) -> Path:
    """Return the folder with tflite-runtime, installed if it's missing. Raises OldRuntimeError."""
    if FOLDER.exists():
        return FOLDER
    if not fetch:
        raise OldRuntimeError("tflite-runtime isn't here yet; make test fetches it")
    with cache.whole_folder(FOLDER) as new:
        options = ["--only-binary=:all:", "--python", sys.executable, "--target", new]
        done = set_up.uv(sys.executable, "install", *options, *PACKAGES)
        if done.returncode:
            found = " ".join(done.stderr.split())[:300]
            raise OldRuntimeError(f"tflite-runtime doesn't install here. Found: {found}")
    return FOLDER


def attempt(path: str) -> None:
    """Open a .tflite with tflite-runtime, where that can be imported."""
    from tflite_runtime.interpreter import Interpreter

    Interpreter(model_path=path).allocate_tensors()


def refusals(paths: Iterable[Path]) -> dict[Path, str]:
    """Return {path: what tflite-runtime says} of the .tflite files that it doesn't open."""
    found = {}
    settings = {"PYTHONPATH": f"{packages(fetch=False)}{os.pathsep}{set_up.ROOT}"}
    with sandbox.Worker(settings, python=sys.executable) as worker:
        for path in paths:
            try:
                worker.call(attempt, str(path))
            except Exception as error:
                found[path] = str(error)
    return found


if __name__ == "__main__":
    try:
        packages()
    except OldRuntimeError as error:
        print(f"No test of an old runtime: {error}.", file=sys.stderr)
