"""What the course's own code adds: the helper over bare calls, the walk over its floor.

    python -m tools.bench.overhead helper PATH ROUNDS    ratios in one process, as JSON
    python -m tools.bench.overhead walk                  the code of lesson 00, as a plain script
    python -m tools.bench.overhead notebook              the same lesson, on a kernel
    python -m tools.bench.overhead floor FOLDER          its imports and its conversion, and nothing else
    python -m tools.bench.overhead folder                where its SavedModel is, as JSON

The last four are to be run in a fresh process each.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tools.bench import contest

LESSON = contest.ROOT / "notebooks" / "00_start_here.ipynb"
PICTURES = 8
PREDICT = "helpers.interpreter.predict"


def bare(interpreter, pictures):
    """Run the three calls and nothing else: what `predict` is measured against."""
    source = interpreter.get_input_details()[0]["index"]
    target = interpreter.get_output_details()[0]["index"]
    for picture in pictures:
        interpreter.set_tensor(source, picture)
        interpreter.invoke()
        interpreter.get_tensor(target)


def helper(path, rounds):
    """Return {way: (low, median, high)}, how many times as long it takes as the bare calls, on one thread.

    The time is the processor's: on one thread, and with nothing to wait for, it is that of an idle machine's clock.
    "bare, again" says how far to trust the other lines: it compares the bare calls with themselves.
    """
    from helpers import benchmark
    from helpers.interpreter import load, predict
    from tools.bench import files

    pictures = files.pictures(PICTURES, seed=3)
    one_by_one = list(pictures[:, None])
    single, named, batched = load(path), load(path), load(path)
    runner = named.get_signature_runner()
    name = next(iter(runner.get_input_details()))
    batched.resize_tensor_input(batched.get_input_details()[0]["index"], pictures.shape)
    batched.allocate_tensors()
    ways = {
        "bare": lambda: bare(single, one_by_one),
        "bare, again": lambda: bare(single, one_by_one),
        PREDICT: lambda: predict(single, pictures),
        "signature runner": lambda: [runner(**{name: picture}) for picture in one_by_one],
        f"one batch of {PICTURES}": lambda: bare(batched, [pictures]),
    }
    seconds = benchmark.measure(ways, rounds=rounds, warm_up=5, clock=time.process_time)
    return {way: benchmark.ratio(seconds, way, "bare") for way in list(ways)[1:]}


def walk():
    """Run every code cell of lesson 00, with figures that nobody looks at."""
    os.environ.update(MPLBACKEND="Agg", TF_CPP_MIN_LOG_LEVEL="3")
    names = {"__name__": "__main__"}
    for cell in json.loads(LESSON.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)


def floor(folder):
    """Import what the road needs and convert the lesson's model: less than this, nobody can do it with."""
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3")
    import ai_edge_litert.interpreter  # noqa: F401
    import tensorflow as tf
    import tensorflow_hub  # noqa: F401

    tf.lite.TFLiteConverter.from_saved_model(folder).convert()


def notebook():
    """Execute lesson 00 as `make run` does, on a kernel of its own."""
    import papermill

    from tools.course import notebooks

    papermill.execute_notebook(
        LESSON, None, **notebooks.KERNEL, cwd=LESSON.parent, progress_bar=False
    )


def fresh(python, *arguments):
    """Return the seconds that a fresh process takes, from its start to its end. Raises contest.Failed."""
    command = [str(python), "-m", "tools.bench.overhead", *arguments]
    start = time.perf_counter()
    done = subprocess.run(command, cwd=contest.ROOT, capture_output=True, text=True)
    spent = time.perf_counter() - start
    if done.returncode:
        raise contest.Failed(
            f"{arguments[0]}: {(done.stderr.strip().splitlines() or ['no word'])[-1][:200]}"
        )
    return spent


def folder():
    """Print the folder of lesson 00's SavedModel, downloaded from the embedded hub if need be."""
    from helpers import handles

    print(json.dumps(str(handles.fetch(handles.check(handles.DEFAULT)))))


def walks(python, folder, rounds):
    """Return ({"walk", "floor", "notebook": seconds (rounds,)}, {what failed: why}), all in fresh processes.

    `folder` is that of lesson 00's SavedModel, so that a download is on neither side.
    """
    ways = {
        "walk": lambda: fresh(python, "walk"),
        "floor": lambda: fresh(python, "floor", folder),
        "notebook": lambda: fresh(python, "notebook"),
    }
    return contest.interleave(ways, rounds, warm_up=1)


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    if command == "helper":
        print(json.dumps(helper(Path(rest[0]), int(rest[1]))))
    else:
        {"walk": walk, "floor": floor, "notebook": notebook, "folder": folder}[command](*rest)
