"""Contracts of models that nobody here chose: read, called, narrowed, converted, and called again."""

import subprocess
import sys

import numpy as np
import psutil
import pytest

from helpers import convert, handles
from hub_to_tflite.file import flatbuffer
from hub_to_tflite.report import contracts
from hub_to_tflite.sandbox import processes
from tests import awkward

# What is said of each model, and how large one sample of an open size is in these tests.
CONTRACTS = {
    "two_inputs": (
        "serving_default",
        "dense float32 (any, 8), ids int32 (any, 3)",
        "scores float32 (any, 5), sum float32 (any)",
    ),
    "open_size": (
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
OPEN = {1: 200, 3: 20}  # dimensions of a sample -> what an open one becomes


@pytest.fixture(scope="module")
def tensorflow():
    """A process in which TensorFlow is loaded once."""
    process = processes.Process()
    yield process
    process.close()


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
        shape = tuple(size or OPEN[len(spec.sample)] for size in spec.sample)
        inputs[name] = (
            generator.random((count, *shape)) * (1 if "float" in spec.dtype else 200)
        ).astype(spec.dtype)
    return inputs


@pytest.mark.parametrize("name", CONTRACTS)
def test_an_awkward_model_is_read_and_its_files_answer_as_it_does(name, tensorflow, saved):
    signature, inputs, outputs = CONTRACTS[name]
    folder = saved(name)
    contract = tensorflow.call(
        contracts.read, folder, "score" if name == "two_signatures" else None
    )
    said = [
        ", ".join(f"{one} {spec}" for one, spec in side.items())
        for side in (contract.inputs, contract.outputs)
    ]
    assert (contract.signature, *said) == (signature, inputs, outputs)
    given = inputs_for(contract)
    wanted = tensorflow.call(contracts.answers, folder, contract, given)
    for recipe, close in (("float32", 1e-4), ("int8", 0.05)):
        path = tensorflow.call(contracts.tflite, folder, contract, recipe, given)
        found = contracts.run(path, contract, given)
        assert set(found) == set(wanted)
        for output, value in found.items():
            assert value.shape == wanted[output].shape and value.dtype == wanted[output].dtype
            assert np.abs(value - wanted[output]).max() <= close * np.abs(wanted[output]).max(), (
                recipe,
                output,
            )


def test_the_module_is_asked_in_its_form_for_inference_not_for_training(tensorflow, saved):
    contract = tensorflow.call(contracts.read, saved("plain_module"))
    given = inputs_for(contract)
    answers = tensorflow.call(contracts.answers, saved("plain_module"), contract, given)
    assert np.allclose(answers["output_1"], given["x"].sum(1), atol=1e-5)


def test_sizes_that_are_open_become_the_samples_and_the_batch_stays_open_where_nothing_else_is(
    tensorflow, saved
):
    contract = tensorflow.call(contracts.read, saved("open_size"))
    path = tensorflow.call(
        contracts.tflite, saved("open_size"), contract, "float32", inputs_for(contract)
    )
    assert flatbuffer.read(path.read_bytes()).inputs[0].shape == (1, 20, 20, 3)
    contract = tensorflow.call(contracts.read, saved("uint8_input"))
    path = tensorflow.call(
        contracts.tflite, saved("uint8_input"), contract, "float32", inputs_for(contract)
    )
    assert flatbuffer.read(path.read_bytes()).inputs[0].shape == (-1, 16, 16, 3)


def test_the_embedded_model_is_converted_from_its_own_folder_as_lesson_06_does(tensorflow):
    folder = tensorflow.call(handles.fetch, tensorflow.call(handles.check, handles.DEFAULT))
    contract = tensorflow.call(contracts.read, folder)
    assert tensorflow.call(contracts.narrowed, folder, contract, {"images": (48, 48, 3)}) == folder


def test_a_choice_that_is_the_users_gets_one_message_with_what_there_is(tensorflow, saved):
    with pytest.raises(
        contracts.ContractError,
        match="2 signatures.*Found: encode, score.*#encode behind the handle",
    ):
        tensorflow.call(contracts.read, saved("two_signatures"))
    with pytest.raises(
        contracts.ContractError, match="no signature 'decode'. Found: encode, score"
    ):
        tensorflow.call(contracts.read, saved("two_signatures"), "decode")


def test_a_model_of_variables_alone_and_a_folder_that_is_none_get_one_message(
    tensorflow, saved, tmp_path
):
    with pytest.raises(contracts.ContractError, match="no signature and no traced function"):
        tensorflow.call(contracts.read, saved("nothing_to_call"))
    with pytest.raises(contracts.ContractError, match="not a SavedModel that can be read"):
        tensorflow.call(contracts.read, tmp_path)


@pytest.mark.parametrize(
    ("name", "words"), [("does_not_convert", "Erfinv"), ("float64_inside", "op is neither")]
)
def test_what_litert_has_no_op_for_is_refused_with_the_converters_words(
    name, words, tensorflow, saved
):
    contract = tensorflow.call(contracts.read, saved(name))
    with pytest.raises(processes.Refused, match=words) as caught:
        tensorflow.call(contracts.tflite, saved(name), contract, "float32", inputs_for(contract))
    assert caught.value.name == "ConverterError"


def test_a_recipe_that_an_op_cannot_take_is_refused_as_itself(tensorflow, saved):
    contract = tensorflow.call(contracts.read, saved("uint8_input"))
    with pytest.raises(convert.RecipeError, match="int16x8.*CAST"):
        tensorflow.call(
            contracts.tflite, saved("uint8_input"), contract, "int16x8", inputs_for(contract)
        )


def test_a_file_that_calls_its_inputs_otherwise_is_refused(tensorflow, saved):
    contract = tensorflow.call(contracts.read, saved("uint8_input"))
    path = tensorflow.call(
        contracts.tflite, saved("uint8_input"), contract, "float32", inputs_for(contract)
    )
    other = contracts.Contract(
        "serving_default", {"picture": contract.inputs["pixels"]}, contract.outputs
    )
    with pytest.raises(
        contracts.ContractError, match="otherwise than the SavedModel. Found: pixels in"
    ):
        contracts.run(path, other, {"picture": inputs_for(contract)["pixels"]})


class TestProcesses:
    def test_a_process_that_dies_is_refused_and_the_next_call_starts_another(self):
        process = processes.Process()
        with pytest.raises(processes.Refused, match="ended without a word"):
            process.call(awkward.die)
        assert process.call(len, "four") == 4
        process.close()

    def test_it_ends_with_a_parent_that_is_killed(self):
        code = "from helpers import processes; import os; p = processes.Process(); print(p.call(os.getpid), flush=True); "
        parent = subprocess.Popen(
            [sys.executable, "-c", code + "input()"], stdin=-1, stdout=-1, text=True
        )
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        parent.wait()
        child.wait(30)  # raises TimeoutExpired if it lives on

    def test_a_helpers_error_comes_back_as_itself_and_any_other_with_its_name(self):
        with pytest.raises(convert.RecipeError, match="no recipe 'int4'"):
            processes.apart(convert.check, "int4")
        with pytest.raises(processes.Refused, match="invalid literal") as caught:
            processes.apart(int, "four")
        assert caught.value.name == "ValueError"
