"""The small helpers: each test plants the fault that the helper is there to catch."""

import re
import shutil
import subprocess
import sys

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from scipy import stats

from helpers import convert, digits, interpreter, parity
from helpers.course import cache, exercises, session
from helpers.course.show_error import show_error


def test_importing_helpers_is_instant_and_loads_no_tensorflow():
    code = (
        "import sys, time; start = time.perf_counter(); import helpers\n"
        "spent = time.perf_counter() - start\n"
        "from helpers import benchmark, convert, digits, handles, interpreter, parity, savedmodel\n"
        "from helpers import tinyhub; from helpers.course import cache, exercises, session\n"
        "print(int('tensorflow' in sys.modules), int('ai_edge_litert' in sys.modules), spent)"
    )
    tensorflow, litert, spent = subprocess.check_output(
        [sys.executable, "-c", code], text=True
    ).split()
    assert (tensorflow, litert) == ("0", "0")
    print(f"import helpers: {float(spent):.4f} s")


class TestDigits:
    def test_they_are_scikit_learns(self):
        """The counts and the sum of scikit-learn's load_digits, whatever the split."""
        (train, train_labels), (test, test_labels) = digits.load("train"), digits.load("test")
        assert (len(train), len(test)) == (1347, 450)
        counts = np.bincount(np.concatenate([train_labels, test_labels]))
        assert counts.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
        assert int(train.sum()) + int(test.sum()) == 561_718

    def test_no_test_digit_is_a_training_digit_by_position(self):
        both = np.concatenate([digits.load("train")[0], digits.load("test")[0]]).reshape(1797, 64)
        assert len(np.unique(both, axis=0)) == len(both)

    def test_they_are_enlarged_as_tensorflow_would(self):
        import tensorflow as tf

        images, _ = digits.load("test")
        theirs = tf.image.resize(images[:9, ..., None] / np.float32(16), (48, 30)).numpy()
        ours = digits.as_model_input(images[:9], (48, 30, 3))
        assert ours.dtype == np.float32 and ours.shape == (9, 48, 30, 3)
        np.testing.assert_allclose(ours, np.repeat(theirs, 3, -1), atol=1e-6)

    def test_samples_have_labels_only_where_they_mean_something(self):
        assert (
            digits.samples((None, 48, 48, 3), 10, 12)[1].tolist() == digits.load()[1][:12].tolist()
        )
        assert digits.samples((None, 224, 224, 3), 1001, 12)[1] is None
        noise, labels = digits.samples((None, 7), 10, 12)
        assert noise.shape == (12, 7) and noise.dtype == np.float32 and labels is None

    @pytest.mark.parametrize("count", [0, -1, 9, 451, 20.0, "20", True, None])
    def test_a_bad_number_of_samples_gets_one_message(self, count):
        with pytest.raises(ValueError, match="SAMPLES must be an integer from 10 to 450"):
            digits.samples((None, 48, 48, 3), 10, count)


class TestLedger:
    labels = np.array([0, 1, 1, 0])
    scores = np.array([[2.0, 1.0], [0.0, 3.0], [1.0, 2.0], [1.0, 2.0]])

    def ledger(self):
        ledger = parity.Ledger(self.labels)
        ledger.add("reference", 100, self.scores)
        return ledger

    def test_it_counts(self):
        ledger = self.ledger()
        row = ledger.add("copy", 50, self.scores + 1e-6, tolerance=1e-5)
        assert (row.agree, row.correct, row.total) == (4, 3, 4)
        assert "under 0.01 %" in repr(ledger) and "3 of 4" in repr(ledger)
        assert "<td>4 of 4</td>" in ledger._repr_html_()

    @pytest.mark.parametrize(
        ("planted", "words"),
        [
            (
                [[2, 1], [0, 3], [1, 2], [1, 2.1]],
                "differs by 0.1, 3.3 % of the range; at most 0.01",
            ),
            ([[2, 1], [0, 3], [1, 2], [1, np.nan]], "1 of 8 scores are not numbers"),
            ([[2, 1], [0, 3], [1, 2]], "shape"),
        ],
    )
    def test_it_refuses_a_wrong_answer(self, planted, words):
        ledger = self.ledger()
        with pytest.raises(parity.ParityError, match=words):
            ledger.add("planted", 50, planted, tolerance=0.01)
        assert len(ledger.rows) == 1

    def test_it_refuses_a_changed_decision_within_the_tolerance(self):
        planted = self.scores.copy()
        planted[3] = [1.6, 1.4]
        with pytest.raises(
            parity.ParityError, match="3 of 4 inputs have the same top-1; at least 4"
        ):
            self.ledger().add("planted", 50, planted, tolerance=1)
        assert self.ledger().add("planted", 50, planted, tolerance=1, agreement=0.75).agree == 3

    def test_one_number_an_input_has_no_top_1(self):
        ledger = parity.Ledger(self.labels)
        ledger.add("reference", 1, self.scores[:, :1])
        row = ledger.add("off", 1, self.scores[:, :1] + 0.1, tolerance=0.06, agreement=1)
        assert row.agree is None and row.correct is None and "one number" in repr(ledger)

    @pytest.mark.parametrize(
        ("fraction", "said"),
        [
            (0, "under 0.01 %"),
            (2e-7, "under 0.01 %"),
            (0.00234, "0.23 %"),
            (0.0312, "3.1 %"),
            (2.5, "250 %"),
        ],
    )
    def test_a_difference_is_a_percentage_of_the_range(self, fraction, said):
        assert parity.percent(fraction) == said

    def test_without_labels_it_says_so(self):
        ledger = parity.Ledger()
        ledger.add("reference", 1, self.scores)
        assert "no labels" in repr(ledger)

    @pytest.mark.parametrize(("correct", "total"), [(446, 450), (0, 10), (10, 10), (1, 2)])
    def test_the_interval_is_wilsons(self, correct, total):
        expected = stats.binomtest(correct, total).proportion_ci(method="wilson")
        assert parity.wilson(correct, total) == pytest.approx(tuple(expected), abs=1e-12)


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory):
    """A small SavedModel: y = 2 x + 1 on four numbers."""
    import tensorflow as tf

    class Line(tf.Module):
        def __init__(self):
            self.weight = tf.Variable(2 * np.eye(4, dtype=np.float32))

        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32)])
        def __call__(self, x):
            return tf.matmul(x, self.weight) + 1.0

    folder = tmp_path_factory.mktemp("line") / "model"
    line = Line()
    tf.saved_model.save(line, str(folder), {"serving_default": line.__call__})
    return folder


