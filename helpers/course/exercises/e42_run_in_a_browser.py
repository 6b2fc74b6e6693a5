"""The exercises of 42_run_in_a_browser."""

import numpy as np

from helpers.course.exercises import Exercise, Wrong, ask, shown, wanted

TAKEN = ("float32", "int32", "uint8")
OTHERS = ("int8", "float16", "int16", "int64", "bool", "string")


def _takes(takes):
    rng = np.random.default_rng(42)

    def tensor(dtypes, dynamic=None):
        shape = [int(size) for size in rng.integers(1, 50, rng.integers(1, 5))]
        if dynamic is not None:
            shape[dynamic % len(shape)] = None
        return str(rng.choice(dtypes)), tuple(shape)

    for number in range(30):
        good = [[tensor(TAKEN) for _ in range(rng.integers(1, 4))] for _ in range(2)]
        _judge(takes, good, True, "")
        side, place = number % 2, number % len(good[number % 2])
        where = f"one of the {('inputs', 'outputs')[side]}"
        wrong = [list(one) for one in good]
        wrong[side][place] = tensor(OTHERS)
        _judge(takes, wrong, False, f"{where} is {wrong[side][place][0]}")
        wrong[side][place] = tensor(TAKEN, dynamic=number // 2)
        _judge(takes, wrong, False, f"{where} has a dynamic size, {wrong[side][place][1]}")


def _judge(takes, sides, right, reason):
    answer = ask(takes, *sides)
    answer = bool(answer) if isinstance(answer, np.bool_) else wanted(answer, bool)
    if answer == right:
        return
    given = f"For the inputs {sides[0]} and the outputs {sides[1]}"
    if right:
        raise Wrong(f"{given} it says False: all dtypes are among {TAKEN}, all sizes are fixed.")
    raise Wrong(f"{given} it says True, but {reason}.")


def _counts(counts):
    rng = np.random.default_rng(43)
    for share in (0.1, 0.5, 0.9):
        bitmap = (rng.random((32, 32)) < share).astype(np.uint8)
        answer = found = ask(counts, bitmap.copy())
        try:
            answer = np.asarray(answer, float)
        except (TypeError, ValueError):
            raise Wrong(f"That doesn't make an array of numbers. Found: {shown(found)}.") from None
        expected = np.array(
            [[bitmap[y : y + 4, x : x + 4].sum() for x in range(0, 32, 4)] for y in range(0, 32, 4)]
        )
        if answer.shape != (8, 8):
            raise Wrong(f"The counts should have the shape (8, 8). Found: {answer.shape}.")
        if np.array_equal(answer, expected):
            continue
        if np.allclose(answer * 16, expected):
            raise Wrong("These are means, from 0 to 1. Count the points of a block: 0 to 16.")
        if np.array_equal(answer, expected.T):
            raise Wrong("Rows and columns have changed places.")
        if answer.max() <= 1:
            raise Wrong("No count is above 1: each block has 16 points, and all of them count.")
        y, x = np.argwhere(answer != expected)[0]
        block = f"bitmap[{4 * y}:{4 * y + 4}, {4 * x}:{4 * x + 4}] has {expected[y, x]} points"
        raise Wrong(f"{block}. Found: {answer[y, x]:g} at [{y}, {x}]. Which ones were added up?")


EXERCISES = [
    Exercise(
        _takes,
        "Both ends count, and every size, not only the batch.",
        "Go through inputs + outputs. Of each pair, is the dtype one of the three, and is None "
        "missing from the shape?",
        "def takes(inputs, outputs):\n"
        '    dtypes = ("float32", "int32", "uint8")\n'
        "    return all(dtype in dtypes and None not in shape for dtype, shape in inputs + outputs)",
        {
            "def takes(inputs, outputs):\n"
            '    return all(dtype in ("float32", "int32", "uint8") for dtype, shape in inputs + outputs)': "has a dynamic size",
            "def takes(inputs, outputs):\n"
            "    return all(None not in shape for dtype, shape in inputs + outputs)": "it says True, but one of the",
            "def takes(inputs, outputs):\n"
            '    return all(dtype in ("float32", "int32", "uint8") and None not in shape for dtype, shape in inputs)': "one of the outputs",
            "def takes(inputs, outputs):\n"
            '    return all(dtype in ("float32", "int32", "uint8") and shape[0] is not None for dtype, shape in inputs + outputs)': "has a dynamic size",
            "def takes(inputs, outputs):\n"
            '    return all(dtype == "float32" and None not in shape for dtype, shape in inputs + outputs)': "it says False",
            "def takes(inputs, outputs):\n"
            '    return any(dtype in ("float32", "int32", "uint8") and None not in shape for dtype, shape in inputs + outputs)': "it says True",
            "def takes(inputs, outputs):\n"
            '    return [dtype in ("float32", "int32", "uint8") for dtype, shape in inputs]': "should be True or False",
        },
        right_codes=(
            "def takes(inputs, outputs):\n"
            "    for dtype, shape in [*inputs, *outputs]:\n"
            '        if dtype not in {"float32", "int32", "uint8"}:\n'
            "            return False\n"
            "        if any(size is None for size in shape):\n"
            "            return False\n"
            "    return True",
        ),
    ),
    Exercise(
        _counts,
        "A reshape to (8, 4, 8, 4) cuts rows and columns into blocks without moving a number.",
        "bitmap.reshape(8, 4, 8, 4): block row, row inside it, block column, column inside it. "
        "Which two axes go away?",
        "def counts(bitmap):\n    return bitmap.reshape(8, 4, 8, 4).sum(axis=(1, 3))",
        {
            "def counts(bitmap):\n    return bitmap.reshape(8, 4, 8, 4).mean(axis=(1, 3))": "These are means",
            "def counts(bitmap):\n    return bitmap.reshape(8, 8, 4, 4).sum(axis=(2, 3))": "Which ones were added up",
            "def counts(bitmap):\n    return bitmap.reshape(8, 4, 8, 4).sum(axis=(0, 2))": "should have the shape (8, 8)",
            "def counts(bitmap):\n    return bitmap[::4, ::4]": "No count is above 1",
            "def counts(bitmap):\n    return bitmap.reshape(8, 4, 8, 4).max(axis=(1, 3))": "No count is above 1",
            "def counts(bitmap):\n"
            "    return [[bitmap[4 * y : 4 * y + 3, 4 * x : 4 * x + 4].sum() for x in range(8)] for y in range(8)]": "Which ones were added up",
            "def counts(bitmap):\n"
            "    return {(y, x): bitmap[4 * y : 4 * y + 4, 4 * x : 4 * x + 4].sum() for x in range(8) for y in range(8)}": "an array of numbers. Found: dict",
            "def counts(bitmap):\n    return bitmap.T.reshape(8, 4, 8, 4).sum(axis=(1, 3))": "changed places",
        },
        right_codes=(
            "def counts(bitmap):\n"
            "    return [[int(bitmap[4 * y : 4 * y + 4, 4 * x : 4 * x + 4].sum()) for x in range(8)] for y in range(8)]",
            "import numpy as np\n\n\n"
            "def counts(bitmap):\n"
            "    rows = np.kron(np.eye(8), np.ones(4))\n"
            "    return rows @ bitmap @ rows.T",
            "import tensorflow as tf\n\n\n"
            "def counts(bitmap):\n"
            "    return tf.reduce_sum(tf.reshape(bitmap, (8, 4, 8, 4)), axis=(1, 3))",
            "def counts(bitmap):\n"
            "    return tuple(tuple(block.sum() for block in np.hsplit(row, 8)) for row in np.vsplit(bitmap, 8))",
        ),
    ),
]
