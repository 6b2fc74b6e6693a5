"""How long a lesson takes to work through, by one formula, and the Time line that says so.

Prose words / 200 + code lines / 12 + output lines / 30 + 4 an exercise + 0.4 a prediction. Empty
lines, the bootstrap and parameters cells, and the stubs of exercises and predictions don't count
as code.

    python -m tools.course.minutes [NOTEBOOK ...]    print a table, and write the Time lines
"""

import math
import re
import sys
from pathlib import Path

import nbformat

from tools.course import notebooks

STUBS = {"bootstrap", "parameters", "exercise", "prediction"}
LINE = re.compile(r"^\*\*Time\*\*: \d+ minutes", re.MULTILINE)


def minutes(notebook: nbformat.NotebookNode) -> int:
    """Return the minutes that a lesson takes, exercises included, rounded up."""
    words = lines = printed = exercises = predictions = 0
    for cell in notebook.cells:
        tags = set(cell.metadata.get("tags", []))
        if cell.cell_type == "markdown":
            words += len(cell.source.split())
            continue
        exercises += "exercise" in tags
        predictions += "prediction" in tags
        if not tags & STUBS:
            lines += sum(bool(line.strip()) for line in cell.source.splitlines())
        printed += sum(len(notebooks.text(output).splitlines()) for output in cell.outputs)
    spent = words / 200 + lines / 12 + printed / 30 + 4 * exercises + 0.4 * predictions
    return math.ceil(spent)


def timed(notebook: nbformat.NotebookNode) -> str:
    """Return the first cell's text with the Time line as it should be."""
    text = notebook.cells[0].source
    if not LINE.search(text):
        raise ValueError("The first cell needs a line that begins: **Time**: 25 minutes")
    return LINE.sub(f"**Time**: {minutes(notebook)} minutes", text)


def main(paths: list[Path]) -> None:
    """Write the Time line of each lesson, and print the table."""
    for path in paths:
        notebook = nbformat.read(path, 4)
        text = timed(notebook)
        if text != notebook.cells[0].source:
            notebook.cells[0].source = text
            nbformat.write(notebook, path)
        print(f"{minutes(notebook):3}  {path.stem}")


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]] or notebooks.every())
