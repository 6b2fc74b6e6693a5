"""Any .tflite runs by name; what does not fit is refused before the runtime sees it."""

import re
import subprocess
import sys

import numpy as np
import pytest
from ai_edge_litert.interpreter import SignatureRunner

from helpers import interpreter, tinyhub
from helpers.interpreter import InputError

DIGITS = tinyhub.EMBEDDED / "digits/mobilenet_v2/classification/1.tflite"


def numbers(*shape):
    return np.random.default_rng(0).random(shape, np.float32)


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """Return a function from TensorFlow functions, by signature, to the path of a .tflite."""
    import tensorflow as tf

    root = tmp_path_factory.mktemp("converted")

    def convert(name, signatures, quantized=None, **inputs):
        path = root / f"{name}.tflite"
        if path.exists():
            return path
        module = tf.Module()
        specs = [tf.TensorSpec(shape, dtype, key) for key, (dtype, shape) in inputs.items()]
        functions = {
            key: tf.function(function, specs, autograph=False)
            for key, function in signatures.items()
        }
        tf.saved_model.save(module, str(root / name), functions)
        converter = tf.lite.TFLiteConverter.from_saved_model(str(root / name))
        if quantized:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = quantized
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.int8
        path.write_bytes(converter.convert())
        return path

    return convert


@pytest.fixture(scope="module")
def two_inputs(converted):
    """left - right, and their product: not the same if they are taken for each other."""
    import tensorflow as tf

    return converted(
        "two_inputs",
        {"serving_default": lambda left, right: {"less": left - right, "times": left * right}},
        left=(tf.float32, [None, 4]),
        right=(tf.float32, [None, 4]),
    )


def test_several_inputs_and_outputs_go_by_name(two_inputs):
    left, right = numbers(3, 4), numbers(3, 4)[::-1]
    outputs = interpreter.predict(interpreter.load(two_inputs), {"right": right, "left": left})
    assert set(outputs) == {"less", "times"}
    np.testing.assert_allclose(outputs["less"], left - right)
    np.testing.assert_allclose(outputs["times"], left * right)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        (
            numbers(2, 4),
            "inputs are 'left': float32 (any, 4).*Found: one array without a name. Give",
        ),
        ({"left": numbers(2, 4)}, "Found: left. Give all of them by name"),
        ({"left": numbers(2, 4), "wrong": numbers(2, 4)}, "Found: left, wrong."),
        ({"left": numbers(2, 4), "right": numbers(2, 5)}, "'right' takes.*Found: float32 (2, 5)."),
        ({"left": numbers(2, 4), "right": numbers(3, 4)}, "one row for each sample"),
        ({"left": numbers(4), "right": numbers(4)}, "The batch dimension is missing: add it with"),
        (
            {"left": numbers(2, 4), "right": np.ones((2, 4))},
            "Found: float64 (2, 4). Convert it: .astype(np.float32).",
        ),
        ({"left": numbers(2, 4), "right": np.ones((2, 4), int)}, "Found: int64 (2, 4)."),
    ],
)
def test_wrong_inputs_get_one_sentence_and_nothing_runs(two_inputs, inputs, words, monkeypatch):
    opened = interpreter.load(two_inputs)
    monkeypatch.setattr(SignatureRunner, "__call__", None)
    pattern = ".*".join(re.escape(part) for part in words.split(".*"))
    with pytest.raises(InputError, match=pattern) as caught:
        interpreter.predict(opened, inputs)
    assert "\n" not in str(caught.value)


