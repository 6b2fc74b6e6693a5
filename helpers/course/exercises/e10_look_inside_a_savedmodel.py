"""The exercises of 10_look_inside_a_savedmodel."""

import functools
import tempfile
from pathlib import Path

import numpy as np

from helpers.course.exercises import Exercise, Wrong, ask, shown, stopped


def _thermometer(thermometer):
    import tensorflow as tf

    if isinstance(thermometer, type):
        return "This is the class. Make one object of it: thermometer = Thermometer()."
    with tempfile.TemporaryDirectory() as folder:
        try:
            tf.saved_model.save(thermometer, folder)
        except Exception as error:
            if "type `Trackable`" in str(error):
                found = shown(thermometer)
                return f"It should be an object of a class made from tf.Module. Found: {found}."
            raise Wrong(f"It couldn't be saved. {stopped(error)}") from None
        loaded = tf.saved_model.load(folder)
    if not callable(loaded) and isinstance(thermometer, tf.keras.layers.Layer):
        return "Once it's saved, a model of Keras 3 can't be called. Make yours from tf.Module."
    if not callable(loaded):
        return (
            "It was saved, but it can't be called after loading: Python code isn't saved. Name the "
            "method __call__, and put @tf.function with an input_signature above it."
        )
    for celsius in ([21.5], [-40.0, 0.0, 100.0], [36.6, 3.0, -3.5, 250.0, 12.0]):
        celsius, right = np.float32(celsius), 1.8 * np.float32(celsius) + 32
        try:
            found = loaded(tf.constant(celsius))
        except Exception as error:
            if "Found zero restored functions" in str(error):
                return "It has no graph: a tf.function without an input_signature was never traced."
            reason = f"It doesn't take a vector of {len(celsius)} float32 numbers."
            if "Binding inputs" in str(error):
                return f"{reason} The TensorSpec of any such vector is tf.TensorSpec([None], tf.float32)."
            raise Wrong(f"{reason} {stopped(error)}") from None
        if not tf.is_tensor(found) or found.shape != celsius.shape:
            returned = "nothing (None)" if found is None else shown(found)
            return f"For a vector of {len(celsius)} it should return such a vector, not {returned}."
        if not np.allclose(found, right, atol=1e-3):
            first = f"{celsius[-1]:g} degrees Celsius became {np.asarray(found)[-1]:g}"
            return f"{first}. They're {right[-1]:g} degrees Fahrenheit."
    if "serving_default" not in loaded.signatures:
        return (
            "It has no serving_default: nobody could convert it. Give __call__ an input_signature."
        )
    gradients = [_gradient(loaded, celsius) for celsius in (1.0, 3.0)]
    if np.linalg.matrix_rank(gradients) < 2:
        count = np.count_nonzero(np.any(gradients, axis=0))
        return (
            f"It converts, but training could change {count} of its two numbers. Make both of them "
            "variables: a number in the formula is a constant in the graph."
        )
    return None


