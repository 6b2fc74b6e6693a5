"""The other side of the sandbox: a program that calls functions for the process that started it.

It reads pickles from standard input: sys.path, or None for its own, then (function and arguments,
seconds, memory) for each call. It writes (True, pickle of the value) or (False, pickle of the
exception, name, message). It is run as a file and imports little, so that starting it costs little.
"""

import contextlib
import io
import math
import os
import pickle
import queue
import sys
import threading

calls, busy, softs = queue.SimpleQueue(), threading.Event(), {}


def main():
    """Answer calls until the parent closes its end of the pipe."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what the function prints is no answer
    sys.path[:] = pickle.load(requests) or sys.path[1:]  # without the folder of this file
    threading.Thread(target=listen, args=[requests], daemon=True).start()
    while request := calls.get():
        result = answer(*request)
        busy.clear()
        pickle.dump(result, answers, 5)
        answers.flush()


def listen(requests):
    """Pass calls on; end this process when the parent has gone, even if it was killed."""
    with contextlib.suppress(EOFError, pickle.UnpicklingError):
        while True:
            request = pickle.load(requests)
            busy.set()
            calls.put(request)
    if busy.is_set():
        os._exit(1)
    calls.put(None)


def answer(content, seconds, memory):
    """Call the function; return what to write."""
    try:
        limit(seconds, memory)
        function, arguments = pickle.loads(content)
        return True, pickle.dumps(function(*arguments), 5)
    except Exception as error:
        name, message = type(error).__name__, str(error) or type(error).__name__
        try:
            return False, dumps(error), name, message
        except Exception:
            return False, b"", name, message
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()


def dumps(error):
    """Return the pickle of an exception, without the traceback that tblib adds if it is loaded."""
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream, 5)
    pickler.dispatch_table = {}  # instead of copyreg's
    pickler.dump(error)
    return stream.getvalue()


def limit(seconds, memory):
    """Limit this process's memory, and its time too: native code may not let `listen` run."""
    try:
        import resource
    except ImportError:  # Windows
        return
    spent, own = resource.getrusage(resource.RUSAGE_SELF), 0
    with contextlib.suppress(OSError):  # not Linux, where the limit counts nothing
        with open("/proc/self/statm") as file:
            own = int(file.read().split()[0]) * resource.getpagesize()
    most = spent.ru_utime + spent.ru_stime + (seconds or 0) * os.cpu_count() + 1
    for kind, value in [
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, math.ceil(most) if seconds else None),
        (resource.RLIMIT_AS, own + int(memory) if memory and own else None),
    ]:
        soft, hard = resource.getrlimit(kind)
        soft = softs.setdefault(kind, soft)  # as it was at first
        if value is None or 0 <= soft < value:  # less than 0: unlimited
            value = soft
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (value, hard))


if __name__ == "__main__":
    main()
