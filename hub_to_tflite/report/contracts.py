"""What a SavedModel takes and gives, and its answers before and after conversion. Used in 11_bring_your_own_model.

A contract names one signature, with the dtype and shape of each input and output. Every sample is asked by itself, in
each form of the model, as a device would ask, so that all are asked the same whatever a model does with a batch. The
functions that need TensorFlow keep the model that they loaded: call them in a process that ends (see processes).
"""

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from helpers import convert, tinyhub
from helpers.course import cache

PREFERRED = (
    "serving_default",
    "default",
    "__call__",
)  # as TensorFlow 2, TF1 Hub format and Keras call it


class ContractError(ValueError):
    """A contract that cannot be read or is not kept. The message says what is wrong, what was found, what to do."""


@dataclass(frozen=True)
class Spec:
    """One input or output: its dtype, a numpy name or "string", and its shape, with None where a size is open.

    The shape itself is None where even the number of dimensions is open.
    """

    dtype: str
    shape: tuple | None

    @property
    def batched(self):
        """Whether the first dimension is a batch: it is open, or 1. A lone open one is a length, such as a sound's."""
        if self.shape is None or self.dtype == "string":
            return self.shape != ()
        return len(self.shape) > 1 and self.shape[0] in (None, 1)

    @property
    def sample(self):
        """The shape of one sample, without the batch; None where the number of dimensions is open."""
        return self.shape[1:] if self.shape and self.batched else self.shape

    def __str__(self):
        if self.shape is None:
            return f"{self.dtype}, any shape"
        return f"{self.dtype} ({', '.join('any' if size is None else str(size) for size in self.shape)})"


@dataclass(frozen=True)
class Contract:
    """One signature of a SavedModel: its name, {input: Spec}, {output: Spec}, and the names of the other signatures."""

    signature: str
    inputs: dict
    outputs: dict
    others: tuple = ()


# In a process with TensorFlow: the SavedModel.


def read(saved_model, signature=None):
    """Return the Contract of a SavedModel folder: of `signature`, or of the one that stands for the model.

    That is "serving_default", TF1 Hub's "default", or the only one; in a model without signatures, `__call__` or the
    only function that was traced. Loads the model. Raises ContractError.
    """
    found = _signatures(str(saved_model))
    names = ", ".join(sorted(found)) or "none"
    if signature is None:
        signature = (
            next((name for name in PREFERRED if name in found), None)
            or (list(found)[0:1] + [None])[0]
        )
        if len(found) > 1 and signature not in PREFERRED:
            raise ContractError(
                f"The SavedModel has {len(found)} signatures, and none is the default. Found: {names}. "
                f"Choose one: write #{min(found)} behind the handle."
            )
    if not found:
        raise ContractError(
            "The SavedModel has no signature and no traced function, so nothing says what it takes. Found: variables "
            "at most. Save it with tf.saved_model.save(model, folder, signatures=...)."
        )
    if signature not in found:
        raise ContractError(
            f"The SavedModel has no signature {signature!r}. Found: {names}. Write one of them behind the handle, "
            "after a #."
        )
    _, inputs, outputs = found[signature]
    if isinstance(inputs, ContractError):
        raise inputs
    for kind, specs in (("takes no input", inputs), ("gives no output", outputs)):
        if not specs:
            raise ContractError(
                f"The signature {signature!r} {kind}. Found: {names}. There is nothing to convert."
            )
    return Contract(signature, inputs, outputs, tuple(sorted(set(found) - {signature})))


def answers(saved_model, contract, inputs):
    """Return {output: array (n, ...)}, the SavedModel's own answers to {input: array (n, ...)}. Loads the model."""
    import tensorflow as tf

    function = _signatures(str(saved_model))[contract.signature][0]

    def ask(feed):
        given = {
            name: tf.constant(value, contract.inputs[name].dtype) for name, value in feed.items()
        }
        return {name: value.numpy() for name, value in function(**given).items()}

    return _each(contract, inputs, ask)


def tflite(saved_model, contract, recipe, calibration):
    """Return the path of the .tflite of a contract's signature, from the course's cache or converted now.

    `calibration` is {input: array (n, ...)}, the representative samples. Sizes that the model leaves open become
    theirs; an open batch stays open. Raises RecipeError, ContractError, and what the converter raises.
    """
    folder = narrowed(
        saved_model, contract, {name: value.shape[1:] for name, value in calibration.items()}
    )
    return convert.convert_cached(folder, recipe, lambda: feeds(contract, calibration))


