"""The rule that recommends a recipe, the numbers that it goes by, and what is written beside the file."""

import dataclasses
import json
import math

import numpy as np
import pytest

from helpers import convert, digits, handles
from hub_to_tflite.file import identify, metadata
from hub_to_tflite.report import card, compare, contracts, samples
from hub_to_tflite.sandbox import processes

LOGITS = np.array([[0.0, 5.0, 1.0], [9.0, 1.0, 2.0], [1.0, 2.0, 10.0], [3.0, 8.0, 0.0]])


@pytest.fixture(scope="module")
def file():
    """A course file."""
    saved_model = handles.fetch(handles.check(handles.DEFAULT))
    return convert.convert_cached(saved_model, "dynamic range")


def row(recipe, size, share=0.01, agree=100, total=100, correct=None):
    return compare.Row(recipe, None, size, share, share, agree, total, correct)


class TestJudge:
    def test_the_smallest_file_that_keeps_the_model_is_recommended(self):
        rows = [row("float32", 400), row("float16", 200), row("int8", 100, share=0.2)]
        decision = compare.judge(rows, 0.05)
        assert decision.recommended == "float16"
        assert decision.reasons["int8"] == (
            False,
            "a number is off by 0.2 of its output's range, more than 0.05",
        )

    def test_a_file_that_moves_top_1_too_often_is_not_where_classes_are_scored(self):
        rows = [row("float32", 400), row("int8", 100, agree=97)]
        assert compare.judge(rows, 0.05, "logits").recommended == "float32"
        assert compare.judge(rows, 0.05).recommended == "int8"

    def test_a_file_that_is_wrong_more_often_than_its_interval_allows_is_not(self):
        rows = [row("float32", 400, correct=95), row("int8", 100, agree=98, correct=85)]
        decision = compare.judge(rows, 0.05, "logits", 95)
        assert (
            decision.recommended == "float32"
            and "below its 95 % interval" in decision.reasons["int8"][1]
        )

    def test_a_recipe_that_failed_says_why_and_where_all_fail_none_is_recommended(self):
        decision = compare.judge([compare.Row("int8", error="no op Erfinv")], 0.05)
        assert decision.recommended is None and decision.reasons == {
            "int8": (False, "no op Erfinv")
        }
        assert "Recommended: none of them" in decision._repr_markdown_()

    def test_an_output_that_should_be_constant_and_is_not_never_keeps_the_model(self):
        assert compare.judge([row("int8", 1, share=math.inf)], 1e9).recommended is None


