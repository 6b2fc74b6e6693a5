"""What a .tflite says about itself, read from its bytes. Taught in 11_look_inside_a_tflite.

A .tflite is a FlatBuffer: tables that refer to each other by offsets, laid out as in TensorFlow's
schema.fbs. Its C++ verifier has no Python form, and the schema's Python classes take half a second
to import, so `read` follows the offsets itself, and checks each. The numbers of fields below are
those of schema.fbs. Nothing here runs the model, or imports TensorFlow or NumPy.
"""

import contextlib
import io
import math
import mmap
import struct
import zipfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO

from hub_to_tflite.file import releases

MAGIC = b"TFL3"  # the file identifier, bytes 4 to 8
# dtype -> bytes of one element, if it takes whole bytes and always as many
SIZES = {f"{kind}{8 * size}": size for kind in ("int", "uint", "float") for size in (1, 2, 4, 8)}
SIZES["bool"] = 1
CONVERSIONS = {"QUANTIZE", "DEQUANTIZE"}  # ops between floats and integers
LONGEST = 2**20  # bytes of a packed text file that is read


class CorruptModelError(ValueError):
    """A .tflite that can't be read or contradicts itself; says what was found, and where."""


@dataclass(frozen=True)
class Tensor:
    """A tensor, such as an input or output. A dynamic dimension of `shape` is -1."""

    name: str
    dtype: str  # float32, int8, string ...
    shape: tuple
    scale: float  # 0.0 if nothing is quantized; of the first channel if there are several
    zero_point: int
    channels: int  # number of scales: 0 if not quantized, 1 if per-tensor, else per-channel
    index: int  # in its subgraph
    ranked: bool  # whether the file says that the number of dimensions is known

    def __str__(self) -> str:
        scales = f", {self.channels} scales" if self.channels else ""
        if self.channels == 1:
            scales = f", scale {self.scale:.6g}, zero point {self.zero_point}"
        return f"{self.name} {self.dtype} {self.sizes}{scales}"

    @property
    def sizes(self) -> str:
        """The shape as text, such as "(any, 48, 48, 3)"."""
        return f"({', '.join('any' if size < 0 else str(size) for size in self.shape)})"

    @property
    def dynamic(self) -> bool:
        """Whether a dimension is dynamic."""
        return min(self.shape, default=1) < 0


@dataclass(frozen=True)
class Op:
    """A kind of op in the file. `kind` is "builtin", "flex" (TensorFlow's own) or "custom"."""

    name: str
    version: int
    kind: str
    count: int

    def __str__(self) -> str:
        return f"{self.count} {self.name} v{self.version}"


@dataclass(frozen=True)
class Model:
    """What a .tflite holds. `inputs` and `outputs` are those of its first subgraph."""

    size: int  # bytes
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    signatures: dict  # name -> (names of its inputs, names of its outputs)
    signature_subgraphs: tuple[int, ...]  # of each signature
    ops: tuple[Op, ...]  # the most frequent first
    subgraphs: int
    floats: tuple[str, ...]  # names of the ops that take or return floats, but for conversions
    constants: dict  # dtype -> number of constant tensors: weights, biases, shapes
    per_channel: int  # tensors with one scale for each channel
    runtime: str  # the first release of TensorFlow that runs it, such as "2.17.0"; "" if unknown
    runtime_source: str  # how that is known
    description: str  # by what wrote the file, such as "MLIR Converted."
    metadata: tuple[str, ...]  # names of the metadata buffers
    files: tuple[str, ...]  # names of the files in an appended zip archive
    labels: tuple[str, ...]  # lines of the first text file among them

    @property
    def needs(self) -> str:
        """The release of TensorFlow that it needs, and how that is known, as text."""
        later = f"TensorFlow {self.runtime} or later, " if self.runtime else ""
        return later + self.runtime_source


