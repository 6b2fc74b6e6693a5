"""The candidates, and the benchmark of them: each in a process of its own, one at a time."""

import contextlib
import functools
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from helpers import benchmark
from hub_to_tflite import knowledge
from hub_to_tflite.sandbox import Worker, memory
from tools.bench import runtimes
from tools.course import set_up

OTHERS = set_up.python_of(set_up.ROOT / ".venv-bench")  # the Python that has the other runtimes
EXACT, LIKE = 1e-3, 0.7  # the largest difference of a float32 score; the others' correlation
PAUSE = 0.01  # seconds before a turn, in which the last one's waiting threads give up the processor
INFERENCES = 10  # in a turn


@dataclass(frozen=True)
class Candidate:
    """A file in a runtime. candidates.yaml explains the fields."""

    label: str
    opens: str
    file: str
    option: str = ""
    exact: bool = False
    side: str = ""


def worker(others: bool) -> Worker:
    """Return a process that has the course's packages, or those of .venv-bench."""
    return Worker({"PYTHONPATH": str(set_up.ROOT)}, OTHERS if others else None)


def reason(error: Exception) -> str:
    """Return on one line why a function in such a process didn't return."""
    return " ".join(str(error).split())[:300]


def load() -> list[Candidate]:
    """Return all candidates. The first is the reference."""
    return [Candidate(**one) for one in knowledge.load(Path(__file__).with_suffix(".yaml"))]


def compare(scores: np.ndarray, reference: np.ndarray) -> tuple[float, float, int]:
    """Return (largest difference, correlation, inputs with the same top-1) of two (n, classes)."""
    return (
        float(np.abs(scores - reference).max()),
        float(np.corrcoef(scores.ravel(), reference.ravel())[0, 1]),
        int(np.sum(scores.argmax(1) == reference.argmax(1))),
    )


def proven(candidate: Candidate, proof: tuple[float, float, int] | None) -> bool:
    """Say whether `proof`, from `compare`, shows that it computes the reference's function."""
    if proof is None:
        return False
    difference, correlation, _ = proof
    return difference <= EXACT if candidate.exact else correlation >= LIKE


def run(
    candidates: list[Candidate],
    made: dict[str, str],
    unmade: dict[str, str],
    threads: int,
    rounds: int,
) -> dict:
    """Return what the benchmark measured at one number of threads, for JSON.

    `made` is {file: path}, `unmade` {file: why there is none}. A candidate that fails is in
    "failed" with the reason, and nowhere else: {label: seconds of one inference, a number a round},
    {label: peak MB}, {label: proof}, and the reference's proof against other images ("control").
    """
    failed = {one.label: unmade[one.file] for one in candidates if one.file in unmade}
    processes, clock = {}, 0.0

    def ask(label, function, *args):
        if label in failed:
            return None
        try:
            return processes[label].call(function, *args)
        except Exception as error:
            failed[label] = reason(error)

    def turn(label):
        nonlocal clock
        time.sleep(PAUSE)
        clock += ask(label, runtimes.turn, INFERENCES) or 0.0

    with contextlib.ExitStack() as stack:
        for one in candidates:
            if one.label not in failed:
                process = worker(others=one.opens in ("onnxruntime", "openvino"))
                processes[one.label] = stack.enter_context(process)
                told = one.opens, made[one.file], one.option, threads, made["images"]
                ask(one.label, runtimes.load, *told)
        turns = {one: functools.partial(turn, one) for one in processes if one not in failed}
        seconds = benchmark.measure(turns, rounds, clock=lambda: clock) if turns else {}
        peak = {one: ask(one, memory.peak) for one in turns if one not in failed}
        scores = {one: np.array(ask(one, runtimes.outputs)) for one in peak}
    ran = [one for one in scores if one not in failed]
    reference = scores[candidates[0].label] if candidates[0].label in ran else None
    known = [] if reference is None else ran
    return {
        "seconds": {one: seconds[one].round(7).tolist() for one in ran},
        "peak": {one: round(peak[one] / 1e6) for one in ran},
        "proof": {one: compare(scores[one], reference) for one in known},
        "control": compare(np.roll(reference, 1, axis=0), reference) if known else None,
        "failed": failed,
    }
