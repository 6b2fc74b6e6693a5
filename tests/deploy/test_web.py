"""The page in headless Chromium: reading, drawing, and what it says when something is broken."""

import base64
import contextlib
import io
import json
import re
import shutil

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from PIL import Image

from deploy.notebook import drawing_pad
from deploy.web import browser, build
from helpers import digits, interpreter, tinyhub
from tests import pages
from tests.strokes import DIGITS, UNSURE

EMBEDDED = tinyhub.EMBEDDED / "digits/mobilenet_v2/classification/1.tflite"  # with a dynamic batch
WIDE, NARROW = {"width": 900, "height": 700}, {"width": 320, "height": 640}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The page, built. Skips where it can't be built or opened."""
    pages.need(build.packages)
    return build.build(tmp_path_factory.mktemp("page") / "web")


@pytest.fixture(scope="module")
def program(folder):
    with browser.launch() as program:
        yield program


@pytest.fixture(scope="module")
def wide(program, folder):
    """One open page for all tests that leave it as they found it, but for what is drawn."""
    with build.open_page(program, folder, viewport=WIDE) as page:
        yield page


@pytest.fixture
def page(wide):
    """The open page with new paper and the float32 model; nothing may go wrong in it."""
    wide.get_by_role("button", name="Clear").click()
    wide.get_by_role("radio", name="float32").check()
    wide.get_by_text("Draw a digit, or take a test digit.").first.wait_for()
    yield wide
    assert (wide.errors, wide.refused) == ([], [])


@pytest.fixture
def fresh(program, folder):
    """A function that opens another page, of `folder` or of a changed copy of it."""
    with contextlib.ExitStack() as stack:
        yield lambda of=folder, **options: stack.enter_context(
            build.open_page(program, of, **options)
        )


@pytest.fixture
def changed(folder, tmp_path):
    """A function that copies the page with changes (file, old, new), and returns the copy."""

    def change(*changes):
        copy = shutil.copytree(folder, tmp_path / "changed")
        for file, old, new in changes:
            text = (copy / file).read_text(encoding="utf-8")
            assert old in text
            (copy / file).write_text(text.replace(old, new), encoding="utf-8")
        return copy

    return change


def reads(page, number):
    """Wait until the page says that the model reads this digit."""
    page.locator("#prediction", has_text=f"The model reads a {number}.").wait_for()


def probabilities(page):
    """What the page prints for ten digits, NaN for a dash, and the widths of the bars: percent."""
    # Two frames later, everything is painted.
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    printed = [
        float(text.strip("\u00a0%").replace("–", "nan"))
        for text in page.locator("#scores td:last-child").all_inner_texts()
    ]
    widths = page.locator(".bar").evaluate_all(
        "(bars) => bars.map((bar) => parseFloat(bar.style.width))"
    )
    return np.array(printed), np.array(widths)


def shown_image(page):
    """The 8 x 8 image on the page, as numbers of ink: from its pixels, and from its words."""
    pixels = page.locator("#seen").evaluate(
        "(seen) => Array.from(seen.getContext('2d').getImageData(0, 0, 8, 8).data)"
        ".filter((_, index) => index % 4 == 0)"
    )
    words = page.locator("#seen").get_attribute("aria-label").partition(": ")[2]
    return np.array(pixels).reshape(8, 8), np.array(
        [line.split() for line in words.split("; ")], int
    )


def expected(strokes, folder):
    """What Python makes of strokes: the digit, and its probabilities in percent."""
    ink = drawing_pad.blank()
    for stroke in strokes:
        drawing_pad.line(ink, *stroke)
    digit = drawing_pad.to_digit(ink)
    scores = interpreter.predict(
        interpreter.load(folder / "float32.tflite"), digits.as_model_input(digit[None])
    )[0]
    powers = np.exp(scores - scores.max())
    return digit, 100 * powers / powers.sum()


