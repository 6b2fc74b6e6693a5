"""The exercises of 01_why_wont_it_open."""

import tempfile
from pathlib import Path

from helpers.course.exercises import Exercise, NotAttempted

SPICE = "https://tfhub.dev/google/lite-model/spice/1"


def _address(address):
    if not isinstance(address, str):
        return f"An address is text, in quotes. Found: {type(address).__name__}."
    if address == f"{SPICE}?lite-format=tflite":
        return None
    if "tf-hub-format" in address:
        return "This query asks for the SavedModel's archive. The .tflite has its own query."
    if address == SPICE:
        return "Without a query you get the page that a browser shows. Saved as model.tflite, it opens nowhere."
    if address.endswith(".tflite"):
        return "Hub's addresses have no file names. You ask for the format after a question mark."
    return "Compare it with the three addresses above, letter by letter."


def _is_tflite(is_tflite):
    if is_tflite(b"\x20\x00\x00\x00TFL3") is ...:
        raise NotAttempted
    if not is_tflite(b"\x1c\x00\x00\x00TFL3\x00\x00\x12\x00"):
        return "It says no to a real .tflite. Its first four bytes are a number; the letters come after them."
    if is_tflite(b"<!DOCTYPE html><title>What is TFL3?</title>"):
        return "It says yes to a web page that mentions TFL3. Look at bytes 4 to 7 only, head[4:8]."
    if is_tflite(b"version https://git-lfs.github.com/spec/v1"):
        return "It says yes to a git-LFS pointer. Compare bytes 4 to 7, head[4:8], with b'TFL3'."
    if is_tflite(b""):
        return "It says yes to an empty file."
    return None


def _saved_model_in(saved_model_in):
    with tempfile.TemporaryDirectory() as outer:
        for inner in ("", "model", "export/1"):
            folder = Path(outer, "download", inner)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "saved_model.pb").touch()
            found = saved_model_in(Path(outer, "download"))
            (folder / "saved_model.pb").unlink()
            if found is ...:
                raise NotAttempted
            if found is None:
                return f"It found nothing, with saved_model.pb in download/{inner}. Look inside the folders too."
            if Path(found) == folder / "saved_model.pb":
                return (
                    "This is the file. hub.load wants the folder that it's in: the file's parent."
                )
            if Path(found) != folder:
                return f"With saved_model.pb in download/{inner} it returned another folder. Search at any depth."
    return None


EXERCISES = [
    Exercise(
        _address,
        "This is how every app of that time fetched its .tflite from Hub: the same address, one query more.",
        "Three queries were tried above. Which one returned bytes with the letters TFL3?",
        f'address = "{SPICE}?lite-format=tflite"',
        {
            f'address = "{SPICE}?tf-hub-format=compressed"': "SavedModel's archive",
            f'address = "{SPICE}.tflite"': "no file names",
            f'address = "{SPICE}"': "page that a browser shows",
        },
    ),
    Exercise(
        _is_tflite,
        "Four bytes distinguish a .tflite from everything that only has its name.",
        "Bytes can be cut like a list: head[4:8] is the fifth to the eighth byte.",
        'def is_tflite(head):\n    return head[4:8] == b"TFL3"',
        {
            'def is_tflite(head):\n    return head.startswith(b"TFL3")': "first four bytes are a number",
            'def is_tflite(head):\n    return b"TFL3" in head': "mentions TFL3",
            "def is_tflite(head):\n    return True": "web page",
        },
    ),
    Exercise(
        _saved_model_in,
        "Many archives wrap the model in one folder more. Now finding it costs you one call.",
        'Path.rglob("saved_model.pb") finds the file at any depth; its .parent is the folder.',
        'def saved_model_in(folder):\n    return next((file.parent for file in folder.rglob("saved_model.pb")), None)',
        {
            'def saved_model_in(folder):\n    return next(folder.rglob("saved_model.pb"), None)': "file's parent",
            'def saved_model_in(folder):\n    return folder if list(folder.glob("*.pb")) else None': "found nothing",
            "def saved_model_in(folder):\n    return folder": "another folder",
        },
    ),
]
