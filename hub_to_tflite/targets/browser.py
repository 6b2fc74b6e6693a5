"""A browser: the rules of LiteRT.js, each seen in Chromium. It is not run here."""

from hub_to_tflite.file.flatbuffer import Model
from hub_to_tflite.targets import Run, Target, aliased_output, missing_ops, sentences, wrong_dtypes

LITERTJS = "LiteRT.js 2.5.3"
# What its Tensor holds; of others it says "Element type ... is not supported".
DTYPES = ("float32", "int32", "uint8")


def judge(model: Model, run: Run) -> Target:
    """Return the Target "browser".

    What LiteRT says against a file in Python counts too: LiteRT.js is the same runtime, and mostly
    goes on anyway.
    """
    reasons = _reasons(model, run)
    if run.refusal and not reasons:
        reasons.append(run.refusal)
    if reasons:
        return Target("browser", False, sentences(reasons))
    dtypes = " and ".join(sorted({one.dtype for one in (*model.inputs, *model.outputs)}))
    reason = f"By the rules of {LITERTJS}, not run here: {dtypes} goes in and out, and the sizes "
    reason += "are fixed"
    if any(one.dynamic for one in model.inputs):
        reason += ", the dynamic ones at 1"
    reason += f". A page fetches {model.size:,} bytes besides the 9 MB of LiteRT.js."
    return Target("browser", True, reason)


def _reasons(model, run):
    both = (*model.inputs, *model.outputs)
    reasons = wrong_dtypes(model, DTYPES, LITERTJS)
    if any(tensor.dtype in ("int8", "int16") for tensor in both):
        reasons.append('the recipe "full-integer with float I/O" keeps float32 outside')
    # LiteRT.js takes 1 for a dynamic dimension if the file does not say that the rank is known.
    dynamic = [one for one in both if one.ranked and one.dynamic]
    if dynamic and dynamic[0] in model.inputs:
        reasons.append(
            f"the input {dynamic[0].name!r} has a dynamic dimension, {dynamic[0].sizes}, and "
            "LiteRT.js needs all of them fixed: convert it with a batch of 1"
        )
    elif dynamic:
        reasons.append(
            f"the size of the output {dynamic[0].name!r}, {dynamic[0].sizes}, depends on the "
            "input; LiteRT.js reserves its memory before the run, and what it returns means nothing"
        )
    for one, array in zip(model.outputs, run.outputs):
        if not one.dynamic and array.shape != one.shape:
            reasons.append(
                f"the output {one.name!r} is {one.sizes} by the file, and {array.shape} once it "
                "ran; LiteRT.js goes by the file"
            )
    if any(0 in tensor.shape for tensor in both):
        reasons.append("an input or output holds no numbers")
    for op in missing_ops(model, run):
        reasons.append(
            f"LiteRT.js has no op {op}, and still runs the file: its outputs then mean nothing"
        )
    if aliased := aliased_output(model):
        reasons.append(f"{aliased}, and LiteRT.js leaves it unset")
    return reasons
