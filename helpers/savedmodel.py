"""Open any SavedModel, name its inputs and outputs, run it. Taught in 02_load_from_hub.

With one signature or several or none, one input or several, a dynamic batch, a fixed one or none:
`load` finds out, and `Model.predict` is the same call for all of them.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

DEFAULTS = ("serving_default", "default", "__call__")  # TensorFlow 2, TF1 Hub format, tf.Module


class SavedModelError(ValueError):
    """A SavedModel that cannot be run as asked: what is wrong, what was found, what to do."""


class InputError(SavedModelError):
    """Inputs that do not fit a model, in the same three parts."""


@dataclass(frozen=True)
class Spec:
    """An input or output: its dtype, a numpy name or "string", and its shape.

    A dynamic dimension is None; the shape itself is None where not even its length is known.
    """

    dtype: str
    shape: tuple | None

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.dtype}, any shape"
        sizes = ["any" if size is None else str(size) for size in self.shape]
        return f"{self.dtype} ({', '.join(sizes)})"


@dataclass(frozen=True)
class Model:
    """A signature of a loaded SavedModel: {input: Spec}, {output: Spec}, all signatures' names."""

    signature: str
    inputs: dict[str, Spec]
    outputs: dict[str, Spec]
    signatures: tuple[str, ...]
    function: Callable = field(repr=False)  # takes tensors by name
    loaded: Any = field(repr=False)  # what tf.saved_model.load returned: it keeps the variables

    def call(self, feed: dict) -> dict[str, np.ndarray]:
        """Return {output: array} of one call with {input: array}, exactly as given."""
        import tensorflow as tf

        tensors = {name: tf.constant(value) for name, value in feed.items()}
        outputs = tf.nest.flatten(self.function(**tensors))
        return {name: value.numpy() for name, value in zip(self.outputs, outputs, strict=True)}

    def predict(self, inputs: Any, batch_size: int = 64) -> Any:
        """Return the outputs for n samples, run in batches; see `run`. Raises SavedModelError."""
        rows = [spec.shape is None or spec.shape[:1] == (None,) for spec in self.outputs.values()]
        return run(self.call, self.inputs, inputs, batch_size if all(rows) else 1)


def load(saved_model: str | Path, signature: str | None = None) -> Model:
    """Return the Model of a SavedModel folder, or of a full handle from handles.check.

    Without `signature` it is "serving_default", TF1 Hub's "default" or the only one; in a model
    without signatures its traced `__call__` or only traced function. Raises SavedModelError.
    """
    import tensorflow as tf

    if "://" in str(saved_model):
        from helpers import handles

        saved_model = handles.fetch(str(saved_model))
    signatures, tags = read(saved_model)
    loaded = tf.saved_model.load(str(saved_model), tags=tags)
    functions = {name: loaded.signatures[name] for name in signatures}
    if not signatures:
        for name in ["__call__", *(name for name in dir(loaded) if not name.startswith("_"))]:
            if trace := _trace(getattr(loaded, name, None)):
                functions[name], *signatures[name] = trace
    name = choose(signatures, signature)
    return Model(name, *signatures[name], tuple(sorted(signatures)), functions[name], loaded)