def narrowed(saved_model, contract, sizes):
    """Return a SavedModel folder, in the course's cache, that has the contract's signature alone, as serving_default.

    TFLiteConverter.from_saved_model would convert every signature, and leaves open what is open. `sizes` is {input:
    shape of one sample}; where the signature leaves more open than the batch it gets these, and a batch of 1. Where
    there is nothing to narrow, the folder itself is returned. Raises ContractError.
    """
    import tensorflow as tf

    shapes = {}
    for name, spec in contract.inputs.items():
        is_open = spec.shape is None or None in spec.sample
        shapes[name] = ((1,) * spec.batched + tuple(sizes[name])) if is_open else spec.shape
    fixed = any(shapes[name] != spec.shape for name, spec in contract.inputs.items())
    if (
        not fixed
        and contract.signature == "serving_default"
        and not contract.others
        and _tags(saved_model) == ["serve"]
    ):
        return Path(saved_model)
    what = [tinyhub.digest(saved_model), contract.signature, sorted(shapes.items()), tf.__version__]
    folder = cache.folder("narrowed") / hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]
    if folder.exists():
        return folder
    module = tf.Module()
    module.model = _loaded(str(saved_model))  # keeps its variables alive, and saves them
    function = _signatures(str(saved_model))[contract.signature][0]
    specs = {
        name: tf.TensorSpec(shapes[name], spec.dtype, name)
        for name, spec in contract.inputs.items()
    }
    traced = tf.function(lambda **given: function(**given), autograph=False).get_concrete_function(
        **specs
    )
    with cache.whole_folder(folder) as new:
        tf.saved_model.save(module, str(new), signatures={"serving_default": traced})
    return folder


@functools.cache
def _loaded(saved_model):
    import tensorflow as tf

    return tf.saved_model.load(saved_model, tags=_tags(saved_model))


def _tags(saved_model):
    return sorted(_graph(saved_model).meta_info_def.tags)


def _graph(saved_model):
    """Return the MetaGraphDef for inference: tagged "serve", or, in TF1 Hub format, without a tag."""
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    try:
        content = Path(saved_model, "saved_model.pb").read_bytes()
        graphs = {
            tuple(sorted(g.meta_info_def.tags)): g
            for g in saved_model_pb2.SavedModel.FromString(content).meta_graphs
        }
    except (OSError, DecodeError) as error:
        raise ContractError(
            f"{saved_model} is not a SavedModel that can be read. Found: {type(error).__name__} for saved_model.pb. "
            "Give the folder that holds saved_model.pb."
        ) from None
    for tags in (("serve",), (), *(one for one in graphs if "serve" in one)):
        if tags in graphs:
            return graphs[tags]
    raise ContractError(
        f"The SavedModel has no graph for inference. Found: graphs tagged {sorted(graphs)}. Tag it serve."
    )


@functools.cache
def _signatures(saved_model):
    """Return {name: (function of tensors by name, {input: Spec}, {output: Spec})} of a SavedModel."""
    model, found = _loaded(saved_model), {}
    for name, one in _graph(saved_model).signature_def.items():
        if not name.startswith("__saved_model_"):  # TensorFlow's own
            try:
                specs = [{k: _spec(k, x[k]) for k in sorted(x)} for x in (one.inputs, one.outputs)]
            except ContractError as error:  # it matters only to whoever chooses this signature
                specs = [error, error]
            found[name] = model.signatures[name], *specs
    if found:
        return found
    public = {name for name in dir(model) if not name.startswith("_")} | {"__call__"}
    traced = {name: _traced(getattr(model, name, None)) for name in sorted(public)}
    return {name: one for name, one in traced.items() if one}


def _spec(name, info):
    import tensorflow as tf

    if info.WhichOneof("encoding") != "name":
        raise ContractError(
            f"{name!r} is a sparse or ragged tensor, and LiteRT has none. Found: {info.WhichOneof('encoding')}. "
            "Wrap the model in a function that takes a dense one, and save that."
        )
    return _spec_of(tf.dtypes.as_dtype(info.dtype), tf.TensorShape(info.tensor_shape))


def _spec_of(dtype, shape):
    return Spec(dtype.base_dtype.name, None if shape.rank is None else tuple(shape.as_list()))


