"""What can be said of a file's targets without running it, by rules: `check --not-run`."""

from hub_to_tflite import knowledge, targets
from hub_to_tflite.file.flatbuffer import Model
from hub_to_tflite.targets import Run, Target, browser, phone, say, tflm


def judge(model: Model) -> tuple[Target, ...]:
    """Return a Target for each of TARGETS: False for a reason in the file, else None.

    The browser is always judged by rules. What is False here is False for `check` too.
    """
    missing = targets.missing_ops(model, Run())
    reasons = {
        "Python": [say("python missing op", op) for op in missing],
        "microcontroller": _micro(model),
        "phone": phone.reasons(model, Run()),
    }
    judged = {
        name: Target(name, False if found else None, targets.sentences(found or [say("not run")]))
        for name, found in reasons.items()
    }
    judged["browser"] = browser.judge(model, Run())
    return tuple(judged[name] for name in targets.TARGETS)


def _micro(model):
    """Return what is said against a microcontroller: a list of one text or none."""
    flex = [op.name for op in model.ops if op.kind == "flex"]
    if any(tensor.dtype == "string" for tensor in (*model.inputs, *model.outputs)):
        return [say("micro text")]
    if flex:
        return [say("micro missing op", flex[0], "one of TensorFlow")]
    largest = max(flash for flash, _ in knowledge.load(tflm.KNOWN)["boards"].values())
    return [say("micro file too large", model.size, largest)] if model.size >= largest else []
