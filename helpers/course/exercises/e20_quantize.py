"""The exercises of 20_quantize."""

import itertools

import numpy as np

from helpers.course.exercises import Exercise, Wrong, ask, shown, wanted


class Stub:
    """A LiteRT interpreter with one int8 input and output, whose model is a matrix product."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        height, width, self.channels = self.random.integers(2, 5, 3)
        self.shape = (int(height), int(width), int(self.channels))
        self.classes = int(self.random.integers(3, 6))
        # Neither zero point is 0, nor are the scales the same.
        self.into = (float(self.random.uniform(0.005, 0.02)), int(self.random.integers(-120, -20)))
        self.out = (float(self.random.uniform(0.2, 0.6)), int(self.random.integers(10, 60)))
        self.weights = self.random.normal(size=(int(np.prod(self.shape)), self.classes))
        self.stored = self.result = None

    def image(self):
        """Return an image whose first and last value are beyond what int8 can hold."""
        low, high = (np.array([-128, 127]) - self.into[1]) * self.into[0]
        image = self.random.uniform(low, high, self.shape).astype(np.float32)
        image.flat[0], image.flat[-1] = 3 * low, 3 * high
        return image

    def get_input_details(self):
        return [self._detail(0, "input", (1, *self.shape), self.into)]

    def get_output_details(self):
        return [self._detail(7, "output", (1, self.classes), self.out)]

    def _detail(self, index, name, shape, quantization):
        return {
            "index": index,
            "name": name,
            "shape": np.array(shape, np.int32),
            "shape_signature": np.array(shape, np.int32),
            "dtype": np.int8,
            "quantization": quantization,
            "quantization_parameters": {
                "scales": np.array(quantization[:1], np.float32),
                "zero_points": np.array(quantization[1:], np.int32),
                "quantized_dimension": 0,
            },
        }

    def get_signature_list(self):
        return {"serving_default": {"inputs": ["input"], "outputs": ["output"]}}

    def get_signature_runner(self, signature="serving_default"):
        return Runner(self)

    def allocate_tensors(self):
        pass

    def set_tensor(self, index, value):
        value = np.asarray(value)
        if index != 0:
            raise ValueError(f"Tensor {index} is not the input.")
        if value.dtype != np.int8:
            kind = value.dtype.name.upper()
            raise ValueError(f"Cannot set tensor: Got value of type {kind} but expected type INT8")
        if value.shape != (1, *self.shape):
            text = f"Got {value.shape}, but the input is {(1, *self.shape)}"
            raise ValueError(f"Cannot set tensor: Dimension mismatch. {text}")
        self.stored = value.copy()

    def invoke(self):
        if self.stored is None:
            raise ValueError("The input has not been set.")
        real = (self.stored.astype(np.float64) - self.into[1]) * self.into[0]
        scores = real.reshape(1, -1) @ self.weights
        self.result = np.clip(np.round(scores / self.out[0]) + self.out[1], -128, 127).astype(
            np.int8
        )

    def get_tensor(self, index):
        if index != 7 or self.result is None:
            raise ValueError(f"Tensor {index} holds nothing yet.")
        return self.result.copy()


class Runner:
    """A Stub's signature runner."""

    def __init__(self, stub):
        self.stub = stub

    def get_input_details(self):
        return {"input": self.stub.get_input_details()[0]}

    def get_output_details(self):
        return {"output": self.stub.get_output_details()[0]}

    def __call__(self, **inputs):
        if list(inputs) != ["input"]:
            raise ValueError(f"Invalid Input name: {', '.join(inputs)}. The input is 'input'.")
        self.stub.set_tensor(0, inputs["input"])
        self.stub.invoke()
        return {"output": self.stub.get_tensor(7)}


