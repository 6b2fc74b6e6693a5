"""What a .tflite needs, and which of four places can take it: the deployment check. Taught in 10_deploy.

`python -m hub_to_tflite.targets.check MODEL.tflite ...` prints it. Exit status: 0 where each file has a place that takes it, 1 where
some file has none, 2 where some file is not a sound .tflite.

Python, microcontroller and phone are tried: LiteRT's Interpreter, TensorFlow Lite Micro, and CompiledModel, the API
of LiteRT on phones, from its Python package. Their answers are compared too, since some run a file and return numbers
that mean nothing. The browser is judged by rules, each of which was seen with LiteRT.js itself in Chromium. No
TensorFlow is loaded, and no file can end this process: child processes run it first.
"""

import html
import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from helpers.interpreter import load
from hub_to_tflite.file import flatbuffer, metadata
from hub_to_tflite.file.identify import identify
from hub_to_tflite.sandbox import trial
from hub_to_tflite.sandbox.opening import COMPARE, REMEDIES
from hub_to_tflite.targets import tflm

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 30  # that a child gets
LITERTJS = "LiteRT.js 2.5.3"
BROWSER = (
    "float32",
    "int32",
    "uint8",
)  # what its Tensor holds; of others it says "Element type ... is not supported"
# What TensorBuffer.kt of LiteRT reads and writes; uint8 goes through it as the same bytes.
PHONE = ("float32", "int32", "int64", "int16", "int8", "uint8", "bool")
BOARDS = {  # name -> bytes of (flash, RAM in one piece), from the makers' data sheets
    "Arduino Nano 33 BLE Sense": (2**20, 256 * 2**10),
    "Raspberry Pi Pico": (2 * 2**20, 256 * 2**10),
    "ESP32-S3 with 8 MB of flash": (8 * 2**20, 512 * 2**10),
    "STM32H743": (2 * 2**20, 512 * 2**10),
}
PLACES = ("Python", "microcontroller", "browser", "phone")
MARKS = {True: "yes", False: "no", None: "not tried"}
OTHERS = "its answers are not the Interpreter's"


@dataclass(frozen=True)
class Place:
    """Whether one of the four places takes a file. `takes` is None where that could not be tried on this machine."""

    name: str
    takes: bool | None
    reason: str  # sentences


@dataclass(frozen=True)
class Report:
    """What a file needs, as (heading, text) pairs, and its Places, in the order of PLACES."""

    path: str
    needs: tuple
    places: tuple
    sound: bool  # whether it is a .tflite that does not contradict itself

    def __getitem__(self, name):
        return self.places[PLACES.index(name)]

    def __repr__(self):
        rows = [
            *self.needs,
            *((place.name, f"{MARKS[place.takes]}: {place.reason}") for place in self.places),
        ]
        return "\n".join([self.path, *(f"  {heading:15}  {text}" for heading, text in rows)])

    def _repr_html_(self):
        rows = [(heading, "", text) for heading, text in self.needs]
        rows += [(place.name, MARKS[place.takes], place.reason) for place in self.places]
        cells = (
            "".join(f"<td style='text-align:left'>{html.escape(text)}</td>" for text in row)
            for row in rows
        )
        body = "".join(f"<tr>{row}</tr>" for row in cells)
        return f"<table><caption>{html.escape(self.path)}</caption>{body}</table>"


def check(source):
    """Return the Report on the path or the bytes of a .tflite. Raises nothing for a bad file."""
    found = identify(source)
    model = found.model
    if not model or not model.outputs:
        reason = "It has no output, so there is nothing to deploy."
        if not model:
            reason = f"It is not a sound .tflite. Found: {found.what}. {found.detail}".strip()
        needs = _needs(model, b"", {}, 0) if model else [("what", found.what)]
        return Report(
            found.path,
            tuple(needs),
            tuple(Place(name, False, reason) for name in PLACES),
            bool(model),
        )
    content = source if isinstance(source, bytes) else Path(source).read_bytes()
    answer = _child("interpreter", content)
    refused = _refused(answer)
    # Sizes that are open inside a model can be too much for XNNPACK; LiteRT's other kernels then may do.
    plain = "XNNP" in refused
    if plain:
        answer = _child("plain", content)
    chip = tflm.run(content, [one[None] for one in _side(answer, "input")] or None, seconds=SECONDS)
    places = (
        _python(model, answer, plain),
        _microcontroller(model, chip, answer),
        _browser(model, flatbuffer.unpack(content).subgraphs[0], refused),
        _phone(model, content, answer),
    )
    return Report(found.path, tuple(_needs(model, content, answer, chip.arena)), places, True)


