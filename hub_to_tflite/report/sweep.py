"""Make the reports of a grid of models, on every core or on a cluster, and gather one table.

Each combination of a grid's lists is a job: the report's template, executed by a task of
dask.distributed, on another worker if one dies. The executed notebooks are in <out>/<grid>/jobs/;
table, figure and list are read from them. A notebook's name ends in the digest of what decides its
numbers, so a job that is done is found again, and one whose model, template, code or versions have
changed is not. A failed one waits for `retry`.

Dask watches the memory of its worker, but not of the kernel, its child: each task does that. Who
can talk to a dask scheduler can run any code on its workers: docs/report.md says what to do.
"""

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
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any

import nbformat

from helpers import convert, handles, tinyhub
from helpers.course import cache
from hub_to_tflite import knowledge
from hub_to_tflite.report import make
from hub_to_tflite.report.messages import message
from hub_to_tflite.sandbox.memory import Watch, held
from hub_to_tflite.tables import table as table_of

# {list: its default}
GRID = {"handles": [handles.DEFAULT], "recipes": ["all"], "threads": [1], "samples": ["auto"]}
# {column: type}; MEASURED are those that a report has for each recipe.
JOB, MEASURED = knowledge.load(Path(__file__).with_name("sweep_columns.yaml")).values()
COLUMNS = JOB | MEASURED
PACKAGES = ("tensorflow", "ai-edge-litert", "numpy", "papermill", "distributed")
# The files that the template needs, and those among them that decide words but no number.
CODE = ("helpers/*.*", "helpers/course/[ac]*.py", "hub_to_tflite/[!_]*.py")
CODE += ("hub_to_tflite/file/*.*", "hub_to_tflite/report/*.*", "hub_to_tflite/sandbox/*.*")
WORDS = ("messages.py", "messages.yaml", "template.ipynb")
WORDS += ("sweep.py", "sweep.md.j2", "sweep_columns.yaml")
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
        raise SweepError(message("little memory", found=memory))
    source = make.TEMPLATE.read_text(encoding="utf-8")
    jobs, folder = named(read(grid), source), Path(out or make.default_folder("sweep"))
    folder /= Path(grid).stem
    try:
        make.check_writable(folder)
    except make.ParameterError as error:
        raise SweepError(str(error)) from None
    missing = {}
    for name, job in jobs.items():
        before = kept(folder, name)
        if before is None or (retry and before.metadata.sweep.failure):
            missing[name] = job
    print(f"Jobs: {len(missing)} to run, {len(jobs) - len(missing)} kept from before.", flush=True)
    try:
        try:
            if missing:
                with connect(scheduler, workers, memory) as client:
                    run(client, missing, source, folder)
        finally:
            table = rows(folder, jobs)
            if folder.is_dir():
                gather(folder, table)
                summarize(folder, table)
    except OSError as error:
        raise SweepError(message("unwritable results", error=error)) from None
    return table


# The grid


def read(path: str | Path) -> list[Job]:
    """Return the jobs of the grid in a YAML file, in its order. Raises SweepError."""
    import yaml

    path = Path(path)
    try:
        grid = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        found = _one_line(error)
        raise SweepError(message("unreadable grid", path=str(path), error=found)) from None
    unknown = [grid] if not isinstance(grid, dict) or not grid else grid.keys() - GRID.keys()
    if unknown:
        parts = {"lists": ", ".join(GRID), "found": ", ".join(map(repr, unknown))}
        raise SweepError(message("lists of a grid", name=path.name, **parts))
    axes = []
    for key, default in GRID.items():
        values = grid.get(key, default)
        if not isinstance(values, list) or not values:
            parts = {"name": path.name, "key": key, "default": default}
            raise SweepError(message("no list", found=values, **parts))
        if key in ("handles", "samples"):
            values = [make.absolute(value, path.parent) for value in values]
        try:
            for value in values:
                _check(key, value)
        except make.ParameterError as error:
            raise SweepError(f"In the grid {path.name}: {error}") from None
        axes.append(dict.fromkeys(str(one) if key == "samples" else one for one in values))
    return [Job(*values) for values in itertools.product(*axes)]


