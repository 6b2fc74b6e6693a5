"""The benchmark's own logic, with planted times: who is compared with whom, what is met, and what a failure does."""

import json
import sys

import numpy as np
import pytest

from tools.bench import contest, files, report
from tools.bench.contest import Contestant, Failed
from tools.course import set_up

ENTRIES = contest.contestants()
LABEL = {(entry.runtime, entry.name): entry.label for entry in ENTRIES}
SAVED_MODEL = LABEL["TensorFlow", "SavedModel, signature"]
INT8 = LABEL["LiteRT", "Interpreter, int8"]
RIVAL = LABEL["OpenVINO", "int8 U8S8, of the .onnx"]
SAME, OTHER = (1e-6, 1.0, 32), (0.5, 0.01, 0)


def measured(milliseconds, **changes):
    """What one contest found: each contestant at one speed in all of three rounds."""
    return {
        "seconds": {label: [ms / 1e3] * 3 for label, ms in milliseconds.items()},
        "peak": dict.fromkeys(milliseconds, 50),
        "proof": dict.fromkeys(milliseconds, SAME),
        "control": OTHER,
        "failed": {},
        "empty": 30,
        **changes,
    }


def results(first, walk=9.0, helper=1.01):
    """A whole run on one thread."""
    return {
        "machine": "A planted machine.",
        "rounds": 3,
        "checked": 32,
        "threads": {"1": first},
        "helper": {"int8": {"helpers.interpreter.predict": (helper,) * 3}},
        "walks": {"seconds": {"walk": [walk] * 3, "floor": [5.0] * 3}, "failed": {}},
    }


def said(run):
    return [line[-1] for line in report.verdicts(run, ENTRIES)]


class TestVerdicts:
    def test_all_met(self):
        run = results(measured({SAVED_MODEL: 18, INT8: 2, RIVAL: 3}))
        assert said(run) == [
            "**met**, by 50%",
            "**met**, by 15%",
            "**met**, by 4%",
            "**met**, by 10%",
        ]

    def test_all_missed_and_by_how_much(self):
        run = results(measured({SAVED_MODEL: 6, INT8: 2, RIVAL: 2}), walk=15.0, helper=1.26)
        assert said(run) == [
            "**missed**, by 50%",
            "**missed**, by 23%",
            "**missed**, by 20%",
            "**missed**, by 50%",
        ]

    @pytest.mark.parametrize(
        "found, told", [(1.299, "**missed**, just"), (1.3, "met, just"), (1.301, "met, just")]
    )
    def test_a_hair_is_not_rounded_to_the_other_side(self, found, told):
        assert report.verdict("", (found,) * 3, 1.3, at_least=True)[-1] == told

    def test_each_side_is_its_best_form(self):
        faster = LABEL["LiteRT", "CompiledModel, int8"]
        run = measured(
            {
                SAVED_MODEL: 18,
                LABEL["TensorFlow", "SavedModel, XLA"]: 12,
                INT8: 4,
                faster: 2,
                RIVAL: 3,
            }
        )
        lines = report.verdicts(results(run), ENTRIES)
        assert lines[0][0] == f"TensorFlow, SavedModel, XLA over {faster}, 1 thread" and lines[0][
            2
        ].startswith("6.00")

    def test_the_control_and_other_functions_stand_for_nobody(self):
        again, quick = (
            LABEL["LiteRT", "Interpreter, int8, again"],
            LABEL["ONNX Runtime", "int8 U8U8"],
        )
        run = measured({SAVED_MODEL: 18, INT8: 2, again: 1, RIVAL: 3, quick: 1})
        run["proof"] = {**run["proof"], quick: OTHER}
        assert report.ours(run, ENTRIES) == INT8
        assert RIVAL in report.verdicts(results(run), ENTRIES)[1][0]
        assert "NOT SHOWN" in report.text(results(run), ENTRIES)

    def test_a_ratio_is_taken_within_rounds(self):
        seconds = {
            "a": [1.0, 10.0, 100.0],
            "b": [0.5, 5.0, 50.0],
        }  # the machine slows, the ratio stays
        assert report.ratio(seconds, "a", "b") == (2.0, 2.0, 2.0)

    def test_what_could_not_be_measured_is_said_so(self):
        run = results(measured({INT8: 2}))
        run["helper"]["int8"], run["walks"]["seconds"] = {}, {"walk": [9.0] * 3}
        assert said(run) == ["not measured"] * 4
        assert "not measured" in report.text(run, ENTRIES)


class TestTable:
    def test_the_fastest_stands_first_and_a_failure_last_with_its_reason(self):
        run = measured({SAVED_MODEL: 18, INT8: 2, RIVAL: 3})
        run["failed"] = {LABEL["OpenVINO", "int8, by NNCF"]: "no such | file"}
        lines = report.latency_lines(run, ENTRIES)
        assert [line[0] for line in lines[:3]] == [INT8, RIVAL, SAVED_MODEL]
        assert lines[0][2].startswith("1.00") and lines[2][2].startswith("9.00")
        assert (
            dict(line[:2] for line in lines)["OpenVINO, int8, by NNCF"] == "failed: no such / file"
        )
        table = report.markdown("abcdef", lines).splitlines()
        assert len({len(row) for row in table}) == 1 and len({row.count("|") for row in table}) == 1

    def test_nothing_that_names_the_machine_or_its_user(self):
        import getpass
        import platform

        told = report.machine({"numpy": np.__version__})
        assert (
            np.__version__ in told
            and platform.node() not in told
            and f"/{getpass.getuser()}" not in told
        )

    def test_writing_keeps_what_stands_around_the_results(self, tmp_path, monkeypatch):
        monkeypatch.setattr(report, "TABLE", tmp_path / "README.md")
        monkeypatch.setattr(report, "figure", lambda *_: None)
        report.TABLE.write_text("before\n<!-- results -->\nold\n<!-- end -->\nafter\n")
        report.write(results(measured({SAVED_MODEL: 18, INT8: 2, RIVAL: 3})), ENTRIES)
        text = report.TABLE.read_text()
        assert text.startswith("before\n<!-- results -->\n") and text.endswith(
            "<!-- end -->\nafter\n"
        )
        assert "old" not in text and "A planted machine." in text

    def test_the_figure_is_drawn(self, tmp_path):
        report.figure(
            results(measured({SAVED_MODEL: 18, INT8: 2})), ENTRIES, tmp_path / "figure.png"
        )
        assert (tmp_path / "figure.png").stat().st_size > 5000

    @pytest.mark.skipif(not report.RESULTS.exists(), reason="no results are stored")
    def test_the_stored_table_is_that_of_the_stored_results(self):
        stored = json.loads(report.RESULTS.read_text())
        assert report.text(stored, ENTRIES) in report.TABLE.read_text(encoding="utf-8")


