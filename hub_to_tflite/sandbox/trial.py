"""What the child process of `opening` does: open a .tflite, run it once, tell how far it came.

A process of its own, because some files end the one that runs them. Taught in 09_fix_failed_conversions.
"""

import contextlib
import json
import math
import os
import sys
from pathlib import Path

import numpy as np

from helpers.interpreter import load


def run(interpreter, value=0):
    """Run an interpreter once on zeros, then each of its signatures; return the outputs of the first, a list of arrays.

    `value` stands in for the zeros; a text is empty. What LiteRT raises comes from the first run only: a signature may
    rightly refuse zeros, such as one that wants the name of a file.
    """
    for given in interpreter.get_input_details():
        interpreter.set_tensor(given["index"], _filled(given, value))
    interpreter.invoke()
    outputs = [
        interpreter.get_tensor(returned["index"]) for returned in interpreter.get_output_details()
    ]
    for name in interpreter.get_signature_list():
        with contextlib.suppress(Exception):
            runner = interpreter.get_signature_runner(name)
            runner(
                **{key: _filled(given, value) for key, given in runner.get_input_details().items()}
            )
    return outputs


def _filled(given, value):
    """Return an array full of `value`, or of empty texts, for one of LiteRT's input details."""
    dtype, value = (object, b"") if given["dtype"] is np.bytes_ else (given["dtype"], value)
    return np.full(given["shape"], value, dtype)


def main(seconds):
    """Open and run the bytes on standard input; write each step, and how it ended, as a line of JSON."""
    stream = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # so that what C++ prints does not come between

    def tell(**what):
        print(json.dumps(what), file=stream, flush=True)

    content = sys.stdin.buffer.read()
    limit(seconds)
    try:
        tell(step="in allocate_tensors()")
        interpreter = load(content)
        tell(step="in its first run, on zeros")
        run(interpreter)
        tell(step="on being closed")
        del interpreter
        tell(step="at its end")
    except Exception as error:
        tell(refused=str(error) or type(error).__name__)


def limit(seconds):
    """Let this process take half of the memory that is free now, and not outlive by much a parent that is gone."""
    try:
        import resource
    except ImportError:  # Windows
        return
    import psutil

    memory = psutil.Process().memory_info().vms + psutil.virtual_memory().available // 2
    for kind, most in [(resource.RLIMIT_AS, memory), (resource.RLIMIT_CPU, math.ceil(seconds) + 1)]:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most))


def peak(process="self"):
    """Return the peak resident memory, in bytes, of a process id or of this process; its present one without a record.

    Not getrusage: its number begins with the memory of the process that started this one.
    """
    try:
        status = Path(f"/proc/{process}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024
    except (OSError, IndexError):
        import psutil

        return psutil.Process(None if process == "self" else process).memory_info().rss


if __name__ == "__main__":
    main(float(sys.argv[1]))
