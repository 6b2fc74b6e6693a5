"""Opening a .tflite that lies, is damaged, or kills: one error each, and this process goes on."""

import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from conftest import real_models
from helpers import interpreter, tinyhub
from hub_to_tflite import sandbox
from hub_to_tflite.file import flatbuffer
from hub_to_tflite.sandbox.opening import OpenError, open_tflite, run
from hub_to_tflite.targets import check
from tests import fuzz
from tests.fuzz import mutations

FILE = tinyhub.EMBEDDED / "digits/mobilenet_v2/classification/1.tflite"
WHOLE = FILE.read_bytes()


def changed(base, change):
    """Return the bytes of a small sound file after `change(model)`."""
    model = flatbuffer.unpack(mutations.bases()[base])
    change(model)
    return flatbuffer.pack(model)


def loop_without_end(model):
    """The step of the loop's counter becomes 0."""
    model.subgraphs[3].operators[0].inputs = [0, 6]


def add_without_scale(model):
    """An op of quantized integers that do not say how: it divides by a scale that is missing."""
    given = model.subgraphs[0].tensors[model.subgraphs[0].operators[2].inputs[0]]
    given.quantization.scale = given.quantization.zeroPoint = None


def op_from_the_future(model):
    model.operatorCodes[0].version = 99


def buffer_out_of_range(model):
    model.subgraphs[0].tensors[3].buffer = 2**31


def tensor_out_of_range(model):
    model.subgraphs[0].operators[0].inputs = [0, 1, 99]


def weights_too_short(model):
    model.buffers[model.subgraphs[0].tensors[1].buffer].data = np.zeros(5, np.uint8)


def scale_not_a_number(model):
    model.subgraphs[0].tensors[0].quantization.scale = [float("nan")]


def signature_out_of_range(model):
    model.signatureDefs[0].subgraphIndex = 7


def constant_as_input(model):
    """Setting such an input would write over the weights, in the bytes that were given."""
    model.signatureDefs[0].inputs[0].tensorIndex = 1


def nothing_to_run(model):
    model.subgraphs = []


def test_a_whole_file_opens_and_gives_the_same_outputs():
    inputs = np.random.default_rng(0).random((3, 48, 48, 3), np.float32)
    expected = interpreter.predict(interpreter.load(WHOLE), inputs)
    for source in (WHOLE, FILE, str(FILE)):
        np.testing.assert_array_equal(interpreter.predict(open_tflite(source), inputs), expected)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            b"<!DOCTYPE html><title>403</title>",
            "is not a .tflite. Found: HTML page. Its title: .403.. Who opens that: a browser",
        ),
        (b"\x89HDF\r\n\x1a\n", "Found: damaged HDF5"),
        (b"", "Found: empty"),
        (b"\x1c\0\0\0TFL3", "is damaged"),
    ],
)
def test_a_lying_extension_is_said(content, words, tmp_path):
    file = tmp_path / "model.tflite"
    file.write_bytes(content)
    with pytest.raises(OpenError, match=words):
        open_tflite(file)