class Table:
    """A table of a FlatBuffer. Each method takes the number of a field, from 0, in the schema.

    The constructor and the methods raise struct.error or IndexError if they lead out of the bytes,
    CorruptModelError if to the same ones so often that a small file would fill the memory.
    """

    def __init__(self, content: Any, at: int | None = None, left: list[int] | None = None):
        self._left = left or [4 * len(content)]  # bytes that may still be read, for all tables
        self._content = content
        self._at = struct.unpack_from("<I", content)[0] if at is None else at
        [back] = struct.unpack_from("<i", content, self._at)
        if self._at - back < 0:
            raise struct.error("a table's layout is before the beginning")
        size, inline = struct.unpack_from("<HH", content, self._at - back)
        self._fields = struct.unpack_from(f"<{(size - 4) // 2}H", content, self._at - back + 4)
        self._spend(inline, self._at)

    def number(self, field: int, code: str = "i", default: Any = 0) -> Any:
        """Return a number; `code` is its type as in the module struct."""
        place = self._place(field)
        return struct.unpack_from(f"<{code}", self._content, place)[0] if place else default

    def numbers(self, field: int, code: str = "i") -> tuple:
        """Return a vector of numbers."""
        start, count = self._vector(field, struct.calcsize(f"<{code}"))
        return struct.unpack_from(f"<{count}{code}", self._content, start)

    def size(self, field: int) -> int:
        """Return the number of bytes in a vector of bytes."""
        return self._vector(field, 1, free=True)[1]

    def data(self, field: int) -> bytes:
        """Return a vector of bytes."""
        start, count = self._vector(field, 1)
        return bytes(self._content[start : start + count])

    def text(self, field: int) -> str:
        """Return a string."""
        return self.data(field).decode(errors="replace")

    def table(self, field: int) -> "Table | None":
        """Return the table that a field refers to, if any."""
        place = self._place(field)
        return Table(self._content, self._follow(place), self._left) if place else None

    def tables(self, field: int) -> list["Table"]:
        """Return a vector of tables."""
        start, count = self._vector(field, 4)
        places = range(start, start + 4 * count, 4)
        return [Table(self._content, self._follow(place), self._left) for place in places]

    def _place(self, field):
        offset = self._fields[field] if field < len(self._fields) else 0
        return offset and self._at + offset

    def _follow(self, place):
        return place + struct.unpack_from("<I", self._content, place)[0]

    def _vector(self, field, size, free=False):
        place = self._place(field)
        if not place:
            return 0, 0
        start = self._follow(place)
        [count] = struct.unpack_from("<I", self._content, start)
        self._spend(size * count, start + 4, free)
        return start + 4, count

    def _spend(self, size, at, free=False):
        if at + size > len(self._content):
            raise struct.error("it leads beyond the end")
        self._left[0] -= 0 if free else size
        if self._left[0] < 0:
            raise CorruptModelError("Its tables lead to the same bytes again and again.")


def read(source: bytes | BinaryIO) -> Model:
    """Return the Model of a .tflite, bytes or an open file. Raises CorruptModelError."""
    if isinstance(source, bytes):
        return _read(source, packed_files(source))
    try:
        content = mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError:  # a file system without it, as a browser's
        content = contextlib.nullcontext(source.read())
    with content as content:
        return _read(content, packed_files(source))


def metadata(content: bytes, name: str) -> bytes:
    """Return a metadata buffer, b"" if the file has no such one. Raises CorruptModelError."""
    with _reading(content) as model:
        return _metadata(model, name)


def unpack(content: bytes) -> Any:
    """Return the schema's ModelT of a sound .tflite, to change it and to `pack` it again."""
    from ai_edge_litert.tools import flatbuffer_utils

    return flatbuffer_utils.read_model_from_bytearray(content)


def pack(model: Any) -> bytes:
    """Return the .tflite of a ModelT, its buffers at multiples of 16 as schema.fbs asks.

    Microcontrollers read weights in place; flatbuffer_utils packs them at multiples of 4.
    """
    import flatbuffers
    import numpy as np

    class Aligned(flatbuffers.Builder):
        def StartVector(self, size, count, alignment):
            return super().StartVector(size, count, 16 if size == 1 else alignment)

    for buffer in model.buffers or []:
        if isinstance(buffer.data, (bytes, list)):
            buffer.data = np.array(bytearray(buffer.data))
    builder = Aligned(2**16)
    builder.Finish(model.Pack(builder), file_identifier=MAGIC)
    return bytes(builder.Output())


