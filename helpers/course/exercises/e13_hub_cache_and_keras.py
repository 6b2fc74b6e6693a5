"""The exercises of 13_hub_cache_and_keras."""

import functools
import hashlib
import tempfile
from pathlib import Path

import numpy as np

from helpers.course.exercises import Exercise, Wrong, ask, shown, stopped, wanted

SOUND = ("saved_model.pb", "variables/variables.index")


def _entry(cache, handle, *files):
    """Make the entry of a handle in a cache, as tensorflow_hub would, with these files."""
    folder = Path(cache, hashlib.sha1(handle.encode()).hexdigest())
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(b"\x08\x01")
    Path(f"{folder}.descriptor.txt").write_text(
        f"Module: {handle}\nDownload Time: 2026-11-02 10:11:12\nDownloader Hostname: pc (PID:7)"
    )
    return folder


def _caches(outer):
    """Yield (cache, damaged handles) in a folder: none, one, several, all of the entries damaged."""
    rng = np.random.default_rng(3)
    kinds = [(), ("variables/variables.index",), ("nested/saved_model.pb",), ("fingerprint.pb",)]
    for number, broken in enumerate(([0, 0, 0], [1, 0, 2], [3, 1], [2, 0, 0, 3, 0])):
        cache, damaged = Path(outer, str(number)), []
        cache.mkdir()
        for place, kind in enumerate(broken):
            version = rng.integers(1, 99)
            handle = f"http://127.0.0.1:{8000 + number}/google/net: wide/{place}/{version}"
            handle = handle if place % 2 else f"https://tfhub.dev/some/{version}/{place}-model"
            _entry(cache, handle, *(kinds[kind] or SOUND))
            damaged += [handle] if kind else []
        for extra in ("0" * 40 + ".lock", "notes.txt"):
            (cache / extra).write_text("pc.4711.0123")
        (cache / ("0" * 40 + ".0123.tmp") / "variables").mkdir(parents=True)
        yield cache, damaged


def _damaged(damaged):
    with tempfile.TemporaryDirectory() as outer:
        for cache, expected in _caches(outer):
            before = sorted(cache.rglob("*"))
            answer = ask(damaged, cache, returns=(list, tuple, set))
            if sorted(cache.rglob("*")) != before:
                return "It has changed the cache. It should only look."
            found = sorted(wanted(value, str, "Each handle") for value in answer)
            if found == sorted(expected):
                continue
            if set(found) == set(expected):
                return "Each damaged handle should be there once."
            if any("\n" in value for value in found):
                return "Only the first line of a descriptor has the handle. Yours goes on after it."
            if any(value.strip() != value or "Module" in value for value in found):
                return f"A handle is what comes after 'Module: '. Found: {found[0]!r}."
            if any(len(value) == 40 for value in found):
                return (
                    f"These are folders' names. The descriptor has the handle. Found: {found[0]!r}."
                )
            for value in found:
                if any(handle.startswith(value) for handle in set(expected) - set(found)):
                    return (
                        f"This handle is cut short: {value!r}. Everything after 'Module: ' belongs to "
                        "it, spaces and colons too."
                    )
            texts = [path.read_text() for path in cache.glob("*.descriptor.txt")]
            for value in set(found) - set(expected):
                if not any(f"Module: {value}\n" in text for text in texts):
                    return f"It names {value!r}, which is the handle in no descriptor."
            if more := set(found) - set(expected):
                return f"It names {more.pop()!r}, whose folder has its saved_model.pb."
            missing = sorted(set(expected) - set(found))[0]
            folder = cache / hashlib.sha1(missing.encode()).hexdigest()
            held = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
            return f"It misses {missing!r}. Its folder holds {', '.join(held)}."
    return None


@functools.cache
def _models():
    """Return a temporary folder (kept by the cache) and [(name, inputs, outputs)] in it.

    Two are exported by Keras 3, one is a tf.Module with a second signature and no "serve".
    """
    import keras
    import tensorflow as tf

    folder, rng, models = tempfile.TemporaryDirectory(), np.random.default_rng(9), []
    for number, (shape, classes) in enumerate((((5,), 3), ((6, 4, 2), 7))):
        source = keras.Input(shape, name=f"features_{number}")
        weights = rng.normal(size=(int(np.prod(shape)), classes)).astype(np.float32)
        dense = keras.layers.Dense(classes)
        model = keras.Model(source, dense(keras.layers.Flatten()(source)))
        dense.set_weights([weights, np.arange(classes)])
        model.export(f"{folder.name}/{number}", verbose=False)
        inputs = rng.normal(size=(3, *shape)).astype(np.float32)
        models.append((str(number), inputs, inputs.reshape(3, -1) @ weights + np.arange(classes)))
    module = tf.Module()
    module.scale = tf.Variable(rng.normal(size=(2, 4)).astype(np.float32))
    spec = tf.TensorSpec([None, 2], tf.float32, "points")
    functions = {
        "another": tf.function(lambda points: {"places": -(points @ module.scale)}),
        "serving_default": tf.function(lambda points: {"places": points @ module.scale}),
    }
    traced = {name: one.get_concrete_function(spec) for name, one in functions.items()}
    tf.saved_model.save(module, f"{folder.name}/2", traced)
    inputs = rng.normal(size=(5, 2)).astype(np.float32)
    models.append(("2", inputs, inputs @ module.scale.numpy()))
    return folder, models


