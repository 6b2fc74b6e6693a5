"""Run every lesson with papermill into build/run/, render it, and print what it took and what it proved: `make run`."""

import html
import json
import shutil
import sys
import threading
import time
from pathlib import Path

import nbformat
import papermill
import psutil
from nbconvert import HTMLExporter
from papermill.exceptions import PapermillExecutionError
from tqdm import tqdm

from hub_to_tflite.sandbox import trial
from tools.course import notebooks

OUT = Path(__file__).resolve().parents[2] / "build" / "run"
LEDGER_TAG = "parity-ledger"


class PeakMemory(threading.Thread):
    """Watch the kernels that this process starts; `megabytes` is the largest one's peak, in MB (10^6 bytes)."""

    def __init__(self):
        super().__init__(daemon=True)
        self.bytes, self.done = 0, threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.join()

    @property
    def megabytes(self):
        return round(self.bytes / 1e6)

    def run(self):
        while not self.done.wait(0.05):
            for child in psutil.Process().children():
                try:
                    if "ipykernel_launcher" in " ".join(child.cmdline()):
                        self.bytes = max(self.bytes, trial.peak(child.pid))
                except psutil.Error:
                    continue


def execute(path):
    """Run one lesson and return what is to be told of it."""
    out = OUT / path.name
    started, error = time.perf_counter(), None
    with PeakMemory() as memory:
        try:
            papermill.execute_notebook(path, out, **notebooks.KERNEL, cwd=OUT, progress_bar=False)
        except PapermillExecutionError as failure:
            error = f"cell {failure.cell_index + 1}: {failure.ename}: {failure.evalue}"
        except Exception as failure:  # a kernel that died: told at the end like any other failure
            error = f"{type(failure).__name__}: {failure}"
    step, spent = slowest(out) if out.exists() else ("", 0)
    return {
        "notebook": path.stem,
        "title": notebooks.title(path),
        "seconds": round(time.perf_counter() - started, 1),
        "peak_mb": memory.megabytes,
        "slowest": f"{spent:.1f} s in {step}" if spent else "",
        "error": error,
        "ledger": ledger(out) if out.exists() else "",
    }


def slowest(path):
    """Return (first line, seconds) of the cell that took longest, from what papermill noted."""
    cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    timed = [
        (cell.metadata.get("papermill", {}).get("duration") or 0, cell.source) for cell in cells
    ]
    seconds, source = max(timed, default=(0, ""))
    code = [line for line in source.splitlines() if line.strip() and not line.startswith("#")]
    return code[0][:50] if code else "", seconds


def ledger(path):
    """Return the text of the last cell tagged as the lesson's ledger, or "" if it has none."""
    tagged = [
        c
        for c in nbformat.read(path, 4).cells
        if LEDGER_TAG in c.metadata.get("tags", []) and c.get("outputs")
    ]
    return (
        "".join(output.get("text", "") for output in tagged[-1].outputs).rstrip() if tagged else ""
    )


def exporter(**settings):
    """Return nbconvert's exporter to HTML, set up so that a page fetches nothing."""
    made = HTMLExporter(embed_images=True, **settings)
    made.mathjax_url = made.require_js_url = made.mermaid_js_url = made.jquery_url = ""
    return made


def render(path):
    """Write a page beside an executed lesson, whole in itself, whose links lead to the other pages."""
    notebook = nbformat.read(path, 4)
    for cell in notebook.cells:
        # nbconvert puts a picture into the page if it lies below the folder that it is given.
        cell.source = cell.source.replace("](../docs/", "](docs/")
    where = {"metadata": {"name": path.stem, "path": str(notebooks.FOLDER.parent)}}
    page, _ = exporter().from_notebook_node(notebook, where)
    for other in notebooks.every():
        page = page.replace(f'href="{other.name}"', f'href="{other.with_suffix(".html").name}"')
    path.with_suffix(".html").write_text(page, encoding="utf-8")


def index(results):
    """Write the page that lists the others."""
    rows = "".join(
        f'<tr><td><a href="{r["notebook"]}.html">{html.escape(r["title"])}</a></td>'
        f"<td>{r['seconds']:.0f} s</td><td>{r['peak_mb']} MB</td><td>{html.escape(r['error'] or 'ran')}</td></tr>"
        for r in results
    )
    (OUT / "index.html").write_text(
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>From Hub to .tflite</title><style>'
        "body{font:16px/1.5 system-ui,sans-serif;max-width:50em;margin:3em auto;padding:0 1em}"
        "td{padding:.4em 1.2em .4em 0;border-top:1px solid #ccc}</style></head><body><h1>From Hub to .tflite</h1>"
        f"<table>{rows}</table></body></html>\n",
        encoding="utf-8",
    )


def report(results):
    """Print the table, the ledgers and, last, what failed."""
    width = max(len(r["notebook"]) for r in results)
    print(f"\n{'notebook':{width}}  seconds  peak MB  slowest cell")
    for r in results:
        print(f"{r['notebook']:{width}}  {r['seconds']:7.1f}  {r['peak_mb']:7}  {r['slowest']}")
    print(
        f"{'all':{width}}  {sum(r['seconds'] for r in results):7.1f}  {max(r['peak_mb'] for r in results):7}"
    )
    for r in results:
        if r["ledger"]:
            print(f"\nParity ledger of {r['notebook']}\n{r['ledger']}")
    print(f"\nRead them: {(OUT / 'index.html').as_uri()}")
    for r in results:
        if r["error"]:
            print(f"FAILED {r['notebook']}, {r['error']}")


def main():
    """Run all lessons; exit 1 if one failed."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    results = []
    bar = tqdm(notebooks.every(), unit="notebook")
    for path in bar:
        bar.set_description(path.stem)
        results.append(execute(path))
        if (OUT / path.name).exists():
            render(OUT / path.name)
    index(results)
    (OUT / "summary.json").write_text(json.dumps(results, indent=1) + "\n")
    report(results)
    sys.exit(any(r["error"] for r in results))


if __name__ == "__main__":
    main()
