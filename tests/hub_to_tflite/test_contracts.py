"""Contracts of models that nobody here chose: read, called, narrowed, converted, and run again."""

import shutil

import numpy as np
import pytest

from helpers import convert, handles
from helpers.savedmodel import InputError, SavedModelError
from hub_to_tflite import sandbox
from hub_to_tflite.file import flatbuffer
from hub_to_tflite.report import compare, contracts
from hub_to_tflite.report.contracts import Contract, Spec
from tests import awkward

# What is found of each model; in these tests a dynamic dimension of a sample becomes DYNAMIC.
CONTRACTS = {
    "two_inputs": (
        "serving_default",
        "dense float32 (any, 8), ids int32 (any, 3)",
        "scores float32 (any, 5), sum float32 (any)",
    ),
    "lone_batch": (
        "serving_default",
        "scale float32 (any), x float32 (any, 8)",
        "y float32 (any, 8)",
    ),
    "dynamic_size": (
        "serving_default",
        "image float32 (any, any, any, 3)",
        "map float32 (any, any, any, 4)",
    ),
    "uint8_input": ("serving_default", "pixels uint8 (any, 16, 16, 3)", "scores float32 (any, 7)"),
    "keras_3": (
        "serving_default",
        "keras_tensor float32 (any, 12, 12, 1)",
        "output_0 float32 (any, 6)",
    ),
    "plain_module": (
        "__call__",
        "x float32 (any, 5)",
        "output_0 float32 (any, 2), output_1 float32 (any)",
    ),
    "without_batch": (
        "serving_default",
        "waveform float32 (any)",
        "loudest float32 (), scores float32 (any, 5)",
    ),
    "two_signatures": ("score", "x float32 (any, 4)", "probabilities float32 (any, 3)"),
}
DYNAMIC = {1: 200, 3: 20}  # by the dimensions of a sample


@pytest.fixture(scope="module")
def tensorflow():
    """A process in which TensorFlow is loaded once."""
    with sandbox.Worker() as worker:
        yield worker


@pytest.fixture(scope="module")
def saved(tensorflow, tmp_path_factory):
    """Return a function from the name of an awkward model to its folder."""
    root = tmp_path_factory.mktemp("awkward")

    def folder(name):
        if not (root / name).exists():
            tensorflow.call(getattr(awkward, name), str(root / name))
        return root / name

    return folder


def inputs_for(contract, count=6):
    """Return seeded inputs for a contract."""
    generator, inputs = np.random.default_rng(0), {}
    for name, spec in contract.inputs.items():
        sample = contract.sample(name)
        values = generator.random((count, *(size or DYNAMIC[len(sample)] for size in sample)))
        inputs[name] = (values if "float" in spec.dtype else values * 200).astype(spec.dtype)
    return inputs


@pytest.mark.parametrize("name", CONTRACTS)
def test_an_awkward_model_is_read_and_its_files_give_the_same_outputs(name, tensorflow, saved):
    signature, inputs, outputs = CONTRACTS[name]
    folder = saved(name)
    asked = "score" if name == "two_signatures" else None
    contract = tensorflow.call(contracts.read, folder, asked)
    found = [
        ", ".join(f"{one} {spec}" for one, spec in side.items())
        for side in (contract.inputs, contract.outputs)
    ]
    assert (contract.signature, *found) == (signature, inputs, outputs)
    given = inputs_for(contract)
    expected = tensorflow.call(contracts.outputs, folder, contract, given)
    for recipe, close in (("float32", 1e-4), ("int8", 0.05)):
        path = tensorflow.call(contracts.convert, folder, contract, recipe, given)
        actual = contracts.run(path, contract, given)
        assert set(actual) == set(expected)
        for output, value in actual.items():
            reference = expected[output]
            assert value.shape == reference.shape and value.dtype == reference.dtype
            assert np.abs(value - reference).max() <= close * np.abs(reference).max(), output
    contracts.invoker(path, next(contracts.feeds(contract, given)))()
    assert "int8 (" in (text := contracts.of_file(path, contract)._repr_markdown_())
    assert ", scale 0." in text and ", scale" not in contract._repr_markdown_()