class TestAgreement:
    def test_every_test_digit_gets_the_interpreters_class_and_scores(self, page, folder):
        found = build.agreement(page, folder)
        assert list(found) == ["float32", "full-integer with float I/O"]
        for recipe, (same, total, error) in found.items():
            assert (same, total) == (450, 450) and error < build.TOLERANCE, (
                recipe,
                same,
                error,
            )

    def test_a_page_that_computes_something_else_is_noticed(self, fresh, changed):
        """Two faults, each seen by half of the comparison: rows and columns swapped, scores off."""
        copy = changed(
            ("digit.js", "digit[8 * y + x] / 16", "digit[8 * x + y] / 16"),
            ("model.js", "await result.data()", "await result.data(), (score) => score + 1e-3"),
        )
        for same, total, error in build.agreement(fresh(copy), copy).values():
            assert same < total / 2 and error == pytest.approx(1e-3, rel=0.1)

    @pytest.mark.parametrize("found", [(449, 450, 0.0), (450, 450, 1e-3)])
    def test_the_proof_fails_when_they_differ(self, monkeypatch, capsys, found):
        monkeypatch.setattr(browser, "program", lambda: "chromium")
        monkeypatch.setattr(browser, "launch", contextlib.nullcontext)
        monkeypatch.setattr(build, "open_page", lambda *_: contextlib.nullcontext())
        monkeypatch.setattr(build, "build", lambda out, fetch: out)
        monkeypatch.setattr(build, "agreement", lambda *_: {"float32": found})
        assert build.main(["prove"]) == 1
        assert f"{found[0]} of 450" in capsys.readouterr().out

    def test_ink_and_digits_are_pythons_bit_for_bit(self, page):
        random = np.random.default_rng(0)
        drawings = [
            [
                random.uniform(-40, drawing_pad.SIZE + 40, (count, 2)).round(2).tolist()
                for count in random.integers(1, 6, 2)
            ]
            for _ in range(25)
        ] + [
            [],
            [[[0.5, -0.5]]],
            [[[10, 112], [214, 112]]],
            [[[-50, -50]]],
        ]  # a sheet without ink, a dot, a dash, beside
        script = """async (drawings) => {
            const {blank, line, toDigit} = await import("/digit.js");
            const text = (ink) => btoa(String.fromCharCode(...ink));
            return drawings.map((strokes) => {
                const ink = blank();
                for (const stroke of strokes) line(ink, ...stroke);
                return [text(ink), Array.from(toDigit(ink))];
            });
        }"""
        for strokes, (there, digit) in zip(drawings, page.evaluate(script, drawings)):
            ink = drawing_pad.blank()
            for stroke in strokes:
                drawing_pad.line(ink, *stroke)
            assert base64.b64decode(there) == ink.tobytes(), strokes
            assert digit == drawing_pad.to_digit(ink).ravel().tolist(), strokes


