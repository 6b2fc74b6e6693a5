"""The interpreter of a microcontroller, TensorFlow Lite Micro, run on this machine.

Its Python package `tflite_micro` (https://github.com/tensorflow/tflite-micro) holds the C++ code
that a microcontroller would run, with its portable kernels: those of LiteRT's
OpResolverType.BUILTIN_REF, not the faster ones of XNNPACK that LiteRT uses by default. So compare
integers with the former. It checks little: a model that it cannot run may end the process. So each
run is in a sandbox. Taught in 41_run_on_a_microcontroller.
"""

import importlib.util
import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hub_to_tflite import knowledge, sandbox
from hub_to_tflite.file import flatbuffer
from hub_to_tflite.sandbox import memory

LARGEST = 64 * 2**20  # bytes of arena that are offered; no microcontroller has more
STEP = 16  # bytes: what is in the arena begins at multiples of it
ABSENT = "the package tflite-micro is not installed; it exists for Linux on x86-64 only"
KNOWN = Path(__file__).with_name("microcontrollers.yaml")


@dataclass(frozen=True)
class Result:
    """How a run on TensorFlow Lite Micro went. `outputs` is None and `arena` 0 if it refused."""

    outputs: Any  # the first output for each input, (n, ...), in the model's dtype
    arena: int  # bytes of working memory that it needs, on a machine with pointers of 64 bits
    refused: str  # why not, as a part of a sentence; "" if it ran


def run(content: bytes, inputs: Any = None, arena: int = LARGEST, seconds: float = 30) -> Result:
    """Return the Result of running a .tflite on each of `inputs`, or once on zeros without them.

    `inputs` is (n, ...) in the dtype of the model's one input, or a list of such arrays, one for
    each input. The model gets `arena` bytes of working memory; the sandbox is stopped after
    `seconds`. Result.arena is the least, to 16 bytes, that it starts with. Raises nothing for a
    bad model.
    """
    try:
        found = flatbuffer.read(content)  # TFLM itself does not look
    except flatbuffer.CorruptModelError as error:
        return Result(None, 0, f"it is damaged: {error}")
    if not found.outputs:
        return Result(None, 0, "it has no output")
    if not importlib.util.find_spec("tflite_micro"):
        return Result(None, 0, ABSENT)
    if not isinstance(inputs, (list, tuple)):
        inputs = [] if inputs is None else [inputs]
    try:
        given = content, inputs, len(found.inputs), arena
        return sandbox.call(_run, *given, seconds=seconds, memory=memory.free() // 2)
    except Exception as error:
        return Result(None, 0, _cause(error, found))


def _cause(error, found):
    """Return why TFLM refused a flatbuffer.Model, from what it raised and wrote."""
    ending, written = getattr(error, "ending", ""), getattr(error, "log", "")
    if ending == "timeout":
        return f"it was still busy after {error.name}"
    if any(tensor.dtype == "string" for tensor in (*found.inputs, *found.outputs)):
        return "it takes or returns text, and TFLM has numbers only"
    own = [op for op in found.ops if op.kind != "builtin"]
    if own and "op code CUSTOM" in written:
        kind = "one of TensorFlow" if own[0].kind == "flex" else "a custom one"
        return f"TFLM has no op {own[0].name}, {kind}"
    if "Hybrid models are not supported" in written and found.constants.get("uint8"):
        return "its weights are uint8, the older form of quantization, and TFLM takes int8"
    for mark, words in knowledge.load(KNOWN)["refusals"].items():
        if match := re.search(mark, written):
            return words.format(*match.groups())
    if ending in ("signal", "memory", "exit"):
        softmax = "SIGABRT" in error.name and any(op.name == "SOFTMAX" for op in found.ops)
        hint = knowledge.load(KNOWN)["softmax"] if softmax and found.constants.get("int8") else ""
        return f"TFLM ended the process that tried it with {error.name}{hint}"
    return f"TFLM says {str(error).strip()!r}"


def _run(content, arrays, count, arena):
    """Run a model of `count` inputs; for a sandbox."""
    import numpy as np
    from tflite_micro import runtime

    interpreter = runtime.Interpreter.from_bytes(content, arena_size=arena)
    details = [interpreter.get_input_details(index) for index in range(count)]
    arrays = arrays or [np.zeros((1, *detail["shape"]), detail["dtype"]) for detail in details]
    outputs = []
    for ones in zip(*arrays) if arrays else [()]:
        for index, (one, detail) in enumerate(zip(ones, details)):
            # A row of a batch has one dimension less than an input with a batch of 1.
            interpreter.set_input(one if one.ndim == len(detail["shape"]) else one[None], index)
        interpreter.invoke()
        output = interpreter.get_output(0)
        outputs.append(output[0] if output.shape[:1] == (1,) else output)
    starts = partial(sandbox.forked, runtime.Interpreter.from_bytes, content)
    sizes = range(STEP, arena, STEP)  # with too little, it may end the process that tries
    least = bisect_left(sizes, True, key=lambda size: starts(arena_size=size) == 0)
    needs = sizes[least] if least < len(sizes) else arena
    return Result(np.array(outputs), needs, "")
