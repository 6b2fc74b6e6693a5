"""The exercises of 11_bring_your_own_model."""

from helpers.course.exercises import Exercise, NotAttempted

SHARES = [[0.01, 0.004, 0.03], [0.2], [0.0, 0.0]]


def _tightest(tightest):
    answers = [tightest(list(shares)) for shares in SHARES]
    if answers[0] is ...:
        raise NotAttempted
    if None in answers:
        return "It returns None. Return a number."
    if answers == [max(shares) for shares in SHARES]:
        return None
    if answers == [min(shares) for shares in SHARES]:
        return "This is the sample that came off best. A tolerance holds for every sample, so the worst one decides."
    if abs(answers[0] - sum(SHARES[0]) / 3) < 1e-9:
        return "This is the mean. Half of the samples may be worse than that, and one of them could be your user's."
    return (
        f"For {SHARES[0]} it returns {answers[0]!r}. Which of the numbers must the tolerance reach?"
    )


def _proven(proven):
    chosen = {
        str(letter).strip().lower() for letter in ([proven] if isinstance(proven, str) else proven)
    }
    if chosen == {"a", "d"}:
        return None
    if "b" in chosen:
        return "Not b: nobody knows the right answer to a random input, so nothing was counted that could be right."
    if "c" in chosen:
        return "Not c: calibration sees the values that it is given. Random pixels flow through the model unlike photos."
    if "a" not in chosen:
        return "One is missing: every file was compared with the SavedModel, on the same inputs. That is proven, for inputs like these."
    if "d" not in chosen:
        return "One is missing: to answer 50 inputs, a file had to open and to run."
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


def _recommend(recommend):
    answers = []
    for rows, tolerance, _ in TABLES:
        try:
            answers.append(recommend(list(rows), tolerance))
        except ValueError as error:
            if "empty" not in str(error):
                raise
            return "Where no file keeps the model, min has nothing to choose from. Return None then: min(..., default=None)."
    if answers[0] is ...:
        raise NotAttempted
    answers = [
        answer[0] if isinstance(answer, (list, tuple)) and answer else answer for answer in answers
    ]
    wanted = [recipe for *_, recipe in TABLES]
    if answers == wanted:
        return None
    if answers[0] == "int8":
        return "It takes the smallest file, and a number in that one is off by 0.2 of the range. The tolerance is 0.05."
    if answers[1] == "int8":
        return (
            "It takes a file with the same top-1 on 97 of 100 samples. At least 98 % are asked for."
        )
    if answers[0] == "float32":
        return "float32 is the closest to the original. Of the files that keep the model, the rule takes the smallest."
    if answers[2] != "int8":
        return "It refuses a file with the same top-1 on 98 of 100: that is 98 %, and enough."
    if answers[3] is not None:
        return f"It recommends {answers[3]!r} where no file keeps the model. Return None then."
    return f"On four planted tables it recommends {answers}. Expected: {wanted}."


EXERCISES = [
    Exercise(
        _tightest,
        "The worst sample decides.",
        "A tolerance is met if no sample is further off. Which function of a list finds that one?",
        "def tightest(shares):\n    return max(shares)",
        {
            "def tightest(shares):\n    return min(shares)": "came off best",
            "def tightest(shares):\n    return sum(shares) / len(shares)": "This is the mean",
            "def tightest(shares):\n    max(shares)": "It returns None",
        },
    ),
    Exercise(
        _proven,
        "They agree on inputs like these, and they run. Whether the model is right takes inputs whose answer is known.",
        "What was compared with what? For a sentence about being right, somebody must know the right answer.",
        'proven = ["a", "d"]',
        {
            'proven = ["a", "b", "d"]': "nobody knows the right answer",
            'proven = ["a", "c", "d"]': "calibration sees",
            'proven = ["a"]': "had to open",
            'proven = ["d"]': "compared with the SavedModel",
        },
    ),
    Exercise(
        _recommend,
        "Small, among those that keep the model. It is the rule of section 7, without labels.",
        "First keep the rows with share <= tolerance and same >= 0.98 * total. Then min with key, and default=None.",
        "def recommend(rows, tolerance):\n"
        "    kept = [row for row in rows if row[2] <= tolerance and row[3] >= 0.98 * row[4]]\n"
        "    best = min(kept, key=lambda row: row[1], default=None)\n"
        "    return best and best[0]",
        {
            "def recommend(rows, tolerance):\n    return min(rows, key=lambda row: row[1])[0]": "off by 0.2",
            "def recommend(rows, tolerance):\n"
            "    kept = [row for row in rows if row[2] <= tolerance]\n"
            "    return min(kept, key=lambda row: row[1], default=(None,))[0]": "97 of 100",
            "def recommend(rows, tolerance):\n"
            "    kept = [row for row in rows if row[2] <= tolerance and row[3] >= 0.98 * row[4]]\n"
            "    return min(kept, key=lambda row: row[1])[0]": "default=None",
            "def recommend(rows, tolerance):\n    return min(rows, key=lambda row: row[2])[0]": "the smallest",
        },
    ),
]
