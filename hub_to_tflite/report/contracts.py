"""What a SavedModel takes and returns, and its outputs before and after conversion.

A contract is one signature, with the dtype and shape of each input and output. Every form of the
model runs one sample at a time, as a device would, so that all are asked the same. The functions
that need TensorFlow keep the model that they loaded: call them in a sandbox.
"""

import functools
import hashlib
import json
import re
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from helpers import handles, savedmodel, tinyhub
from helpers.course import cache
from helpers.savedmodel import InputError, SavedModelError, Spec
from hub_to_tflite.errors import explain
from hub_to_tflite.file.identify import identify
from hub_to_tflite.report.messages import message
from hub_to_tflite.tables import table

Arrays = dict[str, np.ndarray]
# What TensorFlow says around its message: which node, no traces, which function.
TRACE = re.compile(
    r"Graph execution error:|Detected at node.*|<stack traces.*|\[\[\{\{.*|\[Op:.*|\{\{.*?\}\} ?"
)
PLAIN = re.compile(r"[A-Za-z]\w*", re.ASCII)  # names that TensorFlow saves as they are
# Names of folders that say nothing of the model in them.
NAMELESS = re.compile(r"(?i)\d+(\.tar\.gz|\.tgz)?|(saved_?)?models?")


@dataclass(frozen=True)
class Quantized(Spec):
    """An input or output of a .tflite in integers: real = (stored - zero point) * scale."""

    scale: float
    zero_point: int

    def __str__(self) -> str:
        return f"{super().__str__()}, scale {self.scale:.6g}, zero point {self.zero_point}"


@dataclass(frozen=True)
class Contract:
    """One signature: its name, {input: Spec}, {output: Spec}, and the other signatures' names."""

    signature: str
    inputs: dict[str, Spec]
    outputs: dict[str, Spec]
    others: tuple[str, ...] = ()

    def batched(self, name: str) -> bool:
        """Whether an input's first dimension is a batch: dynamic, or 1.

        A lone dynamic dimension is a length, as a sound has, unless another input has a batch.
        """
        spec = self.inputs[name]
        if spec.shape is None or spec.dtype == "string":
            return spec.shape != ()
        lone = len(spec.shape) == 1 and not any(
            len(other.shape or ()) > 1 and other.shape[0] is None for other in self.inputs.values()
        )
        return not lone and spec.shape[:1] in ((None,), (1,))

    def sample(self, name: str) -> tuple | None:
        """The shape of one sample of an input, without the batch; None if its rank is dynamic."""
        shape = self.inputs[name].shape
        return shape[1:] if shape and self.batched(name) else shape

    def _repr_markdown_(self) -> str:
        sides = (("in", self.inputs), ("out", self.outputs))
        rows = [(side, name, spec) for side, specs in sides for name, spec in specs.items()]
        rows = [(side, name if "<" in name else f"`{name}`", spec) for side, name, spec in rows]
        return table(rows, ["", "name", "dtype and shape"], "markdown")


def split(handle: str) -> tuple[str, str | None]:
    """Return (handle, signature or None) of a HANDLE that may end in "#signature"."""
    if not isinstance(handle, str) or "#" not in handle or Path(handle).expanduser().exists():
        return handle, None
    name, _, signature = handle.rpartition("#")
    return name, signature or None


def slug(handle: str) -> str:
    """Return a short name for files: the end of a handle, in letters, digits, dots and hyphens.

    Of a path from the root, that is its last part with a name of its own, and what follows.
    """
    name, signature = split(handle)
    parts = [part for part in urlsplit(str(name)).path.replace("\\", "/").split("/") if part][-4:]
    if Path(str(name)).is_absolute():
        named = [number for number, part in enumerate(parts) if not NAMELESS.fullmatch(part)]
        parts = parts[named[-1] :] if named else parts
    words = "-".join([*parts, signature] if signature else parts).replace(".tar.gz", "")
    return re.sub(r"[^\w.]+", "-", words).strip("-.") or "model"


def open_model(handle: str) -> tuple[Path, Contract]:
    """Return (the SavedModel folder behind a HANDLE, its Contract). Loads the model.

    Raises HandleError or SavedModelError.
    """
    name, signature = split(handle)
    folder = handles.fetch(handles.check(name))
    found = identify(folder)
    if not found.opens:
        raise SavedModelError(message("unwhole model", name=name, found=found))
    return folder, read(folder, signature)


def read(saved_model: str | Path, signature: str | None = None) -> Contract:
    """Return the Contract of a SavedModel's signature, or of its default one. Loads the model.

    Raises SavedModelError.
    """
    try:
        model = _load(str(saved_model), signature)
    except SavedModelError as error:
        names = sorted(savedmodel.read(saved_model)[0])
        if len(names) < 2:
            raise
        raise SavedModelError(f"{error} Write it behind the handle: #{names[0]}.") from None
    others = tuple(name for name in model.signatures if name != model.signature)
    return Contract(model.signature, model.inputs, model.outputs, others)


_load = functools.cache(savedmodel.load)


