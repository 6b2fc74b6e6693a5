"""What the numbers of a message tell: 602,112 bytes are an image of 224 x 224 x 3 in float32.

Where they stand in a message, and what is said of them, is in numbers.yaml.
"""

import itertools
import math
import operator
import re
from functools import cache
from pathlib import Path

from hub_to_tflite import knowledge
from hub_to_tflite.errors import pasted

KNOWN = knowledge.load(Path(__file__).with_name("numbers.yaml"))
WORDS = KNOWN["words"]
FRAMES = [(640, 480), (320, 240), (1280, 720), (1920, 1080)]  # that cameras have
BYTES = {"float32": 4, "uint8": 1}


def told(part: str) -> str:
    """Return what the numbers of a squeezed message tell, as a sentence, or ""."""
    for kind in ("bytes", "values", "dimension"):
        if found := _found(kind, part):
            numbers = {name: int(number) for name, number in found.items()}
            return _dimension(**numbers) if kind == "dimension" else _counts(kind, **numbers)
    for kind in ("shapes", "outputs"):
        if found := _found(kind, part):
            return _shapes(kind, **{name: _shape(text) for name, text in found.items()})
    return ""


def _found(kind, part):
    """Return {name: text} of the numbers in a message of a kind, or None."""
    matches = (pattern.search(part) for pattern in _patterns(kind))
    return next((match.groupdict() for match in matches if match), None)


@cache
def _patterns(kind):
    number = r"[\[(]?[\d,?None-]+[\])]?" if kind in ("shapes", "outputs") else r"\d+"
    patterns = []
    for text in KNOWN[kind]:
        pattern = re.escape(pasted.squeezed(text)).replace(r"\*", pasted.GAP)
        pattern = re.sub(r"\\{(\w+)\\}", lambda name: f"(?P<{name[1]}>{number})", pattern)
        patterns.append(re.compile(pattern, re.IGNORECASE))
    return patterns


def _counts(unit, got, wanted):
    """Return a sentence on two numbers of bytes or values that should be the same."""
    sizes = BYTES if unit == "bytes" else {"": 1}
    ours, theirs = _images(got, sizes), [one for one in _images(wanted, sizes) if one[2] != 4]
    same = [(a, b) for a, b in itertools.product(ours, theirs) if a[:2] == b[:2]]
    parts = {"got": f"{got:,}", "wanted": f"{wanted:,}", "unit": unit}
    if same:
        a, b = min(same, key=lambda pair: sum(map(operator.ne, *pair)))  # what differs least
        others = [WORDS[what] for at, what in ((3, "dtype"), (2, "channels")) if a[at] != b[at]]
        parts |= {"got_as": _named(a), "wanted_as": _named(b), "other": " and ".join(others)}
        return WORDS["same image"].format(**parts)
    if wanted in (1, 3, 4, 12):  # a dynamic size stands in the file as 1
        return ""
    if unit == "bytes" and wanted <= 64 and wanted % 4 == 0:
        number = wanted // 4
        numbers = "number" if number == 1 else "numbers"
        return WORDS["few"].format(number=number, numbers=numbers, **parts)
    less, more = sorted((got, wanted))
    if ours and theirs and more != 4 * less:
        either = {"got_as": ours, "wanted_as": theirs}
        parts |= {name: " or ".join(map(_named, found[:2])) for name, found in either.items()}
        return WORDS["images"].format(**parts)
    if less and not more % less:
        several = "another dtype" if unit == "bytes" and more == 4 * less else "several"
        parts |= {"more": f"{more:,}", "less": f"{less:,}", "times": more // less}
        return WORDS["times"].format(several=WORDS[several], **parts)
    return ""


def _images(count, sizes):
    """Return the images that have so many bytes or values, as (width, height, channels, dtype)."""
    found = []
    for channels, dtype in itertools.product((3, 1, 4), sizes):
        pixels, rest = divmod(count, channels * sizes[dtype])
        side = math.isqrt(pixels)
        frames = [frame for frame in FRAMES if math.prod(frame) == pixels and channels > 1]
        frames += [(side, side)] if side**2 == pixels and side >= 8 else []
        if not rest and (channels != 4 or dtype != "float32"):  # RGBA comes from a screen
            found += [(*frame, channels, dtype) for frame in frames]
    return found


def _named(image):
    *shape, dtype = image
    return " x ".join(map(str, shape)) + (f" in {dtype}" if dtype else "")


def _dimension(got, wanted, axis):
    """Return a sentence on a dimension, counted from 0, that has another size than the file's."""
    parts = {"got": got, "wanted": wanted, "axis": axis}
    if axis == 0:
        return WORDS["batch"].format(**parts)
    if axis == 3 and {got, wanted} <= {1, 3, 4}:
        convert = WORDS["gray" if wanted == 1 else "colour"] if wanted != 4 else ""
        return WORDS["colours"].format(convert=convert, **parts).strip()
    if axis == 1 and got in (1, 3) and wanted > 8:
        return WORDS["channels first"]
    if axis == 1 and wanted in (1, 3) and got > 8:
        return WORDS["channels last"]
    return WORDS["dimension"].format(**parts)


def _shape(text):
    return [
        int(size) if size.isdecimal() else None for size in text.strip("[]()").split(",") if size
    ]


def _shapes(kind, got, wanted):
    """Return a sentence on two shapes of inputs or outputs; None is for what is open in one."""

    def fit(one, other):
        return len(one) == len(other) and all(a == b or None in (a, b) for a, b in zip(one, other))

    parts = {"got": got, "wanted": wanted, "given": len(got), "number": len(wanted)}
    parts = {name: str(part).replace("None", "any") for name, part in parts.items()}
    if fit(got, wanted[1:]):
        return WORDS["no batch"].format(**parts)
    if fit(got[1:], wanted):
        return WORDS["one batch"].format(**parts)
    if len(got) != len(wanted):
        return WORDS["rank"].format(**parts)
    for axis, (ours, theirs) in enumerate(zip(got, wanted)):
        if None not in (ours, theirs) and ours != theirs:
            if kind == "outputs" or len(got) != 4:
                plain = WORDS["output" if kind == "outputs" else "dimension"]
                return plain.format(got=ours, wanted=theirs, axis=axis)
            if fit([got[0], *got[2:], got[1]], wanted):
                return WORDS["channels first"]
            if fit([got[0], got[3], *got[1:3]], wanted):
                return WORDS["channels last"]
            return _dimension(ours, theirs, axis)
    return ""
