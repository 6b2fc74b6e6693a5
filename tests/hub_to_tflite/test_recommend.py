"""The rule that recommends a recipe."""

import math
from dataclasses import replace

import pytest

from helpers import tinyhub
from hub_to_tflite.file.identify import identify
from hub_to_tflite.report.compare import Result
from hub_to_tflite.report.recommend import recommend, wants_fixed_sizes
from hub_to_tflite.targets import TARGETS, Report, Target


def result(recipe, size, relative_error=0.01, agree=100, correct=None):
    return Result(recipe, None, size, relative_error, relative_error, agree, 100, correct)


def test_the_smallest_file_within_the_tolerance_is_recommended():
    results = [result("float32", 400), result("float16", 200), result("int8", 100, 0.2)]
    decision = recommend(results, 0.05)
    assert decision.recommended == "float16"
    assert decision.reasons["int8"] == (
        False,
        "a number is off by 0.2 of its output's range, more than 0.05",
    )
    assert "smallest of the 2" in decision.reasons["float16"][1]
    assert "int8 isn't accepted (a number is off" in decision.for_integers


def test_a_file_that_moves_top_1_too_often_is_not_where_classes_are_scored():
    results = [result("float32", 400), result("int8", 100, agree=97)]
    assert recommend(results, 0.05, "logits").recommended == "float32"
    assert recommend(results, 0.05).recommended == "int8"
    assert recommend([result("int8", 100, agree=98)], 0.05, "logits").recommended == "int8"


def test_a_file_that_is_wrong_more_often_than_its_interval_allows_is_not():
    results = [result("float32", 400, correct=95), result("int8", 100, agree=98, correct=85)]
    decision = recommend(results, 0.05, "logits", 95)
    assert decision.recommended == "float32"
    assert "below its 95 % interval" in decision.reasons["int8"][1]


def test_a_recipe_that_failed_says_why_and_where_all_fail_none_is_recommended():
    decision = recommend([Result("int8", failure="no op Erfinv")], 0.05)
    assert decision.recommended is None
    assert decision.reasons == {"int8": (False, "no op Erfinv")}
    assert "Recommended: none of them" in decision._repr_markdown_()


def test_one_refusal_is_told_once():
    names = ("float32", "int8", "int16x8")
    decision = recommend([Result(name, failure="no op A") for name in names], 0.05)
    text = f"{decision._repr_markdown_()} {decision!r} {decision.for_integers}"
    assert text.count("no op A") == 2 and text.count("the same as float32") == 5


def test_an_output_that_should_be_constant_and_is_not_is_never_within_a_tolerance():
    constant = result("int8", 1, math.inf)
    for one in (constant, Result(**constant.plain())):  # JSON has no infinity
        assert recommend([one], 1e9).recommended is None


@pytest.mark.parametrize(("recipes", "words"), [(["int8"], "is within"), (["float16"], "try the")])
def test_targets_with_integers_only_get_a_sentence(recipes, words):
    assert words in recommend([result(one, 9) for one in recipes], 0.05).for_integers


def test_an_int8_file_that_computes_in_floats_is_no_answer_for_integers_only():
    model = identify(tinyhub.EMBEDDED / "digits/mobilenet_v2/classification/1.tflite").model
    one = replace(result("int8", 9), model=replace(model, floats=("CONV_3D",)))
    assert "no int8 form of CONV_3D" in recommend([one], 0.05).for_integers
    assert "no int8 form of CONV_3D" in recommend([one], 0.05, target="edgetpu").reasons["int8"][1]
    assert recommend([replace(one, model=None)], 0.05, target="edgetpu").recommended == "int8"


@pytest.mark.parametrize("target", ["any", "edgetpu"])
def test_the_sentence_on_integers_agrees_with_what_a_microcontroller_takes(target):
    words = [
        recommend(
            [result("int8", 9)], 0.05, target=target, checked=checked(int8=takes)
        ).for_integers
        for takes in (True, False)
    ]
    assert "such as many microcontrollers" in words[0] and "No kernel" not in words[0]
    assert "such as" not in words[1] and words[1].endswith("not on microcontrollers: No kernel.")


