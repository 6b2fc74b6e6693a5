"""What is written beside a converted model: contract, labels, model card. No TensorFlow.

The contract and the labels are also packed into the file itself, as metadata.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from helpers.course import cache
from hub_to_tflite import knowledge, sandbox
from hub_to_tflite.file import flatbuffer, metadata
from hub_to_tflite.report import catalogue, compare, contracts
from hub_to_tflite.report.catalogue import Entry
from hub_to_tflite.report.compare import Result
from hub_to_tflite.report.contracts import Contract
from hub_to_tflite.report.recommend import Recommendation
from hub_to_tflite.report.samples import Samples


def describe(
    handle: str,
    contract: Contract,
    entry: Entry | None,
    taken: Samples,
    recipe: str | None,
    labels: list[str],
) -> dict:
    """Return a contract as JSON holds it: what goes in, what comes out, and who says so.

    `taken` is the evaluation set, `entry` what the catalogue knows.
    """

    def side(specs):
        return {name: {"dtype": spec.dtype, "shape": spec.shape} for name, spec in specs.items()}

    inputs = side(contract.inputs)
    for name, values in taken.inputs.items():
        if values.dtype.kind in "fiu" and values.size:
            inputs[name]["evaluated with"] = [float(values.min()), float(values.max())]
    known = {name: value for name, value in asdict(entry).items() if value} if entry else {}
    described = {
        "handle": str(handle),
        "signature": contract.signature,
        "inputs": inputs,
        "outputs": side(contract.outputs),
        "range": known.get("input_range"),
        "evaluated on": taken.source,
        "recipe": recipe,
        "labels": len(labels),
        "catalogue": known or "unknown: ask the model's publisher for the range of the input",
    }
    return json.loads(json.dumps({key: one for key, one in described.items() if one is not None}))


def pack(path: str | Path, handle: str, described: dict, labels: list[str]) -> bytes:
    """Return the .tflite at `path` with its contract (from `describe`) and labels packed in."""
    content = Path(path).read_bytes()
    model = flatbuffer.read(content)
    classes = model.outputs[0].shape[-1:] if model.outputs else ()
    signature, recipe = described["signature"], described["recipe"]
    return metadata.pack(
        content,
        name=contracts.slug(handle),
        description=f"{handle}, signature {signature}, converted with the recipe {recipe!r}.",
        inputs={tensor.name: str(tensor) for tensor in model.inputs},
        outputs={tensor.name: str(tensor) for tensor in model.outputs},
        labels=labels if classes == (len(labels),) else None,
        value_range=described.get("range") if len(model.inputs) == 1 else None,
        contract=described,
    )


def usage(contract: Contract, recipe: str | None, shapes: dict[str, tuple] | None = None) -> str:
    """Return Markdown with the real calls: how this recipe converts, how model.tflite runs.

    `shapes`, of contracts.shapes_of, are those that were converted.
    """
    if recipe is None:
        return ""
    arguments = ", ".join(f"{name}={name}" for name in contract.inputs)
    if not all(map(str.isidentifier, contract.inputs)):
        arguments = f"**{{{', '.join(f'{name!r}: array' for name in contract.inputs)}}}"
    specs = {name: (shape, contract.inputs[name].dtype) for name, shape in (shapes or {}).items()}
    plain = contract.signature == "serving_default" and not contract.others
    if plain and all(shape == contract.inputs[name].shape for name, (shape, _) in specs.items()):
        specs = {}
    facts = {"recipe": recipe, "arguments": arguments, "specs": specs, "contract": contract}
    return knowledge.render(Path(__file__).with_name("usage.md.j2"), **facts)


def write(
    out: Path, path: str | Path | None, handle: str, described: dict, labels: list[str]
) -> list[str]:
    """Write model.tflite, labels.txt and contract.json into the folder `out`; return their names.

    The metadata is read back and compared first. Without a `path` there is no model, and none is
    left over from an earlier run.
    """
    contract = json.dumps(described, indent=1, ensure_ascii=False) + "\n"
    files = {"contract.json": contract.encode()}
    if labels:
        files["labels.txt"] = "".join(f"{label}\n" for label in labels).encode()
    if path:
        files["model.tflite"] = sandbox.call(pack, path, handle, described, labels)
        found = metadata.read(files["model.tflite"])
        if found["contract"] != described or found["labels"] not in (labels, []):
            raise ValueError(f"The metadata of {path} reads back differently. Report this.")
    for name in ("model.tflite", "labels.txt", "contract.json"):
        if name in files:
            cache.write(out / name, files[name])
        else:
            (out / name).unlink(missing_ok=True)
    return sorted(files)


def render(results: list[Result], decision: Recommendation, **facts: Any) -> str:
    """Return a model card, Markdown: what the model is, its evaluation, what each recipe gave.

    `facts` are what the report calls handle, contract, entry, described, labels, taken, division,
    threads and checked; card.md.j2 shows them.
    """
    best = [one for one in results if one.recipe == decision.recommended]
    functions = {"catalogue": catalogue, "compare": compare, "slug": contracts.slug, "usage": usage}
    facts |= {"results": results, "decision": decision, "best": best}
    return knowledge.render(Path(__file__).with_name("card.md.j2"), **functions, **facts)