class TestMeasured:
    def test_the_numbers_are_those_that_were_planted(self, file):
        other = LOGITS.copy()
        other[0] = [6.0, 5.0, 1.0]  # off by 6 of a range of 10, and another top-1
        found = compare.measured(
            "int8", file, {"logits": LOGITS}, {"logits": other}, 50, 0.05, "logits", [1, 0, 2, 0]
        )
        assert (found.max_diff, found.share, found.agree, found.total, found.correct) == (
            6.0,
            0.6,
            3,
            4,
            2,
        )
        assert found.bytes == file.stat().st_size and found.model.ops[0].name == "CONV_2D"

    def test_samples_within_the_tolerance_are_counted_where_nothing_scores_classes(self, file):
        other = LOGITS + [[0.4], [0.6], [0.0], [-0.4]]
        assert compare.measured("x", file, {"y": LOGITS}, {"y": other}, 50, 0.05).agree == 3

    def test_the_worst_output_of_several_decides(self, file):
        before = {"a": LOGITS, "b": np.arange(4.0)}
        after = {"a": LOGITS + 1, "b": np.arange(4.0) + [0, 0, 0, 1.5]}
        found = compare.measured("x", file, before, after, 50, 0.05)
        assert found.share == 0.5 and found.per_output == {"a": (1.0, 0.1), "b": (1.5, 0.5)}

    def test_texts_and_endless_numbers_are_compared_too(self):
        texts = np.array(["one", "two"], object)
        apart, span = compare.compare({"t": texts}, {"t": np.array([b"one", b"too"], object)})["t"]
        assert apart.tolist() == [0, 1] and span == 1
        with pytest.raises(processes.Refused, match="1 of the 12 values.*no numbers"):
            compare.compare({"y": LOGITS}, {"y": np.where(LOGITS == 9, np.nan, LOGITS)})
        gaps = np.where(LOGITS == 9, -np.inf, LOGITS)
        apart, span = compare.compare({"y": gaps}, {"y": gaps + 1})["y"]
        assert apart.tolist() == [1, 1, 1, 1] and span == 10
        with pytest.raises(processes.Refused, match="numbers are missing"):
            compare.compare({"y": gaps}, {"y": LOGITS})
        with pytest.raises(processes.Refused, match="numbers are missing"):
            compare.compare({"y": np.full(3, np.nan)}, {"y": np.full(3, np.nan)})
        with pytest.raises(processes.Refused, match=r"has the shape \(4, 2\)"):
            compare.compare({"y": LOGITS}, {"y": LOGITS[:, :2]})

    def test_whole_numbers_may_be_classes_and_any_difference_counts(self, file):
        before, after = np.array([3, 4, 500, 999]), np.array([3, 5, 500, 999])
        assert compare.measured("x", file, {"y": before}, {"y": after}, 50, 0.05).share == 1

    def test_an_answer_that_is_the_same_for_all_is_measured_by_its_size(self, file):
        assert (
            compare.measured(
                "x", file, {"y": np.array([0.8])}, {"y": np.array([0.80004])}, 50, 0.05
            ).share
            < 1e-4
        )

    @pytest.mark.parametrize(
        ("handle", "reference", "labels", "is_one"),
        [
            ("https://x/classification/1", {"y": LOGITS}, None, True),
            ("https://x/feature_vector/1", {"y": LOGITS}, None, False),
            ("folder", {"y": LOGITS}, np.zeros(4), True),
            ("folder", {"y": np.full((4, 2), 0.5)}, None, True),  # shares of 1
            ("folder", {"y": LOGITS, "z": LOGITS}, np.zeros(4), False),
            ("folder", {"y": LOGITS[..., None]}, np.zeros(4), False),
        ],
    )
    def test_what_scores_classes_is_told_by_its_signs(self, handle, reference, labels, is_one):
        assert (compare.classifies(handle, reference, labels) is not None) == is_one


class TestReasons:
    def test_an_error_that_the_gallery_knows_is_told_in_its_words(self):
        said = (
            "'tf.Erfinv' op is neither a custom op nor a flex op\nSome ops are not supported by the native TFLite "
            "runtime, you can enable TF kernels fallback using TF Select.\nTF Select ops: Erfinv\nDetails:\n\ttf.Erfinv"
        )
        error = processes.Refused(said, "ConverterError")
        assert compare.reason(error).startswith("TF Select ops: Erfinv. ")
        assert len(compare.reason(error)) > 100

    def test_any_other_error_is_told_in_its_own_and_a_plain_one_as_it_is(self):
        assert (
            compare.reason(processes.Refused("no such thing", "KeyError"))
            == "KeyError: no such thing"
        )
        assert compare.reason(contracts.ContractError("It is so.")) == "It is so."
        assert len(compare.reason(processes.Refused("x" * 9000, "ValueError"))) < 420

    def test_recipes_that_failed_alike_are_told_together(self):
        told = compare.refusals({"int8": "no op A<b>", "float16": "other", "int16x8": "no op A<b>"})
        assert (
            told
            == "- **int8, int16x8** does not convert: no op A&lt;b>\n- **float16** does not convert: other"
        )


