"""The one model of the contest, in every file format that a contestant opens. Kept in the course's cache.

    python -m tools.bench.files tflite    in .venv: the SavedModel and the .tflite files
    python -m tools.bench.files onnx      in .venv-bench: what the other runtimes open, made from those

Each prints {form: path} as JSON. A file that exists is not made again.
"""

import contextlib
import hashlib
import importlib.metadata
import json
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

SIZE, CALIBRATION, CHECKED = 224, 100, 32
RECIPES = ("float32", "dynamic range", "float16", "full-integer with float I/O")
# ONNX Runtime's own choices for x86: activations of either sign, weights of either sign, 7 bits instead of 8.
QUANTIZED = {
    "U8S8": ("U", "", False),
    "S8S8": ("", "", False),
    "U8U8": ("U", "U", False),
    "U8S8 7 bit": ("U", "", True),
}


def pictures(count, seed):
    """Return (count, 224, 224, 3) float32 in 0..1: seeded waves of random colours, directions and grain.

    They differ from each other as whole pictures. Noise would not: its average is always the same grey.
    """
    rng = np.random.default_rng(seed)
    along = np.linspace(-1, 1, SIZE, dtype=np.float32)[:, None, None]
    made = np.empty((count, SIZE, SIZE, 3), np.float32)
    for picture in made:
        across, down = rng.normal(0, 15, 2) * rng.random()
        phase = rng.random(3) * 2 + rng.random() * 6.28
        wave = np.sin(across * along + down * along.swapaxes(0, 1) + phase)
        grain = rng.normal(0, 0.1 * rng.random(), picture.shape)
        picture[:] = np.clip(rng.random(3) + rng.random(3) / 2 * wave + grain, 0, 1)
    return made


def calibration():
    """Yield the samples that every quantizer is calibrated with, one [array (1, 224, 224, 3)] at a time."""
    for picture in pictures(CALIBRATION, seed=1):
        yield [picture[None]]


def network():
    """Return MobileNetV2 1.0 at 224 pixels with seeded weights, whose answers depend on the picture.

    As Keras makes it, it answers 0.001 for every class of every picture. So each batch normalization gets the
    statistics of the pictures, and an offset that keeps most values off the bends of ReLU6: without it a random
    network of this depth magnifies every rounding until nothing can be compared. The last layer is scaled to spread
    its scores. What one picture costs stays what it was.
    """
    import tf_keras

    tf_keras.utils.set_random_seed(0)
    made = tf_keras.applications.MobileNetV2(weights=None)
    for layer in made.layers:
        if isinstance(layer, tf_keras.layers.BatchNormalization):
            layer.momentum = 0.0
            if not layer.name.endswith("project_BN"):  # ReLU6 follows
                layer.beta.assign(layer.beta + 2.0)
    some = pictures(64, seed=1)
    made(some, training=True)
    features = tf_keras.Model(made.input, made.layers[-2].output)(some).numpy()
    weights, _ = made.layers[-1].get_weights()
    scores = features @ weights
    scale = 2 / scores.std(0).mean()
    made.layers[-1].set_weights([weights * scale, -scores.mean(0) * scale])
    return made


def saved_model(folder):
    """Return the SavedModel's folder in `folder`, saved only if it is missing."""
    import tensorflow as tf

    target = folder / "saved_model"
    if not target.exists():
        made, module = network(), tf.Module()
        module.weights = made.variables
        module.f = tf.function(
            lambda images: {"probabilities": made(images, training=False)},
            input_signature=[tf.TensorSpec([None, SIZE, SIZE, 3], tf.float32, name="images")],
        )
        part = tempfile.mkdtemp(dir=folder)
        tf.saved_model.save(module, part, signatures=module.f)
        os.replace(part, target)
    return target


def tflite():
    """Return {form: path} of the SavedModel and its .tflite files."""
    from helpers import convert
    from helpers.course import cache

    key = hashlib.sha256(
        Path(__file__).read_bytes() + importlib.metadata.version("tensorflow").encode()
    )
    folder = cache.folder(f"bench-{key.hexdigest()[:12]}")
    model = saved_model(folder)
    made = {"SavedModel": str(model)}
    for recipe in RECIPES:
        made[recipe] = str(convert.convert_cached(model, recipe, calibration))
    check = folder / "check.npy"
    if not check.exists():
        np.save(folder / "check.part.npy", pictures(CHECKED, seed=2))
        os.replace(folder / "check.part.npy", check)
    return {**made, "check": str(check)}


