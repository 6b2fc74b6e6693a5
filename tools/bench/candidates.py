"""The contest: every contestant in a process of its own, asked in turn, so that only one works at a time."""

import contextlib
import json
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
PAUSE = 0.01  # seconds before each turn, in which the last one's waiting threads give up their processor
OURS, TENSORFLOW = "LiteRT", "TensorFlow"


class Failed(Exception):
    """A contestant that cannot go on. The message says why."""


@dataclass
class Contestant:
    """One way to run the model. `file` is a key of what tools.bench.files made, `form` what the runtime is told."""

    runtime: str
    name: str
    worker: str
    file: str
    form: str = ""
    kind: str = (
        "int8"  # or float32: answers as the SavedModel does; or rounded: float, but with fewer bits
    )
    counts: bool = True  # may stand for its runtime; the control may not

    @property
    def label(self):
        return f"{self.runtime}, {self.name}"


def contestants():
    """Return all of them. The first is the reference, the function that every other must compute too."""
    made = [
        Contestant(
            TENSORFLOW, "SavedModel, signature", "tensorflow", "SavedModel", "signature", "float32"
        ),
        Contestant(
            TENSORFLOW, "SavedModel, tf.function", "tensorflow", "SavedModel", "function", "float32"
        ),
        Contestant(TENSORFLOW, "SavedModel, XLA", "tensorflow", "SavedModel", "XLA", "float32"),
    ]
    kinds = {
        "float32": "float32",
        "dynamic range": "int8",
        "float16": "rounded",
        "full-integer with float I/O": "int8",
    }
    for api in ("Interpreter", "CompiledModel"):
        worker = "interpreter" if api == "Interpreter" else "compiled_model"
        for file, kind in kinds.items():
            made.append(
                Contestant(OURS, f"{api}, {file.partition(',')[0]}", worker, file, kind=kind)
            )
    control = Contestant(
        OURS, "Interpreter, int8, again", "interpreter", "full-integer with float I/O", counts=False
    )
    ort = {
        "float32": "onnx",
        **{f"int8 {q}": f"onnx {q}" for q in ("U8S8", "S8S8", "U8U8", "U8S8 7 bit")},
    }
    ort["int8 of the .tflite"] = "onnx of tflite"
    made += [control] + [
        Contestant(
            "ONNX Runtime",
            name,
            "onnxruntime",
            file,
            kind="float32" if name == "float32" else "int8",
        )
        for name, file in ort.items()
    ]
    return made + [
        Contestant("OpenVINO", "float32, of the .tflite", "openvino", "float32", "f32", "float32"),
        Contestant("OpenVINO", "float32, of the .onnx", "openvino", "onnx", "f32", "float32"),
        Contestant("OpenVINO", "float, the precision it picks", "openvino", "onnx", kind="rounded"),
        Contestant("OpenVINO", "int8, of the .tflite", "openvino", "full-integer with float I/O"),
        Contestant("OpenVINO", "int8 U8S8, of the .onnx", "openvino", "onnx U8S8"),
        Contestant("OpenVINO", "int8, by NNCF", "openvino", "nncf"),
    ]


class Worker:
    """The process of one contestant."""

    def __init__(self, contestant, python, path, threads, check):
        """Start it and wait until it has run the model once. Raises Failed."""
        spec = {
            "runtime": contestant.worker,
            "path": path,
            "form": contestant.form,
            "threads": threads,
            "check": check,
        }
        self.errors = tempfile.TemporaryFile()
        command = [str(python), "-m", "tools.bench.worker", json.dumps(spec)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self.errors}
        self.process = subprocess.Popen(command, cwd=ROOT, text=True, **pipes)
        self.empty = self._read()
        self._read()

    def ask(self, line):
        """Return the worker's answer to one line. Raises Failed."""
        with contextlib.suppress(OSError):  # it is gone; reading says why
            print(line, file=self.process.stdin, flush=True)
        return self._read()

    def stop(self):
        """End the process, by the end of its input."""
        with self.process:
            self.process.stdin.close()
        self.errors.close()

    def _read(self):
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {"error": self._last_words()}
        if isinstance(answer, dict):
            raise Failed(answer["error"])
        return answer

    def _last_words(self):
        status = self.process.wait()
        self.errors.seek(0)
        said = self.errors.read().decode(errors="replace").strip().splitlines()
        return f"the process ended with status {status}" + (f": {said[-1][:200]}" if said else "")


def interleave(ways, rounds, warm_up):
    """Return ({name: seconds (rounds,)}, {name: why it failed}) for `ways`, {name: function that returns seconds}.

    Every round asks each way once, in an order that turns. A way that raises Failed is left out from then on.
    """
    order, seconds, failed = list(ways), {name: [] for name in ways}, {}
    for number in range(warm_up + rounds):
        order = order[1:] + order[:1]
        for name in [name for name in order if name not in failed]:
            try:
                spent = ways[name]()
            except Failed as error:
                failed[name] = str(error)
                continue
            if number >= warm_up:
                seconds[name].append(spent)
    return {name: np.array(spent) for name, spent in seconds.items() if name not in failed}, failed


@dataclass
class Result:
    """What one contest, at one number of threads, measured of all that took part."""

    seconds: dict
    failed: dict
    scores: dict = field(default_factory=dict)
    peak: dict = field(default_factory=dict)
    empty: float = 0.0  # peak memory, MB, of a worker before it imports its runtime


def run(entries, files, python, threads, rounds, inferences=10, warm_up=3):
    """Hold the contest of `entries` at one number of threads. `python` is {worker: the Python that runs it}."""
    workers, failed = {}, {}
    for entry in entries:
        path = files[entry.file]
        try:
            if isinstance(path, dict):
                raise Failed(path["error"])
            workers[entry.label] = Worker(
                entry, python(entry.worker), path, threads, files["check"]
            )
        except (Failed, OSError) as error:
            failed[entry.label] = str(error)

    def turn(worker):
        time.sleep(PAUSE)
        return worker.ask(f"run {inferences}")

    ways = {label: lambda w=worker: turn(w) for label, worker in workers.items()}
    seconds, late = interleave(ways, rounds, warm_up)
    result = Result(seconds, {**failed, **late})
    for label in list(seconds):
        try:
            result.peak[label] = workers[label].ask("peak")
            result.scores[label] = np.array(workers[label].ask("check"))
            result.empty = workers[label].empty
        except Failed as error:
            result.failed[label] = str(error)
            del seconds[label]
    for worker in workers.values():
        worker.stop()
    return result
