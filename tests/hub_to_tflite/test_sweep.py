"""A sweep: what is done stays done, what fails stops nothing, and the table is always whole.

A small notebook takes the place of the report's template. A "model" is a folder with a program,
which says what the notebook does with it.
"""

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import psutil
import pyarrow.csv
import pyarrow.parquet
import pytest
import yaml
from PIL import Image

from conftest import ROOT
from hub_to_tflite.report import make, sweep

PARAMETERS = 'HANDLE, SAMPLES, RECIPES, THREADS, OUT = "", "auto", "all", 1, ""'
BODY = """
import os, signal, time
from pathlib import Path
here = Path(HANDLE).parent
with open(here / "executions", "a") as log:
    log.write(f"{Path(HANDLE).name} {os.getpid()}\\n")
exec(Path(HANDLE, "model.py").read_text())
"""
RESULT = """
from IPython.display import display
done = {"recipe": "int8", "bytes": len(HANDLE), "max_error": 0.25, "relative_error": 0.1,
        "agree": 9, "total": 10, "correct": None, "ratio": THREADS / 1, "peak_mb": 40.5,
        "failure": None}
failed = {**dict.fromkeys(done), "recipe": "int16x8", "failure": "No such | form of\\nSOFTMAX."}
display({"application/json": {"recommended": "int8", "rows": [done, failed]}}, raw=True)
"""
GOOD = "pass"
# What a model does the first time only: the second time its mark is there.
ONCE = "mark = here / 'mark'\nif not mark.exists():\n    mark.touch()\n    "
AFTER = "while not (here / 'mark').exists():\n    time.sleep(0.05)"  # the other one has begun
FOR_EVER = "time.sleep(150)"
DEATH = "os.kill({}, signal.SIGKILL); " + FOR_EVER


class Bench:
    """A folder with models, a grid of them and a notebook, and what was executed there."""

    def __init__(self, folder):
        self.folder, self.notebook, self.grid = (
            folder,
            folder / "template.ipynb",
            folder / "grid.yaml",
        )
        self.results = folder / "out" / "grid"
        self.write(result=RESULT)

    def write(self, result):
        cells = [("parameters", PARAMETERS), ("body", BODY), ("result", result)]
        cells = [
            nbformat.v4.new_code_cell(source, metadata={"tags": [tag]}) for tag, source in cells
        ]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), self.notebook)

    def models(self, threads=(1,), **programs):
        """Write a model for each program, and the grid of all of them, in this order."""
        for name, program in programs.items():
            (self.folder / name).mkdir(exist_ok=True)
            (self.folder / name / "model.py").write_text(program)
            (self.folder / name / "saved_model.pb").write_bytes(b"\x08\x01")
        self.grid.write_text(yaml.safe_dump({"handles": list(programs), "threads": list(threads)}))

    def sweep(self, cluster, **options):
        return sweep.sweep(self.grid, self.folder / "out", scheduler=cluster, **options)

    def executed(self):
        """Return (model, process id of the kernel) of each execution since the last call."""
        log = self.folder / "executions"
        lines = sorted(log.read_text().splitlines()) if log.exists() else []
        log.unlink(missing_ok=True)
        return [(name, int(kernel)) for name, kernel in map(str.split, lines)]

    def names(self):
        return [name for name, _ in self.executed()]


@pytest.fixture
def bench(tmp_path, monkeypatch):
    made = Bench(tmp_path)
    monkeypatch.setattr(make, "TEMPLATE", made.notebook)
    return made


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """The address of a dask scheduler with two workers of 0.6 GB on loopback."""
    from distributed import LocalCluster

    options = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "silence_logs": 50}
    options["local_directory"] = tmp_path_factory.mktemp("workers")
    with LocalCluster(
        n_workers=2, threads_per_worker=1, memory_limit=600_000_000, **options
    ) as made:
        yield made.scheduler_address


