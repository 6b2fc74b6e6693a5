"""Training of the embedded models. TensorFlow and Keras read these variables when they're imported.

A model here is trained by its own module, and published under `hub/` by `publish`: `make models`.
Seeds are fixed, and archives are written without times, owners or random numbers. So the same
machine and the same versions give the same weights and, but for the exam, the same bytes.
"""

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # tensorflow_hub's KerasLayer belongs to Keras 2
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
