"""The page's models: the embedded classifier as .tflite files with a batch of 1."""

import hashlib
from importlib.metadata import version
from pathlib import Path

from helpers import digits, handles, tinyhub
from helpers.course import cache
from hub_to_tflite import sandbox
from hub_to_tflite.file import flatbuffer, metadata

# {recipe: the file's name in the page}
MODELS = {"float32": "float32.tflite", "full-integer with float I/O": "int8.tflite"}
SCORES = "one score for each digit; softmax turns them into probabilities"


def convert() -> dict[str, Path]:
    """Return {file name: Path} of the embedded classifier, one file for each recipe of MODELS.

    The batch is 1, since LiteRT.js takes no dynamic batch. The files are converted in another
    process, which gives TensorFlow's memory back when it ends, and kept in the course's cache.
    """
    files = [Path(__file__), Path(metadata.__file__), digits.FILE]
    content = b"".join(path.read_bytes() for path in files)
    decisive = f"{tinyhub.digest()} {version('tensorflow')}".encode() + content
    key = hashlib.sha256(decisive).hexdigest()[:16]
    models = {file: cache.folder("tflite") / f"web-{key}-{file}" for file in MODELS.values()}
    if not all(path.exists() for path in models.values()):
        for file, content in sandbox.call(_convert).items():
            cache.write(models[file], content)
    return models


def _convert():
    """Convert the classifier by each recipe; for a sandbox, where TensorFlow is loaded."""
    import tensorflow as tf

    saved_model = handles.fetch(handles.locate(handles.DEFAULT))
    model = tf.saved_model.load(str(saved_model))
    serve = model.signatures["serving_default"]
    [(name, spec)] = serve.structured_input_signature[1].items()
    one = tf.TensorSpec([1, *spec.shape[1:]], spec.dtype, name=name)
    call = tf.function(lambda image: serve(**{name: image}), input_signature=[one])
    function = call.get_concrete_function()
    labels = Path(saved_model, "assets", "labels.txt").read_text(encoding="utf-8").split()
    files = {}
    for recipe, file in MODELS.items():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function], model)
        if recipe != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = digits.representative(tuple(spec.shape))
        content = converter.convert()
        found = flatbuffer.read(content)
        files[file] = metadata.pack(
            content,
            name=f"Handwritten digits, {recipe}",
            inputs={found.inputs[0].name: "an image, RGB in [0, 1], light strokes on black"},
            outputs={found.outputs[0].name: SCORES},
            labels=labels,
            value_range=(0, 1),
            contract={"range": [0, 1], "channels": "RGB"},
        )
    return files