def packed_files(source: bytes | BinaryIO) -> dict[str, str]:
    """Return {name: text} of a zip archive after a model; the text is "" if it isn't worth reading.

    Read are .txt and .json files of up to a megabyte, ten at most.
    """
    texts, file = {}, io.BytesIO(source) if isinstance(source, bytes) else source
    # Mostly there is no archive, and this is zipfile.BadZipFile.
    with contextlib.suppress(Exception), zipfile.ZipFile(file) as archive:
        texts = dict.fromkeys(archive.namelist(), "")
        for name in [name for name in texts if name.endswith((".txt", ".json"))][:10]:
            if archive.getinfo(name).file_size <= LONGEST:
                texts[name] = archive.read(name).decode(errors="replace")
    return texts


def _require(sound, found):
    if not sound:
        raise CorruptModelError(found)


@contextlib.contextmanager
def _reading(content):
    """A context in which offsets that lead out of the file are a CorruptModelError."""
    found = bytes(content[4:8])
    _require(found == MAGIC, f"Bytes 4 to 8 of a .tflite are TFL3. Found: {found!r}.")
    try:
        yield Table(content)
    except (struct.error, IndexError, OverflowError):  # the last in a Python of 32 bits
        led = f"Its tables lead out of its {len(content):,} bytes"
        raise CorruptModelError(f"{led}, as in a file that broke off or was altered.") from None


def _read(content, files):
    with _reading(content) as model:
        version = model.number(0, "I")
        _require(version == 3, f"Its schema version is {version}; a .tflite has 3.")
        buffers = [one.size(0) for one in model.tables(4)]
        codes = [_op(one) for one in model.tables(1)]
        graphs = [
            _Graph(one, f" of subgraph {number}" if number else "", buffers, len(codes))
            for number, one in enumerate(model.tables(2))
        ]
        _require(graphs, "It holds no subgraph, so there is nothing to run.")
        signatures = {one.text(2): _signature(one, graphs) for one in model.tables(7)}
        counted = sum((graph.ops for graph in graphs), Counter())
        ops = [Op(*codes[index], count) for index, count in counted.items()]
        floats = {codes[index][0] for graph in graphs for index in graph.floats} - CONVERSIONS
        runtime, source = releases.needed(ops, _metadata(model, "min_runtime_version"))
        texts = [text for name, text in files.items() if name.endswith(".txt")]
        return Model(
            size=len(content),
            inputs=tuple(graphs[0].tensors[index] for index in graphs[0].inputs),
            outputs=tuple(graphs[0].tensors[index] for index in graphs[0].outputs),
            signatures={name: sides for name, (_, sides) in signatures.items()},
            signature_subgraphs=tuple(number for number, _ in signatures.values()),
            ops=tuple(sorted(ops, key=lambda op: (-op.count, op.name))),
            subgraphs=len(graphs),
            floats=tuple(sorted(floats)),
            constants=dict(sum((graph.constants for graph in graphs), Counter())),
            per_channel=sum(one.channels > 1 for graph in graphs for one in graph.tensors),
            runtime=runtime,
            runtime_source=source,
            description=model.text(3),
            metadata=tuple(one.text(0) for one in model.tables(6)),
            files=tuple(files),
            labels=tuple(texts[0].splitlines()) if texts else (),
        )


