"""The gallery of errors: each still comes, is recognized as it is pasted, and its fix works."""

import html
import io
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

from hub_to_tflite.errors import explain, numbers, pasted
from tools import gallery

ENTRIES = explain.entries()
CAUSED = [entry for entry in ENTRIES if entry.code]


def named(text):
    """Return the name of the first entry that explains `text`, or None."""
    found = explain.explain(text)
    return found[0].name if found else None


def cause_again(stages):
    """Cause the errors of `stages`; they must come, be recognized, and end with their fix."""
    chosen = [entry for entry in CAUSED if entry.stage in stages]
    if sys.version_info < (3, 11):  # whose last Keras, 3.12, has no such format and no such error
        new = 'format="litert"', "keras.Input((2, 2, 3))"
        chosen = [entry for entry in chosen if not any(one in entry.code for one in new)]
    said = gallery.cause([entry.name for entry in chosen])
    wrong = {}
    for entry in chosen:
        text, failed = said[entry.name]
        found = [one.name for one in explain.explain(text)]
        if entry.pattern and entry.name not in found:
            wrong[entry.name] = f"taken for {found}: {text[-1500:]}"
        elif not entry.pattern and pasted.TRACEBACK in text:
            wrong[entry.name] = text[-1500:]
        elif failed:
            wrong[entry.name] = f"its fix fails: {failed[-1500:]}"
    assert not wrong, "\n".join(f"{name}: {text}" for name, text in wrong.items())
    return said


class TestLoading:  # a class for each half, so that each can have its own worker
    def test_every_error_still_comes_and_is_recognized_and_its_fix_works(self):
        cause_again(("install", "load", "device", "open", "run"))


class TestConverting:
    def test_every_error_still_comes_and_is_recognized_and_its_fix_works(self):
        said = cause_again(("convert", "quantize", "silent"))
        # The longest of them is some thousand characters of MLIR.
        assert max(len(text) for text, _ in said.values()) > 5_000


class TestGallery:
    def test_the_file_is_laid_out_as_its_writer_does(self):
        text = explain.GALLERY.read_text(encoding="utf-8")
        assert gallery.dumped(yaml.safe_load(text)) == text, "run: python -m tools.gallery --shown"

    def test_the_pages_are_as_generated_and_not_too_long_for_a_reader(self):
        files = [gallery.DOCS / "errors.md", *gallery.DOCS.glob("errors/*")]
        stored = {
            path.relative_to(gallery.DOCS).as_posix(): path.read_text("utf-8") for path in files
        }
        assert stored == gallery.pages(), "run: make errors"
        assert max(map(len, stored.values())) < 500_000  # from 512 kB on, GitHub shows no page

    def test_every_lesson_that_shows_an_error_is_named(self):
        printed = gallery.printed()
        shown = {e.name: [list(place) for place in e.shown] for e in ENTRIES}
        assert shown == {e.name: gallery.shown_in(e, printed) for e in ENTRIES}, (
            "run: python -m tools.gallery --shown"
        )

    def test_the_fields_of_every_entry_fit_together(self):
        assert len({entry.name for entry in ENTRIES}) == len(ENTRIES)
        assert len({gallery.link(entry) for entry in ENTRIES}) == len(ENTRIES)
        for entry in ENTRIES:
            texts = (
                entry.name,
                entry.cause,
                entry.fix,
                *entry.pattern,
                *entry.context,
                *entry.near,
            )
            assert all(texts) and all(isinstance(text, str) for text in texts), entry.name
            assert entry.stage in explain.STAGES, entry.name
            assert entry.kind in ("error", "notice", "frame"), entry.name
            assert bool(entry.symptom) != bool(entry.pattern), entry.name
            assert (entry.stage == "silent") == bool(entry.symptom), entry.name
            assert bool(entry.pattern) == bool(entry.seen), entry.name
            assert entry.code or entry.source.startswith("https://"), entry.name
            assert entry.code or not entry.fixed, entry.name
            assert bool(entry.also) == bool(entry.check), entry.name
            assert {one.name for one in ENTRIES} >= set(entry.also), entry.name

    def test_no_pattern_is_so_short_that_it_claims_what_it_does_not_know(self):
        for entry in ENTRIES:
            for pattern in entry.pattern:
                assert max(map(len, pattern.split("*"))) >= 7, pattern
                assert len(pasted.squeezed(pattern)) >= 13 or entry.context or entry.near, pattern

    def test_an_entry_is_not_hidden_by_one_before_it(self):
        for entry in ENTRIES:
            if entry.pattern:
                text = "\n".join([*entry.context, *entry.near[:1], entry.seen])
                assert entry.name in [one.name for one in explain.explain(text)], entry.name

    def test_there_are_enough_of_every_stage(self):
        stages = Counter(entry.stage for entry in CAUSED)
        assert min(stages[stage] for stage in explain.STAGES if stage != "device") >= 9

    def test_nothing_in_it_is_of_this_machine(self):
        text = "".join(gallery.pages().values())
        assert not re.search(
            r"/(home|root|tmp|Users|work)/|(?<!-)site-packages|0x[0-9a-f]{6,}|127\.0\.0\.1:\d{4,}",
            text,
        )


