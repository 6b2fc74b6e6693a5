"""How much memory processes hold: the peak of one, or of one and all that it starts."""

import os
import threading
import time
from pathlib import Path

LOOK = 0.05  # seconds from one look to the next, or 20 times what a look takes


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

    A page that several processes share is counted once, in parts (PSS), where /proc says so;
    elsewhere once for each (RSS).
    """
    import psutil

    try:
        process = psutil.Process(pid)
        tree = process.children(recursive=True)
    except psutil.Error:
        return 0
    return sum(map(_own, tree if below else [process, *tree]))


def _own(process):
    import psutil

    try:
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        return int(rollup.partition("\nPss:")[2].split()[0]) * 1024
    except (OSError, IndexError):
        try:
            return process.memory_info().rss
        except psutil.Error:  # it has ended
            return 0


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
