"""The figures of a report: a sample of any kind, and two rows of bars for the recipes."""

import math
from typing import Any

import numpy as np

from hub_to_tflite.report.recommend import Recommendation

COLOURS = {  # told apart without red and green
    "recommended": "#004b87",
    "within tolerance": "#7fb2d9",
    "not within tolerance": "#e69f00",
}


def samples(name: str, values: np.ndarray, count: int = 6) -> None:
    """Show the first samples of an input, each with its smallest and largest number as a title."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, count, figsize=(1.5 * count, 1.9), layout="constrained")
    for axis in axes:
        axis.set_axis_off()
    for axis, value in zip(axes, values):
        axis.set_axis_on()
        sample(axis, value)
    figure.suptitle(f"First samples of the input {name!r}")
    plt.show()


def sample(axis: Any, value: np.ndarray) -> None:
    """Draw one sample on a matplotlib axis: an image, a table as a map, numbers as a line."""
    axis.set_xticks([])
    axis.set_yticks([])
    value = np.asarray(value)
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


def bars(
    title: str,
    decision: Recommendation,
    left: tuple[str, dict],
    right: tuple[str, dict],
    line: float | None = None,
) -> None:
    """Show two rows of bars; `left` and `right` are (label with unit, {recipe: number}).

    With `line`, a number, the right side has a logarithmic scale, and a dashed line there.
    """
    from matplotlib import pyplot as plt

    names = list(left[1])
    if not names:
        print("No file runs, so there is nothing to draw.")
        return
    size = (9, 0.45 * len(names) + 1.6)
    figure, axes = plt.subplots(1, 2, figsize=size, sharey=True, layout="constrained")
    if line:
        axes[1].set_xscale("log")
        axes[1].axvline(line, color="black", linestyle="--", linewidth=1)
        axes[1].set_title(f"dashed: the tolerance, {line:g} %", fontsize=9)
    for axis, (label, numbers) in zip(axes, (left, right)):
        values = [numbers.get(name) or 0 for name in names]
        values = [value if math.isfinite(value) else 0 for value in values]
        least = 1e-6 if axis is axes[1] and line else 0  # a logarithmic scale has no zero
        drawn = axis.barh(names, np.maximum(values, least), edgecolor="black", linewidth=0.5)
        for bar, name, value in zip(drawn, names, values):
            accepted = decision.reasons[name][0]
            kind = "within tolerance" if accepted else "not within tolerance"
            kind = "recommended" if name == decision.recommended else kind
            bar.set(facecolor=COLOURS[kind], hatch="" if accepted else "///")
            end = bar.get_width(), bar.get_y() + bar.get_height() / 2
            paper = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
            axis.annotate(f" {value:.2g}", end, va="center", bbox=paper)
        axis.set_xlabel(label)
        axis.margins(x=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].invert_yaxis()
    figure.suptitle(title)
    plt.show()
