"""A converter set up for each recipe, and the questions that it does not ask. Repeats what 06_quantize teaches.

The converter calibrates with whatever it is given: nothing at all makes a float file without a word, and a
wrong array ends in a message about a node in the graph. So what it is given is looked at first.
"""

import hashlib
import re
from pathlib import Path

import numpy as np

RECIPES = ("float32", "dynamic range", "float16", "int8, float io", "int8", "int16x8")
CALIBRATED = ("int8, float io", "int8", "int16x8")  # these need a representative dataset


class RecipeError(ValueError):
    """A recipe that cannot be followed. The message says what is wrong, what was found, what to do."""


def check(recipe, representative=None, inputs=None):
    """Return the digest (hex) of what decides the file: the recipe's name and the representative samples.

    `representative` is a function without arguments that yields, for each sample, a list with one array (1, ...)
    for the model's one input, or a dictionary {input name: array}. `inputs` is {name: (dtype, shape)} as
    `inputs_of` returns it. Recipes in CALIBRATED need both, others ignore them. Raises RecipeError.
    """
    if recipe not in RECIPES:
        raise RecipeError(f"There is no recipe {recipe!r}. Use one of: {'; '.join(RECIPES)}.")
    digest = hashlib.sha256(recipe.encode())
    if recipe not in CALIBRATED:
        return digest.hexdigest()
    if representative is None:
        raise RecipeError(
            f"The recipe {recipe!r} needs a representative dataset, to see which values flow through the model. "
            "Found: none. Give a function that yields about 100 real inputs, each as [array]."
        )
    if not callable(representative):
        raise RecipeError(
            "A representative dataset is a function, which the converter calls when it needs the samples. "
            f"Found: {_a(representative)}. Pass the function's name, without calling it."
        )
    samples = representative()
    if not hasattr(samples, "__iter__"):
        raise RecipeError(
            f"A representative dataset yields samples. Found: it returned {_a(samples)}. Use yield in the function."
        )
    count = 0
    for count, sample in enumerate(samples, start=1):
        for name, value in _named(sample, inputs, count).items():
            _fits(name, value, *inputs[name], count)
            digest.update(f"{name} {value.shape}".encode() + value.tobytes())
    if not count:
        raise RecipeError(
            "The representative dataset yields nothing, and the converter would make a float file without a word. "
            "Found: 0 samples. If the function reads from an iterator, that may be used up: make a new one in it."
        )
    return digest.hexdigest()


def converter(saved_model, recipe, representative=None):
    """Return a tf.lite.TFLiteConverter for a SavedModel folder, set up for `recipe`, not yet run.

    For `representative` see `check`, which is to be asked first.
    """
    import tensorflow as tf

    made = tf.lite.TFLiteConverter.from_saved_model(str(saved_model))
    if recipe != "float32":
        made.optimizations = [tf.lite.Optimize.DEFAULT]
    if recipe == "float16":
        made.target_spec.supported_types = [tf.float16]
    if recipe in CALIBRATED:
        made.representative_dataset = representative
    if recipe == "int8":
        made.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        made.inference_input_type = made.inference_output_type = tf.int8
    if recipe == "int16x8":
        # Weights of 8 bits, activations of 16.
        made.target_spec.supported_ops = [
            tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        ]
    return made


def convert(saved_model, recipe, representative=None):
    """Return the .tflite of a SavedModel folder, as bytes.

    Raises RecipeError where the model has an op that the recipe cannot take, else what the converter raises.
    """
    try:
        return converter(saved_model, recipe, representative).convert()
    except RuntimeError as error:
        refused = sorted(set(re.findall(r"not yet supported for op: '(\w+)'", str(error))))
        if not refused:
            raise
        raise RecipeError(
            f"The recipe {recipe!r} cannot take this model: LiteRT has no such form of some of its ops. "
            f"Found: {', '.join(refused)}. Use another recipe, such as 'dynamic range'."
        ) from None


def inputs_of(saved_model, signature="serving_default"):
    """Return {name: (dtype, shape)} of a signature of a SavedModel folder; a shape has None where it is open."""
    import tensorflow as tf
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel.FromString(Path(saved_model, "saved_model.pb").read_bytes())
    served = next(graph for graph in model.meta_graphs if "serve" in graph.meta_info_def.tags)
    return {
        name: (
            tf.dtypes.as_dtype(info.dtype).as_numpy_dtype,
            tuple(tf.TensorShape(info.tensor_shape)),
        )
        for name, info in served.signature_def[signature].inputs.items()
    }


def _named(sample, inputs, number):
    """Return a sample as {input name: array}."""
    if isinstance(sample, dict):
        if set(sample) != set(inputs):
            raise RecipeError(
                f"Sample {number} of the representative dataset names the inputs {', '.join(sorted(map(str, sample)))}."
                f" The model's are: {', '.join(sorted(inputs))}."
            )
        return sample
    if not isinstance(sample, (list, tuple)):
        raise RecipeError(
            f"Sample {number} of the representative dataset is {_a(sample)}. Yield a list with one array for each "
            "input, [array], or a dictionary {name: array}."
        )
    if len(sample) != len(inputs):
        raise RecipeError(
            f"Sample {number} of the representative dataset has {len(sample)} arrays, and the model has "
            f"{len(inputs)} input{'s' * (len(inputs) > 1)}. Yield one sample at a time, as [array] for one input."
        )
    if len(inputs) > 1:
        raise RecipeError(
            f"The model has {len(inputs)} inputs, and a list does not say which array is whose. "
            f"Yield a dictionary with the names: {', '.join(sorted(inputs))}."
        )
    return dict(zip(inputs, sample))


def _fits(name, value, dtype, shape, number):
    """Raise RecipeError unless `value` is an array of the dtype and shape that the input has."""
    if not hasattr(value, "dtype") or not hasattr(value, "shape"):
        raise RecipeError(
            f"Sample {number} of the representative dataset gives the input {name!r} {_a(value)}. Give a numpy array."
        )
    value = np.asarray(value)
    if value.dtype != dtype:
        raise RecipeError(
            f"Sample {number} of the representative dataset is {value.dtype}, and the input {name!r} takes "
            f"{np.dtype(dtype).name}. Convert it: .astype(np.{np.dtype(dtype).name})."
        )
    if len(value.shape) != len(shape) or any(
        wanted not in (None, size) for wanted, size in zip(shape, value.shape)
    ):
        batch = (
            "; the batch dimension is missing: add it with [None]"
            if value.shape == shape[1:]
            else ""
        )
        raise RecipeError(
            f"Sample {number} of the representative dataset has the shape {value.shape}, and the input {name!r} "
            f"takes {shape}{batch}."
        )


def _a(value):
    return f"a {type(value).__name__}"
