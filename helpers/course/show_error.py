"""Show a failure in a lesson: run the wrong call, print its error, go on."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from helpers.course import cache, session


@contextmanager
def show_error(longest: int = 600) -> Iterator[None]:
    """Print the error that the block raises, cut after `longest` characters, and swallow it.

    Folders that differ from machine to machine are printed by name: <cache>, <temp>, <here>; an
    object's address is left out. Raises AssertionError if the block raises nothing, on a release
    that the course is tested with: a lesson about an error must notice when the error is gone.
    """
    try:
        yield
    except Exception as error:
        text = str(error).strip()
        folders = {
            os.environ.get("TFHUB_CACHE_DIR", "\0"): "<cache>",
            str(cache.folder("")): "<cache>",
            os.getcwd(): "<here>",
            tempfile.gettempdir(): "<temp>",
        }
        for folder, name in folders.items():
            text = text.replace(folder, name)
        text = re.sub(r" at 0x[0-9a-f]+", "", text)
        print(f"{type(error).__name__}: {text[:longest]}{' ...' if len(text) > longest else ''}")
        error.__traceback__ = None  # its frames would keep alive what the failed call held
    else:
        if not session.untested():
            raise AssertionError("This call was expected to fail, and did not.")
        print("This call fails on the releases that the lesson is tested with, but not on yours.")
