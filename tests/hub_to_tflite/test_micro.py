"""TensorFlow Lite Micro: the reference kernels' outputs, the arena it needs, its refusals."""

import importlib.util

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from conftest import real_models
from helpers import convert, digits, handles, interpreter
from hub_to_tflite.file import flatbuffer
from hub_to_tflite.targets import tflm

pytestmark = pytest.mark.skipif(not importlib.util.find_spec("tflite_micro"), reason=tflm.ABSENT)
PIXELS = digits.as_model_input(digits.load()[0][:20])


@pytest.fixture(scope="module")
def files():
    """{recipe: bytes} of the embedded classifier."""
    saved_model = handles.fetch(handles.check(handles.DEFAULT))
    samples = digits.representative((None, 48, 48, 3))
    recipes = ("float32", "dynamic range", "float16", "int8")
    return {
        recipe: convert.convert_cached(saved_model, recipe, samples).read_bytes()
        for recipe in recipes
    }


def by_reference(content, inputs):
    """Return the outputs of LiteRT's reference kernels."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    model = Interpreter(
        model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    model.allocate_tensors()
    return interpreter.predict(model, inputs)


def test_int8_gives_the_outputs_of_the_reference_kernels_within_one_step(files):
    stored = interpreter.quantize(PIXELS, interpreter.load(files["int8"]).get_input_details()[0])
    micro, litert = tflm.run(files["int8"], stored).outputs, by_reference(files["int8"], stored)
    assert micro.shape == (20, 10) and micro.dtype == np.int8
    errors = np.abs(micro.astype(int) - litert)
    assert errors.max() <= 1 and (errors > 0).mean() < 0.01
    other = tflm.run(files["int8"], stored[::-1]).outputs
    assert np.abs(other.astype(int) - litert).max() > 1, "another order of images has to be noticed"


def test_float32_gives_the_interpreter_s_outputs(files):
    micro = tflm.run(files["float32"], PIXELS[:3]).outputs
    np.testing.assert_allclose(
        micro, interpreter.predict(interpreter.load(files["float32"]), PIXELS[:3]), atol=1e-4
    )


def test_the_arena_that_it_names_is_enough_and_one_step_less_is_not(files):
    needed = tflm.run(files["int8"]).arena
    assert 80_000 < needed < 130_000 and needed % tflm.STEP == 0
    assert tflm.run(files["int8"], arena=needed) == tflm.Result(
        pytest.approx(tflm.run(files["int8"]).outputs), needed, ""
    )
    refused = tflm.run(files["int8"], arena=needed - tflm.STEP)
    assert refused == tflm.Result(None, 0, "its tensors do not fit into the arena")


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        ("dynamic range", "int8 weights with float values around them (dynamic range)"),
        ("float16", "it stores weights as float16, and TFLM cannot unpack these"),
    ],
)
def test_a_recipe_that_a_microcontroller_cannot_take_is_refused_with_its_reason(
    recipe, words, files
):
    result = tflm.run(files[recipe])
    assert words in result.refused and (result.outputs, result.arena) == (None, 0)


def test_a_damaged_file_is_refused_before_it_can_do_harm(files):
    for content in (b"", files["int8"][:5000], b"\x1c\0\0\0TFL3"):
        assert tflm.run(content).refused.startswith("it is damaged: ")


def test_an_int8_softmax_on_hardly_any_range_is_told_by_its_cause(tmp_path):
    import tensorflow as tf

    module = tf.Module()
    module.call = tf.function(lambda x: tf.nn.softmax(x @ tf.eye(4)), [tf.TensorSpec([1, 4])])
    tf.saved_model.save(module, str(tmp_path), module.call)
    wide = np.array([[-1, 0, 1, 2]], np.float32)
    said = [
        tflm.run(convert.convert(tmp_path, "int8", lambda: [[wide * size]])).refused  # noqa: B023
        for size in (1, 3e-6, 1e-9)
    ]
    assert said[:2] == ["", ""] and "SIGABRT" in said[2] and "calibrate with real" in said[2]


def test_a_file_that_ends_the_process_is_a_refusal(files):
    """MEAN reads its axes from a constant; without one, TFLM reads at address 0."""
    model = flatbuffer.unpack(files["int8"])
    graph = model.subgraphs[0]
    [mean] = [
        op
        for op in graph.operators
        if model.operatorCodes[op.opcodeIndex].builtinCode == schema.BuiltinOperator.MEAN
    ]
    graph.tensors[mean.inputs[1]].buffer = 0
    refused = tflm.run(flatbuffer.pack(model)).refused
    assert refused == "TFLM ended the process that tried it with signal 11 (SIGSEGV)"


def test_a_run_that_does_not_end_is_a_refusal(files):
    assert "still busy after 0.01 seconds" in tflm.run(files["int8"], seconds=0.01).refused


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("odd/string_input_model", "it takes or returns text"),
        ("odd/softplus_flex", "has no op FlexSoftplus, one of TensorFlow"),
        ("odd/custom_sinh", "has no op Sinh, a custom one"),
        ("odd/dynamic_shapes", "has no op TILE"),
        ("odd/empty_model", "it has no output"),
        ("tflite/mobilenet_v2_1.0_224_uint8", "its weights are uint8, the older form"),
    ],
)
def test_real_files_that_a_microcontroller_cannot_take_are_refused_with_their_reason(name, words):
    file = real_models(f"{name}.tflite")
    assert words in tflm.run(file.read_bytes()).refused


def test_the_published_keyword_spotter_runs_on_a_microcontroller():
    file = real_models("tflite", "kws_int8_published.tflite")
    sounds = np.random.default_rng(0).integers(-128, 128, (5, 49, 10, 1), np.int8)
    result = tflm.run(file.read_bytes(), sounds)
    assert np.abs(result.outputs.astype(int) - by_reference(file.read_bytes(), sounds)).max() <= 1
    assert 20_000 < result.arena < 30_000
