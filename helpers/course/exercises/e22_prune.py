"""The exercises of 22_prune."""

import numpy as np

from helpers.course.exercises import Exercise, ask, shown


def _prune(prune):
    rng = np.random.default_rng(22)
    for shape, sparsity in (((3, 3, 8, 16), 0.8), ((40, 10), 0.25), ((50, 12), 0.9), ((64,), 0.5)):
        # Channels of different sizes: a limit for each channel isn't one for the kernel.
        kernel = rng.normal(size=shape) * rng.uniform(0.2, 2, shape[-1]) + 0.1
        kernel = kernel.astype(np.float32)
        given = kernel.copy()
        answer = ask(prune, given, sparsity)
        if np.shape(answer) != shape:
            return f"The kernel had the shape {shape}. Found: {shown(answer)}."
        if not np.array_equal(given, kernel):
            return "It changes the kernel that it was given. Return a copy."
        answer = np.asarray(answer)
        zero = answer == 0
        found = f"{zero.mean():.0%} are zero, and {sparsity:.0%} were asked for"
        if not np.array_equal(answer[~zero], kernel[~zero]):
            return "Some weights are neither zero nor what they were. Leave the others alone."
        if not zero.any():
            return f"{found}."
        exact = abs(zero.sum() - sparsity * kernel.size) < 1.5
        if not exact and abs(zero.mean() - (1 - sparsity)) < 0.01:
            return f"{found}: sparsity is the fraction of zeros, not of the rest."
        if np.abs(kernel[zero]).max() > np.abs(kernel[~zero]).min(initial=np.inf):
            if kernel[zero].max() <= kernel[~zero].min():
                return "The zeros are the most negative weights. It's the magnitude that counts."
            return (
                "A weight that is zero now was farther from zero than one that is left. Use one "
                "limit of the magnitude for the whole kernel."
            )
        if not exact:
            return f"{found}."
    return None


def _break_even(break_even):
    rng = np.random.default_rng(7)
    cases = [(4, 1), (1, 2), (4, 4), *((int(v), int(i)) for v, i in rng.integers(1, 9, (6, 2)))]
    for value, index in cases:
        answer = ask(break_even, value, index, returns=(int, float, np.number))
        right = index / (value + index)
        if np.isclose(answer, right):
            continue
        case = f"For value_bytes={value} and index_bytes={index}"
        if np.isclose(answer, 1 - right):
            return "This is the fraction of weights that are left. Asked is that of the zeros."
        if np.isclose(answer, 100 * right):
            return "This is a percentage. Return a fraction, from 0 to 1."
        if np.isclose(answer, index / value):
            return (
                "Each weight that is left takes value_bytes plus index_bytes. Compare that with "
                "value_bytes for every weight."
            )
        if not 0 <= answer <= 1:
            return f"{case} it says {answer:.3g}. A fraction is from 0 to 1."
        sparse = (1 - answer) * (value + index)
        return (
            f"{case} it says {answer:.2f}. There a weight takes {sparse:.2f} bytes on average if "
            f"stored sparsely, and {value} if stored densely: they should be equal."
        )
    return None


