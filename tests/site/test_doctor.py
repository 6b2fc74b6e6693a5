"""The doctor in headless Chromium: the command line's words, nothing sent, no network needed."""

import contextlib
import gzip
import itertools
import json
import re
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from conftest import real_models
from deploy.web import browser
from deploy.web.convert import convert
from hub_to_tflite import targets
from hub_to_tflite.errors import explain
from hub_to_tflite.file.identify import identify
from tests import fuzz
from tests.site.conftest import SCHEMES, WIDTHS, serious, server
from tools.site import doctor

MOST = 10e6  # bytes of the page, compressed
DAMAGED = 100


@pytest.fixture(scope="module")
def served(parts):
    with server(parts) as found:
        yield found


@pytest.fixture(scope="module")
def wide(program, served):
    """One open page, with all its parts kept for when the network is gone."""
    with browser.open_page(program) as page:
        page.goto(f"{served[0]}doctor/")
        page.wait_for_selector("body[data-state=offline]", timeout=120_000)
        yield page


@pytest.fixture
def page(wide):
    """The open page without results; nothing may go wrong in it."""
    wide.evaluate("document.getElementById('results').replaceChildren()")
    yield wide
    assert (wide.errors, wide.refused) == ([], [])


def ask(page, *questions):
    """The answers of the page's Python to questions, one after the other."""
    script = """async (questions) => {
        const {ask} = await import("./app.js"), found = [];
        for (const question of questions) found.push(await ask(question));
        return found;
    }"""
    return page.evaluate(script, list(questions))


def drop(page, *paths, folder=False):
    """Give the page files, or a folder; return {name: what the command line says, as shown}."""
    before = page.locator("#results article").count()
    page.set_input_files("#folder" if folder else "#files", [str(path) for path in paths])
    script = "(count) => document.querySelectorAll('#results article').length >= count"
    page.wait_for_function(script, arg=before + len(paths), timeout=120_000)
    return page.evaluate(
        """Object.fromEntries([...document.querySelectorAll("#results article")].map((one) =>
        [one.querySelector("h3").textContent, (one.querySelector("pre") ?? one).textContent]))"""
    )


def command_line(path, monkeypatch):
    """What `hub-to-tflite identify` and `check --not-run` say of a path, in its folder."""
    monkeypatch.chdir(Path(path).parent)
    found = identify(Path(path).name)
    said = [repr(found)]
    if found.model:
        said.append(repr(targets.check(Path(path).name, run=False)))
    return "\n\n".join(said)


def agree(page, paths, monkeypatch):
    shown = drop(page, *paths)
    assert len(shown) == len(paths)
    for path in paths:
        assert shown[path.name] == command_line(path, monkeypatch), path.name


