"""What all tests need: the network shut, an own cache, and the real models where they are."""

import atexit
import json
import os
import re
import runpy
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

from helpers import tinyhub

ROOT = Path(__file__).resolve().parent
LONG = {  # seconds on one core
    "test_sweep.py": 80,
    "test_errors.py": 55,
    "test_hub.py": 50,
    "test_check.py": 38,
    "test_project.py": 36,
    "test_report.py": 33,
    "test_command.py": 30,
    "test_doctor.py": 40,
    "test_pages.py": 40,
    "test_web.py": 26,
    "test_handles.py": 24,
}
SHARING = ("test_web.py", "test_doctor.py", "test_pages.py", "test_hub.py")  # a browser or a server
OFFLINE = str(ROOT / "tests" / "offline")

# In the environment before xdist starts its workers, and so in every kernel.
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [OFFLINE, os.environ.get("PYTHONPATH")]))
os.environ.update(
    dict.fromkeys(["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"], "http://127.0.0.1:9")
)
os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1,localhost"
if "HUB_TO_TFLITE_TEST_CACHE" not in os.environ:
    os.environ["HUB_TO_TFLITE_TEST_CACHE"] = tempfile.mkdtemp(prefix="hub-to-tflite-test-")
    atexit.register(shutil.rmtree, os.environ["HUB_TO_TFLITE_TEST_CACHE"], ignore_errors=True)
os.environ["HUB_TO_TFLITE_CACHE"] = os.environ["HUB_TO_TFLITE_TEST_CACHE"]
os.environ.pop("TFHUB_CACHE_DIR", None)
# A shell's background job ignores Ctrl+C, and so would every child.
signal.signal(signal.SIGINT, signal.default_int_handler)
# Children find the file by its name. This process may have another: Debian has one.
runpy.run_path(str(Path(OFFLINE, "sitecustomize.py")))


def pytest_addoption(parser):
    """Add --all."""
    parser.addoption("--all", action="store_true", help="run the tests marked `all`, too")


def pytest_configure(config):
    """Register the mark `all`."""
    config.addinivalue_line("markers", "all: long, and a shorter one is like it; needs --all")


def pytest_collection_modifyitems(config, items):
    """Leave out what only --all runs; put first what takes longest, so that no worker ends late."""
    if not config.getoption("--all"):
        config.hook.pytest_deselected(items=[one for one in items if one.get_closest_marker("all")])
        items[:] = [one for one in items if not one.get_closest_marker("all")]
    if sys.version_info < (3, 11):
        why = "lesson 35 needs Keras 3.13, which needs Python 3.11"
        for item in items:
            if "35_convert_from_keras_3" in item.nodeid:
                item.add_marker(pytest.mark.skip(reason=why))
    measured = json.loads((ROOT / "docs" / "measured.json").read_text())

    def seconds(item):
        lesson = re.search(r"\d\d_\w+(?=\.ipynb| with |-|\])", item.nodeid)
        whole = measured.get(lesson[0], [0])[0] if lesson else LONG.get(item.path.name, 0)
        return whole if item.path.suffix == ".ipynb" or not lesson else whole / 2

    items.sort(key=seconds, reverse=True)


def pytest_xdist_make_scheduler(config, log):
    """Hand work to the workers in groups, in the order above.

    The cells of a notebook share a kernel, and the tests of a class or file share fixtures; but
    those that execute a lesson share nothing. The tests of pages share a browser.
    """
    config.option.loadscopereorder = False

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            if "TestOtherModels" in nodeid or "TestYourTurn" in nodeid:
                return nodeid
            if ".ipynb::" in nodeid or nodeid.partition("::")[0].endswith(SHARING):
                return nodeid.partition("::")[0]
            return super()._split_scope(nodeid)

    return Groups(config, log)


def real_models(*names: str) -> Path:
    """Return a path in the folder of real third-party models; skip the test where there is none.

    HUB_TO_TFLITE_REAL_MODELS names the folder, which has hub/, tflite/, odd/ and photos/.
    """
    folder = os.environ.get("HUB_TO_TFLITE_REAL_MODELS")
    if not folder:
        pytest.skip("HUB_TO_TFLITE_REAL_MODELS names no folder of real models (CONTRIBUTING.md)")
    if not Path(folder).is_dir():
        pytest.skip(f"HUB_TO_TFLITE_REAL_MODELS names {folder}, which is not a folder")
    return Path(folder, *names)


@pytest.fixture(scope="session")
def real_hub():
    """The address of a loopback hub that serves the real models; skips where there are none."""
    return tinyhub.serve(real_models("hub"), ports=[0])


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """An empty tensorflow_hub cache for one test; returns its folder."""
    monkeypatch.setenv("TFHUB_CACHE_DIR", str(tmp_path / "tfhub"))
    return tmp_path / "tfhub"
