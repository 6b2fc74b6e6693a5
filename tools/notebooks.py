"""The course's notebooks: where they are, and how one is executed in place."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"


def every():
    """Return the paths of all lessons, in order."""
    return sorted(FOLDER.glob("[0-9][0-9]_*.ipynb"))


def title(path):
    """Return the first heading of a notebook."""
    first = nbformat.read(path, 4).cells[0].source.splitlines()[0]
    return first.removeprefix("# ")


def promise(path):
    """Return the sentence under the title: what the reader holds at the end."""
    paragraphs = nbformat.read(path, 4).cells[0].source.split("\n\n")
    return " ".join(paragraphs[1].split())


def refresh(path):
    """Execute a notebook on a fresh kernel and store its outputs, without anything that differs between runs."""
    notebook = nbformat.read(path, 4)
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", record_timing=False, resources={"metadata": {"path": path.parent}}
    )
    client.execute()
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    nbformat.write(notebook, path)


if __name__ == "__main__":
    import sys

    from tqdm import tqdm

    bar = tqdm([Path(name).resolve() for name in sys.argv[1:]] or every())
    for path in bar:
        bar.set_description(path.stem)
        refresh(path)
