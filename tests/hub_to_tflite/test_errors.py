"""The gallery of errors: each still comes, is recognised, and is shown as it was seen; strangers are not claimed."""

import json
import re
import subprocess
import sys
from collections import Counter

import pytest

from hub_to_tflite.errors import entries, explain
from tools import gallery

SEEN = json.loads(gallery.SEEN.read_text(encoding="utf-8"))
HALVES = {  # each starts TensorFlow once
    "until a file is open": ("install", "load", "open"),
    "from converting on": ("convert", "quantize", "run", "silent"),
}


@pytest.mark.parametrize("half", HALVES)
def test_every_error_still_comes_and_is_recognised(half):
    chosen = [entry for entry in entries.ENTRIES if entry.stage in HALVES[half]]
    said = gallery.cause([entry.name for entry in chosen])
    wrong = {}
    for entry in chosen:
        text, found = said[entry.name], explain.explain(said[entry.name])
        if entry.pattern and found is not entry:
            wrong[entry.name] = f"taken for {found and found.name!r}: {text[-1500:]}"
        elif not entry.pattern and "Traceback" in text:
            wrong[entry.name] = text[-1500:]
    assert not wrong, "\n".join(f"{name}: {text}" for name, text in wrong.items())
    if "convert" in HALVES[half]:  # the longest of them, some thousand characters of MLIR
        assert max(map(len, said.values())) > 5_000


class TestGallery:
    def test_the_page_is_as_generated(self):
        assert gallery.GALLERY.read_text(encoding="utf-8") == gallery.page(SEEN), "run: make errors"

    def test_every_entry_has_a_message_that_was_seen_and_is_its_own(self):
        assert list(SEEN) == [entry.name for entry in entries.ENTRIES], "run: make errors"
        for entry in entries.ENTRIES:
            assert bool(entry.pattern) == bool(SEEN[entry.name]) != bool(entry.symptom), entry.name
            assert not entry.pattern or explain.explain(SEEN[entry.name]) is entry, entry.name

    def test_there_are_enough_of_every_stage(self):
        stages = Counter(entry.stage for entry in entries.ENTRIES)
        assert set(stages) == set(entries.STAGES) and min(stages.values()) >= 10
        assert stages.total() - stages["silent"] >= 100

    def test_nothing_in_it_is_of_this_machine(self):
        text = gallery.GALLERY.read_text(encoding="utf-8")
        assert not re.search(
            r"/(home|root|tmp|Users|work)/|site-packages|0x[0-9a-f]{6,}|127\.0\.0\.1:\d{4,}", text
        )

    def test_a_message_that_a_lesson_prints_leads_to_its_section(self):
        entry = explain.explain(
            "Cannot set tensor: Dimension mismatch. Got 3 but expected 4 for input 0."
        )
        assert ("05_run_the_interpreter.ipynb", "2. Mistakes that speak") in explain.shown_in(entry)
        assert "*2. Mistakes that speak*" in gallery.GALLERY.read_text(encoding="utf-8")