class TestDrawing:
    def test_ten_digits_drawn_with_the_mouse_are_read_and_shown(self, page, folder):
        for number, strokes in DIGITS.items():
            build.draw(page, strokes)
            reads(page, number)
            (printed, widths), (pixels, words) = probabilities(page), shown_image(page)
            digit, wanted = expected(strokes, folder)
            assert np.array_equal(pixels, words * 255 // 16)
            # The mouse moves in steps of the screen's pixels: a cell may differ by a point or two.
            assert np.abs(words - digit).max() <= 3
            assert printed.argmax() == widths.argmax() == number and abs(widths.sum() - 100) < 0.1
            assert np.abs(printed - widths).max() <= 0.051 and np.abs(widths - wanted).max() < 15
            page.get_by_role("button", name="Clear").click()

    def test_a_finger_draws_in_a_narrow_window(self, fresh):
        page = fresh(viewport=NARROW, has_touch=True, is_mobile=True)
        page.locator("#paper").scroll_into_view_if_needed()
        frame, client = page.locator("#paper").bounding_box(), page.context.new_cdp_session(page)
        scale = frame["width"] / drawing_pad.SIZE

        def touch(kind, *points):
            places = [{"x": frame["x"] + x * scale, "y": frame["y"] + y * scale} for x, y in points]
            client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

        for first, *others in DIGITS[3]:
            touch("touchStart", first)
            for point in others:
                touch("touchMove", point)
            touch("touchEnd")
        reads(page, 3)
        assert (
            page.locator("#paper").bounding_box() == frame
        )  # nothing scrolled or moved under the finger
        assert (page.errors, page.refused) == ([], [])

    def test_the_keyboard_draws_takes_back_and_clears(self, page):
        paper, press = page.locator("#paper"), page.keyboard.press
        press("Tab")  # from the button that the fixture pressed
        paper.focus()
        for keys in ["ArrowUp"] * 8, [" "], ["ArrowDown"] * 16, [" "]:
            for key in keys:
                press(key)
        reads(page, 1)
        one = shown_image(page)[1]
        for keys in ["ArrowRight"] * 4, [" "], ["ArrowUp"] * 3, [" "]:
            for key in keys:
                press(key)
        assert not np.array_equal(shown_image(page)[1], one)
        press("Backspace")
        assert np.array_equal(shown_image(page)[1], one)
        press("Escape")
        page.get_by_text("Draw a digit, or take a test digit.").first.wait_for()

    def test_the_paper_shows_the_ink(self, page):
        """What's painted is what the model gets: strokes and dots, and nothing after Clear."""

        def paint():
            address = page.locator("#paper").evaluate("(paper) => paper.toDataURL()")
            shown = Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).convert("L")
            return np.asarray(shown.resize((drawing_pad.SIZE, drawing_pad.SIZE))) > 127

        assert not paint().any()
        strokes = [*DIGITS[7], [(30, 200)]]
        build.draw(page, strokes)
        ink = drawing_pad.blank()
        for stroke in strokes:
            drawing_pad.line(ink, *stroke)
        wrong = (paint() != (ink > 0)).sum() / (ink > 0).sum()
        assert wrong < 0.1, f"{wrong:.1%} of the ink is painted elsewhere"
        assert paint()[200, 30]  # the dot
        page.get_by_role("button", name="Undo").click()
        assert not paint()[200, 30] and paint().any()
        page.get_by_role("button", name="Clear").click()
        assert not paint().any()

    def test_a_test_digit_is_read_and_the_next_stroke_replaces_it(self, page):
        for number, digit in enumerate(build.samples()):
            page.get_by_role("button", name=f"Test digit {number}").click()
            reads(page, number)
            assert shown_image(page)[1].ravel().tolist() == digit
        build.draw(page, DIGITS[1])
        reads(page, 1)

    def test_the_model_is_switched(self, page, folder):
        """With a drawing that the two files score differently, so that they can't be confused."""
        build.draw(page, UNSURE)
        wanted = []
        for recipe, file in build.MODELS.items():
            page.get_by_role("radio", name=recipe).check()
            page.locator("#prediction", has_text=f"with {recipe}.").wait_for()
            pixels = build.pixels(page, shown_image(page)[1][None])
            powers = np.exp(interpreter.predict(interpreter.load(folder / file), pixels)[0])
            wanted.append(100 * powers / powers.sum())
            np.testing.assert_allclose(probabilities(page)[1], wanted[-1], atol=0.1)
        assert np.abs(wanted[0] - wanted[1]).max() > 1


