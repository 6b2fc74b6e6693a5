"""Bad handles, responses and caches: one plain message each, nothing left, the next try works."""

import gzip
import io
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from helpers import handles, tinyhub
from helpers.course import archive as archive_check

GOOD = (tinyhub.EMBEDDED / f"{handles.DEFAULT}.tar.gz").read_bytes()


class Hub:
    """A hub that responds as a test wants: `answer` is (status, headers, body)."""

    def __init__(self):
        hub, self.requests = self, 0
        self.asked, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()
        self.pieces = 1  # in how many pieces the body comes, with a pause after each
        self.well()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                hub.requests += 1
                status, headers, body = hub.answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                size = len(body) // hub.pieces + 1
                for start in range(0, len(body), size):
                    self.wfile.write(body[start : start + size])
                    self.wfile.flush()
                    threading.Event().wait(0.03 * (hub.pieces > 1))
                hub.asked.set()
                hub.go_on.wait(60)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.handle = f"http://127.0.0.1:{self.server.server_port}/someone/model/1"

    def well(self):
        self.answer = (200, {}, GOOD)


@pytest.fixture
def hub(own_cache):
    hub = Hub()
    yield hub
    hub.server.shutdown()


KINDS = {
    "folder": tarfile.DIRTYPE,
    "link": tarfile.SYMTYPE,
    "hard link": tarfile.LNKTYPE,
    "device": tarfile.CHRTYPE,
}


def archive(*members, **headers):
    """Return a tar.gz of (name, content or one of KINDS) members. Links go to /etc/passwd."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.pax_headers = headers
            if content in KINDS:
                info.type, info.linkname, content = KINDS[content], "/etc/passwd", b""
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def model_and(*members):
    """Return an archive that would be a model's but for these members."""
    return 200, {}, archive(("saved_model.pb", b"x"), *members)


def flipped(data, at):
    """Return `data` with one byte changed."""
    return data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


