"""A function called in a process of its own: what it takes or breaks goes with it. Used in 11_bring_your_own_model.

TensorFlow's 640 MB stay out of the kernel, a file or a converter that ends its process costs one row of a table, and
the memory that is measured is one file's.
"""

import contextlib
import importlib
import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool


class Refused(Exception):  # noqa: N818 - what was asked is refused; that may be the expected answer
    """What was tried in another process and failed there. The message is the reason, `name` the kind of error."""

    def __init__(self, message, name=""):
        super().__init__(message)
        self.name = name


class Process:
    """Another Python, started at the first call. It keeps what the functions keep, until `close` or until it dies."""

    def __init__(self):
        self.pool = None

    def call(self, function, *given, **named):
        """Return what a function of a module returns there.

        An error of the helpers is raised here as itself, any other as Refused, and so is the end of the process; the
        next call starts another.
        """
        # A forked child would inherit this process's threads half-way; a spawned one begins anew.
        self.pool = self.pool or ProcessPoolExecutor(
            1, multiprocessing.get_context("spawn"), initializer=_begin
        )
        try:
            answer, value = self.pool.submit(_guarded, function, given, named).result()
        except BrokenProcessPool:
            self.close()
            raise Refused(
                "The process that tried it ended without a word; often for lack of memory."
            ) from None
        if answer == "error":
            raise _again(*value)
        return value

    def close(self):
        """End the process, and give its memory back."""
        if self.pool:
            self.pool.shutdown()
        self.pool = None


def apart(function, *given, **named):
    """Return what a function of a module returns, called in a new process that ends afterwards. See Process.call."""
    process = Process()
    try:
        return process.call(function, *given, **named)
    finally:
        process.close()


def _begin():
    """Send what C++ prints to nowhere, for what matters comes back as an exception; and end with the parent."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent():
    """End this process when the one that started it has died: a killed kernel cannot say goodbye."""
    multiprocessing.parent_process().join()
    os._exit(1)


def _guarded(function, given, named):
    try:
        return "value", function(*given, **named)
    except Exception as error:  # TensorFlow's own classes cannot be unpickled without TensorFlow
        return "error", (
            type(error).__module__,
            type(error).__name__,
            str(error) or type(error).__name__,
        )


def _again(module, name, message):
    """Return the exception to raise for one of another process."""
    if module.startswith(("helpers.", "hub_to_tflite.")):
        with contextlib.suppress(Exception):
            return getattr(importlib.import_module(module), name)(message)
    return Refused(message, name)
