"""A browser: the rules of LiteRT.js, each seen in Chromium. It is not run here."""

from hub_to_tflite import targets
from hub_to_tflite.file.flatbuffer import Model
from hub_to_tflite.targets import Run, Target, say

LITERTJS = "LiteRT.js 2.5.3"
# What its Tensor holds; of others it says "Element type ... is not supported".
DTYPES = ("float32", "int32", "uint8")


def judge(model: Model, run: Run) -> Target:
    """Return the Target "browser".

    What LiteRT says against a file in Python counts too: LiteRT.js is the same runtime, and mostly
    goes on anyway.
    """
    reasons = list(_reasons(model, run))
    if run.refusal and not reasons:
        reasons.append(run.refusal)
    if reasons:
        return Target("browser", False, targets.sentences(reasons))
    found = {"library": LITERTJS, "size": model.size}
    found["dtypes"] = " and ".join(sorted({one.dtype for one in (*model.inputs, *model.outputs)}))
    dynamic = any(one.dynamic for one in model.inputs)
    found["dynamic"] = ", the dynamic ones at 1" if dynamic else ""
    return Target("browser", True, say("browser yes", **found))


def _reasons(model, run):
    """Yield what is said against a file."""
    both = (*model.inputs, *model.outputs)
    yield from targets.wrong_dtypes(model, DTYPES, LITERTJS)
    wrong = {tensor.dtype for tensor in both} - set(DTYPES)
    if wrong and wrong <= {"int8", "int16"}:
        yield say("browser integers")
    # LiteRT.js takes 1 for a dynamic dimension if the file does not say that the rank is known.
    if dynamic := [one for one in both if one.ranked and one.dynamic]:
        side = "input" if dynamic[0] in model.inputs else "output"
        yield say(f"browser dynamic {side}", dynamic[0])
    pairs = zip(model.outputs, run.outputs)
    if others := [pair for pair in pairs if not pair[0].dynamic and pair[1].shape != pair[0].shape]:
        more = say("browser more outputs", len(others) - 1) if len(others) > 1 else ""
        yield say("browser other shape", *others[0], more=more)
    if any(0 in tensor.shape for tensor in both):
        yield say("browser empty")
    for op in targets.missing_ops(model, run):
        yield say("browser missing op", op)
    if aliased := targets.aliased_output(model):
        yield say("browser aliased", aliased)
