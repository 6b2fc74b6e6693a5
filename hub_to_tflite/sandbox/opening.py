"""Open a .tflite so that a bad file is one error, never the end of the kernel.

Some files that look sound kill the process that runs them, or never let it go on, and no `try` can
stop that. So a sandbox opens and runs the file first. What it does not survive is never opened
here. Taught in 12_identify_a_file.
"""

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hub_to_tflite import knowledge, sandbox
from hub_to_tflite.file.identify import FORMATS, identify
from hub_to_tflite.sandbox import memory

COMPARE = "Fetch it again, and compare its size and sha256 with the publisher's."
REMEDIES = Path(__file__).with_name("remedies.yaml")
# glibc then fills memory that is new or freed, so that a model that reads it by mistake fails now,
# and an output that nobody writes differs.
PERTURBED = {"MALLOC_PERTURB_": "165"}


class OpenError(ValueError):
    """A file that is not opened. The message says what is wrong, what was found, what to do."""


def open_tflite(source: str | Path | bytes, sandboxed: bool = True, seconds: float = 30) -> Any:
    """Return a LiteRT interpreter, its tensors allocated, for the path or the bytes of a .tflite.

    Compares the file's tables first. Then a sandbox tries the same bytes: allocates, and runs once
    on zeros. It is stopped after `seconds`. That costs part of a second, and the memory of a second
    copy. `sandboxed=False` leaves it out, for a file of your own that takes longer, or if zeros are
    wrong for it; then a bad file can end this process. Raises OpenError. Nothing here can tell that
    a file's weights were changed: only its sha256 can.
    """
    from helpers.interpreter import load

    name = f"This .tflite of {len(source):,} bytes" if isinstance(source, bytes) else str(source)
    found = identify(source)
    if found.what == "damaged .tflite":
        raise OpenError(f"{name} is damaged. Found: {found.detail} {COMPARE}")
    if found.what != ".tflite":
        what = f"{found.what}. {found.detail}".rstrip(" .")
        who = f"Who opens that: {found.who}. How: {found.how}."
        raise OpenError(f"{name} is not a .tflite. Found: {what}. {who}")
    try:
        content = read(source, found.model.size)
        if sandboxed:
            attempt(_open_and_run, content, seconds=seconds)
        return load(content)
    except MemoryError as error:
        raise OpenError(f"{name} does not fit into memory. {error}") from None
    except Exception as error:
        does, why = failure(error)
        raise OpenError(f"{name} {does}. Found: {why}") from None


def read(source: str | Path | bytes, size: int) -> bytes:
    """Return the bytes of a file of `size`. Raises MemoryError if copies of it won't fit."""
    if size and 4 * size > memory.free():
        raise MemoryError(f"Found: {size:,} bytes, and {memory.free():,} free for four copies.")
    return source if isinstance(source, bytes) else Path(source).read_bytes()


def attempt(function: Callable, *args: Any, seconds: float = 30) -> Any:
    """Call a function in a sandbox that may take half of the free memory."""
    limits = {"seconds": seconds, "memory": memory.free() // 2, "environment": PERTURBED}
    return sandbox.call(function, *args, **limits)


def failure(error: Exception) -> tuple[str, str]:
    """Return what a file does, and why and what to do, for what a runtime or a sandbox raised."""
    ending = getattr(error, "ending", "exception")
    if ending == "exception":
        words = str(error).strip() or type(error).__name__
        remedies, devices = knowledge.load(REMEDIES), knowledge.load(FORMATS)["devices"]
        todos = {f"unresolved custom op: {op}": remedies["compiled"] for op in devices}
        todos |= remedies["said"]
        todo = next((todo for said, todo in todos.items() if said in words), COMPARE)
        return "does not run here", f"LiteRT says {_once(words.splitlines()[0])!r}. {todo}"
    steps = re.findall("^step: (.*)$", error.log, re.M)
    step = f", {steps[-1]}" if steps else ""
    endings = knowledge.load(REMEDIES)["endings"]
    does, why = endings.get(ending, endings["other"])
    return does, why.format(name=error.name, step=step, compare=COMPARE)


def _once(words):
    """Return words without the sentences that repeat an earlier one with other numbers."""
    sentences = re.split(r"(?<=\.)(?=[A-Z])|(?<=\.) ", words)
    first = {re.sub(r"\d+", "#", one): one for one in reversed(sentences)}
    return " ".join(one for one in dict.fromkeys(sentences) if one in first.values())


def _open_and_run(content):
    """Open and run a .tflite; tell each step before it begins. For a sandbox.

    Twice: what a file does with memory that isn't its own depends on what happens to be there.
    """
    from helpers.interpreter import load

    for _ in range(2):
        print("step: in allocate_tensors()", flush=True)
        interpreter = load(content)
        print("step: in its first run, on zeros", flush=True)
        run(interpreter)
        print("step: on being closed", flush=True)
        del interpreter


def run(interpreter: Any, value: float = 0) -> list:
    """Run an interpreter once on zeros, then each of its signatures; return the first's outputs.

    `value` replaces the zeros; a string is empty. What LiteRT raises comes from the first run only:
    a signature may rightly refuse zeros, such as one that wants the name of a file.
    """
    found = outputs(interpreter, [full(one, value) for one in interpreter.get_input_details()])
    for name in interpreter.get_signature_list():
        with contextlib.suppress(Exception):
            runner = interpreter.get_signature_runner(name)
            details = runner.get_input_details().items()
            runner(**{key: full(detail, value) for key, detail in details})
    return found


def outputs(interpreter: Any, arrays: list) -> list:
    """Return the outputs for one array for each input, by position."""
    for detail, array in zip(interpreter.get_input_details(), arrays):
        interpreter.set_tensor(detail["index"], array)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def full(detail: dict, value: float) -> Any:
    """Return an array full of `value`, or of empty strings, for one of LiteRT's input details."""
    import numpy as np

    if detail["dtype"] is np.bytes_:
        return np.full(detail["shape"], b"", object)
    return np.full(detail["shape"], value, detail["dtype"])
