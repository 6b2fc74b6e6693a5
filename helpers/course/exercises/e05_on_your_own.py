"""The exercises of 05_on_your_own, and the models that it draws by seed."""

import functools
import hashlib
import inspect
import tempfile
from pathlib import Path

import numpy as np

from helpers import convert, digits, handles, parity, savedmodel
from helpers.course import cache
from helpers.course.exercises import Exercise, Wrong, ask, shown
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
WORTH = {"error": 0.05, "saved": 0.25}  # when a smaller file is recommended


def check(handle: str) -> str:
    """Return what handles.check does, if the exam can take the model. Raises HandleError."""
    folder = handles.fetch(full := handles.check(handle))
    for name, spec in convert.inputs_of(folder).items():
        if spec.dtype != "float32" or len(spec.shape or ()) < 2 or spec.shape[0]:
            needs = "This lesson needs float32 inputs, each with a dynamic batch first"
            raise handles.HandleError(f"{needs}. Found: {name} {spec}. Take exam/meter/1.")
    try:
        convert.convert_cached(folder)
    except Exception as error:
        found = f"This model doesn't convert as it is. Found: {str(error).strip()[:200]}"
        raise handles.HandleError(f"{found}. Take 30_fix_failed_conversions.") from None
    return full


def draw(seed: int) -> Path:
    """Return the folder of a SavedModel that this seed decides: names, shapes, size and numbers.

    Two inputs, mostly of one shape, and two outputs, scores and a single number. Some are too small
    for a smaller file to pay off, and some too delicate for one; some have no serving_default.
    """
    key = hashlib.sha256(f"{inspect.getsource(_save)} {seed}".encode()).hexdigest()[:16]
    folder = cache.folder("drawn") / key
    if not folder.exists():
        with cache.whole_folder(folder) as new:
            _save(np.random.default_rng(seed), new)
    return folder


def _save(random, folder):
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
    both = {"serving_default": module.run, aside: module.other}
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
    for seed in HIDDEN:
        yield str(draw(seed)), "Of a model that you haven't seen: "


def _contract(function, *models):
    for folder, which in _folders(models):
        signatures = savedmodel.read(folder)[0]
        found = ask(function, folder)
        if not isinstance(found, (tuple, list)) or len(found) != 3:
            return f"Return three things: signature, inputs, outputs. Found: {shown(found)}."
        signature, *names = found
        if signature not in signatures:
            return f"{which}There is no signature {shown(signature)}. Look at .signatures."
        expected = savedmodel.choose(signatures)
        if signature != expected:
            return f"{which}{signature!r} is a signature, but not the one to run."
        for what, given, right in zip(("inputs", "outputs"), names, signatures[expected]):
            if isinstance(given, str) or not hasattr(given, "__iter__"):
                return f"The {what} should be a list of names. Found: {shown(given)}."
            given = [str(name) for name in given]
            if sorted(given) != sorted(right):
                return f"{which}The {what} are {_count(right)}. Found: {', '.join(given)}."
    return None


def _count(names):
    return f"{len(names)} and have other names" if len(names) != 1 else "one, with another name"


def _save_as(function, folder, path):
    hidden = str(draw(HIDDEN[-1]))
    with tempfile.TemporaryDirectory() as work:
        for recipe in ("dynamic range", "float32"):
            model, files = _known(hidden)
            reason = _written(function, hidden, recipe, Path(work, f"{len(recipe)}.tflite"))
            if reason:
                return reason
    return _written(function, str(folder), "float32", path)


def _written(function, folder, recipe, path):
    path.unlink(missing_ok=True)
    given = ask(function, folder, recipe, path)
    if isinstance(given, bytes) and not path.exists():
        return "Your function returns the bytes, and no file is there: path.write_bytes(...)."
    if not path.exists():
        return (
            f"There's no file at the path after your function has run. It returned {shown(given)}."
        )
    if str(given) != str(path):
        return f"The file is there. Return its path, too. Found: {shown(given)}."
    content = path.read_bytes()
    if content[4:8] != b"TFL3":
        return f"The file isn't a .tflite: bytes 4 to 8 are {content[4:8]}, not b'TFL3'."
    model, files = _known(folder)
    inputs = _noise(model, 5, 1)
    try:
        found = predict(load(content), inputs)
    except ValueError:
        return "The file takes other inputs than this SavedModel. Which folder did you convert?"
    expected = files[recipe].stat().st_size
    if abs(len(content) - expected) > 0.1 * expected:
        path.unlink()
        size = f"{len(content):,} bytes, and by the recipe {recipe!r} it has {expected:,}"
        return f"The file has {size}. Does your function look at the recipe?"
    if recipe == "float32" and different(found, model.predict(inputs)):
        return "The file's outputs aren't the SavedModel's. Which folder did you convert?"
    return None


