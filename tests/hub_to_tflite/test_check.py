"""The deployment check: right about each file of the course and of others, and unharmed by damaged ones."""

import re
import subprocess
import sys
from pathlib import Path

import flatbuffers
import pytest

from conftest import ROOT, real_models
from helpers import convert, digits, handles, tinyhub
from hub_to_tflite.file import flatbuffer, metadata
from hub_to_tflite.targets import tflm
from hub_to_tflite.targets.check import PLACES, check, main

LESSON = tinyhub.EMBEDDED / "digits/mobilenet_v2/classification/1.tflite"
MARKS = {True: "y", False: "n", None: "-"}
COURSE = {  # recipe -> yes or no for Python, microcontroller, browser, phone
    "float32": "yyny",
    "dynamic range": "ynny",
    "float16": "ynny",
    "full-integer with float I/O": "yyny",
    "int8": "yyny",
    "int16x8": "yyyy",
    "float32, batch of 1": "yyyy",
    "text, ids in": "ynny",
}
REAL = {
    "tflite/kws_int8_published": "yyny",
    "tflite/mobilenet_v1_0.25_224_float": "ynyy",
    "tflite/mobilenet_v1_0.25_224_uint8": "ynyy",
    "tflite/mobilenet_v2_1.0_224_uint8": "ynyy",
    "odd/0_subgraphs": "nnnn",
    "odd/custom_sinh": "nnnn",
    "odd/dynamic_shapes": "ynnn",
    "odd/empty_model": "nnnn",
    "odd/multi_signatures": "yyyy",
    "odd/no_signatures": "yyny",
    "odd/softplus_flex": "nnnn",
    "odd/string_input_model": "ynnn",
    "odd/test_model_broken": "nnnn",
    "odd/with_metadata": "nnnn",
}
REASONS = [  # file, place, words of its reason
    ("float32", "Python", "takes 1 until you call resize_tensor_input"),
    (
        "float32",
        "microcontroller",
        r"1,6\d\d,\d\d\d bytes of flash and an arena of 20\d,\d\d\d .* fits.*: Raspberry Pi Pico",
    ),
    ("float32", "browser", r"has an open size, \(any, 48, 48, 3\).*convert it with a batch of 1"),
    ("float32", "phone", "answers as the Interpreter does"),
    ("dynamic range", "microcontroller", r"\(dynamic range\)"),
    ("float16", "microcontroller", "weights as float16"),
    ("int8", "microcontroller", "Arduino Nano 33 BLE Sense"),
    (
        "int8",
        "browser",
        'is int8, .*; LiteRT.js .* takes float32, int32, uint8 only. The recipe "full-integer with float I/O"',
    ),
    ("int16x8", "browser", "the sizes are fixed, the open ones at 1"),
    (
        "float32, batch of 1",
        "browser",
        "By the rules of LiteRT.js .*, not run here: float32 goes in and out",
    ),
    ("text, ids in", "browser", "is int64"),
    ("text, ids in", "microcontroller", "op GATHER does not take these types"),
    (
        "tflite/mobilenet_v1_0.25_224_float",
        "microcontroller",
        "TFLM runs it, with .* The largest boards known here",
    ),
    ("tflite/mobilenet_v2_1.0_224_uint8", "microcontroller", "Its weights are uint8"),
    (
        "odd/0_subgraphs",
        "phone",
        "not a sound .tflite. Found: damaged .tflite. It holds no subgraph",
    ),
    ("odd/custom_sinh", "Python", "unresolved custom op: Sinh.*Register the op"),
    (
        "odd/custom_sinh",
        "browser",
        "no op Sinh, and still runs the file: its answers then mean nothing",
    ),
    ("odd/dynamic_shapes", "Python", "without XNNPACK only.*BUILTIN_WITHOUT_DEFAULT_DELEGATES"),
    ("odd/dynamic_shapes", "microcontroller", "no op TILE"),
    ("odd/dynamic_shapes", "browser", "XNNPack delegate failed"),
    ("odd/dynamic_shapes", "phone", "CompiledModel, tried from Python: .*Failed to invoke"),
    ("odd/empty_model", "Python", "no output, so there is nothing to deploy"),
    ("odd/softplus_flex", "Python", "Select TensorFlow op.*SELECT_TF_OPS"),
    ("odd/softplus_flex", "microcontroller", "FlexSoftplus, one of TensorFlow"),
    ("odd/string_input_model", "phone", "is string, .*TensorBuffer for Kotlin takes"),
    ("odd/with_metadata", "phone", "no op NPU_OP; an app would have to bring it along"),
]


