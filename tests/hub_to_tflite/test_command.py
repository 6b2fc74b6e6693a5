"""The command hub-to-tflite, run as a user runs it: exit statuses, bad input, JSON."""

import fnmatch
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from setuptools import find_packages

import hub_to_tflite
from helpers import tinyhub
from hub_to_tflite import __main__ as command

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
MODEL = tinyhub.EMBEDDED / "digits/mobilenet_v2/classification/1.tflite"
KNOWN = "RuntimeError: Encountered unresolved custom op: Atanh."
COMMANDS = ("identify", "explain", "check", "report", "sweep")


def run(*arguments, before="", after="", **options):
    """Run the command in a shell, with `before` and `after` around it."""
    line = f'{before} "$0" -m hub_to_tflite "$@" {after}'
    options = {"capture_output": True, "text": True, "cwd": ROOT, "timeout": 300} | options
    return subprocess.run(["bash", "-c", line, sys.executable, *map(str, arguments)], **options)


def assert_one_sentence(done, status):
    """One line on standard error, nothing else on the screen, and the exit status."""
    assert done.returncode == status, done
    assert not done.stdout
    [line] = done.stderr.splitlines()
    assert re.fullmatch(r"hub-to-tflite: \S.*\.", line), line


@pytest.fixture
def model(tmp_path):
    """A sound .tflite under a name with spaces and umlauts."""
    return Path(shutil.copy(MODEL, tmp_path / "mein schönes Modell (größer).tflite"))