# The ways in which a message reaches us


def wrapped(text, width=80, start=""):
    return "\n".join(start + text[at : at + width] for at in range(0, len(text), width))


def traceback_of(text):
    return (
        "Traceback (most recent call last):\n"
        '  File "/home/a/run.py", line 9, in <module>\n'
        '    main("model.tflite")\n'
        "    ^^^^^^^^^^^^^^^^^^^^\n"
        '  File "/usr/lib/python3.11/site-packages/tensorflow_hub/module.py", line 71, in main\n'
        '    raise ValueError("The model is not a valid Flatbuffer buffer") if bad else run()\n'
        f"{text}\n"
    )


def indented(text, by):
    return "".join(by + line for line in text.splitlines(keepends=True))


LOG = "".join(
    f"2026-11-22 10:{n // 60:02}:{n % 60:02},123 - app - INFO - step {n}: loss 0.{n}, 12 ms\n"
    for n in range(200)
)
NOTICES = (
    "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"
    "/x/lite.py:11: UserWarning: Warning: tf.lite.Interpreter is deprecated and is scheduled for "
    "deletion in TF 2.20. Please use the LiteRT interpreter from the ai_edge_litert package.\n"
)
OTHER = "Traceback (most recent call last):\n  File 'x.py', line 1, in f\n    x[1]\nKeyError: 1\n"
AGAIN = "\nDuring handling of the above exception, another exception occurred:\n\n"
IPYTHON = """\x1b[31m-------------------------------------------------------------\x1b[39m
\x1b[31mValueError\x1b[39m                             Traceback (most recent call last)
\x1b[36mCell\x1b[39m\x1b[36m \x1b[39m\x1b[32mIn[7]\x1b[39m\x1b[32m, line 1\x1b[39m
\x1b[32m----> \x1b[39m\x1b[32m1\x1b[39m runner()

\x1b[36mFile \x1b[39m\x1b[32m~/.venv/tensorflow_hub/module.py:243\x1b[39m, in call
\x1b[32m    237\x1b[39m   \x1b[38;5;28;01mif\x1b[39;00m \x1b[38;5;129;01mnot\x1b[39;00m name:
\x1b[32m    238\x1b[39m     raise ValueError('The model is not a valid Flatbuffer buffer')
\x1b[32m--> \x1b[39m\x1b[32m243\x1b[39m   raise ValueError(

\x1b[31m%s\x1b[39m
"""
FORMS = {
    "the message alone": lambda text: text,
    "a traceback": traceback_of,
    "quoted": lambda text: indented(wrapped(text, 70), "> "),
    "quoted twice": lambda text: indented(traceback_of(wrapped(text, 70)), "> > "),
    "a quoted part": lambda text: "I get this:\n" + wrapped(text, 60, "> ") + "\nWhat now?",
    "cut at 80 columns": lambda text: wrapped(traceback_of(text), 80),
    "cut at 47 columns": lambda text: wrapped(text, 47),
    "a web page": lambda text: f"<pre><code>{html.escape(text)}</code></pre>",
    "curly quotes": lambda text: re.sub("'([^']*)'", "‘\\1’", text),
    "code in Markdown": lambda text: f"It says\n\n```python\n{traceback_of(text)}```\n\nWhy?",
    "a sentence before": lambda text: (
        "I get this error:\n\n" + indented(traceback_of(text), 4 * " ")
    ),
    "logcat": lambda text: wrapped(text, 90, "11-22 10:11:12.123  1234  5678 E tflite  : "),
    "Android Studio": lambda text: wrapped(
        text, 90, "2026-11-22 10:11:12.123  1234-5678  tflite  com.example.app  E  "
    ),
    "logcat, short": lambda text: wrapped(text, 90, "E/tflite  (12345): "),
    "pytest": lambda text: (
        "    def test_it():\n"
        ">       raise ValueError('The model is not a valid Flatbuffer buffer')\n"
        + wrapped(text, 60, "E       ")
        + "\n\ntensorflow_hub/test_it.py:3: ValueError\n=== 1 failed ===\n"
    ),
    "docker compose": lambda text: indented(traceback_of(text), "web-1  | "),
    "docker build": lambda text: indented(traceback_of(text), "#12 34.56 "),
    "Kubernetes": lambda text: indented(
        traceback_of(text), "2026-11-22T10:11:12.123456789Z stderr F "
    ),
    "Colab's log": lambda text: indented(
        traceback_of(text), "Nov 22, 2026, 10:11:12 AM\tWARNING\t"
    ),
    "a service's log": lambda text: indented(
        traceback_of(text), "Nov 22 10:11:12 server python[123]: "
    ),
    "a serial monitor": lambda text: wrapped(text, 70, "10:11:12.123 -> "),
    "colours": lambda text: "\x1b[31m" + text.replace(" ", " \x1b[1m") + "\x1b[0m",
    "IPython": lambda text: IPYTHON % text,
    "Rich": lambda text: wrapped(text, 76, "│ ").replace("\n", " │\n"),
    "the last of several": lambda text: OTHER + AGAIN + traceback_of(text),
    "the cause of another": lambda text: traceback_of(text) + AGAIN + OTHER,
    "after a long log": lambda text: LOG + NOTICES + traceback_of(text),
    "a JSON string": lambda text: traceback_of(text).replace("\n", "\\n").replace('"', '\\"'),
    "Windows": lambda text: traceback_of(text).replace("\n", "\r\n"),
}


