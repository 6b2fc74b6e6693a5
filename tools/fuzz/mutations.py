"""Ways to damage a .tflite, from a download that broke off to a sound file with senseless fields.

Each mutation is a function of a random.Random and the bytes of a whole file, and returns bytes.
"""

import struct
import tempfile
from collections.abc import Callable
from functools import lru_cache
from random import Random

import numpy as np

from helpers import tinyhub
from helpers.course import cache
from hub_to_tflite import sandbox
from hub_to_tflite.file import flatbuffer, releases

HOSTILE = [-(2**31), -129, -2, -1, 0, 1, 2, 3, 7, 100, 255, 2**15, 2**20, 2**31 - 1]
HOSTILE_SCALES = [0.0, -1.0, 1e-38, 1e38, float("inf"), float("nan")]
STRANGERS = {
    "page": b"<!DOCTYPE html>\n<html><title>403 Forbidden</title></html>",
    "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 562728\n",
    "gzip": b"\x1f\x8b\x08" + bytes(40),
    "zip": b"PK\x03\x04" + bytes(40),
    "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(80),
    "saved_model.pb": b"\x08\x01\x12\x2a" + bytes(40),
    "onnx": b"\x08\x0a\x12\x07pytorch\x1a\x052.9.0",
    "empty": b"",
    "short": b"\x1c\x00\x00\x00TFL3",
    "marked": b"\x1c\x00\x00\x00TFL3" + bytes(range(256)) * 4,
    "text": b"the model is on the other disk\n",
}


@lru_cache
def bases() -> dict[str, bytes]:
    """Return {name: bytes} of whole .tflite files: the hub's, and small ones, converted once."""
    folder = cache.folder("fuzz")
    paths = {name: folder / f"{name}.tflite" for name in ("int8", "loop")}
    if not all(path.exists() for path in paths.values()):
        for name, content in sandbox.call(_convert).items():
            cache.write(paths[name], content)
    hub = tinyhub.EMBEDDED / "digits/mobilenet_v2/classification/1.tflite"
    return {"hub": hub.read_bytes(), **{name: path.read_bytes() for name, path in paths.items()}}


def _convert():
    """Return {name: bytes}: an image classifier in int8, and a loop with two signatures."""
    import tensorflow as tf

    from helpers import convert

    tf.random.set_seed(0)

    class Images(tf.Module):
        def __init__(self):
            self.kernel = tf.Variable(tf.random.normal([3, 3, 1, 4]))
            self.weight = tf.Variable(tf.random.normal([64, 3]))

        @tf.function(input_signature=[tf.TensorSpec([1, 8, 8, 1], tf.float32)])
        def __call__(self, image):
            hidden = tf.nn.relu6(tf.nn.conv2d(image, self.kernel, 2, "SAME"))
            hidden = tf.nn.max_pool2d(hidden, 2, 1, "SAME") + hidden
            return tf.nn.softmax(tf.matmul(tf.reshape(hidden, [1, 64]), self.weight))

    class Loop(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([4], tf.float32), tf.TensorSpec([], tf.int32)])
        def double(self, values, times):
            return tf.while_loop(
                lambda step, _: step < times + 3,
                lambda step, now: (step + 1, tf.concat([now[1:], now[:1]], 0) * 2.0),
                [0, values],
            )

        @tf.function(
            input_signature=[tf.TensorSpec([None, 4], tf.float32), tf.TensorSpec([2], tf.int32)]
        )
        def pick(self, values, rows):
            count = tf.cast(tf.shape(values)[0], tf.float32)
            return tf.reduce_sum(tf.gather(values, rows), 0) / count

    noise = np.random.default_rng(0)
    images, loop = Images(), Loop()
    files = {}
    for name, module, signatures in [
        ("int8", images, {"serving_default": images.__call__}),
        ("loop", loop, {"double": loop.double, "pick": loop.pick}),
    ]:
        with tempfile.TemporaryDirectory() as saved_model:
            tf.saved_model.save(module, saved_model, signatures)
            if name == "loop":
                files[name] = convert.convert(saved_model)
                continue
            samples = lambda: ([noise.random((1, 8, 8, 1), np.float32)] for _ in range(20))  # noqa: E731
            files[name] = convert.convert(saved_model, name, samples)
    return files


def truncated(rng, whole):
    """The beginning only, as of a download that broke off."""
    return whole[: rng.randrange(len(whole))]


