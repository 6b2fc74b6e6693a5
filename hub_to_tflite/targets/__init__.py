"""What a .tflite needs, and which of four targets can run it. Taught in 40_deploy_with_python.

`hub-to-tflite check MODEL.tflite` prints it. Python, microcontroller and phone are tried: LiteRT's
Interpreter, TensorFlow Lite Micro, and CompiledModel, the API of LiteRT on phones, from its Python
package. Their outputs are compared too, since some run a file and return numbers that mean nothing.
Only Python gets a "yes": the others ran on this computer's processor, so they are "likely".
The browser is judged by rules, each of which was seen with LiteRT.js itself in Chromium. No
TensorFlow is loaded, and no file can end this process: sandboxes run it.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hub_to_tflite import knowledge
from hub_to_tflite.file import flatbuffer, identify, metadata
from hub_to_tflite.sandbox import opening
from hub_to_tflite.tables import table

TARGETS = ("Python", "microcontroller", "browser", "phone")


@dataclass(frozen=True)
class Target:
    """Whether a target can run a file. `takes` is None if that can't be tried on this machine."""

    name: str
    takes: bool | None
    reason: str  # sentences

    @property
    def mark(self) -> str:
        """`takes` in words: "yes", "likely" where a stand-in for the device ran it, "no", ..."""
        if self.takes and self.name != "Python":
            return "likely"
        return {True: "yes", False: "no", None: "not tried"}[self.takes]


@dataclass(frozen=True)
class Report:
    """What a file needs, as (heading, text) pairs, and its Targets, in the order of TARGETS."""

    path: str
    needs: tuple[tuple[str, str], ...]
    targets: tuple[Target, ...]
    sound: bool  # whether it is a .tflite that does not contradict itself

    def __getitem__(self, name: str) -> Target:
        return self.targets[TARGETS.index(name)]

    def __repr__(self) -> str:
        rows = [*self.needs, *((one.name, f"{one.mark}: {one.reason}") for one in self.targets)]
        return "\n".join([self.path, *(f"  {heading:15}  {text}" for heading, text in rows)])

    def _repr_html_(self) -> str:
        rows = [("file", "", self.path), *((heading, "", text) for heading, text in self.needs)]
        rows += [(one.name, one.mark, one.reason) for one in self.targets]
        return table(rows, form="html")

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class Run:
    """How a file ran in LiteRT's Interpreter."""

    inputs: tuple = ()  # of arrays
    outputs: tuple = ()
    memory: int = 0  # bytes of the process at its peak; 0 if it did not run
    xnnpack: bool = True  # whether with XNNPACK, LiteRT's faster kernels
    refusal: str = ""  # sentences on what was said against it; also if it then ran without XNNPACK


def check(source: str | Path | bytes, run: bool = True) -> Report:
    """Return the Report on the path or the bytes of a .tflite. Raises nothing for a bad file.

    With `run` False nothing is run, and the targets are judged by rules only; see rules.py.
    """
    from hub_to_tflite.targets import browser, microcontroller, phone, python, rules, tflm

    found = identify.identify(source)
    model = found.model
    if not model:
        return _nowhere(found, say("not sound", found).strip(), [("what", found.what)], False)
    if not model.outputs:
        return _nowhere(found, say("no output"), _needs(model, {}, Run()), True)
    try:
        content = opening.read(source, model.size if run else 0)
        packed = metadata.read(content)
    except metadata.MetadataError:
        packed = {}
    except (OSError, MemoryError) as error:
        return _nowhere(found, f"It can't be read. {error}", [("what", found.what)], False)
    if not run:
        return Report(found.path, tuple(_needs(model, packed, Run())), rules.judge(model), True)
    ran = python.run(content)
    with ThreadPoolExecutor(1) as pool:
        trying = pool.submit(tflm.run, content, [one[None] for one in ran.inputs] or None)
        on_phone = phone.judge(model, content, ran)
    micro = trying.result()
    on_micro = microcontroller.judge(model, micro, ran)
    targets = (python.judge(model, ran), on_micro, browser.judge(model, ran), on_phone)
    return Report(found.path, tuple(_needs(model, packed, ran, micro.arena)), targets, True)


