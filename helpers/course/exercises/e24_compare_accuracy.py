"""The exercises of 24_compare_accuracy."""

import numpy as np

from helpers.course.exercises import Exercise, NotAttempted, Wrong, ask, shown

INTEGER = (int, np.integer)


def _pair(answer):
    """Return b and c of an answer as two integers; raise Wrong if it isn't two integers."""
    if isinstance(answer, np.ndarray):
        answer = answer.tolist()
    if not isinstance(answer, (tuple, list)) or len(answer) != 2:
        raise Wrong(f"Return two integers, b and c. Found: {shown(answer)}.")
    for value in answer:
        whole = isinstance(value, float) and value.is_integer()
        if isinstance(value, bool) or not (isinstance(value, INTEGER) or whole):
            raise Wrong(f"b and c are counts, two integers. Found: {shown(value)}.")
    return int(answer[0]), int(answer[1])


def _discordant(discordant):
    rng = np.random.default_rng(24)
    for count, classes in ((60, 10), (400, 10), (25, 3), (1, 2)):
        labels = rng.integers(0, classes, count)
        first, second = (
            np.where(rng.random(count) < accuracy, labels, rng.integers(0, classes, count))
            for accuracy in (0.7, 0.4)
        )
        answer = ask(discordant, first.copy(), second.copy(), labels.copy())
        if isinstance(answer, tuple) and any(value is ... for value in answer):
            raise NotAttempted
        one, other = first == labels, second == labels
        right = int(np.sum(one & ~other)), int(np.sum(other & ~one))
        b, c = _pair(answer)
        if (b, c) == right:
            continue
        reasons = {
            right[::-1]: "The other way round: b counts what only the first gets right.",
            (int(one.sum()), int(other.sum())): "These are all right predictions of each model. "
            "Leave out the images that both get right.",
            (int((~one).sum()), int((~other).sum())): "These are all wrong predictions of each.",
            (int(np.sum(one & other)), int(np.sum(~one & ~other))): "These are the images on which "
            "both are right, or both wrong. They say nothing about which is better.",
        }
        differ = int(np.sum(first != second))
        if differ != sum(right) and (b + c == differ or b == c == differ):
            return (
                "This counts all images on which the predictions differ. Both can be wrong in "
                "different ways: compare each with the labels."
            )
        return reasons.get((b, c)) or (
            f"For {count} images it says b={b}, c={c}; it should be b={right[0]}, c={right[1]}. "
            "b: the first is right and the second wrong."
        )
    return None


def _images_needed(images_needed):
    from scipy.stats import binom

    rng = np.random.default_rng(42)
    cases = [(0.02, 0.8), (0.01, 0.9), (0.05, 0.5), (1.0, 0.9), (0.5, 0.01)]
    cases += [
        (float(rng.uniform(0.005, 0.2)), float(rng.choice([0.5, 0.8, 0.95]))) for _ in range(5)
    ]
    for loss, chance in cases:
        answer = ask(images_needed, loss, chance, returns=(int, np.integer, float, np.floating))
        answer = float(answer)
        if not answer.is_integer() or answer < 1:
            return f"A number of images is an integer from 1 on. Found: {answer:.4g}."
        images = int(answer)
        have, before = binom.sf(5, images, loss), binom.sf(5, images - 1, loss)
        if have >= chance > before:
            continue
        asked = f"a loss of {loss:.3g} and a chance of {chance:.3g}"
        found = f"For {asked} it says {images}"
        if have < chance and binom.sf(4, images, loss) >= chance:
            return f"{found}, which is enough for five losses. Six are needed: sf(5, ...)."
        if have < chance:
            return f"{found}, but then six losses come with a chance of {have:.4f} only."
        if binom.sf(6, images - 1, loss) < chance <= binom.sf(6, images, loss):
            return f"{found}, which is enough for seven losses. sf(5, ...) is more than five: six."
        return f"{found}. That's enough, but it isn't the smallest: one less is enough, too."
    return None