BAD_ANSWERS = {
    "missing": ((404, {}, b"no"), "HTTP Error 404"),
    "forbidden": ((403, {}, b"no"), "HTTP Error 403"),
    "broken server": ((500, {}, b"no"), "HTTP Error 500.*again later"),
    "web page": (
        (200, {"Content-Type": "text/html"}, b"<!DOCTYPE html><title>Log in</title>"),
        "not a model archive.*text/html",
    ),
    "empty": ((200, {}, b""), "not a model archive.*0 bytes"),
    "stops early": (
        (200, {"Content-Length": str(len(GOOD))}, GOOD[: len(GOOD) // 2]),
        "stopped early",
    ),
    "truncated archive": ((200, {}, GOOD[: len(GOOD) // 3]), "is damaged"),
    "last bytes missing": ((200, {}, GOOD[:-20]), "is damaged"),
    "flipped byte": ((200, {}, flipped(GOOD, len(GOOD) // 2)), "is damaged"),
    "gzip of no tar": ((200, {}, gzip.compress(b"hello" * 500)), "is damaged"),
    "one folder too deep": (
        (200, {}, archive(("model/saved_model.pb", b"x"))),
        "no saved_model.pb at its root.*model/saved_model.pb",
    ),
    "escaping member": (model_and(("../evil.txt", b"x")), "a path out of its folder"),
    "member that escapes on its way": (
        model_and(("assets/../../evil.txt", b"x")),
        "a path out of its folder",
    ),
    "escaping folder": (model_and(("../evil", "folder")), "a path out of its folder"),
    "absolute member": (model_and(("/tmp/evil.txt", b"x")), "a path out of its folder"),
    "link": (model_and(("labels.txt", "link")), "a link, a device"),
    "link, then a file through it": (
        model_and(("assets", "link"), ("assets/evil.txt", b"x")),
        "a link, a device",
    ),
    "hard link": (model_and(("labels.txt", "hard link")), "a link, a device"),
    "device": (model_and(("null", "device")), "a link, a device"),
    "no folders": (
        model_and(("variables/variables.index", b"x")),
        "could not be unpacked",
    ),
    "file under a file": (model_and(("a", b"x"), ("a/b", b"x")), "could not be unpacked"),
    "name too long": (model_and((300 * "x", b"x")), "could not be unpacked"),
    "name that tensorflow_hub refuses": (
        model_and(("..\\evil", b"x")),
        "could not be unpacked.*evil",
    ),
    "graph that is a folder": (
        (200, {}, archive(("saved_model.pb", "folder"))),
        "could not be read, twice",
    ),
    "empty archive": ((200, {}, archive()), "no saved_model.pb at its root. Found: nothing"),
    "text graph": (
        (200, {}, archive(("saved_model.pbtxt", b"x"))),
        "no saved_model.pb at its root",
    ),
    "more behind the archive": ((200, {}, GOOD + b"more"), "is damaged"),
    "no gzip": ((200, {}, gzip.decompress(GOOD)), "not a model archive"),
    "login": ((401, {}, b"no"), "HTTP Error 401.*wants a login"),
    "moved nowhere": ((301, {}, b""), "HTTP Error 301"),
    "moved in a circle": ((302, {"Location": "/someone/model/1"}, b""), "HTTP Error 302"),
    "moved to a file": ((302, {"Location": "file:///etc/passwd"}, b""), "HTTP Error 302"),
    "chunks that stop": (
        (200, {"Transfer-Encoding": "chunked"}, b"8\r\n\x1f\x8b"),
        "failed.*IncompleteRead",
    ),
    "length that is no number": ((200, {"Content-Length": "many"}, GOOD[:9]), "is damaged"),
    "no protocol buffer": (
        (200, {}, archive(("saved_model.pb", b"\xff\xff\xff"))),
        "could not be read, twice|is damaged",
    ),
}


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_a_bad_answer_gives_one_message_leaves_nothing_and_the_next_try_works(name, hub, own_cache):
    hub.answer, words = BAD_ANSWERS[name]
    with pytest.raises(handles.HandleError, match=f"(?s){words}") as caught:
        handles.fetch(hub.handle)
    assert "\n" not in str(caught.value)
    assert list(own_cache.rglob("*")) == []
    hub.well()
    assert (handles.fetch(hub.handle) / "saved_model.pb").exists()


def test_a_server_that_is_down_names_the_embedded_model(own_cache):
    with pytest.raises(handles.HandleError, match=f"refused.*{handles.DEFAULT}"):
        handles.fetch("http://127.0.0.1:9/someone/model/1")


def test_without_a_network_a_real_handle_names_the_embedded_model(own_cache, monkeypatch):
    monkeypatch.delenv("https_proxy"), monkeypatch.delenv("HTTPS_PROXY")
    with pytest.raises(handles.HandleError, match=f"network is shut.*{handles.DEFAULT}"):
        handles.fetch("https://tfhub.dev/google/tf2-preview/mobilenet_v2/classification/4")


@pytest.mark.parametrize("promised", ["what comes", "the whole"])
def test_an_archive_that_is_cut_anywhere_is_noticed(promised, hub, own_cache):
    for tenth in range(1, 10):
        part = GOOD[: len(GOOD) * tenth // 10]
        hub.answer = (
            200,
            {"Content-Length": str(len(GOOD if promised == "the whole" else part))},
            part,
        )
        with pytest.raises(
            handles.HandleError, match="stopped early" if promised == "the whole" else "is damaged"
        ):
            handles.fetch(hub.handle)
    assert list(own_cache.rglob("*")) == []


def test_one_flipped_byte_anywhere_is_noticed(hub, own_cache):
    for place in range(1, 20, 2):
        hub.answer = (200, {}, flipped(GOOD, len(GOOD) * place // 20))
        with pytest.raises(handles.HandleError, match="is damaged"):
            handles.fetch(hub.handle)
    for place in (0, len(GOOD) - 6, len(GOOD) - 1):  # gzip's magic bytes, its checksum, its length
        hub.answer = (200, {}, flipped(GOOD, place))
        with pytest.raises(handles.HandleError, match="is damaged|not a model archive"):
            handles.fetch(hub.handle)
    assert list(own_cache.rglob("*")) == []


SPARSE = {
    "GNU.sparse.major": "1",
    "GNU.sparse.minor": "0",
    "GNU.sparse.name": "big",
    "GNU.sparse.realsize": "9999999",
}
BOMBS = {
    "zeros": model_and(("zeros", bytes(2**21))),
    "many files": model_and(*((f"{number}", bytes(2**10)) for number in range(2**11))),
    "a file of holes": (
        200,
        {},
        archive(("saved_model.pb", b"1\n0\n1\n".ljust(513, b"\0")), **SPARSE),
    ),
    "a long answer": (200, {}, os.urandom(2**21)),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_not_unpacked(name, hub, own_cache, monkeypatch):
    monkeypatch.setattr(archive_check, "LARGEST", 2**20)
    hub.answer = BOMBS[name]
    with pytest.raises(handles.HandleError, match="unpacks to more than"):
        handles.fetch(hub.handle)
    assert list(own_cache.rglob("*")) == []


def test_a_server_that_falls_silent_half_way_is_left(hub, own_cache, monkeypatch):
    monkeypatch.setattr(handles, "PATIENCE", 0.2)
    hub.answer = (200, {"Content-Length": str(len(GOOD))}, GOOD[: len(GOOD) // 2])
    hub.go_on.clear()
    with pytest.raises(handles.HandleError, match="failed.*timed out"):
        handles.fetch(hub.handle)
    hub.go_on.set()
    assert list(own_cache.rglob("*")) == []
    hub.well()
    assert (handles.fetch(hub.handle) / "saved_model.pb").exists()


@pytest.mark.parametrize("status", [301, 302, 303, 307])
def test_a_redirect_is_followed(status, hub):
    hub2 = Hub()
    hub2.answer = (status, {"Location": f"{hub.handle}?tf-hub-format=compressed"}, b"")
    assert (handles.fetch(hub2.handle) / "saved_model.pb").exists()


def test_a_storage_that_is_slow_and_names_no_kind_of_content_is_waited_for(hub, monkeypatch):
    monkeypatch.setattr(handles, "PATIENCE", 0.3)  # for each piece; all of them take longer
    storage = Hub()
    storage.pieces, storage.answer = 20, (200, {"Content-Type": "application/octet-stream"}, GOOD)
    hub.answer = (
        302,
        {"Location": storage.handle.replace("/someone/", "/bucket/") + ".tar.gz?signature=abc"},
        b"",
    )
    assert (handles.fetch(hub.handle) / "saved_model.pb").exists() and storage.requests == 1


def test_a_second_load_makes_no_request(hub):
    first = handles.fetch(hub.handle)
    assert handles.fetch(hub.handle) == first
    assert hub.requests == 1


def lose_graph(entry):
    (entry / "saved_model.pb").unlink()


def cut_graph(entry):
    graph = entry / "saved_model.pb"
    graph.write_bytes(graph.read_bytes()[:1000])


def cut_variables(entry):
    data = entry / "variables" / "variables.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:1000])


def flip_variables(entry):
    data = entry / "variables" / "variables.data-00000-of-00001"
    data.write_bytes(flipped(data.read_bytes(), 1000))


def lose_variables(entry):
    shutil.rmtree(entry / "variables")
    (entry / "variables").mkdir()


@pytest.mark.parametrize(
    "harm", [lose_graph, cut_graph, cut_variables, flip_variables, lose_variables]
)
def test_a_damaged_cache_entry_is_noticed_and_fetched_again(harm, hub):
    entry = handles.fetch(hub.handle)
    harm(entry)
    assert (handles.fetch(hub.handle) / "saved_model.pb").stat().st_size > 1_000_000
    assert hub.requests == 2


def test_a_killed_download_does_not_make_the_next_one_wait(hub, own_cache):
    entry = handles.fetch(hub.handle)
    shutil.rmtree(entry)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    half = Path(f"{entry}.abc.tmp")
    half.mkdir()
    Path(f"{entry}.lock").write_text(f"{socket.gethostname()}.{gone.pid}.abc")
    waiter = threading.Thread(target=handles.fetch, args=[hub.handle], daemon=True)
    waiter.start()
    waiter.join(
        4
    )  # tensorflow_hub alone looks again after 5 s at the earliest, and gives up after 600 s
    assert not waiter.is_alive()
    assert not half.exists() and entry.exists()


def test_a_download_that_is_really_killed_leaves_nothing_that_matters(hub, own_cache):
    hub.answer = (200, {"Content-Length": str(len(GOOD))}, GOOD[: len(GOOD) // 2])
    hub.go_on.clear()
    code = f"from helpers import handles; handles.fetch({hub.handle!r})"
    child = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    try:
        assert hub.asked.wait(120)
    finally:
        child.kill()
        child.wait()
        hub.go_on.set()
    assert {path.suffix for path in own_cache.iterdir()} == {".lock", ".tmp"}
    hub.well()
    entry = handles.fetch(hub.handle)
    assert {path.name for path in own_cache.iterdir()} == {
        entry.name,
        f"{entry.name}.descriptor.txt",
    }


BAD_PARAMETERS = {
    "number": (7, "must be text"),
    "empty": ("", "must be text"),
    "unknown": (
        "digits/mobilenet_v3/classification/1",
        "embedded hub has: digits/mobilenet_v2/classification/1",
    ),
    "another scheme": ("gs://bucket/model", "neither an http"),
    "a file": (__file__, "is a file"),
    "an empty folder": (None, "no saved_model.pb. Found: nothing"),
}


@pytest.mark.parametrize("name", BAD_PARAMETERS)
def test_a_bad_parameter_gives_one_message(name, tmp_path):
    handle, words = BAD_PARAMETERS[name]
    with pytest.raises(handles.HandleError, match=words):
        handles.check(str(tmp_path) if handle is None else handle)


def test_a_folder_is_a_handle(own_cache, tmp_path, monkeypatch):
    with tarfile.open(fileobj=io.BytesIO(GOOD)) as tar:
        tar.extractall(tmp_path / "model", filter="data")
    assert handles.check(str(tmp_path / "model")) == str(tmp_path / "model")
    assert handles.check(f"file://{tmp_path}/model") == str(tmp_path / "model")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert handles.check("~/model/") == str(tmp_path / "model")
    assert handles.locate(f"{handles.DEFAULT}/").endswith(handles.DEFAULT)


def test_an_archive_on_this_disk_is_a_handle_and_a_cut_one_leaves_nothing(
    own_cache, tmp_path, monkeypatch
):
    monkeypatch.setenv("HUB_TO_TFLITE_CACHE", str(tmp_path / "cache"))
    whole, cut = tmp_path / "whole.tar.gz", tmp_path / "cut.tar.gz"
    whole.write_bytes(GOOD)
    cut.write_bytes(GOOD[:-1000])
    with pytest.raises(handles.HandleError, match="cut.tar.gz is damaged"):
        handles.check(str(cut))
    assert list((tmp_path / "cache" / "archives").iterdir()) == []
    folder = handles.check(str(whole))
    assert Path(folder, "saved_model.pb").exists() and handles.check(str(whole)) == folder
    assert [path.name for path in (tmp_path / "cache" / "archives").iterdir()] == [
        Path(folder).name
    ]


def test_two_processes_may_load_the_same_handle_at_once(own_cache):
    handle = f"{tinyhub.serve(ports=[0])}/{handles.DEFAULT}"
    code = f"from helpers import handles; print(handles.fetch({handle!r}))"
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ,
        )
        for _ in range(2)
    ]
    paths = {process.communicate(timeout=120)[0].strip() for process in both}
    assert len(paths) == 1 and Path(paths.pop(), "saved_model.pb").exists()