def _python(model, answer, plain):
    if "error" in answer:
        return Place("Python", False, _sentences([_refused(answer)]))
    reason = f"ai-edge-litert {version('ai-edge-litert')} opens it and runs it"
    if plain:
        reason += ", but without XNNPACK only: Interpreter(..., experimental_op_resolver_type="
        reason += "OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)"
    if any(map(_open, model.inputs)):
        reason += "; for the open sizes of its inputs it takes 1 until you call resize_tensor_input"
    return Place("Python", True, f"{reason}.")


def _microcontroller(model, chip, answer):
    if chip.refused:
        return Place(
            "microcontroller",
            None if chip.refused == tflm.ABSENT else False,
            _sentences([chip.refused]),
        )
    outputs = _side(answer, "output")
    if outputs and not _near(chip.outputs, outputs[0]):
        return Place("microcontroller", False, f"TFLM runs it, and {OTHERS}.")
    wants = f"TFLM runs it, with {model.size:,} bytes of flash and an arena of {chip.arena:,} bytes of RAM"
    if not outputs:
        wants += ", and LiteRT gave no answer to compare"
    room = [
        name for name, (flash, ram) in BOARDS.items() if model.size < flash and chip.arena < ram
    ]
    if room:
        reason = (
            f"{wants}. It fits, with the rest of the program still to come, on: {', '.join(room)}."
        )
        return Place("microcontroller", True, reason)
    flash, ram = map(max, zip(*BOARDS.values()))
    reason = f"{wants}. The largest boards known here have {flash:,} and {ram:,}."
    return Place("microcontroller", False, reason)


def _browser(model, graph, refused):
    """Return the Place "browser". `graph` is the first subgraph, as the schema has it.

    `refused` is what LiteRT says against the file in Python; LiteRT.js is the same runtime, and mostly goes on anyway.
    """
    reasons = _unfit(model, BROWSER, LITERTJS)
    if any(tensor.dtype in ("int8", "int16") for tensor in (*model.inputs, *model.outputs)):
        reasons.append('the recipe "full-integer with float I/O" keeps float32 outside')
    # LiteRT.js takes 1 for an open size where the file does not say that the rank is known.
    ranked = [bool(graph.tensors[index].hasRank) for index in (*graph.inputs, *graph.outputs)]
    open_ = [
        one for one, known in zip((*model.inputs, *model.outputs), ranked) if known and _open(one)
    ]
    if open_ and open_[0] in model.inputs:
        reason = f"the input {open_[0].name!r} has an open size, {_sizes(open_[0])}, and LiteRT.js needs all of them fixed"
        reasons.append(f"{reason}: convert it with a batch of 1")
    elif open_:
        reason = (
            f"the size of the output {open_[0].name!r}, {_sizes(open_[0])}, depends on the input"
        )
        reasons.append(
            f"{reason}; LiteRT.js reserves its room before the run, and what it returns means nothing"
        )
    if any(0 in tensor.shape for tensor in (*model.inputs, *model.outputs)):
        reasons.append("an input or output holds no numbers")
    for op in _foreign(model):
        reasons.append(
            f"LiteRT.js has no op {op}, and still runs the file: its answers then mean nothing"
        )
    if _shared(graph):
        reasons.append(f"{_shared(graph)}, and LiteRT.js leaves it unset")
    if refused and not reasons:
        reasons.append(refused)
    if reasons:
        return Place("browser", False, _sentences(reasons))
    dtypes = " and ".join(sorted({one.dtype for one in (*model.inputs, *model.outputs)}))
    reason = f"By the rules of {LITERTJS}, not run here: {dtypes} goes in and out, and the sizes are fixed"
    if any(map(_open, model.inputs)):
        reason += ", the open ones at 1"
    return Place(
        "browser",
        True,
        f"{reason}. A page fetches {model.size:,} bytes besides the 9 MB of LiteRT.js.",
    )


def _phone(model, content, answer):
    reasons = _unfit(model, PHONE, "LiteRT's TensorBuffer for Kotlin")
    reasons += [
        f"LiteRT has no op {op}; an app would have to bring it along" for op in _foreign(model)
    ]
    if not reasons and "error" in answer:
        reasons.append(_refused(answer))
    if not reasons:
        said = _child("compiled", content, **answer).get("error")
        if said is not None:
            shared = _shared(flatbuffer.unpack(content).subgraphs[0])
            last = str(said).splitlines()[-1].strip(" └")
            reasons = [*filter(None, [shared]), f"CompiledModel, tried from Python: {last}"]
    if reasons:
        return Place("phone", False, _sentences(reasons))
    reason = "CompiledModel, tried from Python, answers as the Interpreter does; Kotlin and Swift run the same code."
    if any(map(_open, model.inputs)):
        reason += " It takes 1 for open sizes; for Swift, which reads them from the file, convert it with a batch of 1."
    return Place("phone", True, f"{reason} The app carries {model.size:,} bytes.")