def test_a_module_is_called_in_its_form_for_inference_not_for_training(tensorflow, saved):
    contract = tensorflow.call(contracts.read, saved("plain_module"))
    given = inputs_for(contract)
    outputs = tensorflow.call(contracts.outputs, saved("plain_module"), contract, given)
    assert np.allclose(outputs["output_1"], given["x"].sum(1), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "shape"), [("dynamic_size", (1, 20, 20, 3)), ("uint8_input", (-1, 16, 16, 3))]
)
def test_dynamic_sizes_become_the_samples_and_a_dynamic_batch_stays_if_it_is_alone(
    name, shape, tensorflow, saved
):
    contract = tensorflow.call(contracts.read, saved(name))
    given = inputs_for(contract)
    path = tensorflow.call(contracts.convert, saved(name), contract, "float32", given)
    assert flatbuffer.read(path.read_bytes()).inputs[0].shape == shape


def test_names_that_tensorflow_does_not_save_again_stay_in_a_file_of_a_fixed_batch(
    tensorflow, saved
):
    folder, contract = tensorflow.call(contracts.open_model, str(saved("names_of_tf1")))
    given = inputs_for(contract)
    path = tensorflow.call(contracts.convert, folder, contract, "int8", given, True)
    found = contracts.run(path, contract, given)
    expected = np.tanh(given["left/x:0"] + 2 * given["right x"])
    assert np.abs(found["net/y:0"] - expected).max() < 0.05 and "it's" in found


def test_the_embedded_model_is_converted_from_its_own_folder_as_lessons_do(tensorflow):
    folder, contract = tensorflow.call(contracts.open_model, handles.DEFAULT)
    assert tensorflow.call(contracts.narrow, folder, contract, {"images": (48, 48, 3)}) == folder


@pytest.mark.parametrize(
    ("name", "signature", "words"),
    [
        ("two_signatures", None, "Found: encode, score.*behind the handle: #encode"),
        ("two_signatures", "decode", "no signature 'decode'. Found: encode, score"),
        ("nothing_to_call", None, "SavedModel has no"),
        (None, None, "is not a SavedModel"),
    ],
)
def test_a_model_that_cannot_be_read_as_asked_gets_one_message(
    name, signature, words, tensorflow, saved, tmp_path
):
    folder = saved(name) if name else tmp_path
    with pytest.raises(SavedModelError, match=words):
        tensorflow.call(contracts.read, folder, signature)


def test_an_archive_without_its_variables_is_told(tensorflow, saved, tmp_path):
    shutil.copytree(saved("two_signatures"), tmp_path / "bare")
    shutil.rmtree(tmp_path / "bare" / "variables")
    archive = shutil.make_archive(str(tmp_path / "bare"), "gztar", tmp_path / "bare")
    with pytest.raises(SavedModelError, match="without its variables.*put the variables/"):
        tensorflow.call(contracts.open_model, f"{archive}#score")


def test_samples_that_the_model_itself_refuses_are_told_in_tensorflows_words(tensorflow, saved):
    contract = tensorflow.call(contracts.read, saved("ragged"))
    inputs = {name: np.full((2, 3), 9, spec.dtype) for name, spec in contract.inputs.items()}
    with pytest.raises(InputError, match="itself can't be run on these samples") as caught:
        tensorflow.call(contracts.outputs, saved("ragged"), contract, inputs)
    assert "says: " in str(caught.value) and "stack traces" not in str(caught.value)
    assert "{{" not in str(caught.value)


def test_a_model_that_no_samples_can_run_is_told_by_its_cause(tensorflow, tmp_path):
    sandbox.call(awkward.calls_python, str(tmp_path / "model"))
    contract = tensorflow.call(contracts.read, tmp_path / "model")
    with pytest.raises(InputError, match="callback.*that Python: it's there only in the process"):
        tensorflow.call(contracts.outputs, tmp_path / "model", contract, inputs_for(contract))


def test_an_address_without_a_model_is_an_error_of_handles(tensorflow):
    with pytest.raises(handles.HandleError, match="The download of .* failed"):
        tensorflow.call(contracts.open_model, "http://127.0.0.1:9/a/model/1")


@pytest.mark.parametrize(
    ("name", "words"), [("does_not_convert", "Erfinv"), ("float64_inside", "op is neither")]
)
def test_what_litert_has_no_op_for_fails_with_the_converters_words(name, words, tensorflow, saved):
    contract = tensorflow.call(contracts.read, saved(name))
    with pytest.raises(Exception, match=words) as caught:
        tensorflow.call(contracts.convert, saved(name), contract, "float32", inputs_for(contract))
    # It comes as itself where another test has loaded TensorFlow into this process.
    assert type(caught.value).__name__ in ("SandboxError", "ConverterError")


