"""The exercises of 03_convert_to_tflite."""

import functools
import tempfile
from pathlib import Path

import numpy as np

from helpers import interpreter, parity
from helpers.course.exercises import Exercise, Wrong, ask, shown

SIZES = {"serving_default": 48, "second": 64}  # numbers an input, of each signature
ROWS = 32


def _weights():
    rng = np.random.default_rng(7)
    return {name: rng.normal(size=(size, 40)).astype(np.float32) for name, size in SIZES.items()}


def _module():
    """Return a tf.Module and its signatures: each multiplies by weights of its own."""
    import tensorflow as tf

    module, signatures = tf.Module(), {}
    for name, weights in _weights().items():
        setattr(module, name, tf.Variable(weights))
        spec = tf.TensorSpec([None, len(weights)], tf.float32, name="x")
        made = tf.function(_product(getattr(module, name)), autograph=False)
        signatures[name] = made.get_concrete_function(spec)
    return module, signatures


def _product(weights):
    return lambda x: {"y": x @ weights}


@functools.cache
def _tflite():
    import tensorflow as tf

    module, signatures = _module()
    [function, _] = signatures.values()
    return tf.lite.TFLiteConverter.from_concrete_functions([function], module).convert()


def _inputs(name, count=ROWS, seed=8):
    shape = count, SIZES[name]
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def _convert_and_save(convert_and_save):
    import tensorflow as tf

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        module, signatures = _module()
        folder = Path(temporary, "saved_model")
        tf.saved_model.save(module, str(folder), signatures)
        for name in ("second", "serving_default"):
            path = Path(temporary, f"{name}.tflite")
            answer = ask(convert_and_save, str(folder), name, path, none=True)
            if reason := _file(path, name, answer):
                return reason
    return None


def _file(path, name, answer):
    """Return what is wrong with the file that was to be written, None if nothing is."""
    if not path.exists():
        if isinstance(answer, bytes):
            return "It returns the bytes, and writes nothing. Write them to `path`."
        return "After the call there's no file at `path`. Write the bytes there."
    try:
        loaded = interpreter.load(path)
    except ValueError:
        return "There's a file at `path`, but it isn't a .tflite. Write what convert() returns."
    found = list(loaded.get_signature_list())
    if found != [name]:
        names = ", ".join(found) or "none"
        return f"Asked for the signature {name!r}, the file has: {names}. signature_keys chooses."
    inputs = _inputs(name)
    expected = inputs @ _weights()[name]
    error = np.abs(interpreter.predict(loaded, inputs, name) - expected).max() / np.ptp(expected)
    if error > 1e-4:
        off = parity.percent(error)
        return (
            f"The file is off by {off} of the range, too much for float32. Is something optimized?"
        )
    return None


def _allowed(allowed):
    rng = np.random.default_rng(11)
    references = [
        rng.uniform(-0.2, 0.1, (20, 5)),  # a small range
        rng.uniform(-300, -100, (20, 3)),  # no score above zero
        rng.uniform(50, 51, (40, 2)) * [1, 3],  # each column has a range of its own
        rng.normal(size=30),
    ]
    for reference in references:
        reference = reference.astype(np.float32)
        for recipe in ("float32", "dynamic range", "int8"):
            answer = ask(allowed, reference.copy(), recipe)
            if np.shape(answer) or np.asarray(answer).dtype.kind not in "fiu":
                raise Wrong(f"The answer should be one number. Found: {shown(answer)}.")
            if reason := _number(float(answer), reference, recipe):
                return reason
    return None


def _number(answer, reference, recipe):
    """Return why `answer` isn't the largest error allowed, None if it is."""
    fraction, other = (1e-4, 0.05) if recipe == "float32" else (0.05, 1e-4)
    low, high = float(reference.min()), float(reference.max())
    if np.isclose(answer, fraction * (high - low), rtol=1e-4, atol=0):
        return None
    reasons = [
        (fraction, "That's the fraction alone, whatever the scores are. Multiply it by the range."),
        (high - low, "That's the whole range. The tolerance is a fraction of it."),
        (other * (high - low), f"{recipe!r} gets the other fraction, {fraction:g}."),
        (fraction * high, "The range is the highest score minus the lowest, not the highest."),
        (
            fraction * np.abs(reference).max(),
            "The range isn't the largest absolute score: it's the highest minus the lowest.",
        ),
        (fraction * reference.std(), "That's the standard deviation. Use max minus min."),
        (fraction / (high - low), "Multiply the fraction by the range instead of dividing."),
    ]
    for wrong, reason in reasons:
        if np.isclose(answer, wrong, rtol=1e-4, atol=0):
            return reason
    return (
        f"For scores from {low:.4g} to {high:.4g} and {recipe!r} the rule allows "
        f"{fraction * (high - low):.4g}. Found: {answer:.4g}."
    )


class _Watched(parity.Ledger):
    """A ledger that remembers what it was given."""

    given = None
    refused = False

    def add(self, form, size, scores, tolerance=0, agreement=1):
        self.given = form, size, np.asarray(scores), tolerance, agreement
        try:
            return super().add(form, size, scores, tolerance, agreement)
        except parity.ParityError:
            self.refused = True
            raise


