"""Where lessons from 00_start_here on save what they make: my_models/ beside them, or the cache."""

import os
from pathlib import Path

from helpers import handles
from helpers.course import cache


def path(handle: str, recipe: str = "") -> Path:
    """Return the path, digits-int8.tflite or the end of another handle, in my_models/, made now."""
    folder = Path("notebooks" if any(Path().glob("notebooks/00_*")) else "", "my_models")
    if not os.access(folder if folder.exists() else folder.parent, os.W_OK):
        folder = cache.folder("my_models")
    folder.mkdir(exist_ok=True)
    parts = str(handle).partition("?")[0].replace("\\", "/").strip("/").split("/")[-3:]
    name = "-".join(part for part in parts if ":" not in part)
    name = "digits" if str(handle).endswith(handles.DEFAULT) else name
    recipe = recipe and f"-{recipe.replace('/', '').replace(' ', '-')}"
    return folder / f"{name}{recipe}.tflite"


def save(content: bytes, handle: str, recipe: str = "") -> Path:
    """Write a .tflite's bytes to its `path` and return it: `path.write_bytes`, whole or not."""
    whole = path(handle, recipe)
    cache.write(whole, content)
    return whole