def test_what_is_no_file_is_said(tmp_path):
    with pytest.raises(OpenError, match="Found: nothing. .* check the spelling"):
        open_tflite(tmp_path / "missing.tflite")
    with pytest.raises(OpenError, match="Found: unknown"):
        open_tflite(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes on this system")
def test_a_pipe_holds_nobody(tmp_path):
    os.mkfifo(tmp_path / "pipe.tflite")
    with pytest.raises(OpenError, match="pipe or a device"):
        open_tflite(tmp_path / "pipe.tflite")


def test_a_file_larger_than_the_memory_is_one_error(tmp_path):
    with open(tmp_path / "huge.tflite", "wb") as file:
        file.write(WHOLE)
        try:
            file.truncate(2**42)
        except OSError as error:
            pytest.skip(f"this file system has no such files: {error}")
    with pytest.raises(OpenError, match="does not fit into memory. Found: 4,398,046,511,104 bytes"):
        open_tflite(tmp_path / "huge.tflite")
    report = check(tmp_path / "huge.tflite")
    assert not report.sound and "4,398,046,511,104 bytes" in report["Python"].reason


def test_a_file_that_breaks_off_at_any_tenth_is_damaged():
    for tenth in range(1, 10):
        with pytest.raises(OpenError, match="is damaged. Found: .* Fetch it again"):
            open_tflite(WHOLE[: len(WHOLE) * tenth // 10])


@pytest.mark.skipif(
    sys.platform != "linux", reason="other systems end a process with another status"
)
def test_the_same_file_kills_the_process_that_gives_its_path_to_tf_lite(tmp_path):
    (tmp_path / "short.tflite").write_bytes(WHOLE[:4096])
    # Limited, since what lies behind the file may read as a wish for all the memory there is.
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30,) * 2);"
        "import tensorflow as tf; tf.lite.Interpreter(model_path='short.tflite')"
    )
    child = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True)
    assert child.returncode == -11 and sandbox.describe(-11) == "signal 11 (SIGSEGV)"
    with pytest.raises(OpenError, match="is damaged"):
        open_tflite(tmp_path / "short.tflite")


def test_a_flipped_offset_is_damage():
    flipped = bytearray(WHOLE)
    flipped[3] ^= 0x10  # the offset of the root table, now 256 MB away
    with pytest.raises(OpenError, match="Its tables lead out of its 562,728 bytes"):
        open_tflite(bytes(flipped))


@pytest.mark.parametrize(
    ("base", "change", "words"),
    [
        ("int8", buffer_out_of_range, "Tensor 3 names buffer 2147483648; the file has"),
        ("int8", tensor_out_of_range, "Op 0 reads tensor 99; the file has"),
        ("int8", weights_too_short, "Tensor 1 needs .* its buffer holds 5"),
        ("int8", scale_not_a_number, "Tensor 0 has a scale that is not a finite number"),
        ("int8", signature_out_of_range, "names subgraph 7; the file has 1"),
        ("int8", constant_as_input, "names tensor 1, which its subgraph does not take"),
        ("int8", nothing_to_run, "It holds no subgraph"),
        (
            "int8",
            op_from_the_future,
            "Didn't find op for builtin opcode 'CONV_2D' version '99'.*Use a newer",
        ),
        (
            "int8",
            add_without_scale,
            r"would end this process.* ended with signal \d+ .*, in allocate_tensors\(\)",
        ),
        (
            "loop",
            loop_without_end,
            "does not come to an end.* after 3 seconds, in its first run, on zeros",
        ),
    ],
)
def test_a_sound_file_with_a_hostile_field_is_one_error(base, change, words):
    with pytest.raises(OpenError, match=words):
        open_tflite(changed(base, change), seconds=3 if change is loop_without_end else 30)


def test_without_a_sandbox_what_can_be_compared_still_is():
    assert open_tflite(WHOLE, sandboxed=False).get_input_details()
    with pytest.raises(OpenError, match="names subgraph 7"):
        open_tflite(changed("int8", signature_out_of_range), sandboxed=False)
    with pytest.raises(OpenError, match="does not run here"):
        open_tflite(changed("int8", op_from_the_future), sandboxed=False)


def test_changed_weights_open_as_another_model():
    """Nothing in the file says that it is not what was published."""
    import random

    content = mutations.weights_changed(random.Random(1), WHOLE)
    assert content != WHOLE and open_tflite(content)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("0_subgraphs", "is damaged. Found: It holds no subgraph"),
        ("custom_sinh", "unresolved custom op: Sinh.*Register the op"),
        ("dynamic_shapes", "XNNPack delegate failed .*BUILTIN_WITHOUT_DEFAULT_DELEGATES"),
        ("softplus_flex", "Select TensorFlow op.*converted with SELECT_TF_OPS"),
        ("test_model_broken", "is not a .tflite. Found: unknown"),
        ("with_metadata", "unresolved custom op: NPU_OP"),
        ("empty_model", None),
        ("multi_signatures", None),
        ("no_signatures", None),
        ("string_input_model", None),
    ],
)
def test_each_odd_file_opens_or_says_why_not(name, words):
    file = real_models("odd", f"{name}.tflite")
    if words is None:
        run(open_tflite(file))
    else:
        with pytest.raises(OpenError, match=words):
            open_tflite(file)