EXERCISES = [
    Exercise(
        _prune,
        "tfmot does the same, again and again while the rest learns.",
        "np.quantile(np.abs(kernel), sparsity) is the magnitude that the fraction `sparsity` of "
        "the weights stays below.",
        "def prune(kernel, sparsity):\n"
        "    limit = np.quantile(np.abs(kernel), sparsity)\n"
        "    return np.where(np.abs(kernel) < limit, 0, kernel)",
        wrong={
            "def prune(kernel, sparsity):\n"
            "    limit = np.quantile(kernel, sparsity)\n"
            "    return np.where(kernel < limit, 0, kernel)": "It's the magnitude that counts",
            "def prune(kernel, sparsity):\n"
            "    limit = np.quantile(np.abs(kernel), 1 - sparsity)\n"
            "    return np.where(np.abs(kernel) < limit, 0, kernel)": "not of the rest",
            "def prune(kernel, sparsity):\n"
            "    kernel[np.abs(kernel) < np.quantile(np.abs(kernel), sparsity)] = 0\n"
            "    return kernel": "Return a copy",
            "def prune(kernel, sparsity):\n"
            "    return np.where(np.abs(kernel) < sparsity, 0, kernel)": "were asked for",
            "def prune(kernel, sparsity):\n"
            "    limit = np.quantile(np.abs(kernel), SPARSITY)\n"
            "    return np.where(np.abs(kernel) < limit, 0, kernel)": "80% were asked for",
            "def prune(kernel, sparsity):\n"
            "    limit = sparsity * np.abs(kernel).max()\n"
            "    return np.where(np.abs(kernel) < limit, 0, kernel)": "were asked for",
            "def prune(kernel, sparsity):\n"
            "    axes = tuple(range(kernel.ndim - 1))\n"
            "    limit = np.quantile(np.abs(kernel), sparsity, axis=axes)\n"
            "    return np.where(np.abs(kernel) < limit, 0, kernel)": "for the whole kernel",
            "def prune(kernel, sparsity):\n"
            "    chosen = np.random.default_rng(0).random(kernel.shape) < sparsity\n"
            "    return np.where(chosen, 0, kernel)": "farther from zero",
            "def prune(kernel, sparsity):\n"
            "    limit = np.quantile(np.abs(kernel), sparsity)\n"
            "    return kernel[np.abs(kernel) >= limit]": "had the shape",
            "def prune(kernel, sparsity):\n"
            "    limit = np.quantile(np.abs(kernel), sparsity)\n"
            "    return np.abs(kernel) >= limit": "neither zero nor what they were",
            "def prune(kernel, sparsity):\n"
            "    limit = np.quantile(np.abs(kernel), sparsity)\n"
            "    kernel = np.where(np.abs(kernel) < limit, 0, kernel)": "returns nothing",
        },
        right_codes=(
            "def prune(kernel, sparsity):\n"
            "    flat = kernel.flatten()\n"
            "    order = np.argsort(np.abs(flat))\n"
            "    flat[order[: round(sparsity * flat.size)]] = 0\n"
            "    return flat.reshape(kernel.shape)",
            "def prune(kernel, sparsity):\n"
            "    magnitude = tf.abs(kernel)\n"
            "    return kernel * tf.cast(magnitude >= np.quantile(magnitude, sparsity), kernel.dtype)",
        ),
    ),
    Exercise(
        _break_even,
        "Floats with a one-byte index pay from 20 % zeros on, int8 with the same index from 50 %.",
        "Of each weight: dense it takes value_bytes. Sparse it takes value_bytes + index_bytes, "
        "but only if it isn't zero.",
        "def break_even(value_bytes, index_bytes):\n"
        "    return index_bytes / (value_bytes + index_bytes)",
        wrong={
            "def break_even(value_bytes, index_bytes):\n"
            "    return value_bytes / (value_bytes + index_bytes)": "weights that are left",
            "def break_even(value_bytes, index_bytes):\n"
            "    return index_bytes / value_bytes": "plus index_bytes",
            "def break_even(value_bytes, index_bytes):\n    return 0.5": "should be equal",
            "def break_even(value_bytes, index_bytes):\n"
            "    return index_bytes // (value_bytes + index_bytes)": "should be equal",
            "def break_even(value_bytes, index_bytes):\n"
            '    return f"{index_bytes / (value_bytes + index_bytes):.0%}"': "should be an integer or a number.",
            "def break_even(value_bytes, index_bytes):\n"
            "    return 100 * index_bytes / (value_bytes + index_bytes)": "a percentage",
            "def break_even(value_bytes, index_bytes):\n"
            "    return value_bytes + index_bytes": "from 0 to 1",
            "def break_even(value_bytes, index_bytes):\n"
            "    print(index_bytes / (value_bytes + index_bytes))": "returns nothing",
        },
        right_codes=(
            "def break_even(value_bytes, index_bytes):\n"
            "    left = value_bytes / (value_bytes + index_bytes)\n"
            "    return 1 - left",
        ),
    ),
]
