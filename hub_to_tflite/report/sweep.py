"""Run 11_bring_your_own_model over a grid, on every core or on a cluster, and gather one table: `make sweep`.

    python -m hub_to_tflite.report.sweep sweep.yaml [--retry] [--workers N] [--memory 4GB] [--scheduler tcp://…]

A grid is a YAML file with four lists: handles, recipes, threads, samples. Each combination is a cell of the grid, each
cell one execution of the lesson by papermill, and each execution one task of dask.distributed, which sends it to a
worker, and to another one if that worker dies. The executed notebooks lie in build/sweep/<grid>/cells/; the table, the
figure and the list are read from them, and nothing else is kept. A notebook's name ends in the digest of everything
that decides its content, so a cell that is done is found, and one whose model, lesson or versions have changed is not.
A cell that failed is kept as well, and left alone until `--retry`.

Memory. Dask looks after the worker's own process, but the kernel is its child. So the task adds up the resident memory
of the kernel and its children, some times a second, and ends them when they have more than the worker's limit (divided
by its threads). Between two looks they can take more.

Past one machine. Workers run in a checkout of this project, with its environment; before anything starts, their
versions are compared with those here. Notebooks travel through dask. A folder or a file that the grid names must have
the same path on every worker. Whoever can talk to a dask scheduler can run any code on its workers: keep tcp:// on a
network that you trust, and use tls:// elsewhere (https://distributed.dask.org/en/stable/tls.html).
"""

import argparse
import asyncio
import contextlib
import dataclasses
import functools
import hashlib
import importlib.metadata
import itertools
import json
import logging
import math
import os
import re
import sys
import tempfile
import threading
import time
from concurrent.futures import CancelledError
from pathlib import Path

import nbformat
import numpy as np
import psutil
import yaml

from helpers import convert, handles, tinyhub
from helpers.course import cache
from tools.course import notebooks

ROOT = notebooks.FOLDER.parent
LESSON = notebooks.FOLDER / "11_bring_your_own_model.ipynb"
OUT = ROOT / "build" / "sweep"
GRID = {  # list -> (what stands in it, its default)
    "handles": (
        "models: on the embedded hub, an https:// handle, a folder or a .tar.gz",
        [handles.DEFAULT],
    ),
    "recipes": (
        f"'all', or recipes joined with '; ': {'; '.join(convert.RECIPES)} (quoted, for a comma)",
        ["all"],
    ),
    "threads": ("whole numbers from 1 to 256", [1]),
    "samples": (
        "auto, random, digits, a whole number from 10 to 450, a folder or a file",
        ["auto"],
    ),
}
MEASURED = (
    "recipe",
    "bytes",
    "max_diff",
    "agree",
    "total",
    "correct",
    "ratio",
    "peak_mb",
    "error",
)  # by the lesson
COLUMNS = {
    **{
        "handle": "string",
        "samples": "string",
        "threads": "int64",
        "recipes": "string",
        "state": "string",
    },
    **{
        "recipe": "string",
        "recommended": "bool",
        "bytes": "int64",
        "max_diff": "double",
        "agree": "int64",
    },
    **{
        "total": "int64",
        "correct": "int64",
        "ratio": "double",
        "peak_mb": "double",
        "error": "string",
    },
    **{"cell_seconds": "double", "cell_mb": "int64", "notebook": "string"},
}
PACKAGES = ("tensorflow", "ai-edge-litert", "numpy", "papermill", "distributed")
LEAST = (
    2 * 10**9
)  # bytes for a worker: the lesson's kernel and its children stay below it with the embedded models
PATIENCE = 5  # seconds to wait for a scheduler, and again for its workers
IGNORE = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)"  # Ctrl-C is for the sweep, which ends its workers
LOOK = 0.2  # seconds from one look at a kernel's memory to the next


class SweepError(ValueError):
    """A sweep that cannot start, or cannot go on. The message says what is wrong, what was found, what to do."""


@dataclasses.dataclass(frozen=True)
class Cell:
    """One cell of the grid: what the lesson is run with."""

    handle: str
    recipes: str
    threads: int
    samples: str

    def __str__(self):
        return f"{self.handle}, {self.recipes}, {self.threads} thread{'s' * (self.threads > 1)}, {self.samples}"


# The grid


