"""Open a .tflite so that a bad file is one error, never the end of the kernel. Taught in 09_fix_failed_conversions.

Some files that look sound kill the process that runs them, or never let it go on, and no `try` can stop that. So a
child process opens and runs the file first. What the child does not survive is never opened here.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from helpers.interpreter import load
from hub_to_tflite.file import flatbuffer
from hub_to_tflite.file.identify import identify

ROOT = Path(__file__).resolve().parents[2]
COMPARE = "Fetch it again, and compare its size and sha256 with the publisher's."
REMEDIES = {  # what LiteRT says -> what to do
    r"Select TensorFlow op": "It was converted with SELECT_TF_OPS, and no Python runtime of today has these ops. "
    "Convert it again with built-in ops only.",
    r"unresolved custom op": "Register the op with the interpreter, or convert it again with built-in ops only.",
    r"Didn't find op for builtin opcode": "Use a newer ai-edge-litert. `identify` says which release a file needs.",
    r"XNNP": "Fix the shapes of its inputs, or pass LiteRT's Interpreter "
    "experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES.",
}


class OpenError(ValueError):
    """A file that is not opened. The message says what is wrong, what was found, what to do."""


def open_tflite(source, trial=True, seconds=30):
    """Return a LiteRT interpreter, its tensors allocated, for the path or the bytes of a .tflite.

    Compares the file's tables first. Then a child process tries the same bytes: allocates, runs once on zeros. It is
    stopped after `seconds`. That costs part of a second, and the memory of a second copy. `trial=False` leaves it out,
    for a file of your own that takes longer, or for which zeros are wrong; then a bad file can end this process.
    Raises OpenError. Nothing here can tell a file whose weights were changed: only its sha256 can.
    """
    name = f"This .tflite of {len(source):,} bytes" if isinstance(source, bytes) else str(source)
    content = _content(source, name)
    try:
        flatbuffer.check(flatbuffer.unpack(content))
        if trial:
            _try(content, name, seconds)
        return load(content)
    except flatbuffer.Damaged as error:
        raise OpenError(f"{name} is damaged. Found: {error} {COMPARE}") from None
    except OpenError:
        raise
    except Exception as error:
        raise OpenError(_refused(name, str(error))) from None


def _content(source, name):
    """Return the bytes of what is marked as a .tflite. Raises OpenError for everything else."""
    with contextlib.suppress(OSError):
        if (
            isinstance(source, bytes) or Path(source).is_file()
        ):  # a device or a pipe might never end
            content = source if isinstance(source, bytes) else Path(source).read_bytes()
            if content[4:8] == b"TFL3":
                return content
    found = identify(source)
    raise OpenError(
        f"{name} is not a .tflite. Found: {found.what}. Who opens that: {found.who}. How: {found.how}."
    )


def _try(content, name, seconds):
    """Return if a child process opens `content` and runs it once. Raises OpenError otherwise."""
    command = [sys.executable, "-m", "hub_to_tflite.sandbox.trial", str(seconds)]
    # glibc then fills memory that is new or freed, so that a model that reads it by mistake fails now, not later.
    settings = {**os.environ, "MALLOC_PERTURB_": "165"}
    try:
        child = subprocess.run(
            command, input=content, capture_output=True, timeout=seconds, cwd=ROOT, env=settings
        )
        output, status = child.stdout, child.returncode
    except subprocess.TimeoutExpired as late:
        output, status = late.stdout or b"", None
    said = [json.loads(line) for line in output.splitlines() if line.endswith(b"}")]
    said = said[-1] if said else {"step": "before it began"}
    if "refused" in said:
        raise OpenError(_refused(name, said["refused"]))
    if status is None:
        raise OpenError(
            f"{name} does not come to an end. Found: a child process that tried it was still busy after {seconds} "
            f"seconds, {said['step']}. If the model is only slow, allow more `seconds`. Otherwise: {COMPARE}"
        )
    if said["step"] != "at its end" or status:
        raise OpenError(
            f"{name} would end this process. Found: a child process that tried it ended with {_words(status)}, "
            f"{said['step']}. Do not open it. {COMPARE}"
        )


def _refused(name, message):
    todo = next((todo for mark, todo in REMEDIES.items() if re.search(mark, message)), COMPARE)
    return f"{name} does not run here. Found: LiteRT says {message.strip()!r}. {todo}"


def _words(status):
    """Return an exit status as words, such as "signal 11 (SIGSEGV)"."""
    if status < 0:
        return f"signal {-status} ({signal.Signals(-status).name})"
    return f"status {status:#x}" if status > 255 else f"status {status}"
