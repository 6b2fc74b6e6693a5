"""`make report`: a model in, a verified .tflite and a report out, or one plain message and nothing."""

import json
import re

import nbformat
import numpy as np
import pytest

from conftest import real_models
from helpers import interpreter
from hub_to_tflite.file import identify, metadata
from hub_to_tflite.report import make
from hub_to_tflite.sandbox import processes
from tests import awkward


@pytest.fixture(scope="module")
def two_inputs(tmp_path_factory):
    """The report on a model of two inputs and two outputs, with two recipes and samples of its own."""
    folder = tmp_path_factory.mktemp("two inputs")
    processes.apart(awkward.two_inputs, str(folder / "model"))
    generator = np.random.default_rng(0)
    ids = generator.integers(0, 100, (40, 3), np.int32)
    np.savez(folder / "mine.npz", dense=generator.random((40, 8), np.float32), ids=ids)
    given = {
        "HANDLE": str(folder / "model"),
        "SAMPLES": str(folder / "mine.npz"),
        "RECIPES": "float32; int16x8",
    }
    return make.report(given, folder / "report", progress=False)


def test_all_that_a_colleague_needs_is_there(two_inputs):
    names = ["contract.json", "model.tflite", "model_card.md", "report.html", "report.ipynb"]
    assert sorted(path.name for path in two_inputs.iterdir()) == names
    assert [path.name for path in two_inputs.parent.iterdir()] == [two_inputs.name]
    told = metadata.read((two_inputs / "model.tflite").read_bytes())["contract"]
    assert set(told["inputs"]) == {"dense", "ids"} and set(told["outputs"]) == {"scores", "sum"}
    assert told == json.loads((two_inputs / "contract.json").read_text())
    assert told["tried on"] == "40 samples from mine.npz" and told["recipe"] == "float32"


def test_the_page_begins_with_the_recommendation_and_says_why_a_recipe_failed(two_inputs):
    text = re.sub(
        r"<[^>]+>",
        "",
        (two_inputs / "report.html").read_text(encoding="utf-8").partition("<body")[2],
    )
    assert text.index("Recommended: float32") < text.index("1. The model")
    assert "CAST" in text and "13 of the samples calibrate; the other 27 try" in text


def test_the_page_has_no_code_and_fetches_nothing_and_nothing_is_left_for_learners(two_inputs):
    page = (two_inputs / "report.html").read_text(encoding="utf-8")
    assert "processes.apart" not in page and "Your turn" not in page
    assert not re.search(r"""(src|<link[^>]*href)=["']?https?:""", page)
    assert not re.search(r'href="\d\d_', page), "a link to a lesson that is not beside the page"


def test_the_notebook_is_executed_and_its_code_is_folded(two_inputs):
    cells = [
        cell
        for cell in nbformat.read(two_inputs / "report.ipynb", 4).cells
        if cell.cell_type == "code"
    ]
    assert len(cells) > 15 and all(
        cell.execution_count and cell.metadata.jupyter.source_hidden for cell in cells
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"HANDLE": "digits/none/1"}, "There is no model 'digits/none/1'"),
        ({"RECIPES": "int4"}, "RECIPES must be"),
        ({"TOLERANCE": "some"}, "TOLERANCE must be"),
        ({"SAMPLES": "nowhere"}, "Samples come from.*'nowhere', which is not there"),
    ],
)
def test_a_wrong_parameter_is_one_sentence_and_leaves_nothing(given, words, tmp_path):
    with pytest.raises(make.ReportError, match=words) as caught:
        make.report(given, tmp_path, progress=False)
    assert "\n" not in str(caught.value) and list(tmp_path.iterdir()) == []


def test_a_report_that_fails_leaves_the_earlier_one(tmp_path):
    (tmp_path / "digits-none-1").mkdir()
    (tmp_path / "digits-none-1" / "report.html").write_text("earlier")
    with pytest.raises(make.ReportError):
        make.report({"HANDLE": "digits/none/1"}, tmp_path, progress=False)
    assert (tmp_path / "digits-none-1" / "report.html").read_text() == "earlier"


def test_paths_become_absolute_and_what_is_not_asked_has_the_lessons_default(tmp_path, monkeypatch):
    (tmp_path / "photos").mkdir()
    monkeypatch.chdir(tmp_path)
    given = make.parameters(
        {"HANDLE": "photos#serve", "SAMPLES": "photos", "RECIPES": "", "PATH": "x"}
    )
    assert given == {"HANDLE": f"{tmp_path}/photos#serve", "SAMPLES": f"{tmp_path}/photos"}
    assert make.parameters({"HANDLE": "https://tfhub.dev/x/1"}) == {
        "HANDLE": "https://tfhub.dev/x/1"
    }


def test_a_published_image_model_names_the_photos_before_and_after(real_hub, tmp_path):
    photos = real_models("photos")
    given = {
        "HANDLE": f"{real_hub}/rebuilt/mobilenet_v1_025_224/classification/1",
        "SAMPLES": str(photos),
    }
    out = make.report({**given, "RECIPES": "float32; float16"}, tmp_path, progress=False)
    assert identify.identify(out / "model.tflite").model.labels[0] == "background"
    page = (out / "report.html").read_text(encoding="utf-8")
    rows = re.findall(r"<tr>\s*<td>(SavedModel|float16)</td>(.*?)</tr>", page, re.DOTALL)
    named = [row for row in (re.findall("<td>(.*?)</td>", row) for _, row in rows) if len(row) == 4]
    assert (
        len(named) == 3 and named[0] == named[1] == named[2]
    )  # before; then before and after, side by side
    assert named[0][:2] == ["chickadee", "Egyptian cat"] and named[0][3] == "macaw"
    assert interpreter.load(out / "model.tflite")
