"""The project around the lessons: set-up, Colab, the run tool, and one place for each fact."""

import contextlib
import hashlib
import importlib.metadata
import io
import json
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import nbformat
import pytest

from helpers.course import colab as colab_helper
from tools.course import notebooks, readme, run, set_up

ROOT = notebooks.FOLDER.parent
TRACKED = [
    ROOT / name
    for name in subprocess.check_output(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, text=True
    ).splitlines()
]


class TestOnePlaceForEachFact:
    def test_the_address_is_the_same_everywhere(self):
        repository = readme.address().rpartition("/")[0]
        for path in TRACKED:
            if path.exists() and path.suffix in (".md", ".py", ".ipynb", ".yml", ".toml"):
                for found in re.findall(
                    r"https://github\.com/hub-to-tflite[\w/-]*", path.read_text(encoding="utf-8")
                ):
                    assert found == readme.address(), (path, repository)
        assert readme.address() in (ROOT / "tools" / "course" / "colab_cell.py").read_text()

    def test_the_supported_pythons_are_the_same_everywhere(self):
        oldest, newest = (f"{major}.{minor}" for major, minor in (set_up.OLDEST, set_up.NEWEST))
        beyond = f"3.{set_up.NEWEST[1] + 1}"
        assert f'requires-python = ">={oldest},<{beyond}"' in (ROOT / "pyproject.toml").read_text()
        assert f"Python {oldest} to {newest}" in readme.README.read_text(encoding="utf-8")
        tested = re.search(
            r"python: \[(.*)\]", (ROOT / ".github" / "workflows" / "test.yml").read_text()
        )[1]
        assert json.loads(f"[{tested}]") == [
            f"3.{minor}" for minor in range(set_up.OLDEST[1], set_up.NEWEST[1] + 1)
        ]
        assert (ROOT / "binder" / "runtime.txt").read_text().strip().removeprefix(
            "python-"
        ) in tested

    def test_the_lock_holds_every_requirement_with_hashes(self):
        lock = (ROOT / "requirements.lock").read_text()
        locked = set(re.findall(r"^([\w.-]+)==", lock, re.MULTILINE))
        for name in re.findall(r"^[\w.-]+", (ROOT / "requirements.txt").read_text(), re.MULTILINE):
            assert re.sub(r"[._]", "-", name).lower() in locked, f"{name} is not locked: make lock"
        assert lock.count("==") and not re.search(r"==\S+( ;[^\\\n]*)?\n(?!\s+--hash)", lock)
        assert "://" not in lock

    def test_the_locks_agree_on_the_files_of_what_they_share(self):
        files = {}  # one lock from an index that has only this system's wheels would differ
        for path in sorted(ROOT.glob("requirements*.lock")):
            lock = path.read_text()
            assert "# via -r /" not in lock and "#   -r /" not in lock
            for found in re.finditer(r"^(\S+==\S+).*((?:\n +--hash=\S+.*)+)", lock, re.MULTILINE):
                hashes = set(re.findall(r"--hash=(\S+)", found[2]))
                assert files.setdefault(found[1], hashes) == hashes, f"{path.name}: {found[1]}"
        assert len(files) > 200

    def test_the_first_lesson_checks_for_the_locked_versions(self):
        cells = [cell.source for cell in nbformat.read(notebooks.every()[0], 4).cells]
        (source,) = [source for source in cells if "tested = {" in source]
        lock = (ROOT / "requirements.lock").read_text()
        tested = re.findall(r'"([\w-]+)": "([\d.]+)"', source)
        assert len(tested) >= 5
        for name, version in tested:
            locked = re.findall(rf"^{name.replace('_', '-')}==(\S+)", lock, re.MULTILINE)
            assert locked and all(f"{found}.".startswith(f"{version}.") for found in locked), name

    def test_what_would_weigh_on_every_kernel_is_not_installed(self):
        assert not re.search(
            r"^(scikit-learn|pandas)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE
        )

    def test_the_style_is_kept(self):
        subprocess.run([sys.executable, "-m", "ruff", "check", "."], cwd=ROOT, check=True)
        subprocess.run(
            [sys.executable, "-m", "ruff", "format", "--check", "."], cwd=ROOT, check=True
        )


