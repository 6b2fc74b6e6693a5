"""The exercises of 50_bring_your_own_model."""

from helpers.course.exercises import Exercise, NotAttempted

ERRORS = [[0.01, 0.004, 0.03], [0.2], [0.0, 0.0]]


def _tightest(tightest):
    answers = [tightest(list(errors)) for errors in ERRORS]
    if answers[0] is ...:
        raise NotAttempted
    if None in answers:
        return "It returns None. Return a number."
    if answers == [max(errors) for errors in ERRORS]:
        return None
    if answers == [min(errors) for errors in ERRORS]:
        return (
            "This is the best sample. A tolerance holds for every sample, so the worst one decides."
        )
    if abs(answers[0] - sum(ERRORS[0]) / 3) < 1e-9:
        return "This is the mean. Half of the samples may be worse than that, and one of them could be your user's."
    return (
        f"For {ERRORS[0]} it returns {answers[0]!r}. Which of the numbers must the tolerance reach?"
    )


def _proven(proven):
    chosen = {
        str(letter).strip().lower() for letter in ([proven] if isinstance(proven, str) else proven)
    }
    if chosen == {"a", "d"}:
        return None
    if "b" in chosen:
        return "Not b: nobody knows the right class of a random input, so nothing was counted that could be right."
    if "c" in chosen:
        return "Not c: calibration sees the values that it is given. Random pixels make other values than photos."
    if "a" not in chosen:
        return "One is missing: every file was compared with the SavedModel, on the same inputs. That is proven, for inputs like these."
    if "d" not in chosen:
        return "One is missing: to return 50 outputs, a file had to open and run."
    return f"Found: {sorted(chosen)}. Use the letters a to d."


TABLES = [  # rows, tolerance, the recipe to take
    (
        [
            ("float32", 400, 1e-6, 100, 100),
            ("int8", 110, 0.2, 100, 100),
            ("float16", 200, 0.001, 100, 100),
        ],
        0.05,
        "float16",
    ),
    (
        [
            ("float32", 400, 1e-6, 100, 100),
            ("int8", 110, 0.01, 97, 100),
            ("float16", 200, 0.001, 100, 100),
        ],
        0.05,
        "float16",
    ),
    ([("float32", 400, 1e-6, 100, 100), ("int8", 110, 0.01, 98, 100)], 0.05, "int8"),
    ([("float32", 400, 0.1, 100, 100), ("int8", 110, 0.2, 90, 100)], 0.05, None),
]


def _choose(choose):
    answers = []
    for rows, tolerance, _ in TABLES:
        try:
            answers.append(choose(list(rows), tolerance))
        except ValueError as error:
            if "empty" not in str(error):
                raise
            return "Where no file is within the tolerance, min has nothing to choose from. Return None then: min(..., default=None)."
    if answers[0] is ...:
        raise NotAttempted
    answers = [
        answer[0] if isinstance(answer, (list, tuple)) and answer else answer for answer in answers
    ]
    wanted = [recipe for *_, recipe in TABLES]
    if answers == wanted:
        return None
    if answers[0] == "int8":
        return "It takes the smallest file, whose relative error is 0.2. The tolerance is 0.05."
    if answers[1] == "int8":
        return (
            "It takes a file with the same top-1 on 97 of 100 samples. At least 98 % are asked for."
        )
    if answers[0] == "float32":
        return "float32 is the closest to the original. Of the files within the tolerance, the rule takes the smallest."
    if answers[2] != "int8":
        return "It refuses a file with the same top-1 on 98 of 100: that's 98 %, and enough."
    if answers[3] is not None:
        return (
            f"It recommends {answers[3]!r} where no file is within the tolerance. Return None then."
        )
    return f"On four planted tables it recommends {answers}. Expected: {wanted}."


EXERCISES = [
    Exercise(
        _proven,
        "They agree on inputs like these, and they run. Whether the model is right takes inputs whose class is known.",
        "What was compared with what? For a sentence about being right, somebody must know the right class.",
        'proven = ["a", "d"]',
        {
            'proven = ["a", "b", "d"]': "nobody knows the right class",
            'proven = ["a", "c", "d"]': "calibration sees",
            'proven = ["a"]': "had to open",
            'proven = ["d"]': "compared with the SavedModel",
        },
    ),
    Exercise(
        _tightest,
        "The worst sample decides.",
        "A tolerance is met if no sample's error is larger. Which function of a list finds that one?",
        "def tightest(errors):\n    return max(errors)",
        {
            "def tightest(errors):\n    return min(errors)": "best sample",
            "def tightest(errors):\n    return sum(errors) / len(errors)": "This is the mean",
            "def tightest(errors):\n    max(errors)": "It returns None",
        },
    ),
    Exercise(
        _choose,
        "The smallest of those within the tolerance: the report's rule, without labels.",
        "First keep the rows with error <= tolerance and same >= 0.98 * total. Then min with key, and default=None.",
        "def choose(rows, tolerance):\n"
        "    kept = [row for row in rows if row[2] <= tolerance and row[3] >= 0.98 * row[4]]\n"
        "    best = min(kept, key=lambda row: row[1], default=None)\n"
        "    return best and best[0]",
        {
            "def choose(rows, tolerance):\n    return min(rows, key=lambda row: row[1])[0]": "relative error is 0.2",
            "def choose(rows, tolerance):\n"
            "    kept = [row for row in rows if row[2] <= tolerance]\n"
            "    return min(kept, key=lambda row: row[1], default=(None,))[0]": "97 of 100",
            "def choose(rows, tolerance):\n"
            "    kept = [row for row in rows if row[2] <= tolerance and row[3] >= 0.98 * row[4]]\n"
            "    return min(kept, key=lambda row: row[1])[0]": "default=None",
            "def choose(rows, tolerance):\n    return min(rows, key=lambda row: row[2])[0]": "the smallest",
        },
    ),
]