def _check(key, value):
    """Raise ParameterError for what a list of the grid cannot hold."""
    if key == "handles":
        make.check_handle(value)
    elif key != "threads":
        source, recipes = (value, "all") if key == "samples" else ("auto", value)
        make.check_parameters(source, recipes, tolerance=0)
    elif type(value) is not int or not 1 <= value <= 256:
        raise make.ParameterError(message("threads", found=value))


# Names: what is done is found by them


def facts() -> dict[str, str]:
    """Return {what: which} of everything here that decides a job's numbers, but its parameters."""
    code = hashlib.sha256()
    for path in sorted(path for pattern in CODE for path in make.ROOT.glob(pattern)):
        if path.name not in WORDS:
            code.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return {
        "Python": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "the project's code": code.hexdigest()[:12],
        **{package: importlib.metadata.version(package) for package in PACKAGES},
    }


def named(jobs: list[Job], source: str) -> dict[str, Job]:
    """Return {name: Job}: readable words, and the digest of what decides the job's numbers.

    An address is taken for what it names: a version on a hub does not change. Folders and files,
    and the models of the embedded hub, are read.
    """
    cells = json.loads(source)["cells"]
    code = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
    common, content = [code, facts()], functools.cache(_content)
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


class Guard(Watch):
    """Ends a kernel that takes more than `limit` bytes, or that is not `wanted()` anymore."""

    def __init__(self, kernel: int, limit: float, wanted: Any):
        super().__init__(kernel)
        self.limit, self.wanted = limit, wanted

    def run(self) -> None:
        """Look until the kernel has ended."""
        import psutil

        while self.bytes <= self.limit and self.wanted():
            if self._done.wait(LOOK):
                return
            self.bytes = max(self.bytes, held(self.pid))
        with contextlib.suppress(psutil.Error):
            kernel = psutil.Process(self.pid)
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
        parameters = {name.upper(): value for name, value in dataclasses.asdict(job).items()}
        parameters["OUT"] = str(Path(folder, "out"))
        notebook, error = make.execute(nbformat.reads(source, 4), parameters, watch)
    failure = _failure(error, guards[0]) if error else None
    if not failure and make.result(notebook) is None:
        failure = message("no result")
    return with_metadata(nbformat.writes(notebook), job, failure, round(guards[0].bytes / 1e6))


def _failure(error, guard):
    """Return one line on why a notebook failed; raise `error` if it is not the notebook's."""
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    if guard.bytes > guard.limit:
        return message("much memory", peak=guard.bytes / 1e9, limit=guard.limit / 1e9)
    if isinstance(error, PapermillExecutionError):
        words = f"cell {error.cell_index + 1}: {error.ename}: {error.evalue}"
        return words.strip().splitlines()[0]
    if isinstance(error, DeadKernelError):
        return message("dead kernel of a job")
    raise error


def with_metadata(text: str, job: Job, failure: str | None, megabytes: int | None = None) -> str:
    """Return a notebook (JSON text) with metadata on its job."""
    notebook, job = json.loads(text), dataclasses.asdict(job)
    notebook["metadata"]["sweep"] = {"job": job, "failure": failure, "job_mb": megabytes}
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


def gather(folder: Path, table: list[dict]) -> None:
    """Write a table as results.csv and .parquet, and its results.png and index.md."""
    import pyarrow.csv
    import pyarrow.parquet

    arrow = pyarrow.Table.from_pylist(table, schema=pyarrow.schema(list(COLUMNS.items())))
    pyarrow.csv.write_csv(arrow, folder / "results.csv")
    pyarrow.parquet.write_table(arrow, folder / "results.parquet")
    draw(table, folder / "results.png")
    (folder / "index.md").write_text(index(table, folder.name), encoding="utf-8")


