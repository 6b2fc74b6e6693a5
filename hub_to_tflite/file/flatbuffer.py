"""What a .tflite says about itself, read from its bytes. Taught in 01_why_wont_it_open and 09_fix_failed_conversions.

A .tflite is a FlatBuffer: tables that refer to each other by offsets, laid out as in TensorFlow's schema.fbs. The
schema's Python form comes with ai_edge_litert. Nothing here runs the model, and nothing imports TensorFlow.
"""

import io
import math
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from hub_to_tflite.file import releases

BUILTIN = {
    code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)
}
DTYPES = {
    code: name.lower() for name, code in vars(schema.TensorType).items() if isinstance(code, int)
}
FIXED = {
    "float16",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "bool",
}
LONGEST_LABELS = 2**20  # bytes of a packed text file that are read


class Damaged(ValueError):
    """A .tflite that cannot be read, or that contradicts itself. The message says what was found, and where."""


@dataclass(frozen=True)
class Tensor:
    """One input or output. A size of `shape` is -1 where it is open."""

    name: str
    dtype: str  # float32, int8, string ...
    shape: tuple
    scale: float  # 0.0 where nothing is quantized; of the first channel, where there are several
    zero_point: int
    channels: (
        int  # scales: 0 where nothing is quantized, 1 for the whole tensor, or one for each channel
    )

    def __str__(self):
        sizes = ", ".join("any" if size < 0 else str(size) for size in self.shape)
        text = f"{self.name} {self.dtype} ({sizes})"
        if self.channels == 1:
            text += f", scale {self.scale:.6g}, zero point {self.zero_point}"
        return text + f", {self.channels} scales" * (self.channels > 1)


@dataclass(frozen=True)
class Op:
    """One kind of op in the file. `kind` is "builtin", "flex" (one of TensorFlow's own) or "custom" (somebody's)."""

    name: str
    version: int
    kind: str
    count: int

    def __str__(self):
        return f"{self.count} {self.name} v{self.version}"


@dataclass(frozen=True)
class Model:
    """What a .tflite holds. `inputs` and `outputs` are those of its first subgraph."""

    size: int  # bytes
    inputs: tuple  # of Tensor
    outputs: tuple  # of Tensor
    signatures: dict  # name -> (names of its inputs, names of its outputs)
    ops: tuple  # of Op, the most frequent first
    subgraphs: int
    constants: dict  # dtype -> number of constant tensors: weights, biases, shapes
    per_channel: int  # tensors with one scale for each channel
    runtime: str  # the release of TensorFlow that it needs at least, such as "2.17.0"; "" where nothing says
    runtime_source: str  # how that is known
    description: str  # by what wrote the file, such as "MLIR Converted."
    metadata: tuple  # names of the metadata buffers
    files: tuple  # names of the files in an appended zip archive
    labels: tuple  # lines of the first text file among them


def read(content):
    """Return the Model of a .tflite, given as bytes. Raises Damaged."""
    model = unpack(content)
    check(model)
    main, tensors = (
        model.subgraphs[0],
        [tensor for graph in model.subgraphs for tensor in _list(graph.tensors)],
    )
    ops = _ops(model)
    runtime, runtime_source = releases.needed(ops, metadata(model, "min_runtime_version"))
    files, labels = _packed(content)
    return Model(
        size=len(content),
        inputs=tuple(_tensor(main.tensors[index]) for index in _list(main.inputs)),
        outputs=tuple(_tensor(main.tensors[index]) for index in _list(main.outputs)),
        signatures={
            _text(one.signatureKey): tuple(
                tuple(_text(item.name) for item in _list(side)) for side in _sides(one)
            )
            for one in _list(model.signatureDefs)
        },
        ops=ops,
        subgraphs=len(model.subgraphs),
        constants=dict(Counter(_dtype(tensor) for tensor in tensors if _stored(tensor, model))),
        per_channel=sum(len(_scales(tensor)) > 1 for tensor in tensors),
        runtime=runtime,
        runtime_source=runtime_source,
        description=_text(model.description),
        metadata=tuple(_text(one.name) for one in _list(model.metadata)),
        files=files,
        labels=labels,
    )