IPYTHON = """\x1b[31m---------------------------------------------------------------------------\x1b[39m
\x1b[31mValueError\x1b[39m                                Traceback (most recent call last)
\x1b[36mCell\x1b[39m\x1b[36m \x1b[39m\x1b[32mIn[7]\x1b[39m\x1b[32m, line 1\x1b[39m
\x1b[32m----> \x1b[39m\x1b[32m1\x1b[39m runner()

\x1b[36mFile \x1b[39m\x1b[32m~/course/.venv/lib/ai_edge_litert/interpreter.py:243\x1b[39m, in call
\x1b[32m    237\x1b[39m   \x1b[38;5;28;01mif\x1b[39;00m input_name \x1b[38;5;129;01mnot\x1b[39;00m in self._inputs:
\x1b[32m    238\x1b[39m     raise ValueError('Invalid Input name (%s) for SignatureDef' % input_name)
\x1b[32m--> \x1b[39m\x1b[32m243\x1b[39m   raise ValueError(

\x1b[31mValueError\x1b[39m: Invalid number of inputs provided for running a SignatureDef, expected 1 vs provided 0
"""
QUOTING = """Traceback (most recent call last):
  File "model.py", line 3, in <module>
    raise ValueError("The model is not a valid Flatbuffer buffer") if broken else KeyError("x")
    ~~~~~~~~~~~~~~~~~^^^
KeyError: 'x'
"""
CHAIN = """Traceback (most recent call last):
  File "a.py", line 1, in <module>
    urlopen(address)
urllib.error.HTTPError: HTTP Error 404: Not Found

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "a.py", line 3, in <module>
    hub.load("model.tflite")
ValueError: Trying to load a model of incompatible/unknown type. 'model.tflite' contains neither 'saved_model.pb' nor
'saved_model.pbtxt'.
"""
UNKNOWN = [
    "KeyboardInterrupt",
    '  File "<stdin>", line 1\n    x = = 1\n        ^\nSyntaxError: invalid syntax',
    "IndentationError: unexpected indent",
    "NameError: name 'model' is not defined",
    "KeyError: 'x'",
    "ZeroDivisionError: division by zero",
    "ModuleNotFoundError: No module named 'torch'",
    "ImportError: cannot import name 'soft_unicode' from 'markupsafe'",
    "ERROR: No matching distribution found for torchvision==0.99",
    "ERROR: Could not build wheels for pandas, which is required to install pyproject.toml-based projects",
    "RuntimeError: mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)",
    "RuntimeError: Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!",
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB",
    "onnxruntime.capi.onnxruntime_pybind11_state.InvalidProtobuf: [ONNXRuntimeError] : 7 : INVALID_PROTOBUF",
    "ValueError: could not broadcast input array from shape (3,) into shape (4,)",
    "TypeError: 'NoneType' object is not callable",
    "FileNotFoundError: [Errno 2] No such file or directory: 'cat.jpg'",
    "PermissionError: [Errno 13] Permission denied: '/usr/lib'",
    "MemoryError",
    "The model is good and everything works.",
    QUOTING,
]


class TestExplain:
    @pytest.mark.parametrize("text", UNKNOWN)
    def test_a_stranger_is_not_claimed(self, text):
        assert explain.explain(text) is None

    def test_the_code_that_a_traceback_quotes_is_not_its_message(self):
        assert explain.explain(IPYTHON).name == "runner: too few or too many inputs"

    def test_of_several_exceptions_the_last_one_counts_and_a_line_may_be_broken(self):
        assert explain.explain(CHAIN).name == "hub.load on something else"
        assert explain.explain(
            CHAIN
            + "\nDuring handling of the above exception, another exception occurred:\nKeyError: 1"
        )

    def test_curly_quotes_and_a_quoted_block_do_no_harm(self):
        assert (
            explain.explain("    > ModuleNotFoundError: No module named ‘pkg_resources’").stage
            == "install"
        )

    def test_of_two_that_match_the_special_one_is_chosen(self):
        text = "RuntimeError: Encountered unresolved custom op: X.\nNode number 0 (X) failed to prepare."
        assert explain.explain(text).name == "a custom op"

    def test_an_error_counts_more_than_a_notice_before_it(self):
        notice = "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
        assert explain.explain(notice).name == "the XNNPACK notice"
        assert explain.explain(
            notice + "ParityError: x: 1 of 2 scores are not numbers."
        ).name.startswith("ledger")

    def test_it_takes_an_exception(self):
        assert (
            explain.explain(ValueError("The model is not a valid Flatbuffer buffer")).stage
            == "open"
        )
        assert explain.explain(ValueError("x")) is None


def command(*words, piped=None):
    """Run `python -m hub_to_tflite.errors.explain` and return its exit status and what it printed."""
    line = [sys.executable, "-m", "hub_to_tflite.errors.explain", *words]
    done = subprocess.run(
        line,
        input=piped,
        stdin=None if piped else subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert not done.stderr
    return done.returncode, done.stdout


class TestCommand:
    def test_it_answers_a_message_and_a_traceback(self):
        status, said = command("Cannot", "set", "tensor:", "Dimension mismatch.")
        assert status == 0 and re.match(
            r"Stage: +Run\nCause: .*\nFix: .*x\[None\].*05_run_the_interpreter", said, re.DOTALL
        )
        assert command(piped=CHAIN)[1].startswith("Stage:    Load")

    def test_it_says_plainly_what_it_does_not_know(self):
        status, said = command(piped="RuntimeError: CUDA out of memory")
        assert status == 1 and said.startswith("Not known") and "What to do next" in said

    def test_with_nothing_it_says_how_to_use_it(self):
        status, said = command()
        assert status == 2 and "python -m hub_to_tflite.errors.explain" in said

    def test_it_loads_no_tensorflow(self):
        code = "import sys; from helpers import explain; explain.explain('x'); print('tensorflow' in sys.modules)"
        assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "False"