class TestArtefacts:
    @pytest.fixture(autouse=True)
    def empty_cache(self, tmp_path, monkeypatch):
        monkeypatch.setenv("HUB_TO_TFLITE_CACHE", str(tmp_path))

    def test_it_converts_once_and_again_when_missing_or_changed(self, saved_model, tmp_path):
        path = convert.convert_cached(saved_model)
        made = path.stat().st_mtime_ns
        assert convert.convert_cached(saved_model).stat().st_mtime_ns == made
        path.unlink()
        assert convert.convert_cached(saved_model) == path and path.exists()
        changed = tmp_path / "changed"
        shutil.copytree(saved_model, changed)
        (changed / "assets").mkdir(exist_ok=True)
        (changed / "assets" / "labels.txt").write_text("other")
        assert convert.convert_cached(changed) != path

    def test_each_recipe_has_its_own_file(self, saved_model):
        assert convert.convert_cached(saved_model) != convert.convert_cached(
            saved_model, "dynamic range"
        )

    def test_a_write_that_fails_leaves_nothing_under_the_name(self, tmp_path):
        with pytest.raises(TypeError):
            cache.write(tmp_path / "model.tflite", "not bytes")
        assert not list(tmp_path.iterdir())

    def test_it_runs(self, saved_model):
        loaded = interpreter.load(convert.convert_cached(saved_model))
        inputs = np.arange(12, dtype=np.float32).reshape(3, 4)
        np.testing.assert_allclose(interpreter.predict(loaded, inputs), 2 * inputs + 1)


class TestExercises:
    even = exercises.Exercise(
        lambda n: None if n % 2 == 0 else f"{n} is odd.", "Two divides it.", "Try two.", "n = 2"
    )

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (..., "Not attempted yet"),
            (3, "Not yet. 3 is odd."),
            (4, "Right. Two divides it."),
            ("a", "Not yet. .*TypeError"),
        ],
    )
    def test_there_are_three_answers_and_a_reason(self, answer, words, capsys):
        self.even.check(answer)
        assert re.match(words, capsys.readouterr().out)

    def test_help_comes_when_asked(self, capsys):
        self.even.hint(), self.even.solution()
        assert capsys.readouterr().out == "Try two.\nn = 2\n"


class TestFailure:
    def test_it_prints_the_error_and_goes_on(self, capsys):
        with show_error(longest=10):
            raise ValueError("a long long message")
        assert capsys.readouterr().out == "ValueError: a long lon ...\n"

    def test_an_expected_failure_that_is_gone_is_noticed(self):
        with pytest.raises(AssertionError, match="expected to fail"), show_error():
            pass

    def test_another_release_may_take_the_call(self, capsys, monkeypatch):
        monkeypatch.setattr(session.importlib.metadata, "version", lambda name: "2.19.1")
        with show_error():
            pass
        assert "but not on yours" in capsys.readouterr().out
        assert session.untested().endswith("2.20 and 2.21. Found: 2.19.1.")


class TestKernel:
    def test_chatter_goes_and_a_real_error_stays(self):
        notebook = nbformat.v4.new_notebook(
            cells=[
                nbformat.v4.new_code_cell(
                    "from helpers.course import session; session.start(); session.start()"
                ),
                nbformat.v4.new_code_cell("import tensorflow as tf, tensorflow_hub"),
                nbformat.v4.new_code_cell(
                    "import os; _ = os.write(2, b'W0000 something.cc:1] chatter\\nreal trouble\\n')"
                ),
                nbformat.v4.new_code_cell("_ = os.write(2, b'more trouble\\n')"),
            ]
        )
        NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
        shown = [
            "".join(output.get("text", "") for output in cell.outputs) for cell in notebook.cells
        ]
        assert shown == ["", "", "real trouble\n", "more trouble\n"]

    def test_only_known_lines_are_dropped(self):
        assert (
            session.filtered(
                "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n\nERROR: no\n"
            )
            == "ERROR: no\n"
        )
