"""The exercises of 30_fix_failed_conversions."""

import re

import numpy as np

from helpers.course.exercises import Exercise, Wrong, ask, shown, stopped


def _one(answer):
    """Return the tensor in an answer, which may be {"y": tensor}; raise Wrong if it isn't one."""
    if isinstance(answer, (dict, list, tuple)):
        if len(answer) != 1:
            raise Wrong(f"Return one tensor. Found: {shown(answer)}.")
        [answer] = answer.values() if isinstance(answer, dict) else answer
    return answer


def _converted(function, *shape):
    """Return a learner's function of (None, *shape) as a .tflite; raise Wrong if it won't."""
    import tensorflow as tf

    spec = tf.TensorSpec([None, *shape], tf.float32)

    def traced(x):
        answer = _one(ask(function, x))
        if not tf.is_tensor(answer):
            raise Wrong(
                "NumPy or Python computed this, once, and the converter sees only TensorFlow's "
                "own operations. Use tf."
            )
        return answer

    # Without autograph, which would rewrite this judge's code as well.
    concrete = tf.function(traced, [spec], autograph=False).get_concrete_function()
    try:
        return tf.lite.TFLiteConverter.from_concrete_functions([concrete], tf.Module()).convert()
    except Exception as error:
        lines = re.findall(r"(?:TF Select|Custom) ops: .+", str(error))
        told = lines[-1] if lines else str(error)[:100]
        raise Wrong(f"It doesn't convert. The line that tells: {told}") from None


def _asinh(asinh):
    from helpers import interpreter

    random = np.random.default_rng(30)
    for width in (3, 5):
        content = _converted(asinh, width)
        for low, high in ((0, 4), (-4, 0), (-1, 1)):
            values = random.uniform(low, high, (6, width)).astype(np.float32)
            answer = interpreter.predict(interpreter.load(content), values)
            if answer.shape != values.shape:
                return f"For numbers of shape {values.shape} it gives shape {answer.shape}."
            if not np.isfinite(answer).all():
                return (
                    "It converts, but some results aren't numbers. Under the root is x squared "
                    "plus one, which is never negative."
                )
            off = np.abs(answer - np.arcsinh(values)).max()
            if off > 1e-3:
                return (
                    f"It converts, but for numbers from {low} to {high} it's off by up to "
                    f"{off:.2g}. Compare it with the formula once more."
                )
    return None


def _flatten_any(flatten_any):
    import tensorflow as tf

    from helpers import interpreter

    random = np.random.default_rng(31)
    for height, width, outputs in ((4, 4, 2), (3, 5, 4), (2, 6, 1)):
        weights = random.normal(size=(height * width, outputs)).astype(np.float32)
        constant = tf.constant(weights)

        def asked(x, constant=constant):
            return ask(flatten_any, x, constant)

        content = _converted(asked, height, width)
        for batch in (1, 3, 8):
            x = random.random((batch, height, width), np.float32)
            given = f"With a batch of {batch}, {height} x {width},"
            try:
                # Not the runner, which resizes without asking the graph.
                loaded = interpreter.load(content)
                loaded.resize_tensor_input(loaded.get_input_details()[0]["index"], x.shape)
                loaded.allocate_tensors()
                loaded.set_tensor(loaded.get_input_details()[0]["index"], x)
                loaded.invoke()
            except (RuntimeError, ValueError) as error:
                found = stopped(error).partition(" with ")[2]
                return f"{given} the file stops: {found} Is a size still written into the graph?"
            answer = loaded.get_tensor(loaded.get_output_details()[0]["index"])
            right = x.reshape(batch, -1) @ weights
            if answer.shape != right.shape:
                return f"{given} the file gives shape {answer.shape}. It should be {right.shape}."
            if np.abs(answer - right).max() > 1e-3:
                return f"{given} the file gives other numbers. Each row must stay one input."
            if reason := _in_tensorflow(flatten_any, tf.constant(x), constant, right):
                return f"{given} the file is right by luck: {reason}"
    return None


def _in_tensorflow(flatten_any, x, weights, right):
    """Return what is wrong in TensorFlow: LiteRT's FULLY_CONNECTED takes rows of any shape."""
    try:
        found = np.asarray(_one(flatten_any(x, weights)))
    except Exception as error:
        return f"in TensorFlow y{stopped(error, flatten_any)[1:]}"
    if found.shape != right.shape:
        return f"in TensorFlow your function returns shape {found.shape}, not {right.shape}."
    same = np.abs(found - right).max() < 1e-3
    return None if same else "in TensorFlow your function returns other numbers."


