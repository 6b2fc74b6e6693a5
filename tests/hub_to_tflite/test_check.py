"""The check of targets: right about each file seen, and unharmed by damaged ones."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ai_edge_litert import schema_py_generated as schema

from conftest import ROOT, real_models
from helpers import convert, digits, handles, tinyhub
from hub_to_tflite.file import flatbuffer, metadata
from hub_to_tflite.file.identify import identify
from hub_to_tflite.targets import TARGETS, Target, check, tflm

LESSON = tinyhub.EMBEDDED / "digits/mobilenet_v2/classification/1.tflite"
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
    "tflite/coco_ssd_mobilenet_v1_1.0_uint8": "ynnn",
    "odd/0_subgraphs": "nnnn",
    "odd/custom_sinh": "nnnn",
    "odd/dynamic_shapes": "ynnn",
    "odd/empty_model": "nnnn",
    "odd/multi_signatures": "yyyy",
    "odd/no_signatures": "yyny",
    "odd/person_detect_tflm": "nynn",
    "odd/softplus_flex": "nnnn",
    "odd/string_input_model": "ynnn",
    "odd/test_model_broken": "nnnn",
    "odd/with_metadata": "nnnn",
}
REASONS = [  # file, target, words of its reason
    ("float32", "Python", "are 1 until you call resize_tensor_input"),
    (
        "float32",
        "microcontroller",
        r"1,6\d\d,\d\d\d bytes of flash and an arena of 20\d,\d\d\d .* fits.*: Raspberry Pi Pico",
    ),
    (
        "float32",
        "browser",
        r"has a dynamic dimension, \(any, 48, 48, 3\).*convert it with a batch of 1",
    ),
    ("float32", "phone", "gives the Interpreter's outputs"),
    ("dynamic range", "microcontroller", r"\(dynamic range\)"),
    ("float16", "microcontroller", "weights as float16"),
    ("int8", "microcontroller", "Arduino Nano 33 BLE Sense"),
    (
        "int8",
        "browser",
        "is int8, .*; LiteRT.js .* takes float32, int32, uint8 only. The recipe .full-integer with",
    ),
    ("int16x8", "browser", "the sizes are fixed, the dynamic ones at 1"),
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
        "TFLM runs it on this computer, with .* The largest boards known here",
    ),
    ("tflite/mobilenet_v2_1.0_224_uint8", "microcontroller", "Its weights are uint8"),
    ("tflite/coco_ssd_mobilenet_v1_1.0_uint8", "browser", r"is \(\) by the file, and \(1, 10"),
    ("odd/person_detect_tflm", "Python", "quantized_dimension must be in range"),
    (
        "odd/0_subgraphs",
        "phone",
        "not a sound .tflite. Found: damaged .tflite. It holds no subgraph",
    ),
    ("odd/custom_sinh", "Python", "unresolved custom op: Sinh.*Register the op"),
    (
        "odd/custom_sinh",
        "browser",
        "no op Sinh, and still runs the file: its outputs then mean nothing",
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
    """Return what a report says of each target as a text such as "yyny"."""
    return "".join({True: "y", False: "n", None: "-"}[target.takes] for target in report.targets)


def expected(wanted):
    """Return what to expect of a file on this machine: TFLM is not everywhere."""
    if importlib.util.find_spec("tflite_micro") or wanted == "nnnn":
        return wanted
    return f"{wanted[0]}-{wanted[2:]}"


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
    return flatbuffer.pack(model)


def batch_of_one(content):
    """Return a .tflite without dynamic dimensions: their 1 is then all there is."""

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


def test_each_file_of_the_course_gets_what_was_seen(course):
    assert {name: marks(report) for name, report in course.items()} == {
        n: expected(m) for n, m in COURSE.items()
    }


def test_each_file_of_others_gets_what_was_seen(real):
    assert {name: marks(report) for name, report in real.items()} == {
        n: expected(m) for n, m in REAL.items()
    }


@pytest.mark.parametrize(("name", "target", "words"), REASONS)
def test_each_target_has_its_reason(name, target, words, request):
    report = request.getfixturevalue("real" if "/" in name else "course")[name]
    if report[target].takes is None:
        pytest.skip(tflm.ABSENT)
    assert re.search(words, report[target].reason), report[target].reason


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
    described = repr(check(content))
    assert (
        "10: digit 0, digit 1, digit 2 ..." in described
        and "values from 0 to 1" in described
        and "contract.json, with: range" in described
    )
    assert "ask whoever made it" not in described


def test_an_output_that_is_an_input_too_is_noticed():
    """The Interpreter returns it; LiteRT.js and CompiledModel leave its memory as it was."""

    def return_the_input(graph):
        graph.outputs = [*graph.outputs, *graph.inputs]

    def no_signature(content):
        model = flatbuffer.unpack(content)
        model.signatureDefs = []
        return flatbuffer.pack(model)

    report = check(no_signature(changed(batch_of_one(LESSON.read_bytes()), return_the_input)))
    assert (report["Python"].takes, report["browser"].takes, report["phone"].takes) == (
        True,
        False,
        False,
    )
    assert "'serving_default_images:0' is an input too" in report["browser"].reason
    assert "its outputs are not the Interpreter's" in report["phone"].reason


def test_an_output_whose_size_depends_on_the_input_is_noticed():
    import tensorflow as tf

    traced = tf.function(
        lambda x: tf.boolean_mask(x, x > 0.5),
        input_signature=[tf.TensorSpec([8], tf.float32, name="x")],
    )
    report = check(
        tf.lite.TFLiteConverter.from_concrete_functions([traced.get_concrete_function()]).convert()
    )
    assert marks(report) == expected("ynnn")
    assert "reserves its memory before the run" in report["browser"].reason


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


def command(*paths, **settings):
    """Run `hub-to-tflite check` as a user does."""
    line = [sys.executable, "-m", "hub_to_tflite", "check", *map(str, paths)]
    return subprocess.run(line, capture_output=True, text=True, cwd=ROOT, **settings)


def test_the_command_prints_the_report_and_loads_no_tensorflow(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('TensorFlow was imported')")
    settings = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ['PYTHONPATH']}"}
    done = command(LESSON, env=settings)
    assert done.returncode == 0 and "35 CONV_2D v5" in done.stdout
    assert re.findall(r"^  (\S+) +(?:yes|likely|no|not tried): ", done.stdout, re.M) == list(
        TARGETS
    )


def test_the_report_is_plain_values_too():
    report = check(LESSON)
    found = json.loads(json.dumps(report.to_json()))
    assert found["sound"] is True and found["path"] == str(LESSON)
    assert [one["name"] for one in found["targets"]] == list(TARGETS)
    assert [one["takes"] for one in found["targets"]] == [one.takes for one in report.targets]


@pytest.mark.parametrize("name", ["half.tflite", "empty.tflite", "no file.tflite", "a folder", "ö"])
def test_what_is_no_sound_file_is_said_in_one_sentence(name, tmp_path):
    (tmp_path / "half.tflite").write_bytes(LESSON.read_bytes()[: 562_728 // 2])
    (tmp_path / "empty.tflite").touch()
    (tmp_path / "a folder").mkdir()
    (tmp_path / "ö").write_bytes(b"\0" * 5)
    report = check(tmp_path / name)
    assert not report.sound and len({one.reason for one in report.targets}) == 1
    done = command(tmp_path / name)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and not done.stdout


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes on this system")
def test_a_pipe_holds_nobody(tmp_path):
    os.mkfifo(tmp_path / "pipe.tflite")
    assert "pipe or a device" in check(tmp_path / "pipe.tflite")["Python"].reason
    assert command(tmp_path / "pipe.tflite", timeout=60).returncode == 2


def test_the_command_says_with_its_status_that_a_file_runs_nowhere():
    assert command(real_models("odd", "custom_sinh.tflite")).returncode == 1


@pytest.mark.parametrize("op", ["edgetpu-custom-op", "ethos-u"])
def test_a_file_that_was_compiled_for_one_device_is_named_by_it(op):
    model = flatbuffer.unpack(LESSON.read_bytes())
    code = model.operatorCodes[0]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode = op.encode()
    content = flatbuffer.pack(model)
    name = {"edgetpu-custom-op": "a Coral Edge TPU", "ethos-u": "an Arm Ethos-U"}[op]
    assert f"on {name} only" in identify(content).who
    report = check(content)
    assert dict(report.needs)["compiled for"].startswith(f"{name}: it runs there")
    assert not any(one.takes for one in report.targets)
    said = report["Python"].reason
    assert f"custom op: {op}" in said and "compiled for one device" in said
    assert "Register" not in said


def test_a_runtime_that_ends_its_process_is_told_without_names_of_this_project():
    content = real_models("tflite", "coco_ssd_mobilenet_v1_1.0_uint8.tflite")
    said = check(content)["phone"].reason
    assert "hub_to_tflite" not in said
    assert re.search(r"ended the process that tried it with signal \d+ \(SIG(ABRT|SEGV)\)", said)


def test_the_names_in_the_tables_are_those_of_the_folder():
    found = {str(Path(file.parent.name, file.stem)) for file in real_models().glob("*/*.tflite")}
    assert found == set(REAL)


@pytest.mark.parametrize("name", TARGETS)
def test_only_python_is_sure_where_a_stand_in_ran(name):
    said = {takes: Target(name, takes, "").mark for takes in (True, False, None)}
    assert said == {True: "yes" if name == "Python" else "likely", False: "no", None: "not tried"}
