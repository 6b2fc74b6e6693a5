"""A class on the real JupyterHub, with its proxy, over HTTP and WebSocket; and what goes wrong."""

import copy
import json
import os
import re
import sys
import tempfile
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jsonschema
import psutil
import pytest
import yaml

from deploy.jupyterhub import __main__ as server
from deploy.jupyterhub import start
from deploy.web import build
from helpers import tinyhub
from tests.deploy import hub_load
from tests.deploy.hub_client import Kernel, Learner, Refused

AS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
LESSON = "04_run_the_interpreter.ipynb"
MEMORY = 1_500_000_000  # bytes for a learner


class Room:
    """A class of two, in a folder that every user of this machine can reach."""

    def __init__(self, folder):
        self.folder, self.url = folder, f"http://127.0.0.1:{server.free_port()}"
        self.hub = self.prepare()
        self.people = json.loads((self.hub / "class.json").read_text())["people"]
        self.shared = server.shared_cache(folder)
        server.warm(self.shared, Path(LESSON).stem)

    def prepare(self):
        limits = {"memory": MEMORY, "idle_kernel": 600, "idle_server": 3600}
        return server.prepare(self.folder, 2, self.url, cert="", key="", **limits)

    def learner(self, name):
        learner = Learner(self.url, name, self.people[name]["token"])
        learner.start()
        return learner

    def home(self, name):
        return Path(self.people[name]["home"])


@pytest.fixture(scope="module")
def room():
    if sys.platform == "win32":
        pytest.skip("JupyterHub doesn't run on Windows")
    if not (server.ROOT / ".venv-hub" / ".ready").exists():
        pytest.skip("there's no .venv-hub. Run: make .venv-hub/.ready")
    with tempfile.TemporaryDirectory(prefix="hub-", ignore_cleanup_errors=True) as work:
        Path(work).chmod(0o755)
        try:
            yield Room(Path(work, "class"))
        except (server.HubError, build.WebError) as error:
            pytest.skip(str(error))


@pytest.fixture(scope="module")
def learners(room):
    """The two, logged in, each with a server."""
    with server.running(room.hub, room.url) as room.process, ThreadPoolExecutor() as pool:
        yield list(pool.map(room.learner, ("learner1", "learner2")))


class TestALearner:
    def test_has_cleared_lessons_and_the_courses_python(self, room, learners):
        kernel = learners[0].open(LESSON)
        found = kernel.run("import os, sys; print(sys.prefix, os.getcwd(), os.getuid())").text
        prefix, folder, uid = found.split()
        assert (prefix, folder) == (sys.prefix, str(room.home("learner1") / "lessons"))
        assert int(uid) == (room.people["learner1"]["uid"] or os.getuid())
        cells = learners[0].ask("GET", f"contents/{LESSON}").json()["content"]["cells"]
        assert not any(cell.get("outputs") for cell in cells)
        page = learners[0].web.get(f"{learners[0].base}/lab").text
        assert "ipycanvas" in page  # the drawing pad's half in the browser, from .venv
        assert re.search(r"disabledExtensions.*announcements", page, re.DOTALL)

    def test_needs_the_token_of_that_name(self, room, learners):
        others = room.people["learner1"]["token"]
        for name, token in (("learner2", others), ("learner2", ""), ("no", ""), ("teacher", "ä")):
            with pytest.raises(Refused, match="can't log in: 403"):
                Learner(room.url, name, token)

    def test_is_refused_the_admin_pages_which_the_teacher_has(self, room, learners):
        teacher = Learner(room.url, "teacher", room.people["teacher"]["token"])
        assert teacher.ask("GET", "/hub/admin").ok
        for method, path in (
            ("GET", "/hub/admin"),
            ("GET", "/hub/api/users"),
            ("GET", "/hub/api/users/learner2"),
            ("POST", "/hub/api/users/learner2/tokens"),
            ("DELETE", "/hub/api/users/learner2/server"),
            ("POST", "/hub/api/shutdown"),
        ):
            with pytest.raises(Refused, match="40[34]$"):
                learners[0].ask(method, path)
        assert learners[1].ask("GET", "status").ok

    def test_is_refused_anothers_server(self, learners):
        for path in ("/user/learner2/api/contents", "/user/learner2/lab"):
            assert learners[0].web.get(f"{learners[0].url}{path}").status_code == 403, path

    @pytest.mark.skipif(not AS_ROOT, reason="only root can give each learner a user of their own")
    def test_is_refused_anothers_files_and_processes(self, room, learners):
        process = hub_load.server_of(room.process.pid, "learner2").pid
        home, kernel = room.home("learner2"), learners[0].open(LESSON)
        for code in (
            f"open({str(home / 'lessons' / LESSON)!r})",
            f"os.listdir({str(home)!r})",
            f"open({str(home / 'new')!r}, 'w')",
            f"open({str(room.hub / 'class.json')!r})",
            f"open({str(room.hub / 'jupyterhub.sqlite')!r})",
            f"open('/proc/{process}/environ')",
            f"os.kill({process}, 9)",
            "os.setuid(0)",
        ):
            assert kernel.run(f"import os; {code}").error == "PermissionError", code

    def test_reads_the_shared_cache_and_cannot_write_there(self, room, learners):
        kernel, name = learners[0].open(LESSON), next(room.shared.glob("tflite/*"))
        for code in (
            f"open({str(name.with_name('new'))!r}, 'w')",
            f"open({str(name)!r}, 'ab')",
            f"import os; os.remove({str(name)!r})",
        ):
            assert kernel.run(code).error == "PermissionError", code
        assert learners[0].work_through(LESSON) == []
        own = room.home("learner1") / ".cache" / "hub-to-tflite"
        assert (own / "tflite" / name.name).resolve() == name
        downloads = list(own.glob("tfhub-*/*"))
        assert downloads and all(path.is_symlink() for path in downloads)  # none was made anew


