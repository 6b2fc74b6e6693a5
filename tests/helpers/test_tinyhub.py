"""The loopback hub: what it serves, and what it must never serve."""

import http.client
import io
import socket
import subprocess
import sys
import tarfile
from urllib.error import HTTPError
from urllib.request import urlopen

import psutil
import pytest

from helpers import handles, tinyhub


@pytest.fixture(scope="module")
def address():
    return tinyhub.serve(ports=[0])


def test_one_handle_has_three_answers(address):
    handle = f"{address}/{handles.DEFAULT}"
    with urlopen(f"{handle}?tf-hub-format=compressed") as answer:
        members = tarfile.open(fileobj=io.BytesIO(answer.read())).getnames()
        assert answer.headers["Content-Type"] == "application/gzip" and "saved_model.pb" in members
    with urlopen(f"{handle}?lite-format=tflite") as answer:
        assert answer.read()[4:8] == b"TFL3"
    with urlopen(handle) as answer:
        assert answer.headers["Content-Type"].startswith("text/html")
        page = answer.read()
        assert page.startswith(b"<!DOCTYPE html>") and b"Held-out accuracy" in page


@pytest.mark.parametrize(
    "path",
    [
        "/digits/mobilenet_v2/classification/2?tf-hub-format=compressed",
        "/digits/mobilenet_v2/feature_vector/1?lite-format=tflite",
        "/digits/mobilenet_v2/classification/2",
        "/../pyproject?tf-hub-format=compressed",
        "/%2e%2e/%2e%2e/etc/passwd%00?lite-format=tflite",
        "/digits/mobilenet_v2/classification/1.md",
    ],
)
def test_what_is_not_published_is_a_plain_404(path, address):
    with pytest.raises(HTTPError, match="404"):
        urlopen(address + path)


def test_no_path_leads_out_of_the_folder(tmp_path):
    (tmp_path / "secret.tflite").write_bytes(b"secret")
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "link.tflite").symlink_to(tmp_path / "secret.tflite")
    port = int(tinyhub.serve(tmp_path / "hub", ports=[0]).rpartition(":")[2])
    for path in ("/../secret", "/%2e%2e/secret", "//secret", "/a/../../secret", "/link"):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", f"{path}?lite-format=tflite")
        assert connection.getresponse().status == 404


def test_it_listens_on_loopback_only(address):
    port = int(address.rpartition(":")[2])
    outside = socket.socket()
    outside.bind(("127.0.0.2", port))  # would fail if the hub listened on every address
    outside.close()


def test_each_hub_has_a_port_to_itself():
    first, second = tinyhub.serve(), tinyhub.serve()
    assert first != second
    port = int(first.rpartition(":")[2])
    with pytest.raises(OSError, match="No port"):
        tinyhub.serve(ports=[port])
    assert tinyhub.serve(ports=[port, 0]) != first


def test_the_digest_changes_with_a_model(tmp_path):
    (tmp_path / "1.tar.gz").write_bytes(b"one")
    before = tinyhub.digest(tmp_path)
    (tmp_path / "1.tar.gz").write_bytes(b"two")
    assert tinyhub.digest(tmp_path) != before


def test_all_archives_together_stay_small():
    assert (
        sum(path.stat().st_size for path in tinyhub.EMBEDDED.rglob("*") if path.is_file())
        <= 6_000_000
    )


def test_the_embedded_hub_is_a_process_of_its_own_and_ends_with_its_kernel():
    code = "from helpers import tinyhub; print(tinyhub.serve_once(), tinyhub._running[0].pid)"
    address, process = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert address.startswith("http://127.0.0.1:")
    psutil.wait_procs(
        [psutil.Process(int(process))] if psutil.pid_exists(int(process)) else [], timeout=20
    )
    assert (
        not psutil.pid_exists(int(process))
        or psutil.Process(int(process)).status() == psutil.STATUS_ZOMBIE
    )
