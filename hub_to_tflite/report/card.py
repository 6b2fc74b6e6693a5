"""What is written beside a converted model: contract, labels, model card. Used in 11_bring_your_own_model.

The contract and the labels are also packed into the file itself, as metadata (10_deploy). No TensorFlow.
"""

import hashlib
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from helpers.course import cache
from hub_to_tflite.file import flatbuffer, metadata
from hub_to_tflite.report import catalogue, compare
from hub_to_tflite.sandbox import processes

NAMES = {
    "model.tflite",
    "labels.txt",
    "contract.json",
    "model_card.md",
    "report.ipynb",
    "report.html",
}


def folder(out, *settings):
    """Return the folder (Path) for the results, made: `out`, or where it is empty one in the course's cache.

    There the name is the handle's, the first of the `settings`, and their digest. Raises VerdictError.
    """
    try:
        key = hashlib.sha256(repr(settings).encode()).hexdigest()[:8]
        path = (
            Path(out).expanduser()
            if out
            else cache.folder("models") / f"{compare.slug(settings[0])}-{key}"
        )
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except (OSError, TypeError) as error:
        raise compare.VerdictError(
            f"OUT must be a folder that can be written. Found: {str(out)!r}, {getattr(error, 'strerror', '') or error}."
            ' Name another one, or leave it empty: OUT = "".'
        ) from None
    found = {file.name for file in path.iterdir()}
    if found - NAMES or (found & {"model.tflite", "labels.txt"} and "contract.json" not in found):
        raise compare.VerdictError(
            f"OUT must be a new or empty folder, or hold an earlier result, which is replaced. Found in {path.name}: "
            f'{", ".join(sorted(found)[:5])}. Name another one, or leave it empty: OUT = "".'
        )
    return path.resolve()


def contract_of(handle, contract, entry, taken, recipe, labels):
    """Return the contract as a dictionary of plain values: what goes in, what comes out, and who said so.

    `taken` is the samples.Samples that the model was tried on, `entry` what the catalogue knows, or None.
    """

    def side(specs):
        return {
            name: {"dtype": spec.dtype, "shape": spec.shape and list(spec.shape)}
            for name, spec in specs.items()
        }

    inputs = side(contract.inputs)
    for name, values in taken.inputs.items():
        if values.dtype.kind in "fiu" and values.size:
            inputs[name]["tried with"] = [float(values.min()), float(values.max())]
    known = {name: value for name, value in asdict(entry).items() if value} if entry else {}
    told = {
        "handle": str(handle),
        "signature": contract.signature,
        "inputs": inputs,
        "outputs": side(contract.outputs),
        "range": known.get("input_range"),
        "tried on": taken.source,
        "recipe": recipe,
        "labels": len(labels),
        "catalogue": known
        or "does not know this model: ask its publisher for the range of the input",
    }
    return json.loads(json.dumps({key: value for key, value in told.items() if value is not None}))


def pack(path, handle, described, labels):
    """Return the .tflite at `path` as bytes, with its contract (from `contract_of`) and labels packed in."""
    content = Path(path).read_bytes()
    model = flatbuffer.read(content)
    classes = model.outputs[0].shape[-1:] if model.outputs else ()
    return metadata.pack(
        content,
        name=compare.slug(handle),
        description=f"{handle}, signature {described['signature']}, converted with the recipe {described['recipe']!r}.",
        inputs={tensor.name: str(tensor) for tensor in model.inputs},
        outputs={tensor.name: str(tensor) for tensor in model.outputs},
        labels=labels if classes == (len(labels),) else None,
        value_range=described.get("range") if len(model.inputs) == 1 else None,
        contract=described,
    )


def write(out, path, handle, described, labels):
    """Write model.tflite, labels.txt and contract.json into the folder `out`; return the names of the files.

    The metadata is read back first and compared. Without a `path` there is no model, and none is left over from an
    earlier run.
    """
    files = {"contract.json": (json.dumps(described, indent=1, ensure_ascii=False) + "\n").encode()}
    if labels:
        files["labels.txt"] = "".join(f"{label}\n" for label in labels).encode()
    if path:
        files["model.tflite"] = processes.apart(pack, path, handle, described, labels)
        told = metadata.read(files["model.tflite"])
        assert told["contract"] == described and told["labels"] in (labels, []), (
            "the metadata reads back differently"
        )
    for name in ("model.tflite", "labels.txt", "contract.json"):
        if name in files:
            cache.write(out / name, files[name])
        else:
            (out / name).unlink(missing_ok=True)
    return sorted(files)


def card(handle, contract, entry, described, decision, rows, labels, taken, which, thread_count):
    """Return a model card, Markdown: what the model is, what it was tried on, what each recipe gave."""
    best = next((row for row in rows if row.recipe == decision.recommended), None)
    tried = [
        f"- `{name}` was tried with numbers from {one['tried with'][0]:g} to {one['tried with'][1]:g}."
        for name, one in described["inputs"].items()
        if "tried with" in one
    ]
    named = (
        f"- {len(labels)} labels, first {labels[0]!r}, last {labels[-1]!r}."
        if labels
        else "- No labels are known."
    )
    parts = [
        f"# {compare.slug(handle)}",
        f"Converted from `{handle}`, signature `{contract.signature}`, to a .tflite for LiteRT.",
        "## Recommendation",
        decision._repr_markdown_(),
        f"The rule: {decision.rule}",
        compare.whole_numbers(decision),
        "## Contract",
        compare.contract_table(contract),
        "\n".join([*tried, named]),
        catalogue.known(entry),
        "## Tried on",
        " ".join(filter(None, [f"{taken.source}.", which, taken.warning])),
        "## Recipes",
        compare.numbers_table(rows),
        "Differences are to the SavedModel's own answers. Time is relative to the first file, the median with the "
        f"middle half of the rounds, on {thread_count} thread{'s' * (thread_count > 1)} of one machine. Memory is the "
        "peak of a process with Python, NumPy, the samples and the file.",
    ]
    if best:
        parts += ["## Needs", compare.needs_table([best])]
    return "\n\n".join(parts) + "\n"
