"""The exercises of 04_run_the_interpreter."""

from pathlib import Path
from typing import Any

import numpy as np

from helpers import convert, savedmodel, tinyhub
from helpers.course.exercises import Exercise, Wrong, ask, shown
from helpers.interpreter import load, predict

OTHER = tinyhub.EMBEDDED / "digits/mobilenet_v2/classification/1.tflite"
CAMERA = {  # what goes into the model by mistake -> the reason
    "0 to 255": (1, 0, "The values run to 255. Type and shape are right; the model wants 0 to 1."),
    "-1 to 1": (
        1 / 127.5,
        -1,
        "The values begin below 0. Other models want -1 to 1, not this one.",
    ),
    "inverted": (-1 / 255, 1, "Black and white are exchanged: 0 must stay 0, 255 must become 1."),
    "256": (1 / 256, 0, "Nearly: 255, not 256, must become 1."),
}


def run_once(file: Path, name: str, array: np.ndarray) -> dict[str, tuple]:
    """Return {output: shape} of a signature runner's call: in a child process, for lesson 04."""
    runner = load(file).get_signature_runner("serving_default")
    return {output: value.shape for output, value in runner(**{name: array}).items()}


def _scores_of(function, path):
    random = np.random.default_rng(4)
    for file in (path, OTHER):
        own, reference = load(file), load(file)
        source, target = own.get_input_details()[0], own.get_output_details()[0]
        shape = source["shape"][1:]
        # An image runs before: else freed memory may hold the right scores of an earlier try.
        own.set_tensor(source["index"], random.random(source["shape"], np.float32))
        own.invoke()
        before = own.get_tensor(target["index"])[0]
        for low, high in ((20, 200), (0, 256), (60, 120)):
            image = random.integers(low, high, size=shape, dtype=np.uint8)
            expected = predict(reference, image[None] / np.float32(255))[0]
            given = np.asarray(_asked(function, own, image))
            _same_shape(own, source)
            if given.shape == (1, *expected.shape):
                raise Wrong(f"The batch dimension is still there: {given.shape}. Take row 0.")
            if given.shape != expected.shape:
                raise Wrong(f"The scores should have the shape {expected.shape}: {given.shape}.")
            _no_view(own)
            if not _near(given, expected):
                return _which(given, expected, reference, image, before)
            before = given.copy()
    return None


def _no_view(own):
    """Raise Wrong if the learner's scores are a view that keeps the interpreter from running."""
    try:
        own.invoke()
    except RuntimeError:
        raise Wrong("This is a view of the interpreter's memory. get_tensor copies.") from None


def _same_shape(own, source):
    """Raise Wrong if the learner's call has resized the input; then an invoke may end Python."""
    now = own.get_input_details()[0]["shape"]
    if list(now) != list(source["shape"]):
        resized = f"from {_sizes(source['shape'])} to {_sizes(now)}"
        raise Wrong(
            f"Your call has resized the input {resized}: a runner takes any shape. Add the batch "
            "dimension."
        )


def _sizes(shape):
    return tuple(int(size) for size in shape)


class _OneRow:
    """A signature runner that takes one row at a time, with its batch dimension, or raises Wrong."""

    def __init__(self, runner):
        self.runner = runner

    def __getattr__(self, name):
        return getattr(self.runner, name)

    def __call__(self, *arguments, **rows):
        for name, detail in self.runner.get_input_details().items():
            shape = np.shape(rows.get(name, np.empty(detail["shape"])))
            if len(shape) < len(detail["shape"]):
                raise Wrong(
                    f"The runner got {name!r} without a batch dimension: {shape}. "
                    "array[i : i + 1] keeps it, array[i] doesn't."
                )
            if shape[0] != 1:
                raise Wrong(f"The runner got {shape[0]} rows of {name!r} at once. Run one a call.")
        return self.runner(*arguments, **rows)


def _asked(function, own, *arguments):
    try:
        return ask(function, own, *arguments)
    except Wrong as wrong:
        text = str(wrong)
        for words, advice in {
            "Dimension mismatch": " Mind the batch dimension.",
            "Got value of type": " Mind the dtype: an array of uint8 divided by 255 is float64.",
            "unallocated": " A new interpreter needs allocate_tensors.",
        }.items():
            if words in text:
                raise Wrong(text + advice) from None
        raise


