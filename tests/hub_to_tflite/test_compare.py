"""The numbers that a report gives of each file, and what it says where there is none."""

import dataclasses
import math

import numpy as np
import pytest
from matplotlib import pyplot

from helpers import tinyhub
from hub_to_tflite import sandbox
from hub_to_tflite.file import identify
from hub_to_tflite.report import charts, compare, contracts, make, recommend
from hub_to_tflite.report.compare import ComparisonError

LOGITS = np.array([[0.0, 5.0, 1.0], [9.0, 1.0, 2.0], [1.0, 2.0, 10.0], [3.0, 8.0, 0.0]])
FILE = tinyhub.EMBEDDED / "digits/mobilenet_v2/classification/1.tflite"


def measure(reference, outputs, tolerance=0.05, scores=None, labels=None):
    names = {"reference": reference, "outputs": outputs}
    names = {n: one if isinstance(one, dict) else {"y": one} for n, one in names.items()}
    return compare.measure(
        "int8", FILE, **names, peak_mb=50, tolerance=tolerance, scores=scores, labels=labels
    )


class TestMeasure:
    def test_the_numbers_are_those_that_were_planted(self):
        other = LOGITS.copy()
        other[0] = [6.0, 5.0, 1.0]  # off by 6 of a range of 10, and another top-1
        found = measure(LOGITS, other, scores="y", labels=[1, 0, 2, 0])
        assert (found.max_error, found.relative_error) == (6.0, 0.6)
        assert (found.agree, found.total, found.correct) == (3, 4, 2)
        assert found.bytes == FILE.stat().st_size and found.model.ops[0].name

    def test_samples_within_the_tolerance_are_counted_where_nothing_scores_classes(self):
        assert measure(LOGITS, LOGITS + [[0.4], [0.6], [0.0], [-0.4]]).agree == 3

    def test_the_worst_output_of_several_decides(self):
        found = measure(
            {"a": LOGITS, "b": np.arange(4.0)},
            {"a": LOGITS + 1, "b": np.arange(4.0) + [0, 0, 0, 1.5]},
        )
        assert (found.output, found.max_error, found.relative_error) == ("b", 1.5, 0.5)

    def test_integers_may_be_classes_and_any_difference_counts(self):
        assert measure(np.array([3, 4, 500]), np.array([3, 5, 500])).relative_error == 1
        pixels = np.array([[0, 200]], np.uint8)
        assert measure(pixels, pixels - np.uint8(100) * (pixels > 0)).relative_error == 0.5

    def test_an_output_that_is_the_same_for_all_is_measured_by_its_size(self):
        assert measure(np.array([0.8]), np.array([0.80004])).relative_error < 1e-4
        assert measure(np.array([0.0]), np.array([0.1])).relative_error == math.inf
        table = compare.reference_table({"y": np.array([0.8, 0.8])}, 0.05)
        assert "| y | float64 | (2,) | 0.8 | 0.8 | 0.04 |" in table

    def test_an_output_without_numbers_is_no_error(self):
        empty = {"y": LOGITS, "none": np.zeros((4, 0))}
        assert measure(empty, empty).errors == {"y": 0, "none": 0}

    def test_what_json_cannot_hold_is_none_and_of_times_the_median_is_kept(self):
        result = compare.Result("int8", relative_error=math.inf, ratio=(1, 2, 3), bytes=9)
        plain = result.plain()
        assert plain["relative_error"] is None and plain["ratio"] == 2 and plain["bytes"] == 9
        assert "model" not in plain and compare.Result(**plain).ratio == 2


class TestErrors:
    def test_texts_and_infinity_are_compared_too(self):
        texts = np.array(["one", "two"], object)
        error, range_ = compare.errors({"t": texts}, {"t": np.array([b"one", b"too"], object)})["t"]
        assert error.tolist() == [0, 1] and range_ == 1
        gaps = np.where(LOGITS == 9, -np.inf, LOGITS)
        error, range_ = compare.errors({"y": gaps}, {"y": gaps + 1})["y"]
        assert error.tolist() == [1, 1, 1, 1] and range_ == 10

    def test_of_complex_numbers_both_parts_count(self):
        spectrum = np.array([[1 + 4j, 2 - 6j]])
        error, range_ = compare.errors({"y": spectrum}, {"y": spectrum + 3j})["y"]
        assert error.tolist() == [3] and range_ == 10

    @pytest.mark.parametrize(
        ("expected", "actual", "words"),
        [
            (LOGITS, np.where(LOGITS == 9, np.nan, LOGITS), "1 NaN or infinite of 12 values"),
            (np.where(LOGITS == 9, -np.inf, LOGITS), LOGITS, "in other positions"),
            (np.full(3, np.nan), np.full(3, np.nan), "or nothing else"),
            (LOGITS, LOGITS[:, :2], r"has the shape \(4, 2\), the SavedModel's \(4, 3\)"),
        ],
    )
    def test_what_cannot_be_compared_is_one_error(self, expected, actual, words):
        with pytest.raises(ComparisonError, match=words):
            compare.errors({"y": expected}, {"y": actual})


