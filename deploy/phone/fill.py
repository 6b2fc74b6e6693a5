"""Write Classifier.kt and Classifier.swift for a .tflite: python fill.py model.tflite.

Shapes, dtypes, scales and zero points come from the file, labels and the range of the input from
what is packed into it. Two kinds of file are known: float32 in and out, and int8 in and out. No
TensorFlow. Taught in 43_run_on_a_phone.
"""

import json
import math
import sys
from pathlib import Path

from hub_to_tflite import knowledge
from hub_to_tflite.file import flatbuffer, metadata

UNKNOWN = "the file does not say which values it wants"


class FillError(ValueError):
    """A file that the snippets are not made for. Says what was found, and what to do."""


def fill(content: bytes, file: str, language: str) -> str:
    """Return the snippet in `language`, "kt" or "swift", for a .tflite that the app calls `file`.

    Raises FillError for other inputs and outputs than one of float32 or int8 each, and for a file
    that is damaged.
    """
    try:
        model = flatbuffer.read(content)
    except flatbuffer.CorruptModelError as error:
        need = "The snippets need a sound .tflite."
        raise FillError(f"{need} Found: {error} Get the file again.") from None
    try:
        packed = metadata.read(content)
    except metadata.MetadataError:
        packed = {"labels": [], "contract": {}}
    dtypes = [[one.dtype for one in side] for side in (model.inputs, model.outputs)]
    if any(side not in (["float32"], ["int8"]) for side in dtypes):
        found = " in, ".join(", ".join(side) or "nothing" for side in dtypes)
        known = "The snippets know one input and one output, of float32 or int8."
        raise FillError(f"{known} Found: {found} out. Write yours by hand.")
    [source], [target] = model.inputs, model.outputs
    names = next(iter(model.signatures.values()), ((source.name,), (target.name,)))
    limits = packed["contract"].get("range")
    span = "{:g} to {:g}".format(*limits) if limits else ""
    return knowledge.render(
        Path(__file__).with_name(f"Classifier.{language}.j2"),
        file=file,
        stem=Path(file).stem,
        range=f" from {span}" if span else "",
        meaning=f"a pixel of 0 to 255 becomes {span}" if span else UNKNOWN,
        size=math.prod(map(abs, source.shape)),  # a dynamic batch, -1, is run with one
        dynamic=source.dynamic or target.dynamic,
        labels=", ".join(_literal(label, language) for label in packed["labels"]),
        input=_describe(source, names[0][0]),
        output=_describe(target, names[1][0]),
    )


def _describe(tensor, name):
    one_line = " ".join(name.split())  # it goes into a comment
    return {**vars(tensor), "name": one_line, "shape": json.dumps(tensor.shape)}


def _literal(label, language):
    """Return a label as a string literal."""
    text = " ".join(label.split()).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + (text.replace("$", "\\$") if language == "kt" else text) + '"'


def main(path: str) -> None:
    """Write both files into the current folder."""
    content = Path(path).read_bytes()
    for language in ("kt", "swift"):
        text = fill(content, Path(path).name, language)
        Path(f"Classifier.{language}").write_text(text, encoding="utf-8")
        print(f"Classifier.{language}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        main(sys.argv[1])
    except (FillError, OSError) as error:
        sys.exit(str(error))
