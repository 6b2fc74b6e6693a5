"""The exercises of 31_convert_a_text_model."""

import collections

import numpy as np

from helpers.course.exercises import Exercise, Wrong, ask, shown

KINDS = {  # (reads text, gives text): names of ops
    (False, False): ("Conv2D", "ArgMax", "MatMul", "GatherV2"),
    (False, True): ("AsString", "NumberToName", "LookupTableFindV2"),
    (True, True): ("StringUpper", "StringJoin", "StringLower"),
    (True, False): ("StringLength", "StringToNumber"),
}


def _names(answer):
    """Return an answer as a list of text; raise Wrong if it isn't one."""
    answer = answer.tolist() if isinstance(answer, np.ndarray) else answer
    answer = [answer] if isinstance(answer, str) else answer
    if not isinstance(answer, (list, tuple, set, dict)):
        raise Wrong(f"Return a list of names. Found: {shown(answer)}.")
    if not all(isinstance(name, str) for name in answer):
        raise Wrong("The list should hold the names only, each as text.")
    return list(answer)


def _text_out(cut_for_text_out):
    random = np.random.default_rng(31)
    for borders in (1, 2, 1, 3, 0):
        ops = {}
        for kind, names in KINDS.items():
            few = borders if kind == (False, True) else random.integers(1, len(names) + 1)
            ops |= dict.fromkeys((str(name) for name in random.permutation(names)[:few]), kind)
        ops = {str(name): ops[str(name)] for name in random.permutation(list(ops))}
        answer = _names(ask(cut_for_text_out, dict(ops)))
        right = [name for name, kind in ops.items() if kind == (False, True)]
        if sorted(answer) == sorted(right):
            continue
        kinds = {ops.get(name) for name in answer}
        if None in kinds:
            return "It returns names that aren't in ops."
        if (True, False) in kinds:
            return (
                "StringLength reads text and gives a number: that's the cut of a model with text "
                "in. Here it's the other way round."
            )
        if (True, True) in kinds:
            return "StringUpper gives text, but it reads text too: it comes after the border."
        if (False, False) in kinds:
            return "Conv2D has no text on either side. It belongs to the half that converts."
        return f"Of ops with {len(right)} at the border it returned {len(answer)}."
    return None


WORDS = [
    "return",
    "the",
    "value",
    "of",
    "self",
    "if",
    "not",
    "none",
    "def",
    "print",
    "items",
    "in",
    "for",
    "range",
    "a",
    "list",
]


def _ids_from_the_end(ids_from_the_end):
    random = np.random.default_rng(32)
    for count, length in ((3, 8), (12, 5), (7, 7), (0, 4), (20, 19), (1, 1), (6, 10)):
        known = [str(word) for word in random.permutation(WORDS)[:9]]
        places = random.permutation(np.arange(2, 60))[: len(known)]
        vocabulary = {word: int(place) for word, place in zip(known, places, strict=True)}
        words = [str(word) for word in random.choice(WORDS, count)]
        right = [vocabulary.get(word, 1) for word in words][-length:]
        right = [0] * (length - len(right)) + right
        answer = ask(ids_from_the_end, list(words), dict(vocabulary), length)
        answer = answer.numpy() if hasattr(answer, "numpy") else answer
        answer = answer.tolist() if isinstance(answer, np.ndarray) else answer
        if not isinstance(answer, (list, tuple, collections.deque)):
            return f"Return a list of {length} ids. Found: {shown(answer)}."
        answer = list(answer)
        odd = [one for one in answer if not isinstance(one, (int, np.integer))]
        if answer == right and not odd and not any(isinstance(one, bool) for one in answer):
            continue
        asked = f"For {count} words and length {length}"
        if len(answer) != length:
            return f"{asked} it returns {len(answer)} ids."
        if odd:
            return f"{asked} some ids aren't integers, such as {shown(odd[0])}."
        if answer == ([1] * length + right[max(length - count, 0) :])[-length:]:
            return f"{asked} it fills up with 1, which is an unknown word. Fill up with 0."
        zeros = [vocabulary.get(word, 0) for word in words]
        kept = [number for number in zeros if number]
        if answer in (([0] * length + zeros)[-length:], ([0] * length + kept)[-length:]):
            return f"{asked} an unknown word isn't there as 1. (0 only fills up.)"
        first = [vocabulary.get(word, 1) for word in words][:length]
        if count > length and answer == first:
            return f"{asked} it keeps the first words. This model keeps the last ones."
        if count < length and answer == first + [0] * (length - count):
            return f"{asked} it fills up on the right. This model does so on the left."
        if sorted(answer) == sorted(right):
            return f"{asked} the ids are right, but their order isn't."
        return f"{asked} it returns {answer[:6]} ..., and it should begin {right[:6]}."
    return None


