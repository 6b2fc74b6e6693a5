"""Run every lesson into build/run/, render a page of each, and print what it took: `make run`.

Lessons run side by side, one on each core, as far as memory allows; the longest ones begin.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

import nbformat
import papermill
from papermill.exceptions import PapermillExecutionError
from tqdm import tqdm

from hub_to_tflite import knowledge
from hub_to_tflite.report import make
from hub_to_tflite.sandbox import memory
from hub_to_tflite.tables import table
from tools.course import environments, notebooks

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "build" / "run"
EACH = 2e9  # bytes: what a lesson may take, with all the processes that it starts


def jobs() -> int:
    """Return how many lessons can run side by side here, by the cores and the free memory."""
    return max(1, min(os.cpu_count() or 1, int(memory.free() // EACH)))


def longest_first(paths: list[Path], measured: dict) -> list[Path]:
    """Return the paths by {name: [seconds, ...]}, longest first; new lessons come before all."""
    return sorted(paths, key=lambda path: -measured.get(path.stem, [float("inf")])[0])


def execute(
    path: Path, out: Path, cwd: Path | None = None, kernel: dict = notebooks.KERNEL
) -> dict:
    """Run one lesson into the folder `out`, render its page, and return its row of summary.json.

    It works in the folder `cwd`, or in `out`. `kernel` are papermill's options for its kernel.
    """
    executed = out / path.name
    started, error = time.perf_counter(), None
    with memory.Watch(below=True) as watch:
        try:
            papermill.execute_notebook(path, executed, **kernel, cwd=cwd or out, progress_bar=False)
        except PapermillExecutionError as failure:
            error = f"cell {failure.cell_index + 1}: {failure.ename}: {failure.evalue}"
        except Exception as failure:  # a kernel that died is reported like any other failure
            error = f"{type(failure).__name__}: {failure}"
    seconds = time.perf_counter() - started
    cells = []
    if executed.exists():
        cells = [cell for cell in nbformat.read(executed, 4).cells if cell.cell_type == "code"]
        render(executed, path.parent)
    return {
        "notebook": path.stem,
        "title": notebooks.title(path),
        "seconds": round(seconds, 1),
        "peak_mb": round(watch.bytes / 1e6),
        "slowest": slowest(cells),
        "error": error,
        "environment": environments.here(),
        "ledger": ledger(cells),
    }


def slowest(cells: list) -> str:
    """Return the time and the first line of the cell that took longest, by papermill's notes."""
    timed = [(cell.metadata.get("papermill", {}).get("duration") or 0, cell) for cell in cells]
    seconds, cell = max(timed, key=lambda one: one[0], default=(0, None))
    if not seconds:
        return ""
    lines = [line for line in cell.source.splitlines() if line.strip() and line[0] != "#"]
    return f"{seconds:.1f} s in {lines[0][:50]}" if lines else ""


def ledger(cells: list) -> str:
    """Return what the last cell tagged as the lesson's ledger shows, or "" if it has none."""
    for cell in reversed(cells):
        if "parity-ledger" in cell.metadata.get("tags", []) and cell.outputs:
            shown = [output.data for output in cell.outputs if "data" in output]
            return "\n".join(data.get("text/markdown", data.get("text/plain")) for data in shown)
    return ""


def render(path: Path, lessons: Path) -> None:
    """Write a page beside an executed lesson, whole in itself, whose links lead to other pages."""
    notebook = nbformat.read(path, 4)
    for cell in notebook.cells:
        # nbconvert embeds an image if it lies below the folder that is passed.
        cell.source = cell.source.replace("](../docs/", "](docs/")
    where = {"metadata": {"name": path.stem, "path": str(lessons.parent)}}
    page = make.page(notebook, where)
    for other in notebooks.every(lessons):
        page = page.replace(f'href="{other.name}"', f'href="{other.with_suffix(".html").name}"')
    path.with_suffix(".html").write_text(page, encoding="utf-8")


def report(results: list[dict], seconds: float, side_by_side: int) -> None:
    """Print the table, the ledgers and, last, what failed."""
    rows = [(r["notebook"], f"{r['seconds']:.1f}", r["peak_mb"], r["slowest"]) for r in results]
    print()
    print(table(rows, ("notebook", "seconds", "peak MB", "slowest cell")))
    print(f"\nAll of them, {side_by_side} at a time: {seconds:.0f} s.")
    print("The peak counts a lesson's kernel and all processes that it starts.")
    for r in results:
        if r["ledger"]:
            print(f"\nParity ledger of {r['notebook']}\n{r['ledger']}")
    print(f"\nRead them: {(OUT / 'index.html').as_uri()}")
    for r in results:
        if r["error"]:
            print(f"FAILED {r['notebook']}, {r['error']}")


def run_all(side_by_side: int) -> list[dict]:
    """Run all lessons, so many at a time; return their rows in the order of the course."""
    paths = notebooks.every()
    measured = json.loads((ROOT / "docs" / "measured.json").read_text())
    # Processes that begin anew: a lesson's memory is then what is below the one that runs it.
    pool = ProcessPoolExecutor(side_by_side, get_context("spawn"), initializer=_end_on_ctrl_c)
    try:
        tasks = [pool.submit(execute, path, OUT) for path in longest_first(paths, measured)]
        done = tqdm(as_completed(tasks), total=len(tasks), unit="lesson")
        results = [task.result() for task in done]
    finally:
        pool.shutdown(cancel_futures=True)
    return sorted(results, key=lambda row: row["notebook"])


def _end_on_ctrl_c():
    """End a worker without a traceback; its kernel ends when it sees that its parent is gone."""
    signal.signal(signal.SIGINT, lambda *_: os._exit(130))


def main(arguments: list[str] | None = None) -> None:
    """Run all lessons; exit 1 if one failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, help="how many lessons to run at a time")
    side_by_side = parser.parse_args(arguments).jobs or jobs()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    started = time.perf_counter()
    try:
        results = run_all(side_by_side)
    except KeyboardInterrupt:
        sys.exit(130)
    index = knowledge.render(Path(__file__).with_suffix(".html.j2"), results=results)
    (OUT / "index.html").write_text(index, encoding="utf-8")
    (OUT / "summary.json").write_text(json.dumps(results, indent=1) + "\n")
    report(results, time.perf_counter() - started, side_by_side)
    sys.exit(any(row["error"] for row in results))


if __name__ == "__main__":
    main()
