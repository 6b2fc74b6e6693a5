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

    `inputs` is (n, ...) in the dtype of the model's input. The model must have one input, of batch 1.
    """
    source = interpreter.get_input_details()[0]["index"]
    target = interpreter.get_output_details()[0]
    outputs = np.empty((len(inputs), *target["shape"][1:]), target["dtype"])
    for row, one in enumerate(inputs):
        interpreter.set_tensor(source, one[None])
        interpreter.invoke()
        outputs[row] = interpreter.get_tensor(target["index"])[0]
    return outputs
