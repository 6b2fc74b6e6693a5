"""The class copy: no output in sight, nothing of a learner's lost."""

import os

import nbformat
import pytest

from tools.course import class_copy, notebooks


def test_a_copy_has_every_lesson_with_no_output_and_all_else(tmp_path):
    copied, kept = class_copy.copy(tmp_path / "work")
    assert copied == [path.stem for path in notebooks.every()] and not kept
    for path in notebooks.every():
        lesson, copy = nbformat.read(path, 4), nbformat.read(tmp_path / "work" / path.name, 4)
        code = [cell for cell in copy.cells if cell.cell_type == "code"]
        assert code and not any(cell.outputs or cell.execution_count for cell in code)
        assert [cell.source for cell in copy.cells] == [cell.source for cell in lesson.cells]
        assert [cell.metadata for cell in copy.cells] == [cell.metadata for cell in lesson.cells]


def test_what_a_learner_wrote_stays(tmp_path, capsys):
    class_copy.main(tmp_path)
    mine, gone = (tmp_path / notebooks.every()[number].name for number in (0, 1))
    mine.write_text("mine")
    gone.unlink()
    class_copy.main(tmp_path)
    assert mine.read_text() == "mine" and gone.exists()
    rest = len(notebooks.every()) - 1
    assert capsys.readouterr().out.endswith(
        f"1 new. {rest} were there and stay as you left them; delete one to start it again.\n"
    )


def test_a_folder_that_cannot_be_made_gets_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit, match="can't be copied to .*Name another folder"):
        class_copy.main(tmp_path / "file" / "work")


def test_the_copy_is_not_tracked_and_lab_opens_it():
    makefile = (notebooks.FOLDER.parent / "Makefile").read_text()
    assert "work/" in (notebooks.FOLDER.parent / ".gitignore").read_text().split()
    assert f"jupyter lab work{os.sep}{notebooks.every()[0].name}".replace(os.sep, "/") in makefile