def _traced(function):
    """Return what `_signatures` has of a tf.function that hangs on a model: of its first form that is for inference."""
    import tensorflow as tf

    for concrete in getattr(function, "concrete_functions", ()):
        leaves = tf.nest.flatten(concrete.structured_input_signature)
        returned = concrete.structured_outputs
        if any(leaf is True for leaf in leaves) or not any(
            isinstance(leaf, tf.TensorSpec) for leaf in leaves
        ):
            continue  # training=True, or nothing but Python values
        names = [
            getattr(leaf, "name", None) or f"input_{place}" for place, leaf in enumerate(leaves)
        ]
        specs = tf.nest.flatten(returned)
        called = (
            sorted(returned)
            if isinstance(returned, dict)
            else [f"output_{place}" for place in range(len(specs))]
        )

        def by_name(concrete=concrete, leaves=leaves, names=names, called=called, **given):
            filled = [given.get(name, leaf) for name, leaf in zip(names, leaves)]
            places, words = tf.nest.pack_sequence_as(concrete.structured_input_signature, filled)
            return dict(zip(called, tf.nest.flatten(function(*places, **words))))

        inputs = {
            n: _spec_of(leaf.dtype, leaf.shape)
            for n, leaf in zip(names, leaves)
            if isinstance(leaf, tf.TensorSpec)
        }
        return by_name, inputs, {n: _spec_of(one.dtype, one.shape) for n, one in zip(called, specs)}
    return None


# Without TensorFlow: the samples, and the .tflite.


def feeds(contract, inputs):
    """Yield {input: tensor of one call} for each sample of {input: array (n, ...)}."""
    for number in range(len(next(iter(inputs.values())))):
        yield {
            name: inputs[name][number : number + 1] if spec.batched else inputs[name][number]
            for name, spec in contract.inputs.items()
        }


def run(path, contract, inputs):
    """Return {output: array (n, ...)}, a .tflite's answers to {input: array (n, ...)}, through its one signature.

    Real values are quantized where the file takes integers, and dequantized where it gives them (06_quantize).
    Raises ContractError.
    """
    from helpers import interpreter

    opened = interpreter.load(path)
    runner = opened.get_signature_runner()
    given, returned = runner.get_input_details(), runner.get_output_details()
    if set(given) != set(contract.inputs) or not set(contract.outputs) <= set(returned):
        raise ContractError(
            f"The .tflite calls its inputs and outputs otherwise than the SavedModel. Found: {', '.join(given)} in, "
            f"{', '.join(returned)} out. Give the tensors plain names, and save the model again."
        )

    def real(name, value):
        floats = contract.outputs[name].dtype.startswith("float") and np.issubdtype(
            value.dtype, np.integer
        )
        return interpreter.dequantize(value, returned[name]) if floats else value

    def ask(feed):
        result = runner(
            **{
                name: _stored(value, contract.inputs[name], given[name])
                for name, value in feed.items()
            }
        )
        return {name: real(name, np.asarray(result[name])) for name in contract.outputs}

    return _each(contract, inputs, ask)


def invoker(path, contract, feed, threads=1):
    """Return `invoke` of a .tflite whose inputs are set, for the clock: {input: tensor of one call} as in `feeds`."""
    from helpers import interpreter

    opened = interpreter.load(path, threads)
    details = (
        opened.get_signature_runner().get_input_details()
    )  # a runner that lives on would forbid invoke()
    for name, value in feed.items():
        opened.set_tensor(
            details[name]["index"], _stored(value, contract.inputs[name], details[name])
        )
    return opened.invoke


def _stored(value, spec, detail):
    """Return a tensor as the file stores it."""
    from helpers import interpreter

    if spec.dtype == "string":
        return np.array(value, object)
    integers = np.issubdtype(value.dtype, np.floating) and np.issubdtype(
        detail["dtype"], np.integer
    )
    return interpreter.quantize(value, detail) if integers else value


def _each(contract, inputs, ask):
    """Return {output: array (n, ...)} of `ask`, a function from the tensors of one call to those that it returns."""
    batched = any(spec.batched for spec in contract.inputs.values())
    rows = {name: [] for name in contract.outputs}
    for feed in feeds(contract, inputs):
        given = ask(feed)
        for name, values in rows.items():
            value = np.asarray(given[name])
            values.append(value[0] if batched and value.shape[:1] == (1,) else value)
    try:
        return {name: np.stack(values) for name, values in rows.items()}
    except ValueError:
        shapes = {name: sorted({value.shape for value in values}) for name, values in rows.items()}
        raise ContractError(
            f"The model answers different samples in different shapes. Found: {shapes}. Give samples of one kind."
        ) from None
