"""A model's contract and labels, packed into its .tflite, and read back.

Taught in 40_deploy_with_python.

A .tflite says of an input that it is float32 (1, 48, 48, 3). It does not say that the numbers run
from 0 to 1, nor that output 7 means "seven". TFLite metadata says both: a second FlatBuffer (root
table ModelMetadata, identifier "M001") in a buffer that the model lists as TFLITE_METADATA, and
files such as labels.txt in a zip archive after the model. The numbers of fields below are those of
metadata_schema.fbs in tensorflow/tflite-support, whose MetadataDisplayer (0.4.4) was seen to read
what is written here. No TensorFlow.
"""

import io
import json
import struct
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

from hub_to_tflite.file import flatbuffer

NAME = "TFLITE_METADATA"
IDENTIFIER = b"M001"
PARSER = "1.0.0"  # the oldest metadata parser that knows everything used here
LABELS, CONTRACT = "labels.txt", "contract.json"
VALUE_LABELS = 2  # AssociatedFileType.TENSOR_AXIS_LABELS
NORMALIZATION = 1  # ProcessUnitOptions.NormalizationOptions


class MetadataError(ValueError):
    """Metadata that can't be packed or read. Says what is wrong, what was found, what to do."""


def pack(
    content: bytes,
    *,
    name: str,
    description: str = "",
    inputs: Mapping[str, str] | None = None,
    outputs: Mapping[str, str] | None = None,
    labels: Sequence[str] | None = None,
    value_range: tuple[float, float] | None = None,
    contract: dict[str, Any] | None = None,
) -> bytes:
    """Return a .tflite with its contract and labels packed in.

    `inputs` and `outputs` are {tensor name: what it means}, with the names that the file has.
    `labels` are in the order of the first output. `value_range` is (smallest, largest) real value
    of the first input. `contract` is a dictionary of plain values, stored as JSON for whoever has
    no metadata library. Earlier metadata is replaced. The model's outputs do not change. Raises
    MetadataError.
    """
    try:
        found = flatbuffer.read(content)
    except flatbuffer.CorruptModelError as error:
        raise MetadataError(f"Metadata goes into a sound .tflite only. Found: {error}") from None
    _check(found, {"input": inputs or {}, "output": outputs or {}}, labels or [])
    files = {LABELS: "".join(f"{label}\n" for label in labels)} if labels else {}
    if contract is not None:
        files[CONTRACT] = json.dumps(contract, indent=1, ensure_ascii=False) + "\n"
    meanings = {**(inputs or {}), **(outputs or {})}
    described = _model_metadata(name, description, meanings, found, value_range, files)
    return _with_buffer(content, described) + _archive(files)


def _check(found, meanings, labels):
    """Raise MetadataError for what does not fit a flatbuffer.Model."""
    for side, tensors in (("input", found.inputs), ("output", found.outputs)):
        names = [tensor.name for tensor in tensors]
        if unknown := set(meanings[side]) - set(names):
            lacks = f"The model has no {side} {min(unknown)!r}."
            raise MetadataError(f"{lacks} Its {side}s are: {', '.join(names)}.")
    classes = found.outputs[0].shape[-1] if found.outputs and found.outputs[0].shape else -1
    if labels and classes > 0 and len(labels) != classes:
        rule = f"There must be one label for each of the {classes} numbers of the output."
        raise MetadataError(f"{rule} Found: {len(labels)}.")
    if broken := [label for label in labels if len(f"{label}\n".splitlines()) > 1]:
        rule = f"A label is one line of {LABELS}."
        raise MetadataError(f"{rule} Found: {broken[0]!r}. Take out its line break.")


def read(content: bytes) -> dict[str, Any]:
    """Return what is packed into a .tflite.

    {"name", "description", "inputs", "outputs": lists of {"name", "description", "range"},
    "labels": list of texts, "contract": dictionary}; what the file does not say is "", None or
    empty. Raises MetadataError, also if there is none.
    """
    try:
        buffer = flatbuffer.metadata(content, NAME)
    except flatbuffer.CorruptModelError as error:
        raise MetadataError(f"Only a sound .tflite has metadata. Found: {error}") from None
    files = flatbuffer.packed_files(content)
    if not buffer and CONTRACT not in files:
        found = f"no buffer named {NAME}, no archive"
        raise MetadataError(f"This .tflite has no metadata. Found: {found}.")
    described = _read_buffer(buffer)
    texts = [text for file, text in files.items() if file.endswith(".txt")]
    labels = files.get(LABELS, texts[0] if texts else "").splitlines()
    try:
        contract = dict(json.loads(files.get(CONTRACT, "{}")))
    except (ValueError, TypeError, RecursionError):
        wrong = f"The {CONTRACT} packed into this .tflite is no JSON object"
        raise MetadataError(f"{wrong}. Pack it again.") from None
    return {**described, "labels": labels, "contract": contract}


