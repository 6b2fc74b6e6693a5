"""The rendered site: sound links, nothing seen too early, and readable by everyone."""

import re
import subprocess

import nbformat
import pytest

from deploy.web import browser
from hub_to_tflite.errors import explain
from tests.site.conftest import WIDTHS, serious, server
from tools import gallery
from tools.course import notebooks, readme
from tools.site import check, lessons, links

ROOT = links.ROOT
ENVIRONMENT = ROOT / ".venv-site"
# Colours are the scheme's, the layout is the width's.
LOOKS = [("light", 320), ("light", 390), ("light", 1280), ("dark", 1280)]
PAGES = ["index", "lessons/index", "lessons/*", "errors/index", "errors/install", "setup", "search"]


@pytest.fixture(scope="session")
def rendered(parts, tmp_path_factory):
    """(The site as `make site` renders it, what that said); skips without its environment."""
    if not (ENVIRONMENT / ".ready").exists():
        pytest.skip("the site's environment, .venv-site, isn't here: make site sets it up")
    out = tmp_path_factory.mktemp("site") / "site"
    command = [ENVIRONMENT / "bin" / "python", "-m", "tools.site.render"]
    command += ["--out", out, "--parts", parts]
    return out, subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="session")
def site(rendered):
    """The folder of the site."""
    return rendered[0]


class TestRendered:
    def test_no_warning_and_no_broken_link(self, rendered):
        assert (rendered[1].returncode, rendered[1].stderr) == (0, "")

    def test_every_lesson_is_there_with_its_part_its_time_and_its_outcome(self, site):
        text = (site / "lessons" / "index.html").read_text()
        for part, paths in notebooks.by_part():
            assert f"<h2>{part['title'].replace(chr(39), '’')}" in text and paths
            for path in paths:
                assert f'href="{path.stem}.html"' in text
                assert lessons.time(path) in text and lessons.time(path)
                page = (site / "lessons" / f"{path.stem}.html").read_text()
                assert "mybinder.org/v2/gh/" in page and "colab.research.google.com" in page
                stored = (site / "lessons" / path.name).read_bytes()
                assert stored == path.read_bytes()

    def test_every_entry_of_the_gallery_has_its_anchor_and_its_message(self, site):
        text = {one: (site / f"errors/{one}.html").read_text() for one in explain.STAGES}
        for entry in explain.entries():
            assert f'id="{gallery.link(entry).partition("#")[2]}"' in text[entry.stage], entry.name
        assert "No matching distribution found for ai-edge-litert" in text["install"]

    def test_the_search_finds_an_error_by_its_message(self, site, program):
        with server(site) as (address, _), browser.open_page(program) as page:
            page.goto(f"{address}search.html?q=No+matching+distribution+found+litert")
            found = page.locator("#search-results li a").first
            found.wait_for()
            assert "errors/install.html" in found.get_attribute("href")
            assert page.refused == []

    def test_an_answer_shows_after_a_click(self, site, program):
        path = next(path for path in notebooks.every() if hidden(path))
        answer = hidden(path)[0]
        with server(site) as (address, _), browser.open_page(program) as page:
            page.goto(f"{address}lessons/{path.stem}.html")
            shown = page.locator(".cell_output", has_text=answer).first
            assert not shown.is_visible()
            shown.locator("xpath=ancestor::details[1]/summary").click()
            assert shown.is_visible()

    @pytest.mark.parametrize("name", PAGES)
    def test_axe_finds_nothing_serious(self, site, program, name):
        name = name.replace("*", notebooks.every()[1].stem)
        with server(site) as (address, _):
            with browser.open_page(program, reduced_motion="reduce") as page:
                for scheme, width in LOOKS:
                    page.emulate_media(color_scheme=scheme)
                    page.set_viewport_size({"width": width, "height": 900})
                    page.goto(f"{address}{name}.html")
                    assert page.evaluate("document.documentElement.scrollWidth") <= width
                    assert serious(page) == [], (scheme, width)
                assert page.refused == []

    def test_no_page_is_wider_than_a_phone(self, site, program):
        pages = [path.relative_to(site).as_posix() for path in site.rglob("*.html")]
        pages = [name for name in pages if "_static" not in name]
        assert len(pages) > 40
        with server(site) as (address, _), browser.open_page(program) as page:
            page.set_viewport_size({"width": min(WIDTHS), "height": 900})
            for name in pages:
                page.goto(f"{address}{name}", wait_until="domcontentloaded")
                wide = page.evaluate("document.documentElement.scrollWidth")
                assert wide <= min(WIDTHS), name


