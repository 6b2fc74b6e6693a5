"""The course's test images: scikit-learn's handwritten digits, as the models expect them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("digits.npz")
SIZE = 48


def load(split: str = "test") -> tuple[np.ndarray, np.ndarray]:
    """Return (images, labels) of the 1347 "train" or 450 "test" digits.

    images: uint8 (n, 8, 8), 0 = paper to 16 = full ink; labels: uint8 (n,), the digit drawn.
    """
    with np.load(FILE) as data:
        return data[f"{split}_images"], data[f"{split}_labels"]


def as_model_input(images: np.ndarray, shape: tuple = (SIZE, SIZE, 3)) -> np.ndarray:
    """Return digits as float32 (n, *shape) in [0, 1], enlarged bilinearly, channels repeated.

    `images` is (n, 8, 8) in 0..16; `shape` is (height, width, channels).
    """
    rows = _enlarged((images / np.float32(16)).swapaxes(1, 2), shape[0]).swapaxes(1, 2)
    return np.repeat(_enlarged(rows, shape[1])[..., None], shape[2], axis=-1)


def samples(input_shape: tuple, outputs: int, count: int = 450) -> tuple:
    """Return (inputs, labels) to try any model on: float32 (count, ...) and (count,) or None.

    `input_shape` has the batch first; a dynamic dimension becomes 48. A model of images gets test
    digits, with labels if it has ten `outputs`; another gets noise, which can show that two
    forms agree, never that they're right. Raises ValueError for a `count` outside 10 to 450.
    """
    if isinstance(count, bool) or not isinstance(count, int) or not 10 <= count <= 450:
        raise ValueError(f"SAMPLES must be an integer from 10 to 450. Found: {count!r}.")
    images, labels = load("test")
    inputs = _inputs(input_shape, images[:count], seed=0)
    return inputs, labels[:count] if inputs.ndim == 4 and outputs == 10 else None


def representative(input_shape: tuple, count: int = 100) -> Callable:
    """Return a representative dataset, a function that yields [array (1, ...)], for one input.

    Training digits for a model of images, else noise, as in `samples`. Taught in 20_quantize.
    """
    inputs = _inputs(input_shape, load("train")[0][:count], seed=1)
    return lambda: ([one[None]] for one in inputs)


def _inputs(input_shape, images, seed):
    """Return the digits for a model of images, and noise for any other: float32 (n, ...)."""
    shape = tuple(size or SIZE for size in input_shape[1:])
    if len(shape) == 3:
        return as_model_input(images, shape)
    return np.random.default_rng(seed).random((len(images), *shape), np.float32)


def _enlarged(images, size):
    """Enlarge the last axis. No matrix product: its last bits depend on the processor."""
    source = np.clip((np.arange(size) + 0.5) * 8 / size - 0.5, 0, 7)  # centred as in tf.image
    left = np.minimum(source.astype(int), 6)
    near, far = images[..., left], np.float64(images[..., left + 1])
    return np.float32(near * np.float32(1 - (source - left)) + far * np.float32(source - left))
