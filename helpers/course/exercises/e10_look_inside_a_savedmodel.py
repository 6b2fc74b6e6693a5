"""The exercises of 10_look_inside_a_savedmodel."""

import tempfile
from pathlib import Path

from helpers.course.exercises import Exercise, NotAttempted


def _trainable_numbers(answer, variables):
    sizes = [variable.shape.num_elements() for variable in variables]
    trainable = [size for size, variable in zip(sizes, variables) if variable.trainable]
    if answer == sum(trainable):
        return None
    if answer == len(trainable):
        return "This counts the trainable variables. Each one has many numbers: count those."
    if answer == sum(sizes):
        return "This counts the moving statistics too, which no gradient moves."
    if answer == 4 * sum(trainable):
        return "These are the bytes. A float32 number has four of them."
    return f"{answer} is not it. Add up the sizes of the variables whose trainable is True."


def _thermometer(thermometer):
    import tensorflow as tf

    if isinstance(thermometer, type):
        return "This is the class. Make one object of it: thermometer = Fahrenheit()."
    if not isinstance(thermometer, tf.Module):
        return f"This is a {type(thermometer).__name__}. Saving needs an object of a class that is derived from tf.Module."
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(thermometer, folder)
        loaded = tf.saved_model.load(folder)
        names = tf.train.load_checkpoint(
            f"{folder}/variables/variables"
        ).get_variable_to_shape_map()
    if not callable(loaded):
        return "It was saved, but after loading it cannot be called: Python code is not saved. Put @tf.function above __call__."
    if not any(name.endswith("VARIABLE_VALUE") and "save_counter" not in name for name in names):
        return "It works without any variable: its numbers are constants in the program, so they can't be trained any further."
    try:
        answer = [float(value) for value in loaded(tf.constant([0.0, 100.0]))]
    except ValueError as error:
        if "Found zero restored functions" in str(error):
            return "It was saved untraced: a tf.function that was never called has no graph. Give it an input_signature."
        return f"It does not take a float32 vector. {str(error).splitlines()[0]}"
    if [round(value, 3) for value in answer] != [32.0, 212.0]:
        return f"0 and 100 degrees Celsius became {answer[0]:g} and {answer[1]:g}. They are 32 and 212 degrees Fahrenheit."
    return None


def _writes_files(writes_files):
    import tensorflow as tf

    def save(name, notes=None):
        """Save a model that doubles its input; with `notes`, it also writes that file: called, it says so first."""

        class Double(tf.Module):
            @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
            def __call__(self, x):
                if notes:
                    tf.io.write_file(notes, "called")
                return 2 * x

        class Note(tf.saved_model.experimental.TrackableResource):
            def _create_resource(self):
                return tf.constant(0)

            def _initialize(self):
                tf.io.write_file(notes, "loaded")

        model = Double()
        if notes:
            model.note = Note()
        tf.saved_model.save(model, str(Path(outer, name)))
        return Path(outer, name)

    with tempfile.TemporaryDirectory() as outer:
        notes = Path(outer, "notes.txt")
        harmless = writes_files(save("harmless"))
        if harmless is ...:
            raise NotAttempted
        harmful = writes_files(save("harmful", str(notes)))
        if notes.exists():
            return "The file is already written: you loaded the model to look at it. Read saved_model.pb only."
    if harmful is None or harmless is None:
        return "It returns None. Return True or False."
    if not harmful:
        return "It says no to a model that writes. The op is not in the outer graph, but in a function of its library."
    if harmless:
        return "It says yes to a harmless model. Every SavedModel has a function for saving: look for WriteFile alone."
    return None


EXERCISES = [
    Exercise(
        _trainable_numbers,
        "These are what training moves; for the rest, the model only keeps count of what it has seen.",
        "variable.trainable is True or False; variable.shape.num_elements() is how many numbers it has.",
        "trainable_numbers = sum(v.shape.num_elements() for v in variables if v.trainable)",
        {
            "trainable_numbers = len([v for v in variables if v.trainable])": "Each one has many numbers",
            "trainable_numbers = sum(v.shape.num_elements() for v in variables)": "moving statistics",
            "trainable_numbers = sum(v.numpy().nbytes for v in variables if v.trainable)": "These are the bytes",
        },
    ),
    Exercise(
        _thermometer,
        "It was saved, loaded without your class, and still converts. Its numbers can be trained further.",
        "Copy Line. Fahrenheit = 1.8 * Celsius + 32; the two numbers are variables, the formula is traced.",
        "class Fahrenheit(tf.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.factor = tf.Variable(1.8)\n"
        "        self.zero = tf.Variable(32.0)\n\n"
        "    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])\n"
        "    def __call__(self, celsius):\n"
        "        return self.factor * celsius + self.zero\n\n"
        "thermometer = Fahrenheit()",
        {
            "class Fahrenheit(Line):\n"
            "    def __call__(self, celsius):\n"
            "        return 1.8 * celsius + 32\n\n"
            "thermometer = Fahrenheit()": "Python code is not saved",
            "class Fahrenheit(tf.Module):\n"
            "    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])\n"
            "    def __call__(self, celsius):\n"
            "        return 1.8 * celsius + 32\n\n"
            "thermometer = Fahrenheit()": "constants in the program",
            "class Fahrenheit(Line):\n"
            "    @tf.function\n"
            "    def __call__(self, celsius):\n"
            "        return self.slope * celsius + self.intercept\n\n"
            "thermometer = Fahrenheit()": "saved untraced",
            "thermometer = Line()": "32 and 212",
        },
    ),
    Exercise(
        _writes_files,
        "It found the op in the library, and it never ran the model. Absence of this one op is still no proof of good intent.",
        "read_program(folder).graph_def has .node, and .library.function, each with .node_def. A node's type is node.op.",
        "def writes_files(folder):\n"
        "    graph = read_program(folder).graph_def\n"
        "    ops = {node.op for function in graph.library.function for node in function.node_def}\n"
        '    return "WriteFile" in ops | {node.op for node in graph.node}',
        {
            "def writes_files(folder):\n"
            '    return any(node.op == "WriteFile" for node in read_program(folder).graph_def.node)': "in a function of its library",
            "def writes_files(folder):\n"
            "    loaded = tf.saved_model.load(str(folder))\n"
            '    return any(node.op == "WriteFile" for node in nodes(loaded.__call__.concrete_functions[0]))': "already written",
            "def writes_files(folder):\n"
            "    graph = read_program(folder).graph_def\n"
            "    ops = {node.op for function in graph.library.function for node in function.node_def}\n"
            '    return bool(ops & {"WriteFile", "SaveV2", "MergeV2Checkpoints"})': "harmless model",
        },
    ),
]
