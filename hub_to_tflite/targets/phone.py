"""A phone: LiteRT's CompiledModel, the API of its Kotlin and Swift packages, tried from Python."""

from hub_to_tflite import targets
from hub_to_tflite.file.flatbuffer import Model
from hub_to_tflite.sandbox import opening
from hub_to_tflite.targets import Run, Target, say

# What TensorBuffer.kt of LiteRT reads and writes; uint8 goes through it as the same bytes.
DTYPES = ("float32", "int32", "int64", "int16", "int8", "uint8", "bool")


def judge(model: Model, content: bytes, run: Run) -> Target:
    """Return the Target "phone": what CompiledModel gives for the inputs of `run`, in a sandbox."""
    against = reasons(model, run)
    if not against and not run.memory:
        against.append(run.refusal)
    if not against:
        try:
            opening.attempt(_compare, content, model, run)
        except Exception as error:
            last = (str(error).strip() or type(error).__name__).splitlines()[-1].strip(" └")
            if getattr(error, "ending", "exception") != "exception":
                last = say("phone ended", error.name)
            against = [*filter(None, [targets.aliased_output(model)]), say("phone no", last)]
            pairs = zip(model.outputs, run.outputs)
            empty = [one for one, array in pairs if one.shape == () and array.shape]
            against = [say("phone no shapes", one) for one in empty[:1]] + against
    if against:
        return Target("phone", False, targets.sentences(against))
    dynamic = say("phone dynamic") if any(one.dynamic for one in model.inputs) else ""
    return Target("phone", True, say("phone yes", dynamic=dynamic, size=model.size))


def reasons(model: Model, run: Run) -> list[str]:
    """Return what the file itself says against it."""
    dtypes = targets.wrong_dtypes(model, DTYPES, "LiteRT's TensorBuffer for Kotlin")
    return dtypes + [say("phone missing op", op) for op in targets.missing_ops(model, run)]


def _compare(content, model, run):
    """Run a file in CompiledModel on the inputs of a Run; raise ValueError for other outputs."""
    import numpy as np
    from ai_edge_litert.compiled_model import CompiledModel

    number = model.signature_subgraphs.index(0) if 0 in model.signature_subgraphs else 0
    compiled = CompiledModel.from_buffer(content)
    signature = compiled.get_signature_by_index(number)
    inputs = compiled.create_input_buffers(number)
    outputs = compiled.create_output_buffers(number)
    arrays = {one.index: array for one, array in zip(model.inputs, run.inputs)}
    details = compiled.get_input_tensor_details(signature["key"])
    for name, buffer in zip(signature["inputs"], inputs):
        # As bytes: its Python form knows fewer types than the runtime.
        array = np.ascontiguousarray(arrays[details[name]["index"]])
        buffer.write(array.reshape(-1).view(np.int8))
    compiled.run_by_index(number, inputs, outputs)
    arrays = {one.index: array for one, array in zip(model.outputs, run.outputs)}
    details = compiled.get_output_tensor_details(signature["key"])
    for place, (name, buffer) in enumerate(zip(signature["outputs"], outputs)):
        wanted = arrays[details[name]["index"]]
        size = int(compiled.get_output_buffer_requirements(place, number)["buffer_size"])
        got = buffer.read(size, np.int8)
        if got.nbytes != wanted.nbytes or not targets.near(got.view(wanted.dtype), wanted):
            raise ValueError(say("other outputs"))
