"""Call functions in a process of another Python, such as that of .venv-bench.

`python -m tools.bench.process` is the other side: a line with [module, function, arguments] as JSON
in, a line with {"value": ...} or {"error": ...} out, until its standard input ends.
"""

import contextlib
import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hub_to_tflite import sandbox

ROOT = Path(__file__).resolve().parents[2]


class ProcessError(RuntimeError):
    """A function that did not return: its exception, or how its process ended."""


class Process(contextlib.AbstractContextManager):
    """A process of the Python at a path, that keeps what functions keep from call to call."""

    def __init__(self, python: str):
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [python, "-m", __name__],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self.pid = self._process.pid

    def __exit__(self, *_):
        with contextlib.suppress(OSError):  # it has ended before
            self._process.stdin.close()
        with self._process:
            self._log.close()

    def call(self, function: Callable, *args: Any) -> Any:
        """Return what a function of a module returns there: plain values. Raises ProcessError."""
        with contextlib.suppress(OSError):  # the process has ended; reading says how
            request = json.dumps([function.__module__, function.__name__, args])
            print(request, file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            ending = sandbox.describe(self._process.wait())
            self._log.seek(0)
            words = " ".join(self._log.read().decode(errors="replace").split())
            raise ProcessError(f"The process ended with {ending}: {words[-200:]}")
        answer = json.loads(line)
        if "error" in answer:
            raise ProcessError(answer["error"])
        return answer["value"]


def main():
    """Answer calls until standard input ends."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a runtime prints is no answer
    for line in sys.stdin:
        module, function, args = json.loads(line)
        try:
            answer = {"value": getattr(importlib.import_module(module), function)(*args)}
        except Exception as error:
            answer = {"error": " ".join(f"{type(error).__name__}: {error}".split())[:300]}
        print(json.dumps(answer), file=out, flush=True)


if __name__ == "__main__":
    main()
