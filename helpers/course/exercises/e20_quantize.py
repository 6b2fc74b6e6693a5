"""The exercises of 20_quantize."""

import numpy as np

from helpers.course.exercises import Exercise, NotAttempted


def _by_hand(first, second):
    for value in (first, second):
        if (
            not isinstance(value, (int, np.integer, float))
            or isinstance(value, bool)
            or value != int(value)
        ):
            return f"An int8 tensor stores integers from -128 to 127. Found: {value!r}."
    if first == 40:
        return "For 10.1 this is 10.1 / 0.25, rounded. The zero point is still to be added."
    if first == 68:
        return "For 10.1 the zero point was subtracted. It is added on the way in, subtracted on the way back."
    if first != 12:
        return "The integer for 10.1 is another: divide by the scale, round, add the zero point."
    if second > 127:
        return f"{second} does not fit: int8 ends at 127. What is beyond is cut to the nearest end."
    if second != 127:
        return "60.0 lies beyond what this tensor can hold. Which end of int8 is nearest?"
    return None


def _input_range(input_range, interpreter):
    answer = input_range(interpreter)
    if answer is ...:
        raise NotAttempted
    if answer is None or np.size(answer) != 2:
        return "Return two numbers, the lowest and the highest."
    detail = interpreter.get_input_details()[0]
    scale, zero_point = detail["quantization"]
    limits = np.iinfo(detail["dtype"])
    low, high = (limits.min - zero_point) * scale, (limits.max - zero_point) * scale
    if np.allclose(answer, (low, high), rtol=1e-4, atol=abs(scale) / 10):
        return None
    if np.allclose(answer, (high, low), rtol=1e-4, atol=abs(scale) / 10):
        return "These are the right two, the highest first. Return the lowest first."
    if np.allclose(answer, (limits.min, limits.max)):
        return (
            "These are the integers that the type can store. Which real values do they stand for?"
        )
    if np.allclose(
        answer, (limits.min * scale, limits.max * scale), rtol=1e-4, atol=abs(scale) / 10
    ):
        return "The zero point is missing: subtract it from the integer before you multiply."
    if np.allclose(
        answer,
        ((limits.min + zero_point) * scale, (limits.max + zero_point) * scale),
        rtol=1e-4,
        atol=abs(scale) / 10,
    ):
        return "The zero point was added. On the way from integers to real values it is subtracted."
    return "Take the smallest and the largest integer of the input's dtype, and turn both into real values."


def _dataset(dataset):
    images = np.random.default_rng(0).integers(0, 256, (5, 6, 7, 3), dtype=np.uint8)
    images[0, 0, 0], images[1, 0, 0] = 0, 255
    answer = dataset(images)
    if answer is ...:
        raise NotAttempted
    if not hasattr(answer, "__iter__"):
        return "It yields nothing. Use yield in a loop over the images."
    found = list(answer)
    if not found:
        return "It yields no sample at all, and a converter would make a float file without a word."
    one = found[0]
    if not isinstance(one, (list, tuple)) or len(one) != 1:
        return f"Each sample must be a list with one array, [array]. Found: a {type(one).__name__} of {len(one)}."
    array = np.asarray(one[0])
    if array.shape == images.shape:
        return "This yields all images as one sample. Yield them one at a time, each with a batch of 1."
    if array.shape == images.shape[1:]:
        return "The batch dimension is missing: the model takes (1, height, width, channels)."
    if array.shape != (1, *images.shape[1:]):
        return f"A sample has the shape {array.shape}. For these images it should be {(1, *images.shape[1:])}."
    if array.dtype != np.float32:
        return f"The samples are {array.dtype}. The float model takes float32."
    if len(found) != len(images):
        return f"It yields {len(found)} of {len(images)} images."
    values = np.concatenate([sample[0] for sample in found])
    if values.max() > 2:
        return f"The values go up to {values.max():.0f}. The model expects 0 to 1, so the scale would be far too coarse."
    if not np.allclose(values, images / 255, atol=2e-3):
        return "The values are not the images' own, brought to the range 0 to 1."
    return None