def _add_row(add_row):
    for seed in (21, 22):
        inputs = _inputs("serving_default", count=10 + seed, seed=seed)
        outputs = interpreter.predict(interpreter.load(_tflite()), inputs)
        sound, broken = _Watched(outputs.argmax(1)), _Watched()
        sound.add("SavedModel", 1, outputs + 1e-6 * np.ptp(outputs))
        ask(add_row, sound, f"form {seed}", _tflite(), inputs, none=True)
        if reason := _row(sound, f"form {seed}", outputs):
            return reason
        # Of this reference the file is off by 0.1 % of the range: no rounding of float32.
        changed = outputs.copy()
        changed[0, outputs[0].argmin()] -= 1e-3 * np.ptp(outputs)
        broken.add("SavedModel", 1, changed)
        try:
            ask(add_row, broken, "broken", _tflite(), inputs, none=True)
        except Wrong:
            if not broken.refused:
                raise
        else:
            if broken.refused:
                return (
                    "The ledger refused a broken file, and your code hides its error. Let it out."
                )
        if len(broken.rows) > 1:
            return "It lets in a file that is off by 0.1 % of the range. Give the tolerance."
    return None


def _row(ledger, form, outputs):
    """Return what is wrong with the row that was to be added, None if nothing is."""
    if len(ledger.rows) == 1:
        return "No row was added to the ledger that your function gets. Call its add."
    if len(ledger.rows) > 2:
        return f"It added {len(ledger.rows) - 1} rows. Add one."
    found, size, scores, tolerance, agreement = ledger.given
    if found != form:
        return f"The row is called {found!r}. Use the name that your function gets, {form!r}."
    if size != len(_tflite()):
        return f"The row says {size:,} bytes; the file has {len(_tflite()):,}. len() counts bytes."
    if scores.shape != outputs.shape or not np.allclose(scores, outputs, rtol=1e-6, atol=1e-6):
        return "These scores aren't what the file returns for `inputs`. Run the file."
    if not np.isclose(tolerance, 1e-4, rtol=1e-3):
        return f"The tolerance is {tolerance:g}. A float32 file gets 1e-4 of the range."
    if agreement < 1:
        return (
            f"With agreement={agreement:g} inputs may change their top-1. For a float32 file leave "
            "it out."
        )
    return None


