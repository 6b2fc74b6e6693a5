"""The bundle: a folder that installs without a network, for this machine and for others."""

import hashlib
import html
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import urllib.request

import pytest

from tests.course.test_project import uv_wheel, wheel
from tools.course import bundle, set_up

[HERE] = [name for name, about in bundle.SYSTEMS.items()
          if about["machine"] == [sys.platform, platform.machine()]]  # fmt: skip
PYTHON = "{}.{}".format(*sys.version_info)
COPIED = ("bundle.py", "bundle_install.py", "bundle.html.j2", "bundle.yaml", "set_up.py")


def offline(command, folder, **more):
    """Run a command with dead proxies, and with no network at all where Linux can do that."""
    alone = ["unshare", "--map-root-user", "--net"]
    able = shutil.which("unshare") and subprocess.run([*alone, "true"]).returncode == 0
    outside = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
    return subprocess.run(
        [*alone, *command] if able else command,
        cwd=folder,
        env={**outside, **more},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone with two small packages in its lock, one of them for another system only."""
    folder = tmp_path_factory.mktemp("a clone")
    root, index = folder / "clone", folder / "index"
    (root / "tools" / "course").mkdir(parents=True)
    index.mkdir()
    for name in COPIED:
        shutil.copy(bundle.HERE / name, root / "tools" / "course")
    for name in ("tools", "tools/course"):
        (root / name / "__init__.py").touch()
    (root / "tools" / "course" / "class_copy.py").write_text("print('Your lessons are here')\n")
    (root / "pyproject.toml").write_text(
        "[build-system]\nrequires = []\nbackend-path = ['.']\nbuild-backend = 'backend'\n"
    )
    (root / "backend.py").write_text(
        "def build_editable(folder, *_):\n"
        "    import pathlib, shutil\n"
        "    wheel = next(pathlib.Path(__file__).parent.glob('*.whl'))\n"
        "    return shutil.copy(wheel, folder).rpartition('/')[2]\n"
    )
    wheel(root, "course", "1.0")
    wheel(index, "planted-one", "1.0", "Requires-Dist: planted-two\n")
    for version in ("1.0", "2.0"):
        wheel(index, "planted-two", version)
    wheel(index, "elsewhere", "1.0")
    uv_wheel(index)
    markers = {
        "planted_two-1.0": f" ; python_full_version < '{PYTHON}.3'",
        "planted_two-2.0": f" ; python_full_version >= '{PYTHON}.3'",
        "elsewhere-1.0": " ; sys_platform == 'nowhere'",
    }
    lock = ""
    for path in sorted(index.iterdir()):
        name, version = path.name.split("-")[:2]
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        marker = markers.get(f"{name}-{version}", "")
        lock += f"{name.replace('_', '-')}=={version}{marker} \\\n    --hash=sha256:{digest}\n"
    (root / "requirements.lock").write_text(lock)
    git = ["git", "-c", "user.name=one", "-c", "user.email=one@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "One"]):
        subprocess.run([*git, *command], cwd=root, check=True)
    (root / "build" / "site-parts" / "doctor").mkdir(parents=True)
    (root / "build" / "site-parts" / "doctor" / "index.html").write_text("The doctor.")
    return root, index


def made(root, index, *arguments):
    """Run the clone's bundle command with no index but a folder."""
    return subprocess.run(
        [sys.executable, "-m", "tools.course.bundle", *arguments],
        cwd=root,
        env={
            **os.environ,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": index.as_uri(),
            "PIP_CONFIG_FILE": os.devnull,
            "PYTHONPATH": "",
        },
        capture_output=True,
        text=True,
    )


class TestASmallOne:
    @pytest.fixture(scope="class")
    @staticmethod
    def folder(clone, tmp_path_factory):
        """The bundle for this machine, carried elsewhere."""
        done = made(*clone, HERE, PYTHON)
        assert done.returncode == 0, done.stderr
        name = f"from-hub-to-tflite-{HERE}-python{PYTHON}"
        assert re.search(rf"{name}: \d+ MB, 4 wheels\.", done.stdout), done.stdout
        there = tmp_path_factory.mktemp("on a stick") / "bundle"
        shutil.copytree(clone[0] / "build" / "bundle" / name, there)
        return there

    def test_it_installs_without_a_network_and_says_how_to_start(self, folder, tmp_path):
        done = offline([sys.executable, "install.py"], folder, UV_CACHE_DIR=str(tmp_path))
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Your lessons are here" in done.stdout
        assert done.stdout.splitlines()[-1].startswith("To start, in the folder course: ")
        installed = {
            path.name.split("-")[0]: path.name.split("-")[1].removesuffix(".dist")
            for path in (folder / "course" / ".venv").glob("lib/*/site-packages/*.dist-info")
        }
        later = sys.version_info[2] >= 3
        assert installed["planted_two"] == ("2.0" if later else "1.0")
        assert "planted_one" in installed and "elsewhere" not in installed

    def test_it_holds_the_committed_course_and_no_package_of_other_systems(self, folder):
        wheels = {path.name.partition("-")[0] for path in (folder / "wheels").iterdir()}
        assert wheels == {"planted_one", "planted_two", "uv"}
        assert not (folder / "course" / ".git").exists()
        told = json.loads((folder / "bundle.json").read_text())
        assert (told["platform"], told["python"]) == (HERE, PYTHON)

    def test_its_page_fetches_nothing_and_names_what_is_missing(self, folder):
        page = (folder / "START_HERE.html").read_text(encoding="utf-8")
        assert not re.search(r"(src|href)=|url\(|@import|<script", page)
        assert bundle.INTEL_MAC in page.replace("&#39;", "'") and f"Python {PYTHON}" in page

    def test_the_doctor_is_in_it_and_opens_as_its_page_says(self, folder):
        page = html.unescape((folder / "START_HERE.html").read_text(encoding="utf-8"))
        [line] = re.findall(r"^<pre>\S+ (-m http\.server .*)</pre>", page, re.MULTILINE)
        *options, port = line.split()
        with subprocess.Popen([sys.executable, "-u", *options, "0"], cwd=folder, text=True,
                              stdout=subprocess.PIPE) as server:  # fmt: skip
            address = re.search(r"http://[\d.:]+", server.stdout.readline())[0]
            assert f"http://127.0.0.1:{port}" in page and address.startswith("http://127.0.0.1:")
            assert urllib.request.urlopen(address).read() == b"The doctor."
            server.terminate()

    def test_without_a_built_doctor_its_page_is_silent_on_it(self, clone):
        shutil.rmtree(clone[0] / "build" / "site-parts")
        assert made(*clone, HERE, PYTHON).returncode == 0
        [made_there] = (clone[0] / "build" / "bundle").glob("from-hub-*")
        assert not (made_there / "doctor").exists()
        assert "octor" not in (made_there / "START_HERE.html").read_text(encoding="utf-8")

    def test_another_python_or_system_gets_one_sentence(self, folder, tmp_path):
        wrong = tmp_path / "bundle"
        shutil.copytree(folder, wrong, ignore=shutil.ignore_patterns("course", "wheels"))
        told = json.loads((wrong / "bundle.json").read_text())
        for change in ({"python": "3.99"}, {"machine": ["win32", "AMD65"]}):
            (wrong / "bundle.json").write_text(json.dumps(told | change))
            done = offline([sys.executable, "install.py"], wrong)
            assert done.returncode == 1 and not (wrong / "course").exists()
            assert done.stderr.startswith("This folder is for Python") and "Found:" in done.stderr
            assert done.stderr.count("\n") == 1

    def test_a_changed_wheel_is_not_installed(self, folder, tmp_path):
        there = tmp_path / "bundle"
        shutil.copytree(folder, there, ignore=shutil.ignore_patterns(".venv"))
        wheel(there / "wheels", "planted-one", "1.0", "Summary: changed\n")
        cache = str(tmp_path / "cache")
        done = offline([sys.executable, "install.py"], there, UV_CACHE_DIR=cache)
        assert done.returncode and "hash" in (done.stdout + done.stderr).lower()

    def test_a_package_without_a_wheel_ends_it(self, clone, tmp_path):
        root, index = clone
        less = tmp_path / "less"
        shutil.copytree(index, less, ignore=shutil.ignore_patterns("planted_two-2.0*"))
        done = made(root, less, HERE, PYTHON)
        assert done.returncode == 1 and "planted-two==2.0" in done.stderr


class TestWhatIsRefused:
    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (("macos-x86_64",), "no bundle for Intel Macs"),
            (("solaris",), "linux-x86_64, linux-aarch64, macos-arm64, windows-x64"),
            (("windows-x64", "3.9"), "3.10, 3.11, 3.12, 3.13"),
        ],
    )
    def test_with_one_sentence(self, arguments, said, tmp_path):
        with pytest.raises(bundle.BundleError, match=re.escape(said)):
            bundle.make(*arguments, out=tmp_path)

    def test_what_is_named_in_two_places_agrees(self):
        assert set(bundle.SYSTEMS) == set(bundle.PLATFORMS)
        makefile = (set_up.ROOT / "Makefile").read_text()
        assert "linux-x86_64, linux-aarch64, macos-arm64 or windows-x64" in makefile