# LiteRT says the same in Python; on a phone another entry has the way out.
ON_A_PHONE = dict.fromkeys(
    ("an op of TensorFlow", "Keras's export asked for TensorFlow's ops"),
    "Select TensorFlow ops on a phone",
)


class TestForms:
    @pytest.mark.parametrize("form", FORMS)
    def test_every_message_is_recognized_in_this_form(self, form):
        wrong = {}
        instead = ON_A_PHONE if form in ("logcat", "Android Studio", "logcat, short") else {}
        for entry in ENTRIES:
            if entry.kind == "notice" or not entry.pattern:
                continue
            text = FORMS[form](entry.seen)
            around = "".join(entry.context[:1]) + ("\n" if "\n" in text else " ")
            text = text if not entry.near else f"{entry.near[0]}0] {entry.seen}"
            found = [one.name for one in explain.explain(around + text)]
            if instead.get(entry.name, entry.name) not in found:
                wrong[entry.name] = found
        assert not wrong

    def test_bytes_that_are_not_utf_8_can_be_read(self):
        seen = "The model is not a valid Flatbuffer buffer"
        for content in (
            seen.encode() + b" \xff\xe9",
            seen.encode("utf-16"),
            b"\xff" + seen.encode(),
        ):
            assert named(explain.read(io.BytesIO(content))) == "another kind of file, LiteRT"

    def test_a_traceback_on_one_line_is_read(self):
        flat = " ".join(
            traceback_of("ValueError: Cannot set tensor: Dimension mismatch.").split("\n")
        )
        assert named(flat) == named(OTHER.replace("\n", " ") + AGAIN.strip() + " " + flat)
        assert named(flat) == named("ValueError: Cannot set tensor: Dimension mismatch.") != ""
        assert explain.explain(flat.replace("ValueError: C", "value: C")) == []

    def test_a_traceback_without_its_last_line_is_read_as_far_as_it_goes(self):
        frames = "\n".join(traceback_of("").splitlines()[:-2])
        raising = '    raise KeyError("it has never been called and thus has no defined input")'
        assert "ends inside a traceback" in explain.answer(frames)
        assert "ends inside a traceback" not in explain.answer(frames + "\nmy.OwnError: 1")
        assert named(f"{frames}\n{raising}") == "a Sequential that does not know its input"
        assert named(f"{frames}\n{raising}\nKeyError: 'x'") is None
        before = "ValueError: Cannot set tensor: Dimension mismatch.\n"
        assert "ends inside a traceback" in explain.answer(before + frames)
        assert "ends inside a traceback" not in explain.answer(frames + "\n" + before)

    def test_a_bare_name_is_no_other_error(self):
        text = "ValueError: Cannot set tensor: Dimension mismatch."
        for tail, said in (("ValueError", False), ("RuntimeError:", False), ("KeyError: 1", True)):
            again = f"{text}\n{traceback_of(tail)}"
            assert ("is not known" in explain.answer(again)) == said

    def test_lines_that_inform_are_no_error(self):
        for line in ("INFO:tensorflow:Skipping quant after a/add_fold", "I/tflite(12): Ready."):
            assert "but no error" in explain.answer(f"{line}\n{line}")
            assert "but no error" not in explain.answer(f"{line}\nKeyError: 'x'")
        assert "but no error" not in explain.answer(" ")

    def test_a_path_of_windows_holds_no_ends_of_lines(self):
        text = r"OSError: Unable to synchronously open file 'C:\new\nets\today.h5'"
        assert pasted.parts(text)[0].endswith(r"'C:\new\nets\today.h5'")
        assert pasted.parts(r'"one\nValueError: x\ny"')[0].endswith('ValueError: x y"')

    def test_a_megabyte_is_no_trouble(self):
        log = LOG * 90
        assert len(log) > 1_000_000
        assert named(log + traceback_of("ValueError: The model is not a valid Flatbuffer buffer"))
        assert explain.explain(log) == []
        assert explain.explain("(" * 1_000_000) == []

    def test_nothing_is_not_known(self):
        assert explain.explain("") == explain.explain(" \n") == explain.explain("\0\x1b[") == []