class TestSameWords:
    def test_on_real_files(self, page, monkeypatch):
        every = filter(Path.is_file, real_models().rglob("*"))
        paths = {path.name: path for path in every}  # a name once
        assert len(paths) > 20
        agree(page, list(paths.values()), monkeypatch)

    def test_on_a_hundred_damaged_files(self, page, monkeypatch, tmp_path):
        paths = [tmp_path / f"damaged_{number:02}.tflite" for number in range(DAMAGED)]
        for number, path in enumerate(paths):
            path.write_bytes(fuzz.case("site", number, corpus="")[2])
        agree(page, paths, monkeypatch)

    def test_on_a_folder(self, page, monkeypatch, tmp_path):
        folder = tmp_path / "model"
        (folder / "inner" / "variables").mkdir(parents=True)
        for name in ("saved_model.pb", "variables/variables.index"):
            (folder / "inner" / name).write_bytes(b"\x08\x01\x12")
        [said] = drop(page, folder, folder=True).values()
        assert said == command_line(folder, monkeypatch)
        assert "folder around a SavedModel. It is in inner/." in said

    def test_on_every_message_of_the_gallery(self, page):
        seen = [entry.seen for entry in explain.entries() if entry.seen]
        assert len(seen) > 200
        seen += ["Something that nobody has seen.", "Traceback (most recent call last):\n"]
        for text, found in zip(seen, ask(page, *({"kind": "message", "text": t} for t in seen))):
            assert found["text"] == explain.answer(text)
            assert found["known"] == bool(explain.explain(text))

    def test_what_is_dropped_is_looked_at_be_it_a_file_or_text(self, page):
        script = """([name, text]) => {
            const dataTransfer = new DataTransfer();
            if (name) dataTransfer.items.add(new File([text], name));
            else dataTransfer.setData("text/plain", text);
            const options = {dataTransfer, bubbles: true, cancelable: true};
            document.getElementById("drop").dispatchEvent(new DragEvent("drop", options));
        }"""
        page.evaluate(script, ["dropped.tflite", "<html><title>403</title></html>"])
        page.locator("article dd").get_by_text("HTML page. Its title: '403'.").wait_for()
        page.evaluate(script, ["", "ImportError: No module named 'imp'"])
        page.locator("article[data-known=true]").wait_for()

    def test_a_pasted_message_is_shown_with_its_entry(self, page):
        page.locator("#message").fill("ModuleNotFoundError: No module named 'imp'")
        page.get_by_role("button", name="Explain it").click()
        article = page.locator("article[data-known=true]")
        article.get_by_text("Python 3.12 removed the module").first.wait_for()
        address = article.get_by_role("link").last.get_attribute("href")
        assert address == "../errors/install.html#python-without-the-module-imp"
        page.locator("#message").fill("Nobody has seen this.")
        page.get_by_role("button", name="Explain it").click()
        page.locator("article[data-known=false]").get_by_text("What to do next").first.wait_for()


class TestTries:
    @pytest.mark.parametrize(
        ("button", "words"),
        [
            ("The digits model", "10: zero, one, two"),
            ("A web page saved as .tflite", "HTML page. Its title: 'Sign in to download'."),
            ("A git-LFS pointer", "It stands for a file of 1,648,238 bytes."),
            ("Half a file", "as in a file that broke off"),
            ("A custom op", "LiteRT has no op MyRotate."),
        ],
    )
    def test_each_file_to_play_with_is_told_apart(self, page, button, words):
        page.get_by_role("button", name=button, exact=True).click()
        page.locator("article").get_by_text(words).first.wait_for()

    def test_the_digits_model_runs_here(self, page):
        page.get_by_role("button", name="The digits model").click()
        page.get_by_role("button", name="Run it here").click()
        page.get_by_text(re.compile(r"LiteRT.js ran it once on zeros, in \d+\.\d ms")).wait_for()
        page.locator("dd", has_text=re.compile(r" float32 \(1, 10\)$")).last.wait_for()

    def test_what_cannot_run_here_says_why_in_the_words_of_check(self, page):
        page.get_by_role("button", name="A custom op").click()
        page.get_by_role("button", name="Run it here").click()
        page.get_by_text("LiteRT.js has no op MyRotate, and still runs the file").nth(1).wait_for()


