"""The exercises of 50_bring_your_own_model."""

import numpy as np

from helpers.course.exercises import Exercise, Wrong, ask, shown

NUMBER = (float, int, np.floating, np.integer)


def _outputs(rng, ranges):
    """Return (reference, outputs) of a model with an output for each (low, high, error)."""
    reference, outputs = {}, {}
    for number, (low, high, error) in enumerate(ranges):
        expected = rng.uniform(low, high, (6, 4)).astype(np.float32)
        off = rng.uniform(-0.2, 0.2, expected.shape) * error
        off[rng.integers(6), rng.integers(4)] = error
        reference[f"output_{number}"] = expected
        outputs[f"output_{number}"] = (expected + off).astype(np.float32)
    return reference, dict(reversed(outputs.items()))


CASES = [  # for each output: its range, and its largest error
    [(0, 30, 0.5), (0, 1, -0.2), (0, 2, 0.1)],
    [(-10, -5, -1.0)],
    [(0, 2, 3.0), (0, 10, 2.0)],
    [(0, 1, 0.04), (-40, 40, 2.0), (100, 130, -6.0)],
    [(-1, 1, -0.9), (0, 255, 30.0)],
    [(5, 6, 0.3), (0, 1, 0.01)],
]


def _worst(worst):
    rng = np.random.default_rng(50)
    for ranges in CASES:
        reference, outputs = _outputs(rng, ranges)
        copies = [{name: one.copy() for name, one in each.items()} for each in (reference, outputs)]
        answer = ask(worst, *copies)
        if isinstance(answer, dict):
            raise Wrong("One number is asked for: the largest of all outputs.")
        if not isinstance(answer, NUMBER) and np.shape(answer) != ():
            raise Wrong(f"One number is asked for. Found: {shown(answer)}.")
        try:
            answer = float(answer)
        except (TypeError, ValueError):
            raise Wrong(f"One number is asked for. Found: {shown(answer)}.") from None
        differences = {name: np.abs(reference[name] - outputs[name]) for name in reference}
        relative = {n: float(one.max() / np.ptp(reference[n])) for n, one in differences.items()}
        right = max(relative.values())
        if np.isclose(answer, right, rtol=1e-4):
            continue
        signed = [
            float((sign * (reference[n] - outputs[n])).max() / np.ptp(reference[n]))
            for n in reference
            for sign in (1, -1)
        ]
        everything = max(np.ptp(np.concatenate(list(reference.values()))), 1e-9)
        reasons = [
            (max(one.max() for one in differences.values()), "This is the absolute error, not yet "
             "divided by the output's range."),
            (max(float(one.max() / np.abs(reference[n]).max()) for n, one in differences.items()),
             "It's divided by the largest number. The range is the largest minus the smallest."),
            (max(float(one.max() / np.ptp(outputs[n])) for n, one in differences.items()),
             "It's divided by the range of the file's output. The reference is the SavedModel's."),
            (max(float(one.mean() / np.ptp(reference[n])) for n, one in differences.items()),
             "This is the mean error. A tolerance holds for every number, so the worst one decides."),
            *((one, f"This is {n} alone. Take the worst of all outputs.")
              for n, one in relative.items()),
            (100 * right, "This is in percent. Return the fraction: 0.05, not 5."),
            (max(float((one / np.abs(reference[n])).max()) for n, one in differences.items()),
             "Each error is divided by its own number. Divide by the output's range."),
            (sum(relative.values()), "These are the outputs' errors added up. The worst one decides."),
            (max(one.max() for one in differences.values()) / everything, "Each output has a range "
             "of its own: divide before you take the largest."),
            (sum(relative.values()) / len(relative), "This is the mean of the outputs. The worst "
             "one decides."),
            *((one, "An error can be negative too: take its absolute value.") for one in signed),
        ]  # fmt: skip
        for value, reason in reasons:
            if np.isclose(answer, value, rtol=1e-4):
                return reason
        return (
            f"For outputs with the relative errors {', '.join(f'{v:.3f}' for v in relative.values())} "
            f"it returns {answer:.3g}; it should be {right:.3f}."
        )
    return None


TABLES = [  # rows, tolerance
    (
        [
            ("float32", 400, 1e-6, 100, 100),
            ("int8", 110, 0.2, 100, 100),
            ("float16", 200, 0.001, 100, 100),
        ],
        0.05,
    ),
    (
        [
            ("float32", 400, 1e-6, 100, 100),
            ("int8", 110, 0.01, 97, 100),
            ("float16", 200, 0.001, 100, 100),
        ],
        0.05,
    ),
    ([("int16x8", 130, 0.004, 50, 50), ("int8", 110, 0.02, 49, 50)], 0.02),
    ([("float32", 400, 0.1, 100, 100), ("int8", 110, 0.2, 90, 100)], 0.05),
    ([("int8", 900, 0.01, 200, 200), ("float16", 800, 0.03, 197, 200)], 0.02),
    ([("dynamic range", 90, 0.01, 40, 100), ("float32", 400, 1e-7, 100, 100)], 0.05),
    ([("int8", 110, 0.01, 979, 1000), ("float32", 400, 1e-7, 1000, 1000)], 0.05),
]


