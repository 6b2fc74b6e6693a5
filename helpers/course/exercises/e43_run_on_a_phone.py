"""The exercises of 43_run_on_a_phone."""

import numpy as np

from helpers.course.exercises import Exercise, Wrong, ask

RECIPES = ("float32", "dynamic range", "float16", "int8", "int16x8", "int4")
TARGETS = ("Python", "microcontroller", "browser", "phone")


def _values(values):
    rng = np.random.default_rng(43)
    for count, low, high in ((6, 0.0, 1.0), (10, -1.0, 1.0), (7, 0.0, 255.0), (5, -2.5, 0.5)):
        pixels = rng.integers(0, 256, (count, 4), np.uint8)  # alpha, red, green, blue
        argb = pixels.view(">i4").ravel().astype(np.int32)
        colors = pixels[:, 1:] / 255
        expected = (colors * (high - low) + low).ravel()
        answer = ask(values, argb.copy(), low, high, returns=(np.ndarray, list, tuple))
        try:
            answer = np.asarray(answer, float).ravel()
        except (TypeError, ValueError):
            raise Wrong("That's not one row of numbers.") from None
        if answer.shape != expected.shape:
            extra = " Alpha isn't for the model." if answer.size == 4 * count else ""
            raise Wrong(f"{count} pixels make {3 * count} values. Found: {answer.size}.{extra}")
        if np.allclose(answer, expected, atol=1e-5):
            continue
        if np.allclose(answer, (colors[:, ::-1] * (high - low) + low).ravel(), atol=1e-5):
            raise Wrong("Red and blue have changed places: red is in the higher bits.")
        if np.allclose(answer, (colors.T * (high - low) + low).ravel(), atol=1e-5):
            raise Wrong("All reds come first here. The colors of a pixel belong side by side.")
        found = f"Found: {answer.min():.4g} to {answer.max():.4g}"
        if np.allclose(answer, colors.ravel() * 255) or np.allclose(answer, colors.ravel()):
            raise Wrong(f"0 should become {low:g}, and 255 should become {high:g}. {found}.")
        first = f"{int(argb[0]) & 0xFFFFFFFF:#010x} should give {expected[:3].round(4).tolist()}"
        raise Wrong(f"With {low:g} to {high:g}, {first}. Found: {answer[:3].round(4).tolist()}.")


def _smallest(smallest):
    rng = np.random.default_rng(44)
    for number in range(40):
        recipes = [str(one) for one in rng.permutation(RECIPES)[: rng.integers(2, 7)]]
        sizes = [int(size) for size in rng.permutation(9)[: len(recipes)] * 1000 + 500]
        marks = rng.choice([True, True, False, None], (len(recipes), len(TARGETS)))
        files = {
            recipe: (size, dict(zip(TARGETS, map(_plain, row))))
            for recipe, size, row in zip(recipes, sizes, marks)
        }
        wanted = [str(one) for one in rng.permutation(TARGETS)[: rng.integers(1, 4)]]
        if number % 8 == 0:  # nothing is left
            for _, takes in files.values():
                takes[wanted[-1]] = False
        left = {
            recipe: size
            for recipe, (size, takes) in files.items()
            if not any(takes[target] is False for target in wanted)
        }
        best = min(left, key=left.get, default="none")
        copies = {recipe: (size, dict(takes)) for recipe, (size, takes) in files.items()}
        answer = ask(smallest, copies, list(wanted), returns=str)
        if answer == best:
            continue
        _explain(answer, files, wanted, left, best)


def _explain(answer, files, wanted, left, best):
    """Raise Wrong with what is wrong with `answer`, where `best` is right."""
    given = f"With wanted = {wanted} it says {answer!r}"
    if answer not in files and answer != "none":
        raise Wrong(f"{given}, which is neither a recipe nor 'none'.")
    if answer == "none":
        takes = {target: files[best][1][target] for target in wanted}
        raise Wrong(f"{given}. But for {best!r} there's {takes}: nothing is False.")
    if answer not in left:
        target = next(one for one in wanted if files[answer][1][one] is False)
        raise Wrong(f"{given}. But {target!r} refuses it: False.")
    sizes = f"{files[best][0]:,} bytes, and {answer!r} has {files[answer][0]:,}"
    raise Wrong(f"{given}. But {best!r}, which none of them refuses, has {sizes}.")


def _plain(mark):
    return None if mark is None else bool(mark)


