"""From a SavedModel folder to a .tflite, by a recipe. Taught in 04_convert_to_tflite, 06_quantize.

The converter calibrates with whatever it gets: no samples at all make a float file without a word,
and a wrong array ends in a message about a node of the graph. So `check` looks at them first.
"""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from helpers import savedmodel, tinyhub
from helpers.course import cache

CALIBRATED = ("full-integer with float I/O", "int8", "int16x8")  # need a representative dataset
RECIPES = ("float32", "dynamic range", "float16", *CALIBRATED)


class RecipeError(ValueError):
    """A recipe that cannot be followed: what is wrong, what was found, what to do."""


def convert_cached(
    saved_model: str | Path, recipe: str = "float32", representative: Callable | None = None
) -> Path:
    """Return the path of the .tflite in the course's cache, converting only what is not there yet.

    The file's name is the digest of all that decides its content: the SavedModel, the recipe, the
    samples, TensorFlow's version. Raises as `check` and `convert` do, before anything is written.
    """
    import tensorflow as tf

    inputs = inputs_of(saved_model) if recipe in CALIBRATED else None
    samples = check(recipe, representative, inputs)
    what = f"{tinyhub.digest(saved_model)} {samples} {tf.__version__}"
    key = hashlib.sha256(what.encode()).hexdigest()[:16]
    path = cache.folder("tflite") / f"{key}.tflite"
    if not path.exists():
        cache.write(path, convert(saved_model, recipe, representative))
    return path


def convert(
    saved_model: str | Path, recipe: str = "float32", representative: Callable | None = None
) -> bytes:
    """Return the .tflite of a SavedModel folder, as bytes. For `representative` see `check`.

    Raises RecipeError where the model has an op that the recipe cannot take, else what the
    converter raises.
    """
    try:
        return converter(saved_model, recipe, representative).convert()
    except RuntimeError as error:
        unsupported = sorted(set(re.findall(r"not yet supported for op: '(\w+)'", str(error))))
        if not unsupported:
            raise
        raise RecipeError(
            f"The recipe {recipe!r} cannot take this model: LiteRT has no such form of some of its "
            f"ops. Found: {', '.join(unsupported)}. Use another recipe, such as 'dynamic range'."
        ) from None


def converter(saved_model: str | Path, recipe: str, representative: Callable | None = None) -> Any:
    """Return the tf.lite.TFLiteConverter of a SavedModel folder, set up for `recipe`, not yet run.

    It looks at nothing: ask `check` first.
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


def inputs_of(saved_model: str | Path, signature: str | None = None) -> dict[str, savedmodel.Spec]:
    """Return {input: Spec} of a SavedModel's signature, without loading it: see savedmodel.load."""
    signatures, _ = savedmodel.read(saved_model)
    return signatures[savedmodel.choose(signatures, signature)][0]


def check(
    recipe: str,
    representative: Callable | None = None,
    inputs: dict[str, savedmodel.Spec] | None = None,
) -> str:
    """Return the digest (hex) of a recipe and its representative samples, which decide the file.

    `representative` is a function without arguments that yields, for each sample, a list with one
    array (1, ...) for the model's one input, or {input: array}. `inputs` is what `inputs_of`
    returns. Recipes in CALIBRATED need both, others ignore them. Raises RecipeError.
    """
    if recipe not in RECIPES:
        raise RecipeError(f"There is no recipe {recipe!r}. Use one of: {'; '.join(RECIPES)}.")
    digest = hashlib.sha256(recipe.encode())
    if recipe not in CALIBRATED:
        return digest.hexdigest()
    if representative is None:
        raise RecipeError(
            f"The recipe {recipe!r} needs a representative dataset, to see which values flow "
            "through the model. Found: none. Give a function that yields about 100 real inputs, "
            "each as [array]."
        )
    if not callable(representative):
        raise RecipeError(
            "A representative dataset is a function, which the converter calls when it needs the "
            f"samples. Found: {_a(representative)}. Pass the function's name, without calling it."
        )
    samples = representative()
    if not hasattr(samples, "__iter__"):
        raise RecipeError(
            "A representative dataset yields samples. Found: it returned "
            f"{_a(samples)}. Use yield in the function."
        )
    count = 0
    for count, sample in enumerate(samples, start=1):
        for name, value in _named(sample, inputs, count).items():
            _fits(name, value, inputs[name], count)
            digest.update(f"{name} {value.shape}".encode() + value.tobytes())
    if not count:
        raise RecipeError(
            "The representative dataset yields nothing, and the converter would make a float file "
            "without a word. Found: 0 samples. If the function reads from an iterator, that may be "
            "used up: make a new one in it."
        )
    return digest.hexdigest()


def _named(sample, inputs, number):
    """Return a sample as {input: array}."""
    which = f"Sample {number} of the representative dataset"
    if isinstance(sample, dict):
        if set(sample) != set(inputs):
            raise RecipeError(
                f"{which} names the inputs {', '.join(sorted(map(str, sample)))}. "
                f"The model's are: {', '.join(sorted(inputs))}."
            )
        return sample
    if not isinstance(sample, (list, tuple)):
        raise RecipeError(
            f"{which} is {_a(sample)}. Yield a list with one array for each input, [array], or a "
            "dictionary {name: array}."
        )
    if len(sample) != len(inputs):
        raise RecipeError(
            f"{which} has {len(sample)} arrays, and the model takes {', '.join(sorted(inputs))}. "
            "Yield one sample at a time, as [array] for one input."
        )
    if len(inputs) > 1:
        raise RecipeError(
            f"The model has {len(inputs)} inputs, and a list does not say which array is whose. "
            f"Yield a dictionary with the names: {', '.join(sorted(inputs))}."
        )
    return dict(zip(inputs, sample, strict=True))


def _fits(name, value, spec, number):
    """Raise RecipeError unless `value` is an array of the dtype and shape that the input has."""
    which = f"Sample {number} of the representative dataset"
    if not hasattr(value, "dtype") or not hasattr(value, "shape"):
        raise RecipeError(f"{which} gives the input {name!r} {_a(value)}. Give a numpy array.")
    value = np.asarray(value)
    if value.dtype.name != spec.dtype and spec.dtype != "string":
        raise RecipeError(
            f"{which} is {value.dtype}, and the input {name!r} takes {spec.dtype}. "
            f"Convert it: .astype(np.{spec.dtype})."
        )
    if not savedmodel.fits(value.shape, spec.shape):
        advice = ""
        if spec.shape and savedmodel.fits(value.shape, spec.shape[1:]):
            advice = "; the batch dimension is missing: add it with [None]"
        raise RecipeError(
            f"{which} has the shape {value.shape}, and the input {name!r} takes "
            f"{spec.shape}{advice}."
        )


def _a(value):
    return f"a {type(value).__name__}"