def outputs(saved_model: str | Path, contract: Contract, inputs: Arrays) -> Arrays:
    """Return the SavedModel's {output: array (n, ...)} for {input: array (n, ...)}.

    Raises InputError, also for what TensorFlow raises.
    """
    model = _load(str(saved_model), contract.signature)
    try:
        return savedmodel.run(model.call, model.inputs, inputs, batch_size=1)
    except InputError:
        raise
    except Exception as error:
        lines = TRACE.sub("", str(error)).split("\n")
        said = next((line.strip() for line in lines if line.strip()), type(error).__name__)
        known = explain.explain(str(error))
        todo = f"{known[0].cause} {known[0].fix}" if known else message("fit samples")
        raise InputError(message("unfit samples", said=said, todo=todo)) from None


def seconds(saved_model: str | Path, contract: Contract, inputs: Arrays) -> float:
    """Return the time of one call of the SavedModel, once it has been called."""
    few = {name: value[:2] for name, value in inputs.items()}
    outputs(saved_model, contract, few)
    start = time.perf_counter()
    outputs(saved_model, contract, few)
    return (time.perf_counter() - start) / len(next(iter(few.values())))


def convert(
    saved_model: str | Path,
    contract: Contract,
    recipe: str,
    calibration: Arrays,
    fixed: bool = False,
) -> Path:
    """Return the path of the .tflite of a contract's signature, cached or converted now.

    `calibration` is {input: array (n, ...)}, the representative samples. Dynamic dimensions get
    their sizes. A dynamic batch becomes 1 if `fixed`, or if the model converts in no other way;
    else it stays. Raises RecipeError, and what the converter raises.
    """
    from helpers import convert

    sizes = {name: value.shape[1:] for name, value in calibration.items()}
    failure = None
    for batch_of_1, lists in dict.fromkeys([(fixed, False), (True, False), (True, True)]):
        if lists and "TensorList" not in str(failure):
            break
        try:
            folder = narrow(saved_model, contract, sizes, batch_of_1, lists)
            with warnings.catch_warnings():
                warnings.filterwarnings("error", "All samples are")  # the helper goes on, no report
                return convert.convert_cached(folder, recipe, lambda: feeds(contract, calibration))
        except (convert.RecipeError, UserWarning):
            raise
        except Exception as error:  # the first one's words, or those of what no batch mends
            failure = error if lists else failure or error
    raise failure


def narrow(
    saved_model: str | Path,
    contract: Contract,
    sizes: dict[str, tuple],
    fixed: bool = False,
    lists: bool = False,
) -> Path:
    """Return a cached SavedModel with the contract's signature alone, called serving_default.

    The converter would convert every signature, and leave dynamic dimensions as they are. `sizes`
    is {input: shape of one sample}: an input with more dynamic dimensions than the batch gets
    these, and a batch of 1; with `fixed` each input does. With `lists` the lists inside, such as
    an LSTM's results, get the batch of 1 too. Where nothing has to be narrowed, the folder itself
    is returned.
    """
    import tensorflow as tf

    given = {name: spec.shape for name, spec in contract.inputs.items()}
    shapes = shapes_of(contract, sizes, fixed)
    _, tags = savedmodel.read(saved_model)
    as_it_is = contract.signature == "serving_default" and not contract.others and tags == ["serve"]
    if as_it_is and shapes == given and not lists:
        return Path(saved_model)
    what = [tinyhub.digest(saved_model), contract.signature, sorted(shapes.items()), tf.__version__]
    what += [lists] if lists else []
    digest = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]
    folder = cache.folder("narrowed") / digest
    if folder.exists():
        return folder
    model = _load(str(saved_model), contract.signature)
    module = tf.Module()
    module.model = model.loaded  # keeps its variables alive, and saves them

    names = plain_names(contract)

    def serve(**tensors):
        given = {name: tensors[names[name]] for name in names}
        return dict(zip(model.outputs, tf.nest.flatten(model.function(**given))))

    dtypes = {name: spec.dtype for name, spec in contract.inputs.items()}
    specs = {names[name]: (shapes[name], dtypes[name], names[name]) for name in shapes}
    specs = {name: tf.TensorSpec(*spec) for name, spec in specs.items()}
    traced = tf.function(serve, autograph=False).get_concrete_function(**specs)
    if lists:
        traced = _with_fixed_lists(traced, specs)
        module = tf.Module()  # the variables are constants now
    with cache.whole_folder(folder) as new:
        tf.saved_model.save(module, str(new), signatures={"serving_default": traced})
        if list(names) != list(names.values()):
            _rename_inputs(Path(new, "saved_model.pb"), names)
    return folder


def plain_names(contract: Contract) -> dict[str, str]:
    """Return {input: a name that TensorFlow saves}: its own unless one has, say, a colon."""
    plain = all(map(PLAIN.fullmatch, contract.inputs))
    return {name: name if plain else f"input_{n}" for n, name in enumerate(contract.inputs)}


