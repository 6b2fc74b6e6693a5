"""Write Classifier.kt and Classifier.swift for one .tflite: python fill.py model.tflite. Taught in 10_deploy.

Shapes, dtypes, scales and zero points come from the file, labels and the range of the input from what is packed into
it. Two kinds of file are known: float32 in and out, and int8 in and out. No TensorFlow.
"""

import json
import math
import re
import sys
from pathlib import Path

from hub_to_tflite.file import flatbuffer, metadata

HERE = Path(__file__).resolve().parent
TEMPLATES = {"kt": HERE / "Classifier.kt.template", "swift": HERE / "Classifier.swift.template"}
WRITE = {  # (language, dtype) -> how the input is written
    ("kt", "float32"): "    inputs[0].writeFloat(values)  // [1]",
    ("kt", "int8"): "    val stored = ByteArray(values.size) {\n"
    "      (kotlin.math.round(values[it] / @INPUT_SCALE@f) + (@INPUT_ZERO@)).coerceIn(-128f, 127f).toInt().toByte()\n"
    "    }\n"
    "    inputs[0].writeInt8(stored)  // [2]",
    ("swift", "float32"): "    try inputs[0].write(values)  // [1]",
    ("swift", "int8"): "    let stored = values.map {\n"
    "      Int8(max(-128, min(127, ($0 / @INPUT_SCALE@).rounded(.toNearestOrEven) + (@INPUT_ZERO@))))\n"
    "    }\n"
    "    try inputs[0].write(stored)  // [2]",
}
READ = {  # the same, how the output is read
    ("kt", "float32"): "    val scores = outputs[0].readFloat()  // [1]",
    (
        "kt",
        "int8",
    ): "    // The score is (stored - (@OUTPUT_ZERO@)) * @OUTPUT_SCALE@f; the largest is the same.\n"
    "    val scores = outputs[0].readInt8()  // [2]",
    ("swift", "float32"): "    let scores: [Float] = try outputs[0].read()  // [1]",
    (
        "swift",
        "int8",
    ): "    // The score is (stored - (@OUTPUT_ZERO@)) * @OUTPUT_SCALE@; the largest is the same.\n"
    "    let scores: [Int8] = try outputs[0].read()  // [2]",
}

UNKNOWN = "the file does not say which values it wants"


class FillError(ValueError):
    """A file that the snippets are not made for. The message says what is wrong, what was found, what to do."""


def filled(content, file, language):
    """Return the snippet in `language`, "kt" or "swift", for the bytes of a .tflite that the app calls `file`.

    Raises FillError for other inputs and outputs than one of float32 or int8 each, and for a damaged file.
    """
    try:
        model = flatbuffer.read(content)
    except flatbuffer.CorruptModelError as error:
        raise FillError(
            f"The snippets need a sound .tflite. Found: {error} Get the file again."
        ) from None
    try:
        packed = metadata.read(content)
    except metadata.MetadataError:
        packed = {"labels": [], "contract": {}}
    dtypes = [one.dtype for one in model.inputs], [one.dtype for one in model.outputs]
    if any(len(side) != 1 or (language, side[0]) not in WRITE for side in dtypes):
        found = " in, ".join(", ".join(side) or "nothing" for side in dtypes)
        raise FillError(
            f"The snippets know one input and one output, of float32 or int8. Found: {found} out. Write yours by hand."
        )
    [source], [target] = model.inputs, model.outputs
    [([input_name], [output_name]), *_] = model.signatures.values() or [
        ((source.name,), (target.name,))
    ]
    limits = packed["contract"].get("range")
    span = " from {:g} to {:g}".format(*limits) if limits else ""
    values = {
        "FILE": file,
        "STEM": Path(file).stem,
        "SPAN": span,
        "RANGE": f"a pixel of 0 to 255 becomes{span.removeprefix(' from')}" if span else UNKNOWN,
        "INPUT_SIZE": str(
            math.prod(abs(size) for size in source.shape)
        ),  # an open batch, -1, is run with one
        "OPEN": "",
        "LABELS": ", ".join(_literal(label, language) for label in packed["labels"]),
    }
    if min((*source.shape, *target.shape), default=1) < 0:
        values["OPEN"] = (
            "// Sizes of -1: createInputBuffers() of [3] takes them as they are. Convert it with a batch of 1.\n//\n"
        )
    for side, name, tensor in (("INPUT", input_name, source), ("OUTPUT", output_name, target)):
        values[f"{side}_NAME"] = " ".join(name.split())  # it stands in a comment of one line
        values[f"{side}_DTYPE"] = tensor.dtype
        values[f"{side}_SHAPE"] = json.dumps(tensor.shape)
        values[f"{side}_SCALE"] = repr(tensor.scale)
        values[f"{side}_ZERO"] = str(tensor.zero_point)
    text = TEMPLATES[language].read_text(encoding="utf-8")
    text = text.replace("@WRITE@", WRITE[language, source.dtype]).replace(
        "@READ@", READ[language, target.dtype]
    )
    return re.sub("@([A-Z_]+)@", lambda found: values[found[1]], text)


def _literal(label, language):
    """Return a label as a string literal."""
    text = " ".join(label.split()).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + (text.replace("$", "\\$") if language == "kt" else text) + '"'


def main(path):
    """Write both files into the current folder."""
    content = Path(path).read_bytes()
    for language, template in TEMPLATES.items():
        Path(template.stem).write_text(filled(content, Path(path).name, language), encoding="utf-8")
        print(template.stem)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:2])
    except (FillError, OSError, TypeError) as error:
        sys.exit(str(error) if sys.argv[1:] else __doc__)