@pytest.mark.parametrize(
    ("handle", "reference", "labels", "scores"),
    [
        ("https://x/classification/1", {"y": LOGITS}, None, True),
        ("https://x/feature_vector/1", {"y": LOGITS}, None, False),
        ("folder", {"y": LOGITS}, np.zeros(4), True),
        ("folder", {"y": np.full((4, 2), 0.5)}, None, True),  # probabilities
        ("folder", {"y": LOGITS, "z": LOGITS}, np.zeros(4), False),
        ("folder", {"y": LOGITS[..., None]}, np.zeros(4), False),
        ("folder", {"y": LOGITS.astype(int)}, np.zeros(4), False),
    ],
)
def test_what_scores_classes_is_recognized_by_its_signs(handle, reference, labels, scores):
    assert (compare.scored_output(handle, reference, labels) is not None) == scores


class TestReasons:
    def test_an_error_that_the_gallery_knows_is_explained_in_its_words(self):
        error = sandbox.SandboxError(
            "ConverterError: 'tf.Erfinv' op is neither a custom op nor a flex op\n"
            "Some ops are not supported by the native TFLite runtime, "
            "you can enable TF kernels fallback using TF Select.\n"
            "TF Select ops: Erfinv\nDetails:\n\ttf.Erfinv",
            "exception",
        )
        words = compare.reason(error)
        assert words.startswith("TF Select ops: Erfinv. ") and len(words) > 100
        own = (
            "In its own words: ConverterError: 'tf.Erfinv' op is neither a custom op nor a flex op"
        )
        assert words.endswith(own)

    def test_any_other_error_keeps_its_own_and_a_long_one_is_cut(self):
        assert compare.reason(ComparisonError("It is so.")) == "It is so."
        assert len(compare.reason(ValueError("xyz " * 9000))) < 420

    def test_recipes_that_failed_alike_are_listed_together(self):
        listed = compare.failures(
            {"int8": "no op A<b>", "float16": "other", "int16x8": "no op A<b>"}
        )
        assert listed == (
            "- **int8, int16x8** do not convert: no op A&lt;b>\n"
            "- **float16** does not convert: other"
        )


class TestWords:
    def test_a_sound_has_no_batch_that_could_be_fixed(self):
        sound = contracts.Contract("s", {"x": contracts.Spec("float32", (None,))}, {})
        assert compare.fixed_batch({"float32": "no such file"}, sound) == ""

    def test_several_recipes_do_not_convert_and_each_op_is_named(self):
        error = "'tf.Lgamma' op is neither a custom op nor a flex op\nCustom ops: Erfinv"
        why = compare.reason(RuntimeError(error))
        assert "tf.Lgamma" in why and "Erfinv" in why
        assert "**a, b** do not convert" in compare.failures({"a": why, "b": why})

    def test_a_process_that_died_is_told_by_its_signal(self):
        said = "The process that ran x ended with signal 11 (SIGSEGV)."
        assert "crashed, with signal 11 (SIGSEGV)" in compare.reason(RuntimeError(said))

    def test_it_says_where_dynamic_range_changed_nothing_but_the_settings_in_the_file(self):
        model = identify.identify(FILE).model
        names, models = ("float32", "dynamic range"), (model, dataclasses.replace(model, size=9))
        same = [compare.Result(name, model=one) for name, one in zip(names, models)]
        assert "made the file of float32" in compare.short_table(same)
        assert "made the file" not in compare.short_table(same[:1])
        other = dataclasses.replace(model, constants={**model.constants, "int8": 1})
        other = [same[0], dataclasses.replace(same[1], model=other)]
        assert "made the file" not in compare.short_table(other)

    @pytest.mark.parametrize(
        "error",
        [
            OSError(28, "No space left on device"),
            sandbox.SandboxError("ResourceExhaustedError: No space left on device", "exception"),
        ],
    )
    def test_a_full_disk_is_no_recipes_fault(self, error):
        with pytest.raises(type(error), match="No space left"):
            compare.reason(error)
        assert "environment variable HUB_TO_TFLITE_CACHE" in str(make._explained(error))


