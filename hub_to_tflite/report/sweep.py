"""Make the reports of a grid of models, on every core or on a cluster, and gather one table.

A grid is a YAML file with four lists: handles, recipes, threads, samples. Each combination is a
job: the report's template, executed by a task of dask.distributed, on another worker if one dies.
The executed notebooks are in <out>/<grid>/jobs/; table, figure and list are read from them. A
notebook's name ends in the digest of what decides its numbers, so a job that is done is found
again, and one whose model, template, code or versions have changed is not. A failed one waits for
`retry`.

Dask watches the memory of its worker, but the kernel is its child: so each task watches the kernel
and its children, and ends them when they have more than the worker's limit.

Workers on other machines need this project as it is here, which is checked first, and the same path
for each folder or file that the grid names. Whoever can talk to a dask scheduler can run any code
on its workers: keep tcp:// on a network that you trust, use tls:// elsewhere.
"""

import ast
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
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import nbformat
import numpy as np

from helpers import convert, handles, tinyhub
from helpers.course import cache
from hub_to_tflite.report import make
from hub_to_tflite.sandbox import memory as sandbox_memory
from hub_to_tflite.tables import table as table_of

GRID = {  # list -> (what it holds, its default)
    "handles": (
        "models: on the embedded hub, an https:// handle, a folder or a .tar.gz",
        [handles.DEFAULT],
    ),
    "recipes": (f"'all', or recipes joined with '; ': {'; '.join(convert.RECIPES)}", ["all"]),
    "threads": ("integers from 1 to 256", [1]),
    "samples": ("auto, random, digits, an integer from 10 to 450, a folder or a file", ["auto"]),
}
MEASURED = {  # columns that the notebooks measure, for each recipe
    "recipe": "string",
    "bytes": "int64",
    "max_error": "double",
    "relative_error": "double",
    "agree": "int64",
    "total": "int64",
    "correct": "int64",
    "ratio": "double",
    "peak_mb": "double",
    "failure": "string",
}
COLUMNS = (
    {"handle": "string", "samples": "string", "threads": "int64", "recipes": "string"}
    | {"state": "string", "recommended": "bool", "job_seconds": "double", "job_mb": "int64"}
    | {"notebook": "string"}
    | MEASURED
)
PACKAGES = ("tensorflow", "ai-edge-litert", "numpy", "papermill", "distributed")
WORDING = ("hub_to_tflite.errors", "hub_to_tflite.report.messages", "helpers.course.exercises")
LEAST = 2 * 10**9  # bytes for a worker: enough for the kernel and its children, with small models
PATIENCE = 5  # seconds to wait for a scheduler, and again for its workers
LOOK = 0.2  # seconds from one look at a kernel's memory to the next
# Ctrl-C is for the sweep, which ends its workers.
IGNORE = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)"


class SweepError(ValueError):
    """A sweep that cannot start, or cannot go on: what is wrong, what was found, what to do."""


@dataclasses.dataclass(frozen=True)
class Job:
    """One combination of a grid: what the template is run with."""

    handle: str
    recipes: str
    threads: int
    samples: str

    def __str__(self) -> str:
        threads = "1 thread" if self.threads == 1 else f"{self.threads} threads"
        return f"{self.handle}, {self.recipes}, {threads}, {self.samples}"


def sweep(
    grid: str | Path,
    out: str | Path | None = None,
    scheduler: str | None = None,
    workers: int | None = None,
    memory: int | None = None,
    retry: bool = False,
) -> list[dict]:
    """Run what is missing of a grid (a YAML file), gather everything and print what there is.

    `workers` and `memory` (bytes for each) are for this machine; by default they share its cores
    and its memory. `out` is build/sweep of the checkout, or sweep/ here. Returns the table's rows.
    Raises SweepError, and KeyboardInterrupt after what was done has been gathered.
    """
    if memory is not None and memory < 5 * 10**8:
        raise SweepError(f"A worker needs 500 MB or more. Found: {memory:,} bytes. Try 4GB.")
    source = source_of(make.TEMPLATE)
    jobs = named(read(grid), source)
    folder, missing = _folder(out, grid), {}
    for name, job in jobs.items():
        before = kept(folder, name)
        if before is None or (retry and before.metadata.sweep.failure):
            missing[name] = job
    done = len(jobs) - len(missing)
    print(f"Jobs: {len(missing)} to run, {done} kept from before.", flush=True)
    client = contextlib.nullcontext()
    if missing:
        client = connect(scheduler, workers, memory, source)
    with client as connected:
        try:
            (folder / "jobs").mkdir(parents=True, exist_ok=True)
            try:
                if missing:
                    run(connected, missing, source, folder)
            finally:
                table = gather(folder, jobs)
                summarize(folder, table)
        except OSError as error:
            raise SweepError(
                f"The results cannot be written. Found: {error}. Make room, or choose another "
                "folder with --out. What is done is kept."
            ) from None
    return table