class TestFaults:
    def test_a_kernel_that_is_killed_takes_no_work_and_no_other_kernel_with_it(self, learners):
        one, other = learners[0].open(LESSON), learners[1].open(LESSON)
        other.run("kept = 1")
        one.run("lost = 1; open('mine.txt', 'w').write('saved')")
        with pytest.raises(Refused, match="has died"):
            one.run("import os; os.kill(os.getpid(), 9)", 60)
        again = Kernel(learners[0], one.name)  # the server has started it anew
        assert again.run("lost").error == "NameError"
        assert again.run("print(open('mine.txt').read())").text == "saved\n"
        assert other.run("print(kept)").text == "1\n"

    def test_a_learner_who_fills_their_memory_leaves_the_others_alone(self, room, learners):
        other = learners[1].open("00_start_here.ipynb")
        other.run("kept = 1")
        full = learners[0].open("01_why_wont_it_open.ipynb")
        assert full.run(f"much = b'x' * {2 * MEMORY}").error == "MemoryError"
        more = learners[0].open("02_load_from_hub.ipynb")
        for kernel in (full, more):  # each within the limit, but not together
            assert not kernel.run(f"much = b'x' * {int(MEMORY * 0.6)}").error
        with pytest.raises(Refused, match="has died"):  # one of them
            for _ in range(600):
                full.run("import time; time.sleep(0.1); much[0]")
                more.run("much[0]")
        assert other.run("print(kept)").text == "1\n"
        assert "held" in (room.hub / "hub.log").read_text()

    def test_a_hub_that_dies_in_mid_lesson_leaves_kernels_and_work(self, room, learners):
        kernel = learners[1].open(LESSON)
        kernel.run("answer = 41; open('mine.txt', 'w').write('saved')")
        server_ = hub_load.server_of(room.process.pid, "learner2").pid
        left = [one for one in psutil.Process(room.process.pid).children() if one.pid != server_]
        room.process.kill()
        room.process.wait()
        assert room.prepare() == room.hub  # as `make hub` does, with the tokens that were printed
        with server.running(room.hub, room.url):
            again = room.learner("learner2")
            same = Kernel(again, kernel.name)
            assert same.run("print(answer + 1, open('mine.txt').read())").text == "42 saved\n"
        assert not [one for one in left if one.is_running() and one.status() != "zombie"]
        assert not psutil.pid_exists(server_)  # with the hub that is stopped its servers end
        assert (room.home("learner2") / "lessons" / "mine.txt").read_text() == "saved"