class TestRemarks:
    def test_where_most_samples_get_one_class_that_is_said(self):
        mostly = np.array([[0.0, 1.0], [0.0, 2.0], [0.0, 3.0], [4.0, 0.0]])
        assert "3 of 4" in compare.alike({"y": mostly}, "y")
        assert "proves nothing" in compare.alike({"y": mostly[:3]}, "y")
        assert compare.alike({"y": mostly[2:]}, "y") == compare.alike({"y": LOGITS}, "y") == ""
        assert compare.alike({"y": mostly}, None) == ""

    def test_nan_of_the_savedmodel_itself_is_told_and_no_range_is_made_of_it(self):
        reference = {"y": np.where(LOGITS == 9, np.nan, LOGITS), "ids": np.arange(4)}
        assert "infinity for these samples: 1 of 12 in 'y'." in compare.not_numbers(reference)
        assert compare.not_numbers({"y": LOGITS, "text": np.array(["a"], object)}) == ""
        assert "| y | float64 | (4, 3) | 0 | 10 | 0.5 |" in compare.reference_table(reference, 0.05)

    def test_a_model_that_keeps_a_state_is_told(self):
        reference = {"y": LOGITS}
        assert compare.changing(reference, {"y": LOGITS[:2] + 1e-4}) == ""
        assert "keeps a state" in compare.changing(reference, {"y": LOGITS[:2] + 0.1})

    def test_labels_that_do_not_seem_to_be_the_models_are_doubted(self):
        assert compare.doubts({"y": LOGITS}, "y", None) == ""
        assert "one score for each class" in compare.doubts({"y": LOGITS}, None, np.zeros(4))
        scores = np.eye(10)[np.arange(450) % 10]
        right = np.arange(450) % 10
        assert compare.doubts({"y": scores}, "y", right) == ""
        few = np.where(np.arange(450) < 45, right, (right + 1) % 10)
        assert "45 of 450" in compare.doubts({"y": scores}, "y", few)


def test_each_of_several_outputs_has_a_row():
    both = {"y": LOGITS, "z": LOGITS}
    found = measure(both, {"y": LOGITS, "z": LOGITS + 0.1})
    assert found.errors == {"y": 0, "z": pytest.approx(0.01)}
    lines = compare.outputs_table([found, compare.Result("x", failure="no")]).splitlines()
    assert [line.split("|")[1:3] for line in lines[2:]][0] == [" output ", " int8 "]
    assert lines[4:] == ["| y | under 0.01 % |", "| z | 1 % |"]
    assert compare.outputs_table([measure(LOGITS, LOGITS)]) == ""
    endless = measure({"y": LOGITS, "z": 0 * LOGITS}, {"y": LOGITS, "z": LOGITS})
    assert endless.plain()["errors"] == {"y": 0, "z": None}


def test_texts_are_called_so_and_no_table_is_empty():
    texts = {"words": np.array([[b"a"], [b"b"]], object)}
    assert "| words | string | (2, 1) |" in compare.reference_table(texts, 0.05)
    assert compare.needs_table([compare.Result("x", failure="no")]) == "No file."


def test_of_class_ids_no_difference_is_within_a_tolerance():
    ids = {"id": np.array([3, 500])}
    assert "| id | int64 | (2,) | 3 | 500 | 0 |" in compare.reference_table(ids, 0.05)
    off = dataclasses.replace(measure(ids, {"id": np.array([3, 499])}), total=2)
    assert "of integers, booleans and texts" in recommend.accept(off, 0.05)[1]


@pytest.mark.parametrize(("runtime", "said"), [("1.5.0", "before 2.10"), ("2.17.0", "2.17.0")])
def test_a_release_that_is_older_than_all_of_today_is_not_told(runtime, said):
    """The converter writes 1.5.0 into a file with int16 activations, which came with 2.3."""
    model = identify.identify(FILE).model
    one = compare.Result("x", model=dataclasses.replace(model, runtime=runtime))
    assert compare.needs_table([one]).endswith(f"| {said} |")


@pytest.mark.parametrize(
    ("number", "text"),
    [(112.3, "112"), (1250, "1,250"), (0.051, "0.051"), (3.14, "3.1"), (2e-6, "under 0.0001")],
)
def test_a_bar_has_no_power_of_ten(number, text):
    assert charts.short(number) == text


@pytest.mark.parametrize("dtype", [np.float32, object])
def test_a_sample_without_numbers_is_drawn_too(dtype):
    axis = pyplot.figure().add_subplot()
    charts.sample(axis, np.zeros((3, 0), dtype))
    assert axis.get_title() == "no numbers"


def test_a_table_of_numbers_has_a_row_for_what_failed():
    found = measure(LOGITS, LOGITS, scores="y", labels=[1, 0, 2, 1])
    results = [found, compare.Result("x", failure="no")]
    lines = compare.numbers_table(results).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert "4 of 4" in lines[2] and "51.0% to 100.0%" in lines[2] and "failed" in lines[3]
    unlabelled = compare.numbers_table([measure(LOGITS, LOGITS), results[1]])
    assert "| x | failed |" in unlabelled and "right" not in unlabelled
    lines = compare.short_table(results).splitlines()
    assert len({line.count("|") for line in lines}) == 1
    assert f"{found.bytes:,} | y | under 0.01 % | 4 of 4" in lines[2] and "failed" in lines[3]


@pytest.mark.parametrize(("size", "axis"), [(900, "size in kB"), (5_000_000, "size in MB")])
def test_the_axis_of_sizes_has_a_unit_that_fits(size, axis, monkeypatch):
    from matplotlib import pyplot as plt

    monkeypatch.setattr(plt, "show", lambda: None)
    results = [compare.Result("int8", bytes=size, relative_error=0.01, agree=1, total=1)]
    charts.bars(recommend.recommend(results, 0.05), results)
    assert plt.gcf().axes[0].get_xlabel() == axis
    plt.close()