def _archive(files):
    """Return a zip archive of {name: text}, uncompressed; the same bytes for the same files."""
    if not files:
        return b""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for file, text in files.items():
            archive.writestr(zipfile.ZipInfo(file), text)  # a ZipInfo has a fixed date
    return stream.getvalue()


def _with_buffer(content, described):
    """Return the .tflite with `described` as its metadata buffer, without any archive."""
    from ai_edge_litert import schema_py_generated as schema

    model = flatbuffer.unpack(content)
    entry = next((one for one in model.metadata or [] if one.name == NAME.encode()), None)
    if entry is None:
        entry = schema.MetadataT()
        entry.name, entry.buffer = NAME, len(model.buffers)
        model.metadata = [*(model.metadata or []), entry]
        model.buffers = [*model.buffers, schema.BufferT()]
    model.buffers[entry.buffer].data = described
    return flatbuffer.pack(model)


def _model_metadata(name, description, meanings, found, value_range, files):
    """Return the FlatBuffer ModelMetadata, as bytes."""
    import flatbuffers

    inputs, outputs = (  # TensorMetadata each, as {field: value}
        [{0: one.name, 1: meanings.get(one.name, "")} for one in side]
        for side in (found.inputs, found.outputs)
    )
    if value_range and inputs:
        inputs[0] |= _range(found.inputs[0], *map(float, value_range))
    if LABELS in files and outputs:
        outputs[0][6] = [{0: LABELS, 2: VALUE_LABELS}]
    builder = flatbuffers.Builder(1024)
    others = [{0: file} for file in files if file != LABELS]
    root = {0: name, 1: description, 3: [{2: inputs, 3: outputs}], 6: others, 7: PARSER}
    builder.Finish(_write(builder, root), file_identifier=IDENTIFIER)
    return bytes(builder.Output())


def _range(tensor, low, high):
    """Return the fields of a TensorMetadata that say which values it wants."""
    fields = {5: {0: high, 1: low}}
    if len(tensor.shape) == 4 and tensor.shape[3] in (1, 3) and low < high:
        # Tools make an image's pixels, 0 to 255, the input with (pixel - mean) / std.
        std = 255 / (high - low)
        fields[4] = [{0: NORMALIZATION, 1: {0: -low * std, 1: std}}]
    return fields


def _write(builder, value):
    """Write a string, a vector of one float, of tables, or a table {field: value}; return where."""
    if isinstance(value, str):
        return builder.CreateString(value)
    if isinstance(value, float):
        builder.StartVector(4, 1, 4)
        builder.PrependFloat32(value)
        return builder.EndVector()
    if isinstance(value, list):
        offsets = [_write(builder, one) for one in value]
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
        return builder.EndVector()
    below = {field: one for field, one in value.items() if not isinstance(one, int)}
    offsets = {field: _write(builder, one) for field, one in below.items()}
    builder.StartObject(max(value) + 1)
    for field, one in value.items():
        if field in offsets:
            builder.PrependUOffsetTRelativeSlot(field, offsets[field], 0)
        else:
            builder.PrependUint8Slot(field, one, 0)
    return builder.EndObject()


def _read_buffer(buffer):
    """Return what a ModelMetadata says; of an empty buffer, that it says nothing."""
    found = {"name": "", "description": "", "inputs": [], "outputs": []}
    if not buffer:
        return found
    if buffer[4:8] != IDENTIFIER:
        raise MetadataError(f"Bytes 4 to 8 of TFLite metadata are M001. Found: {buffer[4:8]!r}.")
    try:
        root = flatbuffer.Table(buffer)
        found["name"], found["description"] = root.text(0), root.text(1)
        for subgraph in root.tables(3)[:1]:
            found["inputs"] = list(map(_read_tensor, subgraph.tables(2)))
            found["outputs"] = list(map(_read_tensor, subgraph.tables(3)))
    except (struct.error, IndexError, OverflowError, flatbuffer.CorruptModelError):
        damaged = "The metadata of this .tflite is damaged: its tables lead out of it."
        raise MetadataError(damaged) from None
    return found


def _read_tensor(table):
    stats = table.table(5)
    ends = [*stats.numbers(1, "f")[:1], *stats.numbers(0, "f")[:1]] if stats else []
    limits = tuple(ends) if len(ends) == 2 else None
    return {"name": table.text(0), "description": table.text(1), "range": limits}
