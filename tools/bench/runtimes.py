"""One runtime in a process that `candidates.run` tells what to do.

Every runtime gets a float32 image (1, 224, 224, 3) and returns float32 scores (1, 1000), NumPy
arrays. A function here opens a file and returns the function that runs it.
"""

import time

import numpy as np

LONGEST = 0.3  # seconds after which a slow runtime's turn ends early
_running = {}


def load(opens: str, path: str, option: str, threads: int, images: str) -> None:
    """Open a file in a runtime, the name of a function here, and run it once."""
    _running["images"] = np.load(images, mmap_mode="r")
    _running["image"] = _running["images"][:1].copy()
    _running["run"] = OPENERS[opens](path, option, threads)
    _running["run"](_running["image"])


def turn(inferences: int) -> float:
    """Return the seconds of one inference, the mean of some."""
    start, done = time.perf_counter(), 0
    while done < inferences and time.perf_counter() - start < LONGEST:
        _running["run"](_running["image"])
        done += 1
    return (time.perf_counter() - start) / done


def outputs() -> list[list[float]]:
    """Return the scores of the images that prove what a candidate computes."""
    run = _running["run"]
    return [np.asarray(run(one[None].copy())).ravel().tolist() for one in _running["images"]]


def tensorflow(path, option, threads):
    """A SavedModel in TensorFlow: its signature, or a function traced for one image, or by XLA."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    model = tf.saved_model.load(path)
    function = model.signatures["serving_default"]
    if option != "signature":
        fixed = [tf.TensorSpec([1, 224, 224, 3], tf.float32, name="images")]
        compiled = option == "XLA" or None
        traced = tf.function(lambda images: model.f(images), fixed, jit_compile=compiled)
        function = traced.get_concrete_function()
    return lambda image: function(images=tf.constant(image))["probabilities"].numpy()


def interpreter(path, option, threads):
    """A .tflite in LiteRT's Interpreter, by its bare calls."""
    from ai_edge_litert.interpreter import Interpreter

    made = Interpreter(path, num_threads=threads)
    made.allocate_tensors()
    source, target = made.get_input_details()[0]["index"], made.get_output_details()[0]["index"]

    def run(image):
        made.set_tensor(source, image)
        made.invoke()
        return made.get_tensor(target)

    return run


def compiled_model(path, option, threads):
    """A .tflite in LiteRT's CompiledModel, on the CPU."""
    from ai_edge_litert.compiled_model import CompiledModel
    from ai_edge_litert.options import CpuOptions, Options

    options = Options(cpu_options=CpuOptions(num_threads=threads))
    made = CompiledModel.from_file(path, options=options)
    sources, targets = made.create_input_buffers(0), made.create_output_buffers(0)

    def run(image):
        sources[0].write(image)
        made.run_by_index(0, sources, targets)
        return targets[0].read(1000, np.float32)

    return run


def onnxruntime(path, option, threads):
    """An .onnx in ONNX Runtime, on its CPU provider."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda image: session.run(None, {name: image})[0]


def openvino(path, option, threads):
    """Whatever OpenVINO reads, on its CPU device, set for latency; `option` is a precision."""
    import openvino as ov

    options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
    if option:
        options["INFERENCE_PRECISION_HINT"] = option
    request = ov.Core().compile_model(path, "CPU", options).create_infer_request()
    return lambda image: request.infer({0: image})[0]


_every = (tensorflow, interpreter, compiled_model, onnxruntime, openvino)
OPENERS = {one.__name__: one for one in _every}