def _needs(model, content, answer, arena):
    """Yield the (heading, text) pairs on what a file needs and what it says about itself."""
    yield "bytes", f"{model.size:,}"
    yield (
        "runtime",
        f"TensorFlow {model.runtime} or later, " * bool(model.runtime) + model.runtime_source,
    )
    yield "ops", ", ".join(map(str, model.ops)) or "none"
    if _foreign(model):
        yield "ops apart", f"{', '.join(_foreign(model))}: not built into LiteRT"
    if "memory" in answer:
        yield (
            "memory",
            f"{answer['memory'] / 2**20:.0f} MiB, the Python process that ran it once here",
        )
    if arena:
        yield (
            "arena",
            f"{arena:,} bytes on a microcontroller, as counted here with pointers of 64 bits",
        )
    try:
        told = metadata.read(content)
    except metadata.MetadataError:
        told = {"name": "", "inputs": [], "outputs": [], "labels": [], "contract": {}}
    for side, tensors in (("input", model.inputs), ("output", model.outputs)):
        for place, tensor in enumerate(tensors):
            yield side, str(tensor)
            said = told[f"{side}s"][place] if place < len(told[f"{side}s"]) else {}
            if said.get("description"):
                yield "", said["description"]
            if said.get("range"):
                yield "", "values from {:g} to {:g}".format(*said["range"])
    if told["contract"]:
        yield "contract", f"contract.json, with: {', '.join(map(str, told['contract']))}"
    if not told["name"]:
        yield "meaning", "not packed in: ask whoever made it which values its inputs want"
    labels = told["labels"] or list(model.labels)
    yield (
        "labels",
        f"{len(labels)}: {', '.join(labels[:3])}{' ...' * (len(labels) > 3)}"
        if labels
        else "none packed in",
    )


def _child(kind, content, **given):
    """Run a .tflite in a child process: one of the functions of RUNS. `given` are the arrays that it gets besides.

    Returns the dictionary of arrays that the function returns, or {"error": what was said against the file}.
    """
    stream = io.BytesIO()
    np.savez(stream, content=np.frombuffer(content, np.uint8), **given)
    command = [sys.executable, "-c", f"from helpers import check; check.child({kind!r})"]
    # glibc then fills memory that is new or freed, so that an output that nobody writes looks like none.
    settings = {**os.environ, "MALLOC_PERTURB_": "165"}
    given = stream.getvalue()
    try:
        child = subprocess.run(
            command, input=given, capture_output=True, timeout=SECONDS, cwd=ROOT, env=settings
        )
    except subprocess.TimeoutExpired:
        return {"error": f"nothing after {SECONDS} seconds"}
    if child.returncode:
        return {
            "error": f"nothing, and it ended the process that tried it, with status {child.returncode}"
        }
    with np.load(io.BytesIO(child.stdout)) as answer:
        return {name: answer[name] for name in answer.files}


def _refused(answer):
    """Return what LiteRT said against a file, and what to do, as a text; "" where it ran."""
    if "error" not in answer:
        return ""
    said = str(answer["error"])
    todo = next((todo for mark, todo in REMEDIES.items() if re.search(mark, said)), COMPARE)
    return f"LiteRT says {said.splitlines()[0]!r}. {todo}"


def child(kind):
    """Do what a child does: read an .npz from standard input, write what came of it to standard output."""
    stream = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # so that what C++ prints does not come between
    with np.load(io.BytesIO(sys.stdin.buffer.read())) as read:
        given = {name: read[name] for name in read.files}
    trial.limit(SECONDS)
    try:
        answer = RUNS[kind](given.pop("content").tobytes(), given)
    except Exception as error:
        answer = {"error": str(error).strip() or type(error).__name__}
    np.savez(stream, **answer)
    stream.flush()


def _interpreter(content, _):
    """Run a file in LiteRT's Interpreter, on values that differ from each other, or else on zeros."""
    return _answered(load(content))


