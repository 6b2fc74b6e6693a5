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

INTEGERS = [-(2**31), -129, -2, -1, 0, 1, 2, 3, 7, 12, 99, 100, 255, 2**15, 2**20, 2**31 - 1, 2**31]
FLOATS = [0.0, -1.0, 1e-38, 1e38, float("inf"), float("nan")]
STRANGERS = [
    b"<!DOCTYPE html>\n<html><title>403 Forbidden</title></html>",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 562728\n",
    b"\x1f\x8b\x08" + bytes(40),  # gzip
    b"PK\x03\x04" + bytes(40),  # zip
    b"\x89HDF\r\n\x1a\n" + bytes(80),
    b"\x08\x01\x12\x2a" + bytes(40),  # saved_model.pb
    b"\x08\x0a\x12\x07pytorch\x1a\x052.9.0",  # ONNX
    b"",
    b"\x1c\x00\x00\x00TFL3",
    b"\x1c\x00\x00\x00TFL3" + bytes(range(256)) * 4,
    b"the model is on the other disk\n",
]


@lru_cache
def bases() -> dict[str, bytes]:
    """Return {name: bytes} of whole .tflite files: the hub's, and small ones, converted once."""
    paths = {name: cache.folder("fuzz") / f"{name}.tflite" for name in ("int8", "loop")}
    if not all(path.exists() for path in paths.values()):
        for name, content in sandbox.call(_convert).items():
            cache.write(paths[name], content)
    paths = {"hub": tinyhub.EMBEDDED / "digits/mobilenet_v2/classification/1.tflite", **paths}
    return {name: path.read_bytes() for name, path in paths.items()}


def _convert():
    """Return {name: bytes}: an image classifier in int8, and a loop with two signatures."""
    import tensorflow as tf

    from helpers import convert

    tf.random.set_seed(0)
    kernel = tf.Variable(tf.random.normal([3, 3, 1, 4]))
    weight = tf.Variable(tf.random.normal([64, 3]))

    @tf.function(input_signature=[tf.TensorSpec([1, 8, 8, 1])])
    def classify(image):
        hidden = tf.nn.relu6(tf.nn.conv2d(image, kernel, 2, "SAME"))
        hidden = tf.nn.max_pool2d(hidden, 2, 1, "SAME") + hidden
        return tf.nn.softmax(tf.matmul(tf.reshape(hidden, [1, 64]), weight))

    @tf.function(input_signature=[tf.TensorSpec([4]), tf.TensorSpec([], tf.int32)])
    def double(values, times):
        return tf.while_loop(
            lambda step, _: step < times + 3,
            lambda step, now: (step + 1, tf.concat([now[1:], now[:1]], 0) * 2.0),
            [0, values],
        )

    @tf.function(input_signature=[tf.TensorSpec([None, 4]), tf.TensorSpec([2], tf.int32)])
    def pick(values, rows):
        count = tf.cast(tf.shape(values)[0], tf.float32)
        return tf.reduce_sum(tf.gather(values, rows), 0) / count

    def samples():
        noise = np.random.default_rng(0)
        return ([noise.random((1, 8, 8, 1), np.float32)] for _ in range(20))

    module = tf.Module()
    module.variables_ = [kernel, weight]
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, f"{folder}/int8", {"serving_default": classify})
        tf.saved_model.save(module, f"{folder}/loop", {"double": double, "pick": pick})
        int8 = convert.convert(f"{folder}/int8", "int8", samples)
        return {"int8": int8, "loop": convert.convert(f"{folder}/loop")}


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
        if releases.table()["dtypes"][tensor.type] in ("float32", "int8") and tensor.quantization
    ]
    buffers = [one for one in buffers if one.data is not None and len(one.data) > 16]
    for buffer in rng.sample(buffers, min(len(buffers), 3)):
        buffer.data = buffer.data.copy()
        buffer.data[rng.randrange(0, len(buffer.data), 4)] ^= 1 << rng.randrange(7)
    return flatbuffer.pack(model)


def another_format(rng, whole):
    """Another format under the wrong name."""
    head = rng.choice(STRANGERS)
    return head + whole[: rng.randrange(64)] if head else b""


def hostile(kind: str) -> Callable[[Random, bytes], bytes]:
    """Return a mutation that gives fields of a sound file's `kind` of table senseless values."""

    def mutate(rng, whole):
        for _ in range(100):
            model = flatbuffer.unpack(whole)
            tables = [one for one in _tables(model) if type(one).__name__.endswith(f"{kind}T")]
            if not tables:  # such as options, of another base
                return bits_flipped(rng, whole)
            try:
                for _ in range(rng.choice([1, 1, 2, 3])):
                    table = rng.choice(tables)
                    fields = {name: one for name, one in vars(table).items() if one is not None}
                    field, value = rng.choice(list(fields.items()))
                    setattr(table, field, _senseless(rng, value))
                return flatbuffer.pack(model)
            except (TypeError, ValueError, OverflowError, AttributeError, IndexError, struct.error):
                pass  # FlatBuffers can't store this value, or there is no field: draw again
        raise RuntimeError(f"No hostile {kind} fits this file.")

    return mutate


def _tables(table):
    """Yield a table of a ModelT and all below it."""
    yield table
    for value in vars(table).values():
        for one in value if isinstance(value, list) else [value]:
            if hasattr(one, "__dict__"):
                yield from _tables(one)


def _senseless(rng, value):
    """Return another value of the type that a field has."""
    if isinstance(value, (float, int)):
        return rng.choice(FLOATS if isinstance(value, float) else [*INTEGERS, rng.randrange(24)])
    if isinstance(value, bytes):
        return rng.choice([None, b"", b"\xff\xfe"])
    if isinstance(value, np.ndarray):
        random = np.frombuffer(rng.randbytes(len(value)), np.uint8)
        return np.array(rng.choice([value[: rng.randrange(len(value))], random]))
    if not isinstance(value, list):
        return None
    at = rng.randrange(len(value) + 1)
    rest = value[at + 1 :]
    if hasattr((value or [0])[0], "__dict__"):  # of tables: leave one out, or repeat one
        return value[:at] + rng.choice([rest, [rng.choice(value), *rest]])
    new = _senseless(rng, value[at] if at < len(value) else 0)
    return rng.choice([value[:at] + rest, value[:at] + [new] + rest, value * 2, None])


KINDS = ["Tensor", "QuantizationParameters", "Operator", "OperatorCode", "Options", "SubGraph"]
KINDS += ["SignatureDef", "TensorMap", "Buffer", "Model"]
PLAIN = [truncated, bits_flipped, offset_spliced, wrong_size, weights_changed, another_format]
MUTATIONS = {function.__name__.replace("_", " "): function for function in PLAIN}
MUTATIONS |= {f"hostile {kind}": hostile(kind) for kind in KINDS}
