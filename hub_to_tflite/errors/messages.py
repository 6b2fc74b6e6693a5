"""From what a person pastes to the messages in it, for terminals, logs, web pages and notebooks.

`parts` takes away what surrounds a message (colours, quoting, time stamps, a log's prefixes) and
the code that a traceback quotes, since code near an error often holds the words of other errors.
"""

import html
import re
import textwrap

LONGEST = 400_000  # characters that are looked at; of a longer text, the beginning and the end
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07|[\u200b\u200e\ufeff]")
TAGS = re.compile(
    r"</?(?:a|b|blockquote|br|code|details|div|em|i|kbd|li|p|pre|samp|span|strong|summary|td|tr|tt|ul)"
    r"(?:\s[^<>]*)?/?>",
    re.IGNORECASE,
)
BOXES = str.maketrans("│┃║╭╮╰╯┌┐└┘─━❱\u00a0", " " * 15)  # drawn around tracebacks by Rich
QUOTES = str.maketrans('"`‘’“”′', "'" * 7)

DATE = r"\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z| ?[+-]\d\d:?\d\d)?"
CLOCK = r"\d\d?:\d\d:\d\d(?:[.,]\d+)?"
PREFIX = re.compile(
    r"\s*(?:"
    + "|".join(
        [
            rf"\d\d-\d\d {CLOCK}\s+\d+\s+\d+ [VDIWEF] [^:]{{1,60}}?\s*: ?",  # logcat
            rf"{DATE}\s+\d+-\d+\s+\S+\s+\S+\s+[VDIWEF]\s{{1,2}}",  # Android Studio
            r"[VDIWEF]/[\w. -]{1,60}(?:\(\s*\d+\))?: ",  # logcat, short; Flutter
            rf"[VDIWEF]\d{{4}} {CLOCK}\s+\d+ [\w./-]+:\d+\] ",  # absl
            rf"{DATE}: [VDIWEF] [\w./-]+:\d+\] ",  # TensorFlow
            rf"{DATE} [\w .-]+\[\d+:\d+\] ",  # Xcode
            rf"[A-Z][a-z]{{2}} [ \d]\d {CLOCK} [\w.-]+ [\w./-]+(?:\[\d+\])?: ",  # syslog, journald
            rf"[A-Z][a-z]{{2}} \d\d?, \d{{4}}, {CLOCK}\s[AP]M[\s|]+(?:[A-Z]+[\s|]+)?",  # Colab
            rf"[\[(]?{DATE}[\])]?(?:\s*->)?:?(?:\s+std(?:err|out) [FP])?\s",
            rf"[\[(]?{CLOCK}[\])]?(?:\s*->)?\s",  # also Arduino's serial monitor
            r"(?:- )?[\w.]{1,60} - (?=(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)\b)",  # Python's logging
            r"(?:- )?\[?(?:DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL)\]?(?: -|:[\w.]+:)\s?",
            r"\[(?:DEBUG|INFO|WARN|WARNING|ERROR|CRITICAL|FATAL)\]\s",
            r"[\w.-]{1,60}[-_]\d+\s+\| ?",  # docker compose
            r"#\d+ \d+\.\d+ ",  # docker build
            r"##\[\w+\]",  # GitHub Actions
            r"std(?:err|out): ",
        ]
    )
    + r")"
)

EXCEPTION = re.compile(  # a line that names an exception: "ValueError: ...", "java.lang.X: ..."
    r"^\s*(?:\w+ )?(?:[A-Za-z_]\w*\.)*[A-Z]\w*"
    r"(?:Error|Exception|Interrupt|Exit|Iteration|Warning)\b(?::|\s*$)"
)
TROUBLE = re.compile(
    r"\b(?:[A-Z]\w*(?:Error|Exception)|Traceback|Segmentation fault|Aborted|core dumped|FATAL)\b"
    r"|\b(?:ERROR|[Ee]rror|panic)\b:?|\bfailed\b|\bKilled\b|terminate called|\bstatus: [1-9-]"
)
TRACEBACK = "Traceback (most recent call last)"
FILE = re.compile(
    r'^(\s*)(?:File "[^"]*", line \d+|File \S.*?:\d+, in |Cell In *\[|Input In *\[|<ipython-input-'
    r"|/\S+\.py in \S+\()"
)
ARROW = re.compile(r"^\s*-+> ?\d")
NUMBERED = re.compile(r"^\s*(?:-+> ?)?\d+(?:\s.*)?$")
STACK = re.compile(
    r"^\s*at [\w.$<>]+[ (].*[:)\d]\s*$|^\s*at (?:file|https?)://\S+$"
)  # Java, JavaScript
REPEATED = re.compile(r"^\s*\[Previous line repeated \d+ more times?\]|^[\s~^]+$")
PYTEST = re.compile(r"^E(?:\s{2,}(?=\S)|\s*$)")
CAPTURED = re.compile(r"^-+ Captured (?:std\w+|log) (?:setup|call|teardown) -+$")