class TestSetUp:
    @pytest.mark.parametrize("version", [(3, 9), (3, 14)])
    def test_an_unsupported_python_gets_one_sentence(self, version, monkeypatch):
        monkeypatch.setattr(set_up.sys, "version_info", (*version, 0))
        with pytest.raises(
            SystemExit, match=f"3.10 to 3.13, and this is Python {version[0]}.{version[1]}"
        ):
            set_up.check_machine()

    def test_an_intel_mac_gets_one_sentence(self, monkeypatch):
        monkeypatch.setattr(set_up.sys, "platform", "darwin")
        monkeypatch.setattr(set_up.platform, "machine", lambda: "x86_64")
        with pytest.raises(SystemExit, match="no build for Intel Macs"):
            set_up.check_machine()

    def test_a_missing_venv_module_gets_one_sentence(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "ensurepip", None)
        with pytest.raises(SystemExit, match=r"apt install python3\.\d+-venv"):
            set_up.check_machine()

    def test_bare_make_prints_the_targets(self):
        said = subprocess.check_output(["make"], cwd=ROOT, text=True)
        assert all(
            f"make {target} " in said
            for target in ("run", "test", "lab", "refresh", "models", "lock", "clean")
        )

    def test_what_binder_checks_at_the_end_of_its_build_holds_here(self):
        line = next(
            line
            for line in (ROOT / "binder" / "postBuild").read_text().splitlines()
            if " -c " in line
        )
        subprocess.run(
            [sys.executable, "-c", line.partition(' -c "')[2].rstrip('"')],
            check=True,
            capture_output=True,
        )