def _folder(out, grid):
    """Return the folder for a grid's results. Raises SweepError if it cannot be written."""
    if out is None:
        out = make.default_folder("sweep")
    folder = Path(out, Path(grid).stem)
    try:
        make.check_writable(folder)
    except make.ParameterError as error:
        raise SweepError(str(error)) from None
    return folder


# The grid


def read(path: str | Path) -> list[Job]:
    """Return the jobs of the grid in a YAML file, in its order. Raises SweepError."""
    import yaml

    path = Path(path)
    try:
        grid = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SweepError(
            f"The grid {str(path)!r} cannot be read. Found: {_one_line(error)}. Write one like "
            "sweep.yaml, and name it: hub-to-tflite sweep mine.yaml."
        ) from None
    unknown = [grid] if not isinstance(grid, dict) or not grid else grid.keys() - GRID.keys()
    if unknown:
        raise SweepError(
            f"The grid {path.name} must have lists named {', '.join(GRID)}. Found: "
            f"{', '.join(map(repr, unknown))}. Write such as threads: [1, 2]."
        )
    axes = []
    for key, (kind, default) in GRID.items():
        values = grid.get(key, default)
        if not isinstance(values, list) or not values:
            raise SweepError(
                f"In the grid {path.name}, {key} must be a list. Found: {values!r}. Give {kind}."
            )
        if key in ("handles", "samples"):
            values = [make.absolute(value, path.parent) for value in values]
        wrong = [value for value in values if not _fits(key, value)]
        if wrong:
            raise SweepError(
                f"In the grid {path.name}, {key} has a wrong entry. Found: {wrong[0]!r}. "
                f"Give {kind}."
            )
        axes.append(dict.fromkeys(str(one) if key == "samples" else one for one in values))
    return [Job(*values) for values in itertools.product(*axes)]


def _fits(key, value):
    """Return whether a list of the grid may hold `value`. What it names must be there."""
    if key == "threads":
        return type(value) is int and 1 <= value <= 256
    if key == "samples" and type(value) is int:
        return 10 <= value <= 450
    if not isinstance(value, str):
        return False
    if key == "recipes":
        return value == "all" or all(one.strip() in convert.RECIPES for one in value.split(";"))
    known = tinyhub.published() if key == "handles" else ("auto", "random", "digits")
    name = value.partition("#")[0]
    if key == "handles" and name.startswith(("http://", "https://")):
        return True
    return name in known or (os.path.isabs(name) and os.path.exists(name))


# Names: what is done is found by them


def facts(source: str) -> dict[str, str]:
    """Return {what: which} of everything here that decides a job's numbers, besides its parameters.

    `source` is the template as JSON text. The code is that of the modules which it uses, and the
    data files that they name.
    """
    code = hashlib.sha256()
    for name, path in sorted(used(source).items()):
        code.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return {
        "Python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "the project's code": code.hexdigest()[:12],
        **{package: importlib.metadata.version(package) for package in PACKAGES},
    }


def used(source: str) -> dict[str, Path]:
    """Return {name: file} of the project's modules that a notebook uses, also through others.

    Data files that lie beside a module and are named in it are among them.
    """
    modules = {}
    for path in [*make.ROOT.glob("helpers/**/*.py"), *make.ROOT.glob("hub_to_tflite/**/*.py")]:
        parts = path.relative_to(make.ROOT).with_suffix("").parts
        modules[".".join(parts).removesuffix(".__init__")] = path
    cells = [cell for cell in json.loads(source)["cells"] if cell["cell_type"] == "code"]
    found, names = {}, _imports("\n".join("".join(cell["source"]) for cell in cells))
    while names:
        name = names.pop()
        if name in found or name not in modules or name.startswith(WORDING):
            continue
        found[name] = path = modules[name]
        text = path.read_text(encoding="utf-8")
        names |= _imports(text)
        for data in re.findall(r'"([\w.-]+\.(?:yaml|j2|npz|json))"', text):
            if (path.parent / data).is_file():
                found[f"{name}/{data}"] = path.parent / data
    return found


def _imports(code):
    """Return the names that code imports, of modules or of things in them, and their packages."""
    names = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    parts = [name.split(".") for name in names]
    return {".".join(one[:length]) for one in parts for length in range(1, len(one) + 1)}


