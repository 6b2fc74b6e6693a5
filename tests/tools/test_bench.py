"""The benchmark's own logic, with planted times: who is compared, what is met, what fails."""

import json
import sys
import venv

import numpy as np
import pytest

from hub_to_tflite.sandbox import Worker, memory
from tools.bench import __main__ as command
from tools.bench import candidates, files, report
from tools.bench.candidates import Candidate
from tools.course import set_up

ENTRIES = candidates.load()
SAVED_MODEL = "TensorFlow, SavedModel, signature"
INT8 = "LiteRT, Interpreter, int8"
RIVAL = "OpenVINO, int8 U8S8, of the .onnx"
SAME, OTHER = (1e-6, 1.0, 32), (0.5, 0.01, 0)


def measured(milliseconds, **changes):
    """What was measured at one number of threads: each candidate at one speed in three rounds."""
    return {
        "seconds": {label: [ms / 1e3] * 3 for label, ms in milliseconds.items()},
        "peak": dict.fromkeys(milliseconds, 50),
        "proof": dict.fromkeys(milliseconds, SAME),
        "control": OTHER,
        "failed": {},
        **changes,
    }


def results(first, lesson=9.0, predict=1.01):
    """A whole run on one thread."""
    return {
        "machine": "A planted machine.",
        "rounds": 3,
        "checked": 32,
        "predict": {"int8": {"predict": (predict,) * 3, "bare, again": (1.0,) * 3}},
        "lesson": {"lesson": [lesson] * 3, "floor": [5.0] * 3},
        "threads": {"1": first},
    }


def met(run):
    return [row[-1] for row in report.targets(run)]


class TestTargets:
    def test_all_met(self):
        assert met(results(measured({INT8: 2}))) == ["**met**, by 4%", "**met**, by 10%"]

    def test_all_missed_and_by_how_much(self):
        run = results(measured({INT8: 2}), lesson=15.0, predict=1.26)
        assert met(run) == ["**missed**, by 20%", "**missed**, by 50%"]

    @pytest.mark.parametrize(
        "found, result", [(1.051, "missed"), (1.05, "met"), (1.049, "met"), (np.nan, "missed")]
    )
    def test_a_hair_is_not_rounded_to_the_other_side(self, found, result):
        assert report.target("", (found,) * 3, "predict")[-1].startswith(f"**{result}**")

    def test_processors_are_compared_by_one_candidate(self):
        here = results(measured({SAVED_MODEL: 18, INT8: 2, RIVAL: 3}))
        there = results(measured({SAVED_MODEL: 9, INT8: 3, RIVAL: 1.5}))
        rows = report.processors([here, there], ENTRIES)
        assert [row[:3] for row in rows] == [
            (INT8, "1.00", "1.00"),
            (RIVAL, "1.50", "0.50"),
            (SAVED_MODEL, "9.00", "3.00"),
        ]
        del there["threads"]["1"]["seconds"][RIVAL]
        assert len(report.processors([here, there], ENTRIES)) == 2

    def test_the_control_and_other_functions_represent_nobody(self):
        again, quick = "LiteRT, Interpreter, int8, again", "ONNX Runtime, int8 U8U8"
        run = measured({SAVED_MODEL: 18, INT8: 2, again: 1, RIVAL: 3, quick: 1})
        run["proof"][quick] = OTHER
        sides = report.fastest(run, ENTRIES)
        assert sides["int8"] == INT8 and sides["other"] == RIVAL
        assert "NOT SHOWN" in report.text(results(run), ENTRIES)


class TestReport:
    def test_the_fastest_is_first_and_a_failure_has_its_reason(self):
        run = measured({SAVED_MODEL: 18, INT8: 2, RIVAL: 3})
        run["failed"] = {"OpenVINO, int8, by NNCF": "no such file"}
        rows = report.latency(run, ENTRIES, INT8)
        assert [row[0] for row in rows] == [INT8, RIVAL, SAVED_MODEL]
        assert rows[0][2].startswith("1.00") and rows[2][2].startswith("9.00")
        text = report.text(results(run), ENTRIES)
        assert "\n\n- OpenVINO, int8, by NNCF failed: no such file\n" in text

    def test_without_the_reference_nothing_is_proven(self):
        run = measured({INT8: 2, RIVAL: 3}, proof={}, control=None)
        assert report.text(results(run), ENTRIES).count("NOT SHOWN") == 2

    def test_nothing_that_names_the_machine_or_its_user(self):
        import getpass
        import platform

        sentence = report.machine({"numpy": np.__version__})
        assert np.__version__ in sentence
        assert platform.node() not in sentence and f"/{getpass.getuser()}" not in sentence

    def test_writing_keeps_what_is_around_the_results(self, tmp_path, monkeypatch):
        for name in ("README", "RESULTS", "FIGURE"):
            monkeypatch.setattr(report, name, tmp_path / f"{name}.png")
        run = results(measured({SAVED_MODEL: 18, INT8: 2, RIVAL: 3}))
        report.RESULTS.write_text(json.dumps(run))
        report.README.write_text("before\n<!-- results -->\nold\n<!-- end -->\nafter\n")
        report.write()
        text = report.README.read_text()
        assert text.startswith("before\n<!-- results -->\n3 rounds. A planted machine.")
        assert text.endswith("\n<!-- end -->\nafter\n") and "old" not in text
        assert report.FIGURE.read_bytes().startswith(b"\x89PNG")

    def test_the_stored_table_is_that_of_the_stored_results(self):
        stored = json.loads(report.RESULTS.read_text())
        text = report.text(stored, ENTRIES)
        assert f"<!-- results -->\n{text}<!-- end -->" in report.README.read_text(encoding="utf-8")


