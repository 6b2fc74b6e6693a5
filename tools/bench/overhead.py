"""What the course's own code adds: `predict` over bare calls, lesson 00 over the least it needs."""

import json
import os
import time

from helpers import benchmark, handles, tinyhub
from helpers.interpreter import load, predict
from hub_to_tflite import sandbox
from tools.bench import files, runtimes
from tools.course import set_up


def helper(path: str, rounds: int) -> dict[str, tuple[float, float, float]]:
    """Return {candidate: (low, median, high)}, its time over that of the bare calls, on one thread.

    The time is the processor's: on one thread, and with nothing to wait for, it is that of an idle
    machine's clock. "bare, again" compares the bare calls with themselves.
    """
    images, interpreter = files.images(8, seed=3), load(path)
    run = runtimes.interpreter(path, option="", threads=1)
    candidates = {
        "bare": lambda: [run(image) for image in images[:, None]],
        "bare, again": lambda: [run(image) for image in images[:, None]],
        "predict": lambda: predict(interpreter, images),
    }
    seconds = benchmark.measure(candidates, rounds, warm_up=5, clock=time.process_time)
    return {name: benchmark.ratio(seconds, name, "bare") for name in ("bare, again", "predict")}


def lesson() -> None:
    """Run every code cell of lesson 00, with figures that nobody looks at."""
    os.environ["MPLBACKEND"] = "Agg"
    names = {"__name__": "__main__"}
    path = set_up.ROOT / "notebooks" / "00_start_here.ipynb"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)


def floor(folder: str) -> None:
    """Import what the lesson needs and convert its model: with less, nobody can do it."""
    import ai_edge_litert.interpreter  # noqa: F401
    import tensorflow as tf
    import tensorflow_hub  # noqa: F401

    tf.lite.TFLiteConverter.from_saved_model(folder).convert()


def lessons(rounds: int) -> dict[str, list[float]]:
    """Return {"lesson", "floor": seconds (rounds,)}, each time of a fresh process.

    The first lesson, which downloads the model, doesn't count.
    """
    folder = sandbox.call(handles.check, f"{tinyhub.EMBEDDED / handles.DEFAULT}.tar.gz")
    candidates = {
        "lesson": lambda: sandbox.call(lesson),
        "floor": lambda: sandbox.call(floor, folder),
    }
    seconds = benchmark.measure(candidates, rounds, warm_up=0)
    return {name: spent.round(3).tolist() for name, spent in seconds.items()}
