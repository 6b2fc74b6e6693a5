"""What does this error mean, and what now? Answers from the gallery of errors; no TensorFlow.

python -m hub_to_tflite.errors.explain "The model is not a valid Flatbuffer buffer"
python my_program.py 2>&1 | python -m hub_to_tflite.errors.explain
"""

import json
import re
import sys
import textwrap
import traceback
from functools import cache
from pathlib import Path

from hub_to_tflite.errors import entries

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
TESTS = "tests/test_errors.py"
COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# A traceback also quotes code, and code near an error holds the messages of other errors.
FRAME = re.compile(
    r"^\s*File .+(:\d+|, line \d+).*|^\s*-+>.*|^\s+\d+( .*)?$|^\s{4,}.*|^Cell In.*", re.MULTILINE
)
CHAINED = re.compile(
    r"During handling of the above exception, another exception occurred:|"
    r"The above exception was the direct cause of the following exception:"
)
USAGE = """Explains an error of TensorFlow Hub, the converter, or LiteRT.

  python -m hub_to_tflite.errors.explain "the message"         or
  python my_program.py 2>&1 | python -m hub_to_tflite.errors.explain
"""
NOT_KNOWN = """Not known: no error of this course reads like that.

What to do next: read the last line of the traceback first. Make the call smaller until it still fails; look at what
goes into it (type, shape, dtype; for a file, its size and first bytes). Then search for the message, without your own
paths and numbers, at https://github.com/tensorflow/tensorflow/issues and https://github.com/google-ai-edge/LiteRT/issues.
Is there no message, only a wrong answer? See "No error at all" in docs/errors.md.
"""


def explain(problem):
    """Return the entries.Entry that fits `problem`, an exception or the text of a message or traceback, or None.

    In a traceback with several exceptions the last one counts, and the ones before it only if that one is not known.
    Taught in 09_fix_failed_conversions.
    """
    if isinstance(problem, BaseException):
        problem = "".join(traceback.format_exception(type(problem), problem, problem.__traceback__))
    parts = CHAINED.split(COLOUR.sub("", problem))
    return next(filter(None, map(_first_match, reversed(parts))), None)


def _first_match(text):
    """Return the first entry whose pattern is in the messages of `text`, or None."""
    words = plain(messages(text))
    return next(
        (entry for entry in entries.ENTRIES if entry.pattern and re.search(entry.pattern, words)),
        None,
    )


def messages(text):
    """Return `text` without the code that a traceback quotes."""
    text = textwrap.dedent(text)
    return FRAME.sub("", text) if re.search(r'^\s*File "|^\s*-+> ', text, re.MULTILINE) else text


def plain(text):
    """Return `text` on one line, with straight quotes, as the patterns expect it."""
    return " ".join(text.translate(str.maketrans("‘’“”", "''\"\"")).split())


@cache
def shown_in(entry):
    """Return where the lessons' stored outputs show an entry's message: a list of (file name, section)."""
    return [
        place
        for place, outputs in _printed().items()
        if entry.pattern and re.search(entry.pattern, plain(outputs))
    ]


@cache
def _printed():
    """Return {(notebook's file name, section): all text that its cells printed}."""
    printed = {}
    for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        section = ""
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                section = (re.findall(r"^#+ (.*)", source, re.MULTILINE) or [section])[-1]
            for output in cell.get("outputs", []):
                text = (
                    "".join(output.get("text", []))
                    + f" {output.get('ename', '')}: {output.get('evalue', '')} "
                )
                printed[path.name, section] = printed.get((path.name, section), "") + COLOUR.sub(
                    "", text
                )
    return printed


def answer(entry):
    """Return what the gallery says about an entry, as text for a terminal."""
    places = [f"{name}, {section!r}" for name, section in shown_in(entry)] or [
        f"{TESTS}, {entry.name!r}"
    ]
    parts = {
        "Stage": entries.STAGES[entry.stage],
        "Cause": entry.cause,
        "Fix": entry.fix,
        "Shown in": "; ".join(places),
    }
    if entry.source:
        parts["See also"] = entry.source
    return "\n".join(
        textwrap.fill(
            text,
            110,
            initial_indent=f"{part + ':':10}",
            subsequent_indent=10 * " ",
            break_long_words=False,
        )
        for part, text in parts.items()
    )


def main(words):
    """Explain `words`, or what is piped in; return the exit status."""
    text = " ".join(words)
    if not text and not sys.stdin.isatty():
        text = sys.stdin.buffer.read().decode(errors="replace")
    if not text.strip() or text in ("-h", "--help"):
        print(USAGE, end="")
        return 0 if text.strip() else 2
    entry = explain(text)
    print(answer(entry) if entry else NOT_KNOWN, end="\n" if entry else "")
    return 0 if entry else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
