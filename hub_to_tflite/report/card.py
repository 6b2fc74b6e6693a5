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
from hub_to_tflite.report.contracts import Contract, Quantized
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

    `contract` is the file's, of contracts.of_file, where there is a file; `taken` is the evaluation
    set, `entry` what the catalogue knows.
    """

    def side(specs):
        return {name: asdict(spec) for name, spec in specs.items()}

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
        labels=labels if classes == (len(labels),) else None,
        value_range=described.get("range") if len(model.inputs) == 1 else None,
        contract=described,
    )


def usage(
    best: Result | None,
    contract: Contract,
    stated: Contract,
    shapes: dict[str, tuple],
    folder: str | Path,
) -> str:
    """Return Markdown with the real calls: how the best recipe converts, how model.tflite runs.

    `stated` is the file's contract, of contracts.of_file; `shapes`, of contracts.shapes_of, are
    those that were converted; `folder` is the SavedModel's.
    """
    if best is None:
        return ""
    given = {name: spec.shape for name, spec in contract.inputs.items()}
    copied = contract.signature != "serving_default" or contract.others or shapes != given
    names = contracts.plain_names(contract)
    facts = {"contract": contract, "stated": stated, "shapes": shapes, "folder": str(folder)}
    facts |= {"recipe": best.recipe, "copied": copied, "names": names}
    facts["renamed"] = {other: name for name, other in names.items() if name != other}
    both = stated.inputs | stated.outputs
    facts["quantized"] = [name for name, one in both.items() if isinstance(one, Quantized)]
    facts["loops"] = any(op.name == "WHILE" for op in best.model.ops)
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

    `facts` are what the report calls handle, contract, stated, entry, described, labels, taken,
    division, threads, checked and calls; card.md.j2 shows them.
    """
    best = [one for one in results if one.recipe == decision.recommended]
    functions = {"catalogue": catalogue, "compare": compare, "slug": contracts.slug}
    facts |= {"results": results, "decision": decision, "best": best}
    return knowledge.render(Path(__file__).with_name("card.md.j2"), **functions, **facts)
