"""The interpreter of a microcontroller, TensorFlow Lite Micro, run on this machine. Taught in 10_deploy.

Its Python package `tflite_micro` (https://github.com/tensorflow/tflite-micro) holds the C++ code that a chip would run,
with its portable kernels: those of LiteRT's OpResolverType.BUILTIN_REF, not the faster ones of XNNPACK that LiteRT uses
by default. So compare integers with the former. It checks little: a model that it cannot take may end the process. So
each run is a child process.
"""

import importlib.util
import io
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hub_to_tflite.file import flatbuffer
from hub_to_tflite.sandbox import trial

ROOT = Path(__file__).resolve().parents[2]
LARGEST = 64 * 2**20  # bytes of arena that are offered; no chip has more
STEP = 16  # bytes: what is in the arena stands at multiples of it
ABSENT = "the package tflite-micro is not installed; it exists for Linux on x86-64 only"
CAUSES = {  # what TFLM writes -> what it means; the first that is found
    r"dequantize_common.*(?s:.*)DEQUANTIZE": "it stores weights as float16, and TFLM cannot unpack these",
    r"Failed to get registration from op code (\w+)": "TFLM, as built for Python, has no op {}",
    r"Failed to (?:resize buffer|allocate)[^\n]*": "its tensors do not fit into the arena",
    r"(?:Input t|T)ype (\w+) \(\d+\) not supported\.\s+Node (\w+)": "TFLM's op {1} takes no values of type {0}",
    r"Only int32_t are supported currently, got (\w+)\.\s+Node (\w+)": "TFLM's op {1} takes no values of type {0}",
    r"Node (\w+) \(number \d+\) failed to \w+": "TFLM's op {} does not take these types or shapes",
}


@dataclass(frozen=True)
class Result:
    """How a run on TensorFlow Lite Micro went. `outputs` is None and `arena` 0 where the model was refused."""

    outputs: np.ndarray | None  # the first output for each input, (n, ...), in the model's dtype
    arena: int  # bytes of working memory that it needs, on a machine with pointers of 64 bits
    refused: str  # why not, as a part of a sentence; "" where it ran


def run(content, inputs=None, arena=LARGEST, seconds=120):
    """Return the Result of running the bytes of a .tflite on each of `inputs`, or once on zeros where there are none.

    `inputs` is (n, ...) in the dtype of the model's one input, or a list of such arrays, one for each input. The model
    gets `arena` bytes of working memory; the child is stopped after `seconds`. Result.arena is the least that is
    enough, to 16 bytes: what TFLM counts itself, then as many steps of 16 as it takes until it starts with just that.
    Raises nothing for a bad model: `refused` says why.
    """
    try:
        found = flatbuffer.read(content)  # TFLM itself does not look
    except flatbuffer.Damaged as error:
        return Result(None, 0, f"it is damaged: {error}")
    if not found.outputs:
        return Result(None, 0, "it has no output")
    if not importlib.util.find_spec("tflite_micro"):
        return Result(None, 0, ABSENT)
    arrays = inputs if isinstance(inputs, (list, tuple)) else [] if inputs is None else [inputs]
    arrays = {f"input{number}": one for number, one in enumerate(arrays)}
    given = io.BytesIO()
    np.savez(given, content=np.frombuffer(content, np.uint8), arena=arena, **arrays)
    command = [sys.executable, "-m", "hub_to_tflite.targets.tflm", str(seconds)]
    try:
        child = subprocess.run(
            command, input=given.getvalue(), capture_output=True, timeout=seconds, cwd=ROOT
        )
    except subprocess.TimeoutExpired:
        return Result(None, 0, f"it was still busy after {seconds} seconds")
    if child.returncode == 0:
        with np.load(io.BytesIO(child.stdout)) as answer:
            return Result(answer["outputs"], int(answer["arena"]), "")
    return Result(None, 0, _cause(child.stderr.decode(errors="replace"), child.returncode, found))


def _cause(said, status, found):
    """Return why TFLM refused a flatbuffer.Model, from what it wrote to its standard error."""
    if any(tensor.dtype == "string" for tensor in (*found.inputs, *found.outputs)):
        return "it takes or returns text, and TFLM has numbers only"
    own = [op for op in found.ops if op.kind != "builtin"]
    if own and "op code CUSTOM" in said:
        return f"TFLM has no op {own[0].name}, {'one of TensorFlow' if own[0].kind == 'flex' else 'a custom one'}"
    if "Hybrid models are not supported" in said:
        if found.constants.get("uint8"):
            return "its weights are uint8, the older form of quantization, and TFLM takes int8"
        return "it has int8 weights with float values around them (dynamic range), and TFLM has no kernels for that mix"
    for mark, words in CAUSES.items():
        if match := re.search(mark, said):
            return words.format(*match.groups())
    if status < 0:
        return f"TFLM ended the process that tried it, with signal {-status}"
    return f"TFLM says {(said.strip().splitlines() or ['nothing'])[-1]!r}"


def main(seconds):
    """Run what stands on standard input, an .npz of `content`, `arena`, `input0` and so on; write an .npz."""
    from tflite_micro import runtime

    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # TFLM prints as it likes
    with np.load(io.BytesIO(sys.stdin.buffer.read())) as given:
        content, arena = given["content"].tobytes(), int(given["arena"])
        arrays = [given[name] for name in given.files if name.startswith("input")]
    trial.limit(seconds)
    interpreter = runtime.Interpreter.from_bytes(content, arena_size=arena)
    details = [
        interpreter.get_input_details(index)
        for index in range(len(flatbuffer.read(content).inputs))
    ]
    arrays = arrays or [np.zeros((1, *detail["shape"]), detail["dtype"]) for detail in details]
    outputs = []
    for ones in zip(*arrays) if arrays else [()]:
        for index, (one, detail) in enumerate(zip(ones, details)):
            # A row of a batch has one dimension less than an input with a batch of 1.
            interpreter.set_input(one if one.ndim == len(detail["shape"]) else one[None], index)
        interpreter.invoke()
        output = interpreter.get_output(0)
        outputs.append(output[0] if output.shape[:1] == (1,) else output)
    needs = -(-_allocated(interpreter) // STEP) * STEP
    while needs < arena and not _fits(content, needs):
        needs += STEP
    np.savez(stream, outputs=np.array(outputs), arena=needs)
    stream.flush()


def _fits(content, arena):
    """Return whether TFLM starts a model with `arena` bytes. With too few it may end the process, so a fork tries."""
    from tflite_micro import runtime

    child = os.fork()
    if not child:
        status = 1
        try:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            runtime.Interpreter.from_bytes(content, arena_size=arena)
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0


def _allocated(interpreter):
    """Return the bytes of arena that TFLM's recording allocator counted: it can print them, and nothing else."""
    with tempfile.TemporaryFile() as file:
        kept = [os.dup(1), os.dup(2)]
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        interpreter.print_allocations()
        for number, descriptor in enumerate(kept, start=1):
            os.dup2(descriptor, number)
            os.close(descriptor)
        file.seek(0)
        return int(re.search(rb"Arena allocation total (\d+) bytes", file.read())[1])


if __name__ == "__main__":
    main(float(sys.argv[1]))
