"""A report: a model in, a verified .tflite and a page out, or one plain sentence and nothing."""

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import matplotlib
import nbformat
import numpy as np
import psutil
import pytest

from conftest import ROOT, real_models
from helpers import convert, digits, interpreter, tinyhub
from hub_to_tflite import sandbox
from hub_to_tflite.file import identify, metadata
from hub_to_tflite.report import card, compare, contracts, make, recommend, samples
from hub_to_tflite.report.contracts import Contract, Spec
from tests import awkward


def run(*arguments, **options):
    """Run the command; return (exit status, standard output, standard error)."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    command = [sys.executable, "-m", "hub_to_tflite", "report", *map(str, arguments)]
    done = subprocess.run(command, **pipes, **{"cwd": ROOT, **options})
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder with a model of two inputs, samples for it, and a model that does not convert."""
    folder = tmp_path_factory.mktemp("models")
    with sandbox.Worker() as tensorflow:
        tensorflow.call(awkward.two_inputs, str(folder / "mödel"))
        tensorflow.call(awkward.does_not_convert, str(folder / "not"))
    generator = np.random.default_rng(0)
    ids = generator.integers(0, 100, (40, 3), np.int32)
    np.savez(folder / "mine.npz", dense=generator.random((40, 8), np.float32), ids=ids)
    return folder


@pytest.fixture(scope="module")
def out(models):
    """The report on the model of two inputs, with two recipes and its own samples."""
    given = {"samples": models / "mine.npz", "recipes": "float32; int16x8"}
    return make.report(str(models / "mödel"), **given, out=models / "new" / "report")


class TestAReport:
    def test_all_that_a_colleague_needs_is_there(self, out):
        names = ["contract.json", "model.tflite", "model_card.md", "report.html", "report.ipynb"]
        assert sorted(path.name for path in out.iterdir()) == names
        contract = metadata.read((out / "model.tflite").read_bytes())["contract"]
        assert set(contract["inputs"]) == {"dense", "ids"}
        assert set(contract["outputs"]) == {"scores", "sum"}
        assert contract == json.loads((out / "contract.json").read_text())
        assert contract["evaluated on"] == "40 samples from mine.npz"
        assert contract["recipe"] == "float32"

    def test_the_page_begins_with_the_recommendation_and_says_why_a_recipe_failed(self, out):
        page = (out / "report.html").read_text(encoding="utf-8").partition("<body")[2]
        text = re.sub(r"<[^>]+>", "", page)
        assert text.index("Recommended: float32") < text.index("1. The model")
        assert "CAST" in text and "13 of the samples. Evaluation: the other 27" in text

    def test_the_page_has_no_code_and_fetches_nothing(self, out):
        page = (out / "report.html").read_text(encoding="utf-8")
        assert "sandbox.call" not in page
        assert not re.search(r"""(src|<link[^>]*href)=["']?https?:""", page)

    def test_a_tab_of_the_browser_has_the_models_name(self, out):
        page = (out / "report.html").read_text(encoding="utf-8")
        assert re.search("<title>(.*?)</title>", page)[1] == contracts.slug("mödel") == "mödel"

    def test_each_figure_has_a_text(self, out):
        page = (out / "report.html").read_text(encoding="utf-8")
        texts = re.findall(r'<img alt="([^"]*)', page)
        assert len(texts) == page.count("<img") == 2
        assert all(text.startswith("The figure") for text in texts)

    def test_the_notebook_is_executed_and_its_code_is_folded(self, out):
        cells = nbformat.read(out / "report.ipynb", 4).cells
        cells = [cell for cell in cells if cell.cell_type == "code"]
        assert len(cells) > 15 and all(cell.execution_count for cell in cells)
        assert all(cell.metadata.jupyter.source_hidden for cell in cells)

    def test_its_summary_says_what_and_where(self, out):
        words = make.summary(out)
        assert "Recommended: float32" in words and words.endswith("report.html")
        assert out.as_uri() in words and "labels.txt" not in words

    def test_what_it_measured_can_be_read_again(self, out):
        found = make.result(nbformat.read(out / "report.ipynb", 4))
        results = [compare.Result(**row) for row in found["rows"]]
        assert recommend.recommend(results, 0.05).recommended == found["recommended"] == "float32"


