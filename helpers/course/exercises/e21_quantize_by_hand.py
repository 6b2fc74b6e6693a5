"""The exercises of 21_quantize_by_hand."""

import numpy as np

from helpers.course.exercises import Exercise, ask, cut, shown


def _reach(reach):
    random = np.random.default_rng(0)
    for dtype in (np.int8, np.uint8, np.int16, np.int8, np.uint8):
        limits = np.iinfo(dtype)
        scale, zero = float(random.uniform(0.01, 0.5)), int(random.integers(5, 100))
        zero = zero if dtype == np.uint8 else -zero
        detail = {
            "name": "x",
            "index": 0,
            "dtype": dtype,
            "shape": np.array([1, 4], np.int32),
            "quantization": (scale, zero),
            "quantization_parameters": {
                "scales": np.array([scale], np.float32),
                "zero_points": np.array([zero], np.int32),
                "quantized_dimension": 0,
            },
        }
        answer = ask(reach, detail, returns=(tuple, list, np.ndarray))
        # A number may be an array of one.
        found = np.concatenate([np.ravel(one) for one in answer] or [[]])
        if found.shape != (2,) or found.dtype.kind not in "fiu":
            text = cut(repr(answer), 60)
            return f"Return two numbers, the lowest and the highest. Found: {text}."
        low, high = (limits.min - zero) * scale, (limits.max - zero) * scale
        if not np.allclose(found, (low, high), rtol=1e-4):
            return _range(found, limits, scale, zero)
    return None


def _range(answer, limits, scale, zero):
    """Return what is wrong with a range."""
    ends = np.array([limits.min, limits.max], np.float64)
    if np.allclose(answer, (ends[::-1] - zero) * scale, rtol=1e-4):
        return "These are the right two, the highest first. Return the lowest first."
    if np.allclose(answer, ends):
        return (
            "These are the integers that the type can store. Which real values do they stand for?"
        )
    if np.allclose(answer, ends * scale, rtol=1e-4):
        return "The zero point is missing: subtract it from the integer before you multiply."
    if np.allclose(answer, (ends + zero) * scale, rtol=1e-4):
        return "The zero point was added. From integers to real values, it's subtracted."
    if np.allclose(answer, (ends - zero) / scale, rtol=1e-4):
        return "This divides by the scale. From integers to real values, you multiply."
    if any(np.allclose(answer, ends * scale + one, rtol=1e-4) for one in (zero, -zero)):
        return "The zero point is an integer: subtract it before you multiply by the scale."
    if np.allclose(answer, (ends + (limits.min < 0, 0) - zero) * scale, rtol=1e-4):
        return "Weights begin at -127, but this type can store one less: use its limits."
    for other in (np.int8, np.uint8):
        two = np.array([np.iinfo(other).min, np.iinfo(other).max], np.float64)
        if limits.dtype != other and np.allclose(answer, (two - zero) * scale, rtol=1e-4):
            return f"This is right for {np.dtype(other)}; the tensor is {limits.dtype}: use its limits."
    return "Turn the smallest and the largest integer of the detail's dtype into real values."


def _per_channel(per_channel):
    random = np.random.default_rng(1)
    for channels, size in ((3, 8), (1, 5), (6, 6), (2, 30)):
        # Channels of very different sizes; the largest weight is negative in some.
        weights = random.normal(size=(channels, size)) * 10.0 ** random.integers(
            -3, 2, (channels, 1)
        )
        weights[:, 0] = -1.5 * np.abs(weights).max(axis=1)
        weights = weights.astype(np.float32)
        answer = ask(per_channel, weights.copy(), returns=(tuple, list))
        if len(answer) != 2:
            return f"Return two things, the integers and the scales. Found: {shown(answer)}."
        integers, scales = np.asarray(answer[0]), np.asarray(answer[1])
        if integers.shape == (channels,) and scales.shape == weights.shape:
            return "The scales come first here. Return the integers, then the scales."
        if integers.shape != weights.shape:
            return f"The integers should have the shape {weights.shape}. Found: {shown(answer[0])}."
        if integers.dtype != np.int8:
            return f"The integers should be int8. Found: {integers.dtype}."
        if scales.shape != (channels,):
            return f"The scales should have the shape {(channels,)}. Found: {shown(answer[1])}."
        if scales.dtype.kind != "f":
            return f"The scales should be floats. Found: {cut(repr(answer[1]), 60)}."
        largest = np.abs(weights).max(axis=1)
        if not np.allclose(scales, largest / 127, rtol=1e-4):
            return _scales(scales, weights)
        real = integers * scales[:, None].astype(np.float64)
        if np.abs(real - weights).max(initial=0) > 100 * largest.max():
            return "The integers don't stand for the weights."
        off = np.abs(real - weights) / scales[:, None]
        if off.max() > 0.51:
            how = "cut, not rounded: use np.round before int8" if off.max() < 1.01 else "others"
            return f"The integers are {how}. Divide each channel by its scale, and round."
    return None


