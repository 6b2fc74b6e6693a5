"""What each lesson's kernel does first: hide TensorFlow's chatter, and give memory back.

TensorFlow and XNNPACK log from C++, straight to file descriptor 2. So that goes to a file, whose
lines are shown after each cell, but for those that match a line of chatter.txt: an error is never
lost. From ^loc on, chatter.txt is of failed conversions, whose Python error says it again.
"""

import contextlib
import ctypes
import gc
import importlib.metadata
import logging
import os
import re
import sys
import tempfile
import warnings
from pathlib import Path

CHATTER = Path(__file__).with_name("chatter.txt").read_text("utf-8").splitlines()
KNOWN = re.compile("|".join(CHATTER))
TESTED = ("2.20", "2.21")  # the releases of TensorFlow that every lesson is run with


def filtered(text: str) -> str:
    """Return `text` without the lines that are known chatter."""
    kept = [line for line in text.splitlines() if line.strip() and not KNOWN.search(line)]
    return "".join(line + "\n" for line in kept)


def untested() -> str:
    """Return a sentence if this TensorFlow is of a release that the lessons aren't run with."""
    found = importlib.metadata.version("tensorflow")
    ours = found.startswith(tuple(f"{release}." for release in TESTED))
    known = " and ".join(TESTED)
    return "" if ours else f"The course is tested with TensorFlow {known}. Found: {found}."


def start(tensorflow: bool = True) -> None:
    """Begin, once, before TensorFlow is imported (if it ever is). Outside Jupyter: nothing."""
    from IPython import get_ipython

    shell = get_ipython()
    if shell is None or hasattr(shell, "_chatter"):
        return
    log, path = tempfile.mkstemp(prefix="chatter-")
    shell._chatter = reader = open(path, "rb")
    with contextlib.suppress(PermissionError):  # Windows keeps a file that is open
        os.unlink(path)
    os.dup2(log, 2)
    # tensorflow_hub's last release uses it; requirements.txt has the setuptools it needs.
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
    # In a notebook TensorFlow's logger also says INFO, such as the folder of each saved model.
    logging.getLogger("tensorflow").addFilter(lambda record: record.levelno >= logging.WARNING)
    # keras imports scipy, if there, for layers that no lesson uses: 70 MB and a second.
    if tensorflow and "tensorflow" not in sys.modules:
        sys.modules.setdefault("scipy", None)
    glibc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if glibc:  # with one heap, what a conversion frees can go back to the system
        glibc.mallopt(-8, 1)  # M_ARENA_MAX

    def after_cell(*_):
        print(filtered(reader.read().decode(errors="replace")), end="", file=sys.stderr)
        gc.collect()
        if "tensorflow" in sys.modules and sys.modules.get("scipy", "") is None:  # once
            del sys.modules["scipy"]  # from now on a lesson may import it
            gc.freeze()  # TensorFlow stays: with its objects set aside, a collection is quick
        if glibc:
            glibc.malloc_trim(0)

    shell.events.register("post_run_cell", after_cell)
    if note := untested():
        print(note, "Numbers may differ from those in the text.")