def bits_flipped(rng, whole):
    """One to eight bits flipped, anywhere."""
    damaged = bytearray(whole)
    for _ in range(rng.randint(1, 8)):
        damaged[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def offset_spliced(rng, whole):
    """One to three offsets or numbers of four bytes replaced, at the beginning or near the end."""
    damaged, size = bytearray(whole), len(whole)
    for _ in range(rng.randint(1, 3)):
        near_end = rng.randrange(size * 9 // 10, size - 4)
        at = rng.choice([rng.randrange(min(size - 4, 1024)), near_end]) // 4 * 4
        numbers = [0, 1, 4, 2**31, 2**32 - 1, size, rng.randrange(size), rng.randrange(2**32)]
        damaged[at : at + 4] = rng.choice(numbers).to_bytes(4, "little")
    return bytes(damaged)


def wrong_size(rng, whole):
    """A piece left out, doubled, zeroed or put in."""
    at, length = rng.randrange(8, len(whole)), rng.choice([1, 4, 16, 512, 4096])
    piece = whole[at : at + length]
    put = rng.choice([b"", piece * 2, bytes(len(piece)), rng.randbytes(length) + piece])
    return whole[:at] + put + whole[at + length :]


def weights_changed(rng, whole):
    """Bits flipped in the constants only: a sound file of another model."""
    model = flatbuffer.unpack(whole)
    buffers = [
        model.buffers[tensor.buffer]
        for tensor in model.subgraphs[0].tensors
        if releases.dtypes()[tensor.type] in ("float32", "int8") and tensor.quantization
    ]
    buffers = [buffer for buffer in buffers if _size(buffer) > 16]
    for buffer in rng.sample(buffers, min(len(buffers), 3)):
        buffer.data = buffer.data.copy()
        buffer.data[rng.randrange(0, len(buffer.data), 4)] ^= 1 << rng.randrange(7)
    return flatbuffer.pack(model)


def stranger(rng, whole):
    """Another format under the wrong name."""
    head = rng.choice(list(STRANGERS.values()))
    return head + whole[: rng.randrange(64)] if head else b""


def hostile(field: str) -> Callable[[Random, bytes], bytes]:
    """Return a mutation that sets `field` (see FIELDS) of a sound file to senseless values."""

    def mutate(rng, whole):
        for _ in range(100):
            model = flatbuffer.unpack(whole)
            try:
                for _ in range(rng.choice([1, 1, 2, 3])):
                    FIELDS[field](rng, model, rng.choice(model.subgraphs))
                return flatbuffer.pack(model)
            except (TypeError, ValueError, OverflowError, IndexError, AttributeError, struct.error):
                pass  # FlatBuffers can't store this value, or there is no such field: draw again
        raise RuntimeError(f"No hostile {field} fits this file.")

    return mutate


def _size(buffer):
    return 0 if buffer.data is None else len(buffer.data)


def _poke(rng, values):
    """Return a copy of a list of integers with one changed, or one more or fewer."""
    values = list(values or [])
    at = rng.randrange(len(values) + 1)
    changed = values[:at] + [rng.choice(HOSTILE)] + values[at + 1 :]
    return rng.choice([changed, values[:at] + values[at + 1 :]])


def _shape(rng, model, graph):
    tensor = rng.choice(graph.tensors)
    tensor.shape = _poke(rng, tensor.shape)


def _buffer(rng, model, graph):
    numbers = [rng.randrange(len(model.buffers)), abs(rng.choice(HOSTILE))]
    rng.choice(graph.tensors).buffer = rng.choice(numbers)


def _dtype(rng, model, graph):
    rng.choice(graph.tensors).type = rng.randrange(24)


def _quantization(rng, model, graph):
    one = rng.choice([tensor.quantization for tensor in graph.tensors if tensor.quantization])
    field = rng.choice(["scale", "zeroPoint", "quantizedDimension", "none"])
    if field == "scale":
        one.scale = rng.choice([None, [rng.choice(HOSTILE_SCALES)] * max(1, len(one.scale or []))])
    elif field == "zeroPoint":
        one.zeroPoint = rng.choice([None, _poke(rng, one.zeroPoint)])
    elif field == "quantizedDimension":
        one.quantizedDimension = rng.choice(HOSTILE)
    else:
        one.scale = one.zeroPoint = None


def _wiring(rng, model, graph):
    op, tensors = rng.choice(graph.operators), len(graph.tensors)
    side = rng.choice(["inputs", "outputs"])
    values = list(getattr(op, side))
    new = [rng.randrange(tensors), rng.randrange(tensors), rng.choice(HOSTILE)]
    values[rng.randrange(len(values))] = rng.choice(new)
    setattr(op, side, rng.choice([values, values, values[:-1], values * 2]))


def _opcode(rng, model, graph):
    code = rng.choice(model.operatorCodes)
    field = rng.choice(["version", "builtinCode", "index"])
    if field == "version":
        code.version = rng.choice([0, 2, 5, 12, 99, 2**31 - 1])
    elif field == "builtinCode":
        code.builtinCode = rng.randrange(210)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    else:
        numbers = [rng.randrange(len(model.operatorCodes)), 99, 2**31]
        rng.choice(graph.operators).opcodeIndex = rng.choice(numbers)


def _options(rng, model, graph):
    """Strides of zero, paddings that do not exist, subgraphs that call themselves."""
    found = [op.builtinOptions for op in graph.operators if op.builtinOptions]
    options = rng.choice([one for one in found if vars(one)])
    numbers = [name for name, value in vars(options).items() if isinstance(value, (int, float))]
    setattr(options, rng.choice(numbers), rng.choice([rng.choice(HOSTILE), rng.randrange(4)]))


def _ends(rng, model, graph):
    side, twice = rng.choice(["inputs", "outputs"]), [rng.randrange(len(graph.tensors))] * 2
    setattr(graph, side, rng.choice([_poke(rng, getattr(graph, side)), twice]))


def _signature(rng, model, graph):
    one = rng.choice(model.signatureDefs)
    if rng.random() < 0.4:
        one.subgraphIndex = abs(rng.choice(HOSTILE))
    else:
        rng.choice(one.inputs + one.outputs).tensorIndex = abs(rng.choice(HOSTILE))


def _stored(rng, model, graph):
    buffer = rng.choice([buffer for buffer in model.buffers if _size(buffer)])
    size = len(buffer.data)
    random = np.frombuffer(rng.randbytes(size), np.uint8)
    buffer.data = np.array(rng.choice([buffer.data[: rng.randrange(size)], random]))


FIELDS = {
    "shape": _shape,
    "buffer": _buffer,
    "dtype": _dtype,
    "quantization": _quantization,
    "wiring": _wiring,
    "opcode": _opcode,
    "options": _options,
    "ends": _ends,
    "signature": _signature,
    "stored": _stored,
}
MUTATIONS = {
    "truncated": truncated,
    "bits flipped": bits_flipped,
    "offset spliced": offset_spliced,
    "wrong size": wrong_size,
    "weights changed": weights_changed,
    "another format": stranger,
    **{f"hostile {field}": hostile(field) for field in FIELDS},
}
