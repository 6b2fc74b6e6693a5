"""How much memory processes hold: the peak of one, or of one and all that it starts."""

import contextlib
import os
import threading
import time
from pathlib import Path

LOOK = 0.05  # seconds from one look to the next, or 20 times what it takes


def peak(pid: int | None = None) -> int:
    """Return the peak resident memory of a process, this one by default, in bytes.

    Where the system keeps no record it is the present memory. Not getrusage: its number begins
    with the memory of the process that started this one. Raises psutil.Error if it is gone.
    """
    try:
        status = Path(f"/proc/{pid or 'self'}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024
    except (OSError, IndexError):
        import psutil

        return psutil.Process(pid).memory_info().rss


def free() -> int:
    """Return the bytes that programs can have now, before the system begins to swap."""
    import psutil

    return psutil.virtual_memory().available


def held(pid: int | None = None, below: bool = False) -> int:
    """Return the bytes that a process and all below it hold now; with `below`, only those below it.

    A page that several share is counted in parts (PSS) on Linux; elsewhere once for each (RSS).
    """
    import psutil

    total = 0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in [*process.children(recursive=True), *([] if below else [process])]:
            with contextlib.suppress(psutil.Error):  # it has ended
                info = one.memory_full_info() if psutil.LINUX else one.memory_info()
                total += getattr(info, "pss", info.rss)
    return total


class Watch(threading.Thread):
    """Looks at what a process and all below it hold: `bytes` is the largest sum until now.

    A context manager. By default it watches this process; with `below`, only what this one starts.
    """

    def __init__(self, pid: int | None = None, below: bool = False):
        super().__init__(daemon=True)
        self.pid, self.below, self.bytes = pid or os.getpid(), below, 0
        self._done = threading.Event()

    def __enter__(self):
        self.bytes = held(self.pid, self.below)
        self.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self.join()

    def run(self) -> None:
        """Look until the context is left."""
        pause = LOOK
        while not self._done.wait(pause):
            start = time.thread_time()
            self.bytes = max(self.bytes, held(self.pid, self.below))
            pause = max(LOOK, 20 * (time.thread_time() - start))
