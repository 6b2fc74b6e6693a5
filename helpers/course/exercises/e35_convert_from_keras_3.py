"""The exercises of 35_convert_from_keras_3."""

import functools
import tempfile
from pathlib import Path

import numpy as np

from helpers import interpreter
from helpers.course.exercises import Exercise, Wrong, ask, cut, shown

VOCABULARY = ["", "[UNK]", "the", "cat", "sat", "its", "redsnapper", "a"]
TEXTS = (
    ("the cat sat", 3),
    ("The CAT!", 4),
    ("a dog sat, the cat sat", 8),
    ("it's the red-snapper.", 5),
    ("the cat sat the cat sat", 4),
    ("  a   cat ", 2),
    ("-- cat ...", 3),
    ("", 2),
    ("red_snapper a", 3),
    ("sat\tits a", 4),
)


@functools.cache
def _recurrent():
    """Return two models of one input that can't run with a dynamic batch."""
    import keras

    layers = keras.layers
    steps = keras.Input([5, 3], name="steps")
    tokens = keras.Input([6], dtype="int32", name="tokens")
    vectors = layers.Embedding(20, 4)(tokens)
    return (
        keras.Model(steps, layers.Dense(2)(layers.GRU(4)(steps))),
        keras.Model(tokens, layers.SimpleRNN(3)(vectors)),
    )


def _export_one(export_one):
    rng = np.random.default_rng(5)
    feeds = rng.normal(size=(4, 5, 3)).astype(np.float32), rng.integers(0, 20, (4, 6), np.int32)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        for number, (model, feed) in enumerate(zip(_recurrent(), feeds, strict=True)):
            path = Path(temporary, f"{number}.tflite")
            try:
                answer = ask(export_one, model, path, none=True)
            except Wrong as wrong:
                if "TensorListReserve" not in str(wrong):
                    raise
                return (
                    "It doesn't convert: the batch is still dynamic, so the size of the loop's "
                    "list isn't known. Trace the model for a batch of one."
                )
            if not path.exists():
                if isinstance(answer, bytes):
                    return "It returns the bytes, and writes nothing. Write them to `path`."
                return "After the call there's no file at `path`."
            if reason := _exported(path, model, feed):
                return reason
    return None


def _exported(path, model, feed):
    """Return what is wrong with the file of a model of one input, None if nothing is."""
    try:
        loaded = interpreter.load(path)
        [runner] = [loaded.get_signature_runner(name) for name in loaded.get_signature_list()]
    except RuntimeError:
        return (
            "LiteRT can't run the file: it has Select TF ops. Fix the batch, and take the two steps: "
            "they allow only built-in ops."
        )
    except ValueError:
        return "There's a file at `path`, but not a .tflite with one signature."
    [wanted_input] = model.inputs
    [(name, detail)] = runner.get_input_details().items()
    if name != wanted_input.name:
        return (
            f"The input is called {name!r}; in the model it's {wanted_input.name!r}. Name the spec."
        )
    if np.dtype(detail["dtype"]).name != wanted_input.dtype:
        found = np.dtype(detail["dtype"]).name
        return f"The model takes {wanted_input.dtype}, the file {found}. Take the input's dtype."
    shape = tuple(detail["shape_signature"])
    if shape != (1, *wanted_input.shape[1:]):
        return f"The file takes {shape}. It should take a batch of one: (1, ...)."
    right = np.array(model(feed))
    try:
        found = interpreter.predict(loaded, feed)
    except RuntimeError as error:
        return f"The file loads, and stops when it runs: {cut(str(error), 90)}"
    if np.abs(found - right).max() > 1e-4 * np.ptp(right):
        return "The file's predictions aren't the model's, beyond what float32 may differ."
    return None


