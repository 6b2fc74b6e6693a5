"""A model's contract and labels, packed into its .tflite, and read back. Taught in 10_deploy.

A .tflite says of an input that it is float32 (1, 48, 48, 3). It does not say that the numbers run from 0 to 1, nor that
output 7 means "seven". TFLite metadata says both: a FlatBuffer of its own (root table ModelMetadata, identifier "M001")
in a buffer that the model lists as TFLITE_METADATA, and files such as labels.txt in a zip archive behind the model.
The slots below are those of metadata_schema.fbs, in tensorflow/tflite-support, whose MetadataDisplayer (0.4.4) was seen
to read what is written here. No TensorFlow.
"""

import io
import json
import zipfile
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from flatbuffers.table import Table

from hub_to_tflite.file import flatbuffer

NAME = b"TFLITE_METADATA"
IDENTIFIER = b"M001"
PARSER = "1.0.0"  # the oldest metadata parser that knows everything used here
LABELS, CONTRACT = "labels.txt", "contract.json"
VALUE_LABELS = 2  # AssociatedFileType.TENSOR_AXIS_LABELS
NORMALIZATION = 1  # ProcessUnitOptions.NormalizationOptions


class MetadataError(ValueError):
    """Metadata that cannot be packed or read. The message says what is wrong, what was found, what to do."""


def pack(
    content,
    *,
    name,
    description="",
    inputs=None,
    outputs=None,
    labels=None,
    value_range=None,
    contract=None,
):
    """Return a .tflite, given as bytes, with its contract and labels packed in, as bytes.

    `inputs` and `outputs` are {tensor name: what it means}, with the names that the file has. `labels` is a list of
    texts, one for each place of the first output. `value_range` is (smallest, largest) real value of the first input.
    `contract` is a dictionary of plain values, stored as JSON for whoever has no metadata library. Metadata that is
    there already is replaced. The model's answers do not change. Raises MetadataError.
    """
    try:
        found = flatbuffer.read(content)
    except flatbuffer.Damaged as error:
        raise MetadataError(
            f"Metadata can be packed into a sound .tflite only. Found: {error}"
        ) from None
    for side, given, tensors in (
        ("input", inputs, found.inputs),
        ("output", outputs, found.outputs),
    ):
        unknown = set(given or {}) - {tensor.name for tensor in tensors}
        if unknown:
            raise MetadataError(
                f"The model has no {side} {min(unknown)!r}. Its {side}s are: {', '.join(t.name for t in tensors)}."
            )
    classes = found.outputs[0].shape[-1] if found.outputs and found.outputs[0].shape else -1
    if labels and classes > 0 and len(labels) != classes:
        raise MetadataError(
            f"There must be one label for each of the {classes} places of the output. Found: {len(labels)}."
        )
    if broken := [label for label in labels or [] if len(f"{label}\n".splitlines()) > 1]:
        raise MetadataError(
            f"A label is one line of {LABELS}. Found: {broken[0]!r}. Take out its line break."
        )
    files = {LABELS: "".join(f"{label}\n" for label in labels)} if labels else {}
    if contract is not None:
        files[CONTRACT] = json.dumps(contract, indent=1, ensure_ascii=False) + "\n"
    described = _model_metadata(
        name, description, inputs or {}, outputs or {}, found, bool(labels), value_range, files
    )
    return _with_buffer(content, described) + _archive(files)