def unpack(content):
    """Return the schema's ModelT for the bytes of a .tflite: its tables, not yet compared. Raises Damaged."""
    if content[4:8] != b"TFL3":
        raise Damaged(f"Bytes 4 to 8 of a .tflite read TFL3. Found: {bytes(content[4:8])!r}.")
    try:
        content = _Frugal(content)
        _count(
            schema.Model.GetRootAs(content), len(content) // 16
        )  # a table and what refers to it take 16 bytes
        return schema.ModelT.InitFromPackedBuf(content)
    except (
        Exception
    ) as error:  # what the reader raises depends on what the damaged bytes happen to mean
        raise Damaged(
            f"Its tables lead out of its {len(content):,} bytes, as in a file that broke off or was altered "
            f"({type(error).__name__} in the reader)."
        ) from None


class _Frugal(bytes):
    """Bytes from which no more can be copied than four times what they are.

    In a hostile file, a thousand tables may share one name of a megabyte.
    """

    copied = 0

    def __getitem__(self, key):
        piece = super().__getitem__(key)
        if isinstance(key, slice):
            self.copied += len(piece)
            if self.copied > 4 * len(self):
                raise OverflowError
        return piece


def _count(model, most):
    """Raise OverflowError if lists within lists refer to more than `most` tables, as a small hostile file can."""
    for graph in (model.Subgraphs(index) for index in range(model.SubgraphsLength())):
        most -= graph.OperatorsLength() + graph.TensorsLength()
        for tensor in (
            graph.Tensors(index) for index in range(graph.TensorsLength() if most > 0 else 0)
        ):
            sparsity = tensor.Sparsity()
            most -= tensor.VariantTensorsLength() + (
                sparsity.DimMetadataLength() if sparsity else 0
            )
    for one in (model.SignatureDefs(index) for index in range(model.SignatureDefsLength())):
        most -= one.InputsLength() + one.OutputsLength()
    if most < 0:
        raise OverflowError


def check(model):
    """Raise Damaged at the first thing in a ModelT that contradicts the rest of it."""
    if model.version != 3:
        raise Damaged(f"Its schema version is {model.version}; a .tflite has 3.")
    if not _list(model.subgraphs):
        raise Damaged("It holds no subgraph, so there is nothing to run.")
    for number, graph in enumerate(model.subgraphs):
        where, tensors = f" of subgraph {number}" if number else "", len(_list(graph.tensors))
        for index, tensor in enumerate(_list(graph.tensors)):
            _check_tensor(tensor, model, f"Tensor {index}{where}")
        for index, op in enumerate(_list(graph.operators)):
            _within(
                [op.opcodeIndex],
                0,
                len(_list(model.operatorCodes)),
                f"Op {index}{where} is of op code",
            )
            _within(op.inputs, -1, tensors, f"Op {index}{where} reads tensor")
            _within(op.outputs, -1, tensors, f"Op {index}{where} writes tensor")
        _within(graph.inputs, 0, tensors, f"The inputs{where} name tensor")
        _within(graph.outputs, 0, tensors, f"The outputs{where} name tensor")
        for index in _list(graph.inputs):
            if _stored(
                graph.tensors[index], model
            ):  # setting it would write into the file's own bytes
                raise Damaged(f"Tensor {index}{where} is an input, and a constant too.")
    for one in _list(model.signatureDefs):
        where = f"The signature {_text(one.signatureKey)!r} names"
        _within([one.subgraphIndex], 0, len(model.subgraphs), f"{where} subgraph")
        graph = model.subgraphs[one.subgraphIndex]
        for side, ends in zip(_sides(one), (graph.inputs, graph.outputs)):
            for item in _list(side):
                if item.tensorIndex not in _list(ends):
                    raise Damaged(
                        f"{where} tensor {item.tensorIndex}, which its subgraph does not take or return there."
                    )