def test_the_remedy_for_dynamic_dimensions_inside_a_model_is_one():
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    content = real_models("odd", "dynamic_shapes.tflite").read_bytes()
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    opened = Interpreter(model_content=content, experimental_op_resolver_type=plain)
    opened.allocate_tensors()
    run(opened)


@pytest.mark.parametrize("name", ["mobilenet_v1_0.25_224_uint8", "mobilenet_v2_1.0_224_uint8"])
def test_the_published_uint8_models_name_the_photos(name):
    from hub_to_tflite.file.identify import identify

    file = real_models("tflite", f"{name}.tflite")
    found = identify(file)
    assert (found.what, found.who, found.model.inputs[0].dtype) == (".tflite", "LiteRT", "uint8")
    assert found.model.inputs[0].shape == (1, 224, 224, 3) and len(found.model.labels) == 1001
    opened = open_tflite(file)
    photos = {"cat.bmp": "Egyptian cat", "bird.bmp": "chickadee", "parrot.jpg": "macaw"}
    for photo, label in {**photos, "hot_dog.jpg": "hotdog"}.items():
        image = (
            Image.open(real_models("photos", photo))
            .convert("RGB")
            .resize((224, 224), Image.Resampling.BILINEAR)
        )
        scores = interpreter.predict(opened, np.asarray(image)[None])
        assert label in found.model.labels[int(scores.argmax())]


@pytest.mark.parametrize("name", ["kws_int8_published", "mobilenet_v1_0.25_224_float"])
def test_the_other_published_models_open_and_run(name):
    assert len(run(open_tflite(real_models("tflite", f"{name}.tflite")))) == 1


class TestFuzz:
    def test_a_slice_of_it_breaks_no_promise(self):
        rows = fuzz.fuzz(60, seed="tests")
        print(fuzz.table(rows))
        assert len(rows) == 60 and not [row for row in rows if row.outcome in fuzz.WRONG]
        assert {row.mutation for row in rows} >= set(mutations.MUTATIONS)
        assert {"damaged", "same outputs", "other outputs"} <= {row.outcome for row in rows}

    def test_a_file_has_the_same_bytes_each_time(self):
        for number in range(40, 57):
            assert fuzz.case("a", number) == fuzz.case("a", number)

    def test_it_notices_an_opener_that_dies(self, tmp_path, monkeypatch):
        """Without the sandbox, a file that kills ends the fuzz's own process."""
        monkeypatch.setattr(fuzz, "KEPT", tmp_path / "kept")
        (tmp_path / "killer.tflite").write_bytes(changed("int8", add_without_scale))
        [row] = fuzz.fuzz(1, sandboxed=False, corpus=tmp_path)
        assert row[1:4] == ("as it is", "killer.tflite", "the opener died")
        assert [path.suffix for path in (tmp_path / "kept").iterdir()] == [".tflite"]
        assert fuzz.fuzz(1, corpus=tmp_path) == [(0, "as it is", "killer.tflite", "killer", "dies")]

    def test_the_bare_runtime_has_the_last_word(self):
        killer = changed("int8", add_without_scale)
        for content, truth in [(WHOLE, "runs"), (WHOLE[:1000], "refuses"), (killer, "dies")]:
            assert sandbox.call(fuzz.truth, content) == truth
        opened = fuzz.Row(7, "mutation", "base", "same outputs", "dies")
        assert fuzz.judged(opened).outcome == "wrongly valid"
        refused = opened._replace(outcome="refused")
        assert fuzz.judged(refused) == refused
