"""Recipes: each makes what it promises; a wrong representative dataset gets a message, no file."""

import itertools

import numpy as np
import pytest

from helpers import benchmark, convert, digits, interpreter

ONES = np.ones((1, 4), np.float32)


def exported(folder, function, **inputs):
    """Save `function` as a SavedModel with one signature; `inputs` are name=shape of float32."""
    import tensorflow as tf

    module = tf.Module()
    specs = [tf.TensorSpec(shape, tf.float32, name) for name, shape in inputs.items()]
    module.call = tf.function(function, input_signature=specs, autograph=False)
    tf.saved_model.save(module, str(folder), module.call)
    return folder


@pytest.fixture(scope="module")
def layer(tmp_path_factory):
    """y = relu(x W), four numbers to three."""
    import tensorflow as tf

    weights = tf.constant(np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32))
    folder = tmp_path_factory.mktemp("layer") / "model"
    return exported(folder, lambda x: {"y": tf.nn.relu(tf.matmul(x, weights))}, x=[None, 4])


@pytest.fixture(scope="module")
def two_inputs(tmp_path_factory):
    """y = left + right."""
    return exported(
        tmp_path_factory.mktemp("two") / "model",
        lambda left, right: {"y": left + right},
        left=[1, 4],
        right=[1, 4],
    )


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HUB_TO_TFLITE_CACHE", str(tmp_path / "cache"))
    yield
    assert not list(tmp_path.rglob("*.part"))


def spread():
    """Ten samples that use the range -1 to 1."""
    return ([row[None]] for row in np.linspace(-1, 1, 40, dtype=np.float32).reshape(10, 4))


@pytest.mark.parametrize(
    ("recipe", "input_type", "weight_type"),
    [
        ("float32", np.float32, np.float32),
        ("dynamic range", np.float32, None),  # a weight of fewer than 1024 values stays float
        ("float16", np.float32, np.float16),
        ("full-integer with float I/O", np.float32, np.int8),
        ("int8", np.int8, np.int8),
        ("int16x8", np.float32, np.int8),
    ],
)
def test_each_recipe_makes_the_file_that_its_name_says(layer, recipe, input_type, weight_type):
    file = interpreter.load(convert.convert_cached(layer, recipe, spread))
    assert file.get_input_details()[0]["dtype"] == input_type
    weights = [d["dtype"] for d in file.get_tensor_details() if sorted(d["shape"]) == [3, 4]]
    assert weight_type is None or weight_type in weights


def test_every_recipe_is_tried_above():
    tried = [mark.args[1] for mark in test_each_recipe_makes_the_file_that_its_name_says.pytestmark]
    assert tuple(case[0] for case in tried[0]) == convert.RECIPES


def test_other_samples_make_another_file(layer):
    same = convert.convert_cached(layer, "int8", spread)
    assert convert.convert_cached(layer, "int8", spread) == same
    assert convert.convert_cached(layer, "int8", lambda: ([ONES], [-ONES])) != same
    assert convert.convert_cached(layer, "float32", spread) == convert.convert_cached(layer)