def read(saved_model: str | Path) -> tuple[dict[str, tuple[dict, dict]], list[str]]:
    """Return {signature: ({input: Spec}, {output: Spec})} and the tags, without loading the model.

    A sparse or ragged tensor has its encoding for a dtype. Raises SavedModelError.
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    graphs, found = [], "no saved_model.pb that can be read"
    with contextlib.suppress(OSError, DecodeError):
        content = Path(saved_model, "saved_model.pb").read_bytes()
        graphs = saved_model_pb2.SavedModel.FromString(content).meta_graphs
        found = f"graphs tagged {[list(graph.meta_info_def.tags) for graph in graphs]}"
    for wanted in (["serve"], []):  # TF1 Hub format has no tags
        for graph in graphs:
            if graph.meta_info_def.tags == wanted:
                signatures = {
                    name: (_specs(one.inputs), _specs(one.outputs))
                    for name, one in graph.signature_def.items()
                    if not name.startswith("__saved_model_")  # TensorFlow's own
                }
                return signatures, wanted
    raise SavedModelError(
        f"{saved_model} is not a SavedModel for inference. Found: {found}. Give the folder that "
        "holds saved_model.pb, saved with the tag serve."
    )


def choose(signatures: dict[str, tuple[dict, dict]], name: str | None = None) -> str:
    """Return the signature to run, `name` or the default, of what `read` returned.

    Raises SavedModelError where there is none, or where it lacks dense inputs or outputs.
    """
    found = ", ".join(sorted(signatures)) or "none, and no traced function"
    if name is None:
        only = next(iter(signatures)) if len(signatures) == 1 else None
        name = next((name for name in DEFAULTS if name in signatures), only)
    if name not in signatures:
        lack = f"no signature {name!r}" if name else "no default signature"
        raise SavedModelError(
            f"The SavedModel has {lack}. Found: {found}. Name one that it has, or save it with one."
        )
    dtypes = [[spec.dtype for spec in specs.values()] for specs in signatures[name]]
    if not all(dtypes) or any("_" in dtype for dtype in sum(dtypes, [])):
        raise SavedModelError(
            f"The signature {name!r} must take and return dense tensors. Found: {dtypes[0]} in, "
            f"{dtypes[1]} out. Save a function that does."
        )
    return name


def by_name(specs: dict[str, Spec], inputs: Any) -> dict[str, np.ndarray]:
    """Return inputs as {input: array}, with exactly the names of `specs`. Raises InputError."""
    if not isinstance(inputs, dict):
        name = next(iter(specs)) if len(specs) == 1 else "one array without a name"
        inputs = {name: inputs}
    if set(inputs) != set(specs):
        raise InputError(
            f"The model's inputs are {_listed(specs)}. Found: {', '.join(map(str, inputs))}. "
            "Give all of them by name: {name: array}."
        )
    return {name: np.asarray(inputs[name]) for name in specs}


def fit(name: str, array: np.ndarray, spec: Spec, *shapes: tuple | None) -> tuple | None:
    """Return which of `shapes` an array has; a dynamic dimension is None, and so is any shape.

    Raises InputError where it has none of them, or another dtype than `spec`.
    """
    dtype = "string" if array.dtype.kind in "OSU" else array.dtype.name
    fitting = [shape for shape in shapes if _match(array.shape, shape)]
    if dtype == spec.dtype and fitting:
        return fitting[0]
    advice = ""
    if dtype != spec.dtype and "string" not in (dtype, spec.dtype):
        advice = f" Convert it: .astype(np.{spec.dtype})."
    elif any(shape and _match(array.shape, shape[1:]) for shape in shapes):
        advice = " The batch dimension is missing: add it with [None]."
    raise InputError(f"The input {name!r} takes {spec}. Found: {dtype} {array.shape}.{advice}")


def run(call: Callable, specs: dict[str, Spec], inputs: Any, batch_size: int = 64) -> Any:
    """Return the outputs of `call`, {input: array} to {output: array}, for n samples.

    `inputs` is {input: array (n, ...)}, which returns {output: array (n, ...)}, or one array
    (n, ...) for a model of one input, which returns the array of its one output, or a dictionary of
    several. A fixed batch runs as it is, its last one filled up; a model without a batch dimension
    runs sample by sample. Raises InputError, for what does not fit before anything runs.
    """
    arrays = by_name(specs, inputs)
    batched = {name: _has_batch(name, array, specs) for name, array in arrays.items()}
    fixed = {specs[name].shape[0] for name in specs if batched[name] and specs[name].shape} - {None}
    step = max(fixed, default=batch_size if all(batched.values()) else 1)
    counts = {len(array) for array in arrays.values()}
    agree = len(fixed) <= 1 and (step == 1 or all(batched.values()))
    if len(counts) > 1 or counts == {0} or not agree:
        shapes = {name: array.shape for name, array in arrays.items()}
        raise InputError(
            f"The inputs have no common batch. Found: shapes {shapes} for {_listed(specs)}. "
            "Give each input one row for each sample."
        )
    count, parts = counts.pop(), {}
    for start in range(0, count, step):
        stop = start + step if fixed else min(start + step, count)
        rows = np.arange(start, stop).clip(max=count - 1)
        feed = {name: array[rows if batched[name] else start] for name, array in arrays.items()}
        for name, value in call(feed).items():
            if any(batched.values()) and value.shape[:1] == rows.shape:
                value = value[: count - start]
            elif step == 1:
                value = value[None]
            elif fixed:
                raise InputError(f"The output {name!r} has no batch. Found: {value.shape}.")
            else:
                return run(call, specs, inputs, batch_size=1)
            parts.setdefault(name, []).append(value)
    found = {name: sorted({value.shape[1:] for value in part}) for name, part in parts.items()}
    if any(len(several) > 1 for several in found.values()):
        todo = "Pad them to one size in the model."
        raise InputError(f"Samples of one kind return one shape. Found: outputs of {found}. {todo}")
    outputs = {name: np.concatenate(part) for name, part in parts.items()}
    return outputs if isinstance(inputs, dict) or len(outputs) > 1 else next(iter(outputs.values()))


def _has_batch(name, array, specs):
    """Return whether an array's rows are the input's own batch: its number of dimensions tells.

    The lone dimension of a model's only input is a length, as a sound has, unless it is 1 or of
    strings. Raises InputError where the array does not fit.
    """
    spec = specs[name]
    if spec.shape is None:
        return fit(name, array, spec, None) is None
    samples, options = (None, *spec.shape), []
    if len(spec.shape) > 1 or len(specs) > 1 or spec.shape == (1,) or spec.dtype == "string":
        options.append((None, *spec.shape[1:]))
    return fit(name, array, spec, *options, samples) != samples


def _match(shape, wanted):
    return wanted is None or (
        len(shape) == len(wanted)
        and all(want in (None, size) for size, want in zip(shape, wanted, strict=True))
    )


def _listed(specs):
    return ", ".join(f"{name!r}: {spec}" for name, spec in specs.items())


def _specs(infos):
    """Return {name: Spec} of {name: TensorInfo}, the protos of a signature."""
    return {
        name: _spec(one.dtype, one.tensor_shape, one.WhichOneof("encoding"))
        for name, one in sorted(infos.items())
    }


def _spec(dtype, shape, encoding="name"):
    import tensorflow as tf

    name = tf.dtypes.as_dtype(dtype).base_dtype.name if encoding == "name" else encoding
    shape = tf.TensorShape(shape)
    return Spec(name, None if shape.rank is None else tuple(shape))


def _trace(function):
    """Return (concrete function, inputs, outputs) of a tf.function's first trace for inference."""
    import tensorflow as tf

    for concrete in getattr(function, "concrete_functions", ()):
        given = tf.nest.flatten(concrete.structured_input_signature)
        inputs = {
            one.name: _spec(one.dtype, one.shape) for one in given if isinstance(one, tf.TensorSpec)
        }
        if inputs and not any(value is True for value in given):  # not one for training=True
            returned = concrete.structured_outputs
            specs = [_spec(one.dtype, one.shape) for one in tf.nest.flatten(returned)]
            names = [f"output_{number}" for number in range(len(specs))]
            if isinstance(returned, dict):
                names = sorted(returned)
            return concrete, inputs, dict(zip(names, specs, strict=True))
    return None