@pytest.mark.all
def test_a_published_image_model_names_the_photos_before_and_after(real_hub, tmp_path):
    out = make.report(
        f"{real_hub}/rebuilt/mobilenet_v1_025_224/classification/1",
        samples=real_models("photos"),
        recipes="float32; float16",
        out=tmp_path,
    )
    assert identify.identify(out / "model.tflite").model.labels[0] == "background"
    page = (out / "report.html").read_text(encoding="utf-8")
    rows = re.findall(r"<tr>\s*<td>(?:SavedModel|float16)</td>(.*?)</tr>", page, re.DOTALL)
    cells = [re.findall("<td>(.*?)</td>", row) for row in rows]
    named = [row for row in cells if len(row) == 4 and "yes" not in row]  # not the targets
    assert len(named) == 3 and named[0] == named[1] == named[2]  # before; before and after
    assert named[0][:2] == ["chickadee", "Egyptian cat"] and named[0][3] == "macaw"
    assert interpreter.load(out / "model.tflite")


class TestWhatFails:
    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"handle": "digits/none/1"}, "There is no model 'digits/none/1'"),
            ({"handle": ""}, "HANDLE must be text"),
            ({"handle": "photo.jpg"}, "photo.jpg, unknown"),
            (
                {"handle": "empty"},
                "a folder with a saved_model.pb. Found: empty, unknown. It is an",
            ),
            ({"handle": "old.h5"}, r"Found: old.h5, HDF5. Make one: .*old.h5.*export\(.*tf_keras"),
            ({"handle": "weights.h5"}, r"not a whole model. Build .*weights.h5.*export\("),
            (
                {"handle": "bare"},
                "bare, SavedModel without its variables.*variables.index. What to",
            ),
            ({"handle": "new.keras"}, r"Found: new.keras, Keras archive. Make one: .*export\("),
            ({"handle": "a.tflite"}, "a .tflite already.*hub-to-tflite check"),
            ({"recipes": "int4"}, "RECIPES must be.*dynamic range; float16"),
            ({"recipes": "; "}, "RECIPES must be"),
            ({"recipes": ["int8"]}, "RECIPES must be"),
            ({"tolerance": -1}, "TOLERANCE must be"),
            ({"tolerance": "some"}, "TOLERANCE must be"),
            ({"tolerance": float("nan")}, "TOLERANCE must be"),
            ({"tolerance": True}, "TOLERANCE must be"),
            ({"samples": "nowhere"}, "'nowhere', which is not there"),
            ({"out": "photo.jpg/out"}, "photo.jpg, Not a directory. Choose another with --out"),
            ({"out": "/proc/out"}, "folder that can be written. Found: /proc, "),
            ({"out": "own"}, "new or empty.*Found in own: model.tflite, thesis.txt"),
        ],
    )
    def test_a_wrong_parameter_is_one_sentence_and_costs_no_kernel(
        self, given, words, tmp_path, monkeypatch
    ):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(make, "execute", lambda *_: pytest.fail("a kernel was started"))
        (tmp_path / "empty").mkdir()
        (tmp_path / "own").mkdir()
        for name in ("own/thesis.txt", "own/model.tflite", "photo.jpg"):
            (tmp_path / name).write_bytes(b"my own")
        weights = b"\x89HDF\r\n\x1a\n" + bytes(100)
        (tmp_path / "weights.h5").write_bytes(weights)
        (tmp_path / "old.h5").write_bytes(weights + b"model_config")
        (tmp_path / "bare").mkdir()
        (tmp_path / "bare/saved_model.pb").write_bytes(b"\x08\x01\x12\x0bVarHandleOp")
        with zipfile.ZipFile(tmp_path / "new.keras", "w") as archive:
            for name in ("metadata.json", "config.json", "model.weights.h5"):
                archive.writestr(name, "{}")
        published = tinyhub.EMBEDDED / "digits/mobilenet_v2/classification/1.tflite"
        (tmp_path / "a.tflite").write_bytes(published.read_bytes())
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(make.ParameterError, match=words) as caught:
            make.report(**{"out": "out", **given})
        assert "\n" not in str(caught.value) and sorted(tmp_path.rglob("*")) == before

    def test_an_error_on_the_way_is_one_sentence_and_leaves_the_earlier_report(
        self, models, tmp_path
    ):
        np.save(tmp_path / "wrong.npy", np.zeros((20, 3, 3)))
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "report.html").write_text("earlier")
        words = "inputs are 'dense'.*'ids'.* Found: the array"
        with pytest.raises(make.ParameterError, match=words) as caught:
            make.report(models / "mödel", tmp_path / "wrong.npy", out=tmp_path / "out")
        assert "\n" not in str(caught.value)
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["report.html"]

    def test_a_model_that_does_not_convert_has_a_report_without_a_file(self, models, tmp_path):
        """Without a home, and where nothing can be written but the results."""
        given = [models / "not", "--recipes", "float32", "--out", tmp_path / "out"]
        fonts = {"MPLCONFIGDIR": matplotlib.get_cachedir()}  # without them it takes longer
        nowhere = {**os.environ, **fonts, "HOME": "/proc/none"}
        status, words, error = run(*given, cwd="/proc", env=nowhere)
        assert (status, error) == (0, "") and "Recommended: none of them" in words
        assert "Erfinv" in words and not (tmp_path / "out" / "model.tflite").exists()

    def test_a_kernel_that_dies_is_told_by_its_signal(self):
        cell = nbformat.v4.new_code_cell("import os; os.kill(os.getpid(), 6)")
        parameters = nbformat.v4.new_code_cell("A = 1", metadata={"tags": ["parameters"]})
        _, error = make.execute(nbformat.v4.new_notebook(cells=[parameters, cell]), {})
        said = str(make._explained(error))
        assert "signal 6 (SIGABRT)" in said and "memory" not in said

    def test_a_folder_here_that_cannot_be_written_is_one_sentence(self):
        status, words, error = run("digits/mobilenet_v2/classification/1", cwd="/proc")
        assert status == 2 and not words and error.count("\n") == 1 and "--out" in error

    @pytest.mark.all
    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="mounts a disk")
    def test_a_full_disk_is_one_sentence_and_nothing_is_left(self, models, tmp_path):
        mount = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(tmp_path)]
        if subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("no disk can be mounted here")
        try:
            with pytest.raises(make.ReportError, match="No space left on device.*--out") as caught:
                make.report(models / "mödel", recipes="float32", out=tmp_path / "out")
            assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())
        finally:
            subprocess.run(["umount", str(tmp_path)], check=True)

    @pytest.mark.parametrize("sent, to", [("SIGINT", "killpg"), ("SIGTERM", "kill")])
    def test_an_interrupted_one_ends_with_all_that_it_started(self, sent, to, tmp_path):
        command = [sys.executable, "-m", "hub_to_tflite", "report", "--out", str(tmp_path / "out")]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        command.append("digits/mobilenet_v2/classification/1")
        with subprocess.Popen(command, cwd=ROOT, start_new_session=True, **pipes) as process:
            started, patience = [], time.monotonic() + 60
            while len(started) < 2 and time.monotonic() < patience:  # the kernel, and its sandbox
                started = psutil.Process(process.pid).children(recursive=True)
                time.sleep(0.1)
            getattr(os, to)(process.pid, getattr(signal, sent))
            words, error = process.communicate(timeout=60)
        assert process.returncode == 130 and error.count("\n") == 1 and not words
        assert not psutil.wait_procs(started, timeout=30)[1]
        assert not list(tmp_path.iterdir())