@pytest.mark.parametrize(
    ("representative", "words"),
    [
        (None, "needs a representative dataset.*Found: a NoneType"),
        (([row] for row in ONES), "a function, not called, that yields.*Found: a generator"),
        ([[ONES]], "a function, not called.*Found: a list"),
        (ONES, "a function, not called.*Found: a ndarray"),
        (lambda: None, "Found: a function that returned a NoneType"),
        (lambda: iter(()), "yields nothing.*a float file. Found: 0 samples"),
        (lambda: [[ONES[:0]]], "yields nothing.*a float file. Found: 1 samples, 0 bytes"),
        (lambda: [ONES], "Sample 1 .* a ndarray. Yield one sample at a time, of numpy arrays"),
        (lambda: [[ONES, ONES]], "a list of 2. Yield one .* for: x"),
        (lambda: [[]], "a list of 0. Yield"),
        (
            lambda: [[ONES[0]]],
            r"'x' takes float32 \(any, 4\). Found: float32 \(4,\). The batch dimension is missing",
        ),
        (
            lambda: [[ONES], [np.ones((1, 5), np.float32)]],
            r"Sample 2 .* takes float32 \(any, 4\). Found: float32 \(1, 5\)",
        ),
        (
            lambda: [[ONES.astype(np.float64)]],
            r"takes float32 .* Found: float64 .* Convert it: .astype\(np.float32\)",
        ),
        (lambda: [[ONES.astype(np.uint8)]], "Found: uint8"),
        (lambda: [[[1.0, 2.0, 3.0, 4.0]]], "a dict of 1. Yield one .* of numpy arrays"),
        (lambda: [{"images": ONES}], "inputs are 'x': float32 .* Found: images. Give all"),
        (lambda: [[ONES], [ONES * np.nan]], "no steps for others. Found: 2 samples, .* to nan"),
        (lambda: [[ONES * np.inf]], "no steps for others. Found: 1 samples, .* to inf"),
        (lambda: [[ONES], [ONES * -1e30]], "no steps .* from -1e.30 to 1. Yield about 100 real"),
        (lambda: ([ONES] for _ in itertools.count()), "has no end. Found: 10,001 samples"),
        (lambda: ([np.ones((1, 4), "U1")] for _ in range(3)), "takes float32 .* Found: string"),
    ],
)
@pytest.mark.parametrize("recipe", convert.CALIBRATED)
def test_a_wrong_representative_dataset_gets_one_message_and_no_file(
    layer, recipe, representative, words, tmp_path
):
    with pytest.raises(convert.RecipeError, match=words):
        convert.convert_cached(layer, recipe, representative)
    assert not list(tmp_path.rglob("*.tflite"))


@pytest.mark.parametrize("value", [0, 7])
def test_samples_that_are_all_the_same_number_get_a_warning(layer, value):
    with pytest.warns(UserWarning, match=f"All samples are {value}: no scale will fit real inputs"):
        convert.convert_cached(layer, "int8", lambda: [[ONES * value]])


def test_an_iterator_that_the_check_has_used_up_makes_no_float_file(layer, tmp_path):
    once = iter([[ONES], [-ONES]])
    with pytest.raises(convert.RecipeError, match="nothing the next time.*2 samples, 32 bytes"):
        convert.convert_cached(layer, "int8", lambda: once)
    assert not list(tmp_path.rglob("*.tflite"))


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_halves_have_the_same_limit(value):
    inputs = {"x": convert.savedmodel.Spec("float16", (None, 4))}
    with pytest.raises(convert.RecipeError, match="no steps for others"):
        convert.check("int8", lambda: [[(ONES * value).astype(np.float16)]], inputs)


def test_ten_gigabytes_of_samples_are_refused_after_two(layer, monkeypatch):
    monkeypatch.setattr(convert, "MOST", (10_000, 1000))
    with pytest.raises(convert.RecipeError, match="has no end. Found: 63 samples"):
        convert.convert(layer, "int8", lambda: ([ONES] for _ in range(100)))


def test_a_representative_dataset_that_fails_itself_says_its_own_error(layer, tmp_path):
    def broken():
        yield [ONES]
        raise FileNotFoundError("photo.jpg")

    with pytest.raises(FileNotFoundError, match="photo.jpg"):
        convert.convert_cached(layer, "int8", broken)
    assert not list(tmp_path.rglob("*.tflite"))


def test_several_inputs_want_names(two_inputs):
    with pytest.raises(convert.RecipeError, match="a list of 2. Yield .* for: left, right"):
        convert.convert_cached(two_inputs, "int8", lambda: [[ONES, ONES]])
    path = convert.convert_cached(two_inputs, "int8", lambda: [{"left": ONES, "right": -ONES}])
    assert {d["dtype"] for d in interpreter.load(path).get_input_details()} == {np.int8}


