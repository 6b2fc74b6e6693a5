"""A drawing pad in the notebook, and the steps from ink to the small image that a model expects.

The digits of the UCI set were made from bitmaps of 32 x 32 points: each of the 64 numbers counts
the inked points of a 4 x 4 block (https://archive.ics.uci.edu/dataset/80). In them a digit fills
all 32 rows, and about 20 of the columns. What you draw here is treated the same way. The page in
deploy/web/ has the same functions in digit.js; a test compares the two, bit for bit. No TensorFlow.
Taught in 42_run_in_a_browser.
"""

import html
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hub_to_tflite import knowledge

SIZE = 224  # pixels: the side of the paper
RADIUS = 8  # pixels: half the width of the pen
INKED = 128  # a pixel of at least this much counts as ink
POINTS, WIDEST = 32, 20  # the bitmap's side, and how many of its columns a digit may fill
PREDICTION = Path(__file__).with_name("prediction.html.j2")


def blank() -> np.ndarray:
    """Return paper without ink: uint8 (224, 224) of zeros."""
    return np.zeros((SIZE, SIZE), np.uint8)


def line(ink: np.ndarray, *points: tuple[float, float]) -> np.ndarray:
    """Draw with a round pen from point to point, each (x, y) in pixels; one point makes a dot.

    Return `ink`, uint8 (height, width), changed in place: 255 where the pen was. Points may lie
    outside the paper.
    """
    y, x = np.ogrid[: ink.shape[0], : ink.shape[1]]
    points = [(int(np.floor(right + 0.5)), int(np.floor(down + 0.5))) for right, down in points]
    for (left, top), (right, bottom) in zip(points, points[1:] or points):
        across, down = right - left, bottom - top
        along, length = (x - left) * across + (y - top) * down, across**2 + down**2
        # A pixel is inked if it's near one of the line's ends, or near the line between them.
        near = (x - left) ** 2 + (y - top) ** 2 <= RADIUS**2
        near |= (x - right) ** 2 + (y - bottom) ** 2 <= RADIUS**2
        aside = (x - left) * down - (y - top) * across
        near |= (along > 0) & (along < length) & (aside**2 <= RADIUS**2 * length)
        ink[near] = 255
    return ink


def to_digit(ink: np.ndarray) -> np.ndarray:
    """Return ink as this course's models expect a digit: uint8 (8, 8), 0 = paper to 16 = full ink.

    `ink` is (height, width) of 0 = paper to 255 = ink. The drawing is cropped, fitted into 20 x 32
    points, centred in 32 x 32, and counted in blocks of 4 x 4. Paper without ink gives zeros.
    Raises ValueError for another shape.
    """
    inked = np.asarray(ink) >= INKED
    if inked.ndim != 2:
        rule = "Ink is one number per pixel, (height, width)."
        raise ValueError(f"{rule} Found: an array of shape {inked.shape}.")
    bitmap = np.zeros((POINTS, POINTS), np.uint8)
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    if rows.size:
        drawn = inked[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        # A dot stays small, and a dash flat: neither fills the frame.
        high, wide = drawn.shape
        height = max(high, math.ceil(wide / 2), math.ceil(max(inked.shape) / 4))
        width = max(wide, math.ceil(height * WIDEST / POINTS))
        top, left = (height - high) // 2, (width - wide) // 2
        frame = np.pad(drawn, [(top, height - high - top), (left, width - wide - left)])
        margin = (POINTS - WIDEST) // 2
        bitmap[:, margin:-margin] = _resized(_resized(frame, POINTS).T, WIDEST).T
    return bitmap.reshape(8, 4, 8, 4).sum(axis=(1, 3)).astype(np.uint8)


def show(classify: Callable[[np.ndarray], np.ndarray]) -> "Pad | None":
    """Return a pad to draw a digit on, which shows itself in JupyterLab.

    After each stroke `classify` gets the digit, uint8 (8, 8) as `to_digit` makes it, and returns
    its ten scores (logits); the pad shows them as probabilities. Without ipycanvas, print a
    sentence and return None.
    """
    try:
        return Pad(classify)
    except ImportError as missing:
        why = f"because {missing.name} isn't installed"
        print(f"There's no drawing pad here, {why}. Nothing below needs it.")
        return None


class Pad:
    """Paper, a button that clears it, and the prediction. `ink` is what was drawn, as by `line`."""

    def __init__(self, classify: Callable[[np.ndarray], np.ndarray]):
        from ipycanvas import Canvas
        from ipywidgets import HTML, Button, HBox, VBox

        self.classify = classify
        self.canvas = Canvas(width=SIZE, height=SIZE)
        self.canvas.layout.border = "1px solid gray"
        self.prediction = HTML()
        button = Button(description="Clear")
        button.on_click(lambda _: self.clear())
        self.canvas.on_mouse_down(self.down)
        self.canvas.on_mouse_move(self.move)
        self.canvas.on_mouse_up(self.up)
        self.canvas.on_mouse_out(self.up)
        self.canvas.on_touch_start(lambda touches: self.down(*touches[0]))
        self.canvas.on_touch_move(lambda touches: self.move(*touches[0]))
        self.canvas.on_touch_end(self.up)
        self.canvas.on_touch_cancel(self.up)
        self.box = HBox([VBox([self.canvas, button]), self.prediction])
        self.clear()

    def clear(self):
        """Take a new sheet of paper."""
        self.ink = blank()
        self.last = None  # where the pen is, while it's down
        self.canvas.fill_style = "black"
        self.canvas.fill_rect(0, 0, SIZE, SIZE)
        self.canvas.stroke_style = "white"
        self.canvas.line_width = 2 * RADIUS
        self.canvas.line_cap = "round"
        self.prediction.value = "Draw a digit."

    def down(self, x, y):
        """Put the pen on the paper at (x, y)."""
        self.last = x, y
        self.move(x, y)

    def move(self, x, y):
        """Draw from where the pen was to (x, y), if it's on the paper."""
        if self.last:
            left, top = self.last
            # A line without length wouldn't be drawn, and a dot is one.
            self.canvas.stroke_line(left - 0.01, top, x, y)
            line(self.ink, self.last, (x, y))
            self.last = x, y

    def up(self, *_):
        """Lift the pen and show what the classifier says."""
        if self.last:
            self.last = None
            digit = to_digit(self.ink)
            try:
                scores = np.asarray(self.classify(digit), float)
                self.prediction.value = knowledge.render(PREDICTION, **_facts(digit, scores))
            except Exception as error:  # Jupyter would write it into a log that nobody reads
                message = f"The classifier failed with {type(error).__name__}: {error}"
                self.prediction.value = html.escape(message)

    def _repr_mimebundle_(self, **_):
        text = "A drawing pad: run this notebook in JupyterLab to draw a digit and see "
        text += "what the interpreter predicts."
        view = {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}
        return {"application/vnd.jupyter.widget-view+json": view, "text/plain": text}


def _resized(bits, count):
    """Return (n, m) bools as (count, m): a new row is inked where any row that it touches is."""
    row, source = np.arange(count)[:, None], np.arange(len(bits))
    begins, ends = row * len(bits), (row + 1) * len(bits)
    touched = (begins < (source + 1) * count) & (ends > source * count)
    return touched @ bits


def _facts(digit, scores):
    """Return what the template of the prediction shows: what the model saw, and its scores."""
    probabilities = np.exp(scores - scores.max())
    probabilities /= probabilities.sum()
    return {
        "number": scores.argmax(),
        "greys": digit.ravel().astype(int) * 255 // 16,
        "probabilities": [f"{probability:.0%}" for probability in probabilities],
    }
