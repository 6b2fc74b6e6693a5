"""What a file is, by its content: each test lies about it somewhere."""

import gzip
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from conftest import ROOT, real_models
from helpers import handles, tinyhub
from hub_to_tflite import knowledge
from hub_to_tflite.file import flatbuffer, releases
from hub_to_tflite.file.identify import FORMATS, TABLE_END, identify
from tests.fuzz import mutations

HUB = tinyhub.EMBEDDED / "digits/mobilenet_v2/classification"
WHOLE = (HUB / "1.tflite").read_bytes()
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 562728\n"
NODE = b"\n\x1b\n\x05input\x12\x0bPlaceholder*\x05\n\x01a\x12\x00" + bytes(40)


def tar(names, mode="w:gz"):
    """Return the bytes of a tar archive with empty files of these names."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name))
    return file.getvalue()


def packed_zip(names, before=b""):
    """Return the bytes of a zip archive with one word in each file, behind `before`."""
    file = io.BytesIO(before)
    with zipfile.ZipFile(file, "a") as archive:
        for name in names:
            archive.writestr(name, "zero\none\n")
    return file.getvalue()


def test_what_is_unknown_is_described_by_how_it_begins():
    assert "begins with zeros" in identify(bytes(600)).detail
    assert "text, and begins with 'cat'" in identify(b"cat\ndog\n").detail
    assert "the bytes 01 02 ff" in identify(b"\x01\x02\xff").detail
    assert "What is inside: .tflite" in identify(gzip.compress(WHOLE)).detail
    assert "It holds m/a.tflite" in identify(tar(["m/a.tflite"])).detail


def test_a_bundle_of_one_model_is_known_by_its_name(tmp_path):
    (tmp_path / "hand.task").write_bytes(packed_zip(["hand.tflite"]))
    assert identify(tmp_path / "hand.task").what == "MediaPipe bundle"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (WHOLE, ".tflite"),
        (packed_zip(["labels.txt"], WHOLE), ".tflite"),
        (WHOLE[: len(WHOLE) // 2], "damaged .tflite"),
        (b"", "empty"),
        (b"<!doctype html><title>403 Forbidden</title>", "HTML page"),
        (POINTER, "git-LFS pointer"),
        (b"\x89HDF\r\n\x1a\n" + bytes(40) + b"model_config", "HDF5"),
        (packed_zip(["config.json", "model.weights.h5"]), "Keras archive"),
        (packed_zip(["hand.tflite", "landmarks.tflite"]), "MediaPipe bundle"),
        (packed_zip(["pose.tflite"]), "archive"),
        (packed_zip([]), "archive"),
        (packed_zip(["archive/data.pkl", "archive/version"]), "PyTorch file"),
        (packed_zip(["x.npy", "y.npy"]), "NumPy archive"),
        (packed_zip(["AndroidManifest.xml", "assets/a.tflite"]), "Android app"),
        (b"\x93NUMPY\x01\x00v\x00{'descr': '<f8'", "NumPy array"),
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "pickle"),
        (b"\x20" + bytes(7) + b'{"w": {"dtype": "F32"}}', "safetensors"),
        (b"GGUF\x03\x00\x00\x00", "GGUF"),
        (b"LITERTLM" + bytes(24), "LiteRT-LM bundle"),
        (b"\x08\x04\x12\x20\x0a\x0e\x0a\x05image\x1a\x05" + bytes(30), "Core ML model"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code>", "error message of a server"),
        (b'<?xml version="1.0"?>\n<net name="m" version="11">', "OpenVINO model"),
        (b"alignas(8) const unsigned char g_model[] = {0x1c, 0x00};", "C array"),
        (b"\xff\xd8\xff\xe0" + bytes(20), "image or sound"),
        (b"RIFF\x00\x00\x00\x00WAVEfmt ", "image or sound"),
        (b"\xef\xbb\xbf<!doctype html><title>Log in</title>", "HTML page"),
        (b'\xef\xbb\xbf{"modelTopology": {}}', "TensorFlow.js model"),
        (b"\x89HDF\r\n\x1a\n" + bytes(20), "damaged HDF5"),
        (bytes(4096), "unknown"),
        (packed_zip(["notes.txt"]), "archive"),
        (packed_zip(["notes.txt"])[:-30], "damaged archive"),
        (tar(["saved_model.pb", "variables/variables.index"]), "archive of a SavedModel"),
        (tar(["./saved_model.pb"], "w"), "archive of a SavedModel"),
        (tar(["notes.txt"]), "archive"),
        (gzip.compress(WHOLE), "archive"),
        (b"\x08\x01\x12\x2a" + bytes(40), "saved_model.pb alone"),
        (b"\x08\x0a\x12\x07pytorch\x1a\x052.9.0", "ONNX"),
        (NODE, "frozen GraphDef"),
        (
            json.dumps({"format": "graph-model", "modelTopology": {}}).encode(),
            "TensorFlow.js model",
        ),
        (b'{"a": 1}', "unknown"),
        (b"{" * 100_000, "unknown"),
        (b"the model is on the other disk\n", "unknown"),
    ],
    ids=lambda value: (
        value if isinstance(value, str) else "bytes"
    ),  # those of an archive hold the time of day
)
def test_the_content_counts_and_not_the_name(content, what, tmp_path):
    file = tmp_path / "model.onnx"
    file.write_bytes(content)
    assert identify(file).what == identify(content).what == what
    assert what in repr(identify(file)) and what in identify(file)._repr_html_()


def test_every_tenth_of_an_archive_is_known_to_be_damaged():
    whole = (HUB / "1.tar.gz").read_bytes()
    for tenth in range(1, 10):
        assert identify(whole[: len(whole) * tenth // 10]).what == "damaged archive", tenth
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    assert identify(bytes(flipped)).what == "damaged archive"


def test_a_model_too_deep_in_its_archive_is_said():
    assert (
        "It is in model/, where hub.load does not look"
        in identify(tar(["model/saved_model.pb"])).detail
    )


def test_folders(tmp_path, own_cache):
    model = handles.fetch(handles.check(handles.DEFAULT))
    assert identify(model).what == "SavedModel" and not identify(model).detail
    outer = tmp_path / "outer"
    shutil.copytree(model, outer / "model")
    assert (identify(outer).what, identify(outer).detail) == (
        "folder around a SavedModel",
        "It is in model/.",
    )
    shutil.rmtree(outer / "model/variables")
    bare = identify(outer / "model")
    assert "there's no variables/variables.index" in bare.detail and not bare.opens
    (outer / "model/variables").mkdir()
    (outer / "model/variables/variables.index").touch()
    assert "there's no variables/variables.data-*" in identify(outer / "model").detail
    (outer / "model/variables/variables.data-00000-of-00001").touch()
    assert "variables.index breaks off" in identify(outer / "model").detail
    (outer / "model/variables/variables.index").write_bytes(POINTER)
    pointer = identify(outer / "model")
    assert "variables.index is one. It stands for a file of 562,728 bytes." in pointer.detail
    assert pointer.how == f"git lfs pull --include {outer}/model" and not pointer.opens
    (outer / "model/variables/variables.index").write_bytes(TABLE_END)
    assert identify(outer / "model").what == "SavedModel"
    (outer / "model/saved_model.pb").write_bytes(b"\x08\x01\x12\x00")
    assert identify(outer / "model").what == "SavedModel", "a graph without variables needs none"
    for content, words in ((b"\x08\x01\x12\x80\x01abc", "off after 8 bytes"), (b"", "off")):
        (outer / "model/saved_model.pb").write_bytes(content)
        assert words in identify(outer / "model").detail and not identify(outer / "model").opens
    (outer / "model/saved_model.pb").write_bytes(b"\x08\x01<html>")
    assert "After 2 bytes of its saved_model.pb" in identify(outer / "model").detail
    (outer / "model/tfhub_module.pb").write_bytes(b"\x08\x03")
    assert identify(outer / "model").what == "TF1 hub module"
    (tmp_path / "model.json").write_text('{"modelTopology": {}}')
    assert identify(tmp_path).what == "TensorFlow.js model"
    assert identify(tmp_path / "nothing").what == "nothing"
    (tmp_path / "empty").mkdir()
    assert identify(tmp_path / "empty").detail == "It is an empty folder."


def test_it_reads_the_embedded_model():
    model = identify(HUB / "1.tflite").model
    [given], [returned] = model.inputs, model.outputs
    assert (given.dtype, given.shape, given.channels) == ("float32", (-1, 48, 48, 3), 0)
    assert returned.shape == (-1, 10) and model.signatures == {
        "serving_default": (("images",), ("logits",))
    }
    assert {"FULLY_CONNECTED", "CONV_2D", "MEAN"} <= {op.name for op in model.ops}
    assert (
        all(op.kind == "builtin" for op in model.ops)
        and model.constants["int8"] == model.per_channel == 38
    )
    assert (model.runtime, model.runtime_source) == ("2.17.0", "as the file states")


def test_what_it_reads_is_what_litert_says():
    from ai_edge_litert.interpreter import Interpreter

    for name, content in mutations.bases().items():
        model, litert = flatbuffer.read(content), Interpreter(model_content=content)
        for ours, theirs in [
            (model.inputs, litert.get_input_details()),
            (model.outputs, litert.get_output_details()),
        ]:
            assert [tensor.name for tensor in ours] == [detail["name"] for detail in theirs], name
            assert [tensor.shape for tensor in ours] == [
                tuple(detail["shape_signature"]) for detail in theirs
            ]
            assert [np.dtype(tensor.dtype) for tensor in ours] == [
                detail["dtype"] for detail in theirs
            ]
            scales = [(np.float32(tensor.scale), tensor.zero_point) for tensor in ours]
            assert scales == [detail["quantization"] for detail in theirs]
        assert list(model.signatures) == list(litert.get_signature_list())


def test_labels_that_are_packed_in_are_shown():
    model = identify(packed_zip(["labels.txt"], WHOLE)).model
    assert (model.files, model.labels) == (("labels.txt",), ("zero", "one"))


@pytest.mark.parametrize(
    ("op", "stated", "release", "source"),
    [
        (("CONV_2D", 1), b"1.5.0\0\0", "1.5.0", "as the file states"),
        (("FULLY_CONNECTED", 12), b"", "2.17", "because of FULLY_CONNECTED v12"),
        (("FULLY_CONNECTED", 12), b"1.5.0\0", "2.17", "because of FULLY_CONNECTED v12"),
        (("FULLY_CONNECTED", 10), b"2.17.0\0", "2.17.0", "as the file states"),
        (("FULLY_CONNECTED", 99), b"2.17.0\0", "", "newer than TensorFlow"),
        (("CONV_2D", 1), b"\0" * 16, "", "does not state it"),
    ],
)
def test_the_runtime_it_needs_is_the_later_of_two_answers(op, stated, release, source):
    found = releases.needed([SimpleNamespace(name=op[0], version=op[1])], stated)
    assert found[0] == release and source in found[1]


def test_a_small_file_cannot_ask_for_much_memory():
    """Thousands of tensors that share one long name: reading each would fill the memory."""
    import flatbuffers

    builder = flatbuffers.Builder()
    name = builder.CreateString("a" * 100_000)
    schema.TensorStart(builder)
    schema.TensorAddName(builder, name)
    tensor = schema.TensorEnd(builder)
    schema.SubGraphStartTensorsVector(builder, 20_000)
    for _ in range(20_000):
        builder.PrependUOffsetTRelative(tensor)
    tensors = builder.EndVector()
    schema.SubGraphStart(builder)
    schema.SubGraphAddTensors(builder, tensors)
    graph = schema.SubGraphEnd(builder)
    schema.ModelStartSubgraphsVector(builder, 1)
    builder.PrependUOffsetTRelative(graph)
    graphs = builder.EndVector()
    schema.BufferStart(builder)
    empty = schema.BufferEnd(builder)
    schema.ModelStartBuffersVector(builder, 1)
    builder.PrependUOffsetTRelative(empty)
    buffers = builder.EndVector()
    schema.ModelStart(builder)
    schema.ModelAddBuffers(builder, buffers)
    schema.ModelAddVersion(builder, 3)
    schema.ModelAddSubgraphs(builder, graphs)
    builder.Finish(schema.ModelEnd(builder), file_identifier=b"TFL3")
    content = bytes(builder.Output())
    assert len(content) < 200_000
    found = identify(content)
    assert found.what == "damaged .tflite" and "same bytes again and again" in found.detail


def command(*arguments):
    """Run `hub-to-tflite identify` as a user does; everything that is imported is told."""
    line = [sys.executable, "-X", "importtime", "-m", "hub_to_tflite", "identify", *arguments]
    return subprocess.run(line, capture_output=True, cwd=ROOT)


def test_the_command_prints_each_file_and_loads_nothing_heavy(tmp_path):
    done = command(HUB / "1.tflite", HUB)
    shown = done.stdout.decode()
    assert "35 CONV_2D v5" in shown and "It holds 1.tflite." in shown and done.returncode == 1
    loaded = re.findall(rb"\| +([\w.]+)$", done.stderr, re.M)
    heavy = {b"tensorflow", b"numpy", b"ai_edge_litert", b"flatbuffers", b"helpers"}
    assert b"zipfile" in loaded and not heavy & set(loaded)


def test_an_identity_is_plain_values_too():
    found = json.loads(json.dumps(identify(HUB / "1.tflite").to_json()))
    assert (found["what"], found["opens"], found["model"]["subgraphs"]) == (".tflite", True, 1)
    assert found["model"]["inputs"][0]["shape"] == [-1, 48, 48, 3]
    assert identify(b"<html>").to_json()["opens"] is identify(b"").opens is False


@pytest.mark.parametrize("name", [b"with a space", "ümläut".encode(), b"\xff\xfe undecodable"])
def test_any_name_of_a_file_is_taken(name, tmp_path):
    path = os.fsencode(tmp_path) + b"/" + name
    try:
        shutil.copy(HUB / "1.tflite", path)
    except OSError as error:
        pytest.skip(f"this file system has no such names: {error}")
    assert identify(os.fsdecode(path)).what == ".tflite"
    assert command(path).returncode == 0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes on this system")
def test_a_pipe_holds_nobody(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    found = identify(tmp_path / "pipe")
    assert (found.what, found.opens) == ("unknown", False) and "pipe or a device" in found.detail


def test_what_cannot_be_read_is_said(tmp_path, monkeypatch):
    (tmp_path / "secret").write_bytes(WHOLE)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root may read everything
    assert identify(tmp_path / "secret").detail == "It cannot be read: Permission denied."


def test_a_huge_file_is_not_read_into_memory(tmp_path):
    """A sparse file of a terabyte that begins like a model, and like an archive."""
    for name, head in {"model": WHOLE, "archive": tar(["saved_model.pb"], "w")[:512]}.items():
        with open(tmp_path / name, "wb") as file:
            file.write(head)
            try:
                file.truncate(2**40)
            except OSError as error:
                pytest.skip(f"this file system has no such files: {error}")
    assert identify(tmp_path / "model").model.size == 2**40
    assert identify(tmp_path / "archive").what == "archive of a SavedModel"


def test_every_format_says_who_opens_it_and_how():
    """And each is one that identify can find."""
    formats, heads = knowledge.load(FORMATS)["formats"], knowledge.load(FORMATS)["heads"].values()
    for who, how in formats.values():
        assert who and how and isinstance(who, str) and isinstance(how, str)
    source = Path(identify.__code__.co_filename).read_text(encoding="utf-8")
    assert not [what for what in formats if f'"{what}"' not in source and what not in heads]


class TestReleases:
    def test_the_names_of_ops_and_dtypes_are_those_of_the_schema(self):
        for names, enumeration in [
            (releases.table()["operators"], schema.BuiltinOperator),
            ([name.upper() for name in releases.table()["dtypes"]], schema.TensorType),
        ]:
            codes = {name: code for name, code in vars(enumeration).items() if name[0] != "_"}
            assert {name: code for code, name in enumerate(names)} == codes

    def test_each_release_lists_ops_that_exist_with_their_versions_in_order(self):
        found = releases.table()["releases"]
        order = [[int(part) for part in release.split(".")] for release in found]
        assert order == sorted(order)
        for ops in found.values():
            assert set(ops) <= set(releases.table()["operators"])
            assert all(isinstance(one, int) for versions in ops.values() for one in versions)
        pairs = [(op, one) for ops in found.values() for op in ops for one in ops[op]]
        assert len(pairs) == len(set(pairs)), "each version of an op came with one release"
        assert len(pairs) > 90


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("0_subgraphs", "damaged .tflite. It holds no subgraph"),
        ("custom_sinh", "if it has the custom op Sinh"),
        ("dynamic_shapes", "Identity float32 (8, any, 1024)"),
        ("empty_model", "ops           none"),
        ("multi_signatures", "sub: x -> output_0"),
        ("no_signatures", "x1 float32 (any)"),
        ("softplus_flex", "which no Python package of today has, for FlexSoftplus"),
        ("string_input_model", "input_52 string (1, 3)"),
        ("test_model_broken", "unknown"),
        ("with_metadata", "min_runtime_version, LiteRtStamp, NPU_BYTE_CODE"),
    ],
)
def test_each_odd_file_is_described(name, words):
    assert words in repr(identify(real_models("odd", f"{name}.tflite")))
