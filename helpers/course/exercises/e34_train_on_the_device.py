"""The exercises of 34_train_on_the_device."""

import contextlib
import functools
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np

from helpers.course.exercises import Exercise, Wrong, ask, shown, stopped

BATCH = 8


class _Step:
    """Stands in for the signature runner `train`: its losses are given, its calls are kept."""

    def __init__(self, losses):
        self.losses, self.calls = list(losses), []

    def __call__(self, *, images, labels):
        self.calls.append((np.array(images), np.array(labels)))
        if len(self.calls) > 100:
            raise Wrong("It trains on and on. Stop after `most` passes, good enough or not.")
        number = min(len(self.calls), len(self.losses)) - 1
        return {"loss": np.float32(self.losses[number])}


# (examples, losses of each pass, enough, most, passes): the mean of a pass, its last loss and its
# lowest say different things.
CASES = (
    (16, [[0.9, 0.8], [0.7, 0.2], [0.3, 0.5], [0.1, 0.1]], 0.42, 9, 3),
    (16, [[0.2, 0.9], [0.2, 0.9], [0.2, 0.9]], 0.3, 3, 3),
    (24, [[0.75, 0.5, 0.25], [0.5, 0.5, 0.5], [0.0, 0.0, 0.0]], 0.5, 5, 1),
    (24, [[2.0, 2.0, 0.1], [0.6, 0.6, 1.5], [0.5, 0.5, 0.8]], 0.7, 7, 3),
    (8, [[1.0], [1.0]], 0.5, 1, 1),
    (16, [[1.0, 1.0], [0.5, 0.5], [0.5, 0.5]], 0.5, 4, 2),
)


def _teach_until(teach_until):
    for count, passes, enough, most, right in CASES:
        images = np.random.default_rng(count).random((count, 2, 2, 1), np.float32)
        labels = np.arange(count, dtype=np.int32)
        step = _Step(loss for one in passes for loss in one)
        answer = ask(teach_until, step, images, labels, enough, most)
        if reason := _passes(answer, step, len(passes[0]), count, right, (enough, most, passes)):
            return reason
    return None


def _passes(answer, step, steps, count, right, case):
    """Return what is wrong with the number of passes, None if nothing is."""
    enough, most, losses = case
    asked = f"enough={enough}, most={most} and these losses of the passes: {losses[:right]}"
    if not step.calls:
        return "It never called `step`. Train with step(images=..., labels=...)."
    sizes = [len(labels) for _, labels in step.calls[:steps]]
    wanted_sizes = [BATCH] * steps
    if sizes != wanted_sizes:
        return f"A pass over {count} examples has batches of {wanted_sizes}. Found: {sizes}."
    seen = np.concatenate([labels for _, labels in step.calls[:steps]])
    if not np.array_equal(seen, np.arange(count)):
        return "The first pass doesn't take each example once, in order."
    if any(len(images) != len(labels) for images, labels in step.calls):
        return "Some step got images and labels of different numbers."
    done, left = divmod(len(step.calls), steps)
    if left or done != right:
        more = "It stopped in the middle of a pass." if left else f"It trained {done}."
        return f"With {asked}, {right} passes are right. {more} Compare the mean of each pass."
    if isinstance(answer, bool) or not isinstance(answer, (int, np.integer)) or answer != right:
        return f"It trained {right} passes, as it should. The answer should be {right}. Found: {shown(answer)}."
    return None


@functools.cache
def _tflite():
    """Return a small .tflite with the lesson's signatures infer, save and restore."""
    import tensorflow as tf

    module = tf.Module()
    module.kernel = tf.Variable(tf.fill([3, 2], 0.5))
    module.bias = tf.Variable(tf.zeros([2]))
    kernel, bias = (tf.TensorSpec(one.shape, name=name) for one, name in _variables(module))

    def infer(images):
        return {"scores": images @ module.kernel + module.bias}

    def save():
        return {"kernel": module.kernel.read_value(), "bias": module.bias.read_value()}

    def restore(kernel, bias):
        return {"kernel": module.kernel.assign(kernel), "bias": module.bias.assign(bias)}

    given = {infer: [tf.TensorSpec([None, 3], name="images")], save: [], restore: [kernel, bias]}
    signatures = {
        one.__name__: tf.function(one, autograph=False).get_concrete_function(*specs)
        for one, specs in given.items()
    }
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        tf.saved_model.save(module, temporary, signatures)
        return tf.lite.TFLiteConverter.from_saved_model(temporary).convert()


def _variables(module):
    return (module.kernel, "kernel"), (module.bias, "bias")