class TestBadInput:
    def test_two_gigabytes_are_refused_or_read_in_part(self, page, tmp_path):
        for name, head in (("large.tflite", b"\x1c\0\0\0TFL3"), ("large.bin", b"")):
            with open(tmp_path / name, "wb") as file:
                file.write(head)
                file.truncate(2 * 2**30)
        shown = drop(page, tmp_path / "large.tflite", tmp_path / "large.bin")
        assert "It's a .tflite of 2,147,483,648 bytes, and this page reads" in shown["large.tflite"]
        assert "nobody yet" in shown["large.bin"]

    def test_nothing_in_it(self, page, tmp_path):
        (tmp_path / "empty.tflite").touch()
        assert "download it again" in drop(page, tmp_path / "empty.tflite")["empty.tflite"]
        [found] = ask(page, {"kind": "file", "name": "empty", "files": []})
        assert found["text"].startswith("empty\n  what          unknown")
        page.locator("#message").fill("  ")
        page.get_by_role("button", name="Explain it").click()
        page.locator("article.failed").get_by_text("Paste a message first").wait_for()

    def test_a_file_that_the_browser_may_not_read(self, page, tmp_path):
        path = tmp_path / "gone.tflite"
        path.write_bytes(b"TFL3" * 100)
        page.evaluate(
            """{const field = document.getElementById("files"), usual = field.onchange;
            field.onchange = () => { window.kept = [...field.files]; field.onchange = usual; };}"""
        )
        page.set_input_files("#files", path)
        path.unlink()
        found = page.evaluate(
            """import("./app.js").then(({ask}) =>
            ask({kind: "file", name: "gone.tflite", files: [["gone.tflite", window.kept[0]]]}))"""
        )
        assert found["refused"].startswith("The browser can't read gone.tflite. Was it moved")

    def test_a_file_that_goes_away_while_it_is_read(self, page, tmp_path):
        with open(tmp_path / "going.h5", "wb") as file:  # searched to the end of its first GB
            file.write(b"\x89HDF\r\n\x1a\n")
            file.truncate(2**30)
        page.set_input_files("#files", tmp_path / "going.h5")
        page.get_by_text("Reading going.h5.").wait_for()
        (tmp_path / "going.h5").unlink()
        page.locator("article.failed").get_by_text("The browser can't read going.h5").wait_for()
        [found] = ask(page, {"kind": "message", "text": "No module named 'imp'"})
        assert found["known"]

    def test_a_megabyte_of_text(self, page):
        text = "a line of a log, as long as many\n" * 30_000 + "No module named 'imp'\n"
        [found] = ask(page, {"kind": "message", "text": text})
        assert found["text"] == explain.answer(text)

    def test_a_hundred_megabytes_do_not_hold_the_page(self, page, tmp_path):
        content = convert()["int8.tflite"].read_bytes()
        (tmp_path / "padded.tflite").write_bytes(content + bytes(100 * 2**20))
        page.evaluate(
            """{window.ticks = 0;
            const tick = () => { window.ticks++; setTimeout(tick, 5); };
            tick();}"""
        )
        shown = drop(page, tmp_path / "padded.tflite")
        assert f"{len(content) + 100 * 2**20:,}" in shown["padded.tflite"]
        assert page.evaluate("window.ticks") > 5

    def test_stop_ends_what_is_busy_and_the_next_question_is_answered(self, page, tmp_path):
        with open(tmp_path / "long.h5", "wb") as file:  # searched to the end of its first GB
            file.write(b"\x89HDF\r\n\x1a\n")
            file.truncate(2**30)
        page.set_input_files("#files", tmp_path / "long.h5")
        page.get_by_role("button", name="Stop").click()
        page.locator("article.failed").get_by_text("Stopped.").wait_for()
        (tmp_path / "next.txt").write_text("hello")
        assert "nobody yet" in drop(page, tmp_path / "next.txt")["next.txt"]


