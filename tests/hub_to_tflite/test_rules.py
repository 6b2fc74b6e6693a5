"""The check without a run: it never says no where a run says yes, and gives reasons."""

import subprocess
import sys
from dataclasses import replace

import pytest

from conftest import real_models
from helpers import tinyhub
from hub_to_tflite.file import identify
from hub_to_tflite.targets import TARGETS, Run, browser, check


def test_what_the_rules_refuse_is_refused_by_a_run_too():
    refused = 0
    for path in sorted(real_models().rglob("*.tflite")):
        by_rules = check(path, run=False)
        wrong = [name for name in TARGETS if by_rules[name].takes is False]
        if not wrong:
            continue
        ran = check(path)
        assert not [name for name in wrong if ran[name].takes], path.name
        refused += len(wrong)
    assert refused > 20


@pytest.mark.parametrize(
    ("name", "target", "words"),
    [
        ("odd/custom_sinh", "Python", "LiteRT has no op Sinh."),
        ("odd/softplus_flex", "microcontroller", "TFLM has no op FlexSoftplus"),
        ("tflite/mobilenet_v2_1.0_224_uint8", "phone", "Nothing in the file speaks against it"),
        ("odd/string_input_model", "browser", "is string"),
    ],
)
def test_each_target_has_a_reason(name, target, words):
    assert words in check(real_models(f"{name}.tflite"), run=False)[target].reason


@pytest.mark.parametrize(("other", "advised"), [("float32", True), ("bool", False)])
def test_a_browser_is_advised_a_recipe_only_if_that_mends_it(other, advised):
    model = identify.identify(
        tinyhub.EMBEDDED / "digits/mobilenet_v2/classification/1.tflite"
    ).model
    outputs = [replace(model.outputs[0], dtype=dtype) for dtype in ("int8", other)]
    reason = browser.judge(replace(model, outputs=tuple(outputs)), Run()).reason
    assert "is int8" in reason and ("keeps float32 outside" in reason) == advised


def test_a_file_larger_than_every_flash_needs_no_run(tmp_path):
    content = real_models("tflite/mobilenet_v1_0.25_224_float.tflite").read_bytes()
    path = tmp_path / "large.tflite"
    path.write_bytes(content + bytes(2**23))
    target = check(path, run=False)["microcontroller"]
    assert target.takes is False and "8,388,608 of flash" in target.reason


def test_the_command_line_runs_nothing_if_told_so(tmp_path):
    path = real_models("odd/custom_sinh.tflite")
    command = [sys.executable, "-m", "hub_to_tflite", "check", "--not-run", str(path)]
    said = subprocess.run(command, capture_output=True, text=True).stdout
    assert "no: LiteRT has no op Sinh." in said and "memory" not in said