@contextlib.contextmanager
def _shapes_checked():
    """Raise Wrong where a runner gets another shape: LiteRT doesn't check, and the process may die."""
    from ai_edge_litert.interpreter import SignatureRunner

    call = SignatureRunner.__call__

    def checked(runner, *positional, **arrays):
        for name, detail in runner.get_input_details().items():
            shape, given = tuple(detail["shape_signature"]), np.shape(arrays.get(name))
            if name in arrays and -1 not in shape and given != shape:
                shape = tuple(map(int, shape))
                raise Wrong(f"`{name}` has the shape {shape} in this file. It was given {given}.")
        return call(runner, *positional, **arrays)

    with mock.patch.object(SignatureRunner, "__call__", checked):
        yield


def _opened(opened):
    rng = np.random.default_rng(9)
    images = rng.normal(size=(4, 3)).astype(np.float32)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        for number in range(3):
            kernel, bias = np.full((3, 2), 0.5, np.float32), np.zeros(2, np.float32)
            path = Path(temporary, f"{number}.npz")
            if number:
                kernel = rng.normal(size=(3, 2)).astype(np.float32)
                bias = rng.normal(size=2).astype(np.float32)
                np.savez(path, bias=bias, kernel=kernel)
            with _shapes_checked():
                answer = ask(opened, _tflite(), path)
            if reason := _ready(answer, images, images @ kernel + bias, number):
                return reason
    return None


def _ready(answer, images, right, saved):
    """Return what is wrong with the interpreter that was opened, None if nothing is."""
    if not hasattr(answer, "get_signature_runner"):
        return f"The answer should be an interpreter. Found: {shown(answer)}."
    runner = answer.get_signature_runner("infer")
    [takes] = runner.get_input_details().values()
    if tuple(takes["shape_signature"]) != (-1, 3):
        return "That's an interpreter of another file. Open `tflite`."
    try:
        found = runner(images=images)["scores"]
    except (RuntimeError, ValueError) as error:
        found = stopped(error).partition(" with ")[2]
        return f"The interpreter isn't ready to infer. It stops with {found}"
    if np.allclose(found, right, atol=1e-4):
        return None
    if not saved:
        return "At the first start, without a file at `path`, it should predict as converted."
    first = np.allclose(found, images @ np.full((3, 2), 0.5, np.float32), atol=1e-4)
    if first:
        return "The interpreter has the weights of the conversion. Restore those at `path` in it."
    return "The interpreter's weights aren't those at `path`."