def read(content):
    """Return what is packed into a .tflite, given as bytes, as a dictionary.

    {"name", "description", "inputs", "outputs": lists of {"name", "description", "range"}, "labels": list of texts,
    "contract": dictionary}; what the file does not say is "", None or empty. Raises MetadataError where there is none.
    """
    try:
        buffer = flatbuffer.metadata(flatbuffer.unpack(content), NAME.decode())
        files = _files(content)
        if not buffer and CONTRACT not in files:
            raise MetadataError(
                "This .tflite has no metadata. Found: no buffer named TFLITE_METADATA, no archive."
            )
        told = (
            _read_buffer(buffer)
            if buffer
            else {"name": "", "description": "", "inputs": [], "outputs": []}
        )
    except flatbuffer.Damaged as error:
        raise MetadataError(
            f"Metadata can be read from a sound .tflite only. Found: {error}"
        ) from None
    except MetadataError:
        raise
    except (
        Exception
    ) as error:  # what the reader raises depends on what the damaged bytes happen to mean
        raise MetadataError(
            f"The metadata of this .tflite is damaged. Found: {type(error).__name__} in it."
        ) from None
    lists = [text for file, text in files.items() if file == LABELS] or [
        text for file, text in files.items() if Path(file).suffix == ".txt"
    ]
    try:
        contract = dict(json.loads(files.get(CONTRACT, "{}")))
    except (ValueError, TypeError):
        raise MetadataError(
            f"The {CONTRACT} packed into this .tflite is no JSON object. Pack it again."
        ) from None
    return {**told, "labels": lists[0].splitlines() if lists else [], "contract": contract}


def _archive(files):
    """Return the zip archive with {name: text}, stored as it is, always the same bytes for the same files."""
    if not files:
        return b""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for file, text in files.items():
            archive.writestr(zipfile.ZipInfo(file), text)  # a ZipInfo of its own has a fixed date
    return stream.getvalue()


