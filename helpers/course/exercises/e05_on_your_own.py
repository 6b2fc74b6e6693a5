"""The exercises of 05_on_your_own, and the models that it draws by seed."""

import functools
import hashlib
import inspect
import tempfile
from pathlib import Path

import numpy as np

from helpers import convert, digits, handles, parity, savedmodel
from helpers.course import cache, needs
from helpers.course.exercises import Exercise, Wrong, ask, cut, shown
from helpers.course.exercises.e04_run_the_interpreter import different
from helpers.interpreter import load, predict

NAMES = [
    "amber",
    "birch",
    "coral",
    "delta",
    "ember",
    "flint",
    "grove",
    "heath",
    "iris",
    "jade",
    "kelp",
    "lotus",
    "maple",
]
HIDDEN = (102, 104, 108)  # seeds of the judges' own models: one of each kind
LATE = 104, "willow"  # a model whose serving_default isn't the last of its signatures
AGREEMENT = {"float32": 1, "dynamic range": 0.98}  # of the inputs that keep their top-1
WORTH = {"error": 0.05, "saved": 0.25}  # when a smaller file is recommended


def check(handle: str) -> str:
    """Return what handles.check does, if the exam can take the model. Raises HandleError."""
    folder = handles.fetch(full := handles.check(handle))
    for name, spec in convert.inputs_of(folder).items():
        if spec.dtype != "float32" or len(spec.shape or ()) < 2 or spec.shape[0]:
            what = "This lesson needs float32 inputs, each with a dynamic batch first"
            raise handles.HandleError(f"{what}. Found: {name} {spec}. Take exam/meter/1.")
    needs.converted(folder)
    return full


def draw(seed: int, renamed: str = "") -> Path:
    """Return the folder of a SavedModel that this seed decides: names, shapes, size and numbers.

    Two inputs, mostly of one shape, and two outputs, scores and a single number. Some are too small
    for a smaller file to pay off, and some too delicate for one; some have no serving_default.
    `renamed` is another name for the signature that isn't to be run.
    """
    key = f"{inspect.getsource(_save)} {seed} {renamed}".strip()
    key = hashlib.sha256(key.encode()).hexdigest()[:16]
    folder = cache.folder("drawn") / key
    if not folder.exists():
        with cache.whole_folder(folder) as new:
            _save(np.random.default_rng(seed), new, renamed)
    return folder


def _save(random, folder, renamed):
    import tensorflow as tf

    def weights(*shape):
        return tf.constant(random.normal(size=shape) / np.sqrt(shape[0]), tf.float32)

    kind = random.choice(["robust", "small", "delicate"])
    one, two, scores, number, aside = (str(name) for name in random.permutation(NAMES)[:5])
    width, classes = random.integers(6, 20), random.integers(3, 7)
    hidden = 8 if kind == "small" else 96
    sizes = {one: width, two: width + (random.random() < 0.3)}
    first, second = [weights(size, hidden) for size in sizes.values()]
    middle, last, line = weights(hidden, hidden), weights(hidden, classes), weights(hidden, 1)
    near = middle + weights(hidden, hidden) * 0.01
    scale = float(10.0 ** random.integers(-3, 4))
    alone = random.random() < 0.3  # one signature, not called serving_default

    def run(**inputs):
        layer = tf.nn.relu(inputs[one] @ first - inputs[two] @ second)
        deep = layer @ middle
        small = layer @ near - deep if kind == "delicate" else tf.nn.relu(deep)
        return {scores: deep @ last, number: small @ line * scale}

    specs = {name: tf.TensorSpec([None, size], tf.float32, name) for name, size in sizes.items()}
    module = tf.Module()
    module.run = tf.function(run).get_concrete_function(**specs)
    other = tf.function(lambda **inputs: {aside: inputs[two] + 1})
    module.other = other.get_concrete_function(**{two: specs[two]})
    both = {"serving_default": module.run, renamed or aside: module.other}
    tf.saved_model.save(module, folder, {aside: module.run} if alone else both)


