"""The exercises of 02_load_from_hub."""

import functools
import tempfile
from pathlib import Path

import numpy as np

from helpers.course.exercises import Exercise, Wrong, ask, shown


def _softmax(logits):
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exps / exps.sum(axis=1, keepdims=True)


def _numbers(answer, like, what):
    """Return a learner's answer as a float array of the shape of `like`; raise Wrong if it isn't."""
    if isinstance(answer, dict):
        raise Wrong(f"It returns a dictionary, and {what} is an array: pick it by its name.")
    try:
        found = np.asarray(answer, np.float64)
    except (TypeError, ValueError):
        raise Wrong(f"It should return an array of numbers. Found: {shown(answer)}.") from None
    if found.shape != like.shape:
        raise Wrong(f"It should return the shape {like.shape}. Found: {found.shape}.")
    return found


def _to_probabilities(to_probabilities):
    rng = np.random.default_rng(5)
    mixed = rng.normal(0, 3, (4, 6))
    levels = np.array([[900.0], [-900.0], [0.0]]) + rng.normal(0, 2, (3, 5))
    spread = np.array([[800.0, -800.0, 1.5], [0.5, 1.0, 2.0]])
    positive = rng.uniform(0.2, 3, (3, 4)).astype(np.float32)
    one = rng.normal(0, 2, (4, 5))
    one[:, -1] = 1 - one[:, :-1].sum(axis=1)  # logits, and yet each row sums to 1
    sure = np.eye(3, 5)[[1, 0, 1, 2]]
    soft = rng.dirichlet(np.ones(30), 20).astype(np.float32)  # sums hardly ever exactly 1
    low = rng.uniform(-4, 0.9, (5, 3))
    small = rng.uniform(0, 0.9, (4, 3))
    balanced = np.array([[0.1, 0.2, 0.2], [0.3, 0.3, 0.9], [0.5, 0.25, 0.25]])
    first = np.array([[0.5, 0.2, 0.3], [2.0, 0.1, 0.3], [0.3, 0.4, 0.9]])
    for logits in (mixed, positive, one, low, small, balanced, first, levels, spread):
        expected = _softmax(logits)
        with np.errstate(all="ignore"):
            answer = ask(to_probabilities, logits.copy())
        found = _numbers(answer, expected, "the answer")
        if np.allclose(found, expected, atol=1e-5):
            continue
        if not np.isfinite(found).all() or np.abs(logits).max() > 500:
            return (
                f"For logits from {logits.min():.0f} to {logits.max():.0f} a row became {found[1]}: "
                "exp overflows, or every exp of a row is 0. Subtract each row's own maximum first."
            )
        if np.allclose(found, logits):
            return (
                f"It left logits as they are: {logits[0].round(2)}. Probabilities have no negative "
                "number, and each row of them sums to 1. Ask for both."
            )
        same = np.isclose(found, logits).all(axis=1)
        if same.any():
            return (
                f"It left the row {logits[same][0].round(2)} as it is, but the other rows of that "
                "array show that these are logits. Look at all rows before you decide."
            )
        if np.allclose(found.sum(axis=0), 1):
            return "The columns sum to 1. Each row should: sum over axis=1, with keepdims=True."
        if np.isclose(found.sum(), 1):
            return "Everything together sums to 1. Each row should: axis=1, keepdims=True."
        if not np.allclose(found.sum(axis=1), 1):
            return f"For logits the first row sums to {found[0].sum():.3g}, not to 1."
        return (
            f"The logits {logits[0].round(1)} became {found[0].round(3)}, not "
            f"{expected[0].round(3)}. Take exp of each logit before you divide."
        )
    for given in (sure, soft):
        found = _numbers(ask(to_probabilities, given.copy()), given, "the answer")
        if np.allclose(found, given, atol=1e-5):
            continue
        if np.allclose(found, _softmax(given), atol=1e-5):
            exact = np.all(given.sum(axis=1) == 1)
            which = f"like {given[0].round(2)}" if exact else "in float32"
            return (
                f"Probabilities {which} went through a second softmax. A probability may be 0, and "
                "a row of float32 hardly ever sums to exactly 1: compare with np.allclose."
            )
        return (
            f"These are probabilities: {given[0].round(2)}. It changed them: {found[0].round(2)}."
        )
    return None


