"""A microcontroller: TensorFlow Lite Micro, and boards that have the memory for it."""

from hub_to_tflite import knowledge
from hub_to_tflite.file.flatbuffer import Model
from hub_to_tflite.targets import Run, Target, near, say, sentences, tflm


def judge(model: Model, found: tflm.Result, run: Run) -> Target:
    """Return the Target "microcontroller" for what tflm.run found on the inputs of `run`."""
    if found.refused:
        takes = None if found.refused == tflm.ABSENT else False
        return Target("microcontroller", takes, sentences([found.refused]))
    if run.outputs and not near(found.outputs, run.outputs[0]):
        return Target("microcontroller", False, f"TFLM runs it, and {say('other outputs')}.")
    size, arena = model.size, found.arena
    reason = say("micro runs", size=size, arena=arena)
    reason += "" if run.outputs else say("micro alone")
    boards = knowledge.load(tflm.KNOWN)["boards"]
    fitting = [name for name, (flash, ram) in boards.items() if size < flash and arena < ram]
    if fitting:
        return Target("microcontroller", True, reason + say("micro fits", ", ".join(fitting)))
    largest = map(max, zip(*boards.values()))
    return Target("microcontroller", False, reason + say("micro too large", *largest))