def _ids(ids):
    for text, length in TEXTS:
        answer = ask(ids, text, list(VOCABULARY), length)
        answer = answer.numpy() if hasattr(answer, "numpy") else answer
        if not isinstance(answer, (list, tuple, np.ndarray)):
            return f"The answer should be a list of integers. Found: {shown(answer)}."
        found = [one.item() if isinstance(one, np.generic) else one for one in answer]
        if not all(isinstance(one, int) and not isinstance(one, bool) for one in found):
            return f"The list should hold integers. Found: {cut(str(found[:6]))}."
        if reason := _numbers(text, length, found):
            return reason
    return None


def _numbers(text, length, found):
    """Return what is wrong with the numbers of a text, None if nothing is."""
    right = _right(text, length)
    if found == right:
        return None
    reasons = [
        (len(found) > length, f"Cut it to {length}."),
        (len(found) < length, f"Fill it up with 0 to {length}."),
        (found == _right(text, length, lower=False), "Small letters first."),
        (found == _right(text, length, strip=False), "Remove all of string.punctuation first."),
        (
            found == _right(text, length, gap=" "),
            "Punctuation goes without a gap: it's is one word.",
        ),
        (found == right[::-1] or found[::-1] == right, "Keep the order of the words."),
        (found == _right(text, length, unknown=0), "An unknown word is 1, [UNK]."),
        (found == _right(text, length, skip=True), "An unknown word stays in the list, as 1."),
        (found == _right(text, length, front=True), "The zeros go to the end."),
        (found == _right(text, length, last=True), "Keep the first words, and cut the end off."),
        (
            found == _right(text, length, split=lambda text: text.split(" ")),
            "Several spaces count as one, and a tab is white space, too: split() knows.",
        ),
        (found == _right(text, length, pad=1), "Fill up with 0; 1 is an unknown word."),
    ]
    why = next(
        (words for wrong, words in reasons if wrong),
        "Go step by step: small letters, punctuation, split, look up.",
    )
    given = found if len(found) < 12 else f"{len(found)} numbers"
    return f"{text!r} with length {length} should give {right}. Found: {given}. {why}"


def _right(
    text,
    length,
    lower=True,
    strip=True,
    gap="",
    unknown=1,
    skip=False,
    pad=0,
    front=False,
    last=False,
    split=str.split,
):
    """Return the numbers of a text; with the options on, one of the plausible mistakes."""
    import string

    text = text.lower() if lower else text
    if strip:
        text = "".join(gap if one in string.punctuation else one for one in text)
    words = [one for one in split(text) if not skip or one in VOCABULARY]
    numbers = [VOCABULARY.index(one) if one in VOCABULARY else unknown for one in words]
    numbers = numbers[-length:] if last else numbers[:length]
    rest = [pad] * (length - len(numbers))
    return rest + numbers if front else numbers + rest