def parts(text: str) -> list[str]:
    """Return the messages in `text`, as a list of plain texts, the one that tells most first.

    The last exception comes first, then those before it, then what came before all tracebacks.
    """
    lines = _lines(text)
    if any(PYTEST.match(line) and line.strip() != "E" for line in lines):
        return _pytest(lines)
    segments = [[]]
    for line in lines:
        if TRACEBACK in line:
            segments.append([])
        else:
            segments[-1].append(line)
    plain = [" ".join(" ".join(_without_code(segment)).split()) for segment in segments]
    return [part for part in reversed(plain) if part]


def squeezed(text: str) -> str:
    """Return `text` without white space and backslashes, and with one kind of quotes.

    What a terminal's margin, a mail program or a web page does to a message is gone then.
    """
    return "".join(text.translate(QUOTES).replace("\\", "").split())


def _lines(text):
    """Return the lines of `text` without what surrounds them."""
    if len(text) > LONGEST:
        text = text[: LONGEST // 4] + "\n" + text[-LONGEST * 3 // 4 :]
    if "\n" not in text.strip() and text.count("\\n") > 1:  # a string's own form, as in JSON
        text = text.replace("\\n", "\n").replace("\\t", "    ").replace('\\"', '"')
    text = ESCAPES.sub("", text)
    if TAGS.search(text) or re.search(r"&(?:lt|gt|amp|quot|nbsp|#\d+|#x[0-9a-fA-F]+);", text):
        text = html.unescape(TAGS.sub(lambda tag: "\n" if "br" in tag[0] else "", text))
    lines = textwrap.dedent(text.translate(BOXES).expandtabs(4)).splitlines()
    while (filled := [line for line in lines if line.strip()]) and all(
        line.lstrip().startswith(">") for line in filled
    ):
        lines = [re.sub(r"^\s*> ?", "", line) for line in lines]
    pytest = any(PYTEST.match(line) for line in lines)
    cleaned = []
    for line in lines:
        if not pytest:
            line = re.sub(r"^\s*(?:> ?)+", "", line)
        while found := PREFIX.match(line):
            line = line[found.end() :]
        if not line.lstrip().startswith("```"):
            cleaned.append(line.rstrip())
    return _joined(cleaned)


def _joined(lines):
    """Return `lines` with the lines `File "...", line 1` whole again that a margin has cut."""
    whole, rest = [], list(lines)
    while rest:
        line = rest.pop(0)
        for _ in range(3):
            if re.match(r'\s*File "', line) and not re.search(r'", line \d+', line) and rest:
                line += rest.pop(0)
        whole.append(line)
    return whole


def _pytest(lines):
    """Return the parts of what pytest prints: its E lines, and what it captured."""
    captured, keep = [], False
    for line in lines:
        if CAPTURED.match(line.strip()):
            keep = True
        elif re.match(r"^[=_-]{5,}", line):
            keep = False
        elif keep:
            captured.append(line)
    errors = [PYTEST.sub("", line) for line in lines if PYTEST.match(line)]
    return [
        part for part in (" ".join(" ".join(some).split()) for some in (errors, captured)) if part
    ]


def _without_code(lines):
    """Return `lines` without the frames of a traceback and the code that they quote."""
    ipython = any(ARROW.match(line) for line in lines)
    kept, indent, fresh = (
        [],
        None,
        False,
    )  # inside a frame: its indentation, and if it has just begun
    for line in lines:
        frame = FILE.match(line)
        here = len(line) - len(line.lstrip())
        if frame:
            indent, fresh = len(frame[1]), True
        elif STACK.match(line) or (ipython and NUMBERED.match(line)):
            fresh = False
        elif indent is None:
            kept.append(line)
        elif not line.strip() or REPEATED.match(line) or here > indent:
            fresh = False
        elif fresh and not EXCEPTION.match(line):
            fresh = False  # code that has lost its indentation
        else:
            indent = None
            kept.append(line)
    return kept