def marks(report):
    """Return a report's verdicts as a text such as "yyny"; without TFLM its place is what was to be expected."""
    return "".join(MARKS[place.takes] for place in report.places)


def expected(wanted):
    """Return what to expect of a file on this machine: TFLM is not everywhere."""
    return (
        wanted
        if tflm.importlib.util.find_spec("tflite_micro") or wanted == "nnnn"
        else wanted[0] + "-" + wanted[2:]
    )


@pytest.fixture(scope="module")
def course():
    """{name: Report} for files of the embedded models."""
    saved_model = handles.fetch(handles.check(handles.DEFAULT))
    samples = digits.representative((None, 48, 48, 3))
    files = {
        name: convert.convert_cached(saved_model, name, samples).read_bytes()
        for name in convert.RECIPES
    }
    files["float32, batch of 1"] = batch_of_one(files["float32"])
    files["text, ids in"] = second_half()
    return {name: check(content) for name, content in files.items()}


@pytest.fixture(scope="module")
def real():
    """{name: Report} for the files of others."""
    return {name: check(real_models(f"{name}.tflite")) for name in REAL}


def changed(content, change):
    """Return a .tflite after `change(its first subgraph)`."""
    model = flatbuffer.unpack(content)
    change(model.subgraphs[0])
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def batch_of_one(content):
    """Return a .tflite without open sizes: their 1 is then all there is."""

    def fix(graph):
        for tensor in graph.tensors:
            tensor.shapeSignature = None

    return changed(content, fix)