def _scales(scales, weights):
    """Return what is wrong with the scales."""
    largest = np.abs(weights).max(axis=1)
    if len(scales) > 1 and np.allclose(scales, largest.max() / 127, rtol=1e-4):
        return "This is one scale for all channels, per-tensor. Each channel has its own."
    if np.allclose(scales, weights.max(axis=1) / 127, rtol=1e-4):
        return "A channel's largest weight can be negative: take the largest absolute value."
    if np.allclose(scales, largest, rtol=1e-4):
        return "These are the largest weights. Divide them by 127, the largest integer."
    if np.allclose(scales, 127 / largest, rtol=1e-4):
        return "This is 1 / scale: the scale is what one step is worth."
    for steps in (128, 255, 256):
        if np.allclose(scales, largest / steps, rtol=1e-4):
            return f"Divide by 127, the largest integer, not by {steps}."
    if np.allclose(scales, np.ptp(weights, axis=1) / 255, rtol=1e-4):
        return "This is asymmetric. Weights have the zero point 0: largest absolute value over 127."
    return "The scales are others: each channel's largest absolute weight, divided by 127."


EXERCISES = [
    Exercise(
        _reach,
        "What lies outside is cut off, so look at this first in a file that somebody gives you.",
        'np.iinfo(detail["dtype"]) has .min and .max; (integer - zero point) * scale makes them real.',
        "def reach(detail):\n"
        '    scale, zero_point = detail["quantization"]\n'
        '    limits = np.iinfo(detail["dtype"])\n'
        "    return (limits.min - zero_point) * scale, (limits.max - zero_point) * scale",
        {
            'def reach(detail):\n    limits = np.iinfo(detail["dtype"])\n'
            "    return limits.min, limits.max": "integers that the type can store",
            'def reach(detail):\n    scale, zero_point = detail["quantization"]\n'
            "    return (-128 - zero_point) * scale, (127 - zero_point) * scale": "use its limits",
            'def reach(detail):\n    scale, zero_point = detail["quantization"]\n'
            '    limits = np.iinfo(detail["dtype"])\n'
            "    return limits.min * scale, limits.max * scale": "zero point is missing",
            'def reach(detail):\n    scale, zero_point = detail["quantization"]\n'
            '    limits = np.iinfo(detail["dtype"])\n'
            "    return (limits.min + zero_point) * scale, (limits.max + zero_point) * scale": (
                "was added"
            ),
            'def reach(detail):\n    scale, zero_point = detail["quantization"]\n'
            '    limits = np.iinfo(detail["dtype"])\n'
            "    return (limits.max - zero_point) * scale, (limits.min - zero_point) * scale": (
                "lowest first"
            ),
            'def reach(detail):\n    scale, zero_point = detail["quantization"]\n'
            '    limits = np.iinfo(detail["dtype"])\n'
            "    return (limits.min - zero_point) / scale, (limits.max - zero_point) / scale": (
                "divides by the scale"
            ),
            'def reach(detail):\n    scale, zero_point = detail["quantization"]\n'
            "    return (-127 - zero_point) * scale, (127 - zero_point) * scale": "begin at -127",
            'def reach(detail):\n    scale, zero_point = detail["quantization"]\n'
            '    limits = np.iinfo(detail["dtype"])\n'
            "    return limits.min * scale + zero_point, limits.max * scale + zero_point": (
                "before you multiply"
            ),
            'def reach(detail):\n    limits = np.iinfo(detail["dtype"])\n'
            "    two = interpreter.dequantize(np.array([limits.min, limits.max]), detail)\n"
            "    return str(two[0]), str(two[1])": "Return two numbers",
            "def reach(detail):\n    return None, None": "Return two numbers",
            "def reach(detail):\n    return interpreter.dequantize([-128, 127], detail)": (
                "Your code stopped with AttributeError"
            ),
            'def reach(detail):\n    limits = np.iinfo(detail["dtype"])\n'
            "    print(limits.min, limits.max)": "returns nothing",
        },
        right_codes=(
            "def reach(detail):\n"
            '    limits = np.iinfo(detail["dtype"])\n'
            "    return interpreter.dequantize(np.array([limits.min, limits.max]), detail)",
            "def reach(detail):\n"
            '    how, limits = detail["quantization_parameters"], np.iinfo(detail["dtype"])\n'
            '    ends = [limits.min - how["zero_points"], limits.max - how["zero_points"]]\n'
            '    return [one * how["scales"] for one in ends]',
        ),
    ),
    Exercise(
        _per_channel,
        "That's how the converter stores every kernel.",
        "np.abs(weights).max(axis=1) is each channel's largest weight; scales[:, None] lines up with rows.",
        "def per_channel(weights):\n"
        "    scales = np.abs(weights).max(axis=1) / 127\n"
        "    return np.round(weights / scales[:, None]).astype(np.int8), scales",
        {
            "def per_channel(weights):\n"
            "    scales = np.full(len(weights), np.abs(weights).max() / 127)\n"
            "    return np.round(weights / scales[:, None]).astype(np.int8), scales": "per-tensor",
            "def per_channel(weights):\n"
            "    scales = weights.max(axis=1) / 127\n"
            "    return np.round(weights / scales[:, None]).clip(-127, 127).astype(np.int8), scales": (
                "largest absolute value"
            ),
            "def per_channel(weights):\n"
            "    scales = np.abs(weights).max(axis=1) / 128\n"
            "    return np.round(weights / scales[:, None]).clip(-127, 127).astype(np.int8), scales": (
                "not by 128"
            ),
            "def per_channel(weights):\n"
            "    scales = np.abs(weights).max(axis=1) / 127\n"
            "    return (weights / scales[:, None]).astype(np.int8), scales": "cut, not rounded",
            "def per_channel(weights):\n"
            "    scales = np.abs(weights).max(axis=1) / 127\n"
            "    return np.round(weights / scales[:, None]), scales": "should be int8",
            "def per_channel(weights):\n"
            "    scales = np.abs(weights).max(axis=1) / 127\n"
            "    return np.round(weights / scales).astype(np.int8), scales": (
                "Your code stopped with ValueError"
            ),
            "def per_channel(weights):\n"
            "    scales = np.abs(weights).max(axis=1, keepdims=True) / 127\n"
            "    return np.round(weights / scales).astype(np.int8), scales": "should have the shape",
            "def per_channel(weights):\n"
            "    scales = np.abs(weights).max(axis=1) / 127\n"
            "    return scales, np.round(weights / scales[:, None]).astype(np.int8)": "come first",
            "def per_channel(weights):\n"
            "    scales = np.abs(weights).max(axis=1) / 127\n"
            "    return np.round(weights / scales[:, None]).astype(np.int8)": "should be",
            "def per_channel(weights):\n"
            "    scales = np.abs(weights).max(axis=1) / 127\n"
            "    return np.round(weights / scales[:, None]).astype(np.int8), list(map(str, scales))": (
                "should be floats"
            ),
        },
        right_codes=(
            "def per_channel(weights):\n"
            "    rows = []\n"
            "    for row in weights:\n"
            "        scale = max(abs(row.min()), row.max()) / 127\n"
            "        rows.append((np.rint(row / scale).astype(np.int8), float(scale)))\n"
            "    return np.array([row for row, _ in rows]), [scale for _, scale in rows]",
        ),
    ),
]
