"""Run a function in another process, with a time and a memory limit: what it breaks breaks there.

A file that crashes native code, a converter that never ends, TensorFlow's 640 MB: they cost one
child process, and the caller gets a value or one error. The child runs as the same user, so this
protects from accidents, not from attackers. Used in 50_bring_your_own_model.
"""

import contextlib
import io
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

CHILD = Path(__file__).with_name("child.py")
OURS = {"helpers", "hub_to_tflite"}
LOG = 2**16  # bytes: how much of what the child wrote an error keeps, from the end


class SandboxError(RuntimeError):
    """A function that did not return, because its process ended or its exception can't be raised.

    `ending` is "signal", "timeout", "memory", "exception" or "exit"; `name` is the exception's, or
    such as "signal 11 (SIGSEGV)", "status 3" or "30 seconds"; `log` is the end of what the process
    wrote to standard output and error.
    """

    def __init__(self, message: str, ending: str, name: str = "", log: str = ""):
        super().__init__(message, ending, name, log)
        self.ending, self.name, self.log = ending, name, log

    def __str__(self):
        return self.args[0]


def call(
    function: Callable,
    *args: Any,
    seconds: float | None = None,
    memory: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> Any:
    """Return what `function(*args)` returns in a new process. See Worker.call."""
    with Worker(environment) as worker:
        return worker.call(function, *args, seconds=seconds, memory=memory)


class Worker(contextlib.AbstractContextManager):
    """A process that keeps what functions keep, such as TensorFlow and a model, from call to call.

    It starts with the first call, and ends with `close` or with this process, even if that is
    killed. `environment` are variables that it gets besides this process's own. `python` is the
    path of another Python, which imports its own packages, and what PYTHONPATH names.
    """

    def __init__(self, environment: Mapping[str, str] | None = None, python: str | None = None):
        self._environment, self._python = environment or {}, python
        self._process = self._log = None

    def __exit__(self, *_):
        self.close()

    def call(
        self,
        function: Callable,
        *args: Any,
        seconds: float | None = None,
        memory: int | None = None,
    ) -> Any:
        """Return what a function of a module returns there; arguments and result get pickled.

        `seconds` is the time it may take; `memory` the bytes that it may ask for (on Linux only).
        An exception of the function is raised here as itself, with the `log` of SandboxError as an
        attribute; SandboxError if its class is one of a package that isn't loaded here, such as
        TensorFlow, and if the process ends. The next call then starts another process.
        """
        what = f"{function.__module__}.{function.__qualname__}"
        if function.__module__ == "__main__":
            rule = "A sandbox imports the function that it calls."
            raise TypeError(f"{rule} Put {what} into a module.")
        request = (pickle.dumps((function, args), 5), seconds, memory)
        if self._process is None or self._process.poll() is not None:
            self._start()
        start, late = self._log.seek(0, os.SEEK_END), threading.Event()
        timer = threading.Timer(seconds or 0, lambda: (late.set(), self._kill()))
        timer.daemon = True
        try:
            if seconds is not None:
                timer.start()
            with contextlib.suppress(OSError):  # a broken pipe: the process has ended
                pickle.dump(request, self._process.stdin, 5)
                self._process.stdin.flush()
            returned, *answer = pickle.load(self._process.stdout)
        except (EOFError, pickle.UnpicklingError):
            status = self._process.wait()
            error = _ended(what, status, self._read(start), seconds if late.is_set() else None)
            self.close()
            raise error from None
        except BaseException:  # Ctrl-C: the process would go on, and answer the next call
            self._kill()
            self.close()
            raise
        finally:
            timer.cancel()
        if returned:
            return pickle.loads(*answer)
        raise _exception(*answer, log=self._read(start))

    def close(self) -> None:
        """End the process, and give its memory back."""
        if self._process:
            with contextlib.suppress(OSError):
                self._process.stdin.close()  # which ends it
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._kill()
                self._process.wait()
            self._process.stdout.close()
            self._log.close()
        self._process = None

    def _start(self):
        self.close()
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [self._python or sys.executable, str(CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, **self._environment},
            start_new_session=True,  # so that Ctrl-C comes here, and what it starts ends with it
        )
        pickle.dump(None if self._python else sys.path, self._process.stdin, 5)

    def _kill(self):
        with contextlib.suppress(OSError):
            if os.name == "posix":
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()

    def _read(self, start):
        self._log.seek(max(start, self._log.seek(0, os.SEEK_END) - LOG))
        return self._log.read().decode(errors="replace")


def forked(function: Callable, *args: Any, seconds: int = 0, **named: Any) -> int:
    """Return the exit status of a fork of this process that calls a function, silently.

    0 if it returned, 1 if it raised, minus the signal that ended it; SIGALRM after `seconds`.
    """
    child = os.fork()
    if not child:
        status = 1
        with contextlib.suppress(BaseException):
            signal.alarm(seconds)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            function(*args, **named)
            status = 0
        os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def describe(status: int) -> str:
    """Return a process's exit status in words, such as "signal 11 (SIGSEGV)"."""
    if status >= 0:
        return f"status {status:#x}" if status > 255 else f"status {status}"
    try:
        return f"signal {-status} ({signal.Signals(-status).name})"
    except ValueError:
        return f"signal {-status}"


def _ended(what, status, log, seconds):
    """Return the SandboxError for a process that ended; `seconds` if that was their number."""
    if seconds is not None:
        message = f"{what} was still busy after {seconds} seconds, and was stopped."
        return SandboxError(message, "timeout", f"{seconds} seconds", log)
    message = f"The process that ran {what} ended with {describe(status)}"
    if "std::bad_alloc" in log:
        message += ": it asked for more memory than it got"
    ending = "memory" if "std::bad_alloc" in log else "signal" if status < 0 else "exit"
    return SandboxError(f"{message}.", ending, describe(status), log)


class _Unpickler(pickle.Unpickler):
    """Loads an exception without importing a package that isn't loaded, such as TensorFlow."""

    def find_class(self, module, name):
        package = module.partition(".")[0]
        if package not in OURS | sys.stdlib_module_names | sys.modules.keys():
            raise pickle.UnpicklingError(package)
        return super().find_class(module, name)


def _exception(content, name, message, log):
    """Return the exception to raise here for one of a function."""
    if name == "MemoryError":
        return SandboxError(f"Python ran out of memory there. {message}", "memory", name, log)
    try:
        error = _Unpickler(io.BytesIO(content)).load()
        error.log = log
        return error
    except Exception:  # a class of TensorFlow's, or one that can't be unpickled
        return SandboxError(f"{name}: {message}", "exception", name, log)
