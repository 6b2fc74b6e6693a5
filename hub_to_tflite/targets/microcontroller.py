"""A microcontroller: TensorFlow Lite Micro, and boards that have the memory for it."""

from hub_to_tflite import knowledge
from hub_to_tflite.file.flatbuffer import Model
from hub_to_tflite.targets import OTHERS, Run, Target, near, sentences, tflm


def judge(model: Model, found: tflm.Result, run: Run) -> Target:
    """Return the Target "microcontroller" for what tflm.run found on the inputs of `run`."""
    if found.refused:
        takes = None if found.refused == tflm.ABSENT else False
        return Target("microcontroller", takes, sentences([found.refused]))
    if run.outputs and not near(found.outputs, run.outputs[0]):
        return Target("microcontroller", False, f"TFLM runs it, and {OTHERS}.")
    reason = f"TFLM runs it, with {model.size:,} bytes of flash and an arena of {found.arena:,}"
    reason += " bytes of RAM"
    if not run.outputs:
        reason += ", and LiteRT gave no outputs to compare"
    boards = knowledge.load(tflm.KNOWN)["boards"]
    fitting = [
        name for name, (flash, ram) in boards.items() if model.size < flash and found.arena < ram
    ]
    if fitting:
        reason += ". It fits, with the rest of the program still to come, on: "
        return Target("microcontroller", True, f"{reason}{', '.join(fitting)}.")
    flash, ram = map(max, zip(*boards.values()))
    reason += f". The largest boards known here have {flash:,} and {ram:,}."
    return Target("microcontroller", False, reason)