def _files(content):
    """Return {name: text} of the small files in the archive behind a model."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            small = [
                one for one in archive.infolist() if one.file_size <= flatbuffer.LONGEST_LABELS
            ]
            return {one.filename: archive.read(one).decode(errors="replace") for one in small}
    except Exception:  # mostly zipfile.BadZipFile: there is no archive
        return {}


class _Aligned(flatbuffers.Builder):
    """A builder that puts bytes at multiples of 16, as schema.fbs asks for: chips read weights where they stand."""

    def CreateNumpyVector(self, array):
        if array.dtype != np.uint8:
            return super().CreateNumpyVector(array)
        self.StartVector(1, array.size, 16)
        self.head = self.head - array.size
        self.Bytes[self.head : self.head + array.size] = array.tobytes()
        return self.EndVector()


def _with_buffer(content, described):
    """Return the .tflite with `described` as its metadata buffer, without any archive."""
    model = flatbuffer_utils.read_model_from_bytearray(content)
    for buffer in model.buffers:
        if buffer.data is not None:
            buffer.data = np.frombuffer(buffer.data, np.uint8)
    entry = next((one for one in model.metadata or [] if one.name == NAME), None)
    if entry is None:
        entry = schema.MetadataT()
        entry.name, entry.buffer = NAME, len(model.buffers)
        model.metadata, model.buffers = (
            [*(model.metadata or []), entry],
            [*model.buffers, schema.BufferT()],
        )
    model.buffers[entry.buffer].data = np.frombuffer(described, np.uint8)
    builder = _Aligned(len(content) + len(described) + 2**16)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _model_metadata(name, description, inputs, outputs, found, labelled, value_range, files):
    """Return the FlatBuffer ModelMetadata, as bytes."""
    builder = flatbuffers.Builder(1024)
    rows = [
        [
            _tensor(
                builder, one, given.get(one.name, ""), *extra if position == 0 else (None, False)
            )
            for position, one in enumerate(tensors)
        ]
        for tensors, given, extra in (
            (found.inputs, inputs, (value_range, False)),
            (found.outputs, outputs, (None, labelled)),
        )
    ]
    subgraph = _table(builder, 10, {2: _tables(builder, rows[0]), 3: _tables(builder, rows[1])})
    extra = [_file(builder, file, 0) for file in files if file != LABELS]
    root = _table(
        builder,
        8,
        {
            0: builder.CreateString(name),
            1: builder.CreateString(description),
            3: _tables(builder, [subgraph]),
            6: _tables(builder, extra),
            7: builder.CreateString(PARSER),
        },
    )
    builder.Finish(root, file_identifier=IDENTIFIER)
    return bytes(builder.Output())


def _tensor(builder, tensor, description, value_range, labelled):
    """Return the offset of the TensorMetadata of a flatbuffer.Tensor."""
    slots = {0: builder.CreateString(tensor.name), 1: builder.CreateString(description)}
    if value_range:
        low, high = map(float, value_range)
        if len(tensor.shape) == 4 and tensor.shape[3] in (1, 3) and low < high:
            # Tools make a picture's pixels, 0 to 255, the input with (pixel - mean) / std.
            std = 255 / (high - low)
            options = _table(
                builder, 2, {0: _floats(builder, [-low * std]), 1: _floats(builder, [std])}
            )
            builder.StartObject(2)
            builder.PrependUint8Slot(0, NORMALIZATION, 0)
            builder.PrependUOffsetTRelativeSlot(1, options, 0)
            slots[4] = _tables(builder, [builder.EndObject()])
        slots[5] = _table(builder, 2, {0: _floats(builder, [high]), 1: _floats(builder, [low])})
    if labelled:
        slots[6] = _tables(builder, [_file(builder, LABELS, VALUE_LABELS)])
    return _table(builder, 7, slots)


def _file(builder, name, kind):
    """Return the offset of an AssociatedFile."""
    text = builder.CreateString(name)
    builder.StartObject(5)
    builder.PrependUOffsetTRelativeSlot(0, text, 0)
    builder.PrependInt8Slot(2, kind, 0)
    return builder.EndObject()


def _table(builder, slots, offsets):
    """Return the offset of a table with {slot: offset of what it refers to}."""
    builder.StartObject(slots)
    for slot, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(slot, offset, 0)
    return builder.EndObject()


def _tables(builder, offsets):
    """Return the offset of a vector of tables."""
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()


def _floats(builder, values):
    return builder.CreateNumpyVector(np.asarray(values, np.float32))


def _read_buffer(buffer):
    """Return what a ModelMetadata says."""
    if buffer[4:8] != IDENTIFIER:
        raise MetadataError(f"Bytes 4 to 8 of TFLite metadata read M001. Found: {buffer[4:8]!r}.")
    root = Table(buffer, int.from_bytes(buffer[:4], "little"))
    subgraphs = _children(root, 3)
    return {
        "name": _string(root, 0),
        "description": _string(root, 1),
        "inputs": [_read_tensor(one) for one in (_children(subgraphs[0], 2) if subgraphs else [])],
        "outputs": [_read_tensor(one) for one in (_children(subgraphs[0], 3) if subgraphs else [])],
    }


def _read_tensor(table):
    ends = [_numbers(child, slot) for child in _children(table, 5, single=True) for slot in (1, 0)]
    return {
        "name": _string(table, 0),
        "description": _string(table, 1),
        "range": (ends[0][0], ends[1][0]) if len(ends) == 2 and all(ends) else None,
    }


def _place(table, slot):
    """Return where the field of a slot stands, 0 where it is absent. Slot 0 is entry 4 of the vtable."""
    offset = table.Offset(4 + 2 * slot)
    return offset and offset + table.Pos


def _string(table, slot):
    place = _place(table, slot)
    return table.String(place).decode(errors="replace") if place else ""


def _children(table, slot, single=False):
    """Return the tables that a slot refers to: a vector of them, or a `single` one."""
    place = _place(table, slot)
    if not place:
        return []
    if single:
        return [Table(table.Bytes, table.Indirect(place))]
    start, count = table.Vector(place - table.Pos), table.VectorLen(place - table.Pos)
    if count > len(table.Bytes) // 4:
        raise MetadataError(
            f"The metadata of this .tflite is damaged. Found: a list of {count:,} tables in it."
        )
    return [Table(table.Bytes, table.Indirect(start + 4 * index)) for index in range(count)]


def _numbers(table, slot):
    place = _place(table, slot)
    if not place:
        return []
    return table.GetVectorAsNumpy(flatbuffers.number_types.Float32Flags, place - table.Pos).tolist()
