"""The exercises of 03_convert_to_tflite."""

import numpy as np

from helpers.course.exercises import Exercise, NotAttempted


def _any_number(spec, shape):
    import tensorflow as tf

    if not isinstance(spec, tf.TensorSpec):
        return f"This is a {type(spec).__name__}. Make a tf.TensorSpec with a shape and a dtype."
    if spec.shape.rank is None:
        return "This makes every dimension dynamic, even how many there are. Only the first one should be."
    found = spec.shape.as_list()
    if found == list(shape[1:]):
        return "This is one input without a batch dimension. The dynamic dimension goes in front of it."
    if len(found) != len(shape):
        return f"This has {len(found)} axes. The model takes {len(shape)}, the batch first."
    if found[0] is not None:
        return f"The first dimension is {found[0]}, so a file would take exactly {found[0]}. None makes it dynamic."
    if found[1:] != list(shape[1:]):
        return (
            f"After the batch this has {found[1:]}. One input of this model is {list(shape[1:])}."
        )
    if spec.dtype != tf.float32:
        return f"The dtype is {spec.dtype.name}. This model takes float32."
    return None


def _folded_bias(folded_bias):
    rng = np.random.default_rng(0)
    gamma, beta, mean, variance = rng.uniform(0.5, 2, (4, 6))
    epsilon = 1e-3
    answer = folded_bias(gamma, beta, mean, variance, epsilon)
    if answer is ...:
        raise NotAttempted
    if answer is None:
        return "It returns None. Return the bias."
    factor = gamma / np.sqrt(variance + epsilon)
    reasons = {
        "This adds the shifted mean. In the formula the mean is subtracted.": beta + mean * factor,
        "The mean is subtracted before the factor is applied, so multiply it by the factor too.": beta
        - mean,
        "This divides by the variance. The formula has its square root, the standard deviation.": beta
        - mean * gamma / (variance + epsilon),
        "This is close. Epsilon is missing under the root: it matters where the variance is small.": beta
        - mean * gamma / np.sqrt(variance),
        "Gamma is missing: the factor is gamma / sqrt(variance + epsilon).": beta
        - mean / np.sqrt(variance + epsilon),
        "This is what happens to the mean. Beta is still to be added.": -mean * factor,
    }
    if np.shape(answer) != beta.shape:
        return f"It has the shape {np.shape(answer)}. A bias has one number for each channel, {beta.shape} here."
    if np.allclose(answer, beta - mean * factor, rtol=1e-9):
        return None
    for reason, wrong in reasons.items():
        if np.allclose(answer, wrong, rtol=1e-9):
            return reason
    return "Set `in` to zero in the formula. What is left of `out` is the bias."


def _scales_of(scales_of, weights, converters):
    answer = scales_of(weights)
    if answer is ...:
        raise NotAttempted
    if answer is None:
        return "It returns None. Return the scales."
    largest, right = np.abs(weights).max(axis=(1, 2, 3)), converters.ravel()
    if np.size(answer) == 1:
        return "This is one scale for the whole kernel. Each channel, along axis 0, has its own."
    if np.size(answer) != right.size:
        return f"These are {np.size(answer)} scales. The kernel has {right.size} channels, along axis 0."
    answer = np.ravel(answer)
    if np.allclose(answer, right, rtol=1e-5):
        return None
    if np.allclose(answer, largest, rtol=1e-5):
        return "These are the largest weights. They become 127 steps, so one step is 127 times smaller."
    if np.allclose(answer, largest / 255, rtol=1e-5) or np.allclose(
        answer, largest / 128, rtol=1e-5
    ):
        return "The largest weight becomes byte 127, so there are 127 steps from zero to it."
    if np.allclose(answer, weights.max(axis=(1, 2, 3)) / 127, rtol=1e-5):
        return "A channel's largest weight may be negative. Its size counts, not its sign."
    return "The converter wrote other scales. Which weight of a channel becomes 127 or -127?"


EXERCISES = [
    Exercise(
        _any_number,
        "None makes the batch dynamic, so the file's shape_signature would begin with -1.",
        "Look at input_shape. One of its dimensions is the number of images; None makes it dynamic.",
        "any_number = tf.TensorSpec(shape=[None, *shape[1:]], dtype=tf.float32)",
        {
            "any_number = tf.TensorSpec(shape=shape, dtype=tf.float32)": "None makes it dynamic",
            "any_number = tf.TensorSpec(shape=shape[1:], dtype=tf.float32)": "without a batch dimension",
            "any_number = tf.TensorSpec(shape=None, dtype=tf.float32)": "Only the first one should be",
            "any_number = [None, *shape[1:]]": "This is a list",
        },
    ),
    Exercise(
        _folded_bias,
        "With the folded kernel it is all that is left of the layer. A convolution's own bias, where it has one, "
        "is folded in the same way as the mean.",
        "Write the formula as out = in * factor + rest. The rest is the bias.",
        "def folded_bias(gamma, beta, mean, variance, epsilon):\n"
        "    return beta - mean * gamma / np.sqrt(variance + epsilon)",
        {
            "def folded_bias(gamma, beta, mean, variance, epsilon):\n    return beta - mean": "multiply it by the factor too",
            "def folded_bias(gamma, beta, mean, variance, epsilon):\n"
            "    return beta - mean * gamma / (variance + epsilon)": "square root",
            "def folded_bias(gamma, beta, mean, variance, epsilon):\n"
            "    return beta + mean * gamma / np.sqrt(variance + epsilon)": "the mean is subtracted",
        },
    ),
    Exercise(
        _scales_of,
        "They equal the converter's own.",
        "np.abs(weights).max(axis=(1, 2, 3)) is the largest weight of each channel. It becomes byte 127.",
        "def scales_of(weights):\n    return np.abs(weights).max(axis=(1, 2, 3)) / 127",
        {
            "def scales_of(weights):\n    return np.abs(weights).max() / 127": "Each channel",
            "def scales_of(weights):\n    return np.abs(weights).max(axis=(1, 2, 3)) / 255": "byte 127",
            "def scales_of(weights):\n    return weights.max(axis=(1, 2, 3)) / 127": "not its sign",
        },
    ),
]