def _tables():
    rng = np.random.default_rng(51)
    yield from TABLES
    for _ in range(12):
        names = rng.permutation(["float32", "dynamic range", "float16", "int8", "int16x8"])
        rows = [
            (
                str(name),
                int(rng.integers(100, 900)),
                float(rng.choice([1e-6, 0.004, 0.03, 0.09])),
                int(200 - rng.choice([0, 2, 4, 5, 30])),
                200,
            )
            for name in names
        ]
        yield rows, float(rng.choice([0.01, 0.05]))


def _choose(choose):
    for rows, tolerance in _tables():
        kept = [row for row in rows if row[2] <= tolerance and row[3] >= 0.98 * row[4]]
        right = min(kept, key=lambda row: row[1])[0] if kept else None
        try:
            answer = ask(choose, list(rows), tolerance, none=True)
        except Wrong as wrong:
            if kept or "ValueError" not in str(wrong) and "IndexError" not in str(wrong):
                raise
            raise Wrong(
                f"{wrong} Here no file is within the tolerance: return None then."
            ) from None
        if isinstance(answer, (tuple, list)) and tuple(answer) in rows:
            raise Wrong("This is the whole row. Return the recipe alone, its first item.")
        if answer == right:
            continue
        table = "; ".join(f"{name}: {size} bytes, {error:g}, {same} of {total}"
                          for name, size, error, same, total in rows)  # fmt: skip
        said = "None" if answer is None else shown(answer)
        told = f"With a tolerance of {tolerance:g} and the files {table}, it returns {said}."
        row = next((row for row in rows if row[0] == answer), None)
        if right is None and row is None:
            return f"{told} None of them is good enough, so return None."
        if answer is None:
            _, _, error, same, total = next(row for row in rows if row[0] == right)
            limit = error == tolerance or same == 0.98 * total
            why = "Exactly 98 %, or exactly the tolerance, is enough." if limit else ""
            return f"{told} There is one: {right}. {why or 'Does your function return it?'}"
        if row is None:
            return f"{told} Return one recipe, as text."
        if row[2] > tolerance:
            return f"{told} Its error is {row[2]:g}, more than the tolerance."
        if row[3] < 0.98 * row[4]:
            return f"{told} Its top-1 is the same on less than 98 %."
        return f"{told} It may be taken, but {right} may too, and is smaller."
    return None