EXERCISES = [
    Exercise(
        _asinh,
        "It converts, and the file gives asinh's numbers.",
        "tf.math.log is the natural logarithm, tf.sqrt the root.",
        "def asinh(x):\n    return tf.math.log(x + tf.sqrt(x * x + 1.0))",
        wrong={
            "def asinh(x):\n    return tf.math.asinh(x)": "Custom ops: Asinh",
            "def asinh(x):\n    return np.arcsinh(x)": "Your code stopped with",
            "def asinh(x):\n    return np.arcsinh(np.ones(3))": "NumPy or Python computed this",
            "def asinh(x):\n    return tf.math.log(x + tf.sqrt(x * x - 1.0))": "aren't numbers",
            "def asinh(x):\n"
            "    return tf.math.log(x + tf.sqrt(x * x + 1.0)) / tf.math.log(10.0)": "off by up to",
            "def asinh(x):\n    tf.math.log(x + tf.sqrt(x * x + 1.0))": "returns nothing",
            "def asinh(x):\n"
            "    return tf.reduce_sum(tf.math.log(x + tf.sqrt(x * x + 1.0)))": "gives shape",
            "def asinh(x):\n    return tf.math.log(x + tf.sqrt(x + 1.0))": "off by up to",
            "def asinh(x):\n    return tf.math.log(tf.abs(x) + tf.sqrt(x * x + 1.0))": "from -4 to 0",
            "def asinh(x):\n    return x, tf.math.log(x + tf.sqrt(x * x + 1.0))": "one tensor",
            "def asinh(x):\n"
            "    return tf.numpy_function(np.arcsinh, [x], tf.float32)": "Custom ops: PyFunc",
        },
        right_codes=(
            "def asinh(x):\n"
            "    size = tf.abs(x)\n"
            "    return tf.sign(x) * tf.math.log(size + (size ** 2 + 1) ** 0.5)",
            "asinh = lambda x: -tf.math.log(tf.sqrt(1 + x * x) - x)",
            'def asinh(x):\n    return {"y": tf.math.log(x + tf.sqrt(x * x + 1.0))}',
        ),
    ),
    Exercise(
        _flatten_any,
        "One file for any batch.",
        "tf.reshape takes -1 for one size, and works it out from the others. The row's length is "
        "that of the weights' first dimension.",
        "def flatten_any(x, weights):\n    return tf.reshape(x, [-1, weights.shape[0]]) @ weights",
        wrong={
            "def flatten_any(x, weights):\n"
            "    return tf.reshape(x, [1, 16]) @ weights": "the file stops",
            "def flatten_any(x, weights):\n"
            "    return tf.reshape(x, [3, 16]) @ weights": "the file stops",
            "def flatten_any(x, weights):\n"
            "    return tf.reshape(x, [-1, 16]) @ weights": "Your code stopped with",
            "def flatten_any(x, weights):\n"
            "    return tf.reshape(x, [1, -1]) @ weights": "right by luck: in TensorFlow your code",
            "def flatten_any(x, weights):\n"
            "    return tf.reshape(x, [weights.shape[0], -1]) @ weights": "right by luck",
            "def flatten_any(x, weights):\n"
            "    return tf.reshape(x, [x.shape[0], -1]) @ weights": "Your code stopped with",
            "def flatten_any(x, weights):\n"
            "    rows = tf.transpose(x, [0, 2, 1])\n"
            "    return tf.reshape(rows, [-1, weights.shape[0]]) @ weights": "other numbers",
            "def flatten_any(x, weights):\n"
            "    return tf.reshape(x, [-1, weights.shape[0]])": "gives shape",
            "def flatten_any(x, weights):\n"
            "    y = tf.reshape(x, [-1, weights.shape[0]]) @ weights": "returns nothing",
            "def flatten_any(x, weights):\n"
            "    return tf.reshape(x, [-1, weights.shape[0]]) @ tf.cast(weights, tf.float64)": ""
            "Your code stopped with",
        },
        right_codes=(
            "def flatten_any(x, weights):\n"
            "    rows = tf.reshape(x, [tf.shape(x)[0], weights.shape[0]])\n"
            "    return tf.matmul(rows, weights)",
            "def flatten_any(x, weights):\n    return tf.keras.layers.Flatten()(x) @ weights",
            "def flatten_any(x, weights):\n"
            "    return tf.tensordot(x, tf.reshape(weights, [*x.shape[1:], -1]), 2)",
        ),
    ),
]
