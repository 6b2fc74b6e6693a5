"""Converted files, kept from run to run. Repeats what 04_convert_to_tflite teaches.

A file's name is the digest of everything that decides its content: the SavedModel, the recipe, the
representative samples and the converter's version. So a stale file is never found, and two kernels that
convert at once write the same.
"""

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

from helpers import convert, tinyhub
from helpers.course import cache


def tflite(saved_model, recipe="float32", representative=None):
    """Return the path of `saved_model` (a folder) converted to .tflite, converting only if it is missing.

    `recipe` is one of convert.RECIPES; those in convert.CALIBRATED need `representative`, a function that yields
    samples (see convert.check). Raises RecipeError, before anything is written, and what the converter raises.
    """
    import tensorflow as tf

    inputs = convert.inputs_of(saved_model) if recipe in convert.CALIBRATED else None
    what = convert.check(recipe, representative, inputs)
    key = hashlib.sha256(
        f"{tinyhub.digest(saved_model)} {what} {tf.__version__}".encode()
    ).hexdigest()[:16]
    path = cache.folder("tflite") / f"{key}.tflite"
    if not path.exists():
        write(path, convert.convert(saved_model, recipe, representative))
    return path


def write(path, content):
    """Write bytes to `path` so that a reader sees the whole file or none: a new file, then one rename."""
    path = Path(path)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def whole(folder, replace=False):
    """Yield a new folder (Path) that becomes `folder` once the block has ended well: nobody sees it half-written.

    Where `folder` is there by then, perhaps from another process, it stays, or with `replace` the new one follows it.
    """
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    place = {"prefix": f".{folder.name}-", "dir": folder.parent}
    with tempfile.TemporaryDirectory(**place, ignore_cleanup_errors=True) as work:
        new = Path(work, "new")
        new.mkdir()
        yield new
        old = Path(work, "old")
        try:
            if replace and folder.exists():
                folder.rename(old)
            if not folder.exists():
                new.rename(folder)
        except OSError:  # another process was first, or something holds a file of the folder
            if old.exists() and not folder.exists():
                old.rename(folder)
            if replace or not folder.exists():
                raise