def test_the_sentence_on_integers_is_left_out_where_it_is_no_answer():
    assert not recommend([result("int8", 9)], 0.05, target="browser").for_integers
    assert not recommend([Result("float32", failure="no op A")], 0.05).for_integers


def checked(**marks):
    """Return {recipe: a Report in which a microcontroller takes the file, or not}."""
    reports = {}
    for recipe, takes in marks.items():
        found = [Target(name, takes or name != "microcontroller", "No kernel.") for name in TARGETS]
        reports[recipe] = Report("f.tflite", (), tuple(found), True)
    return reports


class TestTarget:
    results = (result("float32", 400), result("int8", 200), result("dynamic", 100))
    reports = checked(float32=True, int8=True, dynamic=False)

    def test_a_file_that_the_target_refuses_is_never_recommended(self):
        decision = recommend(self.results, 0.05, target="microcontroller", checked=self.reports)
        assert "| accepted |" in decision._repr_markdown_()
        assert decision.recommended == "int8"
        assert decision.reasons["int8"][1].endswith("; the smallest of the 2 accepted")
        assert decision.reasons["dynamic"] == (
            False,
            "refused by the target, microcontroller: No kernel.",
        )
        assert "that nothing known keeps from the microcontroller" in decision.rule

    def test_by_default_the_smallest_says_what_it_costs(self):
        results = [replace(one, ratio=(1, 1.5, 2)) for one in self.results]
        decision = recommend(results, 0.05, checked=self.reports)
        assert decision.recommended == "dynamic"
        assert "Here it takes 1.5 times the time" in decision.costs
        assert "Not for microcontroller: No kernel." in decision.costs
        assert "any batch" not in decision.costs, "it isn't known to"
        assert not recommend([result("int8", 1)], 0.05, checked=checked(int8=True)).costs

    def test_of_an_open_batch_it_says_how_to_fix_it(self):
        model = identify(tinyhub.EMBEDDED / "digits/mobilenet_v2/classification/1.tflite").model
        dynamic = replace(result("int8", 1), model=model)
        costs = recommend([dynamic], 0.05, checked=checked(int8=False)).costs
        assert costs.splitlines()[-1].startswith("- This file takes any batch. With --target")
        assert "any batch" not in recommend([dynamic], 0.05, checked=checked(int8=True)).costs
        texts = replace(model, inputs=tuple(replace(x, dtype="string") for x in model.inputs))
        dynamic = replace(dynamic, model=texts)
        assert "any batch" not in recommend([dynamic], 0.05, checked=checked(int8=False)).costs

    def test_each_device_gets_fixed_sizes(self):
        assert not any(map(wants_fixed_sizes, ("any", "python")))
        assert all(map(wants_fixed_sizes, ("browser", "phone", "microcontroller", "edgetpu")))

    def test_for_python_a_slow_file_is_left_out_if_all_were_timed(self):
        times = {"float32": 1, "int8": 0.5, "dynamic": 1.1}
        results = [replace(one, ratio=(0, times[one.recipe], 9)) for one in self.results]
        assert recommend(results, 0.05, target="python").recommended == "int8"
        assert recommend(results, 0.05, target="phone").recommended == "dynamic"
        assert recommend(self.results, 0.05, target="python").recommended == "dynamic"

    def test_the_edge_tpu_takes_integers_only(self):
        decision = recommend(self.results, 0.05, target="edgetpu")
        assert decision.recommended == "int8"
        assert "integers only" in decision.reasons["float32"][1]
        assert "leaves the rest to the CPU" in decision.costs
        assert "CPU" not in recommend(self.results, 0.05).costs

    def test_a_target_that_could_not_be_tried_refuses_nothing(self):
        absent = {"int8": Report("f", (), tuple(Target(n, None, "") for n in TARGETS), True)}
        decision = recommend([result("int8", 1)], 0.05, target="browser", checked=absent)
        assert decision.recommended == "int8"


def test_where_only_one_number_is_off_both_are_said():
    decision = recommend([result("int8", 100, 0.2, agree=99)], 0.05, "logits")
    assert "more than 0.05, though the top-1 stays the same on 99 of 100" in decision.for_integers