def test_an_image_without_a_batch_is_refused_where_the_runtime_returns_nonsense():
    """In a child process, which the runtime may end: it takes the rows of the image for images."""
    code = (
        "import sys, numpy as np; from helpers import interpreter\n"
        f"model = interpreter.load({str(DIGITS)!r}); image = np.zeros((48, 48, 3), np.float32)\n"
        "try: interpreter.predict(model, image)\n"
        "except interpreter.InputError as error: print(error, flush=True)\n"
        "scores = model.get_signature_runner()(images=image)['logits']\n"
        "print(scores.shape, flush=True)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    refusal, *runtime = done.stdout.splitlines()
    assert "float32 (48, 48, 3). The batch dimension is missing: add it with [None]." in refusal
    assert runtime == ["(48, 10)"] or done.returncode < 0


def test_every_signature_runs_by_its_name(converted):
    import tensorflow as tf

    path = converted(
        "two_signatures",
        {"double": lambda x: {"y": 2 * x}, "square": lambda x: {"y": x * x}},
        x=(tf.float32, [None, 3]),
    )
    opened, x = interpreter.load(path), numbers(4, 3)
    np.testing.assert_allclose(interpreter.predict(opened, x, "double"), 2 * x)
    np.testing.assert_allclose(interpreter.predict(opened, x, "square"), x * x)
    with pytest.raises(InputError, match="no signature 'serving_default'. Found: double, square"):
        interpreter.predict(opened, x)
    with pytest.raises(InputError, match="no signature 'triple'. Found: double, square"):
        interpreter.predict(opened, x, "triple")
    with pytest.raises(InputError, match="The batch dimension is missing"):
        interpreter.predict(opened, x[0], "square")


def test_dynamic_dimensions_take_the_samples_size_and_the_next_samples(converted):
    import tensorflow as tf

    path = converted(
        "any_length",
        {"serving_default": lambda x: {"y": tf.reduce_sum(x, 1)}},
        x=(tf.float32, [None, None]),
    )
    opened = interpreter.load(path)
    for length in (5, 2, 9):
        x = numbers(3, length)
        np.testing.assert_allclose(interpreter.predict(opened, x), x.sum(1), rtol=1e-6)


@pytest.mark.parametrize("count", [1, 4, 6])
def test_a_fixed_batch_is_filled_up(converted, count):
    import tensorflow as tf

    path = converted("four", {"serving_default": lambda x: {"y": x + 1}}, x=(tf.float32, [4, 2]))
    x = numbers(count, 2)
    np.testing.assert_array_equal(interpreter.predict(interpreter.load(path), x), x + 1)


def test_a_sound_without_a_batch_runs_by_itself_and_one_is_not_taken_for_many(converted):
    import tensorflow as tf

    path = converted(
        "sound",
        {"serving_default": lambda x: {"loudest": tf.reduce_max(x), "frames": x[:, None]}},
        x=(tf.float32, [16]),
    )
    opened, x = interpreter.load(path), numbers(3, 16)
    outputs = interpreter.predict(opened, x)
    np.testing.assert_array_equal(outputs["loudest"], x.max(1))
    assert outputs["frames"].shape == (3, 16, 1)
    with pytest.raises(InputError, match="The batch dimension is missing"):
        interpreter.predict(opened, x[0])


def test_floats_are_quantized_and_dequantized_in_every_input_and_output(converted):
    import tensorflow as tf

    every_a, every_b = numbers(20, 4), -numbers(20, 4)[::-1]

    def samples():
        return ({"a": a[None], "b": b[None]} for a, b in zip(every_a, every_b, strict=True))

    path = converted(
        "integers",
        {"serving_default": lambda a, b: {"sum": a + b, "relu": tf.nn.relu(a)}},
        samples,
        a=(tf.float32, [1, 4]),
        b=(tf.float32, [1, 4]),
    )
    opened = interpreter.load(path)
    a, b = every_a[:5], every_b[:5]
    outputs = interpreter.predict(opened, {"a": a, "b": b})
    np.testing.assert_allclose(outputs["sum"], a + b, atol=0.03)
    details = opened.get_signature_runner().get_input_details()
    stored = {
        name: interpreter.quantize(value, details[name]) for name, value in (("a", a), ("b", b))
    }
    integers = interpreter.predict(opened, stored)
    assert integers["relu"].dtype == np.int8
    target = opened.get_signature_runner().get_output_details()["relu"]
    np.testing.assert_array_equal(interpreter.dequantize(integers["relu"], target), outputs["relu"])


def test_integers_without_a_scale_stay_as_they_are(converted):
    import tensorflow as tf

    path = converted(
        "index",
        {"serving_default": lambda x: {"top": tf.argmax(x, 1, tf.int32)}},
        x=(tf.float32, [None, 3]),
    )
    opened, x = interpreter.load(path), numbers(4, 3)
    assert interpreter.predict(opened, x).tolist() == x.argmax(1).tolist()
    ids = converted("ids", {"serving_default": lambda i: {"y": i + 1}}, i=(tf.int32, [None, 2]))
    with pytest.raises(InputError, match="int32 without a scale.*Give it integers"):
        interpreter.predict(interpreter.load(ids), numbers(3, 2))


def test_a_file_without_signatures_goes_by_its_tensors(two_inputs):
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([1, 2], tf.float32, "x")])
    def double(x):
        return 2 * x

    made = tf.lite.TFLiteConverter.from_concrete_functions([double.get_concrete_function()], double)
    opened, x = interpreter.load(made.convert()), numbers(3, 2)
    assert not opened.get_signature_list()
    np.testing.assert_array_equal(interpreter.predict(opened, x), 2 * x)


def test_the_interpreter_can_be_used_by_hand_afterwards(two_inputs):
    """A signature's runner that lived on would make invoke() fail."""
    opened = interpreter.load(two_inputs)
    interpreter.predict(opened, {"left": numbers(2, 4), "right": numbers(2, 4)})
    opened.invoke()


def test_a_corrupt_file_is_an_error_and_not_a_crash():
    whole = DIGITS.read_bytes()
    for broken in (b"", b"<!DOCTYPE html>", whole[:1000], whole[: len(whole) // 2]):
        with pytest.raises(ValueError):
            interpreter.load(broken)