def second_half():
    """Return the text model from its ids on, cut as in lesson 09."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    folder = handles.fetch(handles.check("text/prose_or_code/classification/1"))
    loaded = tf.saved_model.load(str(folder))
    frozen = convert_variables_to_constants_v2(loaded.signatures["serving_default"])
    [cut] = [
        op.outputs[0] for op in frozen.graph.get_operations() if op.type == "LookupTableFindV2"
    ]
    graph, result = frozen.graph.as_graph_def(), frozen.outputs[0].name
    traced = tf.function(
        lambda ids: tf.graph_util.import_graph_def(graph, {cut.name: ids}, [result], name=""),
        input_signature=[tf.TensorSpec([None, 24], tf.int64, name="ids")],
    ).get_concrete_function()
    return tf.lite.TFLiteConverter.from_concrete_functions([traced], tf.Module()).convert()


def test_each_file_of_the_course_gets_the_verdicts_that_were_seen(course):
    assert {name: marks(report) for name, report in course.items()} == {
        n: expected(m) for n, m in COURSE.items()
    }


def test_each_file_of_others_gets_the_verdicts_that_were_seen(real):
    assert {name: marks(report) for name, report in real.items()} == {
        n: expected(m) for n, m in REAL.items()
    }


@pytest.mark.parametrize(("name", "place", "words"), REASONS)
def test_each_verdict_has_its_reason(name, place, words, request):
    report = request.getfixturevalue("real" if "/" in name else "course")[name]
    if report[place].takes is None:
        pytest.skip(tflm.ABSENT)
    assert re.search(words, report[place].reason), report[place].reason


def test_the_report_says_what_a_file_needs_and_what_is_packed_in(course):
    plain = repr(course["int8"])
    for words in (
        "636,912",
        "35 CONV_2D v3",
        "images:0 int8 (any, 48, 48, 3), scale 0.00392157, zero point -128",
        "MiB",
    ):
        assert words in plain
    assert (
        "labels           none packed in" in plain
        and "ask whoever made it which values its inputs want" in plain
    )
    names = [f"digit {n}" for n in range(10)]
    contract = {"range": [0, 1]}
    content = metadata.pack(
        LESSON.read_bytes(), name="x", labels=names, value_range=(0, 1), contract=contract
    )
    told = repr(check(content))
    assert (
        "10: digit 0, digit 1, digit 2 ..." in told
        and "values from 0 to 1" in told
        and "contract.json, with: range" in told
    )
    assert "ask whoever made it" not in told


def test_an_output_that_is_an_input_too_is_noticed():
    """The Interpreter returns it; LiteRT.js and CompiledModel leave its memory as it was."""

    def return_the_input(graph):
        graph.outputs = [*graph.outputs, *graph.inputs]

    def no_signature(content):
        model = flatbuffer.unpack(content)
        model.signatureDefs = []
        builder = flatbuffers.Builder()
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    report = check(no_signature(changed(batch_of_one(LESSON.read_bytes()), return_the_input)))
    assert (report["Python"].takes, report["browser"].takes, report["phone"].takes) == (
        True,
        False,
        False,
    )
    assert "'serving_default_images:0' is an input too" in report["browser"].reason
    assert "its answers are not the Interpreter's" in report["phone"].reason


def test_an_output_whose_size_depends_on_the_input_is_noticed():
    import tensorflow as tf

    traced = tf.function(
        lambda x: tf.boolean_mask(x, x > 0.5),
        input_signature=[tf.TensorSpec([8], tf.float32, name="x")],
    )
    report = check(
        tf.lite.TFLiteConverter.from_concrete_functions([traced.get_concrete_function()]).convert()
    )
    assert (
        marks(report) == expected("ynnn")
        and "reserves its room before the run" in report["browser"].reason
    )


@pytest.mark.parametrize(
    "content", [b"", b"<html></html>", LESSON.read_bytes()[:5000], b"\x1c\0\0\0TFL3"]
)
def test_a_damaged_file_goes_nowhere_and_harms_nothing(content):
    report = check(content)
    assert (
        not report.sound
        and marks(report) == "nnnn"
        and "not a sound .tflite" in report["phone"].reason
    )


def test_a_file_that_ends_the_process_goes_nowhere_and_harms_nothing():
    """MEAN reads its axes from a constant, here without bytes."""

    def lose_the_axes(graph):
        graph.tensors[graph.operators[-2].inputs[1]].buffer = 0

    report = check(changed(LESSON.read_bytes(), lose_the_axes))
    assert report.sound and not report["Python"].takes and not report["microcontroller"].takes
    assert report._repr_html_().count("<tr>") > 8


def test_the_command_prints_the_report_and_its_status_tells_scripts(tmp_path, capsys):
    (tmp_path / "model.tflite").write_bytes(LESSON.read_bytes()[:5000])
    assert main([LESSON]) == 0 and "CONV_2D" in capsys.readouterr().out
    assert (
        main([LESSON, tmp_path / "model.tflite"]) == 2
        and "damaged .tflite" in capsys.readouterr().out
    )
    assert main([tmp_path / "nothing.tflite"]) == 2 and "Found: nothing" in capsys.readouterr().out


def test_the_command_says_with_its_status_that_a_file_runs_nowhere():
    assert main([real_models("odd", "custom_sinh.tflite")]) == 1


def test_the_command_loads_no_tensorflow(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('TensorFlow was imported')")
    code = "import sys; sys.path[:0] = sys.argv[1:3]; from helpers import check; check.main(sys.argv[3:])"
    command = [sys.executable, "-c", code, tmp_path, ROOT, LESSON]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0 and re.findall(
        r"^  (\S+) +(?:yes|no|not tried): ", done.stdout, re.M
    ) == list(PLACES)


def test_the_names_in_the_tables_are_those_of_the_folder():
    found = {str(Path(file.parent.name, file.stem)) for file in real_models().glob("*/*.tflite")}
    assert found == set(REAL)