def draw(table: list[dict], path: Path) -> None:
    """Draw the size of each file against its agreement with the SavedModel."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.6), layout="constrained")
    axes = figure.subplots()
    # One colour (Okabe and Ito's, different without red and green) and shape for each recipe.
    colours = ("#000000", "#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00")
    files = [row for row in table if row["bytes"]]
    for recipe, colour, shape in zip(convert.RECIPES, colours, "os^DvP"):
        own = [row for row in files if row["recipe"] == recipe]
        sizes = [row["bytes"] / 1e3 for row in own]
        same = [100 * row["agree"] / row["total"] for row in own]
        if own:
            axes.scatter(sizes, same, 60, colour, marker=shape, alpha=0.8, label=recipe)
    axes.set(xlabel="size of the .tflite (KB, log scale)", xscale="log" if files else "linear")
    axes.set(ylabel="samples with the SavedModel's prediction (%)")
    axes.grid(color="0.92")
    if files:
        figure.legend(loc="outside lower center", ncols=3, frameon=False)
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
    found = {"title": title, "table": table_of(lines, shown, "markdown")}
    return knowledge.render(Path(__file__).with_name("sweep.md.j2"), **found)


# Running


@contextlib.contextmanager
def connect(scheduler: str | None, workers: int | None, memory: int | None) -> Iterator[Any]:
    """Yield a dask client, of a scheduler or of a new cluster on loopback. Raises SweepError."""
    from dask.system import CPU_COUNT
    from distributed import Client
    from distributed.system import MEMORY_LIMIT

    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what fails is said once, here
    if scheduler:
        try:
            client = Client(scheduler, timeout=PATIENCE)
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            found = {"address": scheduler, "error": _one_line(error)}
            raise SweepError(message("no scheduler", **found)) from None
        with client:
            _compare(client, scheduler)
            print(f"{sum(client.nthreads().values())} at a time, at {scheduler}.", flush=True)
            yield client
        return
    workers = workers or max(1, min(CPU_COUNT, MEMORY_LIMIT // LEAST))
    memory = memory or int(0.8 * MEMORY_LIMIT) // workers
    print(f"{workers} at a time, each in up to {memory / 1e9:.1f} GB of memory.", flush=True)
    with tempfile.TemporaryDirectory(prefix="sweep-dask-", ignore_cleanup_errors=True) as folder:
        with Client(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=memory,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # any free port, for this machine alone
            local_directory=folder,
            preload=[IGNORE],
            silence_logs=logging.CRITICAL,
        ) as client:
            yield client


def _compare(client, address):
    """Raise SweepError unless the scheduler has workers with this code in the same versions."""
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
        here, there = facts(), client.run(facts, on_error="return")
    except asyncio.TimeoutError:
        here, there = {}, {"no worker": f"after {PATIENCE} s"}
    for worker, found in there.items():
        if found == here:
            continue
        if isinstance(found, dict):
            other = [key for key in here if found.get(key) != here[key]]
            found = ", ".join(f"{key} {found.get(key)} (here {here[key]})" for key in other)
        raise SweepError(message("other workers", address=address, worker=worker, found=found))


def run(client: Any, jobs: dict[str, Job], source: str, folder: Path) -> None:
    """Run {name: Job} on a dask client, and keep each notebook as it comes. Raises SweepError."""
    from distributed import as_completed
    from tqdm import tqdm

    (folder / "jobs").mkdir(parents=True, exist_ok=True)
    started = time.time()
    futures = client.map(execute, list(jobs.values()), source=source, retries=1, pure=False)
    names = {future.key: name for future, name in zip(futures, jobs)}
    bar = tqdm(total=len(jobs), unit="job", disable=None, dynamic_ncols=True)
    try:
        for future in as_completed(futures):
            try:
                text = future.result()
            except CancelledError:
                raise SweepError(message("scheduler gone", count=len(names))) from None
            except Exception as error:  # such as KilledWorker: each worker that had it died
                words = f"dask gave it up: {type(error).__name__}: {_one_line(error)}"
                text = with_metadata(source, jobs[names[future.key]], words)
            name = names.pop(future.key)
            cache.write(folder / "jobs" / f"{name}.ipynb", text.encode())
            failure = json.loads(text)["metadata"]["sweep"]["failure"]
            count = f"{len(jobs) - len(names)}/{len(jobs)}"
            if failure:
                bar.write(f"{count} FAILED {name}: {failure}")
            elif bar.disable:
                bar.write(f"{count} done {name}")
            bar.update()
    finally:
        bar.close()
        client.cancel(futures)  # then their Guard ends the kernels
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