EXERCISES = [
    Exercise(
        _values,
        "Shift, mask, stretch: the same three steps as in Kotlin.",
        "argb >> 16 & 255 is red. Stretch with value / 255 * (high - low) + low. np.stack with "
        "axis=1 puts the three colors of a pixel side by side.",
        "def values(argb, low, high):\n"
        "    colors = np.stack([argb >> 16 & 255, argb >> 8 & 255, argb & 255], axis=1)\n"
        "    return (colors / 255 * (high - low) + low).ravel()",
        {
            "def values(argb, low, high):\n"
            "    colors = np.stack([argb & 255, argb >> 8 & 255, argb >> 16 & 255], axis=1)\n"
            "    return (colors / 255 * (high - low) + low).ravel()": "Red and blue",
            "def values(argb, low, high):\n"
            "    colors = np.stack([argb >> 16 & 255, argb >> 8 & 255, argb & 255])\n"
            "    return (colors / 255 * (high - low) + low).ravel()": "All reds come first",
            "def values(argb, low, high):\n"
            "    colors = np.stack([argb >> 16 & 255, argb >> 8 & 255, argb & 255], axis=1)\n"
            "    return (colors / 255).ravel()": "0 should become -1",
            "def values(argb, low, high):\n"
            "    colors = argb.view(np.uint8).reshape(-1, 4)[:, ::-1]\n"
            "    return (colors / 255 * (high - low) + low).ravel()": "Alpha isn't for the model",
            "def values(argb, low, high):\n"
            "    colors = np.stack([argb >> 16, argb >> 8, argb], axis=1)\n"
            "    return (colors / 255 * (high - low) + low).ravel()": "should give",
            "def values(argb, low, high):\n"
            "    colors = np.stack([argb >> 16 & 255, argb >> 8 & 255, argb & 255], axis=1)\n"
            "    return (colors / 255 * high + low).ravel()": "should give",
            "def values(argb, low, high):\n    return argb / 255 * (high - low) + low": "values. Found",
        },
        right_codes=(
            "def values(argb, low, high):\n"
            "    result = []\n"
            "    for pixel in argb:\n"
            "        for shift in (16, 8, 0):\n"
            "            result.append(low + (int(pixel) >> shift) % 256 * (high - low) / 255)\n"
            "    return result",
            "def values(argb, low, high):\n"
            "    colors = argb.astype('>i4').view(np.uint8).reshape(-1, 4)[:, 1:]\n"
            "    return np.float32(low) + colors.astype(np.float32).ravel() * np.float32((high - low) / 255)",
        ),
    ),
    Exercise(
        _smallest,
        "The smallest file that nobody refuses: now it has to prove itself on the device.",
        "First keep the recipes for which no wanted target says False (use `is`), then take the "
        'one with the fewest bytes. min(..., key=..., default="none") does both ends.',
        "def smallest(files, wanted):\n"
        "    left = [\n"
        "        recipe for recipe, (size, takes) in files.items()\n"
        "        if not any(takes[target] is False for target in wanted)\n"
        "    ]\n"
        '    return min(left, key=lambda recipe: files[recipe][0], default="none")',
        {
            "def smallest(files, wanted):\n"
            "    return min(files, key=lambda recipe: files[recipe][0])": "refuses it",
            "def smallest(files, wanted):\n"
            "    left = [one for one, (size, takes) in files.items() if all(takes[target] for target in wanted)]\n"
            '    return min(left, key=lambda one: files[one][0], default="none")': "nothing is False",
            "def smallest(files, wanted):\n"
            "    left = [one for one, (size, takes) in files.items() if False not in [takes[target] for target in wanted]]\n"
            '    return left[0] if left else "none"': "which none of them refuses",
            "def smallest(files, wanted):\n"
            "    left = [one for one, (size, takes) in files.items() if not any(mark is False for mark in takes.values())]\n"
            '    return min(left, key=lambda one: files[one][0], default="none")': "it says",
            "def smallest(files, wanted):\n"
            "    left = [one for one, (size, takes) in files.items() if not any(takes[target] is False for target in wanted)]\n"
            "    return min(left, key=lambda one: files[one][0])": "stopped with ValueError",
            "def smallest(files, wanted):\n"
            "    left = [one for one, (size, takes) in files.items() if not any(takes[target] is False for target in wanted)]\n"
            '    return max(left, key=lambda one: files[one][0], default="none")': "which none of them refuses",
        },
        right_codes=(
            "def smallest(files, wanted):\n"
            "    for recipe in sorted(files, key=lambda recipe: files[recipe][0]):\n"
            "        if all(files[recipe][1][target] is not False for target in wanted):\n"
            "            return recipe\n"
            '    return "none"',
        ),
    ),
]