def with_index(code):
    """Run code of the bundle module in a process with the network; skip if there's no index."""
    direct = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    done = subprocess.run(
        [sys.executable, "-c", f"from tools.course import bundle\n{code}"],
        cwd=set_up.ROOT,
        env={**direct, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
    )
    if re.search("error sending request|dns error|Connection", done.stderr):
        pytest.skip("no package index can be reached")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.all
class TestTheWholeOne:
    @pytest.mark.parametrize("name", bundle.PLATFORMS)
    def test_every_package_has_a_wheel_for_each_system_and_python(self, name):
        minors = range(set_up.OLDEST[1], set_up.NEWEST[1] + 1)
        pythons = [f"3.{minor}.{patch}" for minor in minors for patch in bundle.PATCHES]
        code = f"for python in {pythons}:\n    print(len(bundle.resolve({name!r}, python)))"
        assert all(int(count) > 100 for count in with_index(code).split())

    def test_the_one_for_this_machine_installs_offline_and_runs_the_first_lesson(self, tmp_path):
        folder = with_index(f"print(bundle.make({HERE!r}, {PYTHON!r}))").strip()
        there = tmp_path / "on a stick"
        shutil.copytree(folder, there)
        more = {"UV_CACHE_DIR": str(tmp_path / "cache")}
        done = offline([sys.executable, "install.py"], there, **more)
        assert done.returncode == 0, done.stdout + done.stderr
        python = there / "course" / ".venv" / "bin" / "python"
        lesson = there / "course" / "work" / "00_start_here.ipynb"
        command = [python, "-m", "tools.course.notebooks", lesson]
        done = subprocess.run(command, cwd=there / "course", capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "450 of 450" in lesson.read_text(encoding="utf-8")