def read(path):
    """Return the cells of the grid in a YAML file, in its order. Raises SweepError."""
    path = Path(path)
    try:
        grid = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        found = " ".join(str(error).split())
        raise SweepError(
            f"The grid {str(path)!r} cannot be read. Found: {found}. Write one as in sweep.yaml, and name it: "
            "make sweep GRID=mine.yaml."
        ) from None
    if not isinstance(grid, dict) or not grid or not grid.keys() <= GRID.keys():
        unknown = [key for key in grid if key not in GRID] if isinstance(grid, dict) else []
        raise SweepError(
            f"The grid {path.name} is to have lists named {', '.join(GRID)}. Found: "
            f"{', '.join(map(repr, unknown)) or repr(grid)}. Write such as threads: [1, 2]."
        )
    axes = []
    for key, (kind, default) in GRID.items():
        values = grid.get(key, default)
        if not isinstance(values, list) or not values:
            raise SweepError(
                f"In the grid {path.name}, {key} is to be a list. Found: {values!r}. Give {kind}."
            )
        if key in ("handles", "samples"):
            values = [_full(value, path.parent) for value in values]
        for value in values:
            if not _fits(key, value):
                raise SweepError(
                    f"In the grid {path.name}, {key} has a wrong entry. Found: {value!r}. Give {kind}."
                )
        axes.append(list(dict.fromkeys(map(str, values) if key == "samples" else values)))
    return [Cell(*values) for values in itertools.product(*axes)]


def _full(value, folder):
    """Return a handle or samples; a path that exists, from the grid's folder, is made absolute, its #signature kept."""
    head, mark, signature = value.partition("#") if isinstance(value, str) else ("", "", "")
    path = Path(folder, head.removeprefix("file://"))
    return f"{path.resolve()}{mark}{signature}" if head and path.exists() else value


def _fits(key, value):
    """Return whether a list of the grid may hold `value`. What it names must be there, not be a usable model."""
    if key == "threads" or (key == "samples" and isinstance(value, int)):
        least, most = (1, 256) if key == "threads" else (10, 450)
        return type(value) is int and least <= value <= most
    if not isinstance(value, str):
        return False
    if key == "recipes":
        return value == "all" or all(one.strip() in convert.RECIPES for one in value.split(";"))
    known = tinyhub.published() if key == "handles" else ("auto", "random", "digits")
    head = value.partition("#")[0]
    return (
        head in known
        or (os.path.isabs(head) and os.path.exists(head))
        or (key == "handles" and head.startswith(("http://", "https://")))
    )


# Names: what is done is found by them


def facts():
    """Return {what: which} of everything here that decides an answer, besides the lesson and its parameters."""
    code = hashlib.sha256(tinyhub.digest().encode())
    for path in sorted(
        p for p in (ROOT / "helpers").rglob("*") if p.suffix in (".py", ".json", ".npz")
    ):
        code.update(
            path.relative_to(ROOT).as_posix().encode()
            + b"\0"
            + hashlib.sha256(path.read_bytes()).digest()
        )
    return {
        "Python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "helpers and hub": code.hexdigest()[:12],
        **{package: importlib.metadata.version(package) for package in PACKAGES},
    }


