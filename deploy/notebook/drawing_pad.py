"""A drawing pad in the notebook, and the way from ink to the small picture that a model expects. Taught in 10_deploy.

The digits of the UCI set were made from bitmaps of 32 x 32 points: each of the 64 numbers counts the inked points of a
4 x 4 block (https://archive.ics.uci.edu/dataset/80). In them a digit fills all 32 rows, and some 20 of the columns.
What is drawn here goes the same way. The page in deploy/web/ has the same functions in digit.js; a test compares the
two, bit for bit. No TensorFlow.
"""

import html

import numpy as np

SIZE = 224  # pixels: the side of the paper
RADIUS = 8  # pixels: half the width of the pen
INKED = 128  # a pixel of at least this much counts as ink
POINTS, WIDEST = 32, 20  # the bitmap's side, and how many of its columns a digit may fill


def blank():
    """Return a sheet of paper without ink: uint8 (224, 224) of zeros."""
    return np.zeros((SIZE, SIZE), np.uint8)


def line(ink, *points):
    """Draw with a round pen from point to point, each (x, y) in pixels; one point makes a dot. Return `ink`.

    `ink` is uint8 (height, width), changed in place: 255 where the pen was. Points may lie beside the paper.
    """
    y, x = np.ogrid[: ink.shape[0], : ink.shape[1]]
    points = [(int(np.floor(right + 0.5)), int(np.floor(down + 0.5))) for right, down in points]
    for (left, top), (right, bottom) in zip(points, points[1:] or points):
        across, down = right - left, bottom - top
        along, length = (x - left) * across + (y - top) * down, across**2 + down**2
        # The squared distance to the nearest point of the line: one of its ends, or the foot of the perpendicular.
        near = (x - left) ** 2 + (y - top) ** 2 <= RADIUS**2
        near |= (x - right) ** 2 + (y - bottom) ** 2 <= RADIUS**2
        aside = (x - left) * down - (y - top) * across
        near |= (along > 0) & (along < length) & (aside**2 <= RADIUS**2 * length)
        ink[near] = 255
    return ink


def to_digit(ink):
    """Return ink as the models of this course expect a digit: uint8 (8, 8), 0 = paper to 16 = full ink.

    `ink` is (height, width) of 0 = paper to 255 = ink. What is drawn is cropped, fitted into 20 x 32 points, centred in
    32 x 32, and counted in blocks of 4 x 4. Of paper without ink come zeros. Raises ValueError for another shape.
    """
    inked = np.asarray(ink) >= INKED
    if inked.ndim != 2:
        raise ValueError(
            f"Ink is one number for each pixel, (height, width). Found: an array {inked.shape}."
        )
    bitmap = np.zeros((POINTS, POINTS), np.uint8)
    rows, columns = np.flatnonzero(inked.any(axis=1)), np.flatnonzero(inked.any(axis=0))
    if rows.size:
        drawn = inked[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        # A dot stays small, and a dash flat: neither fills the frame. Minus twice: division that rounds up.
        height = max(drawn.shape[0], -(-drawn.shape[1] // 2), -(-max(inked.shape) // 4))
        width = max(drawn.shape[1], -(-height * WIDEST // POINTS))
        frame = np.zeros((height, width), bool)
        top, left = (height - drawn.shape[0]) // 2, (width - drawn.shape[1]) // 2
        frame[top : top + drawn.shape[0], left : left + drawn.shape[1]] = drawn
        margin = (POINTS - WIDEST) // 2
        bitmap[:, margin : margin + WIDEST] = _resized(_resized(frame, POINTS).T, WIDEST).T
    return bitmap.reshape(8, 4, 8, 4).sum(axis=(1, 3)).astype(np.uint8)


def show(classify):
    """Return a pad to draw a digit on, which shows itself in JupyterLab; None, and a sentence, without ipycanvas.

    After each stroke `classify` gets the digit, uint8 (8, 8) as `to_digit` makes it, and returns its ten scores
    (logits); the pad shows them as shares that add up to 100 %.
    """
    try:
        return Pad(classify)
    except ImportError as missing:
        print(
            f"There is no drawing pad here, because {missing.name} is not installed. Nothing below needs it."
        )
        return None


class Pad:
    """Paper, a button that clears it, and the answer. `ink` is what was drawn, as `line` draws it."""

    def __init__(self, classify):
        from ipycanvas import Canvas
        from ipywidgets import HTML, Button, HBox, VBox

        self.classify, self.ink, self.last = classify, blank(), None
        self.canvas = Canvas(width=SIZE, height=SIZE)
        self.canvas.layout.border = "1px solid gray"
        self.answer = HTML()
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
        self.box = HBox([VBox([self.canvas, button]), self.answer])
        self.clear()

    def clear(self):
        """Take a new sheet."""
        self.ink, self.last = blank(), None
        self.canvas.fill_style = "black"
        self.canvas.fill_rect(0, 0, SIZE, SIZE)
        self.canvas.stroke_style, self.canvas.line_width, self.canvas.line_cap = (
            "white",
            2 * RADIUS,
            "round",
        )
        self.answer.value = "Draw a digit."

    def down(self, x, y):
        """Put the pen on the paper at (x, y)."""
        self.last = x, y
        self.move(x, y)

    def move(self, x, y):
        """Draw from where the pen was to (x, y), if it is on the paper."""
        if self.last:
            left, top = self.last
            self.canvas.stroke_line(
                left - 0.01, top, x, y
            )  # a line without length would not be drawn: a dot
            line(self.ink, self.last, (x, y))
            self.last = x, y

    def up(self, *_):
        """Lift the pen and show what the classifier says."""
        if self.last:
            self.last = None
            digit = to_digit(self.ink)
            try:
                self.answer.value = _answer(digit, np.asarray(self.classify(digit), float))
            except Exception as error:  # it would end in a log that nobody reads
                self.answer.value = html.escape(
                    f"The classifier failed with {type(error).__name__}: {error}"
                )

    def _repr_mimebundle_(self, **_):
        text = "A drawing pad: run this notebook in JupyterLab to draw a digit and read the interpreter's answer."
        return {**self.box._repr_mimebundle_(), "text/plain": text}


def _resized(bits, count):
    """Return (n, m) bools as (count, m): a new row is inked where any row that it touches is."""
    place = np.arange(count)
    first, last = place * len(bits) // count, -(-(place + 1) * len(bits) // count)
    total = np.concatenate([np.zeros((1, bits.shape[1]), int), bits.cumsum(axis=0)])
    return total[last] > total[first]


def _answer(digit, scores):
    """Return the answer as HTML: the digit, the picture that the model saw, and a bar for each score."""
    shares = np.exp(scores - scores.max())
    shares /= shares.sum()
    cells = "".join(
        f"<span style='width:10px;height:10px;background:rgb({ink},{ink},{ink})'></span>"
        for ink in (digit.ravel().astype(int) * 255 // 16)
    )
    bars = "".join(
        f"<tr><th>{number}</th><td style='width:110px'><div style='height:9px;width:{share:.0%};background:#0072b2'>"
        f"</div></td><td style='text-align:right'>{share:.0%}</td></tr>"
        for number, share in enumerate(shares)
    )
    return (
        f"<div style='margin-left:1em'><b>The model reads a {shares.argmax()}.</b> It saw:"
        f"<div role='img' aria-label='the digit in 8 by 8 cells' style='display:grid;width:80px;margin:4px 0;"
        f"grid-template-columns:repeat(8,10px)'>{cells}</div><table style='line-height:1.15'>{bars}</table></div>"
    )
