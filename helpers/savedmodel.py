"""Open any SavedModel, name its inputs and outputs, run it. Taught in 03_look_inside_a_savedmodel.

With one signature or several or none, one input or several, a dynamic batch, a fixed one or none:
`load` finds out, and `Model.predict` is the same call for all of them.
"""

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
    """One input or output: its dtype, a numpy name or "string", and its shape.

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

    if str(saved_model).startswith(("http://", "https://")):
        from helpers import handles

        saved_model = handles.fetch(str(saved_model))
    specs, tags = read(saved_model)
    loaded = tf.saved_model.load(str(saved_model), tags=tags)
    found = {name: (loaded.signatures[name], *pair) for name, pair in specs.items()}
    if not found:
        public = [name for name in dir(loaded) if name == "__call__" or not name.startswith("_")]
        functions = {name: _traced(getattr(loaded, name, None)) for name in public}
        found = {name: one for name, one in functions.items() if one}
    name = choose(found, signature)
    function, inputs, outputs = found[name]
    return Model(name, inputs, outputs, tuple(sorted(found)), function, loaded)


def read(saved_model: str | Path) -> tuple[dict[str, tuple[dict, dict]], list[str]]:
    """Return {signature: ({input: Spec}, {output: Spec})} and the tags, without loading the model.

    A sparse or ragged tensor has its encoding for a dtype. Raises SavedModelError.
    """
    graph = _graph(saved_model)
    signatures = {
        name: tuple(
            {k: _spec(infos[k]) for k in sorted(infos)} for infos in (one.inputs, one.outputs)
        )
        for name, one in graph.signature_def.items()
        if not name.startswith("__saved_model_")  # TensorFlow's own
    }
    return signatures, sorted(graph.meta_info_def.tags)


def choose(found: dict[str, tuple], signature: str | None = None) -> str:
    """Return the signature to run of `found`, {name: (..., inputs, outputs)}: the default one.

    Raises SavedModelError where there is none, or where it lacks dense inputs or outputs.
    """
    names = ", ".join(sorted(found)) or "none"
    if not found:
        raise SavedModelError(
            "The SavedModel has no signature and no traced function, so nothing says what it takes."
            " Found: variables at most. Save it with tf.saved_model.save(..., signatures=...)."
        )
    if signature is None:
        default = next((name for name in DEFAULTS if name in found), None)
        signature = default or (next(iter(found)) if len(found) == 1 else None)
    if signature not in found:
        lack = f"no signature {signature!r}" if signature else "no default signature"
        raise SavedModelError(f"The SavedModel has {lack}. Found: {names}. Choose one of them.")
    *_, inputs, outputs = found[signature]
    sparse = [one.dtype for one in [*inputs.values(), *outputs.values()] if "_" in one.dtype]
    if sparse or not inputs or not outputs:
        raise SavedModelError(
            f"The signature {signature!r} must take and return dense tensors. Found: "
            f"{len(inputs)} inputs, {len(outputs)} outputs, {', '.join(sparse) or 'all dense'}. "
            f"Choose another of: {names}; or wrap the model in a function of dense tensors."
        )
    return signature


def by_name(specs: dict[str, Spec], inputs: Any) -> dict[str, np.ndarray]:
    """Return inputs as {input: array}, with exactly the names of `specs`. Raises InputError."""
    wanted = f"Give {{name: array}} for {_listed(specs)}."
    if not isinstance(inputs, dict):
        if len(specs) != 1:
            raise InputError(
                f"The model takes {len(specs)} inputs by name. Found: one array. {wanted}"
            )
        inputs = dict.fromkeys(specs, inputs)
    if set(inputs) != set(specs):
        found = ", ".join(map(repr, inputs)) or "none"
        raise InputError(f"These are not the names of the model's inputs. Found: {found}. {wanted}")
    return {name: np.asarray(inputs[name]) for name in specs}


def run(call: Callable, specs: dict[str, Spec], inputs: Any, batch_size: int = 64) -> Any:
    """Return the outputs of `call`, {input: array} to {output: array}, for n samples.

    `inputs` is {input: array (n, ...)}, which returns {output: array (n, ...)}, or one array
    (n, ...) for a model of one input, which returns the array of its one output, or a dictionary of
    several. A fixed batch runs as it is, its last one filled up; a model without a batch dimension
    runs sample by sample. Raises InputError, for what does not fit before anything runs.
    """
    arrays = by_name(specs, inputs)
    shapes = {name: array.shape for name, array in arrays.items()}
    if len({shape[:1] for shape in shapes.values()}) > 1 or any(
        0 in s[:1] for s in shapes.values()
    ):
        raise InputError(f"Every input needs one row for each sample. Found: shapes {shapes}.")
    company = any(len(spec.shape or ()) == len(shapes[name]) > 1 for name, spec in specs.items())
    batched = {name: _batched(name, spec, arrays[name], company) for name, spec in specs.items()}
    fixed = {spec.shape[0] for name, spec in specs.items() if batched[name] and spec.shape} - {None}
    step = max(fixed, default=batch_size if all(batched.values()) else 1)
    if len(fixed) > 1 or (step > 1 and not all(batched.values())):
        raise InputError(f"The inputs have no common batch. Found: {_listed(specs)}.")
    count, parts = len(next(iter(arrays.values()))), {}
    for start in range(0, count, step):
        rows = np.arange(start, start + step if fixed else min(start + step, count))
        rows = rows.clip(max=count - 1)
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
        raise InputError(f"Samples of one kind return one shape. Found: outputs of {found}.")
    outputs = {name: np.concatenate(part) for name, part in parts.items()}
    if isinstance(inputs, dict) or len(outputs) > 1:
        return outputs
    return next(iter(outputs.values()))


def _batched(name, spec, array, company):
    """Return whether the array's first dimension is the input's own batch: its rank tells.

    A lone dimension is a length, as a sound has, unless it is 1, of strings, or in the `company` of
    inputs with a batch. Raises InputError where the array does not fit.
    """
    dtype = "string" if array.dtype.kind in "OSU" else array.dtype.name
    if dtype == spec.dtype and (spec.shape is None or fits(array.shape[1:], spec.shape)):
        return spec.shape is None
    lone = len(spec.shape or ()) == 1 and spec.shape != (1,) and spec.dtype != "string"
    sample = spec.shape if spec.shape is None or (lone and not company) else spec.shape[1:]
    if dtype == spec.dtype and sample != spec.shape and fits(array.shape[1:], sample):
        return True
    advice = ""
    if dtype != spec.dtype:
        advice = (
            f" Convert it: .astype(np.{spec.dtype})." if "string" not in (dtype, spec.dtype) else ""
        )
    elif fits(array.shape, sample):
        advice = " The batch dimension is missing: add it with [None]."
    raise InputError(f"The input {name!r} takes {spec}. Found: {dtype} {array.shape}.{advice}")


def fits(shape: tuple, wanted: tuple | None) -> bool:
    """Return whether an array's shape is that of a Spec, whose dynamic dimensions are None."""
    return wanted is None or (
        len(shape) == len(wanted)
        and all(want in (None, size) for size, want in zip(shape, wanted, strict=True))
    )


