"""The drawing pad: what becomes of ink, the pad alone, and the lesson's pad in JupyterLab."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading

import nbformat
import numpy as np
import pytest

from deploy.notebook import drawing_pad
from deploy.web import browser
from helpers import digits, interpreter, tinyhub
from tests import pages
from tests.strokes import DIGITS, PLAIN_SEVEN
from tools.course import notebooks

MODEL = tinyhub.EMBEDDED / "digits/mobilenet_v2/classification/1.tflite"


def drawn(strokes):
    ink = drawing_pad.blank()
    for stroke in strokes:
        drawing_pad.line(ink, *stroke)
    return ink


@pytest.fixture(scope="module")
def classify():
    """The embedded model: the ten scores of one digit, uint8 (8, 8)."""
    model = interpreter.load(MODEL)
    return lambda digit: interpreter.predict(model, digits.as_model_input(digit[None]))[0]


class TestInk:
    @pytest.mark.parametrize("number", DIGITS)
    def test_what_people_draw_is_read(self, classify, number):
        assert classify(drawing_pad.to_digit(drawn(DIGITS[number]))).argmax() == number

    def test_a_seven_without_a_crossbar_is_still_misread_as_the_lesson_says(self, classify):
        assert classify(drawing_pad.to_digit(drawn(PLAIN_SEVEN))).argmax() == 3

    def test_ink_looks_like_the_training_digits(self):
        """As much ink, in the same columns: otherwise the model would get what it's never seen."""
        images, labels = digits.load("train")
        ratios = []
        for number, strokes in DIGITS.items():
            digit, theirs = (
                drawing_pad.to_digit(drawn(strokes)),
                images[labels == number].reshape(-1, 64),
            )
            assert digit.dtype == np.uint8 and digit.shape == (8, 8) and digit.max() <= 16
            assert not digit[:, [0, 7]].any() and digit[[0, 7]].any(axis=1).all()
            ratios.append(digit.sum() / theirs.sum(axis=1).mean())
        assert min(ratios) > 0.5 and max(ratios) < 1.2 and 0.8 < np.mean(ratios) < 1.1

    def test_a_line_is_all_within_the_pens_radius(self):
        ink = drawing_pad.line(drawing_pad.blank(), (50, 60), (150, 100))
        y, x = np.mgrid[: drawing_pad.SIZE, : drawing_pad.SIZE]
        share = np.clip(((x - 50) * 100 + (y - 60) * 40) / (100**2 + 40**2), 0, 1)
        distance = np.hypot(x - 50 - 100 * share, y - 60 - 40 * share)
        assert np.array_equal(ink == 255, distance <= drawing_pad.RADIUS) and set(
            np.unique(ink)
        ) == {0, 255}

    def test_place_and_size_on_the_paper_do_not_matter(self):
        """But for a point more or less at the edges of cells."""
        once = drawing_pad.to_digit(drawn(DIGITS[3])).astype(int)
        moved = drawing_pad.to_digit(
            drawn([[(x - 30, y + 20) for x, y in stroke] for stroke in DIGITS[3]])
        )
        assert np.array_equal(once, moved)
        double = np.kron(drawn(DIGITS[3]), np.ones((2, 2), np.uint8))
        assert np.abs(once - drawing_pad.to_digit(double)).max() <= 2

    def test_empty_paper_a_dot_and_a_dash(self):
        assert not drawing_pad.to_digit(drawing_pad.blank()).any()
        dot, dash = (
            drawing_pad.to_digit(drawn([[(20, 30)]])),
            drawing_pad.to_digit(drawn([[(40, 112), (180, 112)]])),
        )
        assert dot[2:6, 2:6].sum() == dot.sum() > 16  # small, and in the middle
        assert not dash[:3].any() and not dash[5:].any() and dash[3:5].all(axis=0)[2:6].all()

    def test_beside_the_paper_there_is_no_ink_and_no_error(self):
        assert not drawing_pad.line(drawing_pad.blank(), (-50, -50), (-20, 400)).any()
        half = drawing_pad.line(drawing_pad.blank(), (-1e6, 100), (112.4, 100))
        assert half[100, :113].all() and not half[100, 125:].any()

    @pytest.mark.parametrize("shape", [(224, 224, 4), (224,), (1, 8, 8)])
    def test_ink_of_another_shape_is_refused(self, shape):
        with pytest.raises(
            ValueError, match=re.escape(f"(height, width). Found: an array of shape {shape}.")
        ):
            drawing_pad.to_digit(np.zeros(shape, np.uint8))