def _scores_of(scores_of):
    for seed in range(4):
        stub = Stub(seed)
        image = stub.image()
        answer = ask(scores_of, stub, image)
        if not hasattr(answer, "__array__"):  # of NumPy, or a tensor
            wanted(answer, (np.ndarray, list, tuple))
        scale, zero_point = stub.into
        steps = np.clip(image / scale + zero_point, -128, 127)
        if stub.stored is None or stub.result is None:
            return "The interpreter was not run: set_tensor, invoke, get_tensor."
        if np.abs(stub.stored[0] - steps).max() > 0.501:
            return _fed(stub.stored[0], image, stub.into)
        real = (stub.result[0].astype(np.float64) - stub.out[1]) * stub.out[0]
        answer = np.asarray(answer)
        if answer.shape == (1, stub.classes):
            return "The batch dimension is still there: return the scores of the one image."
        if answer.shape != real.shape:
            return f"There should be {stub.classes} scores. Found: {shown(answer)}."
        if not np.allclose(answer, real, atol=stub.out[0] / 100):
            return _read(answer, stub)
    return None


def _fed(found, image, quantization):
    """Return what was wrong with the integers that the interpreter got."""
    scale, zero_point = quantization
    wide = np.round(image / scale) + zero_point
    wrapped = wide.astype(np.int64).astype(np.int8)
    if np.array_equal(found, wrapped):
        return "A value beyond the range wrapped around: clip to -128...127 before the cast."
    if np.array_equal(found, np.clip(np.round(image / scale), -128, 127)):
        return "The input's zero point is missing: add it after you've divided by the scale."
    if np.array_equal(found, np.clip(np.round(image / scale) - zero_point, -128, 127)):
        return "The input's zero point was subtracted. Going in, it's added."
    if np.array_equal(found, np.clip(wide, -127, 127)):
        return "These are clipped at -127. An int8 goes down to -128."
    if np.array_equal(found, np.clip(np.round(image * 255) - 128, -128, 127)):
        return "This is another model's scale and zero point: take them from the runtime you get."
    if np.abs(found - image).max() < 2 and np.abs(found).max() < 30:
        return "The floats were cast to int8. Divide by the scale, round, add the zero point."
    if np.abs(found - np.clip(image / scale + zero_point, -128, 127)).max() < 1.001:
        return "The integers are cut, not rounded: use np.round before the cast."
    return "The integers that go in are others: divide by the scale, round, add the zero point."


def _read(answer, stub):
    """Return what was wrong with the scores that came out."""
    scale, zero_point = stub.out
    stored = stub.result[0].astype(np.float64)
    if np.allclose(answer, stored):
        return "These are the output's integers. Turn them into real values with its scale."
    if np.allclose(answer, stored * scale):
        return "The output's zero point is missing: subtract it before you multiply."
    if np.allclose(answer, (stored + zero_point) * scale):
        return "The output's zero point was added. Coming out, it's subtracted."
    if np.allclose(answer, stored * scale - zero_point):
        return "The zero point is an integer: subtract it before you multiply by the scale."
    if np.allclose(answer, (stored - stub.into[1]) * stub.into[0]):
        return "The output was read with the input's scale. It has its own."
    narrow = (stub.result[0] - np.int8(zero_point)).astype(np.float64) * scale
    if np.allclose(answer, narrow, atol=scale / 100):
        return (
            "The difference wrapped around in 8 bits: make the integers float before subtracting."
        )
    return "The scores are others. Coming out: (integer - zero point) * scale."


def _dataset(dataset):
    random = np.random.default_rng(7)
    for count, height, width, channels in ((5, 6, 7, 3), (1, 4, 4, 1), (3, 1, 8, 3)):
        images = random.integers(0, 256, (count, height, width, channels), dtype=np.uint8)
        images[0, 0, 0], images[-1, 0, 1] = 0, 255
        before = images.copy()
        answer = ask(dataset, images, none=True)
        if answer is None:
            return "Your function returns nothing (None). Use yield in a loop over the images."
        if not np.array_equal(images, before):
            return "Your function changed the camera's images. Work on a copy."
        if isinstance(answer, np.ndarray):
            return f"It returns {shown(answer)}. Use yield in a loop over the images."
        if callable(answer):
            return "It returns a function. Let dataset itself yield the samples."
        if not hasattr(answer, "__iter__") or isinstance(answer, (str, bytes, dict)):
            return f"It should yield samples. Found: {shown(answer)}."
        found = list(itertools.islice(answer, 1000))
        if not found:
            return "It yields no sample, and a converter would make a float file without a word."
        if reason := _sample(found[0], images):
            return reason
        if len(found) != count:
            more = "at least " if len(found) >= 1000 else ""
            return f"It yields {more}{len(found)} samples. There are {count} images."
        values = np.stack([_array(one, images)[0] for one in found])
        if not np.isfinite(values).all() or values.max() > 1.01 or values.min() < -0.01:
            return _values(values, images)
        kept = {value.tobytes() for value in np.round(values * 255).astype(np.uint8)}
        if kept != {image.tobytes() for image in images}:
            return _values(values, images)
    return None