class TestParameters:
    def test_recipes_are_named_once_each_or_all(self):
        assert compare.wanted("all") == list(compare.recipes.RECIPES)
        assert compare.wanted(" int8; float32 ;int8") == ["float32", "int8"]

    @pytest.mark.parametrize("names", ["", ";", "int4", "int8, float16", None, ["int8"]])
    def test_a_wrong_recipe_gets_one_message_with_the_names(self, names):
        with pytest.raises(compare.VerdictError, match="RECIPES must be.*dynamic range; float16"):
            compare.wanted(names)

    @pytest.mark.parametrize("tolerance", [-1, "much", None, True, math.inf, math.nan])
    def test_a_wrong_tolerance_gets_one_message(self, tolerance):
        with pytest.raises(compare.VerdictError, match="TOLERANCE must be a number of 0 or more"):
            compare.allowed(tolerance)

    @pytest.mark.parametrize("threads", ["0", "two", "-1", "1.5"])
    def test_wrong_threads_get_one_message(self, threads, monkeypatch):
        monkeypatch.setenv("THREADS", threads)
        with pytest.raises(compare.VerdictError, match="THREADS must be a whole number"):
            compare.threads()

    @pytest.mark.parametrize(
        ("handle", "name"),
        [
            ("digits/mobilenet_v2/classification/1", "digits-mobilenet_v2-classification-1"),
            ("https://tfhub.dev/google/yamnet/1#serve", "google-yamnet-1-serve"),
            ("../models/mine.tar.gz", "models-mine"),
            ("/", "model"),
        ],
    )
    def test_a_handle_gives_a_name_for_files(self, handle, name):
        assert compare.slug(handle) == name

    def test_a_signature_is_split_from_a_handle_but_not_from_a_folder_with_such_a_name(
        self, tmp_path
    ):
        (tmp_path / "c#").mkdir()
        assert compare.split(f"{tmp_path}/c#") == (f"{tmp_path}/c#", None)
        assert compare.split(f"{tmp_path}/c##serve") == (f"{tmp_path}/c#", "serve")

    def test_an_out_with_a_users_own_files_is_left_alone(self, tmp_path):
        (tmp_path / "model.tflite").write_bytes(b"my own")
        with pytest.raises(
            compare.VerdictError, match="new or empty folder.*Found in .*: model.tflite"
        ):
            card.folder(tmp_path, "handle")
        (tmp_path / "contract.json").write_text("{}")  # now it is an earlier result
        assert card.folder(tmp_path, "handle") == tmp_path
        (tmp_path / "thesis.txt").write_text("mine too")
        with pytest.raises(compare.VerdictError, match="thesis.txt"):
            card.folder(tmp_path, "handle")

    def test_an_out_that_cannot_be_written_gets_one_message(self, tmp_path):
        (tmp_path / "file").write_text("x")
        with pytest.raises(compare.VerdictError, match="OUT must be a folder that can be written"):
            card.folder(tmp_path / "file", "handle")
        assert (tmp_path / "file").read_text() == "x"


class TestCard:
    @pytest.fixture
    def given(self, file):
        contract = contracts.Contract(
            "serving_default",
            {"images": contracts.Spec("float32", (None, 48, 48, 3))},
            {"logits": contracts.Spec("float32", (None, 10))},
        )
        inputs = {"images": digits.as_model_input(digits.load()[0][:20])}
        taken = samples.Samples(inputs, None, "20 test digits", "A warning.")
        measured = compare.Row(
            "dynamic range", file, 9, 0.1, 0.01, 20, 20, None, (1, 1, 1), 50, None
        )
        measured = dataclasses.replace(measured, model=identify.identify(file).model)
        labels = [f"digit {number}" for number in range(10)]
        described = card.contract_of("some/handle", contract, None, taken, "dynamic range", labels)
        return contract, taken, measured, labels, described

    def test_the_file_explains_itself_to_other_tools(self, given, file, tmp_path):
        *_, labels, described = given
        assert card.write(tmp_path, file, "some/handle", described, labels) == [
            "contract.json",
            "labels.txt",
            "model.tflite",
        ]
        told = metadata.read((tmp_path / "model.tflite").read_bytes())
        assert told["labels"] == labels and told["contract"] == described == json.loads(
            (tmp_path / "contract.json").read_text()
        )
        assert described["inputs"]["images"]["tried with"] == [0.0, 1.0]
        assert told["inputs"][0]["range"] is None, "what was tried is not what the model wants"

    def test_without_a_recommendation_no_model_is_left_over(self, given, tmp_path):
        (tmp_path / "model.tflite").write_bytes(b"of an earlier run")
        assert card.write(tmp_path, None, "some/handle", given[-1], []) == ["contract.json"]
        assert [path.name for path in tmp_path.iterdir()] == ["contract.json"]

    def test_the_card_says_what_is_known_and_what_is_not(self, given):
        contract, taken, measured, labels, described = given
        decision = compare.judge([measured], 0.05)
        text = card.card(
            "some/handle",
            contract,
            None,
            described,
            decision,
            [measured],
            labels,
            taken,
            "All try.",
            1,
        )
        words = [
            "Recommended: dynamic range",
            "20 test digits. All try. A warning.",
            "does not know this model",
        ]
        words += [
            "tried with numbers from 0 to 1",
            "10 labels, first 'digit 0'",
            "float32 (any, 48, 48, 3)",
        ]
        assert [one for one in words if one not in text] == []
