"""Tables: the same rows as text, Markdown and HTML, and nothing in a cell can break the table."""

import pytest

from hub_to_tflite.tables import table

HEAD = ["recipe", "bytes"]
ROWS = [["float32", "1,647,676"], ["int8", 636], ["x", None]]


def test_text_is_padded_and_numbers_are_right_aligned():
    assert table(ROWS, HEAD).splitlines() == [
        "recipe       bytes",
        "------------------",
        "float32  1,647,676",
        "int8           636",
        "x",
    ]
    assert "---:" not in table([["35 CONV_2D, 17 ADD and 1 MEAN"]], ["ops"], "markdown")


def test_markdown_marks_the_columns_of_numbers():
    assert table(ROWS, HEAD, "markdown").splitlines()[:3] == [
        "| recipe | bytes |",
        "| --- | ---: |",
        "| float32 | 1,647,676 |",
    ]


def test_without_a_head_there_is_none():
    assert table([["what", ".tflite"]]) == "what  .tflite"
    assert table([["a", "b"]], form="markdown").splitlines()[:2] == ["|  |  |", "| --- | --- |"]
    assert "<th" not in table([["a", "b"]], form="html")


def test_without_rows_the_head_remains():
    assert table([], HEAD).splitlines() == ["recipe  bytes", "-------------"]
    assert table([], HEAD, "markdown").splitlines()[1] == "| --- | --- |"
    assert table([], HEAD, "html").count("<th ") == 2
    assert table([]) == ""


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_a_cell_with_bars_tags_and_lines_stays_one_cell(form):
    written = table([["a | b", "<script>\nalert(1)"]], HEAD, form)
    if form == "markdown":
        assert written.splitlines()[2] == "| a \\| b | &lt;script> alert(1) |"
    elif form == "html":
        assert written.count("<td ") == 2 and "<script" not in written
    else:
        assert written.splitlines()[2] == "a | b   <script> alert(1)"


def test_another_form_or_ragged_rows_are_one_error():
    with pytest.raises(ValueError, match="Found: 'latex'"):
        table(ROWS, HEAD, "latex")
    with pytest.raises(ValueError, match="one length"):
        table([["a"], ["a", "b"]], HEAD)
