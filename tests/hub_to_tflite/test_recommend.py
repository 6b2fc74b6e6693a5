"""The rule that recommends a recipe."""

import math

import pytest

from hub_to_tflite.report.compare import Result
from hub_to_tflite.report.recommend import recommend


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
    assert "needs more work" in decision.for_integers


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


def test_an_output_that_should_be_constant_and_is_not_is_never_within_a_tolerance():
    constant = result("int8", 1, math.inf)
    for one in (constant, Result(**constant.plain())):  # JSON has no infinity
        assert recommend([one], 1e9).recommended is None


@pytest.mark.parametrize(("recipes", "words"), [(["int8"], "is within"), (["float16"], "try the")])
def test_targets_with_integers_only_get_a_sentence(recipes, words):
    assert words in recommend([result(one, 9) for one in recipes], 0.05).for_integers
