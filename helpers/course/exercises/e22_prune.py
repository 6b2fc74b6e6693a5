"""The exercises of 22_prune."""

import numpy as np

from helpers.course.exercises import Exercise, NotAttempted


def _answer(function, *arguments):
    answer = function(*arguments)
    if answer is ...:
        raise NotAttempted
    return answer


def _prune(prune):
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(3, 3, 8, 16)).astype(np.float32)
    for sparsity in (0.8, 0.25):
        given = kernel.copy()
        answer = _answer(prune, given, sparsity)
        if answer is None:
            return "It returns None. Return the pruned kernel."
        if np.shape(answer) != kernel.shape:
            return (
                f"The kernel had the shape {kernel.shape}, what comes back has {np.shape(answer)}."
            )
        if not np.array_equal(given, kernel):
            return "It changes the kernel that it was given. Return a copy: whoever called it may need the original."
        zero = np.asarray(answer) == 0
        fraction = zero.mean()
        if not np.array_equal(np.asarray(answer)[~zero], kernel[~zero]):
            return (
                "Some weights are neither zero nor what they were. Pruning leaves the others alone."
            )
        if abs(fraction - (1 - sparsity)) < 0.01:
            return f"{fraction:.0%} are zero, and {sparsity:.0%} were asked for: sparsity is the fraction of zeros, not of the rest."
        if np.abs(kernel[zero]).max(initial=0) > np.abs(kernel[~zero]).min(initial=np.inf):
            if kernel[zero].max(initial=-np.inf) <= kernel[~zero].min(initial=np.inf):
                return "The zeros are the smallest weights, and so the most negative ones. It is the magnitude that counts."
            return "A weight that is zero now was farther from zero than one that is left. Choose by magnitude."
        if abs(fraction - sparsity) > 0.01:
            return f"{fraction:.0%} are zero, and {sparsity:.0%} were asked for."
    return None


def _break_even(break_even):
    for value, index in ((4, 1), (1, 2)):
        answer = _answer(break_even, value, index)
        if not np.isscalar(answer) or isinstance(answer, str):
            return "Return one number, a fraction from 0 to 1."
        right = index / (value + index)
        if np.isclose(answer, right):
            continue
        if np.isclose(answer, 1 - right):
            return "This is the fraction of weights that are left. The question is the fraction of zeros."
        if np.isclose(answer, index / value):
            return "Each weight that is left takes value_bytes plus index_bytes. Compare that with value_bytes for every weight."
        if answer > 1:
            return "A fraction is at most 1."
        return f"With {value} bytes a value and {index} an index, check {answer:.2f}: are both kernels of the same size?"
    return None


def _coded(coded_bytes):
    for size, clusters in ((143_360, 16), (1_000, 10), (12, 256), (9, 5)):
        answer = _answer(coded_bytes, size, clusters)
        if not np.isscalar(answer) or isinstance(answer, str):
            return "Return one number, the bytes."
        bits = int(np.ceil(np.log2(clusters)))
        right = int(np.ceil(size * bits / 8)) + 4 * clusters
        if answer == right:
            continue
        if answer == int(np.ceil(size * bits / 8)):
            return (
                "The codes alone cannot be read back: add the list of the values, four bytes each."
            )
        if np.isclose(answer, size * bits + 4 * clusters):
            return "This counts a byte for each bit. Eight bits are a byte."
        if np.isclose(answer, size * np.log2(clusters) / 8 + 4 * clusters, atol=1) and clusters & (
            clusters - 1
        ):
            return f"A code takes an integer number of bits. {clusters} values need {bits} of them, not {np.log2(clusters):.2f}."
        if np.isclose(answer, size + 4 * clusters):
            return "A whole byte for each code is more than 16 values need. How many bits tell 16 things apart?"
        return f"For {size:,} weights and {clusters} values it should be {right:,} bytes; this is {answer:,.0f}."
    return None


EXERCISES = [
    Exercise(
        _prune,
        "This is what the library does too, again and again while the rest learns.",
        "np.quantile(np.abs(kernel), sparsity) is the magnitude that the fraction `sparsity` of the weights stays below.",
        "def prune(kernel, sparsity):\n"
        "    limit = np.quantile(np.abs(kernel), sparsity)\n"
        "    return np.where(np.abs(kernel) < limit, 0, kernel)",
        wrong={
            "def prune(kernel, sparsity):\n"
            "    return np.where(kernel < np.quantile(kernel, sparsity), 0, kernel)": "It is the magnitude that counts",
            "def prune(kernel, sparsity):\n"
            "    limit = np.quantile(np.abs(kernel), 1 - sparsity)\n"
            "    return np.where(np.abs(kernel) < limit, 0, kernel)": "the fraction of zeros, not of the rest",
            "def prune(kernel, sparsity):\n"
            "    kernel[np.abs(kernel) < np.quantile(np.abs(kernel), sparsity)] = 0\n"
            "    return kernel": "Return a copy",
            "def prune(kernel, sparsity):\n    return np.where(np.abs(kernel) < sparsity, 0, kernel)": "were asked for",
        },
    ),
    Exercise(
        _break_even,
        "A float with a one-byte index pays from 20 % zeros on; an int8 with the same index only from 50 %.",
        "Of one weight: dense it takes value_bytes. Sparse it takes value_bytes + index_bytes, but only if it is not zero.",
        "def break_even(value_bytes, index_bytes):\n    return index_bytes / (value_bytes + index_bytes)",
        wrong={
            "def break_even(value_bytes, index_bytes):\n    return value_bytes / (value_bytes + index_bytes)": "fraction of weights that are left",
            "def break_even(value_bytes, index_bytes):\n    return index_bytes / value_bytes": "plus index_bytes",
            "def break_even(value_bytes, index_bytes):\n    return 0.5": "are both kernels of the same size",
        },
    ),
    Exercise(
        _coded,
        "An eighth of the float kernel. No .tflite stores weights so; gzip comes near it by itself.",
        "How many bits tell `clusters` things apart? int(np.ceil(np.log2(clusters))). Then bits to bytes, rounded up, and the list of values.",
        "def coded_bytes(size, clusters):\n"
        "    bits = int(np.ceil(np.log2(clusters)))\n"
        "    return int(np.ceil(size * bits / 8)) + 4 * clusters",
        wrong={
            "def coded_bytes(size, clusters):\n    return int(np.ceil(size * np.ceil(np.log2(clusters)) / 8))": "add the list of the values",
            "def coded_bytes(size, clusters):\n    return size + 4 * clusters": "A whole byte for each code",
            "def coded_bytes(size, clusters):\n    return size * int(np.ceil(np.log2(clusters))) + 4 * clusters": "Eight bits are a byte",
        },
    ),
]
