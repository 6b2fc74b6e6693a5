"""What lessons stand on: exercises that judge any code, files that stay, needs told at once."""

import os
import time

import numpy as np
import pytest

from helpers import handles
from helpers.course import exercises, my_models, needs
from helpers.course.exercises import Exercise, NotAttempted, Wrong, ask, shown, wanted


def nothing(x):
    x + 1


def raises(x):
    return [][x]


def raises_like_tensorflow(x):
    raise ValueError("in user code:\n\n    File x.py, line 2\n\n    ValueError: it was lost\n")


def raises_like_keras(x):
    raise TypeError(
        "Exception encountered when calling Dense.call().\n\n\x1b[1mIt was lost\x1b[0m\n"
    )


def endless():
    while True:
        yield 1


class TestAsk:
    @pytest.mark.parametrize(
        ("function", "words"),
        [
            (5, "should be a function. Found: int 5"),
            (nothing, r"returns nothing \(None\). Does it end with return\?"),
            (raises, "stopped with IndexError: list index out of range in line .*return \\[\\]"),
            (raises_like_tensorflow, "stopped with ValueError: it was lost in line"),
            (raises_like_keras, "stopped with TypeError: It was lost in line"),
            (lambda x: "a", "should be bytes. Found: str 'a'"),
            (lambda x: exit(), "stopped with SystemExit"),
            (lambda x: True, "should be bytes. Found: bool True"),
        ],
    )
    def test_what_goes_wrong_in_a_learners_code_is_told_plainly(self, function, words):
        with pytest.raises(Wrong, match=words):
            ask(function, 3, returns=bytes)

    def test_a_stub_is_not_attempted(self):
        with pytest.raises(NotAttempted):
            ask(lambda: ...)

    def test_an_endless_generator_ends(self):
        assert ask(endless) == [1] * 1000

    def test_an_endless_loop_ends(self, monkeypatch):
        monkeypatch.setattr(exercises, "PATIENCE", 0.2)

        def forever():
            while True:
                time.sleep(0.01)

        with pytest.raises(Wrong, match="still running after 0 seconds"):
            ask(forever)

    def test_what_it_prints_is_swallowed(self, capsys):
        assert ask(lambda: print("x" * 400_000) or 1) == 1
        assert not capsys.readouterr().out

    def test_none_can_be_right(self):
        assert ask(nothing, 1, returns=int, none=True) is None


def test_a_value_of_another_kind_is_named_in_a_line():
    with pytest.raises(
        Wrong, match=r"The mean should be a number. Found: an array of shape \(2,\)"
    ):
        wanted(np.zeros(2), float, "The mean")
    assert shown([1, 2]) == "a list of 2" and len(shown("y" * 10**6)) < 100
    assert wanted(3, (int, float)) == 3
    with pytest.raises(Wrong, match="should be a dictionary or True or False. Found"):
        wanted(3, (dict, bool, np.bool_))


def test_a_judge_that_stops_itself_says_not_yet(capsys):
    broken = Exercise(lambda answer: answer.shape, "", "", "")
    broken.check("text")
    assert capsys.readouterr().out.startswith("Not yet. Checking it stopped with AttributeError")
    assert broken.state == "wrong"


def test_a_summary_says_what_is_done(capsys):
    turn = exercises.Turn()
    for number, answer in ((1, True), (2, False), (3, ...)):
        turn[number] = Exercise(lambda right: None if right else "No.", "", "", "")
        turn[number].verdict(answer)
    turn.summary()
    assert capsys.readouterr().out == "1  Right.\n2  Not yet.\n3  Not attempted yet.\n"


@pytest.mark.parametrize(
    ("guess", "said"),
    [
        (..., "No guess made. It was: b."),
        ("b", "You guessed b, and so it was."),
        ("(B)", "and so it was."),
        ("a", "It was: b."),
    ],
)
def test_a_guess_is_answered(guess, said, capsys):
    exercises.guessed(guess, "b")
    assert capsys.readouterr().out.strip().endswith(said)


class TestMyModels:
    def test_a_file_stays_beside_the_notebook(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        path = my_models.save(b"TFL3", handles.DEFAULT, "full-integer with float I/O")
        name = "digits-full-integer-with-float-IO.tflite"
        assert str(path) == os.path.join("my_models", name)
        assert path.read_bytes() == b"TFL3" and len(list(path.parent.iterdir())) == 1

    @pytest.mark.parametrize(
        ("handle", "name"),
        [
            ("https://tfhub.dev/google/yamnet/1", "google-yamnet-1.tflite"),
            ("http://127.0.0.1:8765/digits/mobilenet_v2/classification/1", "digits.tflite"),
            ("C:\\models\\mine", "models-mine.tflite"),
        ],
    )
    def test_another_model_has_another_name(self, handle, name, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert my_models.path(handle).name == name

    def test_in_a_read_only_folder_it_is_in_the_cache(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HUB_TO_TFLITE_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(os, "access", lambda *_: False)
        assert my_models.save(b"x", "a/b").is_relative_to(tmp_path / "cache")


class TestNeeds:
    def test_the_courses_model_fits(self):
        assert needs.check(handles.DEFAULT, image=True).endswith(handles.DEFAULT)

    def test_another_kind_gets_one_sentence_and_a_lesson(self):
        words = r"Found: serving_default, from text string \(any\).*Take 31"
        with pytest.raises(handles.HandleError, match=words):
            needs.check("text/prose_or_code/classification/1", "31_convert_a_text_model")