def _array(sample, images):
    """Return a sample's array; raise Wrong if it has none."""
    if isinstance(sample, dict) and len(sample) == 1:
        sample = list(sample.values())
    if isinstance(sample, tuple):
        raise Wrong("Each sample must be a list: a tuple means (signature, inputs) to a converter.")
    if not isinstance(sample, list) or len(sample) != 1:
        raise Wrong(f"Each sample must be a list with one array, [array]. Found: {shown(sample)}.")
    array = sample[0]
    if not hasattr(array, "shape"):
        raise Wrong(f"Each sample must be a list with one array. Found: a list of {shown(array)}.")
    return np.asarray(array)


def _sample(sample, images):
    """Return what is wrong with the form of a sample, or None."""
    array = _array(sample, images)
    wish = (1, *images.shape[1:])
    if array.shape == images.shape != wish:
        return "This yields all images as one sample. Yield them one by one, with a batch of 1."
    if array.shape == images.shape[1:]:
        return "The batch dimension is missing: the model takes (1, height, width, channels)."
    if array.shape != wish:
        return f"A sample has the shape {array.shape}. For these images it should be {wish}."
    if array.dtype != np.float32:
        return f"The samples are {array.dtype}. The float model takes float32."
    return None


def _values(values, images):
    """Return what is wrong with the values."""
    if not np.isfinite(values).all():
        return "Some values are not finite numbers."
    if values.max() > 2:
        return f"The values go up to {values.max():.0f}. The model expects 0 to 1."
    if np.allclose(values, (images == 255), atol=0.01) and values.max() <= 1:
        return "Only 0 and 1 are left: the division was one of integers."
    if values.min() < -0.1:
        return f"The values begin at {values.min():.1f}. The model expects 0 to 1."
    return "The values aren't the images' own, brought to 0...1."


SOLUTION = """\
def scores_of(runtime, image):
    [source], [target] = runtime.get_input_details(), runtime.get_output_details()
    scale, zero_point = source["quantization"]
    stored = np.clip(np.round(image / scale) + zero_point, -128, 127).astype(np.int8)
    runtime.set_tensor(source["index"], stored[None])
    runtime.invoke()
    scale, zero_point = target["quantization"]
    return (runtime.get_tensor(target["index"])[0].astype(float) - zero_point) * scale"""
HELPERS = """\
def scores_of(runtime, image):
    detail, result = runtime.get_input_details()[0], runtime.get_output_details()[0]
    runtime.set_tensor(detail["index"], interpreter.quantize(image, detail)[None])
    runtime.invoke()
    return interpreter.dequantize(runtime.get_tensor(result["index"]), result)[0].tolist()"""


def _changed(old, new):
    assert old in SOLUTION
    return SOLUTION.replace(old, new)