class TestEveryone:
    def test_every_control_has_a_name_and_is_reached_with_tab(self, page):
        wanted = [
            "Paper to draw on",
            "Undo",
            "Clear",
            *(f"Test digit {number}" for number in range(10)),
            "float32 (1.65 MB)",
        ]
        page.get_by_role("heading", name="Draw a digit").click()
        reached = []
        for _ in wanted:
            page.keyboard.press("Tab")
            reached.append(re.match(r'- (\w+) "([^"]+)"', page.locator(":focus").aria_snapshot()))
        assert all(reached) and [found[2] for found in reached] == wanted
        assert [found[1] for found in reached] == ["application", *["button"] * 12, "radio"]

    def test_the_prediction_is_announced_when_the_pen_rests(self, page):
        build.draw(page, DIGITS[2])
        page.get_by_role("status").get_by_text("The model reads a 2.").wait_for()
        assert re.fullmatch(
            r"The model reads a 2\. Probability \d+\.\d\s%, in \d+\.\d ms, with float32\.",
            page.get_by_role("status").inner_text(),
        )
        assert page.get_by_role("img", name=re.compile("^Ink in each of 8 by 8 cells")).count() == 1
        assert (
            page.get_by_role("row", name=re.compile("^2 "))
            .get_by_role("cell")
            .inner_text()
            .endswith("%")
        )

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    def test_it_fits_a_narrow_window_and_can_be_read(self, fresh, scheme):
        page = fresh(viewport=NARROW, color_scheme=scheme)
        page.get_by_role("button", name="Test digit 4").click()
        reads(page, 4)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert (
            page.locator("#prediction").bounding_box()["y"]
            < page.locator("#paper").bounding_box()["y"]
            < 400
        )
        for selector in ("body", "#keys", "figcaption", "#prediction strong"):
            assert contrast(page, selector) >= 4.5, selector


def contrast(page, selector):
    """WCAG's contrast, 1 to 21, of an element's text with the page; small text needs 4.5."""

    def light(color):
        parts = np.array([float(part) for part in re.findall(r"[\d.]+", color)[:3]]) / 255
        return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4) @ [
            0.2126,
            0.7152,
            0.0722,
        ]

    colors = page.locator(selector).first.evaluate(
        "(it) => [getComputedStyle(it).color, getComputedStyle(document.body).backgroundColor]"
    )
    dark, bright = sorted(light(color) for color in colors)
    return (bright + 0.05) / (dark + 0.05)


def without(content, first=0, last=0):
    """A .tflite without its `first` and `last` ops; the rest has their tensors at its ends."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    graph, model.signatureDefs = model.subgraphs[0], []
    for _ in range(first):
        graph.inputs = graph.operators.pop(0).outputs
    for _ in range(last):
        graph.outputs = graph.operators.pop().inputs[:1]
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def integers(content):
    """An int8 file without the ops that turn floats into integers and back."""
    return without(content, first=1, last=1)


def features(content):
    """A model of the same images that doesn't return ten scores."""
    return without(content, last=1)


@pytest.fixture(scope="module")
def one(program, folder):
    """A page for all broken files, one after another; it hasn't loaded the int8 model yet."""
    with build.open_page(program, folder) as page:
        build.draw(page, DIGITS[7])
        yield page
        assert not [error for error in page.errors if "status of 404" not in error]


