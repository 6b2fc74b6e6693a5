"""Ways to damage a .tflite, from a download that broke off to a sound file with senseless fields. Used by tools.fuzz.

Each way is a function of a random.Random and the bytes of a whole file, and returns bytes.
"""

import copy
import subprocess
import sys
import tempfile
from pathlib import Path

import flatbuffers
import numpy as np

from helpers import tinyhub
from helpers.course import cache
from hub_to_tflite.file import flatbuffer

ROOT = Path(__file__).resolve().parents[2]
HOSTILE = [-(2**31), -129, -2, -1, 0, 1, 2, 3, 7, 100, 255, 2**15, 2**20, 2**31 - 1]
HOSTILE_SCALES = [0.0, -1.0, 1e-38, 1e38, float("inf"), float("nan")]
STRANGERS = {
    "page": b"<!DOCTYPE html>\n<html><title>403 Forbidden</title></html>",
    "pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:"
    + b"0" * 64
    + b"\nsize 562728\n",
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


def bases():
    """Return {name: bytes} of whole .tflite files: the hub's, and small ones, converted once and kept."""
    folder = cache.folder("fuzz")
    names = ["int8", "loop"]
    if not all((folder / f"{name}.tflite").exists() for name in names):
        # In a process of its own, which gives TensorFlow's memory back.
        subprocess.run(
            [sys.executable, "-m", "tools.fuzz.mutations"],
            cwd=ROOT,
            check=True,
            stderr=subprocess.DEVNULL,
        )
    small = {name: (folder / f"{name}.tflite").read_bytes() for name in names}
    return {
        "hub": (tinyhub.EMBEDDED / "digits/mobilenet_v2/classification/1.tflite").read_bytes(),
        **small,
    }


def make_bases():
    """Convert the small models: a picture classifier in int8, and a loop with two signatures and three subgraphs."""
    import tensorflow as tf

    from helpers import convert

    tf.random.set_seed(0)

    class Pictures(tf.Module):
        def __init__(self):
            self.kernel = tf.Variable(tf.random.normal([3, 3, 1, 4]))
            self.weight = tf.Variable(tf.random.normal([64, 3]))

        @tf.function(input_signature=[tf.TensorSpec([1, 8, 8, 1], tf.float32)])
        def __call__(self, picture):
            hidden = tf.nn.relu6(tf.nn.conv2d(picture, self.kernel, 2, "SAME"))
            hidden = tf.nn.max_pool2d(hidden, 2, 1, "SAME") + hidden
            return tf.nn.softmax(tf.matmul(tf.reshape(hidden, [1, 64]), self.weight))

    class Loop(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([4], tf.float32), tf.TensorSpec([], tf.int32)])
        def double(self, values, times):
            going = lambda step, _: step < times + 3  # noqa: E731
            return tf.while_loop(
                going,
                lambda step, now: (step + 1, tf.concat([now[1:], now[:1]], 0) * 2.0),
                [0, values],
            )

        @tf.function(
            input_signature=[tf.TensorSpec([None, 4], tf.float32), tf.TensorSpec([2], tf.int32)]
        )
        def pick(self, values, rows):
            return tf.reduce_sum(tf.gather(values, rows), 0) / tf.cast(
                tf.shape(values)[0], tf.float32
            )

    noise = np.random.default_rng(0)
    pictures, loop = Pictures(), Loop()
    for name, module, signatures, recipe in [
        ("int8", pictures, {"serving_default": pictures.__call__}, "int8"),
        ("loop", loop, {"double": loop.double, "pick": loop.pick}, "float32"),
    ]:
        with tempfile.TemporaryDirectory() as saved_model:
            tf.saved_model.save(module, saved_model, signatures)
            samples = lambda: ([noise.random((1, 8, 8, 1), np.float32)] for _ in range(20))  # noqa: E731
            content = convert.convert(saved_model, recipe, samples if recipe == "int8" else None)
        cache.write(cache.folder("fuzz") / f"{name}.tflite", content)