def _rename_inputs(path, names):
    """Give the inputs of a saved_model.pb's serving_default their names: {name: its name there}."""
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    inputs = saved.meta_graphs[0].signature_def["serving_default"].inputs
    for name, other in names.items():
        inputs[name].CopyFrom(inputs.pop(other))
    path.write_bytes(saved.SerializeToString())


def shapes_of(contract: Contract, sizes: dict[str, tuple], fixed: bool) -> dict[str, tuple]:
    """Return {input: the shape that it's converted with}, as `narrow` says."""
    shapes = {}
    for name, spec in contract.inputs.items():
        sample, shapes[name] = contract.sample(name), spec.shape
        if fixed or sample is None or None in sample:
            batch = (1,) if contract.batched(name) else ()
            shapes[name] = (*batch, *sizes[name])
    return shapes


def _with_fixed_lists(traced, specs):
    """Return a function of batch 1 whose lists of tensors have that batch too.

    Keras 3 traces LSTM and GRU layers with any batch, and an export keeps that in constants.
    """
    import tensorflow as tf
    from tensorflow.python.framework import convert_to_constants

    frozen = convert_to_constants.convert_variables_to_constants_v2(
        traced, lower_control_flow=False, aggressive_inlining=True
    )
    graph = frozen.graph.as_graph_def()
    nodes = {node.name: node for node in graph.node}
    used = (name for node in graph.node if node.op.startswith("TensorList") for name in node.input)
    for node in {name: nodes[name] for name in used if name in nodes}.values():
        shape = tf.make_ndarray(node.attr["value"].tensor) if node.op == "Const" else np.zeros(0)
        if shape.ndim == 1 and shape.size and shape.dtype.kind == "i" and shape[0] == -1:
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto([1, *shape[1:]], shape.dtype))
    imported = tf.compat.v1.wrap_function(
        lambda: tf.graph_util.import_graph_def(graph, name=""), []
    )
    pruned = imported.prune([x.name for x in frozen.inputs], [x.name for x in frozen.outputs])
    names = sorted(traced.structured_outputs)

    def serve(**tensors):
        return dict(zip(names, pruned(*(tensors[name] for name in sorted(specs))), strict=True))

    return tf.function(serve, autograph=False).get_concrete_function(**specs)


# Without TensorFlow: the samples, and the .tflite.


def feeds(contract: Contract, inputs: Arrays) -> Iterator[Arrays]:
    """Yield {input: tensor of one call} for each sample of {input: array (n, ...)}."""
    for number in range(len(next(iter(inputs.values())))):
        yield {
            name: value[number : number + 1] if contract.batched(name) else value[number]
            for name, value in inputs.items()
        }


def run(path: str | Path, contract: Contract, inputs: Arrays) -> Arrays:
    """Return a .tflite's {output: array (n, ...)} for {input: array (n, ...)}.

    Floats are quantized where the file takes integers, and its integers dequantized where the
    contract says float. Raises InputError.
    """
    from helpers import interpreter

    opened = interpreter.load(path)
    found = interpreter.predict(opened, inputs)
    if not set(contract.outputs) <= set(found):
        raise InputError(message("other outputs", found=", ".join(found)))
    details = opened.get_signature_runner().get_output_details()
    for name, spec in contract.outputs.items():
        if spec.dtype.startswith("float") and found[name].dtype.kind in "iu":
            found[name] = interpreter.dequantize(found[name], details[name])
    return {name: found[name] for name in contract.outputs}


def of_file(path: str | Path, contract: Contract) -> Contract:
    """Return a contract as its .tflite states it: with a batch of 1, perhaps, or quantized.

    Where the file leaves a shape empty, the contract's own stays.
    """
    from helpers import interpreter

    runner = interpreter.load(path).get_signature_runner()
    inputs, outputs = runner.get_input_details(), runner.get_output_details()
    return replace(
        contract,
        inputs={name: _stated(inputs[name], spec) for name, spec in contract.inputs.items()},
        outputs={name: _stated(outputs[name], spec) for name, spec in contract.outputs.items()},
    )


def _stated(detail, spec):
    from helpers import interpreter

    found = interpreter.spec(detail)
    shape, (scale, zero_point) = found.shape or spec.shape, detail["quantization"]
    return Quantized(found.dtype, shape, scale, zero_point) if scale else Spec(found.dtype, shape)


def invoker(path: str | Path, feed: Arrays, threads: int = 1) -> Callable[[], None]:
    """Return `invoke` of a .tflite whose inputs are set to one of `feeds`, for the clock."""
    from helpers import interpreter

    opened = interpreter.load(path, threads)
    # A runner that is kept would forbid invoke().
    details = opened.get_signature_runner().get_input_details()
    for name, value in feed.items():
        detail, value = details[name], np.asarray(value)
        if value.dtype.kind in "SU":
            value = value.astype(object)
        if value.dtype.kind == "f" and np.issubdtype(detail["dtype"], np.integer):
            value = interpreter.quantize(value, detail)
        opened.set_tensor(detail["index"], value)
    return opened.invoke
