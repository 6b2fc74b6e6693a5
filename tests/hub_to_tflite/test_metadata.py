"""Contract and labels in a .tflite: the model stays the same, and what is packed comes back."""

import io
import json
import zipfile

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from conftest import real_models
from helpers import convert, digits, handles
from helpers.interpreter import load, predict
from hub_to_tflite.file import flatbuffer, metadata
from hub_to_tflite.file.identify import identify

LABELS = [f"digit {n}" for n in range(10)]
CONTRACT = {"input": {"name": "images", "range": [0, 1]}, "words": "Ziffern äöü"}


@pytest.fixture(scope="module", params=["float32", "dynamic range", "int8"])
def plain(request):
    """A course file, as bytes."""
    saved_model = handles.fetch(handles.check(handles.DEFAULT))
    return convert.convert_cached(
        saved_model, request.param, digits.representative((None, 48, 48, 3))
    ).read_bytes()


@pytest.fixture
def packed(plain):
    found = flatbuffer.read(plain)
    return metadata.pack(
        plain,
        name="Digits",
        description="Tells ten digits apart.",
        inputs={found.inputs[0].name: "an image"},
        outputs={found.outputs[0].name: "one score for each digit"},
        labels=LABELS,
        value_range=(0, 1),
        contract=CONTRACT,
    )


def test_what_is_packed_comes_back(packed):
    found = metadata.read(packed)
    assert (found["name"], found["description"]) == ("Digits", "Tells ten digits apart.")
    assert found["labels"] == LABELS and found["contract"] == CONTRACT
    (source,), (target,) = found["inputs"], found["outputs"]
    assert source["description"] == "an image" and source["range"] == (0, 1)
    assert target["description"] == "one score for each digit" and target["range"] is None


def test_the_outputs_stay_the_same_bit_for_bit(plain, packed):
    inputs = digits.as_model_input(digits.load()[0][:20])
    assert np.array_equal(predict(load(packed), inputs), predict(load(plain), inputs))


def test_nothing_of_the_model_is_lost(plain, packed):
    before, after = flatbuffer.read(plain), flatbuffer.read(packed)
    assert after.metadata == (*before.metadata, "TFLITE_METADATA")
    for field in (
        "inputs",
        "outputs",
        "signatures",
        "ops",
        "constants",
        "per_channel",
        "runtime",
        "description",
    ):
        assert getattr(after, field) == getattr(before, field), field


def test_the_weights_are_at_multiples_of_16_as_the_schema_asks(packed):
    model = schema.Model.GetRootAs(packed)
    places = [
        buffer._tab.Vector(buffer._tab.Offset(4))
        for buffer in (model.Buffers(index) for index in range(model.BuffersLength()))
        if buffer.DataLength()
    ]
    assert len(places) > 50 and not any(place % 16 for place in places)


def test_other_tools_find_the_files_with_zip_and_identify_lists_the_labels(packed):
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.namelist() == ["labels.txt", "contract.json"]
        assert json.loads(archive.read("contract.json")) == CONTRACT
    assert identify(packed).model.labels == tuple(LABELS)


@pytest.mark.parametrize(
    ("value_range", "mean", "std"), [((0, 1), 0, 255), ((-1, 1), 127.5, 127.5), ((0, 255), 0, 1)]
)
def test_tools_that_normalize_pixels_get_the_range_that_was_said(value_range, mean, std, plain):
    content = metadata.pack(plain, name="Digits", value_range=value_range)
    root = flatbuffer.Table(flatbuffer.metadata(content, "TFLITE_METADATA"))
    [source] = root.tables(3)[0].tables(2)
    [unit] = source.tables(4)
    options = unit.table(1)
    assert (options.numbers(0, "f"), options.numbers(1, "f")) == ((mean,), (std,))


def test_packing_twice_replaces_and_gives_the_same_bytes(packed):
    name = flatbuffer.read(packed).inputs[0].name
    other = metadata.pack(packed, name="Other", inputs={name: "x"}, labels=LABELS[::-1])
    assert (
        metadata.read(other)["name"] == "Other" and metadata.read(other)["labels"] == LABELS[::-1]
    )
    assert metadata.read(other)["contract"] == {}
    assert metadata.pack(other, name="Other", inputs={name: "x"}, labels=LABELS[::-1]) == other


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"labels": LABELS[:9]}, "one label for each of the 10 numbers.*Found: 9"),
        (
            {"inputs": {"image": "x"}},
            "no input 'image'. Its inputs are: serving_default_images",
        ),
        ({"outputs": {"score": "x"}}, "no output 'score'"),
        ({"labels": ["one\ntwo", *LABELS[1:]]}, "A label is one line.*Take out its line break"),
    ],
)
def test_what_does_not_fit_the_model_gets_one_plain_message(plain, wrong, words):
    with pytest.raises(metadata.MetadataError, match=words):
        metadata.pack(plain, name="Digits", **wrong)


def test_a_file_that_is_no_model_is_refused(packed):
    for content in (b"", b"<html></html>", packed[:5000]):
        with pytest.raises(metadata.MetadataError, match="a sound .tflite only"):
            metadata.pack(content, name="x")
        with pytest.raises(metadata.MetadataError):
            metadata.read(content)


def test_a_file_without_metadata_says_so(plain):
    with pytest.raises(metadata.MetadataError, match="has no metadata"):
        metadata.read(plain)


@pytest.mark.parametrize("text", ["[1", "null", "[" * 100_000])
def test_a_contract_that_is_no_object_is_one_plain_message(plain, text):
    content = plain + metadata._archive({"contract.json": text})
    with pytest.raises(metadata.MetadataError, match="contract.json .* is no JSON object"):
        metadata.read(content)


def test_damaged_metadata_is_one_error_whatever_byte_is_flipped(packed):
    start = packed.index(b"M001") - 4
    read = 0
    for place in range(start, start + 200, 4):
        try:
            metadata.read(packed[:place] + bytes([packed[place] ^ 0xFF]) + packed[place + 1 :])
            read += 1
        except metadata.MetadataError:
            pass
    assert 0 < read < 50


def test_the_metadata_of_published_models_is_read():
    found = metadata.read(real_models("tflite", "mobilenet_v2_1.0_224_uint8.tflite").read_bytes())
    assert found["name"] == "ImageClassifier" and found["inputs"][0]["range"] == (0, 255)
    assert len(found["labels"]) == 1001 and found["labels"][0] == "background"