class TestNothingLeaves:
    def test_no_request_after_it_has_loaded(self, page, served, tmp_path):
        before = len(served[1])
        (tmp_path / "mine.txt").write_text("mine")
        drop(page, tmp_path / "mine.txt")
        for button in ("The digits model", "Half a file"):
            page.get_by_role("button", name=button).click()
        page.get_by_role("button", name="Run it here").first.click()
        page.get_by_text("LiteRT.js ran it once").first.wait_for()
        ask(page, {"kind": "message", "text": "No module named 'imp'"})
        assert served[1][before:] == []

    def test_it_works_with_the_network_gone(self, program, parts):
        with contextlib.ExitStack() as stack, browser.open_page(program) as page:
            address, _ = stack.enter_context(server(parts))
            page.goto(f"{address}doctor/index.html")
            page.wait_for_selector("body[data-state=offline]", timeout=120_000)
            stack.close()  # the server's socket, too
            page.reload()
            page.wait_for_selector("body[data-state=offline]", timeout=120_000)
            page.get_by_role("button", name="The digits model").click()
            page.get_by_role("button", name="Run it here").click()
            page.get_by_text("LiteRT.js ran it once").first.wait_for()

    def test_alone_it_links_to_no_other_page_of_the_site(self, program, tmp_path):
        doctor.build(tmp_path, alone=True)
        with server(tmp_path) as (address, _), browser.open_page(program) as page:
            page.goto(address)
            page.locator("#message").fill("ModuleNotFoundError: No module named 'imp'")
            page.get_by_role("button", name="Explain it").click()
            page.locator("article[data-known=true]").wait_for(timeout=120_000)
            assert page.locator("a[href^='../']:visible").count() == 0 and page.errors == []

    def test_a_new_version_replaces_the_old_one(self, program, parts, tmp_path):
        copy = shutil.copytree(parts, tmp_path / "parts")
        with server(copy) as (address, _), browser.open_page(program) as page:
            page.goto(f"{address}doctor/")
            page.wait_for_function("() => navigator.serviceWorker.controller !== null")
            changes = ("app.js", '"Ready, and', '"New, and'), ("sw.js", '"doctor-', '"doctor-new-')
            for name, old, new in changes:
                file = copy / "doctor" / name
                file.write_text(file.read_text().replace(old, new, 1))
            page.reload()
            while not all("-new-" in name for name in page.evaluate("caches.keys()")):
                page.wait_for_timeout(200)
            page.reload()
            assert '"New, and' in page.evaluate("fetch('app.js').then((found) => found.text())")

    def test_the_policy_allows_the_page_itself_only(self, program, parts, served, tmp_path):
        text = (parts / "doctor" / "index.html").read_text()
        policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
        allowed = {word for part in policy.split(";") for word in part.split()[1:]}
        assert allowed == {"'none'", "'self'", "'wasm-unsafe-eval'", "blob:", "data:"}
        with server(tmp_path) as (elsewhere, asked), browser.open_page(program) as page:
            page.goto(f"{served[0]}doctor/")
            fetching = f"fetch('{elsewhere}').then(() => 'went', () => 'stopped')"
            assert page.evaluate(fetching) == "stopped"
            in_worker = """(line) => new Promise((done) => {
                const blob = new Blob([`${line}.then(postMessage)`], {type: "text/javascript"});
                new Worker(URL.createObjectURL(blob)).onmessage = ({data}) => done(data);
            })"""
            assert page.evaluate(in_worker, fetching) == "stopped"
            assert asked == []


def test_its_weight(wide, served, parts):
    """All that a visit fetches, compressed as a web server does."""
    paths = {urlsplit(path).path for path in served[1] if "doctor/" in path}
    files = {parts / path.strip("/") for path in paths if not path.endswith("/")}
    assert len(files) > 12
    weights = {file.name: len(gzip.compress(file.read_bytes(), 9)) for file in files}
    assert sum(weights.values()) < MOST, weights
    fetched = [path for path in served[1] if "pyodide.asm.wasm" in path]
    assert len(fetched) == 1, "it was loaded twice"


def test_every_entry_of_the_gallery_has_an_address(parts):
    import zipfile

    with zipfile.ZipFile(parts / "doctor" / "bundle.zip") as archive:
        addresses = json.loads(archive.read("addresses.json"))
    assert set(addresses) == {entry.name for entry in explain.entries()}
    assert len(set(addresses.values())) == len(addresses)


def test_axe_finds_nothing_serious(program, served):
    with browser.open_page(program, bypass_csp=True) as page:
        page.goto(f"{served[0]}doctor/")
        page.wait_for_selector("body:not([data-state=loading])", timeout=120_000)
        for button in ("The digits model", "A custom op", "Half a file"):
            page.get_by_role("button", name=button).click()
        page.locator("#message").fill("No module named 'imp'")
        page.get_by_role("button", name="Explain it").click()
        page.locator("article").nth(3).wait_for()
        for name in ("doctor", "digit"):
            for scheme, width in itertools.product(SCHEMES, WIDTHS):
                page.emulate_media(color_scheme=scheme)
                page.set_viewport_size({"width": width, "height": 800})
                assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
                assert serious(page) == [], (name, scheme, width)
            page.goto(f"{served[0]}digit/")
            page.wait_for_selector("body:not([data-state=loading])", timeout=60_000)
