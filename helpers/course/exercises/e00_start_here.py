"""The exercises of 00_start_here."""

import numbers

from helpers.course.exercises import Exercise


def _index(index, scores):
    row = scores[1]
    if isinstance(index, numbers.Real) and index == int(index):
        if int(index) == row.argmax():
            return None
        if int(index) == row.argmin():
            return "That is the index of the lowest score. The model's prediction is the index of the highest."
        if int(index) == scores[0].argmax():
            return "That is the prediction for the first image. Rows are counted from zero: the second is scores[1]."
        return "That is an index, but not that of the highest score in scores[1]."
    if isinstance(index, numbers.Real) and float(index) == float(row.max()):
        return (
            "That is the highest score itself. The prediction is its index: argmax instead of max."
        )
    return "The answer is one integer: an index in scores[1]."


def _times(times, saved_model_bytes, tflite_bytes):
    right = saved_model_bytes / tflite_bytes
    if not isinstance(times, numbers.Real):
        return "The answer is one number."
    if abs(times - right) < 0.1:
        return None
    if abs(times - 1 / right) < 0.05:
        return "Upside down: that is the part of the SavedModel that is left. Divide the larger by the smaller."
    if abs(times - (saved_model_bytes - tflite_bytes)) < 1:
        return "That is how many bytes are saved. How many times does the .tflite fit into the SavedModel?"
    return "Divide the bytes of the SavedModel by the bytes of the .tflite."


EXERCISES = [
    Exercise(
        _index,
        "The index of the highest score is a classifier's prediction, its *top-1*.",
        "scores[1] is the row of the second image. argmax() gives the index of its largest number.",
        "index = scores[1].argmax()",
        {
            "index = scores[1].max()": "argmax instead of max",
            "index = scores[1].argmin()": "lowest score",
        },
    ),
    Exercise(
        _times,
        "Where the rest went is the subject of lessons 03 and 04.",
        "Both sizes are in the ledger, and in the variables saved_model_bytes and tflite_bytes.",
        "times_smaller = saved_model_bytes / tflite_bytes",
        {
            "times_smaller = tflite_bytes / saved_model_bytes": "Upside down",
            "times_smaller = saved_model_bytes - tflite_bytes": "bytes are saved",
        },
    ),
]
