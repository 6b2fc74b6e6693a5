"""The figures of a report: samples of any kind, and size and error of each recipe's file."""

import math
from typing import Any

import numpy as np

from hub_to_tflite.report.compare import Result
from hub_to_tflite.report.recommend import Recommendation

COLOURS = {  # different also without red and green
    "recommended": "#004b87",
    "accepted": "#7fb2d9",
    "not accepted": "#e69f00",
}


def samples(name: str, values: np.ndarray, count: int = 6) -> None:
    """Show the first samples of an input, each with its smallest and largest number as a title."""
    from matplotlib import pyplot as plt

    figure = plt.figure(figsize=(1.5 * count, 1.9), layout="constrained")
    for number, value in enumerate(values[:count], 1):
        sample(figure.add_subplot(1, count, number), value)
    figure.suptitle(f"First samples of the input {name!r}")
    plt.show()


def sample(axis: Any, value: np.ndarray) -> None:
    """Draw one sample on a matplotlib axis: an image, a table as a map, numbers as a line."""
    axis.set_xticks([])
    axis.set_yticks([])
    value = np.asarray(value)
    if not value.size:
        axis.set_title("no numbers", fontsize=9)
        return
    if value.dtype.kind not in "fiub":
        text = value.ravel()[0]
        text = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
        axis.text(0.5, 0.5, text[:14], ha="center", va="center", fontsize=8)
        return
    value = np.nan_to_num(value.astype(np.float64))
    axis.set_title(f"{value.min():.3g} to {value.max():.3g}", fontsize=9)
    if value.ndim == 3 and value.shape[2] == 3:
        axis.imshow((value - value.min()) / (np.ptp(value) or 1))
    elif value.ndim >= 2 and min(value.shape[:2]) > 1:
        axis.imshow(value.reshape(*value.shape[:2], -1)[..., 0], cmap="gray", aspect="auto")
    else:
        axis.plot(value.ravel(), linewidth=0.8, marker="." if value.size < 30 else "")


def short(number):
    """Return a number in two significant digits, never as a power of ten: 110, 1.3."""
    if 0 < number < 1e-4:
        return "under 0.0001"
    if 0 < number < 10:
        return np.format_float_positional(number, 2, unique=False, fractional=False, trim="-")
    return f"{number:,.0f}"


def bars(decision: Recommendation, results: list[Result]) -> None:
    """Show two rows of bars: the size of each file that runs, and its worst relative error."""
    from matplotlib import pyplot as plt

    results = [one for one in results if not one.failure]
    if not results:
        print("No file runs, so there is nothing to draw.")
        return
    size = (9, 0.45 * len(results) + 1.6)
    figure, (left, right) = plt.subplots(1, 2, figsize=size, sharey=True, layout="constrained")
    tolerance = 100 * decision.tolerance
    right.set_xscale("log")
    right.axvline(tolerance, color="black", linestyle="--", linewidth=1)
    right.set_title(f"dashed: the tolerance, {tolerance:g} %", fontsize=9)
    small = max(one.bytes for one in results) < 1e6
    sizes = [one.bytes / (1e3 if small else 1e6) for one in results]
    errors = [100 * one.relative_error for one in results]
    drawn = [error if 1e-6 < error < math.inf else 1e-6 for error in errors]
    for axis, lengths, numbers in ((left, sizes, sizes), (right, drawn, errors)):
        names = [one.recipe for one in results]
        for bar, name, number in zip(axis.barh(names, lengths), names, numbers):
            accepted = decision.reasons[name][0]
            kind = "accepted" if accepted else "not accepted"
            kind = "recommended" if name == decision.recommended else kind
            bar.set(facecolor=COLOURS[kind], edgecolor="black", hatch="" if accepted else "///")
            end = bar.get_width(), bar.get_y() + bar.get_height() / 2
            paper = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
            axis.annotate(f" {short(number)}", end, va="center", bbox=paper)
        axis.margins(x=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    left.set_xlabel("size in kB" if small else "size in MB")
    right.set_xlabel("worst error, % of the output's range")
    left.invert_yaxis()
    figure.suptitle("Size, and error relative to the SavedModel")
    plt.show()