class TestBroken:
    @pytest.mark.parametrize(
        ("source", "change", "words"),
        [
            (
                "int8.tflite",
                None,
                "There is no model file int8.tflite here: the server answered 404.",
            ),
            ("index.html", bytes, "isn't a .tflite: it lacks the file identifier TFL3"),
            ("int8.tflite", lambda whole: b"", "It has 0 bytes."),
            (
                "int8.tflite",
                lambda whole: whole[: len(whole) // 2],
                "is damaged, or needs something that LiteRT.js lacks",
            ),
            ("int8.tflite", integers, 'it says "Element type INT8 is not supported."'),
            ("float32.tflite", features, "Found: float32 (1, 48, 48, 3) in, (1, 1280) out."),
            (EMBEDDED, bytes, "Found: float32 (-1, 48, 48, 3) in, (-1, 10) out."),
        ],
        ids=[
            "missing",
            "a page of HTML",
            "empty",
            "cut off",
            "integers in and out",
            "not ten scores",
            "dynamic batch",
        ],
    )
    def test_a_model_that_cannot_be_used_gets_a_message_and_the_page_lives_on(
        self, one, folder, source, change, words
    ):
        response = {"body": change((folder / source).read_bytes())} if change else {"status": 404}
        one.route("**/int8.tflite", lambda route: route.fulfill(**response))
        one.get_by_role("radio", name="full-integer").check()
        one.get_by_role("alert").get_by_text(words).wait_for()
        message = one.get_by_role("alert").inner_text()
        assert (
            message.startswith(("The file int8.tflite", "The model int8.tflite", "There is no"))
            and len(message) < 400
        )
        assert "No prediction" in one.locator("#prediction").inner_text()
        assert np.isnan(probabilities(one)[0]).all() and not probabilities(one)[1].any()
        one.unroute("**/int8.tflite")
        one.get_by_role("radio", name="float32").check()
        reads(one, 7)
        assert one.get_by_role("alert").inner_text() == "" and one.refused == []

    @pytest.mark.parametrize(
        ("part", "words"),
        [
            ("contents.json", "The list of models, contents.json, is missing or damaged."),
            ("litert/core.js", "A part of this page is missing."),
            ("litert/wasm", "The runtime did not load"),
        ],
    )
    def test_a_page_with_a_part_missing_says_so(self, fresh, folder, tmp_path, part, words):
        copy = shutil.copytree(
            folder, tmp_path / "part", ignore=lambda at, names: {part.rpartition("/")[2]} & {*names}
        )
        page = fresh(copy)
        assert words in page.get_by_role("alert").inner_text()
        assert "make web" in page.get_by_role("alert").inner_text()

    def test_opened_as_a_file_it_says_how_to_serve_it(self, program, folder):
        with browser.open_page(program) as page:
            page.goto((folder / "index.html").as_uri())
            assert "python -m http.server -d build/web" in page.get_by_role("alert").inner_text()

    def test_what_asks_for_another_machine_is_stopped_and_noticed(self, fresh, changed):
        """What `errors` and `refused` must catch: a page that takes its style from elsewhere."""
        copy = changed(("index.html", 'href="style.css"', 'href="http://example.org/style.css"'))
        assert "Content Security Policy" in fresh(copy).errors[0]
        assert fresh(copy, bypass_csp=True).refused == ["http://example.org/style.css"]


class TestBuild:
    def test_it_stands_alone_and_is_written_whole(self, folder, tmp_path, monkeypatch):
        contents = json.loads((folder / "contents.json").read_text())
        assert [each["bytes"] for each in contents["models"]] == [
            (folder / each["file"]).stat().st_size for each in contents["models"]
        ]
        texts = [
            path.read_text() for path in folder.iterdir() if path.suffix in (".html", ".js", ".css")
        ]
        assert not [
            found
            for text in texts
            for found in re.findall(r"https?://(?!localhost)[^\s'\"]+", text)
        ]
        out = tmp_path / "web"
        out.mkdir()
        (out / "old.txt").write_text("from an older page")
        monkeypatch.setattr(
            shutil, "copyfile", lambda *_: (_ for _ in ()).throw(OSError("disk full"))
        )
        with pytest.raises(OSError):
            build.build(out)
        assert [path.name for path in tmp_path.iterdir()] == ["web"] and (out / "old.txt").exists()
        monkeypatch.undo()
        build.build(out)
        assert {path.name for path in out.rglob("*")} == {path.name for path in folder.rglob("*")}

    def test_the_lock_names_no_registry(self):
        lock = (build.SOURCES / "package-lock.json").read_text()
        assert "http" not in lock and lock.count('"integrity": "sha512-') == 2

    def test_without_npm_or_chromium_a_sentence_says_what_to_install(
        self, tmp_path, monkeypatch, capsys
    ):
        monkeypatch.setattr(build, "ROOT", tmp_path)
        monkeypatch.setenv("HUB_TO_TFLITE_CACHE", str(tmp_path))
        monkeypatch.setattr(shutil, "which", lambda _: None)
        with pytest.raises(build.WebError, match="no npm on this machine.*apt install nodejs npm"):
            build.packages()
        assert build.main(["prove"]) == 0
        assert (
            "No proof here: there's no Chromium on this machine. On Debian"
            in capsys.readouterr().out
        )