def test_paths_become_absolute_and_the_folder_follows_from_where_one_is(tmp_path, monkeypatch):
    assert make.default_folder("report").parts[-2:] == ("build", "report")
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    assert make.absolute("photos#serve") == f"{tmp_path}/photos#serve"
    assert make.absolute("file://photos") == make.absolute(tmp_path / "photos")
    assert make.absolute("https://tfhub.dev/x/1") == "https://tfhub.dev/x/1"
    assert make.absolute("auto") == "auto" and make.absolute(20) == 20
    assert make.default_folder("report") == tmp_path / "report"


class TestTemplate:
    cells = nbformat.read(make.TEMPLATE, 4).cells

    def test_it_is_stored_without_outputs_and_says_nothing_of_a_lesson(self):
        code = [cell for cell in self.cells if cell.cell_type == "code"]
        assert not any(cell.outputs or cell.execution_count for cell in code)
        assert len([c for c in self.cells if "parameters" in c.metadata.get("tags", [])]) == 1
        assert max(len(cell.source.splitlines()) for cell in code) <= 20
        text = "\n".join(cell.source for cell in self.cells)
        assert not re.search(r"lesson|exercise|Your turn|notebooks/", text)

    def test_its_links_lead_to_this_project(self):
        address = re.search(r'Repository = "(.+)"', (ROOT / "pyproject.toml").read_text())[1]
        text = "\n".join(cell.source for cell in self.cells if cell.cell_type == "markdown")
        links = re.findall(r"\]\(([^)]+)\)", text)
        assert links and set(links) == {address}


