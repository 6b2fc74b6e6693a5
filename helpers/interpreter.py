"""Run inputs through a .tflite file, by name. Taught in 04_run_the_interpreter, 20_quantize."""

from pathlib import Path
from typing import Any

import numpy as np

from helpers.savedmodel import InputError, Spec, by_name, run


def load(path_or_bytes: str | Path | bytes, threads: int = 1) -> Any:
    """Return a LiteRT interpreter for a file or its bytes, ready to run.

    The runtime always gets the bytes: given a path, some runtimes end the process on a damaged
    file. Raises ValueError if the content is not a .tflite model.
    """
    from ai_edge_litert.interpreter import Interpreter

    is_bytes = isinstance(path_or_bytes, bytes)
    content = path_or_bytes if is_bytes else Path(path_or_bytes).read_bytes()
    interpreter = Interpreter(model_content=content, num_threads=threads)
    interpreter.allocate_tensors()
    return interpreter


def predict(interpreter: Any, inputs: Any, signature: str | None = None) -> Any:
    """Return the outputs for n samples, run one at a time, or as many as a fixed batch holds.

    `inputs` and outputs are arrays (n, ...) or dictionaries of them, as in savedmodel.run, by the
    names of `signature`, by default "serving_default" or the only one; without signatures, of the
    tensors. Floats for a tensor of integers are quantized on the way in, and integer outputs
    dequantized. Raises InputError.
    """
    sources, targets, call = _signature(interpreter, signature)
    specs = {name: spec(detail) for name, detail in sources.items()}
    arrays = by_name(specs, inputs)
    real = [name for name, array in arrays.items() if np.issubdtype(array.dtype, np.floating)]
    for name in real:
        if np.issubdtype(sources[name]["dtype"], np.integer):
            arrays[name] = quantize(arrays[name], sources[name])
    outputs = run(lambda feed: call(**feed), specs, arrays, batch_size=1)
    for name, detail in targets.items():
        if real and np.issubdtype(detail["dtype"], np.integer) and detail["quantization"][0]:
            outputs[name] = dequantize(outputs[name], detail)
    return outputs if isinstance(inputs, dict) or len(outputs) > 1 else next(iter(outputs.values()))


def quantize(real: np.ndarray, detail: dict) -> np.ndarray:
    """Return real values as the integers of a tensor: round(real / scale) + zero point, clipped.

    `detail` is the tensor's, from get_input_details(). Raises InputError if it has no scale. See
    https://ai.google.dev/edge/litert/models/quantization_spec.
    """
    scale, zero_point = _scale(detail)
    limits = np.iinfo(detail["dtype"])
    stored = np.round(real / np.float32(scale)) + zero_point
    return np.clip(stored, limits.min, limits.max).astype(detail["dtype"])


def dequantize(stored: np.ndarray, detail: dict) -> np.ndarray:
    """Return the real values of integers, float32: (stored - zero point) * scale."""
    scale, zero_point = _scale(detail)
    return (stored.astype(np.float32) - zero_point) * np.float32(scale)


def spec(detail: dict) -> Spec:
    """Return the Spec of a tensor's details, from get_input_details()."""
    kind = np.dtype(detail["dtype"])
    shape = detail["shape_signature"] if len(detail["shape_signature"]) else detail["shape"]
    sizes = tuple(None if size == -1 else int(size) for size in shape)
    return Spec("string" if kind.kind in "OSU" else kind.name, sizes)


def _scale(detail):
    scale, zero_point = detail["quantization"]
    if not scale:
        raise InputError(
            f"The tensor {detail['name']!r} holds {np.dtype(detail['dtype']).name} without a scale:"
            " its integers are not quantized values. Give it integers."
        )
    return scale, zero_point


def _signature(interpreter, name):
    """Return {input: detail}, {output: detail} and a function of arrays, by name."""
    names = list(interpreter.get_signature_list())
    if name is None and names:
        name = names[0] if len(names) == 1 else "serving_default"
    if name is not None:
        if name not in names:
            found = ", ".join(names) or "none"
            raise InputError(f"The file has no signature {name!r}. Found: {found}. Name one.")
        runner = interpreter.get_signature_runner(name)
        return runner.get_input_details(), runner.get_output_details(), runner
    sources = {detail["name"]: detail for detail in interpreter.get_input_details()}
    targets = {detail["name"]: detail for detail in interpreter.get_output_details()}

    def call(**feed):
        for name, value in feed.items():
            if value.shape != tuple(sources[name]["shape"]):  # a dynamic dimension
                interpreter.resize_tensor_input(sources[name]["index"], value.shape, strict=True)
        interpreter.allocate_tensors()
        for name, value in feed.items():
            interpreter.set_tensor(sources[name]["index"], value)
        interpreter.invoke()
        return {name: interpreter.get_tensor(one["index"]) for name, one in targets.items()}

    return sources, targets, call