def source_of(path: str | Path) -> str:
    """Return a notebook as JSON text, without its outputs."""
    notebook = nbformat.read(path, 4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return nbformat.writes(notebook)


def named(jobs: list[Job], source: str) -> dict[str, Job]:
    """Return {name: Job}: readable words, and the digest of what decides the job's numbers.

    An address is taken for what it names: a version on a hub does not change. Folders and files,
    and the models of the embedded hub, are read.
    """
    cells = json.loads(source)["cells"]
    code = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
    common, content = [code, facts(source)], functools.cache(_content)
    found = {}
    for job in jobs:
        decides = [dataclasses.asdict(job), content(job.handle), content(job.samples), common]
        digest = hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:12]
        handle = Path(job.handle).name if os.path.isabs(job.handle) else job.handle
        words = f"{handle.split('://')[-1]} {job.recipes} {job.threads}t {Path(job.samples).name}"
        slug = re.sub(r"[^a-z0-9]+", "-", words.lower())[:80].strip("-")
        found[f"{slug}-{digest}"] = job
    return found


def _content(name):
    """Return the digest of a model of the embedded hub, or of a file or folder here, else ""."""
    path = Path(name.partition("#")[0])
    if str(path) in tinyhub.published():
        path = tinyhub.EMBEDDED / f"{path}.tar.gz"
    if path.is_dir():
        return tinyhub.digest(path)
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


# On a worker


class Guard(threading.Thread):
    """Ends a kernel that takes more memory than `limit` (bytes), or that is not `wanted()` anymore.

    `peak` is the most memory that it and all processes below it had.
    """

    def __init__(self, kernel: int, limit: float, wanted: Any):
        super().__init__(daemon=True)
        self.kernel, self.limit, self.wanted = kernel, limit, wanted
        self.peak, self.done = 0, threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.join()

    def run(self) -> None:
        """Look until the kernel has ended."""
        import psutil

        with sandbox_memory.Watch(self.kernel) as watch:
            while not self.done.wait(LOOK):
                self.peak = watch.bytes
                if self.peak > self.limit or not self.wanted():
                    break
            else:
                return
        with contextlib.suppress(psutil.Error):
            kernel = psutil.Process(self.kernel)
            for process in [*kernel.children(recursive=True), kernel]:
                with contextlib.suppress(psutil.Error):
                    process.kill()


def execute(job: Job, source: str) -> str:
    """Run one job on this dask worker. `source` is the template as JSON text.

    Returns the executed notebook as JSON text, as far as it came; its metadata say what went wrong.
    What is not the notebook's fault is raised, so that dask tries again.
    """
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()
    limit = (worker.memory_manager.memory_limit or math.inf) / worker.state.nthreads

    def wanted():
        task = worker.state.tasks.get(key)
        return task is not None and task.state != "cancelled"

    guards = []

    def watch(kernel):
        guards.append(Guard(kernel, limit, wanted))
        return guards[0]

    with tempfile.TemporaryDirectory(dir=worker.local_directory) as folder:
        parameters = {
            "HANDLE": job.handle,
            "SAMPLES": job.samples,
            "RECIPES": job.recipes,
            "THREADS": job.threads,
            "OUT": str(Path(folder, "out")),
        }
        notebook, error = make.execute(nbformat.reads(source, 4), parameters, watch)
    failure = _failure(error, guards[0]) if error else None
    if not failure and make.result(notebook) is None:
        failure = "it ended without a result: no cell tagged 'result' shows JSON with rows"
    return with_metadata(nbformat.writes(notebook), job, failure, round(guards[0].peak / 1e6))


def _failure(error, guard):
    """Return one line on why a notebook failed; raise `error` if it is not the notebook's."""
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    if guard.peak > guard.limit:
        return (
            f"stopped: it needs more memory than a worker may have. Found: {guard.peak / 1e9:.1f} "
            f"GB in the kernel and its children, limit {guard.limit / 1e9:.1f} GB. Use fewer "
            "workers, or give each more memory"
        )
    if isinstance(error, PapermillExecutionError):
        words = f"cell {error.cell_index + 1}: {error.ename}: {error.evalue}"
        return words.strip().splitlines()[0]
    if isinstance(error, DeadKernelError):
        return "the kernel died: native code crashed, or the system took it for its memory"
    raise error