def _check_tensor(tensor, model, where):
    _within([tensor.type], 0, len(DTYPES), f"{where} is of type")
    _within([tensor.buffer], 0, len(_list(model.buffers)), f"{where} names buffer")
    dtype, shape, scales = _dtype(tensor), tuple(map(int, _list(tensor.shape))), _scales(tensor)
    if min(shape, default=0) < 0:
        raise Damaged(
            f"{where} has the shape {shape}. An open size is 1 there, and -1 in the shape signature."
        )
    stored, needed = (
        _stored(tensor, model),
        math.prod(shape) * np.dtype(dtype if dtype in FIXED else "V0").itemsize,
    )
    if stored and needed and stored != needed and not tensor.sparsity:
        raise Damaged(
            f"{where} needs {needed:,} bytes for {dtype} {shape}; its buffer holds {stored:,}."
        )
    if len(scales):
        axis, points = tensor.quantization.quantizedDimension, _list(tensor.quantization.zeroPoint)
        if not np.isfinite(scales).all():
            raise Damaged(f"{where} has a scale that is not a finite number.")
        if len(points) not in (1, len(scales)) or len(scales) > 1 and not 0 <= axis < len(shape):
            raise Damaged(
                f"{where} has {len(scales)} scales and {len(points)} zero points along dimension {axis}."
            )


def _within(indices, low, high, what):
    for index in _list(indices):
        if not low <= index < high:
            raise Damaged(f"{what} {index}; the file has {high}.")


def metadata(model, name):
    """Return the bytes of a metadata buffer, none where the file has no such buffer."""
    at = {_text(one.name): one.buffer for one in _list(model.metadata)}.get(name, -1)
    return bytes(_list(model.buffers[at].data)) if 0 <= at < len(_list(model.buffers)) else b""


def _packed(content):
    """Return (names of the files, lines of the first text file) of a zip archive appended to the model."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = tuple(archive.namelist())
            text = next((name for name in names if Path(name).suffix == ".txt"), None)
            with archive.open(text) if text else io.BytesIO() as file:
                return names, tuple(file.read(LONGEST_LABELS).decode(errors="replace").splitlines())
    except Exception:  # mostly zipfile.BadZipFile, as in nearly every .tflite: there is no archive
        return (), ()


def _ops(model):
    counted = Counter(op.opcodeIndex for graph in model.subgraphs for op in _list(graph.operators))
    found = [Op(*_kind(model.operatorCodes[index]), count) for index, count in counted.items()]
    return tuple(sorted(found, key=lambda op: (-op.count, op.name)))


def _kind(code):
    """Return (name, version, kind) of an OperatorCodeT. Codes above 127 came later, in a field of their own."""
    number = max(code.builtinCode, code.deprecatedBuiltinCode)
    if number != schema.BuiltinOperator.CUSTOM:
        return BUILTIN.get(number, f"op code {number}"), code.version, "builtin"
    name = _text(code.customCode)
    return name, code.version, "flex" if name.startswith("Flex") else "custom"


def _tensor(tensor):
    scales, points = (
        _scales(tensor),
        _list(tensor.quantization.zeroPoint) if tensor.quantization else [],
    )
    shape = tensor.shape if tensor.shapeSignature is None else tensor.shapeSignature
    return Tensor(
        _text(tensor.name),
        _dtype(tensor),
        tuple(map(int, _list(shape))),
        float(scales[0]) if len(scales) else 0.0,
        int(points[0]) if len(points) else 0,
        len(scales),
    )


def _scales(tensor):
    return _list(tensor.quantization.scale) if tensor.quantization else []


def _stored(tensor, model):
    return len(_list(model.buffers[tensor.buffer].data))


def _sides(signature):
    return signature.inputs, signature.outputs


def _dtype(tensor):
    return DTYPES[tensor.type]


def _text(value):
    return (value or b"").decode(errors="replace")


def _list(values):
    return [] if values is None else values