EXERCISES = [
    Exercise(
        _teach_until,
        "It stops when the pass as a whole is good enough, and never goes on forever.",
        "teach(step, images, labels, passes=1) trains one pass and returns its losses. Compare "
        "their mean with enough.",
        "def teach_until(step, images, labels, enough, most):\n"
        "    for done in range(1, most + 1):\n"
        "        if np.mean(teach(step, images, labels, passes=1)) <= enough:\n"
        "            break\n"
        "    return done",
        wrong={
            "def teach_until(step, images, labels, enough, most):\n"
            "    for done in range(1, most + 1):\n"
            "        if teach(step, images, labels, passes=1)[-1] <= enough:\n"
            "            break\n"
            "    return done": "Compare the mean of each pass",
            "def teach_until(step, images, labels, enough, most):\n"
            "    for done in range(1, most + 1):\n"
            "        if min(teach(step, images, labels, passes=1)) <= enough:\n"
            "            break\n"
            "    return done": "Compare the mean of each pass",
            "def teach_until(step, images, labels, enough, most):\n"
            "    teach(step, images, labels, passes=most)\n"
            "    return most": "3 passes are right",
            "def teach_until(step, images, labels, enough, most):\n"
            "    for done in range(most):\n"
            "        if np.mean(teach(step, images, labels, passes=1)) <= enough:\n"
            "            break\n"
            "    return done": "The answer should be 3",
            "def teach_until(step, images, labels, enough, most):\n"
            "    done = 0\n"
            "    while True:\n"
            "        done += 1\n"
            "        if np.mean(teach(step, images, labels, passes=1)) <= enough:\n"
            "            return done": "It trains on and on",
            "def teach_until(step, images, labels, enough, most):\n"
            "    for done in range(1, most + 1):\n"
            '        if step(images=images, labels=labels)["loss"] <= enough:\n'
            "            break\n"
            "    return done": "has batches of [8, 8]",
            "def teach_until(step, images, labels, enough, most):\n"
            "    for done in range(1, most + 1):\n"
            "        if np.mean(teach(step, images, labels, passes=1)) < enough:\n"
            "            break\n"
            "    return done": "Compare the mean of each pass",
            "def teach_until(step, images, labels, enough, most):\n"
            "    return most": "It never called `step`",
        },
        right_codes=(
            "def teach_until(step, images, labels, enough, most):\n"
            "    done, loss = 0, np.inf\n"
            "    while loss > enough and done < most:\n"
            "        done, losses = done + 1, []\n"
            "        for start in range(0, len(images), 8):\n"
            "            batch = slice(start, start + 8)\n"
            '            losses.append(step(images=images[batch], labels=labels[batch])["loss"])\n'
            "        loss = sum(losses) / len(losses)\n"
            "    return done",
        ),
    ),
    Exercise(
        _opened,
        "The first start works, and each later one goes on where the last stopped.",
        "interpreter.load(tflite) first. If path.exists(), np.load gives the arrays by name, and "
        "the signature restore takes them by the same names.",
        "def opened(tflite, path):\n"
        "    loaded = interpreter.load(tflite)\n"
        "    if path.exists():\n"
        "        with np.load(path) as kept:\n"
        '            loaded.get_signature_runner("restore")(**kept)\n'
        "    return loaded",
        wrong={
            "def opened(tflite, path):\n    return interpreter.load(tflite)": (
                "has the weights of the conversion"
            ),
            "def opened(tflite, path):\n    return interpreter.load(learning)": "another file",
            "def opened(tflite, path):\n"
            "    loaded = interpreter.load(tflite)\n"
            '    restore = loaded.get_signature_runner("restore")\n'
            "    restore(kernel=np.ones((1280, 2), np.float32), bias=np.zeros(2, np.float32))\n"
            "    return loaded": "has the shape (3, 2) in this file",
            "def opened(tflite, path):\n"
            "    loaded = interpreter.load(tflite)\n"
            "    if path.exists():\n"
            "        kept = np.load(path)\n"
            '        restore = loaded.get_signature_runner("restore")\n'
            '        restore(kernel=kept["bias"], bias=kept["kernel"])\n'
            "    return loaded": "has the shape",
            "def opened(tflite, path):\n"
            "    loaded = interpreter.load(tflite)\n"
            "    if path.exists():\n"
            '        restore = loaded.get_signature_runner("restore")\n'
            '        restore(kernel=np.load(path)["kernel"], bias=np.zeros(2, np.float32))\n'
            "    return loaded": "aren't those at `path`",
            "def opened(tflite, path):\n"
            "    loaded = interpreter.load(tflite)\n"
            "    with np.load(path) as kept:\n"
            '        loaded.get_signature_runner("restore")(**kept)\n'
            "    return loaded": "Your code stopped with FileNotFoundError",
            "def opened(tflite, path):\n"
            "    loaded = interpreter.load(tflite)\n"
            "    if path.exists():\n"
            "        with np.load(path) as kept:\n"
            '            return loaded.get_signature_runner("restore")(**kept)\n'
            "    return loaded": "The answer should be an interpreter",
            "def opened(tflite, path):\n"
            "    loaded = interpreter.load(tflite)\n"
            "    if path.exists():\n"
            "        with np.load(path) as kept:\n"
            '            loaded.get_signature_runner("restore")(**kept)\n'
            "    return interpreter.load(tflite)": "has the weights of the conversion",
            "def opened(tflite, path):\n"
            "    loaded = interpreter.load(tflite)\n"
            "    if path.exists():\n"
            '        loaded.get_signature_runner("restore")(**loaded.get_signature_runner("save")())\n'
            "    return loaded": "has the weights of the conversion",
            "def opened(tflite, path):\n"
            "    loaded = interpreter.load(tflite)\n"
            "    if path.exists():\n"
            "        with np.load(path) as kept:\n"
            '            loaded.get_signature_runner("restore")(*kept.values())\n'
            "    return loaded": "Your code stopped with TypeError",
            "def opened(tflite, path):\n"
            "    loaded = interpreter.load(tflite)\n"
            "    if path.exists():\n"
            "        with np.load(path) as kept:\n"
            '            loaded.get_signature_runner("restore")(**kept)\n': "returns nothing",
        },
        right_codes=(
            "def opened(tflite, path):\n"
            "    loaded = interpreter.load(tflite)\n"
            "    try:\n"
            "        kept = dict(np.load(path))\n"
            "    except FileNotFoundError:\n"
            "        return loaded\n"
            '    run = loaded.get_signature_runner("restore")\n'
            '    run(kernel=kept["kernel"], bias=kept["bias"])\n'
            "    return loaded",
        ),
    ),
]
