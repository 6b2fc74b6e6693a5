"""Converted files, kept from run to run. Repeats what 04_convert_to_tflite teaches.

A file's name is the digest of everything that decides its content: the SavedModel, the recipe and the
converter's version. So a stale file is never found, and two kernels that convert at once write the same.
"""

import hashlib
import os
from pathlib import Path

from helpers import cache, tinyhub

RECIPES = ("float32", "dynamic range")


def tflite(saved_model, recipe="float32"):
    """Return the path of `saved_model` (a folder) converted to .tflite, converting only if it is missing.

    `recipe` is "float32" (no optimizations) or "dynamic range" (Optimize.DEFAULT).
    Raises ValueError for an unknown recipe, and what the converter raises.
    """
    if recipe not in RECIPES:
        raise ValueError(f"There is no recipe {recipe!r}. Use one of: {', '.join(RECIPES)}.")
    import tensorflow as tf

    key = hashlib.sha256(f"{tinyhub.digest(saved_model)} {recipe} {tf.__version__}".encode()).hexdigest()[:16]
    path = cache.folder("tflite") / f"{key}.tflite"
    if not path.exists():
        converter = tf.lite.TFLiteConverter.from_saved_model(str(saved_model))
        if recipe == "dynamic range":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        write(path, converter.convert())
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
