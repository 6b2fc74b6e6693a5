"""Where the course keeps what it downloads and converts: one folder outside the checkout."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import platformdirs


def folder(name: str) -> Path:
    """Return the folder `name` of the course's cache, made if missing.

    The cache is the environment variable HUB_TO_TFLITE_CACHE, or the user's cache folder.
    """
    root = os.environ.get("HUB_TO_TFLITE_CACHE") or platformdirs.user_cache_dir("hub-to-tflite")
    path = Path(root, name)
    path.mkdir(parents=True, exist_ok=True)
    return path


def write(path: str | Path, content: bytes) -> None:
    """Write bytes so that a reader sees the whole file or none: to a new file, then one rename."""
    path = Path(path)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(folder: str | Path, replace: bool = False) -> Iterator[Path]:
    """Yield a new folder that becomes `folder` when the block ends well: never seen half-written.

    If `folder` exists by then, perhaps from another process, it stays; with `replace` it goes.
    """
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix=f".{folder.name}-", dir=folder.parent, ignore_cleanup_errors=True
    ) as work:
        new, old = Path(work, "new"), Path(work, "old")
        new.mkdir()
        yield new
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