def _as_keras(as_keras):
    import keras

    folder, models = _models()
    for name, inputs, expected in models:
        model = ask(as_keras, str(Path(folder.name, name)))
        if not isinstance(model, keras.Model):
            kind = f"{type(model).__module__}.{type(model).__name__}"
            if kind.startswith("tf_keras"):
                raise Wrong(f"This is a model of Keras 2, a {kind}. Build it with keras.")
            raise Wrong(f"It should return a keras.Model. Found: {shown(model)}.")
        try:
            found = model(inputs)
        except Exception as error:
            return f"For inputs of shape {inputs.shape}: {stopped(error)}"
        if isinstance(found, dict):
            return "The model returns a dictionary. Take the output out of it, by its name."
        found = np.asarray(found)
        if found.shape != expected.shape or not np.allclose(found, expected, atol=1e-4):
            shape = "" if found.shape == expected.shape else f", of shape {found.shape}"
            return (
                f"For inputs of shape {inputs.shape} it returns other numbers{shape} than "
                f"serving_default, whose output has the shape {expected.shape}."
            )
        if not model.weights:
            return (
                "The scores are right, but Keras sees no weights in it. Give the TFSMLayer to the "
                "model itself: what's inside a Lambda is hidden."
            )
    return None


EXERCISES = [
    Exercise(
        _damaged,
        "Delete these folders, and the next load fetches the models again.",
        'Path(cache).glob("*.descriptor.txt") finds the descriptors. The folder of each has the same '
        'path without ".descriptor.txt". removeprefix("Module: ") leaves the handle.',
        """def damaged(cache):
    handles = []
    for descriptor in Path(cache).glob("*.descriptor.txt"):
        folder = Path(str(descriptor).removesuffix(".descriptor.txt"))
        if not (folder / "saved_model.pb").exists():
            handles.append(descriptor.read_text().splitlines()[0].removeprefix("Module: "))
    return handles""",
        {
            "def damaged(cache):\n"
            "    return [path.name for path in Path(cache).iterdir()\n"
            '            if len(path.name) == 40 and not (path / "saved_model.pb").exists()]': (
                "These are folders' names"
            ),
            "def damaged(cache):\n"
            "    handles = []\n"
            '    for descriptor in Path(cache).glob("*.descriptor.txt"):\n'
            '        folder = Path(str(descriptor).removesuffix(".descriptor.txt"))\n'
            '        if not list(folder.rglob("saved_model.pb")):\n'
            "            text = descriptor.read_text().splitlines()[0]\n"
            '            handles.append(text.removeprefix("Module: "))\n'
            "    return handles": "It misses",
            "def damaged(cache):\n"
            "    handles = []\n"
            '    for descriptor in Path(cache).glob("*.descriptor.txt"):\n'
            '        folder = Path(str(descriptor).removesuffix(".descriptor.txt"))\n'
            '        if not (folder / "saved_model.pb").exists():\n'
            '            handles.append(descriptor.read_text().splitlines()[0].split(":", 1)[1])\n'
            "    return handles": "what comes after",
            "def damaged(cache):\n"
            "    handles = []\n"
            '    for descriptor in Path(cache).glob("*.descriptor.txt"):\n'
            '        folder = Path(str(descriptor).removesuffix(".descriptor.txt"))\n'
            '        if not (folder / "saved_model.pb").exists():\n'
            '            handles.append(descriptor.read_text().splitlines()[0].split(": ")[1])\n'
            "    return handles": "cut short",
            "def damaged(cache):\n"
            '    return [path.read_text().splitlines()[0].removeprefix("Module: ")\n'
            '            for path in Path(cache).glob("*.descriptor.txt")]': "has its saved_model.pb",
            "def damaged(cache):\n"
            '    for descriptor in Path(cache).glob("*.descriptor.txt"):\n'
            '        folder = Path(str(descriptor).removesuffix(".descriptor.txt"))\n'
            '        if not (folder / "saved_model.pb").exists():\n'
            '            return [descriptor.read_text().splitlines()[0].removeprefix("Module: ")]\n'
            "    return []": "It misses",
            "def damaged(cache):\n"
            '    for descriptor in Path(cache).glob("*.descriptor.txt"):\n'
            "        print(descriptor)": "nothing (None)",
            "def damaged(cache):\n"
            "    handles = []\n"
            '    for descriptor in Path(cache).glob("*.descriptor.txt"):\n'
            '        folder = Path(str(descriptor).removesuffix(".descriptor.txt"))\n'
            '        if not (folder / "saved_model.pb").exists():\n'
            '            handles.append(descriptor.read_text().splitlines()[0].strip("Module: "))\n'
            "    return handles": "cut short",
            "def damaged(cache):\n"
            "    handles = []\n"
            '    for descriptor in Path(cache).glob("*.descriptor.txt"):\n'
            '        folder = Path(str(descriptor).removesuffix(".descriptor.txt"))\n'
            '        if not (folder / "saved_model.pb").exists():\n'
            '            handles.append(descriptor.read_text().removeprefix("Module: "))\n'
            "    return handles": "Only the first line",
        },
        (
            """def damaged(cache):
    found = []
    for name in os.listdir(cache):
        if name.endswith(".descriptor.txt"):
            with open(os.path.join(cache, name)) as file:
                handle = file.readline().strip().split(" ", 1)[1]
            entry = os.path.join(cache, hashlib.sha1(handle.encode()).hexdigest())
            if "saved_model.pb" not in os.listdir(entry):
                found.append(handle)
    return tuple(found)""",
        ),
    ),
    Exercise(
        _as_keras,
        "Keras 3 runs it, sees its weights, and never needed tensorflow_hub.",
        "keras.Input needs the shape without the batch; savedmodel.load(folder) has it in .inputs. "
        "Call TFSMLayer on that input, pick the output by its name, and give both to keras.Model.",
        """def as_keras(folder):
    served = savedmodel.load(folder)
    [spec], [output] = served.inputs.values(), served.outputs
    inputs = keras.Input(spec.shape[1:])
    layer = keras.layers.TFSMLayer(folder, call_endpoint="serving_default")
    return keras.Model(inputs, layer(inputs)[output])""",
        {
            "def as_keras(folder):\n"
            "    return keras.Sequential([hub.KerasLayer(folder)])": "Signature name has to be",
            "def as_keras(folder):\n"
            '    layer = hub.KerasLayer(folder, signature="serving_default", output_key="output_0")\n'
            "    return keras.Sequential([layer])": "Only instances of",
            "def as_keras(folder):\n"
            '    layer = hub.KerasLayer(folder, signature="serving_default", output_key="output_0")\n'
            "    return tf_keras.Sequential([layer])": "a model of Keras 2",
            "def as_keras(folder):\n"
            "    return keras.models.load_model(folder)": "Your code stopped with",
            "def as_keras(folder):\n"
            "    [spec] = savedmodel.load(folder).inputs.values()\n"
            '    layer = keras.layers.TFSMLayer(folder, call_endpoint="serving_default")\n'
            "    return keras.Sequential([keras.Input(spec.shape[1:]), layer])": "returns a dictionary",
            "def as_keras(folder):\n"
            "    served = savedmodel.load(folder)\n"
            "    [spec], [output] = served.inputs.values(), served.outputs\n"
            '    layer = keras.layers.TFSMLayer(folder, call_endpoint="serving_default")\n'
            "    hidden = keras.layers.Lambda(lambda x: layer(x)[output])\n"
            "    return keras.Sequential([keras.Input(spec.shape[1:]), hidden])": "Lambda is hidden",
            "def as_keras(folder):\n"
            "    [spec] = savedmodel.load(folder).inputs.values()\n"
            "    source = keras.Input(spec.shape[1:])\n"
            "    return keras.Model(source, keras.layers.Dense(3)(source))": "returns other numbers",
            "def as_keras(folder):\n"
            '    return keras.layers.TFSMLayer(folder, call_endpoint="serving_default")': (
                "should return a keras.Model"
            ),
            "def as_keras(folder):\n"
            "    [spec] = savedmodel.load(folder).inputs.values()\n"
            "    inputs = keras.Input(spec.shape[1:])\n"
            '    layer = keras.layers.TFSMLayer(folder, call_endpoint="serving_default")\n'
            '    return keras.Model(inputs, layer(inputs)["logits"])': "KeyError",
            "def as_keras(folder):\n"
            "    served = savedmodel.load(folder)\n"
            "    [spec], [output] = served.inputs.values(), served.outputs\n"
            '    hidden = hub.KerasLayer(folder, signature="serving_default", output_key=output)\n'
            "    inputs = keras.Input(spec.shape[1:])\n"
            "    return keras.Sequential([inputs, keras.layers.Lambda(lambda x: hidden(x))])": (
                "sees no weights"
            ),
        },
        (
            """def as_keras(folder):
    signature = tf.saved_model.load(folder).signatures["serving_default"]
    [spec] = signature.structured_input_signature[1].values()
    [output] = signature.structured_outputs
    return keras.Sequential([
        keras.Input(spec.shape[1:]),
        keras.layers.TFSMLayer(folder, call_endpoint="serving_default"),
        keras.layers.Lambda(lambda outputs: outputs[output]),
    ])""",
        ),
    ),
]
