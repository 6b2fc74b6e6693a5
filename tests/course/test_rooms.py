"""Three rooms, one direction: helpers <- hub_to_tflite <- tools. And helpers stays small."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAY_IMPORT = {
    "helpers": set(),
    "hub_to_tflite": {"helpers"},
    "deploy": {"helpers", "hub_to_tflite"},
    "tools": {"helpers", "hub_to_tflite", "deploy", "tests"},
}
ROOMS = {*MAY_IMPORT, "tests"}


def imported(code):
    """Return the rooms that a module's code imports, anywhere in it."""
    rooms = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            rooms |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            rooms.add(node.module.partition(".")[0])
    return rooms & ROOMS


def lines(paths):
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_what_it_may(room):
    files = list((ROOT / room).rglob("*.py"))
    assert files
    wrong = {
        path.relative_to(ROOT).as_posix(): found
        for path in files
        if (found := imported(path.read_text(encoding="utf-8")) - MAY_IMPORT[room] - {room})
    }
    assert not wrong


@pytest.mark.parametrize(
    "code",
    ["import tools.course.run", "def f():\n    from tools import gallery", "import os, tools as t"],
)
def test_an_import_is_seen_wherever_it_hides(code):
    assert imported(code) == {"tools"}


def test_helpers_can_be_read_in_an_hour():
    modules = list((ROOT / "helpers").glob("*.py"))
    assert len(modules) <= 9 and lines(modules) <= 1100


def test_the_lessons_machinery_stays_small():
    assert lines((ROOT / "helpers" / "course").glob("*.py")) <= 350  # plus the exercises


def test_the_map_in_helpers_names_every_module():
    said = (ROOT / "helpers" / "__init__.py").read_text(encoding="utf-8")
    modules = {path.stem for path in (ROOT / "helpers").glob("[!_]*.py")}
    assert modules == {line.split()[0] for line in said.splitlines() if "   " in line} - {"course/"}


def test_no_helper_loads_tensorflow_before_it_is_needed():
    names = ", ".join(path.stem for path in (ROOT / "helpers").glob("[!_]*.py"))
    code = f"import sys; from helpers import {names}; print('tensorflow' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"
