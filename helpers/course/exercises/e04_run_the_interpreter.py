"""The exercises of 04_run_the_interpreter."""

import numpy as np

from helpers.course.exercises import Exercise, NotAttempted
from helpers.interpreter import load, predict


def _attempt(function, *arguments):
    """Return (answer, None), or (None, reason) if the interpreter refuses what the function does."""
    try:
        answer = function(*arguments)
    except ValueError as error:
        if "Dimension mismatch. Got 3 but expected 4" in str(error) or "Dimension mismatch" in str(
            error
        ):
            return (
                None,
                f"set_tensor refuses the shape: {str(error).strip()} Mind the batch dimension.",
            )
        if "unallocated" in str(error):
            return (
                None,
                "A resize frees the planned memory: call allocate_tensors before set_tensor.",
            )
        raise
    if answer is ...:
        raise NotAttempted
    if answer is None:
        return None, "The function returns nothing. Let it end with return."
    return np.asarray(answer), None


def _prepare(prepare, shape):
    image = np.random.default_rng(0).integers(0, 256, size=tuple(shape[1:]), dtype=np.uint8)
    answer, reason = _attempt(prepare, image)
    if reason:
        return reason
    if answer.shape == image.shape:
        return f"The batch dimension is missing: the model wants {(1, *image.shape)}, this is {answer.shape}."
    if answer.shape != (1, *image.shape):
        return f"The model wants the shape {(1, *image.shape)}, this is {answer.shape}."
    if answer.dtype != np.float32:
        return f"set_tensor wants float32, this is {answer.dtype}. Dividing uint8 by 255 gives float64 in NumPy."
    if answer.max() > 1:
        return f"The values run up to {answer.max():.0f}. The type is right now, the range is not: the model wants 0 to 1."
    if answer.min() < 0:
        return "Some values are below 0. Other models want -1 to 1; this one wants 0 to 1."
    if not np.allclose(answer[0], image / 255, atol=1e-4):
        return "Shape, type and range are right, but 0 must stay 0 and 255 must become 1."
    return None


def _scores_of(scores_of, interpreter, inputs):
    expected = predict(interpreter, inputs[:2])
    answer, reason = _attempt(scores_of, interpreter, inputs[0])
    if reason:
        return reason
    if answer.shape == (1, *expected.shape[1:]):
        return f"The output still has its batch dimension: {answer.shape} instead of {expected.shape[1:]}. Take row 0."
    if answer.shape != expected.shape[1:]:
        return f"The output should have one score for each class, {expected.shape[1:]}; this has the shape {answer.shape}."
    if np.array_equal(answer, expected[1]):
        return "These are the scores of the image that ran before. Something between set and get is missing."
    if not np.allclose(answer, expected[0], atol=1e-4):
        return "These are not the scores of this image. Follow section 1: set, invoke, get."
    return None


def _run_batch(run_batch, path, inputs):
    expected = predict(load(path), inputs[:4])
    answer, reason = _attempt(run_batch, load(path), inputs[:4])
    if reason:
        return reason
    if answer.shape != expected.shape:
        return f"Four images should give the shape {expected.shape}; this is {answer.shape}."
    if not np.allclose(answer, expected, atol=1e-4):
        return "The shape is right, the scores are not: was invoke called between set_tensor and get_tensor?"
    return None


EXERCISES = [
    Exercise(
        _prepare,
        "Batch dimension, float32, 0 to 1: the three things that nothing does for you.",
        "Three steps: a new first dimension (image[None]), the type (astype), the range (divide by 255).",
        "def prepare(image):\n    return image[None].astype(np.float32) / 255",
        wrong={
            "def prepare(image):\n    return image.astype(np.float32) / 255": "batch dimension is missing",
            "def prepare(image):\n    return image[None] / 255": "float64",
            'def prepare(image):\n    return image[None].astype(source["dtype"])': "up to 255",
            "def prepare(image):\n    return image[None].astype(np.float32) / 127.5 - 1": "below 0",
        },
    ),
    Exercise(
        _scores_of,
        "Set, invoke, get: and the batch dimension goes on and comes off again.",
        'Four lines: set_tensor(source["index"], image[None]), invoke(), get_tensor(target["index"]), and row 0 of it.',
        "def scores_of(interpreter, image):\n"
        '    interpreter.set_tensor(source["index"], image[None])\n'
        "    interpreter.invoke()\n"
        '    return interpreter.get_tensor(target["index"])[0]',
        wrong={
            "def scores_of(interpreter, image):\n"
            '    interpreter.set_tensor(source["index"], image[None])\n'
            '    return interpreter.get_tensor(target["index"])[0]': "image that ran before",
            "def scores_of(interpreter, image):\n"
            '    interpreter.set_tensor(source["index"], image)\n'
            "    interpreter.invoke()\n"
            '    return interpreter.get_tensor(target["index"])[0]': "Mind the batch dimension",
            "def scores_of(interpreter, image):\n"
            '    interpreter.set_tensor(source["index"], image[None])\n'
            "    interpreter.invoke()\n"
            '    return interpreter.get_tensor(target["index"])': "still has its batch dimension",
        },
    ),
    Exercise(
        _run_batch,
        "Resize, allocate, set, invoke, get. Two calls more, and any batch runs.",
        'Start with interpreter.resize_tensor_input(source["index"], images.shape, strict=True). What must follow a resize?',
        "def run_batch(interpreter, images):\n"
        '    interpreter.resize_tensor_input(source["index"], images.shape, strict=True)\n'
        "    interpreter.allocate_tensors()\n"
        '    interpreter.set_tensor(source["index"], images)\n'
        "    interpreter.invoke()\n"
        '    return interpreter.get_tensor(target["index"])',
        wrong={
            "def run_batch(interpreter, images):\n"
            '    interpreter.set_tensor(source["index"], images)\n'
            "    interpreter.invoke()\n"
            '    return interpreter.get_tensor(target["index"])': "Mind the batch dimension",
            "def run_batch(interpreter, images):\n"
            '    interpreter.resize_tensor_input(source["index"], images.shape, strict=True)\n'
            '    interpreter.set_tensor(source["index"], images)\n'
            "    interpreter.invoke()\n"
            '    return interpreter.get_tensor(target["index"])': "allocate_tensors before set_tensor",
            "def run_batch(interpreter, images):\n"
            '    interpreter.resize_tensor_input(source["index"], images.shape, strict=True)\n'
            "    interpreter.allocate_tensors()\n"
            '    interpreter.set_tensor(source["index"], images)\n'
            '    return interpreter.get_tensor(target["index"])': "was invoke called",
        },
    ),
]