def _recipe(recipe, names):
    if recipe not in names:
        return f"There is no such recipe here. Use one of: {'; '.join(names)}."
    return {
        "int8": None,
        "full-integer with float I/O": "Inside it computes with integers, but it begins and ends with floats, which this board "
        "has no hardware for.",
        "dynamic range": "Its weights are integers, but what flows through the model is float.",
        "float16": "Its weights are floats of 16 bits, and this board has no hardware for any float.",
        "float32": "It computes with floats, and this board has no hardware for them.",
        "int16x8": "Its input and output are floats here. And few boards come with fast code for 16-bit activations.",
    }.get(recipe, "This one is not among the six of section 2.")


EXERCISES = [
    Exercise(
        _by_hand,
        "10.1 becomes 12, which stands for 10.0; 60.0 is cut to 127, which stands for 38.75.",
        "round(real / scale) + zero point, then cut to -128 ... 127.",
        "stands_for_10_1 = round(10.1 / 0.25) + -28\nstands_for_60 = min(127, round(60.0 / 0.25) + -28)",
        {
            "stands_for_10_1, stands_for_60 = 40, 127": "still to be added",
            "stands_for_10_1, stands_for_60 = 68, 127": "was subtracted",
            "stands_for_10_1, stands_for_60 = 12, 212": "does not fit",
            "stands_for_10_1, stands_for_60 = 12.4, 127": "stores integers",
        },
    ),
    Exercise(
        _input_range,
        "What lies outside is cut off, so this is the first thing to look at in a stranger's file.",
        'detail["quantization"] of the input is (scale, zero point). The integers go from -128 to 127.',
        "def input_range(interpreter):\n"
        '    scale, zero_point = interpreter.get_input_details()[0]["quantization"]\n'
        "    return (-128 - zero_point) * scale, (127 - zero_point) * scale",
        {
            "def input_range(interpreter):\n    return -128, 127": "integers that the type can store",
            "def input_range(interpreter):\n"
            '    scale, zero_point = interpreter.get_input_details()[0]["quantization"]\n'
            "    return (127 - zero_point) * scale, (-128 - zero_point) * scale": "the lowest first",
            "def input_range(interpreter):\n"
            '    scale, zero_point = interpreter.get_input_details()[0]["quantization"]\n'
            "    return (-128 + zero_point) * scale, (127 + zero_point) * scale": "was added",
        },
    ),
    Exercise(
        _dataset,
        "A converter takes a function without arguments: representative_dataset = lambda: dataset(images).",
        "Loop over the images. image[None] adds the batch dimension; the values go from 0 to 1, in float32.",
        "def dataset(images):\n    for image in images:\n        yield [image[None].astype(np.float32) / 255]",
        {
            "def dataset(images):\n"
            "    for image in images:\n"
            "        yield image[None].astype(np.float32) / 255": "Each sample must be a list",
            "def dataset(images):\n"
            "    for image in images:\n"
            "        yield [image.astype(np.float32) / 255]": "batch dimension is missing",
            "def dataset(images):\n    for image in images:\n        yield [image[None] / 255]": "float64",
            "def dataset(images):\n"
            "    for image in images:\n"
            "        yield [image[None].astype(np.float32)]": "far too coarse",
            "def dataset(images):\n    return iter(())": "no sample at all",
        },
    ),
    Exercise(
        _recipe,
        "Integers at both ends and everywhere between.",
        "Which file of section 2 has no float anywhere, not even at its ends?",
        'recipe = "int8"',
        {
            'recipe = "full-integer with float I/O"': "begins and ends with floats",
            'recipe = "dynamic range"': "what flows through the model is float",
            'recipe = "integer"': "no such recipe",
        },
    ),
]