@functools.cache
def _models():
    """Return a temporary folder (kept by the cache) and [(name, inputs)] of SavedModels in it.

    Each has a wrong signature beside serving_default, names in no order, and isn't callable. The
    inputs of one model have one shape, and all outputs of it another: a mix-up shows in the numbers.
    """
    import tensorflow as tf

    names = (
        (("width", "depth", "age"), ("volume", "age_group")),
        (("b", "a"), ("z", "x", "y")),
        (("tokens",), ("first",)),
    )
    folder, rng, models = tempfile.TemporaryDirectory(), np.random.default_rng(11), []
    for number, (inputs, outputs) in enumerate(names):
        specs = {name: tf.TensorSpec([None, 3], tf.float32, name) for name in inputs}
        weights = rng.normal(size=(2, len(outputs), len(inputs), 3, 4)).astype(np.float32)
        module, signatures = tf.Module(), {}
        for signature, several in zip(("extra", "serving_default"), weights, strict=True):
            function = tf.function(functools.partial(_mix, several, inputs, outputs))
            signatures[signature] = function.get_concrete_function(**specs)
        tf.saved_model.save(module, f"{folder.name}/{number}", signatures)
        feed = {name: rng.normal(size=(5, 3)).astype(np.float32) for name in inputs}
        models.append((number, feed, _mix(weights[1], inputs, outputs, **feed)))
    return folder, models


def _mix(weights, inputs, outputs, **given):
    """Return {output: sum of each input times its own weights}."""
    return {
        output: sum(given[name] @ matrix for name, matrix in zip(inputs, matrices, strict=True))
        for output, matrices in zip(outputs, weights, strict=True)
    }


def _output_of(output_of):
    folder, models = _models()
    for number, feed, expected in models:
        for name, right in expected.items():
            given = {key: value.copy() for key, value in feed.items()}
            answer = ask(output_of, str(Path(folder.name, str(number))), given, name)
            found = _numbers(answer, right, "the answer")
            if np.allclose(found, right, atol=1e-4):
                continue
            others = [
                key for key, value in expected.items() if np.allclose(found, value, atol=1e-4)
            ]
            if others:
                return (
                    f"Asked for {name!r}, it returned {others[0]!r}. Take the output by its name."
                )
            return (
                f"Of a model with the inputs {', '.join(feed)}, the numbers of {name!r} are wrong. Does"
                " each array go to the input of its name, and is it the signature serving_default?"
            )
    return None


