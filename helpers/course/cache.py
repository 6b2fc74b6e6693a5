"""Where the course keeps what it downloads and converts: outside the checkout, one folder for all lessons."""

import os
from pathlib import Path

import platformdirs


def folder(name):
    """Return the folder `name` of the course's cache, made if missing.

    The cache is the environment variable HUB_TO_TFLITE_CACHE, or the user's cache folder.
    """
    root = os.environ.get("HUB_TO_TFLITE_CACHE") or platformdirs.user_cache_dir("hub-to-tflite")
    path = Path(root, name)
    path.mkdir(parents=True, exist_ok=True)
    return path