def onnx(made):
    """Return {form: path} of what ONNX Runtime and OpenVINO open, made from `made`; a form that fails says why."""
    folder = Path(made["SavedModel"]).parent
    forms = {
        "onnx": lambda path: onnx_float32(made["SavedModel"], path),
        **{
            f"onnx {name}": lambda path, n=name: onnx_int8(
                folder / "onnx.onnx", path, *QUANTIZED[n]
            )
            for name in QUANTIZED
        },
        "onnx of tflite": lambda path: onnx_of_tflite(made["full-integer with float I/O"], path),
        "nncf": lambda path: nncf(made["float32"], path),
    }
    done = {}
    for form, make in forms.items():
        path = folder / f"{form.replace(' ', '_')}{'.xml' if form == 'nncf' else '.onnx'}"
        try:
            if not path.exists():
                whole(make, path)
            done[form] = str(path)
        except (
            Exception
        ) as error:  # one that cannot be made is reported in the table, like one that cannot be run
            done[form] = {
                "error": f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200]}"
            }
    return done


def whole(make, path):
    """Let `make` write to another name, then rename: the weights first, the file that is looked for last."""
    with tempfile.TemporaryDirectory(dir=path.parent) as part:
        make(str(Path(part, path.name)))
        for written in sorted(Path(part).iterdir(), key=lambda found: found.name == path.name):
            os.replace(written, path.parent / written.name)


def onnx_float32(model, path):
    """Write the SavedModel as ONNX with a fixed batch of 1, as the .tflite has."""
    import tensorflow as tf
    import tf2onnx

    loaded = tf.saved_model.load(model)
    serve = loaded.signatures["serving_default"]
    function = tf.function(lambda images: serve(images=images)["probabilities"])
    spec = [tf.TensorSpec([1, SIZE, SIZE, 3], tf.float32, name="images")]
    tf2onnx.convert.from_function(function, input_signature=spec, opset=18, output_path=path)


def onnx_int8(source, path, activations, weights, reduce_range):
    """Write the float ONNX quantized by ONNX Runtime's tools: QDQ, per channel, after their preprocessing."""
    from onnxruntime import quantization as tools
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(tools.CalibrationDataReader):
        """Hands out the calibration pictures by the name of the model's input."""

        samples = calibration()

        def get_next(self):
            sample = next(self.samples, None)
            return sample and {"images": sample[0]}

    prepared = f"{path}.prepared"
    quant_pre_process(
        str(source), prepared, skip_symbolic_shape=True
    )  # all shapes are fixed already
    tools.quantize_static(
        *(prepared, path, Reader()),
        quant_format=tools.QuantFormat.QDQ,
        per_channel=True,
        reduce_range=reduce_range,
        activation_type=tools.QuantType[f"Q{activations}Int8"],
        weight_type=tools.QuantType[f"Q{weights}Int8"],
    )
    os.remove(prepared)


def onnx_of_tflite(source, path):
    """Write the int8 .tflite as ONNX, its integers kept."""
    import tf2onnx

    tf2onnx.convert.from_tflite(source, opset=18, output_path=path)


def nncf(source, path):
    """Write the float .tflite quantized by NNCF, OpenVINO's own quantizer."""
    import nncf as quantizer
    import openvino

    samples = quantizer.Dataset([picture for [picture] in calibration()])
    quantized = quantizer.quantize(
        openvino.Core().read_model(source), samples, subset_size=CALIBRATION
    )
    openvino.save_model(quantized, path, compress_to_fp16=False)


if __name__ == "__main__":
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_USE_LEGACY_KERAS="1")
    with contextlib.redirect_stdout(sys.stderr):
        made = tflite() if sys.argv[1] == "tflite" else onnx(json.loads(sys.argv[2]))
    print(json.dumps(made))