EXERCISES = [
    Exercise(
        _to_probabilities,
        "It can't hurt a model that ends in a softmax, and exp never sees a large number.",
        "np.allclose(outputs.sum(axis=1), 1) asks for the sums. In softmax, subtract each row's "
        "maximum before exp: it changes no probability. keepdims=True keeps the shape (n, 1).",
        """def to_probabilities(outputs):
    if np.all(outputs >= 0) and np.allclose(outputs.sum(axis=1), 1):
        return outputs
    exps = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return exps / exps.sum(axis=1, keepdims=True)""",
        {
            "def to_probabilities(outputs):\n"
            "    exps = np.exp(outputs - outputs.max(axis=1, keepdims=True))\n"
            "    return exps / exps.sum(axis=1, keepdims=True)": "second softmax",
            "def to_probabilities(outputs):\n"
            "    if (outputs >= 0).all() and (outputs.sum(axis=1) == 1).all():\n"
            "        return outputs\n"
            "    return tf.nn.softmax(outputs).numpy()": "hardly ever sums to exactly 1",
            "def to_probabilities(outputs):\n"
            "    if (outputs > 0).all() and np.allclose(outputs.sum(axis=1), 1):\n"
            "        return outputs\n"
            "    return tf.nn.softmax(outputs).numpy()": "A probability may be 0",
            "def to_probabilities(outputs):\n"
            "    if np.allclose(outputs.sum(axis=1), 1):\n"
            "        return outputs\n"
            "    return tf.nn.softmax(outputs).numpy()": "left logits as they are",
            "def to_probabilities(outputs):\n"
            "    if (outputs >= 0).all():\n"
            "        return outputs\n"
            "    return tf.nn.softmax(outputs).numpy()": "left logits as they are",
            "def to_probabilities(outputs):\n"
            "    if (outputs >= 0).all() and np.allclose(outputs.sum(axis=1), 1):\n"
            "        return outputs\n"
            "    return np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)": "exp overflows",
            "def to_probabilities(outputs):\n"
            "    exps = np.exp(outputs - outputs.max())\n"
            "    return exps / exps.sum(axis=1, keepdims=True)": "each row's own maximum",
            "def to_probabilities(outputs):\n"
            "    exps = np.exp(np.clip(outputs, -700, 700))\n"
            "    return exps / exps.sum(axis=1, keepdims=True)": "exp overflows",
            "def to_probabilities(outputs):\n"
            "    return np.nan_to_num(np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True))": (
                "exp overflows"
            ),
            "def to_probabilities(outputs):\n"
            "    return np.exp(outputs) / np.exp(outputs).sum(axis=1)": "could not be broadcast",
            "def to_probabilities(outputs):\n"
            "    return np.exp(outputs) / np.exp(outputs).sum(axis=0)": "The columns sum to 1",
            "def to_probabilities(outputs):\n"
            "    return np.exp(outputs) / np.exp(outputs).sum()": "Everything together sums to 1",
            "def to_probabilities(outputs):\n"
            "    return outputs / outputs.sum(axis=1, keepdims=True)": "Take exp of each logit",
            "def to_probabilities(outputs):\n"
            "    rows = []\n"
            "    for row in outputs:\n"
            "        if row.min() < 0 or abs(row.sum() - 1) > 1e-4:\n"
            "            row = np.exp(row - max(row)) / np.exp(row - max(row)).sum()\n"
            "        rows.append(row)\n"
            "    return rows": "Look at all rows",
            "def to_probabilities(outputs):\n"
            "    if outputs.min() >= 0 and outputs.max() <= 1:\n"
            "        return outputs\n"
            "    return tf.nn.softmax(outputs)": "left logits as they are",
            "def to_probabilities(outputs):\n    tf.nn.softmax(outputs)": "nothing (None)",
        },
        (
            """def to_probabilities(outputs):
    done = outputs.min() >= 0 and abs(outputs.sum(axis=1) - 1).max() < 1e-3
    return outputs if done else tf.nn.softmax(outputs)""",
            """def to_probabilities(outputs):
    if outputs.min() < 0 or max(abs(sum(row) - 1) for row in outputs) > 1e-4:
        rows = [np.exp(row - max(row)) for row in outputs]
        outputs = [row / sum(row) for row in rows]
    return outputs""",
        ),
    ),
    Exercise(
        _output_of,
        "It works for any SavedModel with a serving_default, in whatever order the names come.",
        "tf.saved_model.load(folder).signatures has the function. Call it with **inputs, which sends "
        "each array to the input of its name, and take the output by its name.",
        """def output_of(folder, inputs, name):
    signature = tf.saved_model.load(folder).signatures["serving_default"]
    return signature(**inputs)[name].numpy()""",
        {
            "def output_of(folder, inputs, name):\n"
            "    return hub.load(folder)(**inputs)[name].numpy()": "object is not callable",
            "def output_of(folder, inputs, name):\n"
            '    signature = hub.load(folder).signatures["serving_default"]\n'
            "    return signature(**inputs)": "returns a dictionary",
            "def output_of(folder, inputs, name):\n"
            '    signature = hub.load(folder).signatures["serving_default"]\n'
            "    return list(signature(**inputs).values())[0]": "Take the output by its name",
            "def output_of(folder, inputs, name):\n"
            "    model = hub.load(folder)\n"
            "    signature = model.signatures[sorted(model.signatures)[0]]\n"
            "    return signature(**inputs)[name]": "the signature serving_default",
            "def output_of(folder, inputs, name):\n"
            '    signature = hub.load(folder).signatures["serving_default"]\n'
            "    wanted = sorted(signature.structured_input_signature[1])\n"
            "    arrays = dict(zip(wanted, inputs.values()))\n"
            "    return signature(**arrays)[name]": "the input of its name",
            "def output_of(folder, inputs, name):\n"
            '    signature = hub.load(folder).signatures["serving_default"]\n'
            "    return signature(**inputs)[name].numpy()[0]": "should return the shape",
            "def output_of(folder, inputs, name):\n"
            "    return both(**inputs)[name]": "Your code stopped with",
            "def output_of(folder, inputs, name):\n"
            '    signature = hub.load(folder).signatures["serving_default"]\n'
            "    signature(**inputs)[name]": "nothing (None)",
        },
        (
            "def output_of(folder, inputs, name):\n"
            "    return savedmodel.load(folder).predict(inputs)[name]",
            "def output_of(folder, inputs, name):\n"
            "    model = hub.load(folder)\n"
            "    tensors = {key: tf.constant(value) for key, value in inputs.items()}\n"
            '    return model.signatures["serving_default"](**tensors)[name]',
        ),
    ),
]