def _run(function, *models):
    for number, (folder, which) in enumerate(_folders(models)):
        model, files = _known(folder)
        inputs = _noise(model, 3 + number, number)
        given = ask(function, files["float32"], dict(inputs))
        if reason := different(given, model.predict(inputs)):
            return which + reason
    return None


PLANTED = [  # recipe, which output is off (or None), by which fraction of its range
    ("float32", None, 2e-5),
    ("float32", 1, 1e-3),
    ("dynamic range", None, 0.03),
    ("dynamic range", 1, 0.08),
    ("float32", 0, 1e-3),
    ("dynamic range", 0, 0.08),
    ("float32", 1, np.nan),
]


def _prove(function):
    random = np.random.default_rng(8)
    for recipe, faulty, error in PLANTED:
        names = [str(name) for name in random.permutation(NAMES)[:3]]
        reference, found = {}, {}
        for number, (name, size) in enumerate(zip(names, (4, 1, 1))):
            scale = 10.0 ** (random.choice([-3, 3]) if number < 2 else 0)
            base = (
                random.normal(size=(40, size)) + np.eye(4)[random.integers(4, size=40), :size] * 9
            )
            base = np.float32(base * scale)
            off = error if faulty in (None, number) else 1e-6
            reference[name] = base
            found[name] = base + off * np.ptp(base) * (random.random(base.shape) > 0.5) * 0.99
        sizes = tuple(int(size) for size in random.integers(1000, 9000, 2))
        shuffled = {name: found[name] for name in random.permutation(names)}
        reason = _ledgers(function, reference, shuffled, recipe, sizes, faulty, error)
        if reason:
            return reason
    return None


def _ledgers(function, reference, found, recipe, sizes, faulty, error):
    what = f"A {recipe} file whose worst output is off by {parity.percent(error)} of its range"
    try:
        given = ask(function, reference, found, recipe, sizes)
    except Wrong as wrong:
        if "ParityError" not in str(wrong):
            raise
        return None if faulty is not None else f"{what} is refused, and should pass. {wrong}"
    if not isinstance(given, dict):
        return f"Return a dictionary {{output: Ledger}}. Found: {shown(given)}."
    if set(given) != set(reference):
        return f"Each of the {len(reference)} outputs needs its ledger. Found: {sorted(given)}."
    for name, ledger in given.items():
        if not isinstance(ledger, parity.Ledger):
            return f"{name!r} should be a parity.Ledger. Found: {shown(ledger)}."
        if len(ledger.rows) != 2 and faulty is None:
            return f"The ledger of {name!r} should have two rows, not {len(ledger.rows)}."
    if faulty is not None:
        kind = "the single number" if faulty else "the scores"
        what = f"{what} ({kind})" if error == error else "A file that returns NaN"
        return f"{what} passes, and should be refused."
    for name, ledger in given.items():
        first, second = ledger.rows
        if (first.size, second.size) != sizes:
            return f"The sizes should be {sizes}. Found: {(first.size, second.size)}."
        if (
            first.difference
            or abs(second.range - float(np.ptp(reference[name]))) > 1e-6 * second.range
        ):
            return f"The first row of {name!r} isn't the SavedModel's, which is the reference."
        if not np.isclose(second.difference, np.abs(found[name] - reference[name]).max()):
            return f"The second row of {name!r} holds another output's numbers."
    return None


