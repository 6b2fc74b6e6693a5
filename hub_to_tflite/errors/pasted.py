"""From what a person pastes to the messages in it, for terminals, logs, web pages and notebooks.

`parts` takes away what surrounds a message (colours, quoting, time stamps, a log's prefixes) and
the code that a traceback quotes, since code near an error often holds the words of other errors.
"""

import html
import re
import textwrap
from pathlib import Path

from hub_to_tflite import knowledge

LONGEST = 400_000  # characters that are looked at; of a longer text, the beginning and the end
BOXES = str.maketrans("│┃║╭╮╰╯┌┐└┘─━❱\u00a0", " " * 15)  # drawn around tracebacks by Rich
QUOTES = str.maketrans('"`‘’“”′', "'" * 7)
UNQUOTED = re.compile(r"(No ?module ?named ?)(\w(?:[\w.]*\w)?)")  # as Python 2 and people do
GAP = ".{0,300}?"  # what a * in a pattern may stand for
DRIVE = re.compile(r"\b[A-Za-z]:\\(?!\\)")  # of a path on Windows
TRACEBACK = "Traceback (most recent call last)"
DATE = r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z| ?[+-]\d\d:?\d\d)?"
CLOCK = r"\d\d?:\d\d:\d\d(?:[.,]\d+)?"


def _compiled(alternatives):
    pattern = "|".join(alternatives).replace("{date}", DATE).replace("{clock}", CLOCK)
    return re.compile(pattern)


KNOWN = knowledge.load(Path(__file__).with_name("pasted.yaml"))
PATTERNS = {name: _compiled(alternatives) for name, alternatives in KNOWN.items()}


def parts(text: str) -> list[str]:
    """Return the messages in `text`, as a list of plain texts, the one that tells most first.

    The last exception comes first, then those before it, then what came before all tracebacks.
    """
    lines, of_pytest = _lines(text), PATTERNS["pytest"]
    errors = [of_pytest.sub("", line) for line in lines if of_pytest.match(line)]
    if any(errors):
        segments = [_captured(lines), errors]
    else:
        segments = [[]]
        for line in lines:
            first, *rest = line.split(TRACEBACK)
            if not rest:
                segments[-1].append(first)
            segments.extend([_flattened(one)] for one in rest)
        segments = map(_without_code, segments)
    plain = [" ".join(" ".join(segment).split()) for segment in segments]
    return [part for part in reversed(plain) if part]


def cut_off(text: str) -> bool:
    """Return whether `text` ends inside a traceback, before the line that says what is wrong."""
    lines = _lines(text.rpartition(TRACEBACK)[2].removeprefix(":"))
    framed = any(map(PATTERNS["frame"].match, lines))
    return framed and not any(line.strip() for line in _without_code(lines))


def calm(text: str) -> bool:
    """Return whether there are lines in `text`, and each says itself that it's no error."""
    lines = [line for line in text.splitlines() if line.strip()]
    return bool(lines) and all(map(PATTERNS["calm"].match, lines))


def squeezed(text: str) -> str:
    """Return `text` without white space and backslashes, and with one kind of quotes.

    What a terminal's margin, a mail program or a web page does to a message is gone then.
    """
    text = UNQUOTED.sub(r"\1'\2'", text)
    squeezed = "".join(text.translate(QUOTES).replace("\\", "").split())
    return UNQUOTED.sub(r"\1'\2'", squeezed)


def _lines(text):
    """Return the lines of `text` without what surrounds them."""
    if len(text) > LONGEST:
        text = text[: LONGEST // 4] + "\n" + text[-LONGEST * 3 // 4 :]
    if "\n" not in text.strip() and text.count("\\n") > 1 and not DRIVE.search(text):  # JSON's form
        text = text.replace("\\n", "\n").replace("\\t", "    ").replace('\\"', '"')
    text = PATTERNS["escape"].sub("", text)
    if PATTERNS["tag"].search(text) or PATTERNS["entity"].search(text):
        text = PATTERNS["tag"].sub(lambda tag: "\n" if "br" in tag[0] else "", text)
        text = html.unescape(text)
    lines = textwrap.dedent(text.translate(BOXES).expandtabs(4)).splitlines()
    while (filled := [line for line in lines if line.strip()]) and all(
        line.lstrip().startswith(">") for line in filled
    ):
        lines = [re.sub(r"^\s*> ?", "", line) for line in lines]
    pytest = any(map(PATTERNS["pytest"].match, lines))
    cleaned = []
    for line in lines:
        if not pytest:
            line = re.sub(r"^\s*(?:> ?)+", "", line)
        while found := PATTERNS["prefix"].match(line, _indent(line)):
            line = line[found.end() :]
        if not re.fullmatch(r"\s*```[\w-]*\s*", line):
            cleaned.append(line.rstrip())
    return _joined(cleaned)


def _indent(line):
    return len(line) - len(line.lstrip())


def _joined(lines):
    """Return `lines` with the lines `File "...", line 1` whole again that a margin has cut."""
    text = "\n".join(lines)
    for _ in range(3):
        text = re.sub(r'^([^\S\n]*File "(?!.*", line \d).*)\n', r"\1", text, flags=re.MULTILINE)
    return text.split("\n")


def _flattened(rest):
    """Return the exception of a traceback that stands on one line, or nothing."""
    after = re.split(r'File "[^"]*", line \d+', rest)[-1]
    found = PATTERNS["inline"].search(after)
    return after[found.start() :] if found else ""


def _captured(lines):
    """Return what pytest captured: each section begins with a line of dashes."""
    sections = re.split(r"^ *(?=[=_-]{5,})", "\n".join(lines), flags=re.MULTILINE)
    heads_and_bodies = [section.partition("\n")[::2] for section in sections]
    return [body for head, body in heads_and_bodies if PATTERNS["captured"].match(head)]


def _without_code(lines):
    """Return `lines` without the frames of a traceback and the code that they quote.

    Where it ends inside a frame that raises, that code stays: it holds the message's words.
    """
    ipython = any(map(PATTERNS["arrow"].match, lines))
    kept, raising = [], []
    indent, fresh = None, False  # inside a frame: its indentation, and whether it has just begun
    for line in lines:
        if indent is not None and (raising or PATTERNS["raise"].match(line)):
            raising.append(line)
        if PATTERNS["frame"].match(line):
            indent, fresh, raising = _indent(line), True, []
        elif PATTERNS["stack"].match(line) or (ipython and PATTERNS["numbered"].match(line)):
            fresh = False
        elif indent is None:
            kept.append(line)
        elif not line.strip() or PATTERNS["repeated"].match(line) or _indent(line) > indent:
            fresh = False
        elif fresh and not PATTERNS["exception"].match(line):
            fresh = False  # code that has lost its indentation
        else:
            indent, raising = None, []
            kept.append(line)
    return kept + raising