QUOTING = """Traceback (most recent call last):
  File "model.py", line 3, in <module>
    raise ValueError("The model is not a valid Flatbuffer buffer") if broken else KeyError("x")
    ~~~~~~~~~~~~~~~~~^^^
KeyError: 'x'
"""
STRANGERS = yaml.safe_load(Path(__file__).with_name("strangers.yaml").read_text(encoding="utf-8"))


REPORTS = yaml.safe_load(Path(__file__).with_name("reports.yaml").read_text(encoding="utf-8"))
FOUND = yaml.safe_load(Path(__file__).with_name("found.yaml").read_text(encoding="utf-8"))


class TestExplain:
    @pytest.mark.parametrize("report", REPORTS, ids=lambda report: report["text"][-60:])
    def test_what_people_brought_is_answered(self, report):
        found = [entry.name for entry in explain.explain(report["text"])]
        expected = [report["name"]] if report["name"] else []
        assert found == expected + ([report["also"]] if "also" in report else [])

    @pytest.mark.parametrize("post", FOUND, ids=lambda post: post["source"] + post["text"][-20:])
    def test_what_was_found_in_public_is_answered(self, post):
        assert named(post["text"]) == post["name"], post["means"]

    def test_most_of_what_was_found_in_public_is_known(self):
        known = [post for post in FOUND if post["name"]]
        assert len(FOUND) > 200 and len(known) >= 0.85 * len(FOUND)

    @pytest.mark.parametrize("text", [*STRANGERS, QUOTING])
    def test_a_stranger_is_not_claimed(self, text):
        assert explain.explain(text) == []

    def test_a_notice_does_not_answer_for_an_error(self):
        assert named(NOTICES) in ("tf.lite.Interpreter is old", "the XNNPACK notice")
        for error in (traceback_of("IndexError: list index out of range"), "Killed", "error: x"):
            assert explain.explain(NOTICES + error) == []
        assert "In it: " in explain.answer(NOTICES + "KeyError: 'x'")

    def test_of_two_that_match_the_special_one_is_chosen(self):
        text = "Encountered unresolved custom op: X.\nNode number 0 (X) failed to prepare."
        assert named("RuntimeError: " + text) == "a custom op"

    def test_it_takes_an_exception(self):
        assert named(ValueError("The model is not a valid Flatbuffer buffer"))
        assert explain.explain(ValueError("x")) == []

    def test_the_answer_says_the_cause_and_the_fix(self):
        said = explain.answer("Cannot set tensor: Tensor is unallocated.")
        assert re.match(
            r"Error: +Set before allocate\nStage: +Run\nCause: .*\nFix: .*allocate_tensors\(\)",
            said,
            re.DOTALL,
        )
        assert explain.answer("x").startswith("Not known") and "What to do" in explain.answer("x")
        lines = [*said.splitlines(), *explain.answer("x").splitlines()]
        assert max(map(len, lines)) <= 110

    def test_a_program_gets_plain_data(self):
        found = explain.to_json("Cannot set tensor: Tensor is unallocated.")
        assert found["known"] and found["entries"][0]["fix"]
        assert explain.to_json("x") == {"known": False, "entries": []}

    def test_it_loads_neither_tensorflow_nor_numpy(self):
        code = (
            "import sys; from hub_to_tflite.errors import explain; explain.answer('x'); "
            "print({'tensorflow', 'numpy'} & set(sys.modules))"
        )
        assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


