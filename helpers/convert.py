"""From a SavedModel folder to a .tflite, by a recipe. Taught in 03_convert_to_tflite, 20_quantize.

The converter calibrates with whatever it gets: no samples make a float file without a word, a wrong
array ends in a message about a node of the graph, one NaN ruins the file. `check` looks first.
"""

import hashlib
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from helpers import savedmodel, tinyhub
from helpers.course import cache

CALIBRATED = ("full-integer with float I/O", "int8", "int16x8")  # need a representative dataset
RECIPES = ("float32", "dynamic range", "float16", *CALIBRATED)
MOST = 10_000, 2 * 2**30  # samples and bytes of a representative dataset: about 100 samples will do
LARGEST = 1e9  # an input beyond it leaves no steps for the others: int8 has 255


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
        cache.write(path, _convert(saved_model, recipe, representative))
    return path


def convert(
    saved_model: str | Path, recipe: str = "float32", representative: Callable | None = None
) -> bytes:
    """Return the .tflite of a SavedModel folder, as bytes. For `representative` see `check`.

    Raises RecipeError as `check` does, or for an op that the recipe cannot take, else what the
    converter raises.
    """
    check(recipe, representative, inputs_of(saved_model) if recipe in CALIBRATED else None)
    return _convert(saved_model, recipe, representative)


def _convert(saved_model, recipe, representative):
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
    """Return a tf.lite.TFLiteConverter, set up for `recipe`, not yet run: ask `check` first."""
    import tensorflow as tf

    _, tags = savedmodel.read(saved_model)
    made = tf.lite.TFLiteConverter.from_saved_model(str(saved_model), tags=set(tags))
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


def check(recipe: str, representative: Callable | None = None, inputs: dict | None = None) -> str:
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
    samples = representative() if callable(representative) else None
    if not hasattr(samples, "__iter__"):
        returned = f" that returned {_a(samples)}" if callable(representative) else ""
        raise RecipeError(
            f"The recipe {recipe!r} needs a representative dataset: a function, not called, that "
            f"yields about 100 real inputs, each as [array]. Found: {_a(representative)}{returned}."
        )
    count, size, low, high = 0, 0, np.float64(np.inf), np.float64(-np.inf)
    for count, sample in enumerate(samples, start=1):
        try:
            for name, value in _named(sample, inputs).items():
                savedmodel.fit(name, value, inputs[name], inputs[name].shape)
                digest.update(f"{name} {value.shape}".encode() + value.tobytes())
                size += value.nbytes
                if value.size and value.dtype.kind in "fiu":
                    low, high = np.minimum(low, value.min()), np.maximum(high, value.max())
        except savedmodel.InputError as error:
            which = f"Sample {count} of the representative dataset"
            raise RecipeError(f"{which} does not fit. {error}") from None
        if not (count <= MOST[0] and size <= MOST[1] and low >= -LARGEST and high <= LARGEST):
            few = count <= MOST[0] and size <= MOST[1]
            wrong = "has a value that leaves no steps for others" if few else "has no end"
            found = f"{count:,} samples, {size / 2**20:,.0f} MB, from {low:.3g} to {high:.3g}"
            advice = "Yield about 100 real inputs, prepared as for training."
            raise RecipeError(f"The representative dataset {wrong}. Found: {found}. {advice}")
    if not size or not any(True for _ in representative()):
        raise RecipeError(
            "The representative dataset yields nothing, or nothing the next time, which would make "
            f"a float file. Found: {count} samples, {size} bytes. Make a new iterator each time."
        )
    if low == high:
        warnings.warn(f"All samples are {low:g}: no scale will fit real inputs.", stacklevel=3)
    return digest.hexdigest()


def _named(sample, inputs):
    """Return a sample as {input: array}, for one input from [array]. Raises InputError."""
    if isinstance(sample, (list, tuple)) and len(sample) == len(inputs) == 1:
        sample = dict(zip(inputs, sample, strict=True))
    if not isinstance(sample, dict) or not all(hasattr(one, "shape") for one in sample.values()):
        raise savedmodel.InputError(
            f"Found: {_a(sample)}. Yield one sample at a time, of numpy arrays: [array] for one "
            f"input, or {{name: array}} for: {', '.join(sorted(inputs))}."
        )
    return savedmodel.by_name(inputs, sample)


def _a(value):
    count = f" of {len(value)}" if isinstance(value, (list, tuple, dict)) else ""
    return f"a {type(value).__name__}{count}"