def test_a_recipe_that_an_op_cannot_take_is_refused_as_itself(tensorflow, saved):
    contract = tensorflow.call(contracts.read, saved("uint8_input"))
    given = inputs_for(contract)
    with pytest.raises(convert.RecipeError, match="int16x8.*CAST"):
        tensorflow.call(contracts.convert, saved("uint8_input"), contract, "int16x8", given)


def test_samples_of_one_number_calibrate_nothing(tensorflow, saved):
    contract = tensorflow.call(contracts.read, saved("regression"))
    given = {"facts": np.zeros((6, 6), np.float32)}
    with pytest.raises(UserWarning, match="All samples are 0: no scale will fit real inputs"):
        tensorflow.call(contracts.convert, saved("regression"), contract, "int8", given)
    assert tensorflow.call(contracts.convert, saved("regression"), contract, "float32", given)


def test_a_file_with_other_names_is_refused(tensorflow, saved):
    contract = tensorflow.call(contracts.read, saved("uint8_input"))
    given = inputs_for(contract)
    path = tensorflow.call(contracts.convert, saved("uint8_input"), contract, "float32", given)
    other = Contract("serving_default", contract.inputs, {"logits": contract.outputs["scores"]})
    with pytest.raises(InputError, match="other outputs.*Found: scores"):
        contracts.run(path, other, given)
    with pytest.raises(InputError, match="Found: image"):
        contracts.run(path, contract, {"image": given["pixels"]})


@pytest.mark.parametrize(
    ("shapes", "batched"),
    [
        ({"a": (None, 8), "b": (None,)}, [True, True]),  # lengths of sequences, or a scale
        ({"a": (None,)}, [False]),  # a sound
        ({"a": (None,), "b": ()}, [False, False]),
        ({"a": (1, 8), "b": (4, 8)}, [True, False]),
        ({"a": None}, [True]),
    ],
)
def test_a_first_dimension_is_a_batch_or_a_length(shapes, batched):
    contract = Contract("x", {name: Spec("float32", one) for name, one in shapes.items()}, {})
    assert [contract.batched(name) for name in shapes] == batched


@pytest.mark.parametrize(
    ("handle", "name"),
    [
        ("digits/mobilenet_v2/classification/1", "digits-mobilenet_v2-classification-1"),
        ("https://tfhub.dev/google/yamnet/1#serve", "google-yamnet-1-serve"),
        ("../models/mine.tar.gz", "models-mine"),
        ("/home/ada/work/birds/saved_model/1", "birds-saved_model-1"),
        ("/home/ada/work/birds", "birds"),
        ("/models/1", "models-1"),
        ("/", "model"),
    ],
)
def test_a_handle_gives_a_name_for_files(handle, name):
    assert contracts.slug(handle) == name


def test_a_signature_is_split_from_a_handle_but_not_from_a_folder_with_such_a_name(tmp_path):
    (tmp_path / "c#").mkdir()
    assert contracts.split(f"{tmp_path}/c#") == (f"{tmp_path}/c#", None)
    assert contracts.split(f"{tmp_path}/c##serve") == (f"{tmp_path}/c#", "serve")


class TestLists:
    def test_a_list_of_texts_is_not_taken_for_a_recurrent_layer(self, tensorflow, saved):
        contract = tensorflow.call(contracts.read, saved("texts_in_a_loop"))
        texts = {"text": np.array(["One", "Two"], object)}
        with pytest.raises(Exception, match="requires element_dtype") as caught:
            tensorflow.call(contracts.convert, saved("texts_in_a_loop"), contract, "float32", texts)
        assert "recurrent" not in compare.reason(caught.value)

    def test_an_lstm_of_keras_3_converts_with_a_batch_of_one_and_is_as_right(
        self, tensorflow, tmp_path
    ):
        tensorflow.call(awkward.keras_3_lstm, str(tmp_path / "lstm"))
        folder, contract = tensorflow.call(contracts.open_model, str(tmp_path / "lstm"))
        random = np.random.default_rng(0)
        inputs = {name: random.random((5, 10, 4), np.float32) for name in contract.inputs}
        expected = tensorflow.call(contracts.outputs, folder, contract, inputs)
        path = tensorflow.call(contracts.convert, folder, contract, "float32", inputs)
        found = contracts.run(path, contract, inputs)
        assert list(found) == list(expected)
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, atol=1e-5)
        assert not any(op.kind == "flex" for op in flatbuffer.read(path.read_bytes()).ops)
        stated = contracts.of_file(path, contract)
        assert [spec.shape for spec in stated.inputs.values()] == [(1, 10, 4)]
        assert [spec.shape for spec in stated.outputs.values()] == [(1, 10, 3)]