def _plain(content, _):
    """Do the same without XNNPACK."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_content=content, experimental_op_resolver_type=kernels)
    interpreter.allocate_tensors()
    return _answered(interpreter)


def _answered(interpreter):
    sides = interpreter.get_input_details(), interpreter.get_output_details()
    if any(detail["dtype"] is np.bytes_ for side in sides for detail in side):
        trial.run(interpreter)
        return {"memory": trial.peak()}
    inputs = [_values(detail) for detail in sides[0]]
    try:
        outputs = _run(interpreter, inputs)
    except (RuntimeError, ValueError) as error:  # such as a row that a table does not have
        inputs = [np.zeros_like(one) for one in inputs]
        try:
            outputs = _run(interpreter, inputs)
        except (RuntimeError, ValueError):
            raise error from None
    arrays = {f"input{place}": one for place, one in enumerate(inputs)}
    return (
        arrays
        | {f"output{place}": one for place, one in enumerate(outputs)}
        | {"memory": trial.peak()}
    )


def _run(interpreter, inputs):
    for detail, one in zip(interpreter.get_input_details(), inputs):
        interpreter.set_tensor(detail["index"], one)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def _compiled(content, answer):
    """Run a file in LiteRT's CompiledModel on the inputs of the Interpreter's answer; raise if it answers otherwise."""
    from ai_edge_litert.compiled_model import CompiledModel

    described = flatbuffer.unpack(content)
    graph, signatures = described.subgraphs[0], described.signatureDefs or []
    number = next((place for place, one in enumerate(signatures) if one.subgraphIndex == 0), 0)
    model = CompiledModel.from_buffer(content)
    signature = model.get_signature_by_index(number)
    inputs, outputs = model.create_input_buffers(number), model.create_output_buffers(number)
    given = dict(zip(graph.inputs, _side(answer, "input")))
    details = model.get_input_tensor_details(signature["key"])
    for name, buffer in zip(signature["inputs"], inputs):
        # As bytes: its Python form knows fewer types than the runtime.
        buffer.write(np.ascontiguousarray(given[details[name]["index"]]).reshape(-1).view(np.int8))
    model.run_by_index(number, inputs, outputs)
    wanted = dict(zip(graph.outputs, _side(answer, "output")))
    details = model.get_output_tensor_details(signature["key"])
    for place, (name, buffer) in enumerate(zip(signature["outputs"], outputs)):
        other = wanted[details[name]["index"]]
        got = buffer.read(
            int(model.get_output_buffer_requirements(place, number)["buffer_size"]), np.int8
        )
        if got.nbytes != other.nbytes or not _near(got.view(other.dtype), other):
            raise ValueError(OTHERS)
    return {}


RUNS = {"interpreter": _interpreter, "plain": _plain, "compiled": _compiled}


def _values(detail):
    """Return an array that no two neighbours of are alike, in the dtype and shape of one of LiteRT's input details."""
    count = np.arange(int(np.prod(detail["shape"])))
    if np.issubdtype(detail["dtype"], np.inexact):
        values = 0.1 + 0.8 * (count * 7919 % 1000) / 1000
    else:
        values = count % 2 if detail["dtype"] is np.bool_ else count * 37 % 100 + 1
    return values.astype(detail["dtype"]).reshape(detail["shape"])


def _side(answer, side):
    return [array for name, array in answer.items() if name.startswith(side)]


def _near(got, wanted):
    """Return whether two arrays hold alike numbers: kernels round differently, unset memory is far off."""
    if got.size != wanted.size:
        return False
    got, wanted = (np.nan_to_num(one.ravel().astype(np.complex128)) for one in (got, wanted))
    spread = np.abs(wanted - wanted.mean()).max() if wanted.size else 0
    return bool((np.abs(got - wanted) <= 0.2 * spread + 1e-3 * np.abs(wanted) + 1e-6).all())


def _unfit(model, dtypes, whose):
    """Return what is said against inputs and outputs of other dtypes, as a list of one text or none."""
    sides = [("input", one) for one in model.inputs] + [("output", one) for one in model.outputs]
    found = [
        f"the {side} {one.name!r} is {one.dtype}" for side, one in sides if one.dtype not in dtypes
    ]
    return [f"{', '.join(found)}; {whose} takes {', '.join(dtypes)} only"] if found else []


def _sizes(tensor):
    return f"({', '.join('any' if size < 0 else str(size) for size in tensor.shape)})"


def _open(tensor):
    return min(tensor.shape, default=1) < 0


def _foreign(model):
    return [op.name for op in model.ops if op.kind != "builtin"]


def _shared(graph):
    """Return what is said against an output that is an input too, or another output; "" where there is none."""
    inputs, outputs = list(graph.inputs), list(graph.outputs)
    for place, index in enumerate(outputs):
        if index in inputs or index in outputs[:place]:
            name = (graph.tensors[index].name or b"").decode(errors="replace")
            return (
                f"the output {name!r} is {'an input too' if index in inputs else 'returned twice'}"
            )
    return ""


def _sentences(reasons):
    return " ".join(f"{reason[:1].upper()}{reason[1:].rstrip('.')}." for reason in reasons)


def main(paths):
    """Print the Report on each path; return the exit status."""
    status = 0
    for number, path in enumerate(paths):
        report = check(path)
        print("\n" * (number > 0) + repr(report))
        status = max(
            status,
            2 if not report.sound else 0 if any(place.takes for place in report.places) else 1,
        )
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) if sys.argv[1:] else __doc__)