EXERCISES = [
    Exercise(
        _scores_of,
        "Now an int8 file is as easy to use as a float one. interpreter.predict does the same.",
        "Going in: round(real / scale) + zero point, clipped, then int8, and a batch dimension. "
        "Coming out: (integer - zero point) * scale, with the output's own numbers.",
        SOLUTION,
        {
            _changed("np.clip(np.round(image / scale) + zero_point, -128, 127)", "image"): "cast",
            _changed("np.round(image / scale) + zero_point", "image / scale + zero_point"): (
                "not rounded"
            ),
            _changed("np.round(image / scale) + zero_point", "np.round(image / scale)"): (
                "input's zero point is missing"
            ),
            _changed("np.round(image / scale) + zero", "np.round(image / scale) - zero"): (
                "Going in, it's added"
            ),
            _changed(
                "np.clip(np.round(image / scale) + zero_point, -128, 127)",
                "(np.round(image / scale) + zero_point).astype(np.int64)",
            ): "wrapped around",
            _changed("return (runtime.get_tensor(target", "return (runtime.get_tensor(source"): (
                "Your code stopped with ValueError"
            ),
            _changed(".astype(float) - zero_point) * scale", ")"): "output's integers",
            _changed(".astype(float) - zero_point)", ".astype(float))"): "zero point is missing",
            _changed('target["quantization"]', 'source["quantization"]'): "It has its own",
            _changed("[0].astype(float)", ".astype(float)"): "batch dimension is still there",
            _changed("    return (", "    ("): "returns nothing",
            _changed("-128, 127)", "-127, 127)"): "clipped at -127",
            _changed(
                'scale, zero_point = source["quantization"]', "scale, zero_point = 1 / 255, -128"
            ): ("another model's"),
            _changed(
                ".astype(float) - zero_point) * scale", ".astype(float)) * scale - zero_point"
            ): ("before you multiply"),
        },
        right_codes=(
            HELPERS,
            "def scores_of(runtime, image):\n    return interpreter.predict(runtime, image[None])[0]",
            "def scores_of(runtime, image):\n"
            "    runner = runtime.get_signature_runner()\n"
            "    [(name, source)] = runner.get_input_details().items()\n"
            "    [target] = runner.get_output_details().values()\n"
            "    [found] = runner(**{name: interpreter.quantize(image, source)[None]}).values()\n"
            '    read = target["quantization_parameters"]\n'
            '    return (tf.cast(found[0], tf.float32) - read["zero_points"][0]) * read["scales"][0]',
        ),
    ),
    Exercise(
        _dataset,
        "A converter takes a function without arguments: representative_dataset = lambda: dataset(images).",
        "Loop over the images. image[None] adds the batch dimension; divide by 255, as float32.",
        "def dataset(images):\n"
        "    for image in images:\n"
        "        yield [image[None].astype(np.float32) / 255]",
        {
            "def dataset(images):\n"
            "    for image in images:\n"
            "        yield image[None].astype(np.float32) / 255": "must be a list",
            "def dataset(images):\n"
            "    for image in images:\n"
            "        yield [image.astype(np.float32) / 255]": "batch dimension is missing",
            "def dataset(images):\n    for image in images:\n        yield [image[None] / 255]": "float64",
            "def dataset(images):\n"
            "    for image in images:\n"
            "        yield [image[None].astype(np.float32)]": "expects 0 to 1",
            "def dataset(images):\n"
            "    for image in images:\n"
            "        yield (image[None].astype(np.float32) / 255,)": "must be a list: a tuple",
            "def dataset(images):\n"
            "    def samples():\n"
            "        for image in images:\n"
            "            yield [image[None].astype(np.float32) / 255]\n"
            "    return samples": "It returns a function",
            "def dataset(images):\n"
            "    scaled = images.astype(np.float32) / 255\n"
            "    return tf.data.Dataset.from_tensor_slices(scaled).batch(1).repeat()": "must be a list",
            "def dataset(images):\n"
            "    for image in images:\n"
            "        print([image[None].astype(np.float32) / 255])": "Use yield",
            "def dataset(images):\n    return iter(())": "no sample",
            "def dataset(images):\n    yield [images.astype(np.float32) / 255]": "all images as one",
            "def dataset(images):\n"
            "    while True:\n"
            "        yield [images[:1].astype(np.float32) / 255]": "at least 1000",
            "def dataset(images):\n"
            "    for image in images:\n"
            "        return [image[None].astype(np.float32) / 255]": "must be a list",
            "def dataset(images):\n"
            "    for image in images:\n"
            "        yield [images[:1].astype(np.float32) / 255]": "images' own",
            "def dataset(images):\n"
            "    for image in images:\n"
            "        yield [(image[None] // 255).astype(np.float32)]": "division was one of integers",
        },
        right_codes=(
            "def dataset(images):\n"
            "    scaled = np.float32(images) / np.float32(255)\n"
            '    return [{"images": scaled[n : n + 1]} for n in np.random.permutation(len(scaled))]',
        ),
    ),
]
