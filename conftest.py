"""What all tests need: the network shut, an own cache, and the real models where they are."""

import atexit
import os
import runpy
import shutil
import tempfile
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

from helpers import tinyhub

ROOT = Path(__file__).resolve().parent
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
# Children find the file by its name. This process may have another: Debian has one.
runpy.run_path(str(Path(OFFLINE, "sitecustomize.py")))


def pytest_xdist_make_scheduler(config, log):
    """Hand work to the two workers: a notebook whole, since its cells share a kernel, and the page's tests, since they
    share a browser; else each test by itself."""

    class ByNotebook(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return (
                nodeid.partition("::")[0]
                if ".ipynb::" in nodeid or "test_web.py::" in nodeid
                else nodeid
            )

    return ByNotebook(config, log)


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