def with_metadata(text: str, job: Job, failure: str | None, megabytes: int | None = None) -> str:
    """Return a notebook (JSON text) with metadata on its job."""
    notebook = json.loads(text)
    about = {"job": dataclasses.asdict(job), "failure": failure, "job_mb": megabytes}
    notebook["metadata"]["sweep"] = about
    return json.dumps(notebook, indent=1)


# What is kept, and what is read from it


def kept(folder: Path, name: str) -> Any:
    """Return a job's notebook, done or failed; None without one that can be read."""
    with contextlib.suppress(OSError, ValueError, nbformat.reader.NotJSONError):
        notebook = nbformat.read(Path(folder, "jobs", f"{name}.ipynb"), 4)
        return notebook if "sweep" in notebook.metadata else None
    return None


def rows(folder: Path, jobs: dict[str, Job]) -> list[dict]:
    """Return the table, a dict by COLUMNS each: a row for each recipe of a job that is done."""
    table = []
    for name, job in jobs.items():
        row = dict.fromkeys(COLUMNS) | dataclasses.asdict(job)
        row |= {"recipe": job.recipes, "state": "not run"}
        notebook, measured = kept(folder, name), [{}]
        if notebook is not None:
            about = notebook.metadata.sweep
            row["state"] = "failed" if about.failure else "done"
            row |= {"failure": about.failure, "job_mb": about.job_mb}
            row["notebook"] = f"jobs/{name}.ipynb"
            row["job_seconds"] = notebook.metadata.get("papermill", {}).get("duration")
            if not about.failure:
                found = make.result(notebook)
                measured = [{key: one.get(key) for key in MEASURED} for one in found["rows"]]
                for one in measured:
                    one["recommended"] = one["recipe"] == found["recommended"]
        table += [row | one for one in measured]
    return table


def gather(folder: Path, jobs: dict[str, Job]) -> list[dict]:
    """Write results.csv, .parquet, .png and index.md from the notebooks; return the rows."""
    import pyarrow.csv
    import pyarrow.parquet

    table = rows(folder, jobs)
    arrow = pyarrow.Table.from_pylist(table, schema=pyarrow.schema(list(COLUMNS.items())))
    pyarrow.csv.write_csv(arrow, folder / "results.csv")
    pyarrow.parquet.write_table(arrow, folder / "results.parquet")
    draw(table, folder / "results.png")
    (folder / "index.md").write_text(index(table, folder.name), encoding="utf-8")
    return table


def draw(table: list[dict], path: Path) -> None:
    """Draw each file's size against its agreement with the SavedModel, and its relative time."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogFormatter

    figure = Figure(figsize=(10, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    # One colour (Okabe and Ito's, different without red and green) and shape for each recipe.
    colours = ("#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00")
    files = [row for row in table if row["bytes"]]
    for recipe, colour, shape in zip(convert.RECIPES, colours, "os^DvP"):
        own = [row for row in files if row["recipe"] == recipe]
        sizes = [row["bytes"] / 1e3 for row in own]
        same = [100 * row["agree"] / row["total"] if row["total"] else None for row in own]
        style = {"color": colour, "marker": shape, "linestyle": "", "markersize": 8, "alpha": 0.8}
        left.plot(sizes, np.array(same, float), **style, label=recipe if own else None)
        right.plot(sizes, np.array([row["ratio"] for row in own], float), **style)
    left.set(title="Agreement", ylabel="samples with the SavedModel's prediction (%)")
    right.set(title="Time", ylabel="time of one run (first recipe = 1, log scale)", yscale="log")
    for axes in (left, right) if files else ():
        axes.set(xlabel="size of the .tflite (KB, log scale)", xscale="log")
        for formatted in (axes.xaxis.set_major_formatter, axes.xaxis.set_minor_formatter):
            formatted(LogFormatter(minor_thresholds=(2, 0.5)))  # 500, not 5 x 10^2
        axes.grid(color="0.92")
    if files:
        figure.legend(loc="outside lower center", ncols=6, frameon=False)
    models = len({row["handle"] for row in files})
    figure.suptitle(f"{path.parent.name}: {len(files)} files from {models} models")
    figure.savefig(path, dpi=120)


def index(table: list[dict], title: str) -> str:
    """Return the page (Markdown) that lists every file and links to its executed notebook."""
    shown = [name for name in COLUMNS if name not in ("recipes", "recommended", "notebook")]
    lines = []
    for row in table:
        line = {key: f"{one:.3g}" if isinstance(one, float) else one for key, one in row.items()}
        if row["notebook"]:
            line["recipe"] = f"[{row['recipe']}]({row['notebook']})"
        if row["recommended"]:
            line["recipe"] = f"**{line['recipe']}**"
        lines.append([line[key] for key in shown])
    return f"""# Sweep {title}