EXERCISES = [
    Exercise(
        _convert_and_save,
        "Load, convert, write: that's all there is to a conversion.",
        "from_saved_model(folder, signature_keys=[signature]) makes the converter. Its convert() "
        "returns bytes, and path.write_bytes writes them.",
        "def convert_and_save(folder, signature, path):\n"
        "    converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[signature])\n"
        "    return path.write_bytes(converter.convert())",
        wrong={
            "def convert_and_save(folder, signature, path):\n"
            "    converter = tf.lite.TFLiteConverter.from_saved_model(folder)\n"
            "    return path.write_bytes(converter.convert())": "signature_keys chooses",
            "def convert_and_save(folder, signature, path):\n"
            "    converter = tf.lite.TFLiteConverter.from_saved_model(\n"
            "        folder, signature_keys=[signature]\n"
            "    )\n"
            "    return converter.convert()": "writes nothing. Write them to `path`",
            "def convert_and_save(folder, signature, path):\n"
            "    tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[signature]).convert()": (
                "there's no file at `path`"
            ),
            "def convert_and_save(folder, signature, path):\n"
            "    converter = tf.lite.TFLiteConverter.from_saved_model(\n"
            "        folder, signature_keys=[signature]\n"
            "    )\n"
            "    path.write_text(str(converter.convert()))": "it isn't a .tflite",
            "def convert_and_save(folder, signature, path):\n"
            "    converter = tf.lite.TFLiteConverter.from_saved_model(\n"
            "        folder, signature_keys=[signature]\n"
            "    )\n"
            "    converter.optimizations = [tf.lite.Optimize.DEFAULT]\n"
            "    path.write_bytes(converter.convert())": "Is something optimized?",
            "def convert_and_save(folder, signature, path):\n"
            "    converter = tf.lite.TFLiteConverter.from_saved_model(\n"
            "        folder, signature_keys=[signature]\n"
            "    )\n"
            "    path.write_bytes(converter)": "Your code stopped with TypeError",
            "def convert_and_save(folder, signature, path):\n"
            "    path.write_bytes(tflite)": "signature_keys chooses",
        },
        right_codes=(
            "def convert_and_save(folder, signature, path):\n"
            "    converter = tf.lite.TFLiteConverter.from_saved_model(\n"
            "        saved_model_dir=folder, signature_keys=(signature,)\n"
            "    )\n"
            '    with open(path, "wb") as file:\n'
            "        file.write(converter.convert())",
        ),
    ),
    Exercise(
        _allowed,
        "It grows and shrinks with the scores, so it means the same for every model.",
        "np.ptp(reference) is the range, the highest score minus the lowest. Only 'float32' gets "
        "0.0001 of it.",
        "def allowed(reference, recipe):\n"
        '    fraction = 1e-4 if recipe == "float32" else 0.05\n'
        "    return fraction * np.ptp(reference)",
        wrong={
            "def allowed(reference, recipe):\n"
            '    return 1e-4 if recipe == "float32" else 0.05': "the fraction alone",
            "def allowed(reference, recipe):\n"
            "    return 1e-4 * np.ptp(reference)": "gets the other fraction, 0.05",
            "def allowed(reference, recipe):\n"
            '    fraction = 1e-4 if recipe == "float32" else 0.05\n'
            "    return fraction * reference.max()": "not the highest",
            "def allowed(reference, recipe):\n"
            '    fraction = 1e-4 if recipe == "float32" else 0.05\n'
            "    return fraction * np.abs(reference).max()": "largest absolute score",
            "def allowed(reference, recipe):\n"
            '    fraction = 1e-4 if recipe == "float32" else 0.05\n'
            "    return fraction * np.ptp(reference, axis=0)": "should be one number",
            "def allowed(reference, recipe):\n"
            '    fraction = 1e-4 if recipe == "float32" else 0.05\n'
            "    return fraction * reference.std()": "standard deviation",
            "def allowed(reference, recipe):\n"
            '    fraction = 1e-4 if recipe == "float32" else 0.05\n'
            "    return fraction * np.ptp(scores)": "the rule allows",
            "def allowed(reference, recipe):\n"
            '    fraction = 1e-4 if recipe == "float32" else 0.05\n'
            "    fraction * np.ptp(reference)": "returns nothing",
        },
        right_codes=(
            "def allowed(reference, recipe):\n"
            "    width = float(reference.max()) - float(reference.min())\n"
            '    return width / 10_000 if recipe == "float32" else width / 20',
            "allowed = lambda reference, recipe: (reference.max() - reference.min()) * {\n"
            '    "float32": 0.0001\n'
            "}.get(recipe, 0.05)",
        ),
    ),
    Exercise(
        _add_row,
        "The row is in, and a broken file would have stopped you with a ParityError.",
        "interpreter.predict(interpreter.load(tflite), inputs) gives the file's scores. ledger.add "
        "takes the name, the bytes, the scores and the tolerance.",
        "def add_row(ledger, form, tflite, inputs):\n"
        "    outputs = interpreter.predict(interpreter.load(tflite), inputs)\n"
        "    return ledger.add(form, len(tflite), outputs, tolerance=1e-4)",
        wrong={
            "def add_row(ledger, form, tflite, inputs):\n"
            "    outputs = interpreter.predict(interpreter.load(tflite), inputs)\n"
            "    ledger.add(form, len(tflite), outputs, tolerance=0.05)": "The tolerance is 0.05",
            "def add_row(ledger, form, tflite, inputs):\n"
            "    outputs = interpreter.predict(interpreter.load(tflite), inputs)\n"
            "    ledger.add(form, len(tflite), outputs, tolerance=1e-4, agreement=0)": (
                "With agreement=0 inputs may change their top-1"
            ),
            "def add_row(ledger, form, tflite, inputs):\n"
            "    outputs = interpreter.predict(interpreter.load(tflite), inputs)\n"
            "    ledger.add(form, len(tflite), outputs)": "Your code stopped with ParityError",
            "def add_row(ledger, form, tflite, inputs):\n"
            "    ledger.add(form, len(tflite), ledger.reference, tolerance=1e-4)": (
                "aren't what the file returns"
            ),
            "def add_row(ledger, form, tflite, inputs):\n"
            "    outputs = interpreter.predict(interpreter.load(tflite), inputs)\n"
            '    ledger.add("float32", len(tflite), outputs, tolerance=1e-4)': (
                "Use the name that your function gets"
            ),
            "def add_row(ledger, form, tflite, inputs):\n"
            "    outputs = interpreter.predict(interpreter.load(tflite), inputs)\n"
            "    ledger.add(form, len(outputs), outputs, tolerance=1e-4)": "len() counts bytes",
            "def add_row(ledger, form, tflite, inputs):\n"
            "    outputs = interpreter.predict(interpreter.load(tflite), inputs)\n"
            "    try:\n"
            "        ledger.add(form, len(tflite), outputs, tolerance=1e-4)\n"
            "    except parity.ParityError:\n"
            "        pass": "your code hides its error",
            "def add_row(ledger, form, tflite, inputs):\n"
            "    outputs = interpreter.predict(interpreter.load(tflite), inputs)": "No row was added",
        },
        right_codes=(
            "def add_row(ledger, form, tflite, inputs):\n"
            "    loaded = interpreter.load(tflite)\n"
            "    rows = [interpreter.predict(loaded, one[None])[0] for one in inputs]\n"
            "    ledger.add(form=form, size=len(tflite), scores=rows, tolerance=0.0001)",
        ),
    ),
]