class TestProof:
    def test_floats_must_be_exact_and_the_others_alike(self):
        scores = np.random.default_rng(0).random((32, 10))
        float32, int8 = ENTRIES[0], next(entry for entry in ENTRIES if entry.label == INT8)
        near = scores + np.random.default_rng(1).normal(0, 0.1, scores.shape)
        other = np.roll(scores, 1, axis=0)
        assert candidates.proven(float32, candidates.compare(scores + 1e-5, scores))
        assert not candidates.proven(float32, candidates.compare(near, scores))
        assert candidates.proven(int8, candidates.compare(near, scores))
        assert not candidates.proven(int8, candidates.compare(other, scores))

    def test_scores_that_are_not_numbers_prove_nothing(self):
        scores = np.random.default_rng(0).random((32, 10))
        proof = candidates.compare(np.full_like(scores, np.nan), scores)
        assert not any(candidates.proven(entry, proof) for entry in ENTRIES)

    def test_the_images_are_seeded_and_differ_from_each_other(self):
        first, again, other = (files.images(2, seed) for seed in (5, 5, 6))
        assert first.shape == (2, 224, 224, 3) and first.dtype == np.float32
        assert (first == again).all() and not (first == other).all()
        assert not (first[0] == first[1]).all() and first.min() >= 0 and first.max() <= 1


@pytest.fixture
def made(tmp_path):
    """The files of a run: images, and two .tflite of one reshape, (1, 2, 2, 3) -> (1, 12)."""
    import tensorflow as tf

    model = tf.function(lambda image: tf.reshape(image, [1, 12]))
    spec = tf.TensorSpec([1, 2, 2, 3], tf.float32)
    convert = tf.lite.TFLiteConverter.from_concrete_functions([model.get_concrete_function(spec)])
    (tmp_path / "sound").write_bytes(convert.convert())
    (tmp_path / "broken").write_bytes(b"\0\0\0\0TFL3")
    np.save(tmp_path / "images.npy", np.random.default_rng(0).random((4, 2, 2, 3), np.float32))
    return {one.stem: str(one) for one in tmp_path.iterdir()}


class TestRun:
    """Real processes. Some fail, each for another reason."""

    def test_each_failure_is_told_and_the_rest_goes_on(self, made, monkeypatch):
        monkeypatch.setattr(candidates, "OTHERS", sys.executable)
        entries = [
            Candidate("A, sound", "interpreter", "sound", exact=True),
            Candidate("A, again", "interpreter", "sound", exact=True),
            Candidate("B, not a model", "interpreter", "broken"),
            Candidate("C, not made", "interpreter", "unmade"),
            Candidate("D, not installed", "openvino", "sound"),
        ]
        found = candidates.run(entries, made, {"unmade": "planted"}, threads=1, rounds=2)
        assert found["failed"]["C, not made"] == "planted"
        assert "not a valid Flatbuffer" in found["failed"]["B, not a model"]
        assert "openvino" in found["failed"]["D, not installed"]
        for kind in ("seconds", "peak", "proof"):
            assert list(found[kind]) == ["A, sound", "A, again"]
        assert all(len(spent) == 2 and min(spent) > 0 for spent in found["seconds"].values())
        assert found["proof"]["A, again"] == (0, 1, 4) and found["control"][0] > 0
        assert json.loads(json.dumps(found))["peak"]["A, sound"] > 10

    def test_one_that_fails_in_the_middle_stops_nothing(self, made, monkeypatch):
        call, turns = Worker.call, []

        def breaks(process, function, *args):
            turns.append(function.__name__)
            if turns.count("turn") == 3:
                raise RuntimeError("planted")
            return call(process, function, *args)

        monkeypatch.setattr(Worker, "call", breaks)
        entries = [Candidate(f"A, {one}", "interpreter", "sound") for one in "xy"]
        found = candidates.run(entries, made, {}, threads=1, rounds=2)
        assert list(found["failed"].values()) == ["planted"] and len(found["seconds"]) == 1

    def test_the_other_runtimes_come_from_another_python_with_its_own_packages(self, tmp_path):
        venv.create(tmp_path / "other", with_pip=False)
        with Worker(
            {"PYTHONPATH": str(set_up.ROOT)}, set_up.python_of(tmp_path / "other")
        ) as worker:
            assert worker.call(memory.peak) > 1e6
            with pytest.raises(ModuleNotFoundError, match="numpy"):
                worker.call(files.images, 1, 0)

    def test_without_the_other_runtimes_one_sentence_says_what_to_run(self, monkeypatch, capsys):
        monkeypatch.setattr(candidates, "OTHERS", "/no/such/python")
        monkeypatch.setattr(sys, "argv", ["bench"])
        with pytest.raises(SystemExit):
            command.main()
        assert capsys.readouterr().err.endswith("the other runtimes are missing. Run: make bench\n")


class TestSetUp:
    def test_a_python_too_old_for_the_other_runtimes_gets_one_sentence(self, monkeypatch):
        monkeypatch.setattr(set_up.sys, "version_info", (3, 10, 0))
        with pytest.raises(SystemExit, match="Python 3.11 and newer, and this is Python 3.10"):
            set_up.extra("bench")

    def test_every_package_has_one_version(self):
        lines = (set_up.ROOT / "requirements-bench.txt").read_text().splitlines()
        assert all("==" in line for line in lines if line and not line.startswith("#"))
        lock = (set_up.ROOT / "requirements.lock").read_text()
        assert next(line for line in lines if line.startswith("tensorflow")).split()[1] in lock
