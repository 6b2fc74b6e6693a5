"""The course's notebooks: where they are, and how one is executed in place: `make refresh`."""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from tqdm import tqdm

from hub_to_tflite import knowledge

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
PARTS = knowledge.load(Path(__file__).with_name("parts.yaml"))
# The kernel's own errors only, no word on TCP.
KERNEL = {"kernel_name": "python3", "extra_arguments": ["--IPKernelApp.log_level=40"]}
WIDGET = "application/vnd.jupyter.widget-view+json"  # a live widget: nothing is behind it later


def every(folder: Path | None = None) -> list[Path]:
    """Return the paths of all lessons, in order."""
    return sorted((folder or FOLDER).glob("[0-9][0-9]_*.ipynb"))


def by_part() -> list[tuple[dict, list[Path]]]:
    """Return (a part of parts.yaml, the paths of its lessons, in order) for each part."""
    return [(part, sorted(FOLDER.glob(f"{n}[0-9]_*.ipynb"))) for n, part in enumerate(PARTS)]


def title(path: Path) -> str:
    """Return the first heading of a notebook."""
    return nbformat.read(path, 4).cells[0].source.splitlines()[0].removeprefix("# ")


def text(output) -> str:
    """Return what an output of a cell says in plain text: printed, or shown as the last value."""
    return output.get("text") or output.get("data", {}).get("text/plain", "")


def refresh(path: Path) -> None:
    """Execute a notebook on a fresh kernel; store its outputs, and nothing that differs by run."""
    notebook = nbformat.read(path, 4)
    options = {"timeout": 300, "record_timing": False, "coalesce_streams": True}
    options["resources"] = {"metadata": {"path": path.parent}}
    NotebookClient(notebook, **KERNEL, **options).execute()
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET, None)
    kept = {name: notebook.metadata[name] for name in ["summary"] if name in notebook.metadata}
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        **kept,
    }
    nbformat.write(notebook, path)


if __name__ == "__main__":
    bar = tqdm([Path(name).resolve() for name in sys.argv[1:]] or every())
    for path in bar:
        bar.set_description(path.stem)
        refresh(path)