class TestProof:
    def test_floats_must_be_exact_and_the_others_alike(self):
        scores = np.random.default_rng(0).random((32, 10))
        float32, int8 = ENTRIES[0], next(entry for entry in ENTRIES if entry.label == INT8)
        near = scores + np.random.default_rng(1).normal(0, 0.1, scores.shape)
        assert report.proven(float32, report.compare(scores + 1e-5, scores))
        assert not report.proven(float32, report.compare(near, scores))
        assert report.proven(int8, report.compare(near, scores))
        assert not report.proven(int8, report.compare(np.roll(scores, 1, axis=0), scores))

    def test_scores_that_are_not_numbers_prove_nothing(self):
        scores = np.random.default_rng(0).random((32, 10))
        proof = report.compare(np.full_like(scores, np.nan), scores)
        assert not any(report.proven(entry, proof) for entry in ENTRIES)

    def test_the_pictures_are_seeded_and_differ_from_each_other(self):
        first, again, other = (
            files.pictures(2, seed=5),
            files.pictures(2, seed=5),
            files.pictures(2, seed=6),
        )
        assert first.shape == (2, 224, 224, 3) and first.dtype == np.float32
        assert (first == again).all() and not (first == other).all()
        assert first.min() >= 0 and first.max() <= 1


class TestInterleave:
    def test_every_round_asks_each_and_the_warm_up_is_not_counted(self):
        asked = []
        ways = {name: lambda n=name: asked.append(n) or float(len(asked)) for name in "abc"}
        seconds, failed = contest.interleave(ways, rounds=3, warm_up=2)
        assert not failed and all(len(spent) == 3 for spent in seconds.values())
        turns = ["".join(asked[start : start + 3]) for start in range(0, 15, 3)]
        assert all(sorted(turn) == ["a", "b", "c"] for turn in turns) and len(set(turns)) == 3

    def test_one_that_fails_in_the_middle_stops_nothing(self):
        turns = iter([0.1, 0.1])

        def breaks():
            try:
                return next(turns)
            except StopIteration:
                raise Failed("planted") from None

        seconds, failed = contest.interleave(
            {"good": lambda: 0.1, "bad": breaks}, rounds=4, warm_up=1
        )
        assert (
            failed == {"bad": "planted"} and list(seconds) == ["good"] and len(seconds["good"]) == 4
        )


class TestWorkers:
    """Real processes, that fail each in its way."""

    def test_each_failure_is_told_and_the_rest_goes_on(self, tmp_path):
        (tmp_path / "broken.tflite").write_bytes(b"\0\0\0\0TFL3")
        np.save(tmp_path / "check.npy", files.pictures(1, seed=0))
        entries = [
            Contestant("A", "not a model", "interpreter", "broken"),
            Contestant("B", "not made", "interpreter", "unmade"),
            Contestant("C", "no environment", "onnxruntime", "broken"),
            Contestant("D", "not installed", "openvino", "broken"),
        ]
        made = {"broken": str(tmp_path / "broken.tflite"), "unmade": {"error": "planted"}}
        made["check"] = str(tmp_path / "check.npy")
        python = {"onnxruntime": str(tmp_path / "absent")}
        found = contest.run(
            entries, made, lambda worker: python.get(worker, sys.executable), 1, rounds=1
        )
        assert not found.seconds and found.failed["B, not made"] == "planted"
        assert "not a valid Flatbuffer" in found.failed["A, not a model"]
        assert (
            "absent" in found.failed["C, no environment"]
            and "openvino" in found.failed["D, not installed"]
        )

    def test_one_that_dies_is_told_with_its_status(self, tmp_path):
        entry = Contestant("A", "dies", "no_such_runtime", "file")
        (tmp_path / "python").write_text("#!/bin/sh\necho last words >&2\nexit 7\n")
        (tmp_path / "python").chmod(0o755)
        with pytest.raises(Failed, match="status 7: last words"):
            contest.Worker(entry, tmp_path / "python", "", 1, "")


class TestSetUp:
    def test_a_python_too_old_for_the_other_runtimes_gets_one_sentence(self, monkeypatch):
        monkeypatch.setattr(set_up.sys, "version_info", (3, 10, 0))
        with pytest.raises(SystemExit, match="Python 3.11 and newer, and this is Python 3.10"):
            set_up.bench()

    def test_every_package_has_one_version(self):
        lines = (set_up.ROOT / "requirements-bench.txt").read_text().splitlines()
        assert all("==" in line for line in lines if line and not line.startswith("#"))
        lock = (set_up.ROOT / "requirements.lock").read_text()
        assert next(line for line in lines if line.startswith("tensorflow")).split()[1] in lock