def hidden(path):
    """The texts that a lesson's page folds away: outputs of the cells after a prediction."""
    cells = [cell for cell in lessons.page(path).cells if "hide-output" in cell.metadata.tags]
    texts = [notebooks.text(output) for cell in cells for output in cell.outputs]
    return [text.strip().splitlines()[0] for text in texts if text.strip()]


class TestLessons:
    @pytest.mark.parametrize("path", notebooks.every(), ids=lambda path: path.stem)
    def test_no_answer_is_in_sight_before_its_guess(self, path):
        """What `exercises.guessed` prints, and the text after it, are folded."""
        cells = lessons.page(path).cells
        for number, cell in enumerate(cells):
            if cell.cell_type == "code" and "guessed(" in cell.source:
                assert "hide-output" in cell.metadata.tags
                after = next(one for one in cells[number:] if one.cell_type == "markdown")
                assert after.source.lstrip().startswith(("<details", "#")), after.source[:80]

    def test_the_stored_notebook_is_not_changed(self):
        path = notebooks.every()[0]
        before = path.read_bytes()
        assert lessons.page(path) != nbformat.read(path, 4)
        assert path.read_bytes() == before

    def test_each_figure_has_an_alternative_text(self):
        for path in notebooks.every():
            for cell in lessons.page(path).cells:
                if any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])):
                    assert cell.metadata["mystnb"]["image"]["alt"].startswith("Figure")


class TestLinks:
    @pytest.mark.parametrize(
        ("path", "link", "wanted"),
        [
            ("notebooks/00_a.ipynb", "01_b.ipynb#part", "01_b.ipynb#part"),
            ("notebooks/00_a.ipynb", "../docs/images/map.png", "../images/map.png"),
            ("notebooks/00_a.ipynb", "../docs/setup.md", "../setup.md"),
            ("docs/setup.md", "../notebooks/00_a.ipynb", "lessons/00_a.ipynb"),
            ("docs/setup.md", "../README.md#start", "index.md"),
            ("docs/setup.md", "errors/run.md#node", "errors/run.md#node"),
            ("docs/setup.md", "../tests", f"{readme.address()}/tree/main/tests"),
            ("docs/setup.md", "../Makefile", f"{readme.address()}/blob/main/Makefile"),
            ("docs/setup.md", "https://example.org/a", "https://example.org/a"),
            ("docs/setup.md", "nowhere.md", "nowhere.md"),
        ],
    )
    def test_a_link_leads_to_the_same_on_the_site(self, path, link, wanted):
        assert links.rewritten(f"[a]({link})", path) == f"[a]({wanted})"
        assert links.rewritten(f"```\n[a]({link})\n```\n", path).count(link) == 1


class TestCheck:
    """Planted faults."""

    @pytest.fixture
    def pages(self, tmp_path):
        (tmp_path / "a.html").write_text('<h1 id="top">A</h1><a href="b/index.html#there">b</a>')
        (tmp_path / "b").mkdir()
        (tmp_path / "b" / "index.html").write_text('<h1 id="there">B</h1><a href="../a.html">a</a>')
        return tmp_path

    def test_a_sound_site_passes(self, pages):
        assert check.problems(pages) == []

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ('<a href="c.html">c</a>', "a.html links to c.html, which isn't there."),
            ('<a href="b/#here">b</a>', "b/index.html has no such anchor."),
            ('<a href="#here">a</a>', "a.html has no such anchor."),
            ('<img src="map.png" alt="">', "a.html links to map.png, which isn't there."),
            ('<script src="https://cdn.example/a.js"></script>', "from elsewhere."),
            ('<link rel="stylesheet" href="//cdn.example/a.css">', "from elsewhere."),
        ],
    )
    def test_a_fault_is_found(self, pages, line, words):
        path = pages / "a.html"
        path.write_text(path.read_text() + line)
        [found] = [one for one in check.problems(pages) if words in one]
        assert found


def test_what_the_site_needs_is_locked():
    lock = (ROOT / "requirements-site.lock").read_text()
    wanted = re.findall(r"^([\w-]+)", (ROOT / "requirements-site.txt").read_text(), re.MULTILINE)
    for name in wanted:
        assert re.search(rf"^{name}==\S+ \\\n    --hash=sha256:", lock, re.MULTILINE), name
    assert "http" not in re.sub(r"^ *#.*$", "", lock, flags=re.MULTILINE)
