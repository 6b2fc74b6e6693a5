"""What does this error mean, and what now? Answers from the gallery of errors, errors.yaml.

The gallery holds the messages of others: TensorFlow, Keras, LiteRT, pip, a phone. The course's own
messages say themselves what is wrong and what to do. No TensorFlow is needed.
"""

import re
import textwrap
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import BinaryIO

from hub_to_tflite import knowledge
from hub_to_tflite.errors import numbers, pasted

GALLERY = Path(__file__).with_name("errors.yaml")
WORDS = knowledge.load(Path(__file__).with_name("answer.yaml"))
STAGES = WORDS["stages"]  # name -> title
SHORT = 7  # letters: a shorter name of an op is often a part of others, so only exact forms fit
NEAR = 250  # characters before a message that hold the line of code that failed


@dataclass(frozen=True)
class Entry:
    """One error of the gallery.

    `pattern` holds the words of its message that stay the same; a * is for what changes, and white
    space and the kind of quotes do not count. With `context`, one of these words must also be
    somewhere in what was pasted; with `near`, in the code just before the message. The first entry
    that fits counts: the special comes before the general. `ops` are TensorFlow's, and stand for
    the patterns in which the converter says that LiteRT doesn't have them. An entry of kind
    "notice" is no error, and never answers where there is one; one of kind "frame" says where
    LiteRT stopped, not why.
    """

    stage: str
    name: str
    cause: str
    fix: str
    kind: str = "error"
    pattern: Sequence[str] = ()
    ops: Sequence[str] = ()
    context: Sequence[str] = ()
    near: Sequence[str] = ()
    symptom: str = ""  # what is seen where there is no message, in the stage "silent"
    also: Sequence[str] = ()  # names of entries whose message is the same: less likely causes
    check: str = ""  # how to tell this cause from those
    code: str = ""  # causes the error; without it the error is not caused here
    fixed: str = ""  # runs after `code`, where the fix is tried too
    source: str = ""
    seen: str = ""
    shown: Sequence = ()  # [notebook, section] of each lesson whose stored output shows it
    numbers: str = ""  # in an answer: what the numbers of that message tell

    @property
    def title(self):
        """The entry's heading on the page."""
        title = self.symptom or self.name
        return title[0].upper() + title[1:] if title.split()[0].strip(":").isalpha() else title


@cache
def entries() -> tuple[Entry, ...]:
    """Return all entries, in the order in which they are tried."""
    return tuple(map(_entry, knowledge.load(GALLERY)))


def _entry(fields):
    """Return an Entry; its lists may be written as their one word."""
    lists = {name: fields.get(name, ()) for name in ("pattern", "context", "near", "also")}
    lists = {name: [one] if isinstance(one, str) else one for name, one in lists.items()}
    for op in fields.get("ops", ()):
        forms = WORDS["op not there"][: 2 if len(op) < SHORT else None]
        lists["pattern"] = [*lists["pattern"], *(form.format(op=op) for form in forms)]
    return Entry(**fields | lists)


def explain(problem: str | BaseException) -> list[Entry]:
    """Return the entries that fit `problem`: an exception, or the text of a message or a log.

    The list has the likeliest first, and is empty if no entry fits. Of several exceptions the last
    one counts, and those before it only if that one is not known. Taught in
    30_fix_failed_conversions.
    """
    return _search(_text(problem))[0]


def _search(text):
    """Return (entries that fit, whether they fit the text's last error, a notice if none fits)."""
    parts = [pasted.squeezed(part) for part in pasted.parts(text)]
    whole, bare = pasted.squeezed(text), pasted.PATTERNS["exception"].fullmatch
    for kind in ("error", "frame"):
        for number, part in enumerate(parts):
            for entry in _likely(kind, part):
                if matches(entry, part, whole):
                    others = [other for other in entries() if other.name in entry.also]
                    found = [_filled(entry, part), *others]
                    later = [one for one in parts[:number] if not bare(one)]
                    return found, not later or bool(_first("frame", later[:1])), None
    notice = _first("notice", parts)
    return [notice] if notice and not _trouble(text) else [], True, notice


def _likely(kind, part):
    """Yield the entries of a kind, in order, that have a pattern whose longest words are there."""
    text = _folded(part)
    return (entry for words, entry in _longest(kind) if words in text)


@cache
def _longest(kind):
    """Return (the longest words of a pattern, its entry) for all patterns of a kind, in order."""
    every = [entry for entry in entries() if entry.kind == kind]
    return [(max(_pieces(one), key=len), entry) for entry in every for one in entry.pattern]


def _first(kind, parts):
    """Return the first entry of a kind that fits one of the squeezed messages, or None."""
    fit = (
        entry
        for words, entry in _longest(kind)
        if any(words in _folded(part) and matches(entry, part) for part in parts)
    )
    return next(fit, None)


def _trouble(text):
    """Return whether `text` speaks of an error in other lines than those of notices."""
    lines = filter(pasted.PATTERNS["trouble"].search, text.splitlines())
    return not all(_first("notice", [pasted.squeezed(line)]) for line in lines)


