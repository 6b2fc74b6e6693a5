"""One contestant in a process of its own: it imports one runtime, and runs it when it is told to.

    python -m tools.bench.worker '{"runtime": ..., "path": ..., "threads": ..., "check": ...}'

First it prints its peak memory in MB before the runtime is imported, then "ready". After that one line in, one JSON
line out: "run 10" gives the seconds of one inference, from ten, "peak" the peak memory, "check" the scores of the check
pictures. A failure gives {"error": ...} and ends the process. Every runtime is given a float32 picture and gives
float32 scores, both numpy arrays.
"""

import json
import os
import sys
import time

import numpy as np

LONGEST = 0.3  # seconds after which a slow runtime's turn ends early


def tensorflow(spec):
    """A SavedModel in TensorFlow, called as `spec["form"]` says."""
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(spec["threads"])
    tf.config.threading.set_inter_op_parallelism_threads(1)
    model = tf.saved_model.load(spec["path"])
    function = model.signatures["serving_default"]
    if spec["form"] != "signature":
        fixed = [tf.TensorSpec([1, 224, 224, 3], tf.float32)]
        inner = tf.function(
            lambda images: model.f(images), fixed, jit_compile=spec["form"] == "XLA" or None
        )
        function = inner.get_concrete_function()
        return lambda picture: function(tf.constant(picture))["probabilities"].numpy()
    return lambda picture: function(images=tf.constant(picture))["probabilities"].numpy()


def interpreter(spec):
    """A .tflite in LiteRT's Interpreter, by its bare calls."""
    from ai_edge_litert.interpreter import Interpreter

    made = Interpreter(spec["path"], num_threads=spec["threads"])
    made.allocate_tensors()
    source, target = made.get_input_details()[0]["index"], made.get_output_details()[0]["index"]

    def run(picture):
        made.set_tensor(source, picture)
        made.invoke()
        return made.get_tensor(target)

    return run


def compiled_model(spec):
    """A .tflite in LiteRT's CompiledModel, on the CPU."""
    from ai_edge_litert.compiled_model import CompiledModel
    from ai_edge_litert.options import CpuOptions, Options

    made = CompiledModel.from_file(
        spec["path"], options=Options(cpu_options=CpuOptions(num_threads=spec["threads"]))
    )
    inputs, outputs = made.create_input_buffers(0), made.create_output_buffers(0)

    def run(picture):
        inputs[0].write(picture)
        made.run_by_index(0, inputs, outputs)
        return outputs[0].read(1000, np.float32)

    return run


def onnxruntime(spec):
    """An .onnx in ONNX Runtime, on its CPU provider."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = spec["threads"], 1
    session = ort.InferenceSession(spec["path"], options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda picture: session.run(None, {name: picture})[0]


def openvino(spec):
    """Whatever OpenVINO reads, on its CPU device, set for latency."""
    import openvino as ov

    options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": spec["threads"]}
    if spec["form"]:
        options["INFERENCE_PRECISION_HINT"] = spec["form"]
    request = ov.Core().compile_model(spec["path"], "CPU", options).create_infer_request()
    return lambda picture: request.infer({0: picture})[0]


def memory():
    """Return this process's peak resident memory in MB (10^6 bytes)."""
    try:
        status = open("/proc/self/status").read()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6
    except OSError:  # not Linux
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def answer(run, picture, check, line):
    """Return what one line of the parent asks for."""
    command, _, number = line.partition(" ")
    if command == "peak":
        return memory()
    if command == "check":
        return [np.asarray(run(one[None])).ravel().tolist() for one in np.load(check)]
    run(
        picture
    )  # the others have had the caches: the first one fills them again and is not counted
    start, done = time.perf_counter(), 0
    while done < int(number) and time.perf_counter() - start < LONGEST:
        run(picture)
        done += 1
    return (time.perf_counter() - start) / done


def main():
    """Load what the argument says, then answer line by line until standard input ends."""
    spec = json.loads(sys.argv[1])
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a runtime prints must not be taken for an answer
    picture = np.load(spec["check"], mmap_mode="r")[:1].copy()
    try:
        print(json.dumps(memory()), file=out, flush=True)
        run = globals()[spec["runtime"]](spec)
        run(picture)
        print(json.dumps("ready"), file=out, flush=True)
        for line in sys.stdin:
            print(
                json.dumps(answer(run, picture, spec["check"], line.strip())), file=out, flush=True
            )
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"[:300]}), file=out, flush=True)


if __name__ == "__main__":
    main()
