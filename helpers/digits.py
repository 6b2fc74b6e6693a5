"""The test pictures of the course: scikit-learn's handwritten digits, in the form that the models expect."""

from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("digits.npz")
SIZE = 48


def load(split="test"):
    """Return (images, labels) of the 1347 "train" or 450 "test" digits.

    images: uint8 (n, 8, 8), 0 = paper to 16 = full ink; labels: uint8 (n,), the digit drawn.
    """
    with np.load(FILE) as data:
        return data[f"{split}_images"], data[f"{split}_labels"]


def as_model_input(images, shape=(SIZE, SIZE, 3)):
    """Return digits as pictures, float32 (n, *shape) in [0, 1], enlarged bilinearly, channels repeated.

    `images` is (n, 8, 8) in 0..16; `shape` is (height, width, channels).
    """
    height, width, channels = shape
    enlarged = _weights(height) @ (images / np.float32(16)) @ _weights(width).T
    return np.repeat(enlarged[..., None], channels, axis=-1)


def samples(input_shape, outputs, count=450):
    """Return (inputs, labels) to try any model on: float32 (count, ...) and (count,) or None.

    `input_shape` is the model's, with the batch first, such as (None, 48, 48, 3); a size it leaves open
    becomes 48. A model of pictures gets test digits in its own size, any other seeded noise in [0, 1], which
    can show that two forms of a model agree, never that they are right. Labels come only with pictures and
    ten `outputs`. Raises ValueError for a `count` outside 10 to 450.
    """
    if isinstance(count, bool) or not isinstance(count, int) or not 10 <= count <= 450:
        raise ValueError(
            f"SAMPLES must be a whole number from 10 to 450, the number of test digits. Found: {count!r}."
        )
    shape = tuple(size or SIZE for size in input_shape[1:])
    if len(shape) != 3:
        return np.random.default_rng(0).random((count, *shape), np.float32), None
    images, labels = load("test")
    return as_model_input(images[:count], shape), labels[:count] if outputs == 10 else None


def representative(input_shape, count=100):
    """Return a representative dataset for a model of one float32 input: a function that yields [array (1, ...)].

    Training digits for a model of pictures, else seeded noise in [0, 1], as `samples` does. Taught in 06_quantize.
    """
    shape = tuple(size or SIZE for size in input_shape[1:])
    if len(shape) == 3:
        inputs = as_model_input(load("train")[0][:count], shape)
    else:
        inputs = np.random.default_rng(1).random((count, *shape), np.float32)
    return lambda: ([one[None]] for one in inputs)


def _weights(size):
    """Return the (size, 8) float32 matrix of bilinear interpolation, with tf.image.resize's half-pixel centres."""
    source = (np.arange(size) + 0.5) * 8 / size - 0.5
    return np.stack([np.interp(source, np.arange(8), row) for row in np.eye(8)], axis=1).astype(
        np.float32
    )