def matches(entry: Entry, part: str, whole: str | None = None) -> bool:
    """Return whether an entry fits `part`, a squeezed message; with `whole`, its context too."""
    if not any(_fits(pattern, part) for pattern in entry.pattern):
        return False
    return whole is None or (_holds(whole, entry.context) and _is_near(entry, whole))


def _holds(text, words):
    return not words or any(pasted.squeezed(word) in text for word in words)


def _is_near(entry, whole):
    starts = [_folded(whole).rfind(_pieces(pattern)[0]) for pattern in entry.pattern]
    return any(_holds(whole[max(0, start - NEAR) : start], entry.near) for start in starts)


def _fits(pattern, part):
    pieces, part = _pieces(pattern), _folded(part)
    if not all(map(part.__contains__, pieces)):
        return False
    return len(pieces) == 1 or bool(re.search(pasted.GAP.join(map(re.escape, pieces)), part))


@cache
def _pieces(pattern):
    return [_folded(pasted.squeezed(piece)) for piece in pattern.split("*")]


@lru_cache(maxsize=100)
def _folded(text):
    """Return `text` in lower case: a message may be typed after, or shouted."""
    return text.lower()


def _filled(entry, part):
    """Return an entry with what the message's numbers tell, and a frame's with its operator."""
    entry = replace(entry, numbers=numbers.told(part))
    if entry.kind != "frame" or "{operator}" not in entry.cause:
        return entry
    every = [re.search(pattern, part) for pattern in WORDS["operators"]]
    named = next(found for found in every if found).groupdict()
    number = f"operator {named['number']}, " if "number" in named else "the operator "
    operator, verb = number + named["operator"].upper(), named.get("verb", "run")
    cause = entry.cause.format(operator=operator, verb=verb, check=_checked(part))
    return replace(entry, cause=cause, symptom=f"LiteRT refused {operator}")


def _checked(part):
    """Return a sentence on the comparison in LiteRT's source that failed, or nothing."""
    found = re.search(r"\.cc:\d+(\S{3,120}?)\((\w+)!=(\w+)\)", part)
    if not found:
        return ""
    expression, *sides = found.groups()
    kind = ""
    if "type" in expression.lower():
        kind, types = "of types, ", WORDS["types"]
        known = {str(number): name for number, name in enumerate(types)}
        sides = [known.get(side, side) for side in sides]
    elif "dims->size" in expression or "NumDimensions" in expression:
        kind = "of numbers of dimensions, "
    return f" It is a comparison {kind}`{expression.replace('!=', ' != ')}`: {' and '.join(sides)}."


def answer(problem: str | BaseException) -> str:
    """Return what the gallery says about `problem`, as text for a terminal; see explain."""
    text = _text(problem)
    found, last, notice = _search(text)
    cut = pasted.cut_off(text)
    if not found:
        lines = list(WORDS["not_known"])
        if cut:
            lines.insert(1, WORDS["cut_off"])
        elif pasted.calm(text):
            lines = [WORDS["calm"]]
        if notice:
            lines += ["", f"(In it: {notice.name}. {notice.fix})"]
        return "\n".join(textwrap.fill(line, 110) for line in lines)
    blocks = []
    if cut or not last:
        blocks.append(textwrap.fill(WORDS["before"]["cut off" if cut else "not known"], 110))
    blocks += [_block(entry, number) for number, entry in enumerate(found)]
    return "\n\n".join(blocks)


def rows(entry: Entry, number: int = 0) -> list[tuple[str, str]]:
    """Return what is said of an entry, the `number`th of those that fit: (heading, text) pairs."""
    parts = {
        "Error": entry.title if entry.kind != "notice" else f"{entry.title} (no error)",
        "Stage": STAGES[entry.stage],
        "Numbers": entry.numbers,
        "Or" if number else "Cause": entry.cause,
        "Fix": entry.fix,
        "Check": entry.check,
        "Shown in": "; ".join(f"{notebook}, {section!r}" for notebook, section in entry.shown),
        "See also": entry.source,
        "Tried": "" if entry.code else "not caused here: reported by others",
    }
    return [(part, text) for part, text in parts.items() if text]


def _block(entry, number):
    layout = {"width": 110, "subsequent_indent": 10 * " ", "break_long_words": False}
    parts = [(f"{part + ':':10}", text) for part, text in rows(entry, number)]
    return "\n".join(textwrap.fill(text, initial_indent=head, **layout) for head, text in parts)


def to_json(problem: str | BaseException) -> dict:
    """Return the answer as plain data for a program: {"known": bool, "entries": [...]}."""
    told = ("name", "kind", "numbers", "cause", "fix", "check", "source", "seen", "shown")
    entries = []
    for entry in explain(problem):
        plain = {name: getattr(entry, name) for name in told}
        where = {"stage": STAGES[entry.stage]}
        entries.append(where | plain | {"caused_here": bool(entry.code)})
    return {"known": bool(entries), "entries": entries}


def read(stream: BinaryIO) -> str:
    """Return the text in a binary stream such as `sys.stdin.buffer`, also if it is not UTF-8."""
    content = stream.read()
    powershell = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    return content.decode("utf-16" if powershell else "utf-8-sig", errors="replace")


def _text(problem):
    if isinstance(problem, BaseException):
        return "".join(traceback.format_exception(problem))
    return problem
