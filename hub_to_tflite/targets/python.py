"""Python: LiteRT's Interpreter, tried on values that differ from each other, or else on zeros."""

import dataclasses
from importlib.metadata import version

from hub_to_tflite.file.flatbuffer import Model
from hub_to_tflite.sandbox import memory, opening
from hub_to_tflite.targets import Run, Target, say, sentences


def run(content: bytes) -> Run:
    """Return how a .tflite runs in the Interpreter, in a sandbox.

    Dynamic dimensions inside a model can be too much for XNNPACK, LiteRT's default kernels. The
    others then may do.
    """
    refusal = ""
    for xnnpack in (True, False):
        try:
            return dataclasses.replace(opening.attempt(_run, content, xnnpack), refusal=refusal)
        except Exception as error:
            refusal = opening.failure(error)[1]
        if "XNNP" not in refusal:
            break
    return Run(refusal=refusal)


def judge(model: Model, run: Run) -> Target:
    """Return the Target "Python" for what `run` found."""
    if not run.memory:
        return Target("Python", False, sentences([run.refusal]))
    reason = say("python runs", version("ai-edge-litert"))
    reason += "" if run.xnnpack else say("python without XNNPACK")
    reason += say("python dynamic") if any(one.dynamic for one in model.inputs) else ""
    return Target("Python", True, f"{reason}.")


def _run(content, xnnpack):
    """Run a file once; for a sandbox."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kernels = OpResolverType.AUTO if xnnpack else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_content=content, experimental_op_resolver_type=kernels)
    interpreter.allocate_tensors()
    details = interpreter.get_input_details()
    inputs = [_values(detail) for detail in details]
    try:
        outputs = opening.outputs(interpreter, inputs)
    except (RuntimeError, ValueError) as error:  # such as a row that a table does not have
        inputs = [opening.full(detail, 0) for detail in details]
        try:
            outputs = opening.outputs(interpreter, inputs)
        except (RuntimeError, ValueError):
            raise error from None
    return Run(tuple(inputs), tuple(outputs), memory.peak(), xnnpack)


def _values(detail):
    """Return an array for one of LiteRT's input details, in which no two neighbours are alike."""
    import numpy as np

    count = np.arange(int(np.prod(detail["shape"])))
    if detail["dtype"] is np.bytes_:
        return opening.full(detail, 0)
    values = count % 2 if detail["dtype"] is np.bool_ else count * 37 % 100 + 1
    if np.issubdtype(detail["dtype"], np.inexact):
        values = 0.1 + 0.8 * (count * 7919 % 1000) / 1000
    return values.astype(detail["dtype"]).reshape(detail["shape"])
