"""A lesson as a page: the stored notebook, with what only a page needs."""

import html
import re
from pathlib import Path

import nbformat

from tools.course import readme

TIME = re.compile(r"\*\*Time\*\*: *(.*?)(?=\n\n|\Z)", re.DOTALL)
TITLE = re.compile(r"(?:title|suptitle)[=(]\s*f?([\"'])(.*?)\1")
EXERCISES = (
    "*On this page exercises are for reading. In the notebook, which the buttons at the top open, "
    "each checks your answer, and has a hint and a solution.*"
)


def time(path: Path) -> str:
    """Return what the first cell says of the lesson's time, "" if nothing."""
    found = TIME.search(nbformat.read(path, 4).cells[0].source)
    return " ".join(found[1].split()) if found else ""


def launch(path: Path) -> str:
    """Return the row of links that open or fetch a lesson, as HTML."""
    binder, colab = map(html.escape, readme.launch(path))
    links = f'<a href="{binder}">Open in Binder</a> <a href="{colab}">Open in Colab</a>'
    download = f'<a href="{path.name}" download>Download the notebook</a>'
    return f'<p class="launch">{links} {download}</p>'


def page(path: Path) -> nbformat.NotebookNode:
    """Return a lesson's notebook as the site shows it; the stored one isn't changed.

    The output after a prediction is folded away, and so is the text that reads it.
    """
    notebook = nbformat.read(path, 4)
    first = notebook.cells[0]
    title, rest = first.source.split("\n", 1)
    first.source = f"{title}\n\n{launch(path)}\n{rest}"
    for cell in notebook.cells:
        tags = cell.metadata.setdefault("tags", [])
        if "bootstrap" in tags:
            tags.append("hide-cell")
        if any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])):
            cell.metadata["mystnb"] = {"image": {"alt": _alt(cell.source)}}
    _fold(notebook.cells)
    exercises = [n for n, cell in enumerate(notebook.cells) if "exercise" in cell.metadata.tags]
    if exercises:
        before = notebook.cells[exercises[0] - 1]
        before.source = _noted(before.source)
    return notebook


def _fold(cells):
    """Fold away what came after each prediction, and the text that reads it.

    The cell that calls `exercises.guessed` compares; code right after it shows more of the same.
    """
    waiting = compared = False
    for cell in cells:
        if "prediction" in cell.metadata.tags:
            waiting, compared = True, False
        elif waiting and cell.cell_type == "code":
            cell.metadata.tags.append("hide-output")
            compared = compared or "guessed(" in cell.source
        elif compared:
            cell.source = _folded(cell.source)
            waiting = compared = False


def _noted(text):
    """Return the text before the first exercise with a note after its last heading, if any."""
    headings = list(re.finditer(r"^#+ .*$", text, re.MULTILINE))
    end = headings[-1].end() if headings else 0
    return f"{text[:end]}\n\n{EXERCISES}\n\n{text[end:]}".lstrip()


def _folded(text):
    """Return Markdown with what comes before its first heading folded away."""
    heading = re.search(r"^#+ ", text, re.MULTILINE)
    answer, rest = (text[: heading.start()], text[heading.start() :]) if heading else (text, "")
    if not answer.strip():
        return text
    opening = '<details class="came"><summary>What it says</summary>'
    return f"{opening}\n\n{answer.strip()}\n\n</details>\n\n{rest}"


def _alt(code):
    """Return the alternative text of a figure, from its title in the code."""
    titles = [found[1] for found in TITLE.findall(code) if "{" not in found[1]]
    named = f": {titles[-1]}" if titles else ""
    return f"Figure{named}. The text after it says what it shows."
