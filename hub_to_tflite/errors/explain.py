"""What does this error mean, and what now? Answers from the gallery of errors, errors.yaml.

The gallery holds the messages of others: TensorFlow, Keras, LiteRT, pip, a phone. The course's own
messages say themselves what is wrong and what to do. No TensorFlow is needed.
"""

import re
import textwrap
import traceback
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import BinaryIO

from hub_to_tflite.errors import messages

GALLERY = Path(__file__).with_name("errors.yaml")
STAGES = {
    "install": "Install and import",
    "load": "Load from a hub, a SavedModel or a Keras file",
    "open": "Open a .tflite",
    "convert": "Convert",
    "quantize": "Quantize and prune",
    "run": "Run",
    "device": "Phones, microcontrollers and browsers",
    "silent": "No error at all",
}
LONGEST_GAP = 300  # characters that a * in a pattern may stand for
NEAR = 250  # characters before a message that hold the line of code that failed
NOT_KNOWN = """\
Not known: no error in the gallery reads like that.

What to do next: read the last line of the traceback first, and give the whole traceback here if \
you gave less. Make the call smaller until it still fails; look at what goes into it (type, shape, \
dtype; for a file, its size and first bytes). Then search for the message, without your own paths \
and numbers, at https://github.com/tensorflow/tensorflow/issues and \
https://github.com/google-ai-edge/LiteRT/issues.
Is there no message, only wrong output? See "No error at all" in docs/errors.md."""


@dataclass(frozen=True)
class Entry:
    """One error of the gallery.

    `pattern` holds the words of its message that stay the same; a * is for what changes, and white
    space and the kind of quotes do not count. With `context`, one of these words must also be
    somewhere in what was pasted; with `near`, in the code just before the message. The first entry
    that fits counts: the special comes before the general. An entry of kind "notice" is no error,
    and never answers where there is one; one of kind "frame" says where LiteRT stopped, not why.
    """

    stage: str
    name: str
    cause: str
    fix: str
    kind: str = "error"
    pattern: tuple = ()
    context: tuple = ()
    near: tuple = ()
    symptom: str = ""  # what is seen where there is no message, in the stage "silent"
    also: tuple = ()  # names of entries whose message is the same: less likely causes
    check: str = ""  # how to tell this cause from those
    code: str = ""  # causes the error; without it the error is not caused here
    fixed: str = ""  # runs after `code`, where the fix is tried too
    source: str = ""
    seen: str = ""
    shown: tuple = ()  # (notebook, section) of the lessons whose stored output shows it

    @property
    def title(self):
        """The entry's heading on the page."""
        title = self.symptom or self.name
        return title[0].upper() + title[1:] if title.split()[0].strip(":").isalpha() else title


@cache
def entries() -> tuple[Entry, ...]:
    """Return all entries, in the order in which they are tried."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return tuple(map(_entry, yaml.load(GALLERY.read_text(encoding="utf-8"), loader)))


def _entry(fields):
    for name in ("pattern", "context", "near", "also"):
        value = fields.get(name, ())
        fields[name] = (value,) if isinstance(value, str) else tuple(value)
    fields["shown"] = tuple(map(tuple, fields.get("shown", ())))
    return Entry(**fields)


def explain(problem: str | BaseException) -> list[Entry]:
    """Return the entries that fit `problem`: an exception, or the text of a message or a log.

    The list has the likeliest first, and is empty if no entry fits. Of several exceptions the last
    one counts, and those before it only if that one is not known. Taught in
    09_fix_failed_conversions.
    """
    return _search(_text(problem))[0]


def _search(text):
    """Return (the entries that fit, whether it is the last error of the text that they fit)."""
    parts = [messages.squeezed(part) for part in messages.parts(text)]
    whole = messages.squeezed(text)
    for kind in ("error", "frame"):
        for number, part in enumerate(parts):
            for entry in entries():
                if entry.kind == kind and matches(entry, part, whole):
                    found = [_filled(entry, part), *map(_named, entry.also)]
                    return found, number == 0 or _is_frame(parts[0])
    return ([] if _trouble(text) else _notices(parts)), True


def _is_frame(part):
    return any(matches(entry, part) for entry in entries() if entry.kind == "frame")


def matches(entry: Entry, part: str, whole: str | None = None) -> bool:
    """Return whether an entry fits `part`, a squeezed message; with `whole`, its context too."""
    if whole is not None and not (_holds(whole, entry.context) and _is_near(entry, whole)):
        return False
    return any(_fits(pattern, part) for pattern in entry.pattern)


def _holds(text, words):
    return not words or any(messages.squeezed(word) in text for word in words)


def _is_near(entry, whole):
    starts = [whole.rfind(_pieces(pattern)[0]) for pattern in entry.pattern]
    return any(_holds(whole[max(0, start - NEAR) : start], entry.near) for start in starts)


def _fits(pattern, part):
    pieces = _pieces(pattern)
    if not all(piece in part for piece in pieces):
        return False
    gap = f".{{0,{LONGEST_GAP}}}?"
    return len(pieces) == 1 or bool(re.search(gap.join(map(re.escape, pieces)), part))


@cache
def _pieces(pattern):
    return [messages.squeezed(piece) for piece in pattern.split("*")]


def _named(name):
    return next(entry for entry in entries() if entry.name == name)


def _filled(entry, part):
    """Return a frame's entry with the operator that the message names in its words."""
    found = re.search(r"Nodenumber(\d+)\((\w+)\)failedto(\w+?)(?:\.|$|[^a-z])", part)
    if entry.kind != "frame" or not found:
        return entry
    number, operator, verb = found.groups()
    cause = entry.cause.format(number=number, operator=operator, verb=verb)
    return replace(entry, cause=cause, symptom=f"LiteRT refused operator {number}, {operator}")