def _listed(specs):
    return ", ".join(f"{name!r}: {spec}" for name, spec in specs.items())


def _graph(saved_model):
    """Return the MetaGraphDef for inference: tagged "serve", or without a tag (TF1 Hub format)."""
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    try:
        content = Path(saved_model, "saved_model.pb").read_bytes()
        graphs = saved_model_pb2.SavedModel.FromString(content).meta_graphs
    except (OSError, DecodeError) as error:
        raise SavedModelError(
            f"{saved_model} is not a SavedModel that can be read. Found: {type(error).__name__} for"
            " saved_model.pb. Give the folder that holds saved_model.pb."
        ) from None
    tagged = {tuple(sorted(graph.meta_info_def.tags)): graph for graph in graphs}
    for tags in (("serve",), (), *(tags for tags in tagged if "serve" in tags)):
        if tags in tagged:
            return tagged[tags]
    raise SavedModelError(
        f"The SavedModel has no graph for inference. Found: graphs tagged {sorted(tagged)}. "
        "Save it with the tag serve."
    )


def _spec(info):
    """Return the Spec of a TensorInfo, the proto of one tensor of a signature."""
    import tensorflow as tf

    if info.WhichOneof("encoding") != "name":
        return Spec(info.WhichOneof("encoding"), None)
    return _spec_of(tf.TensorSpec(tf.TensorShape(info.tensor_shape), info.dtype))


def _spec_of(tensor):
    rank = tensor.shape.rank
    return Spec(
        tensor.dtype.base_dtype.name, None if rank is None else tuple(tensor.shape.as_list())
    )


def _traced(function):
    """Return (concrete function, inputs, outputs) of a tf.function's first trace for inference."""
    import tensorflow as tf

    for concrete in getattr(function, "concrete_functions", ()):
        leaves = tf.nest.flatten(concrete.structured_input_signature)
        inputs = {one.name: _spec_of(one) for one in leaves if isinstance(one, tf.TensorSpec)}
        if not inputs or any(leaf is True for leaf in leaves):
            continue  # nothing but Python values, or training=True
        returned = concrete.structured_outputs
        values = tf.nest.flatten(returned)
        names = (
            sorted(returned)
            if isinstance(returned, dict)
            else [f"output_{number}" for number in range(len(values))]
        )
        return concrete, inputs, {n: _spec_of(one) for n, one in zip(names, values, strict=True)}
    return None