EXERCISES = [
    Exercise(
        _discordant,
        "Only these images can tell the models apart.",
        "first == labels marks the images that the first gets right. Combine it with the second's "
        "by & and ~.",
        "def discordant(first, second, labels):\n"
        "    one, other = first == labels, second == labels\n"
        "    return np.sum(one & ~other), np.sum(other & ~one)",
        wrong={
            "def discordant(first, second, labels):\n"
            "    one, other = first == labels, second == labels\n"
            "    return np.sum(other & ~one), np.sum(one & ~other)": "other way round",
            "def discordant(first, second, labels):\n"
            "    return np.sum(first == labels), np.sum(second == labels)": "all right predictions",
            "def discordant(first, second, labels):\n"
            "    one, other = first == labels, second == labels\n"
            "    return np.sum(one & other), np.sum(~one & ~other)": "both are right",
            "def discordant(first, second, labels):\n"
            "    differ = first != second\n"
            "    right = np.sum(differ & (first == labels))\n"
            "    return right, np.sum(differ) - right": "Both can be wrong",
            "def discordant(first, second, labels):\n"
            "    one, other = first == labels, second == labels\n"
            "    return one & ~other, other & ~one": "two integers",
            "def discordant(first, second, labels):\n"
            "    b = np.sum((first == labels) & (second != labels))": "returns nothing",
            "def discordant(first, second, labels):\n"
            "    return int(np.sum(first & ~second)), int(np.sum(second & ~first))": "it should be",
            "def discordant(first, second, labels):\n"
            "    return np.sum((first == labels) & (second != labels))": "Return two integers",
            "def discordant(first, second, labels):\n"
            "    return np.sum(first != second), np.sum(second != first)": "Both can be wrong",
            "def discordant(first, second, labels):\n"
            "    return np.mean((first == labels) & (second != labels)), 0": "two integers",
        },
        right_codes=(
            "def discordant(first, second, labels):\n"
            "    b = c = 0\n"
            "    for one, other, label in zip(first, second, labels):\n"
            "        if one == label != other:\n"
            "            b += 1\n"
            "        if other == label != one:\n"
            "            c += 1\n"
            "    return [b, c]",
            "def discordant(first, second, labels):\n"
            "    b, c, _ = mcnemar(first == labels, second == labels)\n"
            "    return b, c",
        ),
    ),
    Exercise(
        _images_needed,
        "Now you know how large the test set must be before you've drawn it.",
        "binom.sf(5, images, loss) is the chance of more than five losses. Begin with few images, "
        "and add one while the chance is too small.",
        "def images_needed(loss, chance):\n"
        "    images = 6\n"
        "    while binom.sf(5, images, loss) < chance:\n"
        "        images += 1\n"
        "    return images",
        wrong={
            "def images_needed(loss, chance):\n    return int(np.ceil(6 / loss))": "it says",
            "def images_needed(loss, chance):\n"
            "    images = 6\n"
            "    while binom.sf(6, images, loss) < chance:\n"
            "        images += 1\n"
            "    return images": "more than five: six",
            "def images_needed(loss, chance):\n"
            "    images = 5\n"
            "    while binom.sf(4, images, loss) < chance:\n"
            "        images += 1\n"
            "    return images": "Six are needed",
            "def images_needed(loss, chance):\n"
            "    images = 6\n"
            "    while binom.sf(5, images, 0.01) < chance:\n"
            "        images += 1\n"
            "    return images": "isn't the smallest",
            "def images_needed(loss, chance):\n"
            "    images = 10\n"
            "    while binom.sf(5, images, loss) < chance:\n"
            "        images += 10\n"
            "    return images": "isn't the smallest",
            "def images_needed(loss, chance):\n"
            "    images = 450\n"
            "    while binom.sf(5, images, loss) < chance:\n"
            "        images += 1\n"
            "    return images": "isn't the smallest",
            "def images_needed(loss, chance):\n"
            "    images = 6\n"
            "    while binom.cdf(5, images, loss) < chance:\n"
            "        images += 1\n"
            "    return images": "only",
            "def images_needed(loss, chance):\n"
            "    return binom.sf(5, 1000, loss)": "A number of images is an integer",
            "def images_needed(loss, chance):\n"
            "    images = 6\n"
            "    while binom.sf(5, images, loss) < chance:\n"
            "        images += 1\n"
            "    print(images)": "returns nothing",
            "def images_needed(loss, chance):\n"
            "    return next(n for n in range(1000) if binom.cdf(5, n, loss) >= chance)": "from 1 on",
        },
        right_codes=(
            "def images_needed(loss, chance):\n"
            "    return next(n for n in range(1, 10**6) if 1 - binom.cdf(5, n, loss) >= chance)",
            "def images_needed(loss, chance):\n"
            "    from scipy.stats import nbinom\n\n"
            "    return 6 + nbinom.ppf(chance, 6, loss)",
        ),
    ),
]
