"""The exercises of 11_look_inside_a_tflite."""

import functools
import numbers

import numpy as np

from helpers.course.exercises import Exercise, Wrong, ask, shown, wanted


@functools.cache
def _files():
    """Return three .tflite files: one of floats, the same with bytes, one with int32 constants."""
    import tensorflow as tf

    rng = np.random.default_rng(3)
    first, second = (tf.Variable(rng.normal(size=(40, n)), dtype=tf.float32) for n in (60, 30))
    dense = tf.function(lambda x: {"y": tf.nn.relu(x @ first) @ tf.transpose(first) @ second})
    pick = tf.function(lambda x: {"y": tf.gather(x @ second, [[3, 1, 2], [0, 5, 4]], axis=1)})
    files = []
    for function, smaller in ((dense, False), (dense, True), (pick, False)):
        concrete = function.get_concrete_function(tf.TensorSpec([None, 40], tf.float32, name="x"))
        module = tf.Module()
        module.weights = first, second
        converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
        converter.optimizations = [tf.lite.Optimize.DEFAULT] if smaller else []
        files.append(bytes(converter.convert()))
    return files


def _tensors(content):
    """Return [(dtype, shape, bytes)] of a file's constants."""
    from ai_edge_litert.tools import flatbuffer_utils

    model, found = flatbuffer_utils.read_model_from_bytearray(content), []
    for tensor in model.subgraphs[0].tensors:
        data = model.buffers[tensor.buffer].data
        if data is not None and len(data):
            dtype = flatbuffer_utils.type_to_name(tensor.type).lower()
            found.append((dtype, tuple(tensor.shape), len(data)))
    return found


def _bytes_by_dtype(bytes_by_dtype):
    for content in _files():
        expected, counts, elements = {}, {}, {}
        for dtype, shape, size in _tensors(content):
            expected[dtype] = expected.get(dtype, 0) + size
            counts[dtype] = counts.get(dtype, 0) + 1
            elements[dtype] = elements.get(dtype, 0) + int(np.prod(shape))
        answer = wanted(ask(bytes_by_dtype, content), dict)
        if strange := [key for key in answer if not _name(key)]:
            raise Wrong(
                f"A key should be a dtype's name, such as 'float32'. Found: {strange[0]!r}."
            )
        found = {_name(key): value for key, value in answer.items() if np.any(value != 0)}
        for value in found.values():
            if isinstance(value, bool) or not isinstance(value, numbers.Real):
                raise Wrong(f"Each dtype should have one number of bytes. Found: {shown(value)}.")
        if found == expected:
            continue
        if found == counts:
            return "These are numbers of constants. How many bytes does each hold?"
        if found == elements and elements != expected:
            return "These are numbers of elements. A float32 takes four bytes: nbytes counts them."
        if set(found) != set(expected):
            seen = f"This file's constants are of {_listed(expected)}. Found: {_listed(found)}."
            return f"{seen} Does your function read `content`?"
        for dtype in found:
            if found[dtype] < expected[dtype]:
                return (
                    f"Some bytes are missing: of {dtype} it finds {found[dtype]:,} of "
                    f"{expected[dtype]:,}. Add up the nbytes of all constants of a dtype."
                )
        return f"In a file with {expected} of constants it finds {found}."
    return None


def _name(key):
    """Return the name of a dtype, however it is written, or "" if it's none."""
    try:
        return np.dtype(key).name if key is not None else ""
    except TypeError:
        return ""


def _listed(names):
    return ", ".join(sorted(names)) or "none"


def _folded_bias(folded_bias):
    rng = np.random.default_rng(5)
    for channels, dtype in ((6, np.float64), (1, np.float64), (9, np.float32)):
        gamma, beta, mean = rng.uniform(0.5, 2, (3, channels)).astype(dtype)
        variance = rng.uniform(0.001, 0.02, channels).astype(dtype)  # small: epsilon matters
        epsilon = float(rng.uniform(1e-3, 5e-3))
        given = [one.copy() for one in (gamma, beta, mean, variance)]
        returned = ask(folded_bias, *given, epsilon)
        try:
            answer = np.asarray(returned, dtype=float)
        except (TypeError, ValueError):
            answer = None
        if answer is None or answer.shape != beta.shape:
            raise Wrong(
                f"A bias has one number for each channel, here {beta.shape}. "
                f"Found: {shown(returned)}."
            )
        if reason := _bias(answer, gamma, beta, mean, variance, epsilon):
            return reason
    return None


def _bias(answer, gamma, beta, mean, variance, epsilon):
    """Return what is wrong with a folded bias, None if nothing is."""
    factor = gamma / np.sqrt(variance + epsilon)
    right = beta - mean * factor
    if np.allclose(answer, right, rtol=1e-4):
        return None
    reasons = [
        (beta + mean * factor, "This adds the shifted mean. In the formula it's subtracted."),
        (beta - mean, "The factor multiplies the mean too: it's inside the brackets."),
        ((beta - mean) * factor, "The factor multiplies the mean, but not beta."),
        (
            beta - mean * gamma / (variance + epsilon),
            "This divides by the variance. The formula has its square root.",
        ),
        (beta - mean * gamma / np.sqrt(variance), "Epsilon is missing under the root."),
        (
            beta - mean * gamma / (np.sqrt(variance) + epsilon),
            "Epsilon belongs under the root, added to the variance.",
        ),
        (beta - mean / np.sqrt(variance + epsilon), "Gamma is missing in the factor."),
        (-mean * factor, "That's what becomes of the mean. Beta is still to be added."),
    ]
    for wrong, reason in reasons:
        if np.allclose(answer, wrong, rtol=1e-4):
            return reason
    given = {"gamma": gamma, "beta": beta, "mean": mean, "variance": variance}
    told = ", ".join(f"{name} {value[0]:.5f}" for name, value in given.items())
    return (
        f"With {told} and epsilon {epsilon:.5f} the bias is {right[0]:.4f}, and yours is "
        f"{answer[0]:.4f}. Set `in` to zero in the formula: what's left of `out` is the bias."
    )