def test_the_sheet_has_a_card_for_each_and_only_the_teachers_machine_shows_it(room):
    sheet = (room.hub / "sheet.html").read_text()
    for name, person in room.people.items():
        assert f"<dd>{name}</dd>" in sheet and f"<dd>{person['token']}</dd>" in sheet
    assert len({person["token"] for person in room.people.values()}) == 3
    assert room.hub.stat().st_mode & 0o77 == 0
    assert "has no TLS" not in sheet


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--url", "https://class.example"], "https needs --cert and --key"),
        (["--cert", "a", "--key", "b"], "an address with https"),
        (["--url", "class.example"], "needs an address .* Found: 'class.example', 4"),
        (["--users", "0"], "at least one learner"),
        (["--url", "https://localhost", "--cert", "/no/such", "--key", "/no/such"], "No such file"),
    ],
)
def test_what_cannot_be_served_gets_one_sentence(arguments, said, capsys, tmp_path):
    assert server.main(["--folder", str(tmp_path / "class"), *arguments]) == 1
    error = capsys.readouterr().err
    assert re.search(said, error) and error.startswith("The server doesn't run: ")
    assert error.count("\n") == 1 and not (tmp_path / "class").exists()


def test_only_plain_http_beyond_this_machine_is_called_readable_by_others():
    assert server.exposed("http://class.example")
    assert not server.exposed("https://class.example")
    assert not server.exposed("http://localhost:8000")


def test_a_download_is_found_whichever_port_the_kernels_own_hub_gets(tmp_path):
    shared, own = tmp_path / "shared" / "tfhub-1", tmp_path / "own" / "tfhub-1"
    # As tensorflow_hub names what it has downloaded from ports 8767 and 8766.
    model = "digits/mobilenet_v2/classification/1"
    one = "4a19f838ef309dec82552bb27b1b754b877ba979"
    other = "f06402604f63bd261138be92c9c4b433e4497de9"
    (shared / one).mkdir(parents=True)
    (shared / f"{one}.descriptor.txt").write_text(f"Module: http://127.0.0.1:8767/{model}\nMore: 1")
    for _ in range(2):  # a learner comes back
        start.link(shared.parent, own.parent)
    assert (own / one).resolve() == (own / other).resolve() == shared / one
    assert (own / f"{other}.descriptor.txt").exists()
    assert len(list(own.iterdir())) == 2 * (len(tinyhub.PORTS) - 1)  # 0 is whichever is free


class TestValues:
    """The values for Zero to JupyterHub on Kubernetes."""

    TEXT = (server.SOURCES / "values.yaml").read_text()

    def schema(self, part):
        if not isinstance(part, dict):
            return {"type": part}
        inner = {key: self.schema(value) for key, value in part.items()}
        return {"type": "object", "additionalProperties": False, "properties": inner}

    def test_have_only_keys_that_the_chart_has_and_of_its_types(self):
        known = yaml.safe_load(Path(__file__).with_name("z2jh.yaml").read_text())
        values = yaml.safe_load(self.TEXT)
        check = jsonschema.Draft7Validator(self.schema(known))
        assert not list(check.iter_errors(values))
        for key, wrong in (("memroy", {}), ("startTimeout", "long")):
            planted = copy.deepcopy(values)
            planted["singleuser"][key] = wrong
            assert list(check.iter_errors(planted)), key

    def test_fit_the_whole_schema_of_the_chart(self):
        """HUB_TO_TFLITE_Z2JH names the folder jupyterhub/ of a checkout of the chart."""
        if not (folder := os.environ.get("HUB_TO_TFLITE_Z2JH")):
            pytest.skip("HUB_TO_TFLITE_Z2JH names no copy of the chart (CONTRIBUTING.md)")

        def merged(old, new):
            if not (isinstance(old, dict) and isinstance(new, dict)):
                return new
            return old | {key: merged(old.get(key), value) for key, value in new.items()}

        chart = yaml.safe_load(Path(folder, "values.yaml").read_text())
        schema = yaml.safe_load(Path(folder, "values.schema.yaml").read_text())
        jsonschema.validate(merged(chart, yaml.safe_load(self.TEXT)), schema)

    def test_take_tokens_as_one_machine_does(self):
        config = (server.SOURCES / "jupyterhub_config.py").read_text()
        parts = [
            textwrap.dedent(re.search(r"( +name, typed = .*?None\n)", text, re.DOTALL)[1])
            for text in (self.TEXT, config)
        ]
        assert parts[0].replace("key", "field") == parts[1].replace("key", "field")


def test_the_page_has_the_tables_of_the_last_measurement():
    results = json.loads(hub_load.RESULTS.read_text())
    assert hub_load.tables(results) in hub_load.PAGE.read_text(encoding="utf-8")
    assert not [one for one in results["rounds"] if one["errors"]]