def _which(given, expected, reference, image, before):
    if _near(given, before):
        return (
            "These are the scores of the image that ran before. What's missing before get_tensor?"
        )
    for scale, shift, reason in CAMERA.values():
        if _near(given, predict(reference, np.float32(image[None] * scale + shift))[0]):
            return reason
    if _near(given, predict(reference, (image[None] / image.max()).astype(np.float32))[0]):
        return "Divide by 255, the most that a camera can say, not by the brightest value here."
    if _near(given, predict(reference, np.float32(image[None] // 255))[0]):
        return "// drops the fraction, so nearly every value became 0. / keeps it."
    exponents = np.exp(expected - expected.max())
    if _near(given, exponents / exponents.sum()):
        return "These are probabilities, after a softmax. Return the file's scores as they are."
    return (
        "These aren't the scores of this image, and not those of a mistake that we know. Compare "
        "with section 1: is it this image, of 0 to 1, and this interpreter's output?"
    )


def _near(given, expected):
    return np.abs(given - expected).max() <= 1e-4 * max(np.ptp(expected), 1e-6)


def _run_rows(function):
    from helpers.course.exercises.e05_on_your_own import draw

    random = np.random.default_rng(6)
    for seed in (41, 42, 45):
        folder = draw(seed)
        model, file = savedmodel.load(folder), convert.convert_cached(folder)
        rows = {
            name: random.random((int(5 + seed % 3), *spec.shape[1:]), np.float32)
            for name, spec in model.inputs.items()
        }
        expected = model.predict(rows)
        for order in (list(rows), list(rows)[::-1]):  # either is another one than the file's
            runner = _OneRow(load(file).get_signature_runner(model.signature))
            given = _asked(function, runner, {name: rows[name] for name in order})
            if reason := different(given, expected):
                return reason
    return None


def different(given: Any, expected: dict) -> str | None:
    """Return why a learner's {output: array} isn't what's expected, or None."""
    if not isinstance(given, dict):
        return f"The answer should be a dictionary {{output: array}}. Found: {shown(given)}."
    if set(given) != set(expected):
        return f"The outputs should be {sorted(expected)}. Found: {sorted(map(str, given))}."
    for name, right in expected.items():
        if not hasattr(given[name], "dtype"):
            return f"The output {name!r} should be one array. Found: {shown(given[name])}."
        try:
            value = np.asarray(given[name], np.float32)
        except (TypeError, ValueError):
            return f"The output {name!r} should be one array. Found: {shown(given[name])}."
        if value.size == right.size and value.ndim == right.ndim + 1:
            return f"{name!r} has a dimension too many: {value.shape}. np.concatenate joins rows."
        if value.shape != right.shape:
            return f"{name!r} should have the shape {right.shape}. Found: {value.shape}."
        if not _near(value, right):
            if len(value) > 1 and _near(value, np.broadcast_to(right[-1], right.shape)):
                return f"{name!r} has the last row's output in every row."
            return f"{name!r} has the right shape and other numbers. Does each input get its rows?"
    return None


EXERCISES = [
    Exercise(
        _scores_of,
        "Range, type, batch dimension, set, invoke, get: nothing does these for you.",
        "image[None] adds the batch dimension; / np.float32(255) gives 0 to 1 as float32. Then set, "
        "invoke, get, and row 0 of the result.",
        "def scores_of(interpreter, image):\n"
        "    source = interpreter.get_input_details()[0]\n"
        "    target = interpreter.get_output_details()[0]\n"
        '    interpreter.set_tensor(source["index"], image[None] / np.float32(255))\n'
        "    interpreter.invoke()\n"
        '    return interpreter.get_tensor(target["index"])[0]',
        wrong={},
    ),
    Exercise(
        _run_rows,
        "Names in, names out: it doesn't matter in which order the file has them.",
        "For each number of a row, call runner(**{name: array[row : row + 1] ...}). Collect the "
        "outputs by name, and join each list with np.concatenate.",
        "def run_rows(runner, rows):\n"
        "    parts = {}\n"
        "    for row in range(len(next(iter(rows.values())))):\n"
        "        outputs = runner(**{name: array[row : row + 1] for name, array in rows.items()})\n"
        "        for name, array in outputs.items():\n"
        "            parts.setdefault(name, []).append(array)\n"
        "    return {name: np.concatenate(part) for name, part in parts.items()}",
        wrong={
            "def run_rows(runner, rows):\n"
            "    return runner(*rows.values())": "Your code stopped with TypeError",
            "def run_rows(runner, rows):\n    return runner(**rows)": "at once. Run one a call",
            "def run_rows(runner, rows):\n"
            "    count = len(next(iter(rows.values())))\n"
            "    calls = [runner(**{n: a[i] for n, a in rows.items()}) for i in range(count)]\n"
            "    return {n: np.concatenate([one[n] for one in calls]) for n in calls[0]}": (
                "without a batch dimension"
            ),
            "def run_rows(runner, rows):\n"
            "    count = len(next(iter(rows.values())))\n"
            "    names = runner.get_input_details()\n"
            "    arrays = dict(zip(names, rows.values()))\n"
            "    calls = [runner(**{n: a[[i]] for n, a in arrays.items()}) for i in range(count)]\n"
            "    return {n: np.concatenate([one[n] for one in calls]) for n in calls[0]}": (
                "Does each input get its rows?"
            ),
            "def run_rows(runner, rows):\n"
            "    count = len(next(iter(rows.values())))\n"
            "    calls = [runner(**{n: a[[i]] for n, a in rows.items()}) for i in range(count)]\n"
            "    return {n: [one[n][0] for one in calls] for n in calls[0]}": (
                "should be one array. Found: a list"
            ),
            "def run_rows(runner, rows):\n"
            "    return runner(**{name: array[:1] for name, array in rows.items()})": (
                "should have the shape"
            ),
            "def run_rows(runner, rows):\n"
            "    turned = dict(zip(rows, reversed(rows.values())))\n"
            "    calls = [runner(**{n: a[[i]] for n, a in turned.items()}) for i in range(5)]\n"
            "    return {n: np.concatenate([one[n] for one in calls]) for n in calls[0]}": (
                "should have the shape"
            ),
            "def run_rows(runner, rows):\n"
            "    first = [runner(**{n: a[i : i + 1] for n, a in rows.items()}) for i in range(5)]\n"
            "    return first": "should be a dictionary",
            "def run_rows(runner, rows):\n"
            "    first = [runner(**{n: a[i : i + 1] for n, a in rows.items()}) for i in\n"
            "             range(len(next(iter(rows.values()))))]\n"
            "    return {name: np.array([one[name] for one in first]) for name in first[0]}": (
                "a dimension too many"
            ),
            "def run_rows(runner, rows):\n"
            "    outputs = runner(**{name: array[:1] for name, array in rows.items()})": (
                "returns nothing"
            ),
        },
        right_codes=(
            "def run_rows(runner, rows):\n"
            "    count = len(list(rows.values())[0])\n"
            "    calls = [runner(**{n: a[[i]] for n, a in rows.items()}) for i in range(count)]\n"
            "    return {n: np.array([one[n][0] for one in calls]) for n in calls[-1]}",
        ),
    ),
]
HEAD = (
    "def scores_of(interpreter, image):\n"
    "    source = interpreter.get_input_details()[0]\n"
    "    target = interpreter.get_output_details()[0]\n"
)
TAIL = '    interpreter.invoke()\n    return interpreter.get_tensor(target["index"])[0]'
SET = '    interpreter.set_tensor(source["index"], '
EXERCISES[0].wrong = {
    "def scores_of(interpreter, image):\n    return scores": "aren't the scores of this image",
    f"{HEAD}{SET}image[None].astype(np.float32))\n{TAIL}": "The values run to 255",
    f"{HEAD}{SET}image[None] / np.float32(127.5) - np.float32(1))\n{TAIL}": "begin below 0",
    f"{HEAD}{SET}image[None] / np.float32(image.max()))\n{TAIL}": "not by the brightest",
    f"{HEAD}{SET}1 - image[None] / np.float32(255))\n{TAIL}": "exchanged",
    f"{HEAD}{SET}np.float32(image[None] // 255))\n{TAIL}": "drops the fraction",
    f"{HEAD}{SET}image[None] / np.float32(255))\n"
    + TAIL.replace("return interp", "scores = interp")
    + "\n    exponents = np.exp(scores - scores.max())\n    return exponents / exponents.sum()": (
        "after a softmax"
    ),
    "def scores_of(interpreter, image):\n"
    "    [[name], [output]] = interpreter.get_signature_list()['serving_default'].values()\n"
    "    runner = interpreter.get_signature_runner('serving_default')\n"
    "    return runner(**{name: (image / 255).astype(np.float32)})[output][0]": (
        "a runner takes any shape"
    ),
    f"{HEAD}{SET}image[None] / 255)\n{TAIL}": "Mind the dtype",
    f"{HEAD}{SET}image / np.float32(255))\n{TAIL}": "Mind the batch dimension",
    f"{HEAD}{SET}image[None] / np.float32(255))\n{TAIL[:-3]}": "batch dimension is still there",
    f"{HEAD}{SET}image[None] / np.float32(255))\n"
    '    return interpreter.get_tensor(target["index"])[0]': "the image that ran before",
    f"{HEAD}{SET}image[None] / np.float32(255))\n    interpreter.invoke()": "returns nothing",
    f"{HEAD}{SET}image[None] / np.float32(255))\n    interpreter.invoke()\n"
    '    return interpreter.tensor(target["index"])()[0]': "view",
}
EXERCISES[0].right_codes = (
    "def scores_of(interpreter, image):\n"
    "    [[name], [output]] = interpreter.get_signature_list()['serving_default'].values()\n"
    "    runner = interpreter.get_signature_runner('serving_default')\n"
    "    return runner(**{name: (image[None] / 255).astype(np.float32)})[output][0]",
)
