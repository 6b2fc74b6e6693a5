"""The tables of environments are made from runs."""

import hashlib
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from helpers import digits
from helpers.course import my_models
from tools.course import environments, notebooks


def test_a_run_becomes_a_row_and_a_later_one_replaces_what_it_ran(tmp_path):
    summary, stored = tmp_path / "summary.json", tmp_path / "environments.json"
    first, second, *_ = [path.stem for path in notebooks.every()]
    rows = [
        {"notebook": first, "error": "cell 3: ValueError: planted", "environment": "Here"},
        {"notebook": second, "error": None, "environment": "Here"},
    ]
    summary.write_text(json.dumps(rows))
    environments.take_over(summary, stored)
    page = environments.page(stored)
    assert f"- Here, {first}: cell 3: ValueError: planted" in page
    assert "| ✗ | ✓ | · |" in page and "compared" not in page
    summary.write_text(json.dumps([{**rows[0], "error": ""}]))
    environments.take_over(summary, stored)
    assert "| ✓ | ✓ | · |" in environments.page(stored)
    assert environments.packages(stored).count("\n") == 1


def test_what_pytest_wrote_becomes_a_row_with_the_cells_that_differ(tmp_path):
    first, second, *_ = [path.name for path in notebooks.every()]
    lesson = '{"cells": [%s], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    cell = '{"cell_type": "code", "id": "%s", "source": "print(%d)", "metadata": {}, '
    cell += '"execution_count": 1, "outputs": [{"output_type": "stream", "name": "stdout", '
    cell += '"text": "1\\n"}]}'
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (folder / first).write_text(lesson % ", ".join([cell % ("a", 1), cell % ("b", 2)]))
    (folder / second).write_text(lesson % (cell % ("c", 1)))
    results, stored = tmp_path / "results.xml", tmp_path / "environments.json"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", tmp_path]
    command += ["--nbval", "--nbval-current-env", f"--junitxml={results}", folder]
    subprocess.run(command, cwd=tmp_path, capture_output=True)
    environments.take_over(results, stored, "Elsewhere")
    page = environments.page(stored)
    assert "| compared | ✗ | ✓ | · |" in page
    assert page.endswith(f"- Elsewhere, {first.removesuffix('.ipynb')}: cell 1")


def test_a_lesson_that_was_skipped_is_not_said_to_hold(tmp_path):
    results = tmp_path / "results.xml"
    case = '<testcase classname="notebooks.35_a.ipynb" name="Cell %d"><skipped message="old" />'
    text = "".join(case % number + "</testcase>" for number in range(2))
    results.write_text(f"<testsuites>{text}</testsuites>")
    assert environments.compared(results, "Here")[0]["error"] == "old"


def test_what_the_server_was_measured_with_becomes_a_row(tmp_path):
    results, stored = tmp_path / "server.json", tmp_path / "environments.json"
    rounds = [{"learners": 2, "errors": []}, {"learners": 4, "errors": ["KeyError: planted"]}]
    lessons = [notebooks.every()[0].stem]
    results.write_text(json.dumps({"date": "2026-01-02", "lessons": lessons, "rounds": rounds}))
    environments.take_over(results, stored)
    page = environments.page(stored)
    assert "| JupyterHub, 4 learners at once | 2026-01-02 |  | ✗ | · |" in page
    assert page.endswith(f"{lessons[0]}: KeyError: planted")


def test_results_of_other_tests_are_refused(tmp_path):
    results = tmp_path / "results.xml"
    results.write_text('<testsuites><testcase classname="tests.a" name="b" /></testsuites>')
    with pytest.raises(SystemExit, match="no cell of a lesson"):
        environments.compared(results, "Here")


def test_the_systems_that_the_lock_has_packages_for_have_a_table_of_their_own(tmp_path):
    summary, stored = tmp_path / "summary.json", tmp_path / "environments.json"
    rows = [
        {"environment": "Linux aarch64", "notebook": "Python 3.10", "error": ""},
        {"environment": "Linux aarch64", "notebook": "Python 3.13", "error": "no wheel of b"},
    ]
    summary.write_text(json.dumps(rows))
    environments.take_over(summary, stored)
    assert "| ✓ | · | · | ✗ |" in environments.packages(stored)
    assert environments.packages(stored).endswith("- Linux aarch64, Python 3.13: no wheel of b")
    assert "Linux aarch64" not in environments.page(stored)


def test_an_environment_says_what_decides():
    assert "Python 3." in environments.here() and "TensorFlow 2." in environments.here()


def test_binders_notebook_is_the_one_for_the_locked_jupyterlab():
    root = notebooks.FOLDER.parent
    locked = re.search(r"^jupyterlab==4\.(\d+)", (root / "requirements.lock").read_text(), re.M)
    assert f'"notebook==7.{locked[1]}.*"' in (root / "binder" / "postBuild").read_text()


def test_a_kernel_that_begins_in_the_checkout_saves_beside_the_notebooks(tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "00_start_here.ipynb").touch()
    monkeypatch.chdir(tmp_path)
    assert my_models.save(b"TFL3", "a/b").parent.samefile(tmp_path / "notebooks" / "my_models")
    monkeypatch.chdir("notebooks")
    assert my_models.path("a/b").read_bytes() == b"TFL3"


def test_the_images_are_the_same_bits_on_each_processor():
    images = np.concatenate([one for [one] in digits.representative((None, 48, 48, 3), 500)()])
    assert hashlib.sha1(images.tobytes()).hexdigest().startswith("7111f337")