def samples(model: savedmodel.Model, count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Return {input: float32 (count, ...)}: test digits for images, noise in [0, 1] for the rest."""
    random, inputs = np.random.default_rng(seed), {}
    for name, spec in model.inputs.items():
        several = digits.samples(spec.shape, 0, min(450, max(10, 2 * count)))[0]
        inputs[name] = random.permutation(several)[:count]
    return inputs


@functools.cache
def _known(folder):
    """Return the loaded SavedModel and the paths of its two files."""
    recipes = ("float32", "dynamic range")
    return savedmodel.load(folder), {one: convert.convert_cached(folder, one) for one in recipes}


def _noise(model, count, seed):
    random = np.random.default_rng(seed)
    return {
        name: random.random((count, *(size or 8 for size in spec.shape[1:])), np.float32)
        for name, spec in model.inputs.items()
    }


def _folders(models):
    """Yield the learner's models and the judges' own, with the words that name them."""
    for folder, which in zip(models, ("The exam's model: ", "The drawn model: ")):
        yield str(folder), which
    for drawing in (*((seed,) for seed in HIDDEN), LATE):
        yield str(draw(*drawing)), "Of a model that you haven't seen: "


def _asked(function, expected, *arguments):
    """Return what `ask` does; say more where the exception alone sends one the wrong way."""
    try:
        return ask(function, *arguments)
    except Wrong as wrong:
        text = str(wrong)
        if "serving_default" in text and expected != "serving_default":
            text += " This model has one signature, and it has another name."
        elif "XNNPack" in text or "Dimension mismatch" in text:
            text += " Is the batch dimension there? array[i : i + 1] keeps it, array[i] doesn't."
        raise Wrong(text) from None


def _contract(function, *models):
    for folder, which in _folders(models):
        signatures = savedmodel.read(folder)[0]
        expected = savedmodel.choose(signatures)
        found = _asked(function, expected, folder)
        if not isinstance(found, (tuple, list)) or len(found) != 3:
            return f"Return three things: signature, inputs, outputs. Found: {shown(found)}."
        signature, *names = found
        if signature not in signatures:
            found = cut(repr(signature), 60)
            return f"{which}There is no signature {found}. Look at .signatures."
        if signature != expected:
            return f"{which}{signature!r} is a signature, but not the one to run."
        for what, given, right in zip(("inputs", "outputs"), names, signatures[expected]):
            if isinstance(given, str) or not hasattr(given, "__iter__"):
                return f"The {what} should be a list of names. Found: {shown(given)}."
            given = [str(name) for name in given]
            if sorted(given) != sorted(right):
                count = f"The model has {len(right)} {what}"
                if set(given) <= set(right):
                    return f"{which}{count}. Found: {', '.join(given) or 'none'}."
                return f"{which}{count}, and these aren't their names: {', '.join(given)}."
    return None


def _save_as(function, folder, path):
    hidden = str(draw(HIDDEN[-1]))
    with tempfile.TemporaryDirectory() as work:
        for recipe in ("dynamic range", "float32"):
            new = Path(work, f"{len(recipe)}.tflite")
            if recipe == "float32":
                new.write_bytes(b"an older file")
            if reason := _written(function, hidden, recipe, new):
                return reason
    path.unlink(missing_ok=True)
    return _written(function, str(folder), "float32", path)


def _written(function, folder, recipe, path):
    """Return what is wrong with the file that was to be written; a file may be there before."""
    old = path.read_bytes() if path.exists() else None
    given = ask(function, folder, recipe, path)
    if isinstance(given, bytes) and not path.exists():
        return "Your function returns the bytes, and no file is there: path.write_bytes(...)."
    if not path.exists():
        return "There's no file at the path after your function has run. Write the bytes there."
    if str(given) != str(path):
        return f"The file is there. Return its path, too. Found: {shown(given)}."
    content = path.read_bytes()
    if old and content.startswith(old):
        return "An older file was at the path, and its bytes are still there. Replace them."
    if content[4:8] != b"TFL3":
        return f"The file isn't a .tflite: bytes 4 to 8 are {content[4:8]}, not b'TFL3'."
    return _converted(content, folder, recipe, path)


def _converted(content, folder, recipe, path):
    model, files = _known(folder)
    file, inputs = load(content), _noise(model, 5, 1)
    if set(next(iter(file.get_signature_list().values()))["inputs"]) - set(model.inputs):
        return "The file takes other inputs than this SavedModel. Which folder did you convert?"
    if model.signature not in file.get_signature_list():
        found = ", ".join(file.get_signature_list())
        return (
            f"The SavedModel's signature is called {model.signature!r}, the file's {found!r}. "
            "from_saved_model keeps the name."
        )
    details = file.get_signature_runner(model.signature).get_input_details().values()
    if any(detail["shape_signature"][0] != -1 for detail in details):
        return "The SavedModel takes any number of rows, and your file has a fixed batch."
    try:
        found = predict(file, inputs)
    except ValueError:
        return "The file takes other inputs than this SavedModel. Which folder did you convert?"
    sizes = {name: file.stat().st_size for name, file in files.items()}
    if abs(len(content) - sizes.pop(recipe)) > 0.1 * files[recipe].stat().st_size:
        path.unlink()
        [(other, size)] = sizes.items()
        if abs(len(content) - size) <= 0.1 * size:
            return f"Asked for {recipe!r}, it converts by {other!r}. Does it look at the recipe?"
        expected = f"by the recipe {recipe!r} it has {files[recipe].stat().st_size:,}"
        options = "no optimizations" if recipe == "float32" else "Optimize.DEFAULT and no more"
        return f"The file has {len(content):,} bytes, and {expected}. That recipe is {options}."
    if recipe == "float32" and different(found, model.predict(inputs)):
        return "The file's outputs aren't the SavedModel's. Which folder did you convert?"
    return None


def _run(function, *models):
    for number, (folder, which) in enumerate(_folders(models)):
        model, files = _known(folder)
        inputs = _noise(model, 3 + number, number)
        expected = model.predict(inputs)
        for order in (list(inputs), list(inputs)[::-1]):  # either is another one than the file's
            handed = {name: inputs[name] for name in order}
            try:
                given = _asked(function, model.signature, files["float32"], dict(handed))
            except Wrong as wrong:
                raise Wrong(which + str(wrong)) from None
            if reason := different(given, expected):
                return which + reason
    return None


# Recipe, which output is off (or None), by which fraction of its range, and how many of the 100
# inputs get another top-1.
PLANTED = [
    ("float32", None, 2e-5, 0),
    ("float32", 1, 1e-3, 0),
    ("dynamic range", None, 0.03, 2),
    ("dynamic range", 1, 0.08, 0),
    ("float32", 0, 1e-3, 0),
    ("dynamic range", 0, 0.08, 0),
    ("float32", 1, np.nan, 0),
    ("float32", 0, 2e-5, 1),
    ("dynamic range", 0, 0.03, 3),
]


def _prove(function):
    random = np.random.default_rng(8)
    for recipe, faulty, error, flips in PLANTED:
        names = [str(name) for name in random.permutation(NAMES)[:3]]
        reference, found = {}, {}
        for number, (name, size) in enumerate(zip(names, (4, 1, 1))):
            scale = 10.0 ** (random.choice([-3, 3]) if number < 2 else 0)
            base = random.random((100, size)) + 9 * np.eye(4)[np.arange(100) % 4, :size]
            width, off = np.ptp(base), error if faulty in (None, number) else 1e-6
            moves = off * width * 0.99 * (random.random(base.shape) > 0.5)
            if size > 1:
                rows = random.choice(100, flips, replace=False)
                tops = base[rows].argmax(axis=1)
                base[rows, tops - 1] = base[rows, tops] - 0.4 * off * width
                moves[rows] = 0
                moves[rows, tops - 1] = 0.9 * off * width
            reference[name] = np.float32(base * scale)
            found[name] = np.float32((base + moves) * scale)
        sizes = tuple(int(size) for size in random.integers(1000, 9000, 2))
        shuffled = {str(name): found[str(name)] for name in random.permutation(names)}
        reason = _ledgers(function, reference, shuffled, recipe, sizes, (faulty, error, flips))
        if reason:
            return reason
    return None


def _ledgers(function, reference, found, recipe, sizes, planted):
    faulty, error, flips = planted
    what = f"A {recipe} file whose worst output is off by {parity.percent(error)} of its range"
    if flips:
        what += f" and whose top-1 differs for {flips} of 100 inputs"
    try:
        given = ask(function, reference, found, recipe, sizes)
    except Wrong as wrong:
        if "ParityError" not in str(wrong):
            raise
        if faulty is not None:
            return None
        if ": shape (" in str(wrong):
            return f"Arrays of two outputs met: one ledger for each, both arrays by name. {wrong}"
        return f"{what} is refused, and should pass. {wrong}"
    if not isinstance(given, dict):
        return f"Return a dictionary {{output: Ledger}}. Found: {shown(given)}."
    if set(given) != set(reference):
        return f"Each of the {len(reference)} outputs needs its ledger. Found: {sorted(given)}."
    for name, ledger in given.items():
        if not isinstance(ledger, parity.Ledger):
            return f"{name!r} should be a parity.Ledger. Found: {shown(ledger)}."
        if len(ledger.rows) != 2 and faulty is None:
            return f"The ledger of {name!r} should have two rows, not {len(ledger.rows)}."
        if len(ledger.rows) and ledger.rows[0].total != len(reference[name]):
            count = f"has {ledger.rows[0].total} rows of numbers, and {len(reference[name])} inputs"
            return f"The ledger of {name!r} {count}. Give it each array in its own shape."
    if faulty is not None:
        kind = "the single number" if faulty else "the scores"
        what = f"{what} ({kind})" if error == error else "A file that returns NaN"
        return f"{what} passes, and should be refused."
    for name, ledger in given.items():
        if reason := _rows(name, ledger, reference[name], found[name], sizes):
            return reason
    return None


def _rows(name, ledger, reference, found, sizes):
    first, second = ledger.rows
    if np.allclose(ledger.reference, found, rtol=1e-7, atol=0):
        return f"In the ledger of {name!r} the file's row is the first. The SavedModel's must be."
    if (first.size, second.size) != sizes:
        return f"The sizes should be {sizes}. Found: {(first.size, second.size)}."
    if not np.allclose(ledger.reference, reference, rtol=1e-7, atol=0):
        return f"The first row of {name!r} isn't the SavedModel's, which is the reference."
    if not second.difference:
        return f"Both rows of {name!r} hold the SavedModel's numbers. The second is for found's."
    if not np.isclose(second.difference, np.abs(found - reference).max(), rtol=1e-3):
        return f"The second row of {name!r} holds another output's numbers."
    return None


# What dynamic range saves, and how far it moves each output: a fraction of its range, with a sign.
# Each is made from a drawn model's files: zeros at a file's end change its size alone.
PLANS = [
    (0.30, (0.040, 0.001)),
    (0.30, (0.001, -0.070)),
    (0.30, (0.070, -0.002)),
    (0.21, (0.010, 0.020)),
    (0.24, (-0.030, 0.001)),
    (0.27, (-0.001, 0.045)),
    (0.30, (-0.055, -0.001)),
]


def _recommend(function, *models):
    for number, (folder, which) in enumerate(_folders(models)):
        model, files = _known(folder)
        inputs = samples(model, 60, 50 + number)
        reference = model.predict(inputs)
        if reason := _recommended(function, reference, dict(files), inputs):
            return which + reason
    model, files = _known(str(draw(HIDDEN[0])))
    with tempfile.TemporaryDirectory() as work:
        for number, (saved, moves) in enumerate(PLANS):
            inputs = samples(model, 40, 90 + number)
            reference = predict(load(files["dynamic range"]), inputs)
            for name, move in zip(sorted(reference), moves):
                _move(reference[name], move)
            paths = _of_size(files, saved, Path(work))
            if reason := _recommended(function, reference, paths, inputs):
                return f"Of files and numbers that you haven't seen: {reason}"
    return None


def _move(array, move):
    """Change one number of the reference, in its middle, so that the file is off by `move`."""
    low, high = array.min(), array.max()
    array.flat[np.abs(array - (low + high) / 2).argmin()] -= move * (high - low)


def _of_size(files, saved, folder):
    """Return {recipe: path} of copies in `folder` of which the smaller one saves that fraction."""
    contents = {recipe: path.read_bytes() for recipe, path in files.items()}
    large, small = (len(contents[recipe]) for recipe in ("float32", "dynamic range"))
    contents["float32"] += bytes(max(0, round(small / (1 - saved)) - large))
    wanted = round(len(contents["float32"]) * (1 - saved))
    contents["dynamic range"] += bytes(max(0, wanted - small))
    paths = {recipe: folder / f"{recipe}.tflite" for recipe in files}
    for recipe, path in paths.items():
        path.write_bytes(contents[recipe])
    return paths


def _recommended(function, reference, files, inputs):
    """Return what is wrong with the answer for these files, None if nothing is."""
    found = predict(load(files["dynamic range"]), inputs)
    off = {name: np.abs(found[name] - right).max() for name, right in reference.items()}
    errors = {name: float(off[name] / (np.ptp(right) or 1)) for name, right in reference.items()}
    saved = 1 - files["dynamic range"].stat().st_size / files["float32"].stat().st_size
    worst = max(errors, key=errors.get)
    small = errors[worst] <= WORTH["error"] and saved >= WORTH["saved"]
    given = ask(function, {**reference}, dict(files), inputs)
    if not isinstance(given, (tuple, list)) or len(given) != 3:
        return f"Return three things: recipe, output, error. Found: {shown(given)}."
    recipe, name, error = given
    if recipe not in files:
        return f"The recipe is 'float32' or 'dynamic range'. Found: {shown(recipe)}."
    if name not in errors:
        return f"The second thing is an output's name. Found: {shown(name)}."
    if not isinstance(error, (float, np.floating)) or not abs(error) < np.inf:
        return f"The error is one number, a fraction of the range. Found: {shown(error)}."
    exact = abs(error - errors[worst]) <= max(0.01 * errors[worst], 1e-5)
    if not (exact and name == worst):
        for sign in (1, -1):
            signed = {
                name: np.max(sign * (found[name] - right)) / (np.ptp(right) or 1)
                for name, right in reference.items()
            }
            if name == max(signed, key=signed.get) and np.isclose(error, signed[name], rtol=1e-4):
                return f"{worst!r} moves further in the other direction. Take np.abs first."
        if abs(error - off[name]) < 0.01 * off[name] and np.ptp(reference[name]) != 1:
            return f"{error:.3g} is how far {name!r} moves, but not yet divided by its range."
    if recipe != ("dynamic range" if small else "float32"):
        facts = f"dynamic range saves {saved:.0%} of the float32 file's bytes, and {worst!r} moves"
        return f"{recipe!r} isn't right: {facts} by {parity.percent(errors[worst])} of its range."
    if errors[worst] > 1e-4 and name != worst:
        return f"The output {name!r} isn't the worst one. Each moves by a part of its own range."
    if not exact:
        expected = f"The output {worst!r} moves by at most {errors[worst]:.3g} of its range"
        return f"{expected}. Found: {error:.3g}."
    return None


EXERCISES = [
    Exercise(
        _contract,
        "Names and not positions: that's what the next steps go by.",
        "savedmodel.load(folder) has signature, inputs and outputs. Or take a function of "
        "tf.saved_model.load(folder).signatures and its structured_input_signature and _outputs.",
        "def contract(folder):\n"
        "    model = savedmodel.load(folder)\n"
        "    return model.signature, list(model.inputs), list(model.outputs)",
        wrong={
            "def contract(folder):\n    model = savedmodel.load(folder)\n"
            "    return model.signature, list(model.outputs), list(model.inputs)": "aren't their names",
            "def contract(folder):\n    model = savedmodel.load(folder)\n"
            "    return model.signature, list(model.inputs)": "three things",
            "def contract(folder):\n    model = savedmodel.load(folder)\n"
            "    return model.signature, list(model.inputs)[0], list(model.outputs)": (
                "should be a list of names"
            ),
            "def contract(folder):\n    model = savedmodel.load(folder)\n"
            "    return model.signatures[0], list(model.inputs), list(model.outputs)": (
                "but not the one to run"
            ),
            "def contract(folder):\n    model = savedmodel.load(folder)\n"
            "    return model.signatures, list(model.inputs), list(model.outputs)": (
                "There is no signature"
            ),
            'def contract(folder):\n    return "serving_default", ["now", "before"], '
            '["trend", "change"]': "aren't their names",
            "def contract(folder):\n    model = savedmodel.load(folder)\n"
            "    return model.signature, list(model.inputs)[:1], list(model.outputs)": (
                "The model has 2 inputs. Found: "
            ),
            "def contract(folder):\n"
            "    model = savedmodel.load(folder)\n"
            "    name = list(model.signatures)[-1]\n"
            "    return name, list(model.inputs), list(model.outputs)": "but not the one to run",
            "def contract(folder):\n    model = savedmodel.load(folder)\n"
            "    model.signature, list(model.inputs), list(model.outputs)": "returns nothing",
            "def contract(folder):\n    model = hub.load(folder)\n"
            "    return 'serving_default', model(1), model(2)": "Your code stopped with TypeError",
            "def contract(folder):\n"
            '    function = tf.saved_model.load(folder).signatures["serving_default"]\n'
            "    inputs = function.structured_input_signature[1]\n"
            '    return "serving_default", list(inputs), list(function.structured_outputs)': (
                "it has another name"
            ),
        },
        right_codes=(
            "def contract(folder):\n"
            "    import tensorflow as tf\n"
            "    signatures = tf.saved_model.load(folder).signatures\n"
            '    name = "serving_default" if "serving_default" in signatures else min(signatures)\n'
            "    _, inputs = signatures[name].structured_input_signature\n"
            "    return name, set(inputs), set(signatures[name].structured_outputs)",
        ),
    ),
    Exercise(
        _save_as,
        "Your file is in my_models/ now, and stays there.",
        "TFLiteConverter.from_saved_model(folder), for dynamic range its optimizations = "
        "[tf.lite.Optimize.DEFAULT], then path.write_bytes(converter.convert()).",
        "def save_as(folder, recipe, path):\n"
        "    converter = tf.lite.TFLiteConverter.from_saved_model(folder)\n"
        '    if recipe == "dynamic range":\n'
        "        converter.optimizations = [tf.lite.Optimize.DEFAULT]\n"
        "    path.write_bytes(converter.convert())\n"
        "    return path",
        wrong={
            "def save_as(folder, recipe, path):\n"
            "    return convert.convert(folder, recipe)": "no file is there",
            "def save_as(folder, recipe, path):\n"
            "    path.write_bytes(convert.convert(folder, recipe))": "returns nothing",
            "def save_as(folder, recipe, path):\n"
            '    path.write_bytes(convert.convert(folder, "dynamic range"))\n'
            "    return path": "look at the recipe",
            "def save_as(folder, recipe, path):\n"
            "    path.write_bytes(convert.convert(folder))\n"
            "    return path": "look at the recipe",
            "def save_as(folder, recipe, path):\n"
            "    path.write_bytes(convert.convert(saved_model, recipe))\n"
            "    return path": "Which folder did you convert?",
            "def save_as(folder, recipe, path):\n"
            '    path.write_bytes(Path(folder, "saved_model.pb").read_bytes())\n'
            "    return path": "isn't a .tflite",
            "def save_as(folder, recipe, path):\n"
            "    path.write_text(str(convert.convert(folder, recipe)))\n"
            "    return path": "isn't a .tflite",
            "def save_as(folder, recipe, path):\n"
            "    return convert.convert_cached(folder, recipe)": "There's no file at the path",
            "def save_as(folder, recipe, path):\n"
            "    if not path.exists():\n"
            "        path.write_bytes(convert.convert(folder, recipe))\n"
            "    return path": "its bytes are still there",
            "def save_as(folder, recipe, path):\n"
            '    with open(path, "ab") as file:\n'
            "        file.write(convert.convert(folder, recipe))\n"
            "    return path": "its bytes are still there",
            "def save_as(folder, recipe, path):\n"
            "    converter = tf.lite.TFLiteConverter.from_saved_model(folder)\n"
            '    if recipe == "dynamic range":\n'
            "        converter.optimizations = [tf.lite.Optimize.DEFAULT]\n"
            "        converter.target_spec.supported_types = [tf.float16]\n"
            "    path.write_bytes(converter.convert())\n"
            "    return path": "That recipe is Optimize.DEFAULT and no more",
            "def save_as(folder, recipe, path):\n"
            "    model = savedmodel.load(folder)\n"
            "    [function] = [model.loaded.signatures[model.signature]]\n"
            "    make = tf.lite.TFLiteConverter.from_concrete_functions\n"
            "    converter = make([function], model.loaded)\n"
            '    if recipe == "dynamic range":\n'
            "        converter.optimizations = [tf.lite.Optimize.DEFAULT]\n"
            "    path.write_bytes(converter.convert())\n"
            "    return path": "from_saved_model keeps the name",
        },
        right_codes=(
            "def save_as(folder, recipe, path):\n"
            "    path.write_bytes(convert.convert(folder, recipe))\n"
            "    return path",
            "def save_as(folder, recipe, path):\n"
            "    with open(path, 'wb') as file:\n"
            "        file.write(convert.convert_cached(folder, recipe).read_bytes())\n"
            "    return str(path)",
        ),
    ),
    Exercise(
        _run,
        "By names, the file's own order doesn't matter.",
        "get_signature_list() has the file's signatures, and a runner takes the arrays by name; "
        "predict does both, one row at a time.",
        "def run(path, inputs):\n"
        "    file = load(path)\n"
        "    names = list(file.get_signature_list())\n"
        "    if len(names) > 1:\n"
        '        names = ["serving_default"]\n'
        "    return file.get_signature_runner(names[0])(**inputs)",
        wrong={
            "def run(path, inputs):\n"
            '    runner = load(path).get_signature_runner("serving_default")\n'
            "    return runner(**inputs)": "it has another name",
            "def run(path, inputs):\n"
            "    file = load(path)\n"
            "    name = list(file.get_signature_list())[-1]\n"
            "    return file.get_signature_runner(name)(**inputs)": "Of a model that you haven't seen",
            "def run(path, inputs):\n"
            "    file = load(path)\n"
            "    names = list(file.get_signature_list())\n"
            '    name = "serving_default" if "serving_default" in names else names[0]\n'
            "    runner = file.get_signature_runner(name)\n"
            "    return runner(**dict(zip(runner.get_input_details(), inputs.values())))": (
                "Does each input get its rows?"
            ),
            "def run(path, inputs):\n"
            "    file = load(path)\n"
            "    names = list(file.get_signature_list())\n"
            '    name = "serving_default" if "serving_default" in names else names[0]\n'
            "    named = file.get_signature_list()[name]['inputs']\n"
            "    runner = file.get_signature_runner(name)\n"
            "    return runner(**dict(zip(named, inputs.values())))": (
                "Does each input get its rows?"
            ),
            "def run(path, inputs):\n"
            "    file = load(path)\n"
            "    names = list(file.get_signature_list())\n"
            '    name = "serving_default" if "serving_default" in names else names[0]\n'
            "    runner = file.get_signature_runner(name)\n"
            "    one = runner(**{name: array[0] for name, array in inputs.items()})\n"
            "    return one": "Is the batch dimension there?",
            "def run(path, inputs):\n"
            '    runner = load(path).get_signature_runner("serving_default")\n'
            "    return runner(*inputs.values())": "Your code stopped with TypeError",
            "def run(path, inputs):\n"
            '    runner = load(path).get_signature_runner("serving_default")\n'
            "    return list(runner(**inputs).values())": "should be a dictionary",
            "def run(path, inputs):\n"
            '    runner = load(path).get_signature_runner("serving_default")\n'
            "    return runner(**{name: array[:1] for name, array in inputs.items()})": (
                "should have the shape"
            ),
            "def run(path, inputs):\n"
            '    runner = load(path).get_signature_runner("serving_default")\n'
            "    return runner(**dict(zip(inputs, reversed(inputs.values()))))": (
                "Does each input get its rows?"
            ),
            "def run(path, inputs):\n"
            '    runner = load(path).get_signature_runner("serving_default")\n'
            "    runner(**inputs)": "returns nothing",
            "def run(path, inputs):\n"
            "    return savedmodel.load(saved_model).predict(inputs)": "Your code stopped with",
            "def run(path, inputs):\n"
            "    file = load(path)\n"
            "    for detail, array in zip(file.get_input_details(), inputs.values()):\n"
            '        file.resize_tensor_input(detail["index"], array.shape)\n'
            "    file.allocate_tensors()\n"
            "    for detail, array in zip(file.get_input_details(), inputs.values()):\n"
            '        file.set_tensor(detail["index"], array)\n'
            "    file.invoke()\n"
            "    details = file.get_output_details()\n"
            '    return {one["name"]: file.get_tensor(one["index"]) for one in details}': (
                "The outputs should be"
            ),
        },
        right_codes=("def run(path, inputs):\n    return predict(load(path), inputs)",),
    ),
    Exercise(
        _prove,
        "A ledger for each output, and a tolerance that knows the output's range.",
        "For each name: a new parity.Ledger(), a row for reference[name], a row for found[name] "
        "with the rule for this recipe: tolerance 1e-4 and agreement 1, or 0.05 and 0.98.",
        "def prove(reference, found, recipe, sizes):\n"
        '    tolerance, agreement = (1e-4, 1) if recipe == "float32" else (0.05, 0.98)\n'
        "    ledgers = {}\n"
        "    for name, outputs in reference.items():\n"
        "        ledgers[name] = parity.Ledger()\n"
        '        ledgers[name].add("SavedModel", sizes[0], outputs)\n'
        '        ledgers[name].add(".tflite", sizes[1], found[name], tolerance, agreement)\n'
        "    return ledgers",
        wrong={},
        right_codes=(
            "def prove(reference, found, recipe, sizes):\n"
            "    def ledger(name):\n"
            "        made = parity.Ledger()\n"
            '        made.add("before", sizes[0], reference[name])\n'
            '        exact = recipe != "dynamic range"\n'
            "        rule = dict(tolerance=0.0001) if exact else dict(tolerance=1 / 20, "
            "agreement=98 / 100)\n"
            '        made.add("after", sizes[1], found[name], **rule)\n'
            "        return made\n\n"
            "    return {name: ledger(name) for name in found}",
        ),
    ),
    Exercise(
        _recommend,
        "A recommendation with its reason: the output that moves most, and how far.",
        "predict the outputs of the dynamic range file; for each output the largest absolute error "
        "divided by np.ptp(reference[name]); then the two conditions.",
        "def recommend(reference, files, inputs):\n"
        '    small, large = files["dynamic range"], files["float32"]\n'
        "    found = predict(load(small), inputs)\n"
        "    errors = {}\n"
        "    for name, right in reference.items():\n"
        "        errors[name] = np.abs(found[name] - right).max() / np.ptp(right)\n"
        "    worst = max(errors, key=errors.get)\n"
        "    saved = 1 - small.stat().st_size / large.stat().st_size\n"
        "    good = errors[worst] <= 0.05 and saved >= 0.25\n"
        '    return "dynamic range" if good else "float32", worst, errors[worst]',
        wrong={},
        right_codes=(),
    ),
]
PROOF = EXERCISES[3].solution_code
RULE = '(1e-4, 1) if recipe == "float32" else (0.05, 0.98)'
EXERCISES[3].wrong = {
    PROOF.replace(RULE, "1e-4, 1"): "and should pass",
    PROOF.replace(RULE, "0.05, 0.98"): "and should be refused",
    PROOF.replace(RULE, "1, 0.98"): "and should be refused",
    PROOF.replace(RULE, RULE.replace("0.98", "1")): "for 2 of 100 inputs is refused",
    PROOF.replace(RULE, RULE.replace("0.98", "0")): "for 3 of 100 inputs (the scores) passes",
    PROOF.replace(RULE, RULE.replace("0.98", "0.5")): "for 3 of 100 inputs (the scores) passes",
    PROOF.replace(RULE, RULE.replace(", 1)", ", 0.98)")): "for 1 of 100 inputs (the scores) passes",
    PROOF.replace("1e-4", "1e-4 * np.ptp(reference)"): "stopped",
    PROOF.replace(
        "tolerance, agreement)\n    return", "tolerance * np.ptp(outputs), agreement)\n    return"
    ): "and should pass",
    PROOF.replace("found[name]", "list(found.values())[len(ledgers) - 1]"): (
        "one ledger for each, both arrays by name"
    ),
    PROOF.replace("ledgers = {}\n", "ledgers, one = {}, parity.Ledger()\n").replace(
        "= parity.Ledger()\n        ledgers", "= one\n        ledgers"
    ): "one ledger for each, both arrays by name",
    PROOF.replace("found[name]", "found[name].reshape(-1)").replace(
        "outputs)\n", "outputs.reshape(-1))\n"
    ): "Give it each array in its own shape",
    PROOF.replace("found[name]", "outputs"): "The second is for found's",
    PROOF.replace("reference.items()", "found.items()")
    .replace("found[name]", "reference[name]")
    .replace("sizes[0]", "sizes[2 - 1]")
    .replace("sizes[1]", "sizes[0]"): "the file's row is the first",
    PROOF.replace("return ledgers", "return ledgers[name]"): "Return a dictionary",
    PROOF.replace('        ledgers[name].add(".tflite"', '    ledgers[name].add(".tflite"'): (
        "should have two rows"
    ),
    PROOF.replace("    return ledgers", "    print(ledgers)"): "returns nothing",
    PROOF.replace('("SavedModel", sizes[0]', '("SavedModel", 0'): "The sizes should be",
}
CHOICE = EXERCISES[4].solution_code
EXERCISES[4].wrong = {
    "def recommend(reference, files, inputs):\n"
    '    return "dynamic range", list(reference)[0], 0.01': "The output",
    'def recommend(reference, files, inputs):\n    return "dynamic range"': "three things",
    CHOICE.replace(" / np.ptp(right)", ""): "not yet divided by its range",
    CHOICE.replace("np.abs(found[name] - right)", "(found[name] - right)"): "np.abs",
    CHOICE.replace("np.abs(found[name] - right)", "(right - found[name])"): "np.abs",
    CHOICE.replace("saved >= 0.25", "large.stat().st_size / small.stat().st_size >= 1.25"): (
        "isn't right: dynamic range saves 21%"
    ),
    CHOICE.replace("saved >= 0.25", "saved >= 0.2"): "isn't right: dynamic range saves 21%",
    CHOICE.replace("saved >= 0.25", "saved >= 0.4"): "isn't right: dynamic range saves 30%",
    CHOICE.replace("saved >= 0.25", "saved > 0"): "isn't right: dynamic range saves 21%",
    CHOICE.replace("<= 0.05", "<= 0.1"): "moves by 7 % of its range",
    CHOICE.replace("<= 0.05", "<= 0.02"): "moves by 4 % of its range",
    CHOICE.replace("errors[worst] <= 0.05", "np.mean(list(errors.values())) <= 0.05"): (
        "moves by 7 % of its range"
    ),
    CHOICE.replace(" and saved >= 0.25", ""): "isn't right: dynamic range saves 0%",
    CHOICE.replace("errors[worst] <= 0.05 and ", ""): "% of its range",
    CHOICE.replace("max(errors", "min(errors"): "isn't the worst one",
    CHOICE.replace(".max() /", ".mean() /"): "The output",
    CHOICE.replace("load(small)", "load(large)"): "The output",
    CHOICE.replace("    return", "    answer ="): "returns nothing",
    CHOICE.replace("errors[worst]'", "errors'").replace("worst, errors[worst]", "worst, errors"): (
        "The error is one number"
    ),
    CHOICE.replace('"dynamic range" if good', '"int8" if good'): "The recipe is",
}
EXERCISES[4].right_codes = (
    "def recommend(reference, files, inputs):\n"
    '    found = predict(load(files["dynamic range"]), inputs)\n'
    "    ranges = {name: right.max() - right.min() for name, right in reference.items()}\n"
    "    errors = [(float(abs(found[n] - reference[n]).max()) / ranges[n], n) for n in ranges]\n"
    "    error, name = sorted(errors)[-1]\n"
    "    bytes_of = {recipe: len(path.read_bytes()) for recipe, path in files.items()}\n"
    '    if error > 0.05 or bytes_of["dynamic range"] > 0.75 * bytes_of["float32"]:\n'
    '        return ["float32", name, error]\n'
    '    return ["dynamic range", name, error]',
)