JAVA = "Cannot copy to a TensorFlowLite tensor (x) with {} bytes from a Java Buffer with {} bytes."
SHAPE = "Cannot set tensor: Dimension mismatch. Got {} but expected {} for dimension {} of input 0."
KERAS = 'Input 0 of layer "a" is incompatible: expected shape={}, found shape={}'
OUTPUT = "Cannot copy from a TensorFlowLite tensor with shape {} to a Java object with shape {}."
NUMBERS = {
    JAVA.format(
        602112, 150528
    ): "602,112 bytes are 224 x 224 x 3 in float32, and 150,528 are 224 x",
    JAVA.format(150528, 602112): "150,528 bytes are 224 x 224 x 3 in uint8, and 602,112 are 224 x",
    JAVA.format(
        90000, 67500
    ): "150 x 150 x 3 in uint8: another dtype and another number of channels.",
    JAVA.format(921600, 1228800): "640 x 480 x 4 in uint8: another number of channels.",
    JAVA.format(
        270000, 1228800
    ): "or 300 x 300 x 3 in uint8; 1,228,800 are 320 x 320 x 3 in float32 or",
    JAVA.format(8, 23660): "8 bytes are 2 numbers of float32: no image",
    JAVA.format(4, 23660): "",
    JAVA.format(3, 1080000): "",
    JAVA.format(1012, 23660): "",
    JAVA.format(1000, 8000): "8,000 bytes are 8 times 1,000: several examples at once",
    JAVA.format(1004, 4016): "4,016 bytes are 4 times 1,004: that's float32, 4 bytes a value",
    SHAPE.format(3, 1, 3): 'the channels: yours has 3, and the file takes 1. `image.convert("L")`',
    SHAPE.format(
        4, 3, 3
    ): 'the channels: yours has 4, and the file takes 3. `image.convert("RGB")`',
    SHAPE.format(3, 224, 1): "the file has them last: `x.transpose(0, 2, 3, 1)`.",
    SHAPE.format(224, 3, 1): "the file has them first: `x.transpose(0, 3, 1, 2)`.",
    SHAPE.format(8, 1, 0): "Dimension 0 is the batch: 8 examples at once, where the file takes 1.",
    SHAPE.format(257, 512, 2): "dimension 2 of your array is 257, and the file's is 512: another",
    KERAS.format("(None, 28, 28, 1)", "(28, 28, 1)"): "without its first dimension, the batch.",
    KERAS.format("(28, 28)", "(1, 28, 28)"): "with one more dimension in front.",
    KERAS.format("(None, 28, 28, 1)", "(None, 784)"): "[any, 784] has 2 dimensions",
    KERAS.format(
        "(None, 28, 28, 3)", "(8, 3, 28, 28)"
    ): "channels first, and the file has them last",
    KERAS.format("(None, 28, 28, 3)", "(None, 28, 28, 1)"): "yours has 1, and the file takes 3.",
    KERAS.format("(None, 28)", "(None, 28)"): "",
    KERAS.format("(None, 1001)", "(None, 3)"): "dimension 1 of your array is 3, and the file's is",
    OUTPUT.format("[1, 1001]", "[1, 3]"): "1 is 1001 in the model's output, and 3 in",
    OUTPUT.format("[1, 9, 9, 1]", "[1, 9, 9, 3]"): "3 is 1 in the model's output, and 3 in your",
    OUTPUT.format("[1, 5]", "[5]"): "without its first dimension, the batch.",
    "ValueError: input size=921600, expected=150528.": "921,600 are 640 x 480 x 3",
}


class TestNumbers:
    @pytest.mark.parametrize(("text", "said"), NUMBERS.items())
    def test_what_the_numbers_tell_is_said(self, text, said):
        for form in (text, text.upper(), wrapped(text, 40)):
            told = numbers.told(pasted.squeezed(form))
            assert said in told and bool(told) == bool(said)

    def test_an_answer_has_it_before_the_cause(self):
        text = explain.answer("java.lang.IllegalArgumentException: " + JAVA.format(90000, 22500))
        assert re.search(r"(?s)Numbers: .* 150 x 150 x 1 in uint8.*\nCause: ", text)
        assert "Numbers" not in explain.answer("Cannot set tensor: Tensor is unallocated.")