def _notices(parts):
    found = [e for e in entries() if e.kind == "notice" and any(matches(e, p) for p in parts)]
    return found[:1]


def _trouble(text):
    """Return whether `text` speaks of an error in other lines than those of notices."""
    notices = [entry for entry in entries() if entry.kind == "notice"]
    lines = [line for line in text.splitlines() if messages.TROUBLE.search(line)]
    return any(not any(matches(e, messages.squeezed(line)) for e in notices) for line in lines)


def answer(problem: str | BaseException) -> str:
    """Return what the gallery says about `problem`, as text for a terminal; see explain."""
    text = _text(problem)
    found, last = _search(text)
    if not found:
        notices = _notices([messages.squeezed(part) for part in messages.parts(text)])
        said = "".join(f"\n\n(In it: {entry.name}. {entry.fix})" for entry in notices)
        return "\n".join(textwrap.fill(line, 110) for line in (NOT_KNOWN + said).split("\n"))
    blocks = [] if last else ["The last error in this text is not known. The one before it:"]
    blocks += [_block(found[0], "Cause")]
    blocks += [_block(entry, "Or") for entry in found[1:]]
    return "\n\n".join(blocks)


def _block(entry, first):
    parts = {
        "Error": entry.title if entry.kind != "notice" else f"{entry.title} (no error)",
        "Stage": STAGES[entry.stage],
        first: entry.cause,
        "Fix": entry.fix,
        "Check": entry.check,
        "Shown in": "; ".join(f"{notebook}, {section!r}" for notebook, section in entry.shown),
        "See also": entry.source,
    }
    if not entry.code:
        parts["Tried"] = "not caused here: reported by others"
    return "\n".join(
        textwrap.fill(
            text,
            110,
            initial_indent=f"{part + ':':10}",
            subsequent_indent=10 * " ",
            break_long_words=False,
        )
        for part, text in parts.items()
        if text
    )


def to_json(problem: str | BaseException) -> dict:
    """Return the answer as plain data for a program: {"known": bool, "entries": [...]}."""
    found = explain(problem)
    told = ("name", "kind", "cause", "fix", "check", "source", "seen")
    return {
        "known": bool(found),
        "entries": [
            {
                "stage": STAGES[entry.stage],
                **{name: getattr(entry, name) for name in told},
                "shown": [list(place) for place in entry.shown],
                "caused_here": bool(entry.code),
            }
            for entry in found
        ],
    }


def read(stream: BinaryIO) -> str:
    """Return the text in a binary stream such as `sys.stdin.buffer`, also if it is not UTF-8."""
    content = stream.read()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):  # what PowerShell pipes
        return content.decode("utf-16", errors="replace")
    return content.decode("utf-8-sig", errors="replace")


def _text(problem):
    if isinstance(problem, BaseException):
        return "".join(traceback.format_exception(problem))
    return problem
