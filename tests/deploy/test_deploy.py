"""What travels: predict.py by itself, the C array through a compiler, the phone's source code."""

import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from conftest import ROOT, real_models
from deploy.phone import fill
from helpers import convert, digits, handles, interpreter, tinyhub
from hub_to_tflite.file import flatbuffer, metadata

PROGRAM = ROOT / "deploy" / "python" / "predict.py"
LESSON = tinyhub.EMBEDDED / "digits/mobilenet_v2/classification/1.tflite"
NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
# Runs a program where nothing can be imported but what a small device has.
ALONE = """
import runpy, sys
from importlib.abc import MetaPathFinder

HEAVY = "tensorflow keras tf_keras jax torch helpers hub_to_tflite tools scipy".split()

class Wall(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HEAVY:
            raise ModuleNotFoundError(f"a small device has no {name}")

sys.meta_path.insert(0, Wall())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def models():
    """{recipe: bytes} of the embedded classifier, labels and range packed in."""
    saved_model = handles.fetch(handles.check(handles.DEFAULT))
    samples = digits.representative((None, 48, 48, 3))
    return {
        recipe: metadata.pack(
            convert.convert_cached(saved_model, recipe, samples).read_bytes(),
            name="Digits",
            labels=NAMES,
            value_range=(0, 1),
            contract={"range": [0, 1]},
        )
        for recipe in ("float32", "int8")
    }


@pytest.fixture(scope="module")
def bench(models, tmp_path_factory):
    """A folder with float32.tflite and int8.tflite, and test digits as 0.png to 9.png."""
    folder = tmp_path_factory.mktemp("bench")
    for recipe, content in models.items():
        (folder / f"{recipe}.tflite").write_bytes(content)
    images, labels = digits.load()
    for number in range(10):
        pixels = digits.as_model_input(images[labels == number][:1])[0]
        Image.fromarray(np.round(pixels * 255).astype(np.uint8)).save(folder / f"{number}.png")
    return folder


def predict(folder, *arguments):
    """Run predict.py alone in a folder; return (standard output, what it says when it gives up)."""
    command = [sys.executable, "-I", "-c", ALONE, PROGRAM, *arguments]
    done = subprocess.run(list(map(str, command)), cwd=folder, capture_output=True, text=True)
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout, done.stderr if done.returncode else ""


class TestPredict:
    @pytest.mark.parametrize("recipe", ["float32", "int8"])
    def test_it_names_each_digit_with_the_interpreter_s_score(self, recipe, bench, models):
        images = [f"{number}.png" for number in range(10)]
        said = [
            line.split("\t") for line in predict(bench, f"{recipe}.tflite", *images)[0].splitlines()
        ]
        assert [line[:2] for line in said] == [list(pair) for pair in zip(images, NAMES)]
        pixels = np.stack([np.asarray(Image.open(bench / one), np.float32) / 255 for one in images])
        expected = interpreter.predict(interpreter.load(models[recipe]), pixels).max(axis=1)
        np.testing.assert_allclose([float(line[2]) for line in said], expected, atol=0.001)

    def test_without_labels_a_class_is_its_number(self, bench):
        assert predict(bench, LESSON, "7.png")[0].startswith("7.png\t7\t")

    def test_in_an_environment_with_tensorflow_behind_a_wall_the_wall_holds(self, tmp_path):
        (tmp_path / "program.py").write_text("import helpers.digits")
        command = [sys.executable, "-I", "-c", ALONE, "program.py"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert "a small device has no helpers" in done.stderr

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["nothing.tflite", "0.png"], "No such file or directory: 'nothing.tflite'"),
            ([], "predict.py MODEL IMAGE"),
            (
                ["0.png", "float32.tflite"],
                "0.png is not a .tflite: its bytes 4 to 8 are .*Give the model first",
            ),
            (["short.tflite", "0.png"], "[Ff]latbuffer"),
            (["newer.tflite", "0.png"], "Didn't find op for builtin opcode 'CONV_2D' version '99'"),
            (["float32.tflite", "nothing.png"], "No such file or directory: '.*nothing.png'"),
            (["float32.tflite", "float32.tflite"], "cannot identify image file"),
            (["float32.tflite", "large.png"], "large.png has 64 x 32 pixels. Resize it to 48 x 48"),
            (
                ["row.tflite", "0.png"],
                r"The model takes float32 \(1, 3\), and this program has images",
            ),
        ],
    )
    def test_what_it_cannot_use_is_one_plain_message(self, arguments, words, bench, models):
        (bench / "short.tflite").write_bytes(models["float32"][:5000])
        Image.new("RGB", (64, 32)).save(bench / "large.png")
        newer = flatbuffer.unpack(models["float32"])
        newer.operatorCodes[0].version = 99
        row = flatbuffer.unpack(models["float32"])
        row.subgraphs[0].inputs = row.subgraphs[0].inputs[:1]
        given = row.subgraphs[0].tensors[row.subgraphs[0].inputs[0]]
        given.shape, given.shapeSignature, row.subgraphs[0].operators = (
            np.array([1, 3], np.int32),
            None,
            [],
        )
        for name, model in (("newer", newer), ("row", row)):
            (bench / f"{name}.tflite").write_bytes(flatbuffer.pack(model))
        said, refused = predict(bench, *arguments)
        assert not said and re.search(words, refused), refused

    @pytest.mark.parametrize(
        ("name", "contract"),
        [
            ("mobilenet_v1_0.25_224_uint8", None),
            ("mobilenet_v2_1.0_224_uint8", None),
            ("mobilenet_v1_0.25_224_float", {"range": [-1, 1]}),
        ],
    )
    def test_published_models_name_the_photos(self, name, contract, tmp_path):
        real = real_models()
        content = (real / "tflite" / f"{name}.tflite").read_bytes()
        if contract:
            content = metadata.pack(content, name=name, contract=contract)
        (tmp_path / "model.tflite").write_bytes(content)
        labels = (real / "photos" / "imagenet_labels.txt").read_text().splitlines()
        photos = {"cat.bmp": "Egyptian cat", "bird.bmp": "chickadee", "parrot.jpg": "macaw"}
        for photo in photos:
            Image.open(real / "photos" / photo).convert("RGB").resize((224, 224), 2).save(
                tmp_path / f"{photo}.png"
            )
        said, _ = predict(tmp_path, "model.tflite", *(f"{photo}.png" for photo in photos))
        found = [line.split("\t")[1] for line in said.splitlines()]
        assert [labels[int(one)] if one.isdigit() else one for one in found] == list(
            photos.values()
        )


@pytest.fixture(scope="module")
def c_array():
    """The function of 41_run_on_a_microcontroller, as it stands there."""
    lesson = ROOT / "notebooks" / "41_run_on_a_microcontroller.ipynb"
    cells = json.loads(lesson.read_text(encoding="utf-8"))["cells"]
    [source] = [
        text
        for text in ("".join(cell["source"]) for cell in cells)
        if text.startswith("def c_array")
    ]
    names = {}
    exec(source[: source.index("\n\n\n")], names)
    return names["c_array"]


class TestCArray:
    def test_through_a_compiler_come_the_file_s_bytes_aligned_to_16(
        self, c_array, models, tmp_path
    ):
        compiler = next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), None)
        if not compiler:
            pytest.skip("there is no C++ compiler on this machine (c++, g++ or clang++)")
        header, source = c_array(models["int8"], "digits")
        (tmp_path / "digits.h").write_text(header)
        (tmp_path / "digits.cc").write_text(source)
        (tmp_path / "main.cc").write_text(
            '#include "digits.h"\n#include <cstdint>\n#include <cstdio>\n'
            "int main() {\n"
            "  fwrite(digits_data, 1, digits_size, stdout);\n"
            "  return reinterpret_cast<std::uintptr_t>(digits_data) % 16;\n}\n"
        )
        command = [
            compiler,
            "-std=c++11",
            "-Wall",
            "-Wextra",
            "-Werror",
            "digits.cc",
            "main.cc",
            "-o",
            "show",
        ]
        subprocess.run(command, cwd=tmp_path, check=True)
        shown = subprocess.run([tmp_path / "show"], capture_output=True)
        assert shown.returncode == 0 and shown.stdout == models["int8"]


class TestPhone:
    @pytest.mark.parametrize("recipe", ["float32", "int8"])
    @pytest.mark.parametrize("language", ["kt", "swift"])
    def test_the_snippet_says_what_the_interpreter_says(self, recipe, language, models):
        text = fill.fill(models[recipe], f"{recipe}.tflite", language)
        model = interpreter.load(models[recipe])
        runner = model.get_signature_runner()
        for side, details in (
            ("input", runner.get_input_details()),
            ("output", runner.get_output_details()),
        ):
            [(name, detail)] = details.items()
            line = re.search(
                rf"//   {side} +0  (\S+)  (\S+)  (\[.*\])  scale (\S+)  zero point (\S+)", text
            )
            scale, zero_point = detail["quantization"]
            assert line[1] == name and line[2] == np.dtype(detail["dtype"]).name
            assert json.loads(line[3]) == detail["shape_signature"].tolist()
            assert (float(line[4]), int(line[5])) == (scale, zero_point)
        size = int(np.prod(model.get_input_details()[0]["shape"]))
        assert f"values.{'size' if language == 'kt' else 'count'} == {size}" in text
        [listed] = re.findall(r"(?:listOf\(|String\] = \[)(.*?)[)\]]", text)
        assert json.loads(f"[{listed}]") == NAMES
        if recipe == "int8":
            scale, zero_point = model.get_input_details()[0]["quantization"]
            assert f"/ {scale!r}" in text and f"+ ({zero_point})" in text
        assert "a pixel of 0 to 255 becomes 0 to 1" in text and f'"{recipe}' in text
        assert not re.search("[{]{2}|[{]%", text)

    def test_a_label_cannot_break_out_of_its_literal(self, models):
        odd = [
            'a "quote"',
            "5 $each ${x}",
            "back\\slash",
            r"\(x)",
            "{{ file }}",
            "{% if x %}",
            "ß",
            "tab\there",
            "8",
            "9",
        ]
        content = metadata.pack(models["float32"], name="x", labels=odd)
        kotlin, swift = (
            fill.fill(content, "model.tflite", language) for language in ("kt", "swift")
        )
        plain = [" ".join(label.split()) for label in odd]
        listed = kotlin[kotlin.index("listOf(") + 7 : kotlin.index(")\n  }\n}")]
        assert json.loads(f"[{listed}]".replace("\\$", "$")) == plain and not re.search(
            r"(?<!\\)\$[a-z{]", listed
        )
        listed = swift[swift.index("[String] = ") + 11 : swift.index("\n  private let model")]
        assert json.loads(listed) == plain

    def test_without_a_contract_or_labels_the_snippet_is_whole(self):
        text = fill.fill(LESSON.read_bytes(), "model.tflite", "kt")
        assert "listOf()" in text and fill.UNKNOWN in text

    def test_a_dynamic_batch_is_mentioned_where_swift_minds(self, models):
        assert "Convert it with a batch of 1" in fill.fill(
            models["float32"], "model.tflite", "swift"
        )

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (
                lambda graph: graph.inputs.extend(graph.inputs),
                "Found: float32, float32 in, float32 out. Write yours",
            ),
            (lambda graph: graph.outputs.clear(), "Found: float32 in, nothing out"),
            (
                lambda graph: setattr(graph.tensors[graph.inputs[0]], "type", 2),
                "Found: int32 in, float32 out",
            ),
        ],
    )
    def test_a_model_that_the_snippets_do_not_know_is_one_plain_message(self, change, words):
        model = flatbuffer.unpack(LESSON.read_bytes())
        graph = model.subgraphs[0]
        graph.inputs, graph.outputs, model.signatureDefs = (
            list(graph.inputs),
            list(graph.outputs),
            [],
        )
        change(graph)
        with pytest.raises(fill.FillError, match=re.escape(words)):
            fill.fill(flatbuffer.pack(model), "model.tflite", "kt")

    def test_the_command_says_what_is_wrong_and_writes_nothing(self, tmp_path):
        (tmp_path / "short.tflite").write_bytes(LESSON.read_bytes()[:5000])
        settings = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ["PYTHONPATH"]]),
        }
        for arguments, words in (
            (["short.tflite"], "a sound .tflite"),
            (["gone.tflite"], "No such file"),
            ([], "Write"),
        ):
            command = [sys.executable, ROOT / "deploy" / "phone" / "fill.py", *arguments]
            done = subprocess.run(
                command, cwd=tmp_path, env=settings, capture_output=True, text=True
            )
            assert done.returncode == 1 and words in done.stderr and "Traceback" not in done.stderr
        assert [file.name for file in tmp_path.iterdir()] == ["short.tflite"]