def _gradient(loaded, celsius):
    """Return how the output for one temperature moves with each number that can be trained."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        fahrenheit = loaded(tf.constant([celsius]))
    variables = tape.watched_variables()
    slopes = tape.gradient(fahrenheit, variables) if variables else []
    parts = [np.ravel(slope) for slope in slopes if slope is not None]
    return np.concatenate(parts) if parts else np.zeros(1)


@functools.cache
def _saved():
    """Return a temporary folder (kept by the cache), and {name in it: when it writes, or None}.

    Of the harmless ones, one has an operation that is only named WriteFile, and one reads a file.
    """
    import tensorflow as tf

    outer = tempfile.TemporaryDirectory()
    notes = str(Path(outer.name, "notes.txt"))

    def plain(x):
        return 2 * x

    def named(x):
        return tf.identity(x, name="WriteFile") + 1

    def reading(x):
        return x + tf.cast(tf.strings.length(tf.io.read_file(notes)), tf.float32)

    def writing(x):
        tf.io.write_file(notes, "called")
        return 2 * x

    def branching(x):
        return tf.cond(tf.reduce_sum(x) > 9, lambda: writing(x), lambda: x)

    class Resource(tf.saved_model.experimental.TrackableResource):
        def _create_resource(self):
            return tf.constant(0)

        def _initialize(self):
            tf.io.write_file(notes, "loaded")

    spec = tf.TensorSpec([None], tf.float32)
    models = {
        plain: None,
        writing: "when it's called",
        named: None,
        branching: "in one branch of a condition",
        reading: None,
    }
    for function in models:
        module = tf.Module()
        module.__call__ = tf.function(function, input_signature=[spec])
        tf.saved_model.save(module, str(Path(outer.name, function.__name__)))
    module = tf.Module()
    module.__call__ = tf.function(plain, input_signature=[spec])
    module.resource = Resource()
    tf.saved_model.save(module, str(Path(outer.name, "loading")))
    when = {function.__name__: words for function, words in models.items()}
    return outer, when | {"loading": "when it's loaded"}


def _writes_files(writes_files):
    outer, models = _saved()
    notes = Path(outer.name, "notes.txt")
    notes.unlink(missing_ok=True)
    for name, when in models.items():
        found = ask(writes_files, Path(outer.name, name), returns=(bool, np.bool_))
        if notes.exists():
            notes.unlink()
            return (
                "The file has just been written: you ran or loaded the model to look at it. Parse "
                "saved_model.pb only."
            )
        if found == bool(when):
            continue
        if when:
            return (
                f"It says no to a model that writes {when}. Look at every node of every function in "
                "this folder's library, not only at those of the outer graph."
            )
        if name == "named":
            return (
                "It says yes to a harmless model, in which only a name is WriteFile. A node's "
                "operation is in node.op."
            )
        return "It says yes to a harmless model, which only reads or has its function for saving."
    return None


EXERCISES = [
    Exercise(
        _thermometer,
        "It was saved, loaded without your class, and it can be called, converted and trained.",
        "Copy Line. Fahrenheit is factor * celsius + zero, where both are variables. At the end make "
        "an object of your class.",
        """class Thermometer(tf.Module):
    def __init__(self):
        super().__init__()
        self.factor = tf.Variable(1.8)
        self.zero = tf.Variable(32.0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def __call__(self, celsius):
        return self.factor * celsius + self.zero

thermometer = Thermometer()""",
        {
            "class Thermometer(Line):\n"
            "    def __call__(self, celsius):\n"
            "        return 1.8 * celsius + 32\n\n"
            "thermometer = Thermometer()": "Python code isn't saved",
            "class Thermometer(tf.Module):\n"
            "    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])\n"
            "    def __call__(self, celsius):\n"
            "        return 1.8 * celsius + 32\n\n"
            "thermometer = Thermometer()": "could change 0 of its two numbers",
            "class Thermometer(Line):\n"
            "    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])\n"
            "    def __call__(self, celsius):\n"
            "        return 0.9 * self.slope * celsius + 32\n\n"
            "thermometer = Thermometer()": "could change 1 of its two numbers",
            "class Thermometer(tf.Module):\n"
            "    def __init__(self):\n"
            "        super().__init__()\n"
            "        self.factor = tf.Variable(1.8, trainable=False)\n"
            "        self.zero = tf.Variable(32.0)\n\n"
            "    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])\n"
            "    def __call__(self, celsius):\n"
            "        return self.factor * celsius + self.zero\n\n"
            "thermometer = Thermometer()": "could change 1 of its two numbers",
            "class Thermometer(Line):\n"
            "    @tf.function\n"
            "    def __call__(self, celsius):\n"
            "        return self.slope * celsius + self.intercept\n\n"
            "thermometer = Thermometer()": "never traced",
            "class Thermometer(Line):\n"
            "    @tf.function(input_signature=[tf.TensorSpec([], tf.float32)])\n"
            "    def __call__(self, celsius):\n"
            "        return self.slope * celsius + self.intercept\n\n"
            "thermometer = Thermometer()": "doesn't take a vector of 1",
            "thermometer = Line()": "degrees Fahrenheit",
            "thermometer = Line": "This is the class",
            "thermometer = lambda celsius: 1.8 * celsius + 32": "made from tf.Module",
            "thermometer = None": "Found: NoneType None",
            "thermometer = tf.keras.Sequential([tf.keras.Input((1,)), tf.keras.layers.Dense(1)])": (
                "a model of Keras 3"
            ),
            "class Thermometer(Line):\n"
            "    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])\n"
            "    def to_fahrenheit(self, celsius):\n"
            "        return self.slope * celsius + self.intercept\n\n"
            "thermometer = Thermometer()\n"
            "thermometer.slope.assign(1.8)": "degrees Fahrenheit",
            "class Thermometer(Line):\n"
            "    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])\n"
            "    def __call__(self, celsius):\n"
            '        return {"fahrenheit": self.slope * celsius + self.intercept}\n\n'
            "thermometer = Thermometer()": "such a vector, not dict",
            "class Thermometer(Line):\n"
            "    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])\n"
            "    def __call__(self, celsius):\n"
            "        self.slope * celsius + self.intercept\n\n"
            "thermometer = Thermometer()": "not nothing (None)",
            "class Thermometer(Line):\n"
            "    @tf.function(input_signature=[tf.TensorSpec([3], tf.float32)])\n"
            "    def __call__(self, celsius):\n"
            "        return self.slope * celsius + self.intercept\n\n"
            "thermometer = Thermometer()": "any such vector is tf.TensorSpec([None]",
            "class Thermometer(tf.Module):\n"
            "    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])\n"
            "    def __call__(self, celsius):\n"
            "        return tf.Variable(1.8) * celsius + tf.Variable(32.0)\n\n"
            "thermometer = Thermometer()": "only supports singleton",
            "class Thermometer(tf.Module):\n"
            "    def __init__(self):\n"
            "        super().__init__()\n"
            "        self.factor, self.zero = tf.Variable(1.8), tf.Variable(32)\n\n"
            "    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])\n"
            "    def __call__(self, celsius):\n"
            "        return self.factor * celsius + self.zero\n\n"
            "thermometer = Thermometer()": "couldn't be saved",
        },
        (
            """thermometer = Line()
thermometer.slope.assign(1.8)
thermometer.intercept.assign(32)""",
            """numbers = tf.Variable([1.8, 32.0])
thermometer = tf.Module()
thermometer.numbers = numbers
thermometer.__call__ = tf.function(
    lambda x: numbers[0] * x + numbers[1], input_signature=[tf.TensorSpec([None], tf.float32)]
)""",
        ),
    ),
    Exercise(
        _writes_files,
        "It found the operation, and it never ran the model. That this one isn't there is still no "
        "proof of good intent.",
        "read_program(folder).graph_def has .node, and .library.function, each with .node_def. A "
        "node's operation is node.op.",
        """def writes_files(folder):
    graph = read_program(folder).graph_def
    nodes = list(graph.node)
    for function in graph.library.function:
        nodes += function.node_def
    return any(node.op == "WriteFile" for node in nodes)""",
        {
            "def writes_files(folder):\n"
            "    nodes = read_program(folder).graph_def.node\n"
            '    return any(node.op == "WriteFile" for node in nodes)': "every function in this folder's library",
            "def writes_files(folder):\n"
            "    loaded = tf.saved_model.load(str(folder))\n"
            "    loaded(tf.constant([1.0]))\n"
            '    return "WriteFile" in str(loaded.__call__.concrete_functions[0].graph.as_graph_def())': (
                "has just been written"
            ),
            "def writes_files(folder):\n"
            '    return b"WriteFile" in (Path(folder) / "saved_model.pb").read_bytes()': (
                "only a name is WriteFile"
            ),
            "def writes_files(folder):\n"
            "    graph = read_program(folder).graph_def\n"
            "    nodes = [node for one in graph.library.function for node in one.node_def]\n"
            '    return any("File" in node.op or "Save" in node.op for node in nodes)': "harmless model",
            "def writes_files(folder):\n"
            "    graph = read_program(folder).graph_def\n"
            "    nodes = [node for one in graph.library.function for node in one.node_def]\n"
            '    return "yes" if any(node.op == "WriteFile" for node in nodes) else "no"': (
                "True or False"
            ),
            "def writes_files(folder):\n"
            "    largest = max(\n"
            "        read_program(folder).graph_def.library.function, key=lambda one: len(one.node_def)\n"
            "    )\n"
            '    return any(node.op == "WriteFile" for node in largest.node_def)': "says no to a model",
            "def writes_files(folder):\n"
            "    for function in read_program(folder).graph_def.library.function:\n"
            "        for node in function.node_def:\n"
            '            if node.op == "WriteFile":\n'
            "                return True": "nothing (None)",
        },
        (
            """def writes_files(folder):
    graph = read_program(folder).graph_def
    bodies = [graph.node, *(function.node_def for function in graph.library.function)]
    return "WriteFile" in {node.op for body in bodies for node in body}""",
        ),
        equivalent=(),
    ),
]
