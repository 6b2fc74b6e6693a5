"""Where a lesson saves what it makes, so that it's there tomorrow: my_models/, beside the notebook.

Taught in 00_start_here. In a folder that can't be written, it's my_models/ in the course's cache.
"""

import os
from pathlib import Path

from helpers.course import cache

DEFAULT = "digits/mobilenet_v2/classification/1"


def path(handle: str, recipe: str = "") -> Path:
    """Return the path, digits-int8.tflite or the end of another handle, in my_models/, made now."""
    folder = Path("my_models")
    if not os.access(folder if folder.exists() else ".", os.W_OK):
        folder = cache.folder("my_models")
    folder.mkdir(exist_ok=True)
    parts = str(handle).partition("?")[0].replace("\\", "/").strip("/").split("/")[-3:]
    name = "digits" if str(handle).endswith(DEFAULT) else "-".join(p for p in parts if ":" not in p)
    name += f"-{recipe.replace('/', '').replace(' ', '-')}" if recipe else ""
    return folder / f"{name}.tflite"


def save(content: bytes, handle: str, recipe: str = "") -> Path:
    """Write a .tflite's bytes to its `path` and return it: `path.write_bytes`, whole or not."""
    whole = path(handle, recipe)
    cache.write(whole, content)
    return whole