class TestCard:
    @pytest.fixture
    def given(self):
        """What card.render takes, by name."""
        file = tinyhub.EMBEDDED / "digits/mobilenet_v2/classification/1.tflite"
        contract = Contract(
            "serving_default",
            {"images": Spec("float32", (None, 48, 48, 3))},
            {"logits": Spec("float32", (None, 10))},
        )
        inputs = {"images": digits.as_model_input(digits.load()[0][:20])}
        taken = samples.Samples(inputs, None, "20 test digits", "A warning.")
        result = compare.Result("int8", file, 9, 0.1, 0.01, 20, 20, None, (1, 1, 1), 50)
        result = dataclasses.replace(result, model=identify.identify(file).model)
        labels = [f"digit {number}" for number in range(10)]
        return {
            "handle": "some/handle",
            "contract": contract,
            "stated": contracts.of_file(file, contract),
            "entry": None,
            "described": card.describe("some/handle", contract, None, taken, "int8", labels),
            "decision": recommend.recommend([result], 0.05),
            "results": [result],
            "labels": labels,
            "taken": taken,
            "division": "Evaluation: all.",
            "threads": 1,
            "checked": {},
            "calls": "How to call it.",
        }

    def test_the_file_explains_itself_to_other_tools(self, given, tmp_path):
        labels, described = given["labels"], given["described"]
        names = ["contract.json", "labels.txt", "model.tflite"]
        path = given["results"][0].path
        assert card.write(tmp_path, path, "some/handle", described, labels) == names
        found = metadata.read((tmp_path / "model.tflite").read_bytes())
        assert found["labels"] == labels and found["contract"] == described
        assert described == json.loads((tmp_path / "contract.json").read_text())
        assert described["inputs"]["images"]["evaluated with"] == [0.0, 1.0]
        assert not found["inputs"][0]["description"], "it would say the shape again"
        assert found["inputs"][0]["range"] is None, "the samples' range is not what the model wants"

    def test_without_a_recommendation_no_model_is_left_over(self, given, tmp_path):
        (tmp_path / "model.tflite").write_bytes(b"of an earlier run")
        described = given["described"]
        assert card.write(tmp_path, None, "some/handle", described, []) == ["contract.json"]
        assert [path.name for path in tmp_path.iterdir()] == ["contract.json"]

    def test_its_calls_run_as_they_stand(self, given, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        contract, [result] = given["contract"], given["results"]
        Path("model.tflite").write_bytes(result.path.read_bytes())
        shapes = {"images": (None, 48, 48, 3)}
        each = [dataclasses.replace(result, recipe=recipe) for recipe in convert.RECIPES]
        texts = {card.usage(one, contract, given["stated"], shapes, "folder") for one in each}
        assert len(texts) == len(convert.RECIPES)
        for text in texts:
            _, code = re.findall(r"```python\n(.*?)\n```", text, re.DOTALL)
            found = {}
            exec(code, found)
            assert set(found["outputs"]) == set(contract.outputs)
        assert card.usage(None, contract, contract, {}, "folder") == ""

    @pytest.mark.parametrize(
        ("name", "signature", "shapes"),
        [
            ("two_signatures", "score", {"x": (1, 4)}),
            ("names_of_tf1", None, {"left/x:0": (1, 5), "right x": (1, 5)}),
        ],
    )
    def test_where_a_copy_was_converted_its_calls_make_one(
        self, name, signature, shapes, given, tmp_path, monkeypatch
    ):
        monkeypatch.chdir(tmp_path)
        with sandbox.Worker() as tensorflow:
            tensorflow.call(getattr(awkward, name), str(tmp_path / "odd"))
            contract = tensorflow.call(contracts.read, tmp_path / "odd", signature)
            best = dataclasses.replace(given["results"][0], recipe="float32")
            text = card.usage(best, contract, contract, shapes, tmp_path / "odd")
            code = re.findall(r"```python\n(.*?)\n```", text, re.DOTALL)[:2]
            tensorflow.call(exec, "\n".join(code), {})
            copy = tensorflow.call(contracts.read, tmp_path / "copy")
        assert (copy.signature, copy.others) == ("serving_default", ())
        assert [spec.shape for spec in copy.inputs.values()] == list(shapes.values())
        assert list(copy.outputs) == list(contract.outputs)

    def test_the_card_says_what_is_known_and_what_is_not(self, given):
        text = card.render(**given)
        words = [
            "Recommended: int8",
            "20 test digits. Evaluation: all. A warning.",
            "does not know this model",
            "evaluated with numbers from 0 to 1",
            "10 labels, first 'digit 0'",
            "float32 (any, 48, 48, 3)",
            "on 1 thread of one machine",
            "## Needs",
            "How to call it.",
        ]
        assert [one for one in words if one not in text] == []
        assert "{{" not in text and "\n\n\n" not in text
        nothing = [compare.Result("int8", failure="no")]
        given |= {"results": nothing, "decision": recommend.recommend(nothing, 0.05), "labels": []}
        text = card.render(**given)
        assert "No labels are known." in text and "## Needs" not in text
