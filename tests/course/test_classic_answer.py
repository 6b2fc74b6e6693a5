"""The well-known answer to "Why can't I open a .tflite file from TensorFlow Hub?", tried.

A page with this title, dated 2025-01-30, answers with three snippets. They are here as written
there, but for the address: a test has no network, so a hub on this machine serves another model of
the same shape, 224 x 224 x 3 to 1,001 scores. 01_why_wont_it_open says what came out.
"""

import shutil
import warnings

import numpy as np
import pytest

from helpers import interpreter, tinyhub
from hub_to_tflite.file import flatbuffer

ADDRESS = "https://tfhub.dev/google/tf2-preview/mobilenet_v2/classification/4"

LOAD = """
import tensorflow as tf
import tensorflow_hub as hub

# Load a MobileNet V2 model from TensorFlow Hub
model_url = "https://tfhub.dev/google/tf2-preview/mobilenet_v2/classification/4"
model = hub.KerasLayer(model_url)

# Example input data (a single image)
example_image = tf.random.normal(shape=(1, 224, 224, 3))
output = model(example_image)

print("Model output shape:", output.shape)

# No direct tflite file here
print("Model object is:", type(model))
"""

CONVERT = """
import tensorflow as tf
import tensorflow_hub as hub

# Load the MobileNet v2 model
model_url = "https://tfhub.dev/google/tf2-preview/mobilenet_v2/classification/4"
model = hub.KerasLayer(model_url)

# Create a concrete function with a defined input signature. This step ensures
# correct signature definition for the tflite conversion.
concrete_func = tf.function(lambda input: model(input))
input_shape = tf.TensorSpec(shape=[1,224,224,3], dtype=tf.float32)
concrete_func = concrete_func.get_concrete_function(input_shape)

# Convert the SavedModel to a TFLite model
converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete_func])

# Optionally optimize the model for size and speed
converter.optimizations = [tf.lite.Optimize.DEFAULT]
tflite_model = converter.convert()

# Save the TFLite model to disk
with open("mobilenet_v2.tflite", "wb") as f:
  f.write(tflite_model)

print("TFLite model saved to mobilenet_v2.tflite")

# No direct tflite file from Hub, but created locally
"""

RUN = """
import tensorflow as tf
import numpy as np

# Load the TFLite model
interpreter = tf.lite.Interpreter(model_path="mobilenet_v2.tflite")
interpreter.allocate_tensors()

# Get input and output tensors
input_details = interpreter.get_input_details()
output_details = interpreter.get_output_details()

# Prepare sample input data
input_shape = input_details[0]['shape']
input_data = np.array(np.random.random_sample(input_shape), dtype=np.float32)

# Set the input tensor
interpreter.set_tensor(input_details[0]['index'], input_data)

# Run inference
interpreter.invoke()

# Get output tensor
output_data = interpreter.get_tensor(output_details[0]['index'])

print("Inference complete. Output shape:", output_data.shape)

# Now using the .tflite file
"""


def published(folder, scale):
    """Save a small model of the page's shape, pack it as a hub does; its weights are x `scale`."""
    import tensorflow as tf

    class Classifier(tf.Module):
        def __init__(self):
            weights = np.random.default_rng(0).normal(size=(3, 1001))
            self.weights = tf.Variable(np.float32(scale * weights))

        @tf.function(input_signature=[tf.TensorSpec((None, 224, 224, 3))])
        def __call__(self, images):
            return tf.reduce_mean(images, (1, 2)) @ self.weights

    tf.saved_model.save(Classifier(), str(folder / "saved_model"))
    (folder / "hub" / "classifier").mkdir(parents=True)
    shutil.make_archive(folder / "hub" / "classifier" / "1", "gztar", folder / "saved_model")


@pytest.fixture
def scale():
    """Return the factor of the model's weights."""
    return 1


@pytest.fixture
def snippet(scale, tmp_path, monkeypatch, own_cache, capsys):
    """Return a function that runs a snippet and returns what it printed, and its names."""
    published(tmp_path, scale)
    address = tinyhub.serve(tmp_path / "hub", ports=[0]) + "/classifier/1"
    monkeypatch.chdir(tmp_path)

    def run(source):
        names = {}
        capsys.readouterr()
        exec(source.replace(ADDRESS, address), names)
        return capsys.readouterr().out, names

    return run


def test_the_first_snippet_loads_a_layer_which_says_nothing_about_tflite(snippet):
    said, names = snippet(LOAD)
    assert "Model output shape: (1, 1001)" in said
    assert "KerasLayer" in said.splitlines()[-1]
    from tensorflow_hub import compressed_module_resolver

    # Whatever a hub has, this is all that the library asks it for.
    resolver = compressed_module_resolver.HttpCompressedFileResolver()
    asked = resolver._append_compressed_format_query(names["model_url"])
    assert asked == names["model_url"] + "?tf-hub-format=compressed"


def test_the_second_snippet_converts_to_a_file_without_a_signature(snippet, tmp_path):
    said, _ = snippet(CONVERT)
    assert said.splitlines()[-1] == "TFLite model saved to mobilenet_v2.tflite"
    found = flatbuffer.read((tmp_path / "mobilenet_v2.tflite").read_bytes())
    assert not found.signatures
    with pytest.raises(ValueError, match="[Ss]ignature"):
        opened = interpreter.load(tmp_path / "mobilenet_v2.tflite")
        opened.get_signature_runner("serving_default")


@pytest.mark.parametrize("scale", [1, 0])
def test_the_third_snippet_prints_the_same_for_a_model_whose_weights_are_zero(snippet, scale):
    snippet(CONVERT)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        said, names = snippet(RUN)
    assert said.splitlines()[-1] == "Inference complete. Output shape: (1, 1001)"
    assert any("LiteRT interpreter" in str(one.message) for one in caught)
    assert names["output_data"].any() == (scale != 0)  # the printed shape can't show it