def test_an_op_that_the_recipe_cannot_take_is_named(tmp_path):
    import tensorflow as tf

    folder = exported(tmp_path / "sine", lambda x: {"y": tf.sin(x)}, x=[1, 4])
    with pytest.raises(
        convert.RecipeError, match="'int16x8' cannot take this model.*Found: SIN.*another recipe"
    ):
        convert.convert_cached(folder, "int16x8", lambda: [[ONES]])
    assert not list(tmp_path.rglob("*.tflite"))
    assert convert.convert_cached(folder, "dynamic range").exists()


def test_an_unknown_recipe_names_the_known_ones(layer, tmp_path):
    with pytest.raises(
        convert.RecipeError, match="no recipe 'int4'.*Use one of: float32; dynamic range; float16"
    ):
        convert.convert_cached(layer, "int4")
    assert not list(tmp_path.rglob("*.tflite"))


class TestIntegers:
    """Real values and their integers."""

    detail = {"name": "x", "dtype": np.int8, "quantization": (0.5, -3)}

    def test_there_and_back(self):
        real = np.array([-70.0, -0.25, 0.0, 0.74, 1.0, 99.0], np.float32)
        stored = interpreter.quantize(real, self.detail)
        assert stored.dtype == np.int8 and stored.tolist() == [-128, -3, -3, -2, -1, 127]
        assert interpreter.dequantize(stored, self.detail).tolist() == [
            -62.5,
            0.0,
            0.0,
            0.5,
            1.0,
            65.0,
        ]

    def test_integers_without_a_scale_are_not_real_values(self):
        with pytest.raises(ValueError, match="int32 without a scale"):
            interpreter.quantize(ONES, {"name": "ids", "dtype": np.int32, "quantization": (0.0, 0)})

    def test_an_integer_model_given_real_values_answers_in_real_values(self, layer):
        inputs = np.concatenate([row for (row,) in spread()])
        exact = interpreter.predict(interpreter.load(convert.convert_cached(layer)), inputs)
        file = interpreter.load(convert.convert_cached(layer, "int8", spread))
        real = interpreter.predict(file, inputs)
        assert real.dtype == np.float32 and np.abs(real - exact).max() < 0.05 * exact.max()
        stored = interpreter.predict(
            file, interpreter.quantize(inputs, file.get_input_details()[0])
        )
        assert stored.dtype == np.int8
        np.testing.assert_array_equal(
            interpreter.dequantize(stored, file.get_output_details()[0]), real
        )


def test_the_representative_dataset_of_the_course_is_training_pictures_in_the_models_size():
    (first,), *others = digits.representative((None, 48, 30, 3))()
    assert first.shape == (1, 48, 30, 3) and first.dtype == np.float32 and len(others) == 99
    np.testing.assert_array_equal(
        first, digits.as_model_input(digits.load("train")[0][:1], (48, 30, 3))
    )
    assert next(digits.representative((None, 7))())[0].shape == (1, 7)


class TestMeasure:
    """A clock of our own shows what is counted."""

    def test_every_round_counts_each_candidate_once_after_a_call_of_the_same_and_the_order_rotates(
        self,
    ):
        log = []
        candidates = {name: lambda name=name: log.append(name) for name in "ab"}
        seconds = benchmark.measure(candidates, rounds=2, warm_up=1, clock=lambda: 0.0)
        assert "".join(log) == "bbaa" + "aabb" + "bbaa"
        assert {name: len(spent) for name, spent in seconds.items()} == {"a": 2, "b": 2}

    def test_what_slows_both_sides_of_a_round_leaves_the_ratio(self):
        clock = {"now": 0.0, "slow": 1.0}

        def work(seconds):
            clock["now"] += seconds * clock["slow"]
            clock["slow"] *= 1.2  # this machine gets slower and slower

        seconds = benchmark.measure(
            {"one": lambda: work(1), "two": lambda: work(2)}, 40, clock=lambda: clock["now"]
        )
        low, middle, high = benchmark.ratio(seconds, "two", "one")
        assert 1.3 < low <= middle <= high < 3.1
        assert seconds["two"].max() > 1000 * seconds["two"].min()