class TestPad:
    @pytest.fixture
    def new(self, classify):
        return drawing_pad.show(classify)

    @staticmethod
    def send(new, event, **content):
        """What the canvas in the browser sends to the kernel."""
        new.canvas._handle_frontend_event(None, {"event": event, **content}, [])

    def mouse(self, new, *stroke):
        for event, (x, y) in zip(["mouse_down", *["mouse_move"] * (len(stroke) - 1)], stroke):
            self.send(new, event, x=x, y=y)
        self.send(new, "mouse_up", x=stroke[-1][0], y=stroke[-1][1])

    def test_the_mouse_draws_and_the_prediction_comes_when_it_is_lifted(self, new):
        self.send(new, "mouse_move", x=10, y=10)
        assert not new.ink.any() and new.prediction.value == "Draw a digit."
        for stroke in DIGITS[7]:
            self.mouse(new, *stroke)
        assert np.array_equal(new.ink, drawn(DIGITS[7]))
        assert (
            "The model reads a 7." in new.prediction.value
            and new.prediction.value.count("<tr>") == 10
        )
        shown = np.array(re.findall(r"rgb\((\d+),", new.prediction.value), int).reshape(8, 8)
        assert np.array_equal(shown, drawing_pad.to_digit(new.ink).astype(int) * 255 // 16)

    def test_a_finger_draws_and_leaving_the_paper_lifts_the_pen(self, new):
        (first, *others), last = DIGITS[2][0], (5, 5)
        self.send(new, "touch_start", touches=[{"x": first[0], "y": first[1]}, {"x": 1, "y": 1}])
        for x, y in others:
            self.send(new, "touch_move", touches=[{"x": x, "y": y}])
        self.send(new, "touch_end", touches=[])
        assert "The model reads a 2." in new.prediction.value and np.array_equal(
            new.ink, drawn(DIGITS[2])
        )
        self.send(new, "mouse_down", x=5, y=5)
        self.send(new, "mouse_out", x=5, y=-1)
        self.send(new, "mouse_move", x=200, y=200)
        assert np.array_equal(new.ink, drawn([*DIGITS[2], [last]]))

    def test_the_button_clears(self, new):
        self.mouse(new, *DIGITS[1][0])
        new.box.children[0].children[1].click()
        assert not new.ink.any() and new.prediction.value == "Draw a digit."

    def test_a_classifier_that_fails_shows_its_error(self):
        new = drawing_pad.show(lambda digit: {}["<seven>"])
        self.mouse(new, (100, 100))
        assert (
            new.prediction.value == "The classifier failed with KeyError: &#x27;&lt;seven&gt;&#x27;"
        )

    def test_without_ipycanvas_a_sentence_and_no_pad(self, monkeypatch, capsys):
        monkeypatch.setitem(sys.modules, "ipycanvas", None)
        assert drawing_pad.show(lambda digit: digit) is None
        assert capsys.readouterr().out == (
            "There's no drawing pad here, because ipycanvas isn't installed. "
            "Nothing below needs it.\n"
        )

    def test_where_no_widgets_are_shown_the_text_says_what_it_is(self, new):
        bundle = new._repr_mimebundle_()
        assert bundle["text/plain"].startswith("A drawing pad: run this notebook in JupyterLab")
        assert "application/vnd.jupyter.widget-view+json" in bundle


def has_pad(cell):
    return "drawing-pad" in cell.metadata.get("tags", [])


def lesson_with_the_pad():
    """The cells that the lesson's pad needs, without outputs: imports, and from the ink to the pad.

    One cell with the embedded file replaces those between, which convert the lesson's model.
    """
    lessons = (nbformat.read(path, 4) for path in notebooks.every())
    lesson = next(one for one in lessons if any(map(has_pad, one.cells)))
    code = [cell for cell in lesson.cells if cell.cell_type == "code"]
    imports = next(cell for cell in code if "session.start()" in cell.source)
    first = next(number for number, cell in enumerate(code) if "import drawing_pad" in cell.source)
    last = next(number for number, cell in enumerate(code) if has_pad(cell))
    model = nbformat.v4.new_code_cell(
        "from helpers import tinyhub\n"
        f"embedded = tinyhub.EMBEDDED / '{MODEL.relative_to(tinyhub.EMBEDDED)}'\n"
        "files, shape = {'float32': embedded.read_bytes()}, (None, 48, 48, 3)"
    )
    parameters = [cell for cell in code if "parameters" in cell.metadata.get("tags", [])]
    lesson.cells = [*parameters, imports, model, *code[first : last + 1]]
    for cell in lesson.cells:
        cell.update(outputs=[], execution_count=None)
    return lesson


@contextlib.contextmanager
def jupyter_lab(folder, work):
    """Run JupyterLab on loopback over `folder`; yield its address, with the token.

    Its settings are in `work`. It asks for no news and no kernel, and ends with its kernels.
    """
    overrides = {
        "@jupyterlab/apputils-extension:notification": {
            "fetchNews": "false",
            "checkForUpdates": False,
        },
        "@jupyterlab/notebook-extension:tracker": {
            "windowingMode": "none",
            "autoStartDefaultKernel": True,
        },
    }
    settings = work / "config" / "labconfig" / "default_setting_overrides.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps(overrides))
    own = {
        "JUPYTER_CONFIG_DIR": work / "config",
        "JUPYTER_DATA_DIR": work / "data",
        "JUPYTER_RUNTIME_DIR": work / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": work / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": work / "workspaces",
        "IPYTHONDIR": work / "ipython",
        "JUPYTER_TOKEN": "of-the-test",
    }
    environment = {
        name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"
    }
    options = ["--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0"]
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyter", "lab", *options, f"--ServerApp.root_dir={folder}"],
        env=environment | {name: str(value) for name, value in own.items()},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        said = []
        for line in server.stderr:
            said.append(line)
            if address := re.search(r"http://127\.0\.0\.1:\d+/lab", line):
                break
        else:
            raise RuntimeError("".join(said))
        threading.Thread(target=server.stderr.read, daemon=True).start()
        yield address[0] + "/tree/{}?reset&token=" + own["JUPYTER_TOKEN"]
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=60)


