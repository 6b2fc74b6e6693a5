"""The table of environments is made from runs."""

import json

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
    assert "| ✗ | ✓ | not run |" in page
    summary.write_text(json.dumps([{**rows[0], "error": ""}]))
    environments.take_over(summary, stored)
    assert "| ✓ | ✓ | not run |" in environments.page(stored)


def test_an_environment_says_what_decides():
    assert "Python 3." in environments.here() and "TensorFlow 2." in environments.here()
