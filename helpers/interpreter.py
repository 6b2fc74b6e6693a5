"""A batch of inputs through a .tflite file. Repeats what 05_run_the_interpreter teaches; no TensorFlow."""

import numpy as np


def load(path, threads=1):
    """Return a LiteRT interpreter for the file at `path` (or for bytes), ready to run.

    Passing bytes, not the path, is what keeps a damaged file from ending the kernel in other runtimes;
    here it costs one copy. Raises ValueError if the content is not a .tflite model.
    """
    from ai_edge_litert.interpreter import Interpreter

    content = path if isinstance(path, bytes) else open(path, "rb").read()
    interpreter = Interpreter(model_content=content, num_threads=threads)
    interpreter.allocate_tensors()
    return interpreter


def predict(interpreter, inputs):
    """Return the first output for each input, as one array (n, ...), running them one at a time.

    `inputs` is (n, ...) in the dtype of the model's input. Floats for a model of integers are real values: they are
    quantized on the way in, and the output is dequantized (06_quantize). The model must have one input, of batch 1.
    """
    source, target = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    real = np.issubdtype(inputs.dtype, np.floating)
    if real and np.issubdtype(source["dtype"], np.integer):
        inputs = quantize(inputs, source)
    outputs = np.empty((len(inputs), *target["shape"][1:]), target["dtype"])
    for row, one in enumerate(inputs):
        interpreter.set_tensor(source["index"], one[None])
        interpreter.invoke()
        outputs[row] = interpreter.get_tensor(target["index"])[0]
    return (
        dequantize(outputs, target)
        if real and np.issubdtype(target["dtype"], np.integer)
        else outputs
    )


def quantize(real, detail):
    """Return real values as the integers that stand for them, in the dtype of the tensor that `detail` describes.

    `detail` comes from get_input_details(). round(real / scale) + zero point, cut to what the dtype holds:
    https://ai.google.dev/edge/litert/models/quantization_spec. Taught in 06_quantize. Raises ValueError if the
    tensor has no scale.
    """
    scale, zero_point = _scale(detail)
    limits = np.iinfo(detail["dtype"])
    return np.clip(np.round(real / np.float32(scale)) + zero_point, limits.min, limits.max).astype(
        detail["dtype"]
    )


def dequantize(stored, detail):
    """Return float32 (stored - zero point) * scale, the real values that integers stand for. Taught in 06_quantize."""
    scale, zero_point = _scale(detail)
    return (stored.astype(np.float32) - zero_point) * np.float32(scale)


def _scale(detail):
    scale, zero_point = detail["quantization"]
    if not scale:
        raise ValueError(
            f"The tensor {detail['name']!r} holds {np.dtype(detail['dtype']).name} without a scale: its integers are "
            "not quantized values. Give it integers."
        )
    return scale, zero_point