@pytest.fixture
def bad(tmp_path):
    """A function that makes one kind of bad input, and returns its path."""

    def make(kind):
        path = tmp_path / f"{kind}.tflite"
        if kind == "folder":
            path.mkdir()
        elif kind == "empty":
            path.touch()
        elif kind == "half":
            path.write_bytes(MODEL.read_bytes()[: MODEL.stat().st_size // 2])
        elif kind == "fifo":
            os.mkfifo(path)
        elif kind == "device":
            path.symlink_to("/dev/zero")
        elif kind == "dangling":
            path.symlink_to(tmp_path / "nowhere")
        elif kind == "loop":
            path.symlink_to(path)
        return path

    return make


@pytest.fixture
def full_disk(tmp_path):
    """A folder on a disk that has no room left. Skips where none can be mounted."""
    folder = tmp_path / "full"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no disk can be mounted here; root may")
    try:
        with open(folder / "filler", "wb") as file, pytest.raises(OSError):
            while True:
                os.write(file.fileno(), bytes(4096))
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


class TestHelp:
    @pytest.mark.parametrize("name", COMMANDS)
    def test_each_subcommand_tells_its_exit_statuses(self, name):
        done = run(name, "--help")
        assert done.returncode == 0 and not done.stderr
        statuses = done.stdout.partition("exit status:")[2]
        assert re.findall(r"^ +(\d+) +\w", statuses, re.MULTILINE) == ["0", "1", "2", "130"]

    def test_the_help_lists_every_subcommand(self):
        said = run("--help").stdout
        assert re.findall(r"^    (\w+) ", said, re.MULTILINE) == list(COMMANDS)

    def test_the_version_is_the_packages(self):
        assert run("--version").stdout == f"hub-to-tflite {hub_to_tflite.__version__}\n"

    @pytest.mark.parametrize(
        "arguments",
        [(), ("identify",), ("open", "x"), ("check", "--fast", "x"), ("sweep", "g", "--workers=0")],
    )
    def test_a_wrong_command_line_is_a_usage_error(self, arguments):
        done = run(*arguments)
        assert done.returncode == 2 and done.stderr.startswith("usage: hub-to-tflite")


class TestImports:
    def loaded(self, *arguments):
        """The packages that a subcommand has loaded when it's done."""
        code = (
            "import sys\nfrom hub_to_tflite.__main__ import main\n"
            "if sys.argv[1:]: main()\n"
            "print({name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
        )
        return set(re.findall(r"'(\w+)'", done.stderr.splitlines()[-1]))

    def test_the_command_itself_loads_nothing_heavy(self):
        assert not self.loaded() & {"numpy", "yaml", "tensorflow", "ai_edge_litert", "helpers"}

    def test_explain_loads_no_numpy(self):
        loaded = self.loaded("explain", KNOWN)
        assert "yaml" in loaded and not loaded & {"numpy", "tensorflow", "ai_edge_litert"}

    def test_identify_loads_no_numpy(self):
        loaded = self.loaded("identify", MODEL)
        assert "hub_to_tflite" in loaded and not loaded & {"numpy", "tensorflow", "ai_edge_litert"}

    def test_check_loads_no_tensorflow(self):
        assert "tensorflow" not in self.loaded("check", MODEL)


class TestIdentify:
    def test_a_file_that_someone_opens(self, model):
        done = run("identify", model)
        assert (done.returncode, done.stderr) == (0, "")
        assert str(model) in done.stdout and "LiteRT" in done.stdout

    @pytest.mark.parametrize("kind", ["folder", "empty", "half"])
    def test_what_nobody_opens_as_it_is_has_status_1(self, bad, kind):
        done = run("identify", bad(kind))
        assert (done.returncode, done.stderr) == (1, "") and f"{kind}.tflite" in done.stdout

    @pytest.mark.parametrize("kind", ["missing", "fifo", "device", "dangling", "loop"])
    def test_what_cannot_be_read_gets_one_sentence(self, bad, kind):
        assert_one_sentence(run("identify", bad(kind)), 2)

    def test_a_bad_path_does_not_stop_the_next(self, bad, model):
        done = run("identify", bad("missing"), model, bad("half"))
        assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
        assert str(model) in done.stdout and "half.tflite" in done.stdout

    def test_json_has_one_object_for_each_path(self, bad, model):
        done = run("identify", "--json", model, bad("half"), bad("missing"))
        good, half, missing = json.loads(done.stdout)
        assert done.returncode == 2
        assert (good["path"], good["what"]) == (str(model), ".tflite")
        assert half["what"] != ".tflite"
        assert missing["path"].endswith("missing.tflite") and missing["error"]

    def test_a_name_that_is_not_text(self, tmp_path):
        path = os.fsencode(tmp_path) + b"/\xff.tflite"
        shutil.copy(MODEL, path)
        done = subprocess.run(
            [sys.executable, "-m", "hub_to_tflite", "identify", path], cwd=ROOT, capture_output=True
        )
        assert (done.returncode, done.stderr) == (0, b"")


class TestExplain:
    def test_a_known_error_from_words_and_from_a_log(self):
        said = run("explain", KNOWN)
        assert said.returncode == 0 and "custom op" in said.stdout
        for dash in ((), ("-",)):
            assert run("explain", *dash, input=f"line 1\n{KNOWN}\n").stdout == said.stdout

    def test_explain_reads_a_file_that_is_named(self, tmp_path):
        log, missing = tmp_path / "a log", tmp_path / "none.txt"
        log.write_text(f"line 1\n{KNOWN}\n")
        assert run("explain", log).stdout == run("explain", KNOWN).stdout
        assert_one_sentence(run("explain", missing), 2)
        assert run("explain", f"{KNOWN} in labels.txt").returncode == 0
        log.write_text("")
        assert_one_sentence(run("explain", log), 2)

    @pytest.mark.parametrize("kind", ["folder", "empty", "fifo", "device"])
    def test_a_path_that_holds_no_message_gets_one_sentence(self, bad, kind):
        assert_one_sentence(run("explain", bad(kind)), 2)

    @pytest.mark.parametrize("text", ["hello", "\0\udcff\udc80" * 1000])
    def test_an_unknown_error_has_status_1(self, text):
        done = run("explain", input=text, errors="surrogateescape")
        assert (done.returncode, done.stderr) == (1, "") and "Not known" in done.stdout

    def test_json_says_whether_it_is_known(self):
        known, unknown = run("explain", "--json", KNOWN), run("explain", "--json", "hello")
        assert json.loads(known.stdout)["known"] is True and known.returncode == 0
        assert json.loads(unknown.stdout)["known"] is False and unknown.returncode == 1

    @pytest.mark.parametrize("after", ["</dev/null", "<&-"])
    def test_without_a_message_it_asks_for_one(self, after):
        assert_one_sentence(run("explain", after=after), 2)


class TestCheck:
    @pytest.mark.parametrize("kind", ["missing", "folder", "empty", "half", "fifo", "device"])
    def test_what_is_no_tflite_gets_one_sentence(self, bad, kind):
        assert_one_sentence(run("check", bad(kind)), 2)

    def test_json_and_status_agree(self, model):
        done = run("check", "--json", model)
        [found] = json.loads(done.stdout)
        takes = {target["name"]: target["takes"] for target in found["targets"]}
        assert list(takes) == ["Python", "microcontroller", "browser", "phone"]
        assert takes["Python"] is True and done.returncode == 0 and not done.stderr

    def test_a_file_that_no_target_takes_has_status_1(self, monkeypatch, capsys, model):
        from hub_to_tflite import targets

        report = targets.check(model)
        refused = [type(one)(one.name, False, "no") for one in report.targets]
        changed = type(report)(report.path, report.needs, tuple(refused), True)
        monkeypatch.setattr(targets, "check", lambda path, run: changed)
        assert command.main(["check", str(model)]) == 1
        assert "no" in capsys.readouterr().out


class TestReportAndSweep:
    @pytest.mark.parametrize("kind", ["missing", "folder", "empty", "half", "fifo", "device"])
    def test_a_handle_that_names_no_savedmodel(self, bad, tmp_path, kind):
        assert_one_sentence(run("report", bad(kind), "--out", tmp_path / "out"), 2)
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("option", ["--samples=nowhere", "--recipes=float31", "--tolerance=-1"])
    def test_a_parameter_that_cannot_be_used(self, option, tmp_path):
        done = run(
            "report", "digits/mobilenet_v2/classification/1", option, "--out", tmp_path / "o"
        )
        assert_one_sentence(done, 2)
        assert not (tmp_path / "o").exists()

    @pytest.mark.parametrize("kind", ["missing", "folder", "empty", "half", "fifo", "device"])
    def test_a_grid_that_is_none(self, bad, tmp_path, kind):
        assert_one_sentence(run("sweep", bad(kind), "--out", tmp_path / "out"), 2)
        assert not (tmp_path / "out").exists()

    def test_a_memory_that_is_no_size(self, tmp_path):
        assert_one_sentence(run("sweep", ROOT / "sweep.yaml", "--memory=much"), 2)

    def test_a_full_disk_leaves_no_report(self, full_disk):
        handle = "digits/mobilenet_v2/classification/1"
        options = ("--samples=10", "--recipes=float32", "--out", full_disk / "out")
        done = run("report", handle, *options)
        assert done.returncode in (1, 2) and "No space left on device" in done.stderr
        assert "Traceback" not in done.stderr
        assert [path.name for path in full_disk.iterdir()] == ["filler"]

    @pytest.mark.all
    def test_a_full_disk_stops_a_sweep(self, full_disk, tmp_path):
        (tmp_path / "grid.yaml").write_text("recipes: [float32]\nsamples: [10]\n")
        done = run("sweep", tmp_path / "grid.yaml", "--out", full_disk / "out")
        assert done.returncode == 2 and "No space left on device" in done.stderr
        assert "Traceback" not in done.stderr

    def test_without_tensorflow_it_names_what_is_missing(self, monkeypatch, capsys):
        monkeypatch.setitem(sys.modules, "hub_to_tflite.report", None)
        assert command.main(["report", "x"]) == 2
        assert "hub_to_tflite.report" in capsys.readouterr().err


PEAK = re.compile(r"\d+ MiB")  # it differs from run to run


class TestSurroundings:
    @pytest.mark.parametrize("arguments", [("identify", MODEL), ("check", MODEL)])
    def test_no_home_and_a_folder_that_cannot_be_written(self, arguments, tmp_path):
        """/proc can't be written even by root."""
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
        done = run(*arguments, cwd="/proc", env=environment)
        assert (done.returncode, done.stderr) == (0, "")
        assert PEAK.sub("", done.stdout) == PEAK.sub("", run(*arguments).stdout)

    def test_a_report_where_nothing_can_be_written(self):
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        assert_one_sentence(
            run("report", MODEL.parent / "1", cwd="/proc", env=environment),
            2,
        )

    def test_a_temporary_folder_without_room(self, full_disk):
        environment = os.environ | {"TMPDIR": str(full_disk)}
        for arguments in (("identify", MODEL), ("check", MODEL), ("explain", KNOWN)):
            done = run(*arguments, env=environment)
            assert "Traceback" not in done.stderr and done.returncode in (0, 2)
            assert [path.name for path in full_disk.iterdir()] == ["filler"]

    @pytest.mark.parametrize("arguments", [("identify", MODEL), ("check", MODEL)])
    def test_without_standard_input_all_is_as_usual(self, arguments):
        done = run(*arguments, after="<&-")
        assert (done.returncode, done.stderr) == (0, "")
        assert PEAK.sub("", done.stdout) == PEAK.sub("", run(*arguments).stdout)

    @pytest.mark.parametrize("arguments", [("identify", MODEL), ("explain", KNOWN)])
    @pytest.mark.parametrize("after", [">&-", ">/dev/full"])
    def test_where_output_goes_nowhere_a_sentence_says_so(self, arguments, after):
        assert_one_sentence(run(*arguments, after=after), 2)

    def test_without_standard_error_the_status_is_the_same(self, bad):
        done = run("identify", bad("missing"), after="2>&-")
        assert (done.returncode, done.stdout, done.stderr) == (2, "", "")

    @pytest.mark.parametrize("arguments", [("identify", MODEL), ("explain", KNOWN)])
    def test_a_reader_that_goes_away_is_no_error(self, arguments):
        done = run(*arguments, after="| true; echo ${PIPESTATUS[0]}", before="trap '' PIPE;")
        assert done.stdout in ("141\n", "0\n") and not done.stderr

    def test_output_into_a_closed_pipe_has_status_141(self):
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run(
            [sys.executable, "-m", "hub_to_tflite", "identify", MODEL],
            cwd=ROOT,
            stdout=write,
            stderr=subprocess.PIPE,
        )
        os.close(write)
        assert (done.returncode, done.stderr) == (141, b"")

    def test_ctrl_c_has_status_130(self):
        """While it reads standard input, which stays open until the interrupt has come."""
        program = subprocess.Popen(
            [sys.executable, "-m", "hub_to_tflite", "explain"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        # More than a pipe holds: once it's through, the command is reading, and soon waits.
        program.stdin.write(b"x\n" * 2**20)
        program.stdin.flush()
        while psutil.Process(program.pid).status() != psutil.STATUS_SLEEPING:
            pass
        program.send_signal(signal.SIGINT)
        said = program.stderr.read()
        program.stdin.close()
        assert (program.wait(), said) == (130, b"hub-to-tflite: interrupted.\n")


class TestPackage:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    find = project["tool"]["setuptools"]["packages"]["find"]

    def test_the_data_files_are_installed_with_it(self):
        patterns = self.project["tool"]["setuptools"]["package-data"]
        tracked = subprocess.check_output(
            ["git", "ls-files", "helpers", "hub_to_tflite", "deploy"], cwd=ROOT, text=True
        ).splitlines()
        for path in (Path(name) for name in tracked if not name.endswith(".py")):
            package = path.parent.as_posix().replace("/", ".")
            included = [*patterns["*"], *patterns.get(package, [])]
            assert any(fnmatch.fnmatch(path.name, one) for one in included), path

    def test_its_dependencies_are_those_of_the_course(self):
        lines = (ROOT / "requirements.txt").read_text().splitlines()
        course = {line.partition("  #")[0].strip() for line in lines}
        assert set(self.project["project"]["dependencies"]) <= course

    def test_every_package_is_found(self):
        found = find_packages(str(ROOT), include=self.find["include"])
        rooms = ("helpers", "hub_to_tflite", "deploy")
        folders = {path.parent for room in rooms for path in (ROOT / room).rglob("*.py")}
        assert {path.relative_to(ROOT).as_posix().replace("/", ".") for path in folders} == {*found}