EXERCISES = [
    Exercise(
        _worst,
        "One number for a whole file: that's what the report compares with the tolerance.",
        "For one output: np.abs(reference[name] - outputs[name]).max() / np.ptp(reference[name]). "
        "Then the largest of these over all names.",
        "def worst(reference, outputs):\n"
        "    return max(\n"
        "        np.abs(reference[name] - outputs[name]).max() / np.ptp(reference[name])\n"
        "        for name in reference\n"
        "    )",
        wrong={
            "def worst(reference, outputs):\n"
            "    return max(np.abs(reference[n] - outputs[n]).max() for n in reference)": "absolute error",
            "def worst(reference, outputs):\n"
            "    return max(\n"
            "        (reference[n] - outputs[n]).max() / np.ptp(reference[n]) for n in reference\n"
            "    )": "absolute value",
            "def worst(reference, outputs):\n"
            "    return max(\n"
            "        np.abs(reference[n] - outputs[n]).max() / np.abs(reference[n]).max()\n"
            "        for n in reference\n"
            "    )": "largest minus the smallest",
            "def worst(reference, outputs):\n"
            "    return max(\n"
            "        np.abs(reference[n] - outputs[n]).mean() / np.ptp(reference[n]) for n in reference\n"
            "    )": "mean error",
            "def worst(reference, outputs):\n"
            "    name = next(iter(reference))\n"
            "    return np.abs(reference[name] - outputs[name]).max() / np.ptp(reference[name])": "output_0 alone",
            "def worst(reference, outputs):\n"
            "    return {\n"
            "        n: np.abs(reference[n] - outputs[n]).max() / np.ptp(reference[n]) for n in reference\n"
            "    }": "One number",
            "def worst(reference, outputs):\n"
            "    errors = [np.abs(reference[n] - outputs[n]) for n in reference]\n"
            "    return max(map(np.max, errors)) / np.ptp(list(reference.values()))": "a range of its own",
            "def worst(reference, outputs):\n"
            "    return max(\n"
            "        np.abs(a - b).max() / np.ptp(a)\n"
            "        for a, b in zip(reference.values(), outputs.values())\n"
            "    )": "it should be",
            "def worst(reference, outputs):\n"
            "    return max(\n"
            "        np.abs(reference[n] - outputs[n]).max() / np.ptp(outputs[n]) for n in reference\n"
            "    )": "the file's output",
            "def worst(reference, outputs):\n"
            "    max(np.abs(reference[n] - outputs[n]).max() for n in reference)": "returns nothing",
            "def worst(reference, outputs):\n"
            "    for n in reference:\n"
            "        error = np.abs(reference[n] - outputs[n]).max() / np.ptp(reference[n])\n"
            "    return error": "output_2 alone",
            "def worst(reference, outputs):\n"
            "    return 100 * max(\n"
            "        np.abs(reference[n] - outputs[n]).max() / np.ptp(reference[n]) for n in reference\n"
            "    )": "in percent",
            "def worst(reference, outputs):\n"
            "    return min(1, max(\n"
            "        np.abs(reference[n] - outputs[n]).max() / np.ptp(reference[n]) for n in reference\n"
            "    ))": "it returns 1;",
            "def worst(reference, outputs):\n"
            "    return max(\n"
            "        (np.abs(reference[n] - outputs[n]) / np.abs(reference[n])).max() for n in reference\n"
            "    )": "divided by its own number",
            "def worst(reference, outputs):\n"
            "    for n in reference:\n"
            "        yield np.abs(reference[n] - outputs[n]).max() / np.ptp(reference[n])": "One number",
        },
        right_codes=(
            "def worst(reference, outputs):\n"
            "    most = 0\n"
            "    for name, expected in reference.items():\n"
            "        span = expected.max() - expected.min()\n"
            "        for one, other in zip(expected.ravel(), outputs[name].ravel()):\n"
            "            most = max(most, abs(float(one) - float(other)) / span)\n"
            "    return most",
            "def worst(reference, outputs):\n"
            "    found = compare.errors(reference, outputs)\n"
            "    return max(error.max() / range_ for error, range_ in found.values())",
        ),
    ),
    Exercise(
        _choose,
        "The smallest of those within the tolerance: the report's rule, without labels.",
        "First keep the rows with error <= tolerance and same >= 0.98 * total. Then min with key, "
        "and default=None.",
        "def choose(rows, tolerance):\n"
        "    kept = [row for row in rows if row[2] <= tolerance and row[3] >= 0.98 * row[4]]\n"
        "    best = min(kept, key=lambda row: row[1], default=None)\n"
        "    return best and best[0]",
        wrong={
            "def choose(rows, tolerance):\n"
            "    return min(rows, key=lambda row: row[1])[0]": "more than the tolerance",
            "def choose(rows, tolerance):\n"
            "    kept = [row for row in rows if row[2] <= tolerance]\n"
            "    return min(kept, key=lambda row: row[1], default=(None,))[0]": "less than 98 %",
            "def choose(rows, tolerance):\n"
            "    kept = [row for row in rows if row[2] <= tolerance and row[3] >= 0.98 * row[4]]\n"
            "    return min(kept, key=lambda row: row[1])[0]": "return None then",
            "def choose(rows, tolerance):\n"
            "    return min(rows, key=lambda row: row[2])[0]": "and is smaller",
            "def choose(rows, tolerance):\n"
            "    kept = [row for row in rows if row[2] < tolerance and row[3] > 0.98 * row[4]]\n"
            "    return min(kept, key=lambda row: row[1], default=(None,))[0]": "is smaller",
            "def choose(rows, tolerance):\n"
            "    kept = [row for row in rows if row[2] <= tolerance and row[3] >= 98]\n"
            "    return min(kept, key=lambda row: row[1], default=(None,))[0]": "There is one",
            "def choose(rows, tolerance):\n"
            "    kept = [row for row in rows if row[2] <= tolerance and row[3] >= 0.98 * row[4]]\n"
            "    return min(kept, key=lambda row: row[1], default=None)": "the whole row",
            "def choose(rows, tolerance):\n"
            "    kept = [row for row in rows if row[2] <= tolerance and row[3] >= 0.98 * row[4]]\n"
            "    return kept[0][0] if kept else None": "is smaller",
            'def choose(rows, tolerance):\n    return "int8"': "more than the tolerance",
            "def choose(rows, tolerance):\n"
            "    kept = [row for row in rows if row[2] <= tolerance and row[3] >= 0.98 * row[4]]\n"
            '    return min(kept, key=lambda row: row[1])[0] if kept else "None"': "so return None",
            "def choose(rows, tolerance):\n"
            "    kept = [\n"
            "        row for row in rows if row[2] <= tolerance and round(row[3] / row[4], 2) >= 0.98\n"
            "    ]\n"
            "    return min(kept, key=lambda row: row[1], default=(None,))[0]": "less than 98 %",
            "def choose(rows, tolerance):\n"
            "    for row in sorted(rows, key=lambda row: row[1]):\n"
            "        if row[2] <= tolerance and row[3] >= 0.98 * row[4]:\n"
            "            print(row[0])": "Does your function return it?",
            "def choose(rows, tolerance):\n"
            "    return [row[0] for row in rows if row[2] <= tolerance]": "one recipe, as text",
        },
        right_codes=(
            "def choose(rows, tolerance):\n"
            "    for recipe, size, error, same, total in sorted(rows, key=lambda row: row[1]):\n"
            "        if error <= tolerance and same / total >= 0.98:\n"
            "            return recipe",
        ),
    ),
]
