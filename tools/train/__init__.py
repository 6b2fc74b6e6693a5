"""Training of the embedded models. TensorFlow reads this variable when it is imported."""

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # tensorflow_hub's KerasLayer belongs to Keras 2