EXERCISES = [
    Exercise(
        _export_one,
        "The batch is fixed, the name is kept, and an op that LiteRT lacks would stop the export.",
        "tf.TensorSpec([1, *shape[1:]], dtype, name=...) with what model.inputs[0] says; then "
        "to_tflite with this spec, and path.write_bytes.",
        "def export_one(model, path):\n"
        "    [given] = model.inputs\n"
        "    one = tf.TensorSpec([1, *given.shape[1:]], given.dtype, name=given.name)\n"
        "    path.write_bytes(to_tflite(model, [one]))",
        wrong={
            "def export_one(model, path):\n"
            '    model.export(str(path), format="litert")': "it has Select TF ops",
            "def export_one(model, path):\n"
            "    [given] = model.inputs\n"
            "    one = tf.TensorSpec([1, *given.shape[1:]], given.dtype)\n"
            "    path.write_bytes(to_tflite(model, [one]))": "Name the spec",
            "def export_one(model, path):\n"
            "    [given] = model.inputs\n"
            "    one = tf.TensorSpec([1, *given.shape[1:]], tf.float32, name=given.name)\n"
            "    path.write_bytes(to_tflite(model, [one]))": "Take the input's dtype",
            "def export_one(model, path):\n"
            "    [given] = model.inputs\n"
            "    one = tf.TensorSpec([8, *given.shape[1:]], given.dtype, name=given.name)\n"
            "    path.write_bytes(to_tflite(model, [one]))": "It should take a batch of one",
            "def export_one(model, path):\n"
            "    path.write_bytes(to_tflite(model))": "the batch is still dynamic",
            "def export_one(model, path):\n"
            "    [given] = model.inputs\n"
            "    one = tf.TensorSpec([1, *given.shape[1:]], given.dtype, name=given.name)\n"
            "    return to_tflite(model, [one])": "It returns the bytes, and writes nothing",
            "def export_one(model, path):\n"
            "    [given] = model.inputs\n"
            "    one = tf.TensorSpec([1, *given.shape[1:]], given.dtype, name=given.name)\n"
            '    path.with_suffix(".keras.tflite").write_bytes(to_tflite(model, [one]))': (
                "no file at `path`"
            ),
            "def export_one(model, path):\n"
            "    [given] = model.inputs\n"
            "    one = tf.TensorSpec(given.shape[1:], given.dtype, name=given.name)\n"
            "    path.write_bytes(to_tflite(model, [one]))": "is incompatible with the layer",
            "def export_one(model, path):\n"
            "    one = tf.TensorSpec([1, 10, 4], tf.float32, name='window')\n"
            "    path.write_bytes(to_tflite(model, [one]))": "is incompatible with the layer",
            "def export_one(model, path):\n"
            "    [given] = model.inputs\n"
            "    one = tf.TensorSpec([1, *given.shape[1:]], given.dtype, name=given.name)\n"
            "    whole = tf.function(model).get_concrete_function(one)\n"
            "    made = tf.lite.TFLiteConverter.from_concrete_functions([whole], model)\n"
            "    path.write_bytes(made.convert())": "The file loads, and stops when it runs",
        },
        right_codes=(
            "def export_one(model, path):\n"
            "    given = model.inputs[0]\n"
            "    one = tf.TensorSpec((1,) + tuple(given.shape[1:]), given.dtype, given.name)\n"
            "    with tempfile.TemporaryDirectory() as made:\n"
            "        model.export(made, input_signature=[one])\n"
            "        converter = tf.lite.TFLiteConverter.from_saved_model(made)\n"
            '        with open(path, "wb") as file:\n'
            "            file.write(converter.convert())",
            "def export_one(model, path):\n"
            "    [given] = model.inputs\n"
            "    one = keras.Input(given.shape[1:], batch_size=1, dtype=given.dtype, name=given.name)\n"
            "    made = tf.lite.TFLiteConverter.from_keras_model(keras.Model(one, model(one)))\n"
            "    path.write_bytes(made.convert())",
        ),
    ),
    Exercise(
        _ids,
        "It gives what the layer gives, and an app in any language can do it.",
        "text.lower(), then leave out each character in string.punctuation, then split(). A word's "
        "number is vocabulary.index(word) if it's in there, else 1.",
        "def ids(text, vocabulary, length):\n"
        "    import string\n\n"
        '    kept = "".join(one for one in text.lower() if one not in string.punctuation)\n'
        "    words = kept.split()\n"
        "    found = [vocabulary.index(one) if one in vocabulary else 1 for one in words]\n"
        "    return (found + [0] * length)[:length]",
        wrong={
            "def ids(text, vocabulary, length):\n"
            "    words = text.lower().split()\n"
            "    found = [vocabulary.index(one) if one in vocabulary else 1 for one in words]\n"
            "    return (found + [0] * length)[:length]": "Remove all of string.punctuation",
            "def ids(text, vocabulary, length):\n"
            "    import string\n"
            '    kept = "".join(one for one in text if one not in string.punctuation)\n'
            "    found = [vocabulary.index(one) if one in vocabulary else 1 for one in kept.split()]\n"
            "    return (found + [0] * length)[:length]": "Small letters first",
            "def ids(text, vocabulary, length):\n"
            "    import string\n"
            '    kept = "".join(one for one in text.lower() if one not in string.punctuation)\n'
            "    found = [vocabulary.index(one) for one in kept.split() if one in vocabulary]\n"
            "    return (found + [0] * length)[:length]": "stays in the list, as 1",
            "def ids(text, vocabulary, length):\n"
            "    import string\n"
            '    kept = "".join(one for one in text.lower() if one not in string.punctuation)\n'
            "    found = [vocabulary.index(one) if one in vocabulary else 0 for one in kept.split()]\n"
            "    return (found + [0] * length)[:length]": "An unknown word is 1",
            "def ids(text, vocabulary, length):\n"
            "    import string\n"
            '    kept = "".join(one for one in text.lower() if one not in string.punctuation)\n'
            "    found = [vocabulary.index(one) if one in vocabulary else 1 for one in kept.split()]\n"
            "    return found[:length]": "Fill it up with 0",
            "def ids(text, vocabulary, length):\n"
            "    import string\n"
            '    kept = "".join(one for one in text.lower() if one not in string.punctuation)\n'
            "    found = [vocabulary.index(one) if one in vocabulary else 1 for one in kept.split()]\n"
            "    return found + [0] * (length - len(found))": "Cut it to",
            "def ids(text, vocabulary, length):\n"
            "    import string\n"
            '    kept = "".join(" " if c in string.punctuation else c for c in text.lower())\n'
            "    found = [vocabulary.index(one) if one in vocabulary else 1 for one in kept.split()]\n"
            "    return (found + [0] * length)[:length]": "without a gap",
            "def ids(text, vocabulary, length):\n"
            "    import string\n"
            '    kept = "".join(one for one in text.lower() if one not in string.punctuation)\n'
            "    found = [vocabulary.index(one) if one in vocabulary else 1 for one in kept.split()]\n"
            "    found = found[:length]\n"
            "    return [0] * (length - len(found)) + found": "The zeros go to the end",
            "def ids(text, vocabulary, length):\n"
            "    import string\n"
            '    kept = "".join(one for one in text.lower() if one not in string.punctuation)\n'
            '    words = kept.split(" ")\n'
            "    found = [vocabulary.index(one) if one in vocabulary else 1 for one in words]\n"
            "    return (found + [0] * length)[:length]": "Several spaces count as one",
            "def ids(text, vocabulary, length):\n"
            "    import string\n"
            '    kept = "".join(one for one in text.lower() if one not in string.punctuation)\n'
            "    words = kept.split()[-length:]\n"
            "    found = [vocabulary.index(one) if one in vocabulary else 1 for one in words]\n"
            "    return (found + [0] * length)[:length]": "Keep the first words",
            "def ids(text, vocabulary, length):\n"
            '    words = re.sub(r"[^\\w\\s]", "", text.lower()).split()\n'
            "    found = [vocabulary.index(one) if one in vocabulary else 1 for one in words]\n"
            "    return (found + [0] * length)[:length]": "Remove all of string.punctuation",
            "def ids(text, vocabulary, length):\n    while True:\n        yield 1": "Cut it to",
        },
        right_codes=(
            "def ids(text, vocabulary, length):\n"
            "    import re\n"
            "    import string\n\n"
            "    table = dict(zip(vocabulary, range(len(vocabulary))))\n"
            '    words = re.sub(f"[{re.escape(string.punctuation)}]", "", text.lower()).split()\n'
            "    out = np.zeros(length, np.int64)\n"
            "    for place, word in enumerate(words[:length]):\n"
            "        out[place] = table.get(word, 1)\n"
            "    return out",
            "def ids(text, vocabulary, length):\n"
            "    layer = layers.TextVectorization(\n"
            "        vocabulary=vocabulary[2:], output_sequence_length=length\n"
            "    )\n"
            "    return layer([text]).numpy()[0]",
        ),
    ),
]