def source_of(path):
    """Return a notebook as JSON text, without its outputs."""
    notebook = nbformat.read(path, 4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return nbformat.writes(notebook)


def named(cells, source):
    """Return {name: Cell}: the file name of each cell, readable words and then the digest of what decides it.

    An address is taken for what it names: a version on a hub does not change. Folders and files are read.
    """
    common, content = (
        [hashlib.sha256(source.encode()).hexdigest(), facts()],
        functools.cache(_content),
    )
    found = {}
    for cell in cells:
        whole = json.dumps(
            [dataclasses.asdict(cell), content(cell.handle), content(cell.samples), *common]
        )
        handle = (
            Path(cell.handle).name if os.path.isabs(cell.handle) else cell.handle.split("://")[-1]
        )
        words = f"{handle} {cell.recipes} {cell.threads}t {Path(cell.samples).name}".lower()
        slug = re.sub(r"[^a-z0-9]+", "-", words)[:80].strip("-")
        found[f"{slug}-{hashlib.sha256(whole.encode()).hexdigest()[:12]}"] = cell
    return found


def _content(path):
    """Return the digest of a file or folder on this disk, "" for anything else."""
    path = path.partition("#")[0]
    if not os.path.isabs(path):
        return ""
    return (
        tinyhub.digest(path)
        if os.path.isdir(path)
        else hashlib.sha256(Path(path).read_bytes()).hexdigest()
    )


# On a worker


class Watch(threading.Thread):
    """Looks after a kernel, by its process id. `peak` is the most memory, in bytes, of it and all below it.

    Kills them when they have more than `limit`, when they are not `wanted()` any more, and at the end of a `with`.
    """

    def __init__(self, kernel, limit, wanted):
        super().__init__(daemon=True)
        self.kernel, self.limit, self.wanted, self.peak, self.done = (
            kernel,
            limit,
            wanted,
            0,
            threading.Event(),
        )

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.join()

    def run(self):
        while not (self.done.wait(LOOK) or self.peak > self.limit or not self.wanted()):
            self.peak = max(self.peak, sum(self._each(lambda process: process.memory_info().rss)))
        self._each(psutil.Process.kill)

    def _each(self, do):
        """Return what `do` returns for each process that is there: first those below the kernel, then itself."""
        done = []
        with contextlib.suppress(psutil.Error):
            kernel = psutil.Process(self.kernel)
            for process in [*kernel.children(recursive=True), kernel]:
                with contextlib.suppress(psutil.Error):
                    done.append(do(process))
        return done


def execute(cell, source):
    """Run one cell of the grid on this dask worker. `source` is the notebook as JSON text.

    Returns the executed notebook as JSON text, as far as it came; its metadata say what went wrong. What is not the
    notebook's fault is raised, so that dask tries again.
    """
    import papermill
    from distributed import get_worker
    from jupyter_client import KernelManager

    worker = get_worker()
    key, limit = (
        worker.get_current_task(),
        (worker.memory_manager.memory_limit or math.inf) / worker.state.nthreads,
    )
    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    parameters = {
        "HANDLE": cell.handle,
        "SAMPLES": cell.samples,
        "RECIPES": cell.recipes,
        "OUT": "",
    }
    manager, error = (
        KernelManager(client_class="jupyter_client.asynchronous.AsyncKernelClient"),
        None,
    )

    def wanted():
        task = worker.state.tasks.get(key)
        return task is not None and task.state != "cancelled"

    with tempfile.TemporaryDirectory(dir=worker.local_directory) as folder:
        # It ends with this worker, even with a killed one: ipykernel looks each second whether its parent is there.
        started = {"env": {**os.environ, "THREADS": str(cell.threads)}, "cwd": folder}
        manager.start_kernel(**started, extra_arguments=notebooks.KERNEL["extra_arguments"])
        path = Path(folder, "executed.ipynb")
        with Watch(manager.provisioner.pid, limit, wanted) as watch:
            try:
                options = {
                    "kernel_name": "python3",
                    "language": "python",
                    "progress_bar": False,
                    "km": manager,
                }
                papermill.execute_notebook(nbformat.reads(source, 4), path, parameters, **options)
                result(nbformat.read(path, 4))
            except Exception as failure:
                error = explained(failure, watch)
        manager.shutdown_kernel(now=True)
        return told(path.read_text(encoding="utf-8"), cell, error, round(watch.peak / 1e6))


def explained(failure, watch):
    """Return one line on why a notebook failed; raise `failure` again if it is not the notebook's."""
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    if watch.peak > watch.limit:
        return (
            f"stopped, for it needs more memory than a worker may have. Found: {watch.peak / 1e9:.1f} GB in the kernel "
            f"and its children, limit {watch.limit / 1e9:.1f} GB. Use fewer workers, or give each more: MEMORY=4GB"
        )
    if isinstance(failure, PapermillExecutionError):
        return f"cell {failure.cell_index + 1}: {failure.ename}: {failure.evalue}".strip().splitlines()[
            0
        ]
    if isinstance(failure, DeadKernelError):
        return "the kernel died: native code crashed, or the system took it for its memory"
    if isinstance(failure, SweepError):
        return str(failure)
    raise failure


def told(text, cell, error, megabytes=None):
    """Return a notebook (JSON text) whose metadata tell of its cell."""
    notebook = json.loads(text)
    notebook["metadata"]["sweep"] = {
        "cell": dataclasses.asdict(cell),
        "error": error,
        "cell_mb": megabytes,
    }
    return json.dumps(notebook, indent=1)


def result(notebook):
    """Return what the cell tagged `result` of an executed notebook shows as JSON. Raises SweepError."""
    tagged = [cell for cell in notebook.cells if "result" in cell.metadata.get("tags", [])]
    shown = [
        output.get("data", {}).get("application/json")
        for cell in tagged
        for output in cell.get("outputs", [])
    ]
    found = next((one for one in shown if isinstance(one, dict) and "rows" in one), None)
    if found is None:
        raise SweepError(
            "it ran to its end without a result: no cell tagged 'result' shows application/json with rows"
        )
    return found


# What is kept, and what is read from it


def kept(folder, name):
    """Return a cell's notebook, done or failed; None if there is none, or none that can be read."""
    with contextlib.suppress(OSError, ValueError, nbformat.reader.NotJSONError):
        notebook = nbformat.read(Path(folder, "cells", f"{name}.ipynb"), 4)
        return notebook if "sweep" in notebook.metadata else None
    return None


def rows(folder, cells):
    """Return the table: for a done cell one row (a dict by COLUMNS) for each recipe, for any other cell one."""
    table = []
    for name, cell in cells.items():
        common = {
            **dict.fromkeys(COLUMNS),
            **dataclasses.asdict(cell),
            "recipe": cell.recipes,
            "state": "not run",
        }
        notebook, measured = kept(folder, name), [{}]
        if notebook is not None:
            about = notebook.metadata.sweep
            common |= {
                "state": "failed" if about.error else "done",
                "notebook": f"cells/{name}.ipynb",
            }
            common |= {"error": about.error, "cell_mb": about.cell_mb}
            common["cell_seconds"] = notebook.metadata.get("papermill", {}).get("duration")
            if not about.error:
                found = result(notebook)
                measured = [
                    {
                        **{key: row.get(key) for key in MEASURED},
                        "recommended": row["recipe"] == found["recommended"],
                    }
                    for row in found["rows"]
                ]
        table += [{**common, **row} for row in measured]
    return table


def gather(folder, cells):
    """Write results.csv, results.parquet, results.png and index.md from the executed notebooks; return the rows."""
    import pyarrow.csv
    import pyarrow.parquet

    table = rows(folder, cells)
    arrow = pyarrow.Table.from_pylist(table, schema=pyarrow.schema(list(COLUMNS.items())))
    pyarrow.csv.write_csv(arrow, folder / "results.csv")
    pyarrow.parquet.write_table(arrow, folder / "results.parquet")
    picture(table, folder / "results.png")
    (folder / "index.md").write_text(index(table, folder.name), encoding="utf-8")
    return table


def picture(table, path):
    """Draw for each file its size against its agreement with the SavedModel, and against its relative time."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogFormatter

    figure = Figure(figsize=(10, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    # One colour (Okabe and Ito's, told apart without red and green) and one shape for each recipe.
    colours = ["#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00"]
    files = [row for row in table if row["bytes"]]
    for recipe, colour, shape in zip(convert.RECIPES, colours, "os^DvP"):
        mine = [row for row in files if row["recipe"] == recipe]
        sizes = [row["bytes"] / 1e3 for row in mine]
        same = [100 * row["agree"] / row["total"] if row["total"] else None for row in mine]
        style = {"color": colour, "marker": shape, "linestyle": "", "markersize": 8, "alpha": 0.8}
        left.plot(sizes, np.array(same, float), **style, label=recipe if mine else None)
        right.plot(sizes, np.array([row["ratio"] for row in mine], float), **style)
    left.set(title="Same answer", ylabel="samples answered as by the SavedModel (%)")
    right.set(title="Time", ylabel="time of one answer (first recipe = 1, log scale)", yscale="log")
    for axes in (left, right) if files else ():
        axes.set(xlabel="size of the .tflite (KB, log scale)", xscale="log")
        for formatted in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
            formatted(LogFormatter(minor_thresholds=(2, 0.5)))  # 500, not 5 x 10^2
        axes.grid(color="0.92")
    if files:
        figure.legend(loc="outside lower center", ncols=6, frameon=False)
    figure.suptitle(
        f"{path.parent.name}: {len(files)} files from {len({row['handle'] for row in files})} models"
    )
    figure.savefig(path, dpi=120)


def index(table, title):
    """Return the page (Markdown) that lists every file and links to its executed notebook."""
    shown = [
        "handle",
        "samples",
        "threads",
        "recipe",
        *MEASURED[1:-1],
        "cell_seconds",
        "cell_mb",
        "state",
        "error",
    ]
    lines = [
        f"# Sweep {title}\n\n![Size of each file against its agreement and against its time](results.png)\n",
        "The table as [CSV](results.csv) and [Parquet](results.parquet). Bold: the recipe that the lesson recommends. "
        "Cells that run side by side disturb each other's times; for times to rely on, use one worker.\n",
        f"| {' | '.join(shown)} |\n|{'---|' * len(shown)}",
    ]
    for row in table:
        written = {
            key: f"{value:.3g}" if isinstance(value, float) else value for key, value in row.items()
        }
        if row["notebook"]:
            written["recipe"] = f"[{row['recipe']}]({row['notebook']})"
        if row["recommended"]:
            written["recipe"] = f"**{written['recipe']}**"
        words = [
            " ".join(str("" if written[key] is None else written[key]).split()) for key in shown
        ]
        lines.append(f"| {' | '.join(word.replace('|', '¦') for word in words)} |")
    return "\n".join([*lines, ""])


# Running


@contextlib.contextmanager
def connected(scheduler=None, workers=None, memory=None):
    """Yield a dask client: of the scheduler at an address, or of a cluster on this machine, on loopback alone.

    `workers` and `memory` (bytes for each) are for the latter; without them, they share its cores and its memory.
    Raises SweepError.
    """
    from dask.system import CPU_COUNT
    from distributed import Client, LocalCluster
    from distributed.system import MEMORY_LIMIT

    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what fails is said once, here
    if scheduler:
        try:
            client = Client(scheduler, timeout=PATIENCE)
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            raise SweepError(
                f"No dask scheduler answers at {scheduler!r}. Found: {' '.join(str(error).split())}. Start one "
                "(.venv/bin/python -m dask scheduler) and give the address that it prints, as tcp://host:8786; or "
                "leave SCHEDULER out, to use this machine."
            ) from None
        with client:
            _ready(client, scheduler)
            print(f"{sum(client.nthreads().values())} at a time, at {scheduler}.", flush=True)
            yield client
        return
    workers = workers or max(1, min(CPU_COUNT, MEMORY_LIMIT // LEAST))
    memory = memory or int(0.8 * MEMORY_LIMIT) // workers
    print(f"{workers} at a time, each in up to {memory / 1e9:.1f} GB of memory.", flush=True)
    with tempfile.TemporaryDirectory(prefix="sweep-dask-") as folder:
        with LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=memory,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # any free port, for this machine alone
            local_directory=folder,
            preload=[IGNORE],
            silence_logs=logging.CRITICAL,
        ) as cluster:
            with Client(cluster) as client:
                yield client


def _ready(client, address):
    """Raise SweepError unless the scheduler has workers, and each has this project in the same versions."""
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
        here, there = facts(), client.run(facts, on_error="return")
    except asyncio.TimeoutError:
        here, there = None, {"no worker": f"after {PATIENCE} s"}
    for worker, found in there.items():
        if found != here:
            if isinstance(found, dict):
                found = [
                    f"{key} {found.get(key)} (here {here[key]})"
                    for key in here
                    if found.get(key) != here[key]
                ]
            raise SweepError(
                f"The scheduler at {address} needs workers in the state of this project. Found: {worker} "
                f"{', '.join(found) if isinstance(found, list) else found}. Start them in a checkout like this one, "
                f"after `make` there: .venv/bin/python -m dask worker {address} --nthreads 1."
            )


def run(client, cells, source, folder):
    """Run {name: Cell} on a dask client, and keep each notebook as it comes. Raises SweepError."""
    from distributed import wait
    from tqdm import tqdm

    pending, started = (
        client.map(execute, list(cells.values()), source=source, retries=1, pure=False),
        time.time(),
    )
    names = {future.key: name for future, name in zip(pending, cells)}
    bar = tqdm(total=len(cells), unit="cell", disable=None, dynamic_ncols=True)
    try:
        while pending:
            try:
                done, pending = wait(pending, timeout=1, return_when="FIRST_COMPLETED")
            except asyncio.TimeoutError:
                bar.refresh()  # the time goes on
                continue
            for future in done:
                name = names.pop(future.key)
                try:
                    text = future.result()
                except Exception as error:  # such as KilledWorker: each worker that had it died
                    said = " ".join(str(error).split())
                    text = told(
                        source, cells[name], f"dask gave it up: {type(error).__name__}: {said}"
                    )
                cache.write(folder / "cells" / f"{name}.ipynb", text.encode())
                error = json.loads(text)["metadata"]["sweep"]["error"]
                line = f"{len(cells) - len(names)}/{len(cells)} {'FAILED' if error else 'done'} {cells[name]}"
                if error or bar.disable:
                    bar.write(f"{line}: {error}" if error else line)
                bar.update()
    except CancelledError:
        raise SweepError(
            f"The scheduler is gone. Found: {len(pending)} cells that have not come back. What was done is kept: "
            "the same command goes on from there."
        ) from None
    finally:
        bar.close()
        client.cancel(pending)  # then their Watch ends the kernels
    print(f"{len(cells)} cell{'s' * (len(cells) != 1)} took {time.time() - started:.1f} s.")


def sweep(grid, notebook=LESSON, out=OUT, scheduler=None, workers=None, memory=None, retry=False):
    """Run what is missing of a grid (a YAML file), gather everything and say what there is.

    Returns the table's rows. Raises SweepError; KeyboardInterrupt after what was done has been gathered.
    """
    source = source_of(notebook)
    cells, folder, missing = named(read(grid), source), Path(out, Path(grid).stem), {}
    for name, cell in cells.items():
        before = kept(folder, name)
        if before is None or (retry and before.metadata.sweep.error):
            missing[name] = cell
    print(
        f"{len(cells)} cells: {len(missing)} to run, {len(cells) - len(missing)} kept from before.",
        flush=True,
    )
    with connected(scheduler, workers, memory) if missing else contextlib.nullcontext() as client:
        (folder / "cells").mkdir(parents=True, exist_ok=True)
        try:
            if missing:
                run(client, missing, source, folder)
        finally:
            table = gather(folder, cells)
            report(folder, table)
    return table


def report(folder, table):
    """Print what there is, where it is and, last, what failed."""
    failed = [row for row in table if row["state"] == "failed"]
    files, where = sum(row["bytes"] is not None for row in table), os.path.relpath(folder)
    print(
        f"{files} files, {len(failed)} failed cells. In {where}: index.md, results.csv, .parquet, .png, cells/."
    )
    for row in failed:
        print(f"FAILED {row['handle']}, {row['recipes']}: {row['error']} ({row['notebook']})")
    if failed:
        print("The same command leaves the failed ones alone; RETRY=1 runs them again.")


def arguments(given=None):
    """Return the command line, read; what it does not say comes from the environment, as make hands it on."""
    from dask.utils import parse_bytes

    env, parser = (
        os.environ.get,
        argparse.ArgumentParser(prog="python -m hub_to_tflite.report.sweep"),
    )
    add = parser.add_argument
    add("grid", help="a YAML file, such as sweep.yaml")
    add(
        "--retry",
        action="store_true",
        default=env("RETRY", "0") not in ("", "0"),
        help="run failed cells too",
    )
    add("--workers", type=int, default=env("WORKERS") or None, help="how many on this machine")
    add(
        "--memory", type=parse_bytes, default=env("MEMORY") or None, help="for each of them, as 4GB"
    )
    add(
        "--scheduler",
        default=env("SCHEDULER"),
        help="a dask scheduler's address, tcp://host:8786, instead of them",
    )
    add(
        "--notebook",
        default=LESSON,
        help="another notebook with the lesson's parameters and result cell",
    )
    add("--out", default=OUT, help="the folder for everything, instead of build/sweep")
    options = parser.parse_args(given)
    if (options.workers or 1) < 1 or (options.memory or math.inf) < 5 * 10**8:
        parser.error("--workers is to be 1 or more, and --memory 500MB or more for each of them")
    return options


def main(given=None):
    """Sweep; exit 1 if a cell failed or nothing could start, 130 if interrupted."""
    try:
        table = sweep(**vars(arguments(given)))
    except SweepError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        print(
            "Interrupted. What is done is kept: the same command goes on from there.",
            file=sys.stderr,
        )
        sys.exit(130)
    sys.exit(any(row["state"] == "failed" for row in table))


if __name__ == "__main__":
    from tools import sweep as module  # so that workers find its functions by the module's name

    module.main()
