"""A learner's own copy of the lessons, in work/: outputs cleared, so that no guess is answered yet.

    python -m tools.course.class_copy [FOLDER]

What is in the folder stays: a lesson that someone has worked in is never written again.
"""

import sys
from pathlib import Path

import nbformat

from helpers.course import cache
from tools.course import notebooks

FOLDER = notebooks.FOLDER.parent / "work"


def cleared(path: Path) -> str:
    """Return a stored notebook as text, without outputs."""
    notebook = nbformat.read(path, 4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return nbformat.writes(notebook) + "\n"


def copy(folder: Path = FOLDER) -> tuple[list[str], list[str]]:
    """Copy the lessons that `folder` lacks; return the names (copied, kept). Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    copied, kept = [], []
    for path in notebooks.every():
        if (folder / path.name).exists():
            kept.append(path.stem)
        else:
            cache.write(folder / path.name, cleared(path).encode())
            copied.append(path.stem)
    return copied, kept


def main(folder: Path = FOLDER) -> None:
    """Copy, and say what was done in one sentence."""
    try:
        copied, kept = copy(folder)
    except OSError as error:
        sys.exit(
            f"The lessons can't be copied to {folder}. Found: {error.strerror}. Name another "
            "folder: python -m tools.course.class_copy FOLDER"
        )
    yours = f" {len(kept)} were there and stay as you left them; delete one to start it again."
    print(f"Your lessons are in {folder}: {len(copied)} new.{yours if kept else ''}")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
