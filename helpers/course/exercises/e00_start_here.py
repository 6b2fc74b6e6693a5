"""The exercises of 00_start_here."""

import numpy as np

from helpers.course.exercises import Exercise, Wrong, ask, shown


def _top_1(top_1):
    random = np.random.default_rng(7)
    for count, classes in ((5, 10), (1, 4), (9, 3)):
        scores = random.normal(0, 5, (count, classes)).astype(np.float32)
        right = scores.argmax(1)
        answer = ask(top_1, scores.copy())
        try:
            found = np.asarray(answer)
        except ValueError:  # rows of several lengths
            return f"For {count} rows it should return {count} indices. Found: {shown(answer)}."
        if found.dtype.kind not in "iuf":
            return f"An index is an integer. Found: {shown(answer)}."
        if found.ndim == 0:
            rule = f"For {count} rows you returned one value, {found}."
            return f"{rule} Without axis=1, argmax looks through the whole array at once."
        if found.shape != (count,):
            if np.array_equal(found, scores.argmax(0)):
                return "That's the best row of each column, axis=0. You want axis=1."
            return f"For {count} rows it should return {count} indices. Found: {shown(found)}."
        if np.allclose(found, scores.max(1)):
            return "Those are the highest scores. You want where they are: argmax, not max."
        if np.array_equal(found, scores.argmin(1)):
            return "Those are the indices of the lowest scores: argmin. You want argmax."
        if not np.array_equal(found, right):
            wrong = np.flatnonzero(found != right)[0]
            row = ", ".join(f"{score:.1f}" for score in scores[wrong])
            return f"For the scores {row} it should return {right[wrong]}. Found: {found[wrong]}."
        if found.dtype.kind == "f":
            return f"An index is an integer. Found: {shown(found)}."
    return None


def _error(error):
    random = np.random.default_rng(8)
    for size, low, high, most in (  # where `most` is negative, so is the largest difference
        ((20, 10), -20, 3, -0.3),
        ((7, 4), 100, 140, 0.02),
        ((30, 2), 0, 0.02, -0.1),
    ):
        reference = random.uniform(low, high, size)
        span = np.ptp(reference)
        moved = most * span * random.uniform(-0.5, 1, size)
        moved.flat[0] = most * span
        scores = reference + moved
        found = ask(error, reference.copy(), scores.copy())
        if np.ndim(found) or isinstance(found, (str, bytes, bool)):
            raise Wrong(f"The answer should be one number. Found: {shown(found)}.")
        reason = _compared(float(found), np.asarray(scores - reference), reference, scores)
        if reason:
            return reason
    return None


def _compared(found, moved, reference, scores):
    """Return what is wrong with a fraction of the range, or None."""
    largest, span = np.abs(moved).max(), np.ptp(reference)
    if np.isclose(found, largest / span, rtol=1e-3):
        return None
    reasons = {
        largest: "That's the largest difference itself. Divide it by the reference's range.",
        100 * largest / span: "That's in percent. Return the fraction, without the factor of 100.",
        moved.max() / span: "A score may also be lower than the reference's: np.abs first.",
        -moved.min() / span: "A score may also be higher than the reference's: np.abs first.",
        np.abs(moved).mean() / span: "That's the mean difference. One bad score must show: max.",
        largest / np.ptp(scores): "That's the other form's range. Divide by the reference's.",
        largest / reference.max(): "The range is the highest score minus the lowest.",
        span / largest: "That's upside down: the range divided by the difference.",
    }
    for value, reason in reasons.items():
        if np.isclose(found, value, rtol=1e-3):
            return reason
    case = f"a largest difference of {largest:.3g} and a range of {span:.3g}"
    return f"With {case} it should return {largest / span:.3g}. Found: {found:.3g}."


EXERCISES = [
    Exercise(
        _top_1,
        "That index is a classifier's prediction, its *top-1*.",
        "scores.argmax() looks through the whole array. An argument tells it to go row by row.",
        "def top_1(scores):\n    return scores.argmax(axis=1)",
        {
            "def top_1(scores):\n    return scores.argmax()": "Without axis=1",
            "def top_1(scores):\n    return scores.argmax(axis=0)": "axis=0",
            "def top_1(scores):\n    return scores.max(axis=1)": "argmax, not max",
            "def top_1(scores):\n    return scores.argmin(axis=1)": "lowest scores",
            "def top_1(scores):\n    return labels": "it should return 5 indices",
            "def top_1(scores):\n    print(scores.argmax(axis=1))": "returns nothing",
            "def top_1(scores):\n    return scores[1].argmax()": "returned one value",
            "def top_1(scores):\n    return [f'{row.argmax()}' for row in scores]": "is an integer",
        },
        ("def top_1(scores):\n    return [row.argmax() for row in scores]",),
    ),
    Exercise(
        _error,
        "The ledger rejects a row where this is larger than the tolerance.",
        "Three steps: the differences (np.abs), the largest of them, and the range of reference.",
        "def error(reference, scores):\n"
        "    largest = np.abs(scores - reference).max()\n"
        "    return largest / (reference.max() - reference.min())",
        {
            "def error(reference, scores):\n    return np.abs(scores - reference).max()": (
                "Divide it by the reference's range"
            ),
            "def error(reference, scores):\n"
            "    return (scores - reference).max() / np.ptp(reference)": "np.abs first",
            "def error(reference, scores):\n"
            "    return np.abs(scores - reference).mean() / np.ptp(reference)": "mean difference",
            "def error(reference, scores):\n"
            "    return 100 * np.abs(scores - reference).max() / np.ptp(reference)": "in percent",
            "def error(reference, scores):\n"
            "    return np.abs(scores - reference).max() / np.ptp(scores)": "other form's range",
            "def error(reference, scores):\n"
            "    return np.abs(scores - reference).max() / reference.max()": "minus the lowest",
            "def error(reference, scores):\n"
            "    return np.abs(scores - reference) / np.ptp(reference)": "one number",
            "def error(reference, scores):\n    return difference / score_range": "should return",
        },
        (
            "def error(reference, scores):\n"
            "    pairs = zip(reference.flat, scores.flat)\n"
            "    return max(abs(a - b) for a, b in pairs) / np.ptp(reference)",
        ),
    ),
]