def packed(model):
    """Return the bytes of a .tflite for a ModelT."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


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
    """One to three offsets or numbers of four bytes replaced, most in the first kilobyte or the last tenth."""
    damaged = bytearray(whole)
    for _ in range(rng.randint(1, 3)):
        at = rng.choice(
            [
                rng.randrange(min(len(whole) - 4, 1024)),
                rng.randrange(len(whole) * 9 // 10, len(whole) - 4),
            ]
        )
        value = rng.choice(
            [0, 1, 4, 2**31, 2**32 - 1, len(whole), rng.randrange(len(whole)), rng.randrange(2**32)]
        )
        damaged[at // 4 * 4 : at // 4 * 4 + 4] = value.to_bytes(4, "little")
    return bytes(damaged)


def wrong_size(rng, whole):
    """A piece left out, doubled, zeroed or put in."""
    at, length = rng.randrange(8, len(whole)), rng.choice([1, 4, 16, 512, 4096])
    piece = whole[at : at + length]
    return (
        whole[:at]
        + rng.choice([b"", piece * 2, bytes(len(piece)), rng.randbytes(length) + piece])
        + whole[at + length :]
    )


def weights_changed(rng, whole):
    """Bits flipped in the constants only: a sound file of another model."""
    model = flatbuffer.unpack(whole)
    graph = model.subgraphs[0]
    typed = [
        t
        for t in graph.tensors
        if flatbuffer.DTYPES[t.type] in ("float32", "int8") and t.quantization
    ]
    data = [
        model.buffers[t.buffer]
        for t in typed
        if len(flatbuffer._list(model.buffers[t.buffer].data)) > 16
    ]
    for buffer in rng.sample(data, min(len(data), 3)):
        buffer.data = buffer.data.copy()
        buffer.data[rng.randrange(0, len(buffer.data), 4)] ^= 1 << rng.randrange(7)
    return packed(model)


def stranger(rng, whole):
    """Another format under the wrong name."""
    kind = rng.choice(list(STRANGERS))
    return STRANGERS[kind] + (whole[: rng.randrange(64)] if STRANGERS[kind] else b"")


def hostile(field):
    """Return a mutation that sets `field` (see FIELDS) of a sound file to senseless values and packs it again."""

    def mutate(rng, whole):
        for _ in range(100):
            model = copy.deepcopy(flatbuffer.unpack(whole))
            try:
                for _ in range(rng.choice([1, 1, 2, 3])):
                    FIELDS[field](rng, model, rng.choice(model.subgraphs))
                return packed(model)
            except (TypeError, ValueError, OverflowError, IndexError, AttributeError):
                pass  # a value that FlatBuffers cannot store in this field, or no such field here: draw again
        raise RuntimeError(f"No hostile {field} fits this file.")

    mutate.__name__ = f"hostile_{field}"
    return mutate


def _poke(rng, values):
    """Return a copy of a list of whole numbers with one changed, or one more or fewer."""
    values = [int(value) for value in flatbuffer._list(values)]
    at = rng.randrange(len(values) + 1)
    return rng.choice(
        [values[:at] + [rng.choice(HOSTILE)] + values[at + 1 :], values[:at] + values[at + 1 :]]
    )


def _shape(rng, model, graph):
    tensor = rng.choice(graph.tensors)
    tensor.shape = _poke(rng, tensor.shape)


def _buffer(rng, model, graph):
    rng.choice(graph.tensors).buffer = rng.choice(
        [rng.randrange(len(model.buffers)), abs(rng.choice(HOSTILE))]
    )


def _dtype(rng, model, graph):
    rng.choice(graph.tensors).type = rng.randrange(24)


def _quantization(rng, model, graph):
    quantization = rng.choice(
        [tensor for tensor in graph.tensors if tensor.quantization]
    ).quantization
    field = rng.choice(["scale", "zeroPoint", "quantizedDimension", "none"])
    if field == "scale":
        quantization.scale = rng.choice(
            [None, [rng.choice(HOSTILE_SCALES)] * max(1, len(flatbuffer._list(quantization.scale)))]
        )
    elif field == "zeroPoint":
        quantization.zeroPoint = rng.choice([None, _poke(rng, quantization.zeroPoint)])
    elif field == "quantizedDimension":
        quantization.quantizedDimension = rng.choice(HOSTILE)
    else:
        quantization.scale = quantization.zeroPoint = None


def _wiring(rng, model, graph):
    op, tensors = rng.choice(graph.operators), len(graph.tensors)
    side = rng.choice(["inputs", "outputs"])
    values = [int(value) for value in getattr(op, side)]
    values[rng.randrange(len(values))] = rng.choice(
        [rng.randrange(tensors), rng.randrange(tensors), rng.choice(HOSTILE)]
    )
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
        rng.choice(graph.operators).opcodeIndex = rng.choice(
            [rng.randrange(len(model.operatorCodes)), 99, 2**31]
        )


def _options(rng, model, graph):
    """Strides of zero, paddings that do not exist, subgraphs that call themselves."""
    options = rng.choice(
        [
            op.builtinOptions
            for op in graph.operators
            if op.builtinOptions and vars(op.builtinOptions)
        ]
    )
    name = rng.choice(
        [name for name, value in vars(options).items() if isinstance(value, (int, float))]
    )
    setattr(options, name, rng.choice([rng.choice(HOSTILE), rng.randrange(4)]))


def _ends(rng, model, graph):
    side = rng.choice(["inputs", "outputs"])
    setattr(
        graph,
        side,
        rng.choice([_poke(rng, getattr(graph, side)), [rng.randrange(len(graph.tensors))] * 2]),
    )


def _signature(rng, model, graph):
    one = rng.choice(model.signatureDefs)
    if rng.random() < 0.4:
        one.subgraphIndex = abs(rng.choice(HOSTILE))
    else:
        rng.choice(one.inputs + one.outputs).tensorIndex = abs(rng.choice(HOSTILE))


def _stored(rng, model, graph):
    buffer = rng.choice([buffer for buffer in model.buffers if len(flatbuffer._list(buffer.data))])
    data = rng.choice(
        [
            buffer.data[: rng.randrange(len(buffer.data))],
            np.frombuffer(rng.randbytes(len(buffer.data)), np.uint8),
        ]
    )
    buffer.data = np.array(data)


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
WAYS = {
    "truncated": truncated,
    "bits flipped": bits_flipped,
    "offset spliced": offset_spliced,
    "wrong size": wrong_size,
    "weights changed": weights_changed,
    "another format": stranger,
    **{f"hostile {field}": hostile(field) for field in FIELDS},
}


if __name__ == "__main__":
    make_bases()
