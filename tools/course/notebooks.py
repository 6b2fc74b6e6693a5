"""The course's notebooks: where they are, and how one is executed in place."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
KERNEL = {
    "kernel_name": "python3",
    "extra_arguments": ["--IPKernelApp.log_level=40"],
}  # errors only, no word on TCP

WIDGET = "application/vnd.jupyter.widget-view+json"  # a live widget's number: nothing is behind it in a stored notebook


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


def joined(outputs):
    """Return a cell's outputs with what it printed in one piece: the pieces depend on timing."""
    whole = []
    for output in outputs:
        if whole and output.output_type == "stream" and whole[-1].get("name") == output.name:
            whole[-1].text += output.text
        else:
            whole.append(output)
    return whole


def refresh(path):
    """Execute a notebook on a fresh kernel and store its outputs, without anything that differs between runs."""
    notebook = nbformat.read(path, 4)
    client = NotebookClient(
        notebook,
        **KERNEL,
        timeout=300,
        record_timing=False,
        resources={"metadata": {"path": path.parent}},
    )
    client.execute()
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = joined(cell.outputs)
            for output in cell.outputs:
                output.get("data", {}).pop(WIDGET, None)
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
