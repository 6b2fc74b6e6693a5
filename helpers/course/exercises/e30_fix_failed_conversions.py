"""The exercises of 30_fix_failed_conversions."""

import re

import numpy as np

from helpers.course.exercises import Exercise, NotAttempted


def _asinh(asinh):
    import tensorflow as tf

    values = np.linspace(-3, 3, 13, dtype=np.float32)
    answer = asinh(tf.constant(values))
    if answer is ...:
        raise NotAttempted
    if answer is None:
        return "It returns None. Return the result."
    if not tf.is_tensor(answer):
        return "NumPy computed this, at once. The converter sees only TensorFlow's own operations: use tf.math.log and tf.sqrt."
    spec = tf.TensorSpec([None], tf.float32)
    traced = tf.function(asinh, input_signature=[spec]).get_concrete_function()
    try:
        tf.lite.TFLiteConverter.from_concrete_functions([traced], tf.Module()).convert()
    except Exception as error:
        lines = re.findall(r"(?:TF Select|Custom) ops: .+", str(error))
        return f"It does not convert. The telling line: {lines[-1] if lines else str(error)[:100]}"
    if not np.isfinite(answer).all():
        return "Some values aren't numbers. Under the root is x squared plus one, which is never negative."
    if np.allclose(answer, np.arcsinh(values), atol=1e-4):
        return None
    return "It converts, but gives other numbers than asinh. Compare it with the formula once more."


OPS = {
    "Conv2D": (False, False),
    "ArgMax": (False, False),
    "LookupTableFindV2": (False, True),
    "StringUpper": (True, True),
    "StringLength": (True, False),
}


def _text_out(cut_for_text_out):
    answer = cut_for_text_out(OPS)
    if answer is ...:
        raise NotAttempted
    if answer is None:
        return "It returns None. Return a list of names."
    answer = [answer] if isinstance(answer, str) else list(answer)
    if answer == ["LookupTableFindV2"]:
        return None
    if "StringLength" in answer and "LookupTableFindV2" not in answer:
        return "StringLength reads text and gives a number: this is the cut of a model with text in. Here it is the other way round."
    if "StringUpper" in answer:
        return "StringUpper gives text, but it reads text too: it comes after the border."
    if "Conv2D" in answer:
        return "Conv2D has no text on either side. It belongs to the half that converts."
    return f"On a planted list it found {answer}. Which op reads no text and gives text?"


def _opens(opens):
    pairs = [
        ("2.9", "2.17.0"),
        ("2.17.0", "2.9"),
        ("2.17.0", "2.17.0"),
        ("2.17", "2.17.0"),
        ("3.0", "2.17.0"),
    ]
    wanted = [False, True, True, True, True]
    answers = [opens(*pair) for pair in pairs]
    if answers[0] is ...:
        raise NotAttempted
    if None in answers:
        return "It returns None. Return True or False."
    if [bool(answer) for answer in answers] == wanted:
        return None
    if answers[0]:
        return 'It says that 2.9 opens a file for 2.17.0. As text or as a decimal, "2.9" is the larger; as releases, 9 comes before 17.'
    if not answers[2]:
        return "A runtime of exactly the release that the file needs does open it."
    if not answers[3]:
        return 'It says that "2.17" does not open what needs "2.17.0". They are the same release: compare the first two numbers.'
    if not answers[4]:
        return "Release 3.0 comes after 2.17: compare the first number first."
    return "It refuses a runtime that is newer than what the file needs."


EXERCISES = [
    Exercise(
        _asinh,
        "It converts, and gives asinh's numbers.",
        "tf.math.log is the natural logarithm, tf.sqrt the root.",
        "def asinh(x):\n    return tf.math.log(x + tf.sqrt(x * x + 1.0))",
        {
            "def asinh(x):\n    return tf.math.asinh(x)": "Custom ops: Asinh",
            "def asinh(x):\n    return np.arcsinh(x)": "NumPy computed this",
            "def asinh(x):\n    return tf.math.log(x + tf.sqrt(x * x - 1.0))": "aren't numbers",
        },
    ),
    Exercise(
        _text_out,
        "Convert what comes before it, and keep the table from number to name in your program.",
        "Go through ops.items(). The first of the two must be False, the second True.",
        "def cut_for_text_out(ops):\n    return [name for name, (reads, gives) in ops.items() if gives and not reads]",
        {
            "def cut_for_text_out(ops):\n    return [name for name, (reads, gives) in ops.items() if gives]": "reads text too",
            "def cut_for_text_out(ops):\n"
            "    return [name for name, (reads, gives) in ops.items() if reads and not gives]": "the other way round",
            "def cut_for_text_out(ops):\n    return [name for name, (reads, gives) in ops.items() if not reads]": "no text on either side",
        },
    ),
    Exercise(
        _opens,
        "Releases are compared number by number.",
        'needed.split(".") gives the numbers as text. Turn the first two into int, and compare lists.',
        "def opens(runtime, needed):\n"
        '    numbers = [[int(part) for part in release.split(".")[:2]] for release in (runtime, needed)]\n'
        "    return numbers[0] >= numbers[1]",
        {
            "def opens(runtime, needed):\n    return runtime >= needed": "9 comes before 17",
            "def opens(runtime, needed):\n"
            '    return [int(n) for n in runtime.split(".")] > [int(n) for n in needed.split(".")]': "exactly the release",
            "def opens(runtime, needed):\n"
            '    return [int(n) for n in runtime.split(".")] >= [int(n) for n in needed.split(".")]': "the same release",
        },
    ),
]
