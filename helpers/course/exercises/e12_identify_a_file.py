"""The exercises of 12_identify_a_file."""

import tempfile
import zipfile
from pathlib import Path

import numpy as np

from helpers.course.exercises import Exercise, ask, shown, wanted


def _is_tflite(is_tflite):
    random = np.random.default_rng(12)
    first, rest = random.bytes(3) + b"\xff", random.bytes(300)  # not UTF-8
    cases = [
        (first + b"TFL3" + rest, True, "the first bytes of a .tflite"),
        (b"\x1c\x00\x00\x00TFL3", True, "the first eight bytes of a .tflite"),
        (b"\n\x00\x00\x00TFL3" + rest, True, "a .tflite whose first byte is a line break"),
        (b"<!DOCTYPE html><title>What is TFL3?</title>", False, "a web page that mentions TFL3"),
        (b"TFL3" + rest, False, "bytes that begin with TFL3"),
        (first + b"\x00TFL3" + rest, False, "bytes with TFL3 one byte too late"),
        (first + b"TFL2" + rest, False, "another identifier, TFL2"),
        (b"\x89HDF\r\n\x1a\n" + rest, False, "an HDF5 file"),
        (b"TFL3", False, "a file of four bytes"),
        (b"", False, "an empty file"),
    ]
    for head, right, case in cases:
        found = ask(is_tflite, head, none=True)
        said = f"For {case}, {head[:12]}, it returns"
        if found is None:
            return f"{said} nothing (None). Does it return True or False in each case?"
        if wanted(found, (bool, np.bool_)) == right:
            continue
        advice = "Only bytes 4 to 7 count, and all four of them."
        if right:
            advice = (
                "In Python bytes 4 to 7 are the slice [4:8], which ends before 8: four bytes. "
                "Compare them with b'TFL3', which is bytes too."
            )
        return f"{said} {bool(found)}. {advice}"
    return None


def _labels_in(labels_in):
    random = np.random.default_rng(13)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.tflite")
        for labels in (["cat", "dog", "a red fox"], None, ["größer", "kleiner"], ["yes"]):
            path.write_bytes(random.bytes(4) + b"TFL3" + random.bytes(500))
            if labels:
                with zipfile.ZipFile(path, "a") as archive:
                    archive.writestr("about.txt", "not a label\n")
                    archive.writestr("labels.txt", "\n".join(labels) + "\n")
                    archive.writestr("more.txt", "not a label either\n")
            reason = _compared(ask(labels_in, path), labels or [])
            if reason:
                return reason
    return None


def _compared(found, labels):
    """Return what is wrong with the labels that were found, or None."""
    if not isinstance(found, (list, tuple)):
        advice = "Split it into lines." if isinstance(found, (str, bytes)) else ""
        return f"It should return a list of texts. Found: {shown(found)}. {advice}".strip()
    if not all(isinstance(label, str) for label in found):
        return f"A label is text. Found: {shown(found[0])}. Bytes become text with .decode()."
    if list(found) == labels:
        return None
    if [label.strip() for label in found if label.strip()] == labels:
        return f"Nearly: there's a line break or an empty label left. Found: {list(found)}."
    if not labels:
        return f"Nothing is packed into this file, so it should return []. Found: {list(found)}."
    return f"The labels are {labels}. Found: {list(found)[:5]}."


def _code(*lines):
    return "\n    ".join(["def labels_in(path):", *lines])


IS = "def is_tflite(head):\n    "
OPEN = "with zipfile.ZipFile(path) as archive:"

EXERCISES = [
    Exercise(
        _is_tflite,
        "Four bytes in the right place tell a .tflite from all that only has its name.",
        "Bytes can be cut like a list: head[2:4] is the third and the fourth byte.",
        f'{IS}return head[4:8] == b"TFL3"',
        {
            f'{IS}return head.startswith(b"TFL3")': "the first bytes of a .tflite",
            f'{IS}return b"TFL3" in head': "mentions TFL3",
            f'{IS}return head[4:7] == b"TFL3"': "ends before 8",
            f'{IS}return head[4:8] == "TFL3"': "which is bytes too",
            f'{IS}return head.decode()[4:8] == "TFL3"': "UnicodeDecodeError",
            f'{IS}return "yes" if head[4:8] == b"TFL3" else "no"': "True or False",
            f'{IS}print(head[4:8] == b"TFL3")': "returns nothing",
            f'{IS}if head[4:8] == b"TFL3":\n        return True': "a web page that mentions",
            f'{IS}return head[4:8] in b"TFL3"': "all four of them",
            f'{IS}return head.index(b"TFL3") == 4': "stopped with ValueError",
            f"{IS}return True": "mentions TFL3",
        },
        (f'{IS}return head.startswith(b"TFL3", 4)', f'{IS}return head.find(b"TFL3", 4, 8) == 4'),
    ),
    Exercise(
        _labels_in,
        "Now the names of the classes travel with the model.",
        "zipfile.is_zipfile(path) says whether something is packed in; archive.read(name) gives "
        "its bytes, .decode() makes text of them and .splitlines() lines.",
        _code(
            "if not zipfile.is_zipfile(path):",
            "    return []",
            OPEN,
            '    return archive.read("labels.txt").decode().splitlines()',
        ),
        {
            _code(
                OPEN, '    return archive.read("labels.txt").decode().splitlines()'
            ): "BadZipFile",
            _code(OPEN, '    return archive.read("labels.txt")'): "Split it into lines",
            _code(OPEN, '    return archive.read("labels.txt").splitlines()'): ".decode()",
            _code(OPEN, '    return archive.read("labels.txt").decode().split("\\n")'): "Nearly",
            _code(OPEN, '    return archive.read("labels.txt").decode().split()'): "a red fox",
            _code(OPEN, "    return archive.namelist()"): "The labels are",
            _code(
                "if not zipfile.is_zipfile(path):",
                "    return []",
                OPEN,
                "    return archive.read(archive.namelist()[-1]).decode().splitlines()",
            ): "not a label either",
            _code(
                "if not zipfile.is_zipfile(path):",
                "    return None",
                OPEN,
                '    return archive.read("labels.txt").decode().splitlines()',
            ): "returns nothing",
        },
        (
            _code(
                "try:",
                '    text = zipfile.ZipFile(path).open("labels.txt").read().decode()',
                "except zipfile.BadZipFile:",
                "    return []",
                "return [line for line in text.split('\\n') if line]",
            ),
        ),
    ),
]