EXERCISES = [
    Exercise(
        _bytes_by_dtype,
        "Now you can weigh a .tflite.",
        "constants(content).values() has a pair (array, tensor) for each constant. array.dtype.name "
        "and array.nbytes are what you need.",
        "def bytes_by_dtype(content):\n"
        "    found = Counter()\n"
        "    for array, tensor in constants(content).values():\n"
        "        found[array.dtype.name] += array.nbytes\n"
        "    return found",
        wrong={
            "def bytes_by_dtype(content):\n"
            "    return Counter(array.dtype.name for array, _ in constants(content).values())": (
                "numbers of constants"
            ),
            "def bytes_by_dtype(content):\n"
            "    found = Counter()\n"
            "    for array, _ in constants(content).values():\n"
            "        found[array.dtype.name] += array.size\n"
            "    return found": "numbers of elements",
            "def bytes_by_dtype(content):\n"
            "    return {array.dtype.name: array.nbytes for array, _ in constants(content).values()}": (
                "Some bytes are missing"
            ),
            "def bytes_by_dtype(content):\n"
            "    return sum(array.nbytes for array, _ in constants(content).values())": (
                "The answer should be a dictionary"
            ),
            "def bytes_by_dtype(content):\n"
            "    found = Counter()\n"
            "    for array, _ in stored.values():\n"
            "        found[array.dtype.name] += array.nbytes\n"
            "    return found": "Does your function read `content`?",
            "def bytes_by_dtype(content):\n"
            "    found = Counter()\n"
            "    for array, tensor in constants(content).values():\n"
            "        found[tensor.type] += array.nbytes\n"
            "    return found": "should be a dtype's name",
            "def bytes_by_dtype(content):\n"
            "    found = Counter()\n"
            "    for array, _ in constants(content).values():\n"
            "        found[array.dtype.name] += array.itemsize\n"
            "    return found": "Add up the nbytes",
            "def bytes_by_dtype(content):\n"
            "    found = {}\n"
            "    for array, _ in constants(content).values():\n"
            "        found[array.dtype.name] += array.nbytes\n"
            "    return found": "Your code stopped with KeyError",
        },
        right_codes=(
            "def bytes_by_dtype(content):\n"
            '    found = {np.dtype("float32"): 0, np.dtype("int32"): 0, np.dtype("int8"): 0}\n'
            "    for array, _ in constants(content).values():\n"
            "        found[array.dtype] += array.nbytes\n"
            "    return found",
            "def bytes_by_dtype(content):\n"
            "    arrays = [array for array, _ in constants(content).values()]\n"
            "    dtypes = {array.dtype for array in arrays}\n"
            "    return {d: sum(a.nbytes for a in arrays if a.dtype == d) for d in dtypes}",
        ),
    ),
    Exercise(
        _folded_bias,
        "With the folded kernel, it's all that is left of the layer.",
        "Write the formula as out = in * factor + rest. The rest is the bias.",
        "def folded_bias(gamma, beta, mean, variance, epsilon):\n"
        "    return beta - mean * gamma / np.sqrt(variance + epsilon)",
        wrong={
            "def folded_bias(gamma, beta, mean, variance, epsilon):\n"
            "    return beta - mean": "inside the brackets",
            "def folded_bias(gamma, beta, mean, variance, epsilon):\n"
            "    return beta - mean * gamma / (variance + epsilon)": "square root",
            "def folded_bias(gamma, beta, mean, variance, epsilon):\n"
            "    return beta + mean * gamma / np.sqrt(variance + epsilon)": "it's subtracted",
            "def folded_bias(gamma, beta, mean, variance, epsilon):\n"
            "    return (beta - mean) * gamma / np.sqrt(variance + epsilon)": "but not beta",
            "def folded_bias(gamma, beta, mean, variance, epsilon):\n"
            "    return beta - mean * gamma / np.sqrt(variance)": "Epsilon is missing",
            "def folded_bias(gamma, beta, mean, variance, epsilon):\n"
            "    return beta - mean * gamma / (np.sqrt(variance) + epsilon)": "under the root, added",
            "def folded_bias(gamma, beta, mean, variance, epsilon):\n"
            "    return beta - mean / np.sqrt(variance + epsilon)": "Gamma is missing",
            "def folded_bias(gamma, beta, mean, variance, epsilon):\n"
            "    return -mean * gamma / np.sqrt(variance + epsilon)": "Beta is still to be added",
            "def folded_bias(gamma, beta, mean, variance, epsilon):\n"
            "    return beta - mean * gamma / np.sqrt(variance + 1e-3)": "and yours is",
            "def folded_bias(gamma, beta, mean, variance, epsilon):\n"
            '    return {"bias": beta - mean * gamma / np.sqrt(variance + epsilon)}': "Found: dict",
            "def folded_bias(gamma, beta, mean, variance, epsilon):\n"
            "    return float((beta - mean * gamma / np.sqrt(variance + epsilon))[0])": (
                "one number for each channel"
            ),
        },
        right_codes=(
            "def folded_bias(gamma, beta, mean, variance, epsilon):\n"
            "    factor = gamma * (variance + epsilon) ** -0.5\n"
            "    return [b - m * f for b, m, f in zip(beta, mean, factor)]",
            "def folded_bias(gamma, beta, mean, variance, epsilon):\n"
            "    out = gamma * (0 - mean) / np.sqrt(variance + epsilon) + beta\n"
            "    return out.astype(np.float32)",
        ),
    ),
]
