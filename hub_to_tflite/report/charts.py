"""The figures of 11_bring_your_own_model: a sample of any kind, and two rows of bars for the recipes."""

import math

import numpy as np

COLOURS = {
    "recommended": "#004b87",
    "kept": "#7fb2d9",
    "not kept": "#e69f00",
}  # told apart without red and green


def sample(axis, value):
    """Draw one sample on a matplotlib axis: a picture, a table as a map, numbers as a line; its range is the title."""
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


def bars(title, decision, left, right, line=None):
    """Draw two rows of bars side by side; `left` and `right` are (label with unit, {recipe: number}).

    Dark blue is recommended by the verdict.Verdict, light blue kept, orange and hatched not kept. With `line`, a
    number, the right side has a logarithmic scale, and a dashed line there.
    """
    from matplotlib import pyplot as plt

    names = list(left[1])
    if not names:
        print("No file runs, so there is nothing to draw.")
        return
    figure, axes = plt.subplots(
        1, 2, figsize=(9, 0.45 * len(names) + 1.6), sharey=True, layout="constrained"
    )
    if line:
        axes[1].set_xscale("log")
        axes[1].axvline(line, color="black", linestyle="--", linewidth=1)
        axes[1].set_title(f"dashed: the tolerance, {line:g} %", fontsize=9)
    for axis, (label, numbers) in zip(axes, (left, right)):
        values = [
            value if value and math.isfinite(value) else 0 for value in map(numbers.get, names)
        ]
        least = 1e-6 if axis is axes[1] and line else 0  # a logarithmic scale has no zero
        for bar, name, value in zip(
            axis.barh(names, np.maximum(values, least), edgecolor="black"), names, values
        ):
            kept = (
                "recommended"
                if name == decision.recommended
                else "kept"
                if decision.reasons[name][0]
                else "not kept"
            )
            bar.set(
                facecolor=COLOURS[kept], hatch="///" if kept == "not kept" else "", linewidth=0.5
            )
            place = bar.get_width(), bar.get_y() + bar.get_height() / 2
            paper = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
            axis.annotate(f" {value:.2g}", place, va="center", bbox=paper)
        axis.set_xlabel(label)
        axis.margins(x=0.25)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].invert_yaxis()
    figure.suptitle(title)
    plt.show()