def _recommend(function, *models):
    for number, (folder, which) in enumerate(_folders(models)):
        model, files = _known(folder)
        inputs = samples(model, 60, 50 + number)
        reference = model.predict(inputs)
        found = predict(load(files["dynamic range"]), inputs)
        errors = {
            name: float(np.abs(found[name] - right).max() / (np.ptp(right) or 1))
            for name, right in reference.items()
        }
        saved = 1 - files["dynamic range"].stat().st_size / files["float32"].stat().st_size
        worst = max(errors, key=errors.get)
        small = errors[worst] <= WORTH["error"] and saved >= WORTH["saved"]
        given = ask(function, reference, dict(files), inputs)
        if not isinstance(given, (tuple, list)) or len(given) != 3:
            return f"Return three things: recipe, output, error. Found: {shown(given)}."
        recipe, name, error = given
        if recipe not in files:
            return f"The recipe is 'float32' or 'dynamic range'. Found: {shown(recipe)}."
        if recipe != ("dynamic range" if small else "float32"):
            facts = f"dynamic range saves {saved:.0%} of the bytes, and an output moves by"
            return f"{which}{recipe!r} isn't right: {facts} {parity.percent(errors[worst])}."
        if name not in errors:
            return f"{which}The second thing is an output's name. Found: {shown(name)}."
        if not isinstance(error, (float, np.floating)) or not 0 <= error < np.inf:
            return f"The error is one number, a fraction of the range. Found: {shown(error)}."
        if errors[worst] > 1e-4 and name != worst:
            return f"{which}The output {name!r} isn't the worst one."
        if abs(error - errors[worst]) > max(0.01 * errors[worst], 1e-5):
            expected = f"{errors[worst]:.3g} of its range"
            return f"{which}The output {worst!r} moves by at most {expected}. Found: {error:.3g}."
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
            "    return model.signature, list(model.outputs), list(model.inputs)": "The inputs are",
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
            '["trend", "change"]': "other names",
            "def contract(folder):\n    model = savedmodel.load(folder)\n"
            "    model.signature, list(model.inputs), list(model.outputs)": "returns nothing",
            "def contract(folder):\n    model = hub.load(folder)\n"
            "    return 'serving_default', model(1), model(2)": "Your code stopped with TypeError",
            "def contract(folder):\n"
            '    function = tf.saved_model.load(folder).signatures["serving_default"]\n'
            "    inputs = function.structured_input_signature[1]\n"
            '    return "serving_default", list(inputs), list(function.structured_outputs)': (
                "Your code stopped with KeyError"
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
            "    return runner(**inputs)": "Your code stopped with ValueError",
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
        "with the course's tolerance for this recipe: 1e-4 or 0.05.",
        "def prove(reference, found, recipe, sizes):\n"
        '    tolerance = 1e-4 if recipe == "float32" else 0.05\n'
        "    ledgers = {}\n"
        "    for name, outputs in reference.items():\n"
        "        ledgers[name] = parity.Ledger()\n"
        '        ledgers[name].add("SavedModel", sizes[0], outputs)\n'
        '        ledgers[name].add(".tflite", sizes[1], found[name], tolerance=tolerance)\n'
        "    return ledgers",
        wrong={},
        right_codes=(
            "def prove(reference, found, recipe, sizes):\n"
            "    def ledger(name):\n"
            "        made = parity.Ledger()\n"
            '        made.add("before", sizes[0], reference[name])\n'
            '        allowed = {"float32": 0.0001}.get(recipe, 5 / 100)\n'
            '        made.add("after", sizes[1], found[name], allowed, agreement=0.9)\n'
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
EXERCISES[3].wrong = {
    PROOF.replace('1e-4 if recipe == "float32" else 0.05', "1e-4"): "and should pass",
    PROOF.replace('1e-4 if recipe == "float32" else 0.05', "0.05"): "and should be refused",
    PROOF.replace('1e-4 if recipe == "float32" else 0.05', "1"): "and should be refused",
    PROOF.replace('1e-4 if recipe == "float32" else 0.05', "1e-4 * np.ptp(reference)"): "stopped",
    PROOF.replace(
        "tolerance=tolerance", "tolerance=tolerance * np.ptp(outputs)"
    ): "and should pass",
    PROOF.replace("found[name]", "list(found.values())[len(ledgers) - 1]"): "should pass",
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
    CHOICE.replace(" / np.ptp(right)", ""): "isn't right: dynamic range saves",
    CHOICE.replace(" and saved >= 0.25", ""): "isn't right: dynamic range saves 0%",
    CHOICE.replace("errors[worst] <= 0.05 and ", ""): "an output moves by",
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