EXERCISES = [
    Exercise(
        _text_out,
        "Convert what comes before it, and keep the table from number to name in your program.",
        "Go through ops.items(). The first of the two must be False, the second True.",
        "def cut_for_text_out(ops):\n"
        "    return [name for name, (reads, gives) in ops.items() if gives and not reads]",
        wrong={
            "def cut_for_text_out(ops):\n"
            "    return [name for name, (reads, gives) in ops.items() if gives]": "reads text too",
            "def cut_for_text_out(ops):\n"
            "    return [name for name, (reads, gives) in ops.items() if reads and not gives]": ""
            "the other way round",
            "def cut_for_text_out(ops):\n"
            "    return [name for name, (reads, gives) in ops.items() if not reads]": ""
            "no text on either side",
            "def cut_for_text_out(ops):\n"
            "    return [one for one in ops.items() if one[1] == (False, True)]": "names only",
            "def cut_for_text_out(ops):\n"
            "    return [name for name, kind in ops.items() if kind == (False, True)][:1]": ""
            "it returned 1",
            'def cut_for_text_out(ops):\n    return ["LookupTableFindV2"]': "at the border it returned",
            "def cut_for_text_out(ops):\n"
            "    [name for name, (reads, gives) in ops.items() if gives and not reads]": ""
            "returns nothing",
        },
        right_codes=(
            "def cut_for_text_out(ops):\n"
            "    found = set()\n"
            "    for name in ops:\n"
            "        if ops[name] == (False, True):\n"
            "            found.add(name)\n"
            "    return found",
            "cut_for_text_out = lambda ops: tuple(k for k, v in ops.items() if v[1] > v[0])",
        ),
    ),
    Exercise(
        _ids_from_the_end,
        "The words and the filling are where this model was trained to see them.",
        "vocabulary.get(word, 1) gives the id of a word. A slice [-length:] keeps the last ones, "
        "and [0] * 3 is three zeros.",
        "def ids_from_the_end(words, vocabulary, length):\n"
        "    ids = [vocabulary.get(word, 1) for word in words][-length:]\n"
        "    return [0] * (length - len(ids)) + ids",
        wrong={
            "def ids_from_the_end(words, vocabulary, length):\n"
            "    ids = [vocabulary.get(word, 1) for word in words][:length]\n"
            "    return [0] * (length - len(ids)) + ids": "keeps the first words",
            "def ids_from_the_end(words, vocabulary, length):\n"
            "    ids = [vocabulary.get(word, 1) for word in words][-length:]\n"
            "    return ids + [0] * (length - len(ids))": "fills up on the right",
            "def ids_from_the_end(words, vocabulary, length):\n"
            "    return [vocabulary.get(word, 1) for word in words][-length:]": "it returns 3 ids",
            "def ids_from_the_end(words, vocabulary, length):\n"
            "    ids = [vocabulary[word] for word in words][-length:]\n"
            "    return [0] * (length - len(ids)) + ids": "Your code stopped with KeyError",
            "def ids_from_the_end(words, vocabulary, length):\n"
            "    ids = [vocabulary.get(word, 0) for word in words][-length:]\n"
            "    return [0] * (length - len(ids)) + ids": "an unknown word isn't there as 1",
            "def ids_from_the_end(words, vocabulary, length):\n"
            "    ids = [vocabulary.get(word, 1) for word in words][-length:]\n"
            "    return [1] * (length - len(ids)) + ids": "it fills up with 1",
            "def ids_from_the_end(words, vocabulary, length):\n"
            "    ids = [vocabulary[word] for word in words if word in vocabulary][-length:]\n"
            "    return [0] * (length - len(ids)) + ids": "an unknown word isn't there as 1",
            "def ids_from_the_end(words, vocabulary, length):\n"
            "    ids = [float(vocabulary.get(word, 1)) for word in words][-length:]\n"
            "    return [0.0] * (length - len(ids)) + ids": "some ids aren't integers",
            "def ids_from_the_end(words, vocabulary, length):\n"
            "    ids = np.array([vocabulary.get(word, 1) for word in words][-length:])\n"
            "    return np.pad(ids, (length - len(ids), 0))[None]": "it returns 1 ids",
            "def ids_from_the_end(words, vocabulary, length):\n"
            "    ids = [vocabulary.get(word, 1) for word in words][::-1][:length]\n"
            "    return [0] * (length - len(ids)) + ids": "their order isn't",
            "def ids_from_the_end(words, vocabulary, length):\n"
            "    ids = [vocabulary.get(word, 1) for word in words][-length:]\n"
            "    print([0] * (length - len(ids)) + ids)": "returns nothing",
        },
        right_codes=(
            "def ids_from_the_end(words, vocabulary, length):\n"
            "    row = np.zeros(length, np.int64)\n"
            "    for place, word in enumerate(reversed(words)):\n"
            "        if place < length:\n"
            "            row[length - 1 - place] = vocabulary.get(word, 1)\n"
            "    return row",
            "def ids_from_the_end(words, vocabulary, length):\n"
            "    ids = [vocabulary.get(word, 1) for word in words]\n"
            "    return tf.constant(([0] * length + ids)[-length:])",
        ),
    ),
]
