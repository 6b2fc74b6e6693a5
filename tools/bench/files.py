"""The one model of the benchmark, in every format that a candidate opens, in the course's cache."""

import functools
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

SIZE, CALIBRATION, CHECKED = 224, 100, 32
RECIPES = ("float32", "dynamic range", "float16", "full-integer with float I/O")


def images(count: int, seed: int) -> np.ndarray:
    """Return (count, 224, 224, 3) float32 in 0..1: seeded waves of colors, directions and grain.

    They differ from each other as whole images. Noise wouldn't: its average is always the same
    grey.
    """
    rng = np.random.default_rng(seed)
    along = np.linspace(-1, 1, SIZE, dtype=np.float32)[:, None, None]
    made = np.empty((count, SIZE, SIZE, 3), np.float32)
    for image in made:
        across, down = rng.normal(0, 15, 2) * rng.random()
        phase = rng.random(3) * 2 + rng.random() * 6.28
        wave = np.sin(across * along + down * along.swapaxes(0, 1) + phase)
        grain = rng.normal(0, 0.1 * rng.random(), image.shape)
        image[:] = np.clip(rng.random(3) + rng.random(3) / 2 * wave + grain, 0, 1)
    return made


def calibration() -> Iterator[list[np.ndarray]]:
    """Yield the calibration set of every quantizer, one [array (1, 224, 224, 3)] at a time."""
    for image in images(CALIBRATION, seed=1):
        yield [image[None]]


def network() -> Any:
    """Return MobileNetV2 1.0 at 224 pixels with seeded weights, whose scores depend on the image.

    As Keras makes it, it scores 0.001 for every class of every image. So each batch normalization
    gets the statistics of the images, and an offset that keeps most values off the bends of ReLU6:
    without it a random network of this depth magnifies every rounding until nothing can be
    compared. The last layer is scaled to spread its scores. What one image costs stays what it was.
    """
    import tf_keras

    tf_keras.utils.set_random_seed(0)
    made = tf_keras.applications.MobileNetV2(weights=None)
    for layer in made.layers:
        if isinstance(layer, tf_keras.layers.BatchNormalization):
            layer.momentum = 0.0
            if not layer.name.endswith("project_BN"):  # ReLU6 follows
                layer.beta.assign(layer.beta + 2.0)
    some = images(64, seed=1)
    made(some, training=True)
    features = tf_keras.Model(made.input, made.layers[-2].output)(some).numpy()
    weights, _ = made.layers[-1].get_weights()
    scores = features @ weights
    scale = 2 / scores.std(0).mean()
    made.layers[-1].set_weights([weights * scale, -scores.mean(0) * scale])
    return made


def tflite() -> dict[str, str]:
    """Return {file: path} of the SavedModel, its .tflite files and the images to compare with."""
    import tensorflow as tf

    from helpers import convert
    from helpers.course import cache

    key = hashlib.sha256(Path(__file__).read_bytes() + tf.__version__.encode()).hexdigest()
    folder = cache.folder("bench") / key[:12]
    if not folder.exists():
        made, module = network(), tf.Module()
        module.weights = made.variables
        module.f = tf.function(
            lambda images: {"probabilities": made(images, training=False)},
            input_signature=[tf.TensorSpec([None, SIZE, SIZE, 3], tf.float32, name="images")],
        )
        with cache.whole_folder(folder) as new:
            tf.saved_model.save(module, str(new / "saved_model"), signatures=module.f)
            np.save(new / "images.npy", images(CHECKED, seed=2))
    model = folder / "saved_model"
    files = {one: str(convert.convert_cached(model, one, calibration)) for one in RECIPES}
    return {"SavedModel": str(model), "images": str(folder / "images.npy"), **files}


def other(form: str, made: dict[str, str]) -> str:
    """Return the path of one of FORMS, made from those of `tflite` and earlier forms if missing."""
    folder = Path(made["SavedModel"]).with_name(form)
    name = "model.xml" if form == "nncf" else "model.onnx"
    if not folder.exists():
        with tempfile.TemporaryDirectory(dir=folder.parent) as work:
            new = Path(work, "new")
            new.mkdir()
            FORMS[form](made, str(new / name))
            new.rename(folder)
    return str(folder / name)


def onnx(made, path):
    """Write the SavedModel as ONNX with a fixed batch of 1, as the .tflite has."""
    import tensorflow as tf
    import tf2onnx

    loaded = tf.saved_model.load(made["SavedModel"])  # while it lives, its variables do
    serve = loaded.signatures["serving_default"]
    function = tf.function(lambda images: serve(images=images)["probabilities"])
    spec = [tf.TensorSpec([1, SIZE, SIZE, 3], tf.float32, name="images")]
    tf2onnx.convert.from_function(function, input_signature=spec, opset=18, output_path=path)


def onnx_int8(activations, weights, reduce_range, made, path):
    """Write the float ONNX quantized by ONNX Runtime: QDQ, per-channel, after its preprocessing."""
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(quantization.CalibrationDataReader):
        """Hands out the calibration set by the name of the model's input."""

        samples = calibration()

        def get_next(self):
            sample = next(self.samples, None)
            return sample and {"images": sample[0]}

    prepared = f"{path}.prepared"
    quant_pre_process(made["onnx"], prepared, skip_symbolic_shape=True)  # all shapes are fixed
    quantization.quantize_static(
        prepared,
        path,
        Reader(),
        quant_format=quantization.QuantFormat.QDQ,
        per_channel=True,
        reduce_range=reduce_range,
        activation_type=quantization.QuantType[activations],
        weight_type=quantization.QuantType[weights],
    )
    os.remove(prepared)


def onnx_of_tflite(made, path):
    """Write the int8 .tflite as ONNX, its integers kept."""
    import tf2onnx

    source = made["full-integer with float I/O"]
    tf2onnx.convert.from_tflite(source, opset=18, output_path=path)


def nncf(made, path):
    """Write the float .tflite quantized by NNCF, OpenVINO's own quantizer."""
    import nncf as quantizer
    import openvino

    samples = quantizer.Dataset([image for [image] in calibration()])
    source = openvino.Core().read_model(made["float32"])
    quantized = quantizer.quantize(source, samples, subset_size=CALIBRATION)
    openvino.save_model(quantized, path, compress_to_fp16=False)


FORMS = {  # what ONNX Runtime and OpenVINO open; for x86, ONNX Runtime's quantizer offers four
    "onnx": onnx,
    "onnx U8S8": functools.partial(onnx_int8, "QUInt8", "QInt8", False),
    "onnx S8S8": functools.partial(onnx_int8, "QInt8", "QInt8", False),
    "onnx U8U8": functools.partial(onnx_int8, "QUInt8", "QUInt8", False),
    "onnx U8S8 7 bit": functools.partial(onnx_int8, "QUInt8", "QInt8", True),
    "onnx of the .tflite": onnx_of_tflite,
    "nncf": nncf,
}