![Size of each file against its agreement and against its time](results.png)

The table as [CSV](results.csv) and [Parquet](results.parquet). Bold: the recommended recipe. \
Jobs that run side by side disturb each other's times; for times to rely on, use one worker.

{table_of(lines, shown, "markdown")}
"""


# Running


@contextlib.contextmanager
def connect(
    scheduler: str | None, workers: int | None, memory: int | None, source: str
) -> Iterator[Any]:
    """Yield a dask client: of a scheduler's address, or of a new cluster on loopback.

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
                f"No dask scheduler answers at {scheduler!r}. Found: {_one_line(error)}. Start one "
                "(dask scheduler) and give the address that it prints, such as tcp://host:8786; or "
                "leave it out, to use this machine."
            ) from None
        with client:
            _compare(client, scheduler, source)
            print(f"{sum(client.nthreads().values())} at a time, at {scheduler}.", flush=True)
            yield client
        return
    workers = workers or max(1, min(CPU_COUNT, MEMORY_LIMIT // LEAST))
    memory = memory or int(0.8 * MEMORY_LIMIT) // workers
    print(f"{workers} at a time, each in up to {memory / 1e9:.1f} GB of memory.", flush=True)
    with tempfile.TemporaryDirectory(prefix="sweep-dask-", ignore_cleanup_errors=True) as folder:
        with (
            LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                memory_limit=memory,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",  # any free port, for this machine alone
                local_directory=folder,
                preload=[IGNORE],
                silence_logs=logging.CRITICAL,
            ) as cluster,
            Client(cluster) as client,
        ):
            yield client


def _compare(client, address, source):
    """Raise SweepError unless the scheduler has workers with this code in the same versions."""
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
        here, there = facts(source), client.run(facts, source, on_error="return")
    except asyncio.TimeoutError:
        here, there = {}, {"no worker": f"after {PATIENCE} s"}
    for worker, found in there.items():
        if found == here:
            continue
        if isinstance(found, dict):
            other = [key for key in here if found.get(key) != here[key]]
            found = ", ".join(f"{key} {found.get(key)} (here {here[key]})" for key in other)
        raise SweepError(
            f"The scheduler at {address} needs workers with this project as it is here. Found: "
            f"{worker} {found}. Start them where it is installed the same way: "
            f"dask worker {address} --nthreads 1."
        )


def run(client: Any, jobs: dict[str, Job], source: str, folder: Path) -> None:
    """Run {name: Job} on a dask client, and keep each notebook as it comes. Raises SweepError."""
    from distributed import wait
    from tqdm import tqdm

    started = time.time()
    pending = client.map(execute, list(jobs.values()), source=source, retries=1, pure=False)
    names = {future.key: name for future, name in zip(pending, jobs)}
    bar = tqdm(total=len(jobs), unit="job", disable=None, dynamic_ncols=True)
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
                    words = f"dask gave it up: {type(error).__name__}: {_one_line(error)}"
                    text = with_metadata(source, jobs[name], words)
                cache.write(folder / "jobs" / f"{name}.ipynb", text.encode())
                failure = json.loads(text)["metadata"]["sweep"]["failure"]
                count = f"{len(jobs) - len(names)}/{len(jobs)}"
                if failure:
                    bar.write(f"{count} FAILED {jobs[name]}: {failure}")
                elif bar.disable:
                    bar.write(f"{count} done {jobs[name]}")
                bar.update()
    except CancelledError:
        raise SweepError(
            f"The scheduler is gone. Found: {len(pending)} that did not come back. What is "
            "done is kept: the same command goes on from there."
        ) from None
    finally:
        bar.close()
        client.cancel(pending)  # then their Guard ends the kernels
    print(f"That took {time.time() - started:.1f} s.")


def summarize(folder: Path, table: list[dict]) -> None:
    """Print what there is, where it is and, last, what failed."""
    failed = [row for row in table if row["state"] == "failed"]
    files = sum(row["bytes"] is not None for row in table)
    print(f"Files: {files}. Failed jobs: {len(failed)}. In {os.path.relpath(folder)}: ", end="")
    print("index.md, results.csv, results.parquet, results.png, jobs/.")
    for row in failed:
        print(f"FAILED {row['handle']}, {row['recipes']}: {row['failure']} ({row['notebook']})")
    if failed:
        print("The same command leaves the failed ones alone; with --retry they run again.")


def _one_line(error):
    return " ".join(str(error).split())