def wheel(folder, name, version, requires=""):
    """Write a wheel that holds nothing but its own metadata, as a stand-in for a real package."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{module}-{version}-py3-none-any.whl", "w") as file:
        file.writestr(
            f"{info}/METADATA",
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{requires}",
        )
        file.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        file.writestr(f"{info}/RECORD", "")


def uv_wheel(folder):
    """Pack the installed uv into a wheel again."""
    uv = importlib.metadata.distribution("uv")
    path = folder / f"uv-{uv.version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as file:
        for part in uv.files:
            if part.suffix != ".pyc":
                inside = f"uv-{uv.version}.data/scripts/uv" if part.name == "uv" else str(part)
                if not inside.startswith(".."):
                    file.write(part.locate(), inside)


class TestSetUpFromAFolderOfWheels:
    """The whole of set_up.py in another checkout, with no index and two small packages."""

    @pytest.fixture
    def set_up_there(self, tmp_path):
        checkout, index = tmp_path / "a checkout", tmp_path / "index"
        (checkout / "tools" / "course").mkdir(parents=True)
        index.mkdir()
        shutil.copy(set_up.__file__, checkout / "tools" / "course")
        (checkout / "pyproject.toml").write_text(
            "[build-system]\nrequires = []\nbackend-path = ['.']\nbuild-backend = 'backend'\n"
        )
        (checkout / "backend.py").write_text(
            "def build_editable(folder, *_):\n"
            "    import pathlib, shutil\n"
            "    wheel = next(pathlib.Path(__file__).parent.glob('*.whl'))\n"
            "    return shutil.copy(wheel, folder).rpartition('/')[2]\n"
        )
        wheel(checkout, "course", "1.0")
        wheel(index, "planted", "1.0")

        def run_it(hashes=None):
            """Lock what lies in the index; return the exit status, what was said, installers."""
            lock = ""
            for file in index.iterdir():
                name, version = file.name.split("-")[:2]
                digest = (hashes or {}).get(name) or hashlib.sha256(file.read_bytes()).hexdigest()
                lock += f"{name}=={version} \\\n    --hash=sha256:{digest}\n"
            (checkout / "requirements.lock").write_text(lock)
            offline = {
                "PIP_NO_INDEX": "1",
                "PIP_FIND_LINKS": str(index),
                "PIP_CONFIG_FILE": os.devnull,
            }
            done = subprocess.run(
                [sys.executable, checkout / "tools" / "course" / "set_up.py"],
                env={**os.environ, **offline, "UV_CACHE_DIR": str(tmp_path / "cache")},
                capture_output=True,
                text=True,
            )
            installers = {
                path.parent.name.partition("-")[0]: path.read_text().strip()
                for path in checkout.glob(".venv/lib/*/site-packages/*/INSTALLER")
            }
            return done.returncode, done.stdout + done.stderr, installers

        run_it.index = index
        return run_it

    def test_uv_installs_with_what_pip_is_told_about_indexes(self, set_up_there):
        uv_wheel(set_up_there.index)
        status, said, installers = set_up_there()
        assert status == 0, said
        assert installers["uv"] == "pip" and installers["planted"] == installers["course"] == "uv"

    def test_pip_takes_over_where_uv_cannot_be_had(self, set_up_there):
        status, said, installers = set_up_there()
        assert status == 0, said
        assert installers["planted"] == "pip" and "so pip does" in said

    def test_a_package_with_another_hash_is_not_installed(self, set_up_there):
        uv_wheel(set_up_there.index)
        status, said, installers = set_up_there(hashes={"planted": "0" * 64})
        assert status != 0 and "planted" not in installers and "hash" in said.lower()


class TestColab:
    @pytest.fixture(scope="class")
    @staticmethod
    def colab(tmp_path_factory):
        """A bare environment with an older TensorFlow, as Colab has it, and an index on disk."""
        folder = tmp_path_factory.mktemp("colab")
        index = folder / "index"
        index.mkdir()
        for version in ("2.19.0", "2.21.0"):
            wheel(index, "tensorflow", version)
            wheel(index, "tf_keras", version, f"Requires-Dist: tensorflow=={version}\n")
        names = " ".join([colab_helper.ALL, *colab_helper.MORE.values()]).split()
        locked = re.findall(r"^([\w.-]+)==([^\s;]+)", colab_helper.LOCK.read_text(), re.MULTILINE)
        for name, version in locked:
            if name in names and name != "tf-keras":
                wheel(index, name, version)
                wheel(index, name, "99.0")  # a release of tomorrow
        venv.create(folder / "env", with_pip=True)
        python = folder / "env" / "bin" / "python"
        environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("PIP_", "PYTHONPATH"))
            },
            **{"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(index), "PIP_CONFIG_FILE": os.devnull},
            # git takes the public address, and finds this checkout behind it.
            **{"GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": f"url.{ROOT.as_uri()}.insteadOf"},
            **{
                "GIT_CONFIG_VALUE_0": readme.address(),
                "GIT_CONFIG_KEY_1": "safe.directory",
                "GIT_CONFIG_VALUE_1": "*",
            },
        }
        subprocess.run(
            [python, "-m", "pip", "install", "-q", "tensorflow==2.19.0", "numpy"],
            env=environment,
            check=True,
        )

        def cell(before):
            """Run the bootstrap cell after `before`; return what it printed, and what is there."""
            cell = (ROOT / "tools" / "course" / "colab_cell.py").read_text()
            code = f"{before}\n{cell.replace('{lesson}', '21')}"
            done = subprocess.run(
                [python, "-c", code], env=environment, cwd=folder, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr
            frozen = subprocess.check_output(
                [python, "-m", "pip", "freeze"], env=environment, text=True
            )
            return done.stdout, set(frozen.split()), folder

        return cell

    def test_elsewhere_it_does_nothing(self, colab):
        said, installed, folder = colab("")
        assert (
            said == ""
            and installed == {"tensorflow==2.19.0", "numpy==99.0"}
            and not (folder / "course").exists()
        )

    def test_there_it_fetches_the_course_and_installs_what_is_missing_but_never_tensorflow(
        self, colab
    ):
        there = "import sys, types; sys.modules['google.colab'] = types.ModuleType('google.colab')"
        said, installed, folder = colab(there)
        assert "tensorflow-hub" in said and "numpy" not in said
        assert {"tensorflow==2.19.0", "tf_keras==2.19.0"} <= installed
        new = [one for one in installed if one.startswith(("ai-edge-litert", "litert-quantizer"))]
        assert len(new) == 2 and not any(one.endswith("==99.0") for one in new)
        assert not any(one.startswith(("papermill", "ipycanvas")) for one in installed)
        assert (folder / "course" / "helpers" / "tinyhub.py").exists()
        said, again, _ = colab(there)
        assert said == "" and again == installed


CHILD = """
import subprocess, sys
hold = "import time; x = bytearray(b'1') * 300_000_000; time.sleep(4)"
subprocess.run([sys.executable, "-c", hold], check=True)
"""


class TestRun:
    """`make run` on three small notebooks: the second fails, the third starts a large process."""

    @pytest.fixture(scope="class")
    @staticmethod
    def ran(tmp_path_factory):
        """The folder that `make run` wrote, what it printed, and its exit status."""
        folder = tmp_path_factory.mktemp("lessons")
        cell = nbformat.v4.new_code_cell
        sources = {
            "00_one": [cell("print('the ledger')", metadata={"tags": ["parity-ledger"]})],
            "01_two": [cell("1 + 1"), cell("raise ValueError('planted')")],
            "02_three": [cell(CHILD)],
        }
        for name, cells in sources.items():
            title = nbformat.v4.new_markdown_cell(f"# About {name}\n\nSee [one](00_one.ipynb).")
            nbformat.write(
                nbformat.v4.new_notebook(cells=[title, *cells]), folder / f"{name}.ipynb"
            )
        said = io.StringIO()
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said):
            patch.setattr(notebooks, "FOLDER", folder)
            patch.setattr(run, "OUT", folder / "out")
            with pytest.raises(SystemExit) as ended:
                run.main([])
        return folder / "out", said.getvalue(), ended.value.code

    def test_a_failure_stops_nothing_and_is_named_at_the_end(self, ran):
        out, said, status = ran
        assert status == 1 and "the ledger" in said
        assert said.strip().splitlines()[-1] == "FAILED 01_two, cell 3: ValueError: planted"
        summary = json.loads((out / "summary.json").read_text())
        assert [row["notebook"] for row in summary] == ["00_one", "01_two", "02_three"]
        assert summary[2]["error"] is None
        assert 'href="00_one.html"' in (out / "02_three.html").read_text()
        assert (out / "index.html").read_text().count("<tr>") == 3

    def test_the_memory_is_that_of_the_kernel_and_all_that_it_starts(self, ran):
        peaks = [row["peak_mb"] for row in json.loads((ran[0] / "summary.json").read_text())]
        # A kernel's own share depends on what runs beside it.
        assert 200 < peaks[2] - peaks[0] < 400

    def test_the_longest_lesson_begins_and_memory_limits_how_many_run(self, monkeypatch):
        paths = [Path("a.ipynb"), Path("b.ipynb"), Path("new.ipynb")]
        first = run.longest_first(paths, {"a": [3, 900], "b": [40, 900]})
        assert [path.stem for path in first] == ["new", "b", "a"]
        monkeypatch.setattr(run.os, "cpu_count", lambda: 4)
        for free, expected in ((1e9, 1), (3.9e9, 1), (6e9, 3), (64e9, 4)):
            monkeypatch.setattr(run.memory, "free", lambda free=free: free)
            assert run.jobs() == expected

    def test_a_page_fetches_nothing(self, ran):
        assert not re.search(r"""(src|href)=["']?https?:""", (ran[0] / "00_one.html").read_text())

    def test_a_page_holds_its_images(self, tmp_path):
        (tmp_path / "docs").mkdir()
        (tmp_path / "docs" / "one.png").write_bytes(b"\x89PNG")
        title = nbformat.v4.new_markdown_cell("# One\n\n![one](../docs/one.png)")
        nbformat.write(nbformat.v4.new_notebook(cells=[title]), tmp_path / "00_one.ipynb")
        run.render(tmp_path / "00_one.ipynb", tmp_path / "notebooks")
        assert 'src="data:image/png;base64,' in (tmp_path / "00_one.html").read_text()
