"""Draw the map of the course into docs/images/map.png: `python -m tools.course.road_map`."""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

MAP = Path(__file__).resolve().parents[2] / "docs" / "images" / "map.png"
STOPS = {  # what you have there -> (what leads there, a colour)
    "a handle": ("start here,\nwhy won't it open", "#0072b2"),
    "a SavedModel": ("load from Hub", "#009e73"),
    "a .tflite": ("convert", "#b8860b"),
    "predictions": ("run the interpreter", "#d55e00"),
    "same predictions": ("the parity ledger,\nin every lesson", "#aa4499"),
}


def height(along):
    """Return how high the road is at places along it."""
    return 0.2 * np.sin(1.5 * along)


def draw() -> None:
    """Write the map as a PNG: a winding road with numbered stops."""
    along = np.linspace(-0.5, 4.5, 200)
    figure, axes = plt.subplots(figsize=(8, 2.7), layout="constrained")
    axes.plot(along, height(along), color="#dddddd", linewidth=26, solid_capstyle="round")
    axes.plot(along, height(along), color="white", linewidth=2, linestyle=(0, (5, 5)))
    words = {"ha": "center", "va": "center_baseline"}
    for x, (stop, (lessons, colour)) in enumerate(STOPS.items()):
        y = height(x)
        axes.plot(x, y, "o", markersize=29, color=colour, mec="white", mew=3)
        axes.text(x, y, x + 1, color="white", weight="bold", fontsize=13, **words)
        axes.text(x, y + 0.42, stop, color=colour, weight="bold", fontsize=11, **words)
        axes.text(x, y - 0.5, lessons, color="#333333", **words)
    axes.set(title="The road of this course", xlim=(-0.6, 4.6), ylim=(-1, 0.9))
    axes.axis("off")
    figure.savefig(MAP, dpi=100)


if __name__ == "__main__":
    draw()
