"""One model, from its handle to a verified .tflite and a report: `make report HANDLE=… SAMPLES=… RECIPES=…`.

Runs 11_bring_your_own_model with papermill and fills build/report/<model>/, with all of it or nothing: model.tflite,
labels.txt, contract.json, model_card.md, and the executed notebook as report.ipynb and report.html, without what is
there for learners only. What is not said has the lesson's default.
"""

import os
import re
import sys
from pathlib import Path

import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError

from helpers.course import cache
from hub_to_tflite.report import compare
from tools.course import notebooks, readme, run

ROOT = notebooks.FOLDER.parent
LESSON = notebooks.FOLDER / "11_bring_your_own_model.ipynb"
OUT = ROOT / "build" / "report"
ASKED = ("HANDLE", "SAMPLES", "RECIPES", "TOLERANCE")


class ReportError(ValueError):
    """A report that could not be made. The message says what is wrong, what was found, what to do."""


def parameters(environment):
    """Return what papermill sets, from environment variables. A path becomes absolute: the kernel starts elsewhere."""
    given = {name: environment[name] for name in ASKED if environment.get(name)}
    for name in given.keys() & {"HANDLE", "SAMPLES"}:
        path, signature = compare.split(given[name])
        if Path(path).expanduser().exists():
            given[name] = (
                f"{Path(path).expanduser().resolve()}{'#' + signature if signature else ''}"
            )
    return given


def report(given, out=OUT, progress=True):
    """Make the report for {parameter: value}; return its folder. Raises ReportError, and leaves nothing then."""
    out = Path(out, compare.slug(given.get("HANDLE") or default("HANDLE")))
    with cache.whole_folder(out, replace=True) as new:
        path = new / "report.ipynb"
        try:
            papermill.execute_notebook(
                LESSON,
                path,
                {**given, "OUT": str(new)},
                **notebooks.KERNEL,
                cwd=ROOT,
                progress_bar=progress,
            )
        except PapermillExecutionError as failure:
            raise ReportError(f"{failure.evalue}".strip() or failure.ename) from None
        except DeadKernelError:
            raise ReportError(
                "the kernel died. Often it is memory: try fewer samples, or one recipe."
            ) from None
        notebook = for_a_reader(nbformat.read(path, 4), new)
        nbformat.write(notebook, path)
        (new / "report.html").write_text(page(notebook), encoding="utf-8")
    return out


def default(name):
    """Return the value that the lesson gives a parameter of text."""
    cells = nbformat.read(LESSON, 4).cells
    source = next(cell.source for cell in cells if "parameters" in cell.metadata.get("tags", []))
    return re.search(rf'^{name} = "(.*?)"', source, re.MULTILINE)[1]


def for_a_reader(notebook, folder):
    """Return an executed notebook with the recommendation on top, its code folded, without what is for learners."""
    card = (folder / "model_card.md").read_text(encoding="utf-8")
    top = card.partition("## Contract")[0].replace("## Recommendation\n\n", "")
    cells = [cell for cell in notebook.cells if "lesson-only" not in cell.metadata.get("tags", [])]
    for cell in cells:
        if cell.cell_type == "code":
            cell.metadata["jupyter"] = {"source_hidden": True}
        else:
            cell.source = re.sub(
                r"\]\((\d\d_\w+\.ipynb)\)",
                rf"]({readme.address()}/blob/main/notebooks/\1)",
                cell.source,
            )
    notebook.cells = [nbformat.v4.new_markdown_cell(top.strip()), *cells]
    return notebook


def page(notebook):
    """Return a notebook as an HTML page, whole in itself, without its code."""
    exporter = run.exporter(
        exclude_input=True, exclude_input_prompt=True, exclude_output_prompt=True
    )
    return exporter.from_notebook_node(notebook)[0]


def main():
    """Make the report that the environment asks for, and say where it is."""
    try:
        out = report(parameters(os.environ))
    except ReportError as error:
        sys.exit(f"No report: {error}")
    print((out / "model_card.md").read_text(encoding="utf-8").partition("## Contract")[0].strip())
    print(f"\nIn {os.path.relpath(out)}: {', '.join(sorted(path.name for path in out.iterdir()))}")
    print(f"Read it: {(out / 'report.html').as_uri()}")


if __name__ == "__main__":
    main()
