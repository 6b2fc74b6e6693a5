"""The exercises of 01_why_wont_it_open."""

import os
import tempfile
from pathlib import Path

from helpers.course.exercises import Exercise, Wrong, ask, shown

HANDLES = (
    "https://tfhub.dev/google/lite-model/spice/1",
    "https://tfhub.dev/tensorflow/lite-model/mobilenet_v2_1.0_224/1/default/3",
    "http://127.0.0.1:8765/lite-format/model/12",
)
QUERY = "?lite-format=tflite"


def _tflite_address(tflite_address):
    for handle in HANDLES:
        found = ask(tflite_address, handle)
        if not isinstance(found, str):
            return f"An address is text. Found: {shown(found)}."
        if found != handle + QUERY:
            return _reason(found, handle)
    return None


def _reason(found, handle):
    """Return what is wrong with an address."""
    if "tf-hub-format=compressed" in found:
        return "This query asks for the SavedModel's archive. The .tflite has its own query."
    if found == handle:
        return "Without a query you get the page that a browser shows, not the .tflite."
    if QUERY not in found and "format=" in found:
        return f"The query is wrong: {found.removeprefix(handle)}. Compare it with the three above."
    if not found.startswith(handle):
        return f"For the handle {handle} you returned {found}. Use the handle that's given."
    return f"You returned {found}. The format is asked for in the query, after a question mark."


def _saved_models_in(saved_models_in):
    for inside in (["."], ["model"], ["a/export/1", "b/2"], [], [".", "x/y/z/model"]):
        with tempfile.TemporaryDirectory() as outer:
            folder = Path(outer, "download")
            for name in inside:
                (folder / name).mkdir(parents=True, exist_ok=True)
                (folder / name / "saved_model.pb").touch()
            for name in ("other", "a/assets"):  # what a search may find by mistake
                (folder / name).mkdir(parents=True, exist_ok=True)
                (folder / name / "keras_metadata.pb").touch()
            reason = _compared(ask(saved_models_in, folder), folder, inside)
        if reason:
            return reason
    return None


def _compared(found, folder, inside):
    """Return what is wrong with the list of SavedModels in a folder, or None."""
    right = {folder / name for name in inside}
    if isinstance(found, (str, os.PathLike)):
        return f"It should return a list of folders, also where there's one. Found: {shown(found)}."
    if not isinstance(found, (list, tuple, set)):
        return f"It should return a list of folders. Found: {shown(found)}."
    if not all(isinstance(one, (str, os.PathLike)) for one in found):
        raise Wrong(f"The list should hold paths. Found: {shown(list(found)[0])}.")
    paths = [Path(one) for one in found]
    places = ["the folder itself" if name == "." else name for name in inside]
    case = f"With saved_model.pb in {' and '.join(places) or 'no folder'}"
    if set(paths) == right and len(paths) == len(right):
        return None
    if any(path.name == "saved_model.pb" for path in paths):
        return "That's the file. hub.load wants the folder that it's in: the file's parent."
    if not all(path.is_absolute() for path in paths):
        return f"Return the folders with their whole path. Found: {shown(list(found)[0])}."
    if missing := right - set(paths):
        if folder in missing:
            return "It missed the folder itself, which can be a SavedModel, too."
        return f"{case} it missed {min(missing).relative_to(folder)}. Search at any depth."
    if extra := set(paths) - right:
        return f"{case} it also returned {min(extra).name}, which isn't a SavedModel."
    return f"{case} it returned the same folder twice."


SOLUTION = 'return [file.parent for file in folder.rglob("saved_model.pb")]'


def _code(*lines):
    return "\n    ".join(["def saved_models_in(folder):", *lines])


EXERCISES = [
    Exercise(
        _tflite_address,
        "This is how apps of that time fetched a .tflite from Hub: one address, one query more.",
        "Three queries were tried above. Which one returned bytes with the letters TFL3?",
        f'def tflite_address(handle):\n    return handle + "{QUERY}"',
        {
            'def tflite_address(handle):\n    return handle + "?tf-hub-format=compressed"': (
                "SavedModel's archive"
            ),
            'def tflite_address(handle):\n    return handle + ".tflite"': "in the query",
            "def tflite_address(handle):\n    return handle": "page that a browser shows",
            f'def tflite_address(handle):\n    return "{HANDLES[0]}{QUERY}"': "that's given",
            'def tflite_address(handle):\n    return handle + "?lite-format=.tflite"': (
                "The query is wrong"
            ),
            'def tflite_address(handle):\n    return handle + "?tf-hub-format=tflite"': (
                "The query is wrong"
            ),
            f'def tflite_address(handle):\n    print(handle + "{QUERY}")': "returns nothing",
            f'def tflite_address(handle):\n    return (handle + "{QUERY}").encode()': "An address is text",
        },
        ('def tflite_address(handle):\n    return f"{handle}?lite-format=tflite"',),
    ),
    Exercise(
        _saved_models_in,
        "Now an archive with one folder too many costs you one call.",
        'folder.rglob("saved_model.pb") finds the files at any depth; .parent is a file\'s folder.',
        _code(SOLUTION),
        {
            _code('return list(folder.rglob("saved_model.pb"))'): "file's parent",
            _code('return [file.parent for file in folder.glob("*/saved_model.pb")]'): (
                "missed the folder itself"
            ),
            _code('return [folder] if (folder / "saved_model.pb").exists() else []'): "any depth",
            _code('return [file.parent for file in folder.rglob("*.pb")]'): "isn't a SavedModel",
            _code('return next(folder.rglob("saved_model.pb")).parent'): "a list of folders",
            _code('return [file.parent for file in folder.rglob("saved_model.pb")][0]'): (
                "a list of folders"
            ),
            _code(
                "found = []",
                'for file in folder.rglob("saved_model.pb"):',
                "    found.append(file.parent)",
            ): "returns nothing",
        },
        (
            _code(
                "from os import walk",
                'return [f for f, _, names in walk(folder) if "saved_model.pb" in names]',
            ),
            _code(
                "every = [folder, *folder.rglob('*')]",
                "return [one for one in every if (one / 'saved_model.pb').is_file()]",
            ),
        ),
    ),
]