@contextlib.contextmanager
def dask(*command):
    """Run a dask command; it ends with the `with`, and all that it started."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", *command], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=30)


def states(table):
    return {Path(row["handle"]).name: row["state"] for row in table}


def gone(kernel):
    """Wait until a process has ended; it fails if that does not happen."""
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(kernel).wait(timeout=60)
    return True


class TestGrids:
    def test_each_combination_is_a_job_and_what_is_missing_has_a_default(self, bench):
        bench.models(a=GOOD)
        bench.grid.write_text(
            "handles: [a#serve, digits/mobilenet_v2/classification/1]\n"
            "threads: [1, 2]\nsamples: [50]"
        )
        jobs = sweep.read(bench.grid)
        assert [(job.handle.rpartition("/")[2], job.threads) for job in jobs] == [
            ("a#serve", 1), ("a#serve", 2), ("1", 1), ("1", 2),
        ]  # fmt: skip
        assert {(job.recipes, job.samples) for job in jobs} == {("all", "50")}
        assert jobs[0].handle == f"{bench.folder}/a#serve"

    def test_the_default_grid_names_what_there_is(self):
        assert len(sweep.read(ROOT / "sweep.yaml")) > 1

    @pytest.mark.parametrize(
        "text, found",
        [
            (None, "No such file"),
            ("handles: [a", "line 1"),
            (b"\xff\xfe\xfa", "codec"),
            (b"[" * 3000, "recursion"),
            ("handles: [2026-13-45]", "month"),
            ("", "None"),
            ("- a", "['a']"),
            ("models: [a]", "'models'"),
            ("threads: 2", "2"),
            ("threads: []", "[]"),
            ("threads: [0]", "0"),
            ("threads: [yes]", "True"),
            ("threads: ['2']", "'2'"),
            ("handles: [nowhere/model/1]", "'nowhere/model/1'"),
            ("handles: [7]", "7"),
            ("samples: [photos.npz]", "'photos.npz'"),
            ("samples: [5]", "5"),
            ("recipes: [int8, int4]", "'int4'"),
        ],
    )
    def test_a_bad_one_is_one_message_and_starts_nothing(self, bench, text, found, capsys):
        if text is not None:
            bench.grid.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(sweep.SweepError) as caught:
            bench.sweep(None)
        message = str(caught.value)
        assert found in message and "\n" not in message
        assert "Found: " in message or "There is no model" in message
        assert not capsys.readouterr().out and not (bench.folder / "out").exists()

    def test_so_is_too_little_memory_and_a_folder_that_cannot_be_written(self, bench, monkeypatch):
        bench.models(a=GOOD)
        with pytest.raises(sweep.SweepError, match="500 MB or more. Found: 1,000,000 bytes"):
            bench.sweep(None, memory=10**6)
        with pytest.raises(sweep.SweepError, match="can be written. Found: /proc, "):
            sweep.sweep(bench.grid, "/proc/out")
        monkeypatch.chdir("/proc")
        with pytest.raises(sweep.SweepError, match="can be written. Found: /proc, "):
            sweep.sweep(bench.grid)


class TestWhatIsKept:
    def test_the_table_holds_what_the_notebooks_say_in_each_of_its_forms(self, bench, cluster):
        bench.models(a=GOOD, b="raise ValueError('no such op')", threads=[1, 2])
        table = bench.sweep(cluster)
        done = [row for row in table if row["state"] == "done"]
        columns = ("recipe", "threads", "ratio", "recommended")
        assert [tuple(row[name] for name in columns) for row in done] == [
            ("int8", 1, 1.0, True),
            ("int16x8", 1, None, False),
            ("int8", 2, 2.0, True),
            ("int16x8", 2, None, False),
        ]
        for row in done:
            notebook = nbformat.read(bench.results / row["notebook"], 4)
            shown = make.result(notebook)["rows"][row["recipe"] == "int16x8"]
            assert {key: row[key] for key in sweep.MEASURED} == shown
            assert row["job_seconds"] == notebook.metadata.papermill.duration
            assert row["job_mb"] > 10
        assert pyarrow.parquet.read_table(bench.results / "results.parquet").to_pylist() == table
        options = {"column_types": sweep.COLUMNS, "strings_can_be_null": True}
        as_text = pyarrow.csv.read_csv(
            bench.results / "results.csv",
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(**options),
        )
        assert as_text.to_pylist() == table
        page = (bench.results / "index.md").read_text().splitlines()
        assert len([line for line in page if "](jobs/" in line]) == len(table) == 6
        assert len({line.replace("\\|", "").count("|") for line in page if line[:1] == "|"}) == 1
        with Image.open(bench.results / "results.png") as figure:
            assert figure.size == (840, 552)

    def test_what_is_done_is_not_run_again_and_what_has_changed_is(self, bench, cluster):
        bench.models(a=GOOD, b=GOOD)
        whole = bench.sweep(cluster)
        assert bench.names() == ["a", "b"]
        assert (
            bench.sweep("tcp://127.0.0.1:1") == whole and not bench.names()
        )  # it does not even ask for a scheduler
        bench.models(a=GOOD, b="'another model'", c=GOOD)
        assert set(states(bench.sweep(cluster)).values()) == {"done"}
        assert bench.names() == ["b", "c"]
        bench.write(result=RESULT.replace("0.25", "0.5"))
        assert {row["max_error"] for row in bench.sweep(cluster)} == {0.5, None}
        assert bench.names() == ["a", "b", "c"]

    def test_a_failed_job_stops_nothing_and_runs_again_on_request_alone(
        self, bench, cluster, capsys
    ):
        bench.models(a=ONCE + "raise ValueError('no such op\\nmore')", b=GOOD)
        table = bench.sweep(cluster)
        assert (
            states(table) == {"a": "failed", "b": "done"}
            and table[0]["failure"] == "cell 3: ValueError: no such op"
        )
        assert "FAILED" in capsys.readouterr().out and bench.names() == ["a", "b"]
        assert bench.sweep(cluster) == table and not bench.names()
        assert "0 to run" in (out := capsys.readouterr().out) and "FAILED" in out
        assert states(bench.sweep(cluster, retry=True)) == {"a": "done", "b": "done"}
        assert bench.names() == ["a"]

    def test_only_what_decides_a_number_makes_a_job_run_again(self, tmp_path):
        """A corrected hint or explanation throws no work away; a corrected measure does."""
        for package in ("helpers", "hub_to_tflite"):
            shutil.copytree(ROOT / package, tmp_path / package)
        (tmp_path / "hub").symlink_to(ROOT / "hub")
        touched = {  # file -> whether jobs run again
            "helpers/course/exercises/e10_look_inside_a_savedmodel.py": False,
            "helpers/course/session.py": False,
            "hub_to_tflite/errors/errors.yaml": False,
            "hub_to_tflite/targets/__init__.py": False,
            "hub_to_tflite/report/sweep.py": False,
            "hub_to_tflite/report/compare.py": True,
            "hub_to_tflite/report/families.yaml": True,
            "helpers/interpreter.py": True,
        }
        (tmp_path / "names.py").write_text(
            "import sys\n"
            "from hub_to_tflite.report import make, sweep\n"
            "job = sweep.Job('x', 'all', 1, 'auto')\n"
            "for file in [sys.argv[0], *sys.argv[1:]]:\n"
            "    with open(file, 'a') as opened:\n"
            "        opened.write('\\n# corrected\\n')\n"
            "    print(*sweep.named([job], make.TEMPLATE.read_text()))\n"
        )
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        options = {"env": environment, "cwd": tmp_path, "text": True}
        command = [sys.executable, "names.py", *touched]
        names = subprocess.check_output(command, **options).split()
        again = [before != after for before, after in itertools.pairwise(names)]
        assert dict(zip(touched, again)) == touched

    def test_a_notebook_without_a_result_is_not_done(self, bench, cluster):
        bench.write(result="print('no result')")
        bench.models(a=GOOD)
        [row] = bench.sweep(cluster)
        assert row["state"] == "failed" and "without a result" in row["failure"]


class TestWhatGoesWrong:
    def test_the_table_is_whole_though_a_worker_was_killed_half_way(self, bench, cluster):
        bench.models(a=GOOD, killer=ONCE + DEATH.format("os.getppid()"), b=GOOD, c=GOOD)
        table = bench.sweep(cluster)
        assert states(table) == dict.fromkeys(["a", "killer", "b", "c"], "done") and len(table) == 8
        names, kernels = zip(*bench.executed())
        assert names == ("a", "b", "c", "killer", "killer") and all(map(gone, kernels))

    def test_a_job_with_too_much_memory_is_stopped_and_the_others_are_fine(self, bench, cluster):
        # Half of it is in a child of the kernel, as in the template.
        half = "import os, subprocess, sys, time; held = os.urandom(1000) * 350_000; "
        child = f"{half} subprocess.run([sys.executable, '-c', {half + FOR_EVER!r}])"
        bench.models(large=child, a=GOOD, b=GOOD)
        table = bench.sweep(cluster)
        assert states(table) == {"large": "failed", "a": "done", "b": "done"}
        assert (
            "needs more memory than a worker may have" in table[0]["failure"]
            and "limit 0.6 GB" in table[0]["failure"]
        )
        assert table[0]["job_mb"] >= 600 > max(row["job_mb"] for row in table[1:])

    def test_a_kernel_that_dies_is_a_failed_job(self, bench, cluster):
        bench.models(dies="os.abort()", a=GOOD)
        table = bench.sweep(cluster)
        assert (
            states(table) == {"dies": "failed", "a": "done"}
            and "the kernel died" in table[0]["failure"]
        )

    def test_an_interrupted_sweep_keeps_what_is_done_and_goes_on_from_there(self, bench, cluster):
        """In its own cluster, and as from a terminal: the signal goes to its workers, too."""
        bench.models(a=AFTER, b=ONCE + FOR_EVER)
        code = (
            "import sys; from pathlib import Path; from hub_to_tflite import __main__;"
            "from hub_to_tflite.report import make; make.TEMPLATE = Path(sys.argv.pop(1));"
            "sys.exit(__main__.main())"
        )
        command = [sys.executable, "-c", code, bench.notebook, "sweep", bench.grid]
        command += ["--workers", "2", "--out", bench.results.parent]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen(command, cwd=ROOT, start_new_session=True, **pipes) as process:
            assert any("1/2 done" in line for line in process.stdout)
            os.killpg(process.pid, signal.SIGINT)
            _, said = process.communicate(timeout=120)
        assert process.returncode == 130 and "nterrupted" in said and said.count("\n") == 1
        table = pyarrow.parquet.read_table(bench.results / "results.parquet")
        assert table["state"].to_pylist() == ["done", "done", "not run"]
        names, kernels = zip(*bench.executed())
        assert names == ("a", "b") and all(map(gone, kernels))
        assert states(bench.sweep(cluster)) == {"a": "done", "b": "done"} and bench.names() == ["b"]

    def test_the_workers_of_others_are_free_again_after_an_interrupt(
        self, bench, cluster, monkeypatch
    ):
        write = sweep.cache.write

        def interrupted(*given):
            write(*given)
            raise KeyboardInterrupt

        monkeypatch.setattr(sweep.cache, "write", interrupted)
        bench.models(a=AFTER, b=ONCE + FOR_EVER)
        with pytest.raises(KeyboardInterrupt):
            bench.sweep(cluster)
        names, kernels = zip(*bench.executed())
        assert names == ("a", "b") and all(map(gone, kernels))
        assert (
            pyarrow.parquet.read_table(bench.results / "results.parquet")["state"].to_pylist()[-1]
            == "not run"
        )


class TestAnExistingScheduler:
    """The dask commands of the docstring; the other tests use a scheduler by its address, too."""

    @pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://x", "127.0.0.1"])
    def test_a_wrong_address_is_one_message(self, bench, address, monkeypatch, capsys):
        monkeypatch.setattr(sweep, "PATIENCE", 1)
        bench.models(a=GOOD)
        with pytest.raises(
            sweep.SweepError, match="^No dask scheduler answers at .*Found: .+ Start one"
        ):
            bench.sweep(address)
        assert not bench.results.exists()

    def test_workers_in_another_state_of_the_project_are_refused(self, bench, cluster, monkeypatch):
        bench.models(a=GOOD)
        monkeypatch.setattr(sweep.importlib.metadata, "version", lambda _: "1.0")
        words = r"Found: tcp://\S+ tensorflow \S+ \(here 1.0\), .* Start them"
        with pytest.raises(sweep.SweepError, match=words):
            bench.sweep(cluster)
        assert not bench.results.exists()

    @pytest.mark.all
    def test_one_needs_workers_and_may_go_away(self, bench, monkeypatch):
        """The commands that the messages name."""
        options = ["--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0"]
        with dask("scheduler", "--port", "0", *options) as scheduler:
            address = next(line.split()[-1] for line in scheduler.stderr if "Scheduler at:" in line)
            bench.models(a=GOOD, b=DEATH.format(scheduler.pid))
            monkeypatch.setattr(sweep, "PATIENCE", 1)
            with pytest.raises(sweep.SweepError, match="Found: no worker after 1 s"):
                bench.sweep(address)
            monkeypatch.setattr(sweep, "PATIENCE", 60)
            with dask(
                "worker",
                address,
                "--nthreads",
                "1",
                *options,
                "--local-directory",
                str(bench.folder),
            ):
                with pytest.raises(sweep.SweepError, match="The scheduler is gone. Found: 1 that"):
                    bench.sweep(address)
        kept = pyarrow.parquet.read_table(bench.results / "results.parquet")
        assert kept["state"].to_pylist() == ["done", "done", "not run"]
        assert all(gone(kernel) for _, kernel in bench.executed())