def near(got: Any, wanted: Any) -> bool:
    """Return whether two arrays hold alike numbers: kernels round, unset memory is far off."""
    import numpy as np

    if got.size != wanted.size:
        return False
    got, wanted = (np.nan_to_num(one.ravel().astype(np.complex128)) for one in (got, wanted))
    spread = np.abs(wanted - wanted.mean()).max() if wanted.size else 0
    return bool((np.abs(got - wanted) <= 0.2 * spread + 1e-3 * np.abs(wanted) + 1e-6).all())


def wrong_dtypes(model: flatbuffer.Model, dtypes: Iterable[str], whose: str) -> list[str]:
    """Return what is said against inputs and outputs of other dtypes: one text or none."""
    sides = [("input", one) for one in model.inputs] + [("output", one) for one in model.outputs]
    wrong = [(side, one) for side, one in sides if one.dtype not in dtypes]
    found = ", ".join(f"the {side} {one.name!r} is {one.dtype}" for side, one in wrong)
    return [say("wrong dtypes", found, whose, ", ".join(dtypes))] if found else []


def missing_ops(model: flatbuffer.Model, run: Run) -> list[str]:
    """Return the names of the custom and Flex ops that LiteRT lacks; none if it ran the file."""
    return [] if run.memory else [op.name for op in identify.missing_ops(model)]


def aliased_output(model: flatbuffer.Model) -> str:
    """Return what is said against an output that is an input too, or another output, or ""."""
    seen = {one.index: "an input too" for one in model.inputs}
    for one in model.outputs:
        if one.index in seen:
            return f"the output {one.name!r} is {seen[one.index]}"
        seen[one.index] = "returned twice"
    return ""


def say(name: str, *found: Any, **named: Any) -> str:
    """Return a text of sentences.yaml with what was found."""
    texts = knowledge.load(Path(__file__).with_name("sentences.yaml"))
    return texts[name].format(*found, **named)


def sentences(reasons: Iterable[str]) -> str:
    """Return reasons as sentences, one after the other."""
    return " ".join(f"{reason[:1].upper()}{reason[1:].rstrip('.')}." for reason in reasons)


def _nowhere(found: identify.Identity, reason, needs, sound):
    targets = tuple(Target(name, False, reason) for name in TARGETS)
    return Report(found.path, tuple(needs), targets, sound)


def _needs(model, packed, run, arena=0):
    """Yield the (heading, text) pairs on what a file needs and what it says about itself."""
    yield "bytes", f"{model.size:,}"
    yield "runtime", model.needs
    yield "ops", ", ".join(map(str, model.ops)) or "none"
    if missing := missing_ops(model, run):
        yield "missing ops", f"{', '.join(missing)}: not built into LiteRT"
    if compiled_for := identify.device(model):
        yield "compiled for", say("compiled for", compiled_for)
    if run.memory:
        yield "memory", f"{run.memory / 2**20:.0f} MiB, the Python process that ran it once here"
    if arena:
        yield "arena", say("arena", arena)
    for side, tensors in (("input", model.inputs), ("output", model.outputs)):
        described = packed.get(f"{side}s", [])
        for number, tensor in enumerate(tensors):
            yield side, str(tensor)
            meaning = described[number] if number < len(described) else {}
            if text := meaning.get("description"):
                yield "", text
            if limits := meaning.get("range"):
                yield "", "values from {:g} to {:g}".format(*limits)
    if contract := packed.get("contract"):
        yield "contract", f"contract.json, with: {', '.join(map(str, contract))}"
    if not packed.get("name"):
        yield "meaning", "not packed in: ask whoever made it which values its inputs want"
    yield "labels", identify.short(packed.get("labels") or model.labels) or "none packed in"