class _Graph:
    """A subgraph whose parts were checked; `ops` counts the ops of each op code.

    `floats` are the op codes that take or return a float.
    """

    def __init__(self, table, where, buffers, codes):
        self.tensors, self.ops, self.constants, self.floats = [], Counter(), Counter(), set()
        stored = []
        for index, one in enumerate(table.tables(0)):
            self.tensors.append(_tensor(one, index, buffers, f"Tensor {index}{where}"))
            stored.append(buffers[one.number(2, "I")])
            if stored[-1]:
                self.constants[self.tensors[-1].dtype] += 1
        count = len(stored)
        for index, op in enumerate(table.tables(3)):
            code = op.number(0, "I")
            _within([code], 0, codes, f"Op {index}{where} is of op code")
            reads, writes = op.numbers(1), op.numbers(2)
            _within(reads, -1, count, f"Op {index}{where} reads tensor")
            _within(writes, -1, count, f"Op {index}{where} writes tensor")
            touched = {self.tensors[one].dtype for one in reads + writes if one >= 0}
            if any(dtype.startswith("float") for dtype in touched):
                self.floats.add(code)
            for options in (4, 12):
                op.table(options)  # raises if it leads nowhere
            op.size(5)
            self.ops[code] += 1
        self.inputs, self.outputs = table.numbers(1), table.numbers(2)
        _within(self.inputs, 0, count, f"The inputs{where} name tensor")
        _within(self.outputs, 0, count, f"The outputs{where} name tensor")
        for index in self.inputs:  # setting a constant would write into the file's own bytes
            _require(not stored[index], f"Tensor {index}{where} is an input, and a constant too.")


def _tensor(table, index, buffers, where):
    code, buffer, dtypes = table.number(1, "b"), table.number(2, "I"), releases.table()["dtypes"]
    _within([code], 0, len(dtypes), f"{where} is of type")
    _within([buffer], 0, len(buffers), f"{where} names buffer")
    dtype, shape, stored = dtypes[code], table.numbers(0), buffers[buffer]
    signed = "A dynamic dimension is 1 there, -1 in shape_signature."
    _require(min(shape, default=0) >= 0, f"{where} has the shape {shape}. {signed}")
    needed, sparse = math.prod(shape) * SIZES.get(dtype, 0), table.table(6)
    wrong = f"{where} needs {needed:,} bytes for {dtype} {shape}; its buffer holds {stored:,}."
    _require(stored in (0, needed) or not needed or sparse, wrong)
    scales, points = (), ()
    if quantization := table.table(4):
        scales, points = quantization.numbers(2, "f"), quantization.numbers(3, "q")
    finite = all(map(math.isfinite, scales))
    _require(finite, f"{where} has a scale that is not a finite number.")
    wrong = f"{where} has {len(scales)} scales and {len(points)} zero points."
    _require(not scales or len(points) in (1, len(scales)), wrong)
    scale, point = scales[0] if scales else 0.0, points[0] if points else 0
    shape, ranked = table.numbers(7) or shape, bool(table.number(8, "B"))
    return Tensor(table.text(3), dtype, shape, scale, point, len(scales), index, ranked)


def _within(indices: Iterable[int], low: int, high: int, what: str):
    for index in indices:
        _require(low <= index < high, f"{what} {index}; the file has {high}.")


def _op(table):
    """Return (name, version, kind) of an op code. Codes above 127 came later, in a second field."""
    code, names = max(table.number(0, "b"), table.number(3)), releases.table()["operators"]
    custom, version = table.text(1), table.number(2, default=1)
    name = names[code] if code < len(names) else f"op code {code}"
    if name != "CUSTOM":
        return name, version, "builtin"
    return custom, version, "flex" if custom.startswith("Flex") else "custom"


def _signature(table, graphs):
    """Return (number of its subgraph, (names of its inputs, names of its outputs))."""
    where, number = f"The signature {table.text(2)!r} names", table.number(4, "I")
    _within([number], 0, len(graphs), f"{where} subgraph")
    sides = table.tables(0), table.tables(1)
    for side, ends in zip(sides, (graphs[number].inputs, graphs[number].outputs)):
        for at in (item.number(1, "I") for item in side):
            missing = f"{where} tensor {at}, which its subgraph does not take or return there."
            _require(at in ends, missing)
    return number, tuple(tuple(item.text(0) for item in side) for side in sides)


def _metadata(model, name):
    at = {one.text(0): one.number(1, "I") for one in model.tables(6)}.get(name)
    buffers = model.tables(4)
    return buffers[at].data(0) if at is not None and at < len(buffers) else b""