def test_the_lessons_pad_reads_a_drawing_in_jupyterlab(tmp_path):
    """Open the lesson's cells in JupyterLab, Run All, draw a four with the mouse, read the page.

    It's the notebook as stored, without the cells that `lesson_with_the_pad` leaves out.
    """
    pages.need()
    folder = tmp_path / "lessons"
    folder.mkdir()
    nbformat.write(lesson_with_the_pad(), folder / "pad.ipynb")
    with (
        jupyter_lab(folder, tmp_path) as address,
        browser.launch() as program,
        browser.open_page(program) as page,
    ):
        page.set_default_timeout(60_000)
        page.goto(address.format("pad.ipynb"))
        page.get_by_text(
            "(ipykernel) | Idle"
        ).wait_for()  # in the status bar: earlier, what is run gets lost
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        canvas = page.locator(".jp-OutputArea canvas")
        canvas.or_(page.locator(".jp-RenderedText[data-mime-type*=error]")).first.wait_for()
        assert not page.locator(".jp-RenderedText[data-mime-type*=error]").all_inner_texts()
        canvas.scroll_into_view_if_needed()
        frame = canvas.bounding_box()
        for stroke in DIGITS[4]:
            for number, (x, y) in enumerate(stroke):
                page.mouse.move(frame["x"] + x, frame["y"] + y, steps=4)
                if not number:
                    page.mouse.down()
            page.mouse.up()
        page.get_by_text("The model reads a 4.").wait_for()
        assert page.get_by_role("button", name="Clear").is_visible() and page.refused == []
