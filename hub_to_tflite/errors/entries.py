"""The errors that this course knows: what each says, why, and what to do. docs/errors.md shows them as a page.

An entry's `code` causes its error on the versions of this course: tests/test_errors.py runs it, and `make errors`
writes down what it said. Where a lesson shows an error is not kept here: `explain.shown_in` looks it up.
"""

import textwrap
from dataclasses import dataclass

STAGES = {
    "install": "Install and import",
    "load": "Load from a hub, a SavedModel or a Keras file",
    "open": "Open a .tflite",
    "convert": "Convert",
    "quantize": "Quantize and prune",
    "run": "Run",
    "silent": "No error at all",
}


@dataclass(frozen=True)
class Entry:
    """One error: `pattern` is a regular expression for the words of its message that stay the same.

    Its spaces stand for any white space. An entry of stage "silent" has no message, and a `symptom` instead; its `code`
    asserts it. Where two entries match, the one that comes first in ENTRIES counts: the special before the general.
    """

    stage: str
    name: str
    pattern: str
    cause: str
    fix: str
    code: str
    source: str = ""
    symptom: str = ""

    def __post_init__(self):
        object.__setattr__(self, "code", textwrap.dedent(self.code).strip())


ENTRIES = (
    # Install and import -----------------------------------------------------------------------------------------------
    Entry(
        "install",
        "pkg_resources is missing",
        r"No module named 'pkg_resources'",
        "tensorflow_hub 0.16.1 imports `pkg_resources` when it is imported. setuptools 82 no longer has it, and a "
        "fresh environment of Python 3.12 or newer has no setuptools at all.",
        'Install an older setuptools: `pip install "setuptools<82"`, then restart the kernel.',
        """
        with without("pkg_resources", fresh="tensorflow_hub"):
            import tensorflow_hub
        """,
        source="https://github.com/tensorflow/hub/issues/934",
    ),
    Entry(
        "install",
        "tf_keras is missing",
        r"Failed to import tf_keras|No module named 'tf_keras'",
        "tensorflow_hub 0.16 is written for Keras 2, which since TensorFlow 2.16 is a package of its own, "
        "`tf_keras`. It is not installed along with TensorFlow.",
        "`pip install tf_keras`, in the version of your TensorFlow (`pip install tf_keras==2.21.*`).",
        """
        with without("tf_keras", fresh="tensorflow_hub"):
            import tensorflow_hub
        """,
        source="https://github.com/tensorflow/hub/blob/master/RELEASE.md",
    ),
    Entry(
        "install",
        "tflite_runtime is missing",
        r"No module named 'tflite_runtime",
        "The code is older than LiteRT. `tflite_runtime` ended with 2.14.0, for Python 3.11 and NumPy 1.",
        "`pip install ai-edge-litert`, and `from ai_edge_litert.interpreter import Interpreter`: the same methods.",
        "import tflite_runtime.interpreter as tflite",
        source="https://ai.google.dev/edge/litert/migration",
    ),
    Entry(
        "install",
        "LiteRT is missing",
        r"No module named 'ai_edge_litert'",
        "The runtime is not installed in the Python that runs this kernel. TensorFlow does not bring it.",
        "`pip install ai-edge-litert`, with `%pip` in a notebook, so that it goes to the kernel's Python.",
        """
        with without("ai_edge_litert"):
            from ai_edge_litert.interpreter import Interpreter
        """,
    ),
    Entry(
        "install",
        "the course is not importable",
        r"No module named 'helpers'",
        "The notebook runs on another Python than the one that the course was installed into.",
        "Start it with `make lab`, or choose the kernel of the course's `.venv`.",
        'python("import helpers", "-I", "-S")',
    ),
    Entry(
        "install",
        "no wheel fits this Python",
        r"No matching distribution found for (ai-edge-litert|tensorflow|tf[_-]keras|litert|tflite[_-]runtime)",
        "pip found no file that fits this Python and system. `tensorflow` and `ai-edge-litert` are published for "
        "certain Pythons only, and `tflite-runtime` for none newer than 3.11.",
        "Use a Python from 3.10 to 3.13: `make run PYTHON=python3.12`. In place of `tflite-runtime` take "
        "`ai-edge-litert`.",
        """
        Path("tflite_runtime-2.14.0-cp311-cp311-manylinux2014_x86_64.whl").touch()
        pip("download", "tflite-runtime", "--no-index", "--find-links=.", "--only-binary=:all:", "--python-version=312")
        """,
        source="https://github.com/google-ai-edge/LiteRT/issues/1588",
    ),
    Entry(
        "install",
        "this Python is too old or too new",
        r"TensorFlow [\d.]+ runs on Python",
        "TensorFlow has wheels for certain Pythons only, and the Python that runs the set-up is not one of them.",
        "Install one that is named, and say so: `make run PYTHON=python3.12`.",
        """
        from tools.course import set_up
        set_up.OLDEST = set_up.NEWEST = (3, 1)
        try:
            set_up.check_python()
        finally:
            set_up.OLDEST, set_up.NEWEST = (3, 10), (3, 13)
        """,
    ),
    Entry(
        "install",
        "another Python is required",
        r"Package '.+' requires a different Python",
        "pip was asked to install a package with a Python that its author excludes.",
        "Make the environment with a Python in the range that the message names, here 3.10 to 3.13.",
        """
        Path("project").mkdir()
        Path("project/pyproject.toml").write_text('[project]\\nname = "x"\\nversion = "1"\\nrequires-python = "<3"')
        pip("install", "--no-build-isolation", "--no-deps", "./project")
        """,
    ),
    Entry(
        "install",
        "venv is missing",
        r"This Python lacks its venv module",
        "Debian and Ubuntu keep a part of Python in a package of its own.",
        "`apt install python3-venv`, for your version as the message says; then `make run` again.",
        """
        from tools.course import set_up
        with without("ensurepip"):
            set_up.check_python()
        """,
    ),
    Entry(
        "install",
        "a download is not what was locked",
        r"THESE PACKAGES DO NOT MATCH THE HASHES",
        "A file from the index is not, byte for byte, the one that requirements.lock names: a damaged download, "
        "or an index of your own with rebuilt files.",
        "`pip cache purge`, and again. If it stays, ask who runs the index; do not leave the hashes out.",
        """
        Path("thing-1-py3-none-any.whl").write_bytes(b"not what was locked")
        Path("requirements.txt").write_text(f"thing==1 --hash=sha256:{64 * '0'}")
        pip("install", "--no-index", "--find-links=.", "--require-hashes", "-r", "requirements.txt")
        """,
    ),
    Entry(
        "install",
        "code for TensorFlow 1",
        r"module 'tensorflow' has no attribute '(contrib|Session|placeholder|GraphDef|ConfigProto|get_default_graph)'",
        "The code was written for TensorFlow 1. In TensorFlow 2 these names are gone; `tf.contrib.lite` became "
        "`tf.lite`.",
        "Look for a newer example. For a quick trial, most old names still live under `tf.compat.v1`.",
        "tf.contrib.lite.TFLiteConverter",
        source="https://www.tensorflow.org/guide/migrate",
    ),
    Entry(
        "install",
        "the optimization toolkit came first",
        r"module 'tf_keras\.api\._v2\.keras' has no attribute '__version__'",
        "`import tensorflow_model_optimization` sets TF_USE_LEGACY_KERAS=1. If that happens before `tf.keras` is "
        "first used, `tf.keras` is Keras 2 for the rest of the process.",
        "Say which Keras you mean: `import keras` for Keras 3, `import tf_keras` for Keras 2.",
        'python("import tensorflow_model_optimization, tensorflow as tf; tf.keras.__version__")',
        source="https://github.com/tensorflow/model-optimization",
    ),
    # Load from a hub, a SavedModel or a Keras file --------------------------------------------------------------------
    Entry(
        "load",
        "not an archive",
        r"does not appear to be a valid module",
        "The handle's address answered, but not with a tar archive: a login page, a web page, a bare .tflite, or "
        "half a download.",
        "Look at what it sends: `urllib.request.urlopen(handle + '?tf-hub-format=compressed').read(100)`. A "
        ".tflite is not loaded but run, with LiteRT.",
        'hub.load(served(b"<!DOCTYPE html><title>Log in</title>"))',
        source="https://github.com/tensorflow/hub/issues/410",
    ),
    Entry(
        "load",
        "handle: refused by the server",
        r"cannot be downloaded\. Found: HTTP (Error )?\d+",
        "The address in the handle answered with an error. 403 and 404 are frequent for models that have moved "
        "from tfhub.dev to Kaggle, or have gone.",
        "Check the spelling and the version number at the end. Keep a copy of what you depend on; a folder is a "
        "handle too.",
        'handles.fetch(served(b"no", 403))',
        source="https://github.com/tensorflow/hub/issues/932",
    ),
    Entry(
        "load",
        "HTTP 403",
        r"HTTP Error 403: Forbidden",
        "The server refuses the address. tfhub.dev redirects to Kaggle Models since November 2023, and answers so "
        "for some models that have moved or gone.",
        "Find the model's new address on kaggle.com/models and download it there; then give `hub.load` the folder.",
        'hub.load(served(b"no", 403))',
        source="https://github.com/tensorflow/hub/issues/932",
    ),
    Entry(
        "load",
        "HTTP 404",
        r"HTTP Error 404: Not Found",
        "The server has nothing at this address: a typing error, a version that does not exist, or a model that "
        "has gone.",
        "Check the spelling, and that a version number ends the handle.",
        'hub.load(served(b"no", 404))',
        source="https://github.com/tensorflow/hub/issues/922",
    ),
    Entry(
        "load",
        "HTTP 5xx",
        r"HTTP Error 5\d\d",
        "The server is in trouble, or a proxy before it.",
        "Try again later. A model that is in the cache loads without the server.",
        'hub.load(served(b"no", 503))',
    ),
    Entry(
        "load",
        "unknown certificate",
        r"CERTIFICATE_VERIFY_FAILED",
        "Something between you and the server, mostly a company's proxy, signs with a certificate that Python "
        "does not know.",
        "Set SSL_CERT_FILE to the proxy's certificate before Python starts. Only as a last resort, and for a hub "
        "that you trust: TFHUB_DISABLE_CERT_VALIDATION=true.",
        "hub.load(served_securely())",
        source="https://github.com/tensorflow/hub/pull/781",
    ),
    Entry(
        "load",
        "handle: the download failed",
        r"The download of \S+ failed\. Found:",
        "The server could not be reached: no network, a proxy, or a server that is down.",
        "Check the network. The embedded model needs none.",
        'handles.fetch("http://127.0.0.1:9/someone/model/1")',
    ),
    Entry(
        "load",
        "no connection",
        r"<?urlopen error \[Errno",
        "The address could not be reached: no network, a proxy that is not set, or a server that is down.",
        "Try the address in a browser. A model that is in the cache loads without a network: set TFHUB_CACHE_DIR "
        "to a folder that nobody cleans.",
        'hub.load("http://127.0.0.1:9/someone/model/1")',
        source="https://www.tensorflow.org/hub/caching",
    ),
    Entry(
        "load",
        "handle: not a model archive",
        r"What \S+ serves is not a model archive",
        "The address answered with something that is no tar.gz: a web page, a login page, a bare .tflite.",
        "Open the address in a browser. The message says what came, and of which type.",
        'handles.fetch(served(b"<!DOCTYPE html>", Content_Type="text/html"))',
    ),
    Entry(
        "load",
        "handle: stopped early",
        r"The download of \S+ stopped early",
        "The connection ended before all bytes had come. Nothing was kept.",
        "Try again.",
        'handles.fetch(served(b"half", Content_Length=8))',
    ),
    Entry(
        "load",
        "handle: damaged archive",
        r"The archive of \S+ is damaged",
        "The archive does not agree with its own checksum, or ends too early. tensorflow_hub alone does not "
        "check, and would keep it for ever.",
        "Nothing was kept; try again. If it stays, the publisher's file is damaged.",
        """
        whole = Path(tinyhub.EMBEDDED, handles.DEFAULT + ".tar.gz").read_bytes()
        handles.fetch(served(whole[:100] + bytes([whole[100] ^ 255]) + whole[101:]))
        """,
    ),
    Entry(
        "load",
        "handle: nothing at the archive's root",
        r"has no saved_model\.pb at its root",
        "The archive was packed from outside the model's folder, so everything in it stands one folder too deep.",
        "`tar -czf model.tar.gz -C FOLDER .`, with the dot.",
        'handles.fetch(served(archive("model/saved_model.pb")))',
        source="https://www.tensorflow.org/hub/hosting",
    ),
    Entry(
        "load",
        "handle: files without their folder",
        r"and not the folder that it belongs in",
        "The archive lists a file but not the folder that it stands in, and tensorflow_hub makes only folders "
        "that are listed.",
        "Pack the whole folder, not single files: `tar -czf model.tar.gz -C FOLDER .`",
        'handles.fetch(served(archive("saved_model.pb", "variables/variables.index")))',
        source="https://www.tensorflow.org/hub/hosting",
    ),
    Entry(
        "load",
        "handle: larger than allowed",
        r"unpacks to more than \d+ GiB",
        "The archive holds more than any model on a hub did, so it may be meant to fill your disk.",
        "It was not unpacked. If you know it to be right, set `handles.LARGEST`.",
        """
        from unittest import mock
        with mock.patch.object(handles, "LARGEST", 0):
            handles.fetch(served(archive("saved_model.pb")))
        """,
    ),
    Entry(
        "load",
        "handle: not usable",
        r"serves is not a usable SavedModel: it was downloaded twice",
        "The archive is whole, and the model in it is not: its publisher packed a damaged folder.",
        "Ask the publisher, or take another version. Nothing was kept.",
        'handles.fetch(served(archive("saved_model.pb")))',
    ),
    Entry(
        "load",
        "handle: not unpacked",
        r"The archive of \S+ could not be unpacked",
        "The archive is whole, and yet its files could not be written: a name that this system does not take, a "
        "disk that is full, a cache folder that may not be written.",
        "The message says what was found. Set TFHUB_CACHE_DIR to a folder with room.",
        'handles.fetch(served(archive("saved_model.pb", 300 * "x")))',
    ),
    Entry(
        "load",
        "handle: an archive that would write elsewhere",
        r"would write outside its folder",
        "A name in the archive leads out of the folder that it is unpacked into. Honest tools do not make such names.",
        "It was not unpacked. Do not use it; tell its publisher.",
        'handles.fetch(served(archive("saved_model.pb", "../../evil.txt")))',
    ),
    Entry(
        "load",
        "handle: an archive with links",
        r"holds a link or a device",
        "A link in the archive can point at any file of yours. A SavedModel has no use for links.",
        "It was not unpacked. Pack it again with `tar --dereference`, if it is yours.",
        'handles.fetch(served(archive("saved_model.pb", "labels.txt->/etc/passwd")))',
    ),
    Entry(
        "load",
        "tensorflow_hub: an archive that would write elsewhere",
        r"Relative path '.+' is invalid",
        "A name in the archive leads out of the folder that it is unpacked into. tensorflow_hub stops there.",
        "Do not use the archive; tell its publisher.",
        'hub.load(served(archive("../evil.txt")))',
    ),
    Entry(
        "load",
        "tensorflow_hub: an archive with links",
        r"Unexpected object type in tar archive",
        "tensorflow_hub unpacks files and folders only, and the archive holds a link.",
        "Pack it again with `tar --dereference`.",
        'hub.load(served(archive("labels.txt->/etc/passwd")))',
    ),
    Entry(
        "load",
        "an archive without folders",
        r"variables[\w/.-]*; No such file or directory",
        "The archive lists its files but not the folders that they stand in, and tensorflow_hub makes only "
        "folders that are listed.",
        "Pack the whole folder, not single files: `tar -czf model.tar.gz -C FOLDER .`",
        'hub.load(served(archive("saved_model.pb", "variables/variables.index")))',
        source="https://www.tensorflow.org/hub/hosting",
    ),
    Entry(
        "load",
        "hub.load on something else",
        r"Trying to load a model of incompatible/unknown type",
        "`hub.load` looked for `saved_model.pb` in a folder and did not find it. You gave it a .tflite; or the "
        "archive was packed one folder too deep; or a cleaner emptied half of tensorflow_hub's cache, which is "
        "trusted for ever.",
        "A .tflite is opened by LiteRT: `Interpreter(model_path=...)`. If the path in the message is in the "
        "cache, delete that folder, or let `handles.fetch(handle)` do it.",
        'hub.load("model.tflite")',
        source="https://github.com/tensorflow/hub/issues/896",
    ),
    Entry(
        "load",
        "variables are missing",
        r"Unsuccessful TensorSliceReader constructor: Failed to find any matching files",
        "`saved_model.pb` is there, but not the folder `variables/` beside it. The program came without its weights.",
        "Copy the whole folder. In tensorflow_hub's cache: delete the model's folder and load again.",
        """
        Path("bare").mkdir()
        Path("bare/saved_model.pb").write_bytes(Path("saved_model/saved_model.pb").read_bytes())
        hub.load("bare")
        """,
        source="https://github.com/tensorflow/hub/issues/850",
    ),
    Entry(
        "load",
        "variables are damaged",
        r"DataLossError|[Cc]hecksum does not match|Checksum .*stored .* vs\. calculated",
        "A weight does not agree with its stored checksum: a damaged download or disk.",
        "Fetch the model again; first delete its folder from tensorflow_hub's cache, or let `handles.fetch` do both.",
        """
        shutil.copytree("saved_model", "flipped")
        data = Path("flipped/variables/variables.data-00000-of-00001")
        whole = bytearray(data.read_bytes())
        whole[8] ^= 255
        data.write_bytes(whole)
        hub.load("flipped")
        """,
    ),
    Entry(
        "load",
        "variables are cut short",
        r"Read less bytes than requested",
        "The file of the weights is shorter than its index says: a copy or a download that stopped.",
        "Fetch the model again; first delete its folder from tensorflow_hub's cache, or let `handles.fetch` do both.",
        """
        shutil.copytree("saved_model", "short")
        data = Path("short/variables/variables.data-00000-of-00001")
        data.write_bytes(data.read_bytes()[:8])
        hub.load("short")
        """,
    ),
    Entry(
        "load",
        "saved_model.pb cannot be read",
        r"Cannot parse file .*saved_model\.pb",
        "`saved_model.pb` is cut short, or is something else under that name, such as a git-LFS pointer.",
        "Look at its size, and fetch it again (`git lfs pull`).",
        """
        Path("cut").mkdir()
        Path("cut/saved_model.pb").write_bytes(Path("saved_model/saved_model.pb").read_bytes()[:100])
        hub.load("cut")
        """,
    ),
    Entry(
        "load",
        "handle: a damaged SavedModel",
        r"The SavedModel of \S+ is damaged",
        "The folder is there, and something in it cannot be read to the end.",
        "Get the folder again from where it came. What is in the cache is fetched again by itself.",
        """
        Path("broken").mkdir()
        Path("broken/saved_model.pb").write_bytes(b"\\xff\\xff")
        handles.check("broken")
        """,
    ),
    Entry(
        "load",
        "handle: unknown",
        r"There is no model '.*': it is neither",
        "HANDLE names nothing that the course can find.",
        "Use a model of the embedded hub, an http(s) address, or the path of a folder that exists.",
        'handles.check("digits/mobilenet_v9/classification/1")',
    ),
    Entry(
        "load",
        "handle: a file",
        r"is a file\. A handle names a SavedModel",
        "The path leads to one file, such as a .tflite. A SavedModel is a folder.",
        "For a .tflite there is nothing to load from a hub: run it with LiteRT.",
        'handles.check("model.tflite")',
    ),
    Entry(
        "load",
        "handle: no SavedModel",
        r"is not a SavedModel: it has no saved_model\.pb",
        "The folder exists and holds something else. The message lists what it found.",
        "Give the folder that holds `saved_model.pb`, often one level down.",
        """
        Path("empty").mkdir()
        handles.check("empty")
        """,
    ),
    Entry(
        "load",
        "a handle without its address",
        r"OSError: \S+ does not exist\.",
        "tensorflow_hub takes a handle without `https://` for a folder on your disk.",
        "Give the whole address, `https://tfhub.dev/google/yamnet/1`, or a folder that exists.",
        'hub.load("google/yamnet/1")',
    ),
    Entry(
        "load",
        "no SavedModel there",
        r"SavedModel file does not exist at:",
        "A folder with a SavedModel was expected. Given was a file, such as a .tflite, or the wrong folder. The "
        "message shows a path into it, as if it were a folder.",
        "For a .tflite: `Interpreter(model_path=...)` from `ai_edge_litert.interpreter`. Else give the folder, "
        "not the file `saved_model.pb` in it.",
        'tf.saved_model.load("model.tflite")',
        source="https://github.com/tensorflow/tensorflow/issues/51981",
    ),
    Entry(
        "load",
        "no such tags",
        r"Got an incompatible argument to `tags`|MetaGraphDef associated with tags .* could not be found",
        "The SavedModel holds its graph under other tags than those asked for. TensorFlow 2 asks for `serve`; "
        "modules of TensorFlow 1 often have none.",
        "`saved_model_cli show --dir FOLDER` lists the tags; give them: `hub.load(handle, tags=[])`, "
        "`from_saved_model(folder, tags=[...])`.",
        'tf.saved_model.load("saved_model", tags=["train"])',
    ),
    Entry(
        "load",
        "hub.Module",
        r"module 'tensorflow_hub' has no attribute 'Module'",
        "`hub.Module` is the way of TensorFlow 1; tensorflow_hub for TensorFlow 2 no longer has it.",
        "`hub.load(handle)`, then `.signatures[...]`; or a model in the TF2 SavedModel format.",
        'hub.Module("saved_model")',
        source="https://www.tensorflow.org/hub/migration_tf2",
    ),
    Entry(
        "load",
        "the model cannot be called",
        r"'(_UserObject|AutoTrackable)' object is not callable",
        "The SavedModel was saved without a `__call__`: its entrances are its signatures.",
        "`model.signatures['serving_default'](**{input_name: x})`. `print(model.signatures)` lists them.",
        'hub.load("saved_model")(np.zeros((1, 4), np.float32))',
    ),
    Entry(
        "load",
        "wrong arguments for a loaded function",
        r"Could not find matching concrete function to call loaded from the SavedModel|"
        r"Binding inputs to tf\.function failed due to",
        "A loaded model takes only the shapes and types that it was saved with. Often the batch dimension is "
        "missing, or NumPy made float64.",
        "Compare what the message got with the options below it: `x[None].astype(np.float32)`.",
        'hub.load("saved_model").serve(np.zeros(4, np.float32))',
    ),
    Entry(
        "load",
        "an op that this program does not know",
        r"Op type not registered '",
        "The graph uses an op that lives in another package, and that package is not imported. For text models it "
        "is mostly tensorflow_text.",
        "`pip install tensorflow-text` in your TensorFlow's version, and `import tensorflow_text` before loading. "
        "Such ops are not in LiteRT.",
        """
        shutil.copytree("saved_model", "foreign")
        graph = Path("foreign/saved_model.pb")
        graph.write_bytes(graph.read_bytes().replace(b"MatMul", b"NatNul"))
        hub.load("foreign")
        """,
    ),
    Entry(
        "load",
        "hub.KerasLayer in a Keras 3 Sequential",
        r"Only instances of `?keras\.Layer`? can be added to a Sequential model.*tensorflow_hub",
        "`hub.KerasLayer` is a layer of Keras 2. To Keras 3, which is `tf.keras` since TensorFlow 2.16, it is a "
        "stranger.",
        "`tf_keras.Sequential([hub.KerasLayer(handle)])`, or in Keras 3 "
        '`keras.layers.TFSMLayer(hub.resolve(handle), call_endpoint="serving_default")`.',
        """
        layer = hub.KerasLayer(lambda x: x)
        keras.Sequential([layer])
        """,
        source="https://github.com/tensorflow/hub/issues/920",
    ),
    Entry(
        "load",
        "hub.KerasLayer on a keras.Input",
        r"A KerasTensor is symbolic",
        "A Keras 3 input was given to something that is not Keras 3, such as `hub.KerasLayer` or a plain "
        "TensorFlow function.",
        "Stay with `tf_keras` for the whole model, or use `keras.layers.TFSMLayer`, or wrap the call in "
        "`keras.layers.Lambda`.",
        """
        layer = hub.KerasLayer(tf.function(lambda x: x + 1.0))
        layer(keras.Input([4]))
        """,
        source="https://github.com/tensorflow/hub/issues/903",
    ),
    Entry(
        "load",
        "keras.models.load_model on something else",
        r"File format not supported: filepath=",
        "Keras 3 loads `.keras` and `.h5` files. A .tflite or a SavedModel folder is neither.",
        "SavedModel: `keras.layers.TFSMLayer(folder, call_endpoint=...)`. A .tflite: LiteRT's `Interpreter`, "
        "whatever the message proposes.",
        'keras.models.load_model("model.tflite")',
    ),
    Entry(
        "load",
        "not an HDF5 file",
        r"file signature not found",
        "The file was opened as HDF5, because of its name or because Keras 2 tries that for any file, and is "
        "something else.",
        "Look at its first eight bytes: HDF5 starts with `\\x89HDF`, a .tflite has `TFL3` at 4 to 8.",
        'tf_keras.models.load_model("model.tflite")',
    ),
    Entry(
        "load",
        "an .h5 of Keras 2",
        r"Unrecognized keyword arguments passed to \w+: \{'groups'",
        "The file was written by Keras 2, whose layers had arguments that Keras 3 no longer knows.",
        "`tf_keras.models.load_model(file)`; from there export a SavedModel, or convert.",
        """
        old = tf_keras.Sequential([tf_keras.Input((8, 8, 3)), tf_keras.layers.DepthwiseConv2D(3)])
        old.save("old.h5")
        keras.models.load_model("old.h5")
        """,
    ),
    Entry(
        "load",
        "an .h5 with a hub layer",
        r"(Unknown layer: '?KerasLayer|Could not locate class 'KerasLayer')",
        "An .h5 or .keras file names its layers' classes and does not hold them. `KerasLayer` is not one of "
        "Keras's own.",
        '`tf_keras.models.load_model(file, custom_objects={"KerasLayer": hub.KerasLayer})`; better, save a SavedModel.',
        """
        layer = hub.KerasLayer("saved_model", signature="serving_default", output_key="y")
        hybrid = tf_keras.Sequential([tf_keras.Input((4,)), layer])
        hybrid.save("hybrid.h5")
        tf_keras.models.load_model("hybrid.h5")
        """,
        source="https://github.com/tensorflow/hub/issues/401",
    ),
    Entry(
        "load",
        "model.save to a folder",
        r"Invalid filepath extension for saving",
        "In Keras 3 `model.save` writes `.keras` and `.h5` files only. Older examples give a folder and mean a "
        "SavedModel.",
        '`model.export("folder")` writes a SavedModel, `model.export("model.tflite", format="litert")` a .tflite.',
        'keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save("folder")',
    ),
    Entry(
        "load",
        "no port for the embedded hub",
        r"No port for the hub",
        "Other programs hold every port that the embedded hub tries.",
        "Close old notebooks: each kernel keeps its hub. Restart the computer if you do not know which.",
        """
        from urllib.parse import urlsplit
        tinyhub.serve(ports=[urlsplit(served()).port])
        """,
    ),
    # Open a .tflite ---------------------------------------------------------------------------------------------------
    Entry(
        "open",
        "the process dies",
        r"Segmentation fault|SIGSEGV|exit (status|code):? -?(11|139)\b|"
        r"[Kk]ernel (for \S+ )?(appears to have )?died|The Kernel crashed while executing code",
        "The runtime read beyond a damaged or truncated model: `tf.lite.Interpreter(model_path=...)`, "
        "`CompiledModel.from_file` and the Analyzer do not check a file before they read it. LiteRT's `invoke` "
        "does the same when a text input was never set. No `try` can catch this.",
        "Compare the file's size or sha256 with its source. Give bytes, `model_content=Path(file).read_bytes()`, "
        "or use LiteRT's Interpreter: both check. Set every input. Try a file that you do not trust in a process "
        "of its own.",
        """
        whole = Path(tinyhub.EMBEDDED, handles.DEFAULT + ".tflite").read_bytes()
        Path("cut.tflite").write_bytes(whole[:1000])
        python("import tensorflow as tf; tf.lite.Interpreter(model_path='cut.tflite')")
        """,
        source="https://github.com/tensorflow/tensorflow/issues/115308",
    ),
    Entry(
        "open",
        "open_tflite: damaged",
        r"is damaged\. Found: .* Fetch it again, and compare its size and sha256",
        "The file begins like a .tflite, and its tables do not fit each other or the file: it broke off, or was "
        "altered.",
        "Fetch it again, and compare its size and sha256 with the publisher's.",
        """
        from hub_to_tflite.sandbox.opening import open_tflite
        open_tflite(Path("model.tflite").read_bytes()[:500])
        """,
    ),
    Entry(
        "open",
        "open_tflite: not a .tflite",
        r"is not a \.tflite\. Found: .* Who opens that:",
        "The bytes 4 to 7 do not read `TFL3`, whatever the name says.",
        "The message says what it is, and who opens it.",
        """
        from hub_to_tflite.sandbox.opening import open_tflite
        open_tflite("page.tflite")
        """,
    ),
    Entry(
        "open",
        "an empty file",
        r"Mmap of '\w+' at offset '0' failed with error '22'|mmap of size 0 requested",
        "The file has no bytes: a download or a write that failed, or a disk that is full.",
        "Fetch or write it again, and look at its size.",
        """
        Path("empty.tflite").touch()
        Interpreter(model_path="empty.tflite")
        """,
    ),
    Entry(
        "open",
        "a folder",
        r"Mmap of '\w+' at offset '0' failed with error '19'",
        "The path is a folder, probably a SavedModel. Error 19 is how Linux says that a folder is no file.",
        "Convert the SavedModel first, `tf.lite.TFLiteConverter.from_saved_model(folder).convert()`; or give the "
        ".tflite file in the folder.",
        'Interpreter(model_path="saved_model")',
    ),
    Entry(
        "open",
        "no such file",
        r"Could not open '",
        "There is no file under this path, as seen from the folder that Python runs in. A path that looks like "
        "garbage means that bytes were given where a path belongs.",
        "`Path(file).resolve()` shows where Python looks. Bytes go to `Interpreter(model_content=...)`.",
        'Interpreter(model_path="nowhere.tflite")',
    ),
    Entry(
        "open",
        "another kind of file, tf.lite",
        r"Model provided has model identifier '.{1,8}', should be 'TFL3'",
        "The file is not a .tflite, whatever its name says. The letters are its bytes 4 to 7: `CTYP` is a web "
        "page, `ion ` a git-LFS pointer.",
        "Look at its first bytes; fetch the file itself (for a git-LFS pointer: `git lfs pull`).",
        'tf.lite.Interpreter(model_path="page.tflite")',
    ),
    Entry(
        "open",
        "another kind of file, LiteRT",
        r"The model is not a valid Flatbuffer buffer",
        "The file is not a .tflite, whatever its name says, or it is one that is damaged or cut short.",
        "Look at its first bytes: a .tflite has `TFL3` at 4 to 7. If it has, fetch the file again and compare its "
        "size.",
        'Interpreter(model_path="page.tflite")',
    ),
    Entry(
        "open",
        "bytes read as text",
        r"UnicodeDecodeError: 'utf-8' codec can't decode byte 0x[0-9a-f]+ in position \d+",
        "A file of bytes was read as text. `tf.lite.Interpreter` may stumble so too, over what is not a .tflite.",
        'Read a model with `Path(file).read_bytes()` or `open(file, "rb")`. A .tflite has `TFL3` at its bytes 4 to 7.',
        'Path("model.tflite").read_text(encoding="utf-8")',
    ),
    Entry(
        "open",
        "neither path nor bytes",
        r"`model_path` or `model_content` must be specified",
        "The Interpreter was made without a model.",
        '`Interpreter(model_path="model.tflite")`, or `Interpreter(model_content=the_bytes)`.',
        "Interpreter()",
    ),
    Entry(
        "open",
        "no subgraph",
        r"No subgraph in the model",
        "The file begins like a .tflite, and what should follow is not there: it was cut short, or damaged.",
        "Compare its size with its source, and fetch it or convert again.",
        """
        def change(model):
            model.subgraphs = []
        Interpreter(model_content=edited(change))
        """,
    ),
    Entry(
        "open",
        "another version of the schema",
        r"Model provided is schema version \d+ not equal to supported version",
        "The format's version in the file is not 3, the only one since 2017: the file is damaged or made by hand.",
        "Fetch it again, or convert again.",
        """
        def change(model):
            model.version = 0
        Interpreter(model_content=edited(change))
        """,
    ),
    Entry(
        "open",
        "a buffer that is not there",
        r"specifies out of range buffer",
        "A tensor points at data that the file does not hold: the file is damaged, or was edited.",
        "Fetch it again, and compare its sha256.",
        """
        def change(model):
            model.subgraphs[0].tensors[1].buffer = 2**31 - 1
        Interpreter(model_content=edited(change))
        """,
    ),
    Entry(
        "open",
        "an op that is too new",
        r"Didn't find op for builtin opcode '\w+' version",
        "The file was made by a converter newer than the runtime: it asks for a version of an op that this "
        "runtime does not have.",
        "Update the runtime (`pip install -U ai-edge-litert`). Where that cannot be, as on a device, convert with "
        "an older TensorFlow.",
        """
        def change(model):
            model.operatorCodes[0].version = 99
        Interpreter(model_content=edited(change))
        """,
        source="https://github.com/tensorflow/tensorflow/issues/80736",
    ),
    Entry(
        "open",
        "a custom op",
        r"Encountered unresolved custom op: ",
        "The file holds an op that is not LiteRT's own: converted with `allow_custom_ops`, or compiled for an "
        "Edge TPU.",
        "Give the Interpreter the library that has the op (`experimental_delegates`, `custom_op_registerers`), or "
        "convert again from built-in ops.",
        """
        content = converter(tf.math.erfinv, tf.TensorSpec([4]), allow_custom_ops=True).convert()
        Interpreter(model_content=content).allocate_tensors()
        """,
    ),
    Entry(
        "open",
        "an op of TensorFlow",
        r"Select TensorFlow op\(s\), included in the given model, is\(are\) not supported by this interpreter",
        "The file was converted with SELECT_TF_OPS: some of its ops run in TensorFlow's own kernels, the Flex "
        "delegate, which today's Python packages no longer bring.",
        "Convert without SELECT_TF_OPS and rewrite the ops that are named; or move them out of the model; or run "
        "the SavedModel.",
        """
        made = converter(tf.strings.lower, tf.TensorSpec([1], tf.string))
        made.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
        Interpreter(model_content=made.convert()).allocate_tensors()
        """,
        source="https://github.com/google-ai-edge/LiteRT/issues/6458",
    ),
    Entry(
        "open",
        "no such signature",
        r"Invalid signature_key provided",
        "The file has no signature of this name. A file that was converted from a function without "
        "`trackable_obj` has none at all.",
        "`interpreter.get_signature_list()` shows what there is. To have one: `from_saved_model`, or "
        "`from_concrete_functions([f], model)`.",
        'Interpreter(model_path="model.tflite").get_signature_runner("nope")',
    ),
    Entry(
        "open",
        "no signature at all",
        r"SignatureDef signature_key is None and model has \d+ Signatures",
        "`get_signature_runner()` without a name needs a file with exactly one signature. Files made before 2021, "
        "or without `trackable_obj`, have none.",
        "Use `set_tensor`, `invoke`, `get_tensor`; or convert again with `from_saved_model`; or name the signature.",
        """
        def change(model):
            model.signatureDefs = []
        Interpreter(model_content=edited(change)).get_signature_runner()
        """,
    ),
    Entry(
        "open",
        "CompiledModel on something else",
        r"Failed to load model from (buffer|file)",
        "CompiledModel was given what is not a .tflite.",
        "Open it with `Interpreter` first: its messages say more, and it does not crash.",
        """
        from ai_edge_litert.compiled_model import CompiledModel
        CompiledModel.from_buffer(b"not a model at all")
        """,
    ),
    # Convert ----------------------------------------------------------------------------------------------------------
    Entry(
        "convert",
        "a list of unknown length",
        r"requires element_shape to be static|Lowering tensor list ops is failed",
        "A recurrent layer (LSTM, GRU, RNN) with an open batch: its loop keeps its states in a list whose shape "
        "is not known when converting.",
        "Fix the batch: `keras.Input(shape, batch_size=1)`, or a TensorSpec that starts with 1; or build the "
        "layer with `unroll=True`. SELECT_TF_OPS converts and then does not run.",
        """
        lstm = keras.Sequential([keras.Input((5, 3)), keras.layers.LSTM(2)])
        tf.lite.TFLiteConverter.from_keras_model(lstm).convert()
        """,
        source="https://www.tensorflow.org/lite/models/convert/rnn",
    ),
    Entry(
        "convert",
        "an op that the authoring check refuses",
        r"is\(are\) not natively supported by TensorFlow Lite",
        "`tf.lite.experimental.authoring.compatible` found an op in this function that LiteRT does not have, and "
        "names the line.",
        "Rewrite that line with built-in ops.",
        """
        @tf.lite.experimental.authoring.compatible
        @tf.function(input_signature=[tf.TensorSpec([1], tf.string)])
        def shout(text):
            return tf.strings.upper(text)

        shout(tf.constant(["hello"]))
        print(shout.get_compatibility_log())
        """,
        source="https://www.tensorflow.org/lite/guide/authoring",
    ),
    Entry(
        "convert",
        "ops that nobody has",
        r"Some ops in the model are custom ops|ERROR_NEEDS_CUSTOM_OPS|Custom ops: \w+",
        "The model uses an op that is neither LiteRT's nor in TensorFlow's set for it. `allow_custom_ops` only "
        "postpones the error to the moment when the file is run.",
        "Rewrite the op that the line `Custom ops:` names, with built-in ones.",
        "converter(tf.math.erfinv, tf.TensorSpec([4])).convert()",
        source="https://ai.google.dev/edge/litert/models/ops_custom",
    ),
    Entry(
        "convert",
        "ops that need TensorFlow",
        r"Some ops are not supported by the native TFLite runtime|ERROR_NEEDS_FLEX_OPS|"
        r"is neither a custom op nor a flex op",
        "The model uses TensorFlow ops that LiteRT does not have. The line `TF Select ops:` at the end names "
        "them; text, float64 and complex numbers are frequent reasons.",
        "Rewrite those ops with others, or do that part outside the model: text becomes ids before, for example. "
        "SELECT_TF_OPS, which the message proposes, gives a file that Python cannot run any more.",
        "converter(tf.strings.lower, tf.TensorSpec([1], tf.string)).convert()",
        source="https://ai.google.dev/edge/litert/models/ops_compatibility",
    ),
    Entry(
        "convert",
        "a function in the place of a concrete one",
        r"This function takes in a list of ConcreteFunction",
        "`from_concrete_functions` was given a `tf.function` as it is. It needs it traced for certain shapes.",
        "`from_concrete_functions([f.get_concrete_function(tf.TensorSpec(shape, tf.float32))], model)`",
        "tf.lite.TFLiteConverter.from_concrete_functions([tf.function(tf.nn.relu)])",
    ),
    Entry(
        "convert",
        "one function in the place of a list",
        r"'_WrapperFunction' object is not (iterable|subscriptable)",
        "`from_concrete_functions` takes a list, also for one function.",
        "`from_concrete_functions([f], model)`, with the brackets.",
        """
        model = hub.load("saved_model")
        tf.lite.TFLiteConverter.from_concrete_functions(model.signatures["serving_default"], model)
        """,
    ),
    Entry(
        "convert",
        "no such signature to convert",
        r"Invalid signature key '.*' found|Invalid signature key `?.*`? found",
        "`signature_keys` names a signature that the SavedModel does not have.",
        "Take one of those that the message lists.",
        'tf.lite.TFLiteConverter.from_saved_model("saved_model", signature_keys=["nope"]).convert()',
    ),
    Entry(
        "convert",
        "no signature to convert",
        r"Only support at least one signature key",
        "The SavedModel has no signature, so the converter does not know where to begin.",
        "Save it again with `signatures=...`; or load it and use `from_concrete_functions([f], model)`.",
        """
        tf.saved_model.save(tf.Module(), "bare_module")
        tf.lite.TFLiteConverter.from_saved_model("bare_module").convert()
        """,
    ),
    Entry(
        "convert",
        "the Keras model has no shape yet",
        r"cannot be saved because the input shapes have not been set|has no attribute '_get_save_spec'",
        "The Keras model was made without an input shape and never called, so nobody knows which shapes to convert. "
        "Keras 3.12 says `_get_save_spec` in this case, and TensorFlow 2.16 to 2.18 said so for every Keras 3 model.",
        "Start it with `keras.Input(shape)`, or call `model.build((None, ...))` first. With an older TensorFlow: "
        "`model.export(folder)`, then `from_saved_model(folder)`.",
        "tf.lite.TFLiteConverter.from_keras_model(keras.Sequential([keras.layers.Dense(2)])).convert()",
        source="https://github.com/tensorflow/tensorflow/issues/63867",
    ),
    Entry(
        "convert",
        "the variables are gone",
        r"Called a function referencing variables which have been deleted",
        "A concrete function holds its variables weakly. The layer or model that owns them was dropped before the "
        "conversion.",
        "Keep the owner, and pass it: `from_concrete_functions([f], model)`.",
        """
        import gc
        def traced():
            layer = hub.KerasLayer("saved_model", signature="serving_default", output_key="y")
            return tf.function(layer).get_concrete_function(tf.TensorSpec([1, 4]))
        f = traced()
        gc.collect()
        tf.lite.TFLiteConverter.from_concrete_functions([f]).convert()
        """,
    ),
    Entry(
        "convert",
        "a state without its owner",
        r"was passed float from \S+ incompatible with expected resource",
        "The model assigns a variable while it runs. Converted without the object that owns the variable, it "
        "became a constant, and nothing can be assigned to that.",
        "`from_concrete_functions([f], model)`, with the owner. Better, give the old state in and take the new "
        "one out.",
        """
        total = tf.Variable([0.0])
        f = tf.function(lambda x: total.assign_add(x), input_signature=[tf.TensorSpec([1])])
        tf.lite.TFLiteConverter.from_concrete_functions([f.get_concrete_function()]).convert()
        """,
    ),
    Entry(
        "convert",
        "a converter call of TensorFlow 1",
        r"type object 'TFLiteConverterV2' has no attribute '\w+'",
        "`from_session`, `from_frozen_graph` and `from_keras_model_file` belong to TensorFlow 1.",
        "Make a SavedModel and use `from_saved_model`. For an old frozen graph: "
        "`tf.compat.v1.lite.TFLiteConverter.from_frozen_graph`.",
        "tf.lite.TFLiteConverter.from_session",
    ),
    Entry(
        "convert",
        "written as text",
        r"write\(\) argument must be str, not bytes",
        "`convert()` returns bytes, and the file was opened for text.",
        '`open(file, "wb")`, or `Path(file).write_bytes(...)`.',
        """
        with open("mine.tflite", "w") as file:
            file.write(Path("model.tflite").read_bytes())
        """,
    ),
    # Quantize and prune -----------------------------------------------------------------------------------------------
    Entry(
        "quantize",
        "no representative dataset",
        r"For full integer quantization, a [`]?representative_dataset[`]? must be specified",
        "Whole-integer quantization must know which values flow through the model, and it was given no examples.",
        "`converter.representative_dataset = samples`, a function that yields some 100 real inputs, each as `[array]`.",
        """
        made = tf.lite.TFLiteConverter.from_saved_model("saved_model")
        made.optimizations = [tf.lite.Optimize.DEFAULT]
        made.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        made.convert()
        """,
    ),
    Entry(
        "quantize",
        "integer inputs without quantization",
        r"The inference_input_type and inference_output_type must be",
        "`inference_input_type` asks for integers, and the rest of the settings makes a float model.",
        "Set `optimizations = [tf.lite.Optimize.DEFAULT]` and a `representative_dataset` too.",
        """
        made = tf.lite.TFLiteConverter.from_saved_model("saved_model")
        made.inference_input_type = tf.int8
        made.convert()
        """,
    ),
    Entry(
        "quantize",
        "the dataset was called",
        r"'generator' object is not callable",
        "`representative_dataset` wants the function, which the converter calls when it needs it. It was given "
        "what the function returns.",
        "`converter.representative_dataset = samples`, without `()`.",
        """
        made = tf.lite.TFLiteConverter.from_saved_model("saved_model")
        made.optimizations = [tf.lite.Optimize.DEFAULT]
        made.representative_dataset = (x for x in [])
        made.convert()
        """,
    ),
    Entry(
        "quantize",
        "a sample that is not a list",
        r"You need to provide either a dictionary",
        "Each sample must be a list with one array for each input, or a dictionary. A bare array was yielded.",
        "`yield [x]`, not `yield x`.",
        """
        made = tf.lite.TFLiteConverter.from_saved_model("saved_model")
        made.optimizations = [tf.lite.Optimize.DEFAULT]
        made.representative_dataset = lambda: (np.zeros((1, 4), np.float32) for _ in range(3))
        made.convert()
        """,
    ),
    Entry(
        "quantize",
        "a sample without its batch",
        r"input->dims->size != 4 \(\d+ != 4\)",
        "The samples lack the batch dimension, so a convolution gets three dimensions in the place of four.",
        "`yield [picture[None]]`.",
        """
        kernel = np.ones((3, 3, 3, 1), np.float32)
        made = converter(lambda x: tf.nn.conv2d(x, kernel, 1, "SAME"), tf.TensorSpec([1, 8, 8, 3]))
        made.optimizations = [tf.lite.Optimize.DEFAULT]
        made.representative_dataset = lambda: ([np.zeros((8, 8, 3), np.float32)] for _ in range(3))
        made.convert()
        """,
    ),
    Entry(
        "quantize",
        "Optimize is not in a list",
        r"argument of type '?Optimize'? is not (iterable|a container)",
        "`converter.optimizations` is a list, also for one item.",
        "`converter.optimizations = [tf.lite.Optimize.DEFAULT]`, with the brackets.",
        """
        made = tf.lite.TFLiteConverter.from_saved_model("saved_model")
        made.optimizations = tf.lite.Optimize.DEFAULT
        made.convert()
        """,
    ),
    Entry(
        "quantize",
        "no 16x8 form of an op",
        r"Quantization to 16x8-bit not yet supported for op",
        "LiteRT has no kernel for this op with 16-bit activations and 8-bit weights.",
        "Add `tf.lite.OpsSet.TFLITE_BUILTINS` to `supported_ops`, so that this op stays float; or use int8.",
        """
        made = converter(tf.math.floor, tf.TensorSpec([1, 4]))
        made.optimizations = [tf.lite.Optimize.DEFAULT]
        made.representative_dataset = lambda: ([np.ones((1, 4), np.float32)] for _ in range(3))
        made.target_spec.supported_ops = [tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8]
        made.convert()
        """,
        source="https://ai.google.dev/edge/litert/models/post_training_integer_quant_16x8",
    ),
    Entry(
        "quantize",
        "recipe: unknown",
        r"There is no recipe '",
        "`helpers.convert` knows six recipes, and this name is none of them.",
        "Take one from the list in the message.",
        'recipes.check("int4")',
    ),
    Entry(
        "quantize",
        "recipe: no samples given",
        r"needs a representative dataset, to see which values flow",
        "The recipe calibrates, and was given no examples.",
        "Give a function that yields about 100 real inputs, each as `[array]`; for the digits, "
        "`digits.representative(shape)`.",
        'recipes.check("int8")',
    ),
    Entry(
        "quantize",
        "recipe: samples that were called",
        r"A representative dataset is a function, which the converter calls",
        "What was given is not a function: most often the function was called.",
        "Give its name, without `()`.",
        'recipes.check("int8", [np.zeros((1, 4), np.float32)])',
    ),
    Entry(
        "quantize",
        "recipe: no samples yielded",
        r"The representative dataset yields nothing",
        "The function yields no sample; the converter would make a float file without a word. Often the iterator "
        "inside was used up by an earlier call.",
        "Make the iterator inside the function, so that each call starts anew.",
        'recipes.check("int8", lambda: [])',
    ),
    Entry(
        "quantize",
        "recipe: a sample of the wrong type",
        r"Sample \d+ of the representative dataset is \w+, and the input",
        "A sample has another dtype than the model's input. NumPy makes float64 unless told otherwise.",
        "`.astype(np.float32)`, or what the message names.",
        'recipes.check("int8", lambda: [[np.zeros((1, 4))]], recipes.inputs_of("saved_model"))',
    ),
    Entry(
        "quantize",
        "recipe: a sample of the wrong shape",
        r"Sample \d+ of the representative dataset has the shape",
        "A sample's shape is not that of the model's input; the message says if only the batch dimension is missing.",
        "`sample[None]` adds the batch.",
        'recipes.check("int8", lambda: [[np.zeros(4, np.float32)]], recipes.inputs_of("saved_model"))',
    ),
    Entry(
        "quantize",
        "recipe: a sample that is not a list",
        r"Sample \d+ of the representative dataset is an? \w+\. Yield a list",
        "Each sample must be a list with one array for each input, or a dictionary.",
        "`yield [x]`, not `yield x`.",
        'recipes.check("int8", lambda: [np.zeros((1, 4), np.float32)], recipes.inputs_of("saved_model"))',
    ),
    Entry(
        "quantize",
        "recipe: a sample with wrong names",
        r"Sample \d+ of the representative dataset names the inputs",
        "The dictionary's keys are not the names of the model's inputs.",
        "Use the names that the message lists.",
        'recipes.check("int8", lambda: [{"a": 1}], recipes.inputs_of("saved_model"))',
    ),
    Entry(
        "quantize",
        "pruning a Keras 3 model",
        r"`?prune_low_magnitude`? can only prune an object of the following types",
        "The optimization toolkit knows Keras 2 only, and the model is of Keras 3.",
        "Build the model with `import tf_keras`.",
        """
        import tensorflow_model_optimization as tfmot
        tfmot.sparsity.keras.prune_low_magnitude(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]))
        """,
        source="https://github.com/tensorflow/model-optimization/issues/1141",
    ),
    Entry(
        "quantize",
        "quantization-aware training of a Keras 3 model",
        r"`to_quantize` can only either be a keras Sequential or Functional model",
        "The optimization toolkit knows Keras 2 only, and the model is of Keras 3.",
        "Build the model with `import tf_keras`.",
        """
        import tensorflow_model_optimization as tfmot
        tfmot.quantization.keras.quantize_model(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]))
        """,
        source="https://github.com/tensorflow/model-optimization/issues/1172",
    ),
    Entry(
        "quantize",
        "pruning without its callback",
        r"requires the UpdatePruningStep callback|Prune\(\) wrapper requires the UpdatePruningStep",
        "Pruning counts training steps, and the callback that counts them is missing.",
        "`model.fit(..., callbacks=[tfmot.sparsity.keras.UpdatePruningStep()])`",
        """
        import tensorflow_model_optimization as tfmot
        dense = tf_keras.Sequential([tf_keras.Input((4,)), tf_keras.layers.Dense(2)])
        pruned = tfmot.sparsity.keras.prune_low_magnitude(dense)
        pruned.compile("sgd", "mse")
        pruned.fit(np.zeros((8, 4)), np.zeros((8, 2)), verbose=0)
        """,
    ),
    # Run --------------------------------------------------------------------------------------------------------------
    Entry(
        "run",
        "set before allocate",
        r"Cannot set tensor: Tensor is unallocated",
        "The interpreter has no memory for its tensors yet, or lost it when an input was resized.",
        "`interpreter.allocate_tensors()` once after opening, and after each `resize_tensor_input`.",
        'Interpreter(model_path="model.tflite").set_tensor(0, np.zeros((1, 4), np.float32))',
    ),
    Entry(
        "run",
        "invoke before allocate",
        r"Invoke called on model that is not ready",
        "The interpreter has no memory for its tensors yet.",
        "`interpreter.allocate_tensors()` first.",
        'Interpreter(model_path="model.tflite").invoke()',
    ),
    Entry(
        "run",
        "get before allocate",
        r"Tensor data is null\. Run allocate_tensors\(\) first",
        "The interpreter has no memory for its tensors yet.",
        "`allocate_tensors()`, then set the inputs, then `invoke()`, then get.",
        """
        interpreter = Interpreter(model_path="model.tflite")
        interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        """,
    ),
    Entry(
        "run",
        "wrong dtype",
        r"Got value of type \w+ but expected type \w+ for input",
        "The array has another dtype than the input. Python lists and NumPy's own results are float64; pictures "
        "are uint8. In a conversion it is the representative dataset that is meant.",
        '`x.astype(detail["dtype"])`, with `detail = interpreter.get_input_details()[0]`. Whether a uint8 picture '
        "is to be scaled first, the model's page says.",
        """
        interpreter = Interpreter(model_path="model.tflite")
        interpreter.allocate_tensors()
        interpreter.set_tensor(0, np.zeros((1, 4)))
        """,
    ),
    Entry(
        "run",
        "wrong shape",
        r"Cannot set tensor: Dimension mismatch",
        "The array has another shape than the input: most often the batch dimension is missing, or there is more "
        "than one example.",
        "`x[None]`; one example at a time; or `resize_tensor_input(index, x.shape)` and `allocate_tensors()` again.",
        """
        interpreter = Interpreter(model_path="model.tflite")
        interpreter.allocate_tensors()
        interpreter.set_tensor(0, np.zeros(4, np.float32))
        """,
    ),
    Entry(
        "run",
        "no such tensor",
        r"Invalid tensor index|Tensor with index \d+ does not exist|tensor index .* out of range",
        "The number is not that of a tensor in this file. An input's place in the list is not its index.",
        '`interpreter.get_input_details()[0]["index"]`',
        """
        interpreter = Interpreter(model_path="model.tflite")
        interpreter.allocate_tensors()
        interpreter.set_tensor(99, np.zeros((1, 4), np.float32))
        """,
    ),
    Entry(
        "run",
        "a view is still held",
        r"There is at least 1 reference to internal data",
        "A NumPy view of the interpreter's memory, from `interpreter.tensor(i)()`, is still alive; a signature "
        "runner holds one too.",
        "Copy what you keep, `.copy()`, or use `get_tensor`; `del runner`, or a second Interpreter for it.",
        """
        interpreter = Interpreter(model_path="model.tflite")
        interpreter.allocate_tensors()
        view = interpreter.tensor(0)()
        interpreter.invoke()
        """,
    ),
    Entry(
        "run",
        "runner: a wrong name",
        r"Invalid Input name \(.*\) for SignatureDef",
        "The signature has no input of this name.",
        "`runner.get_input_details()` lists the names.",
        'Interpreter(model_path="model.tflite").get_signature_runner()(picture=np.zeros((1, 4), np.float32))',
    ),
    Entry(
        "run",
        "runner: too few or too many inputs",
        r"Invalid number of inputs provided for running a SignatureDef",
        "A signature runner takes every input, by its name.",
        "`runner(**{name: x})`; `runner.get_input_details()` lists the names.",
        'Interpreter(model_path="model.tflite").get_signature_runner()()',
    ),
    Entry(
        "run",
        "runner: without a name",
        r"SignatureRunner\.__call__\(\) takes 1 positional argument",
        "A signature runner takes its inputs by name only.",
        "`runner(x=array)`, with the name from `runner.get_input_details()`.",
        'Interpreter(model_path="model.tflite").get_signature_runner()(np.zeros((1, 4), np.float32))',
    ),
    Entry(
        "run",
        "resize of a fixed dimension",
        r"ResizeInputTensorStrict only allows mutating unknown dimensions",
        "`strict=True` allows a new size only where the model left it open, -1 in `shape_signature`.",
        "Give the size that the model has; or convert again with `None` in that place.",
        """
        interpreter = Interpreter(model_path="model.tflite")
        interpreter.resize_tensor_input(0, (1, 5), strict=True)
        """,
    ),
    Entry(
        "run",
        "a sparse and quantized convolution",
        r"failed to delegate CONV_2D node",
        "Weights that are sparse and rounded at once, `[Optimize.DEFAULT, Optimize.EXPERIMENTAL_SPARSITY]`: the "
        "converter writes such a file, and the runtime has no kernel for it.",
        "Use one of the two. To make a pruned model small, compress the file.",
        """
        kernel = np.random.default_rng(0).normal(size=(1, 1, 64, 64)) * (np.arange(64) % 8 == 0)
        made = converter(lambda x: tf.nn.conv2d(x, kernel.astype(np.float32), 1, "SAME"), tf.TensorSpec([1, 8, 8, 64]))
        made.optimizations = [tf.lite.Optimize.DEFAULT, tf.lite.Optimize.EXPERIMENTAL_SPARSITY]
        Interpreter(model_content=made.convert()).allocate_tensors()
        """,
    ),
    Entry(
        "run",
        "a size that the model cannot take",
        r"failed to prepare|Node number \d+ \(\w+\) failed to",
        "An op in the file refuses the shapes that reach it: after a `resize_tensor_input`, the sizes inside no "
        "longer fit each other.",
        "Resize only dimensions that are -1 in `shape_signature`. The op and its number stand in the message.",
        """
        interpreter = Interpreter(model_path="model.tflite")
        interpreter.resize_tensor_input(0, (1, 5))
        interpreter.allocate_tensors()
        """,
    ),
    Entry(
        "run",
        "CompiledModel: too many values",
        r"source buffer is larger than the tensor buffer",
        "More values were written than the input has room for.",
        "Write one example at a time, or `resize_input_tensor` first.",
        """
        from ai_edge_litert.compiled_model import CompiledModel
        model = CompiledModel.from_buffer(Path("model.tflite").read_bytes())
        model.create_input_buffers(0)[0].write(np.zeros((100, 4), np.float32))
        """,
    ),
    Entry(
        "run",
        "CompiledModel: a type that it lacks",
        r"Unsupported dtype: float64",
        "A CompiledModel's buffers take float32, integers and booleans, not float64.",
        "`x.astype(np.float32)`",
        """
        from ai_edge_litert.compiled_model import CompiledModel
        model = CompiledModel.from_buffer(Path("model.tflite").read_bytes())
        model.create_input_buffers(0)[0].write(np.zeros((1, 4)))
        """,
    ),
    Entry(
        "run",
        "integers without a scale",
        r"holds u?int\d+ without a scale: its integers are not quantized values",
        "`interpreter.quantize` was asked for a tensor whose integers are plain numbers, such as ids or counts.",
        "Give the model integers.",
        'interpreter.quantize(np.zeros(4), {"name": "ids", "dtype": np.int32, "quantization": (0.0, 0)})',
    ),
    Entry(
        "run",
        "ledger: a score differs",
        r"a score differs by \S+; at most",
        "Two forms of the model do not give the same scores within the tolerance. Either one of them is fed "
        "differently, or rounding costs more than was allowed.",
        "First look for a difference in the input: scaling, dtype, order. Only then widen the tolerance.",
        """
        ledger = parity.Ledger()
        ledger.add("float", 1, [[1.0, 2.0]])
        ledger.add("planted", 1, [[1.0, 2.5]], tolerance=0.1)
        """,
    ),
    Entry(
        "run",
        "ledger: other answers",
        r"\d+ of \d+ answers are the same; at least",
        "The scores are within the tolerance, and yet for some inputs another class has the highest one.",
        "Look at those inputs: where two classes are close, rounding decides. Otherwise compare the inputs.",
        """
        ledger = parity.Ledger()
        ledger.add("float", 1, [[1.0, 1.1]])
        ledger.add("planted", 1, [[1.1, 1.0]], tolerance=1)
        """,
    ),
    Entry(
        "run",
        "ledger: scores that are no numbers",
        r"\d+ of \d+ scores are not numbers",
        "The model answers NaN or infinity: weights that broke in training, or an input far outside its range.",
        "Check the input's range, then the weights: `np.isfinite(w).all()`.",
        """
        ledger = parity.Ledger()
        ledger.add("planted", 1, [[1.0, np.nan]])
        """,
    ),
    Entry(
        "run",
        "ledger: another shape",
        r"scores of shape .*, but the reference has",
        "Another number of inputs or classes went through this form of the model.",
        "Give both forms the same inputs, all of them, and compare the same output.",
        """
        ledger = parity.Ledger()
        ledger.add("float", 1, [[1.0, 2.0]])
        ledger.add("planted", 1, [[1.0, 2.0, 3.0]])
        """,
    ),
    Entry(
        "run",
        "SAMPLES",
        r"SAMPLES must be a whole number",
        "The parameter SAMPLES says how many test pictures a lesson takes, and there are 450.",
        "A whole number from 10 to 450.",
        "digits.samples((None, 48, 48, 3), 10, 1000)",
    ),
    # Notices and warnings come last: in a log they stand before the error that matters.
    Entry(
        "convert",
        "trackable_obj is missing",
        r"Please consider providing the trackable_obj argument",
        "A warning. `from_concrete_functions` got the function without the object that owns its variables, and "
        "takes an old road: the file has no signature, and names are lost.",
        "`from_concrete_functions([f], model)`, with the owner.",
        """
        f = tf.function(tf.nn.relu).get_concrete_function(tf.TensorSpec([4]))
        tf.lite.TFLiteConverter.from_concrete_functions([f]).convert()
        """,
    ),
    Entry(
        "run",
        "tf.lite.Interpreter is old",
        r"tf\.lite\.Interpreter is deprecated and is scheduled for deletion",
        "A warning. The interpreter has moved to a package of its own, LiteRT.",
        "`pip install ai-edge-litert`, and `from ai_edge_litert.interpreter import Interpreter`: the same methods.",
        'tf.lite.Interpreter(model_path="model.tflite")',
        source="https://ai.google.dev/edge/litert/migration",
    ),
    Entry(
        "run",
        "the XNNPACK notice",
        r"Created TensorFlow Lite XNNPACK delegate for CPU",
        "No error: LiteRT says that it uses its fast routines for the processor.",
        "Nothing to do.",
        """
        python("from ai_edge_litert.interpreter import Interpreter; Interpreter('model.tflite').allocate_tensors()")
        """,
    ),
    # No error at all --------------------------------------------------------------------------------------------------
    Entry(
        "silent",
        "get before invoke",
        "",
        "`get_tensor` reads whatever is in the output's memory: zeros, garbage, or the answer to an earlier question.",
        "`set_tensor`, then `invoke()`, then `get_tensor`, for each input. `helpers.interpreter.predict` does it.",
        """
        interpreter = Interpreter(model_path="model.tflite")
        interpreter.allocate_tensors()
        source, target = (d[0]["index"] for d in (interpreter.get_input_details(), interpreter.get_output_details()))
        interpreter.set_tensor(source, np.ones((1, 4), np.float32))
        before = interpreter.get_tensor(target)
        interpreter.invoke()
        assert not np.allclose(before, interpreter.get_tensor(target))
        """,
        symptom="The output is zeros, garbage, or the same as for the last input",
    ),
    Entry(
        "silent",
        "calibration without optimizations",
        "",
        "A `representative_dataset` alone changes nothing: without `optimizations` the converter does not quantize.",
        '`converter.optimizations = [tf.lite.Optimize.DEFAULT]` too. `helpers.artefacts.tflite(folder, "int8", '
        "samples)` sets both.",
        """
        w = np.ones((64, 64), np.float32)
        plain = converter(lambda x: x @ w, tf.TensorSpec([1, 64])).convert()
        samples = lambda: ([np.ones((1, 64), np.float32)] for _ in range(3))
        asked = converter(lambda x: x @ w, tf.TensorSpec([1, 64]), representative_dataset=samples).convert()
        assert len(asked) == len(plain) > w.nbytes
        """,
        symptom="The quantized file is as large as the float file (`optimizations` not set)",
    ),
    Entry(
        "silent",
        "calibration with nothing",
        "",
        "The representative dataset yields no sample, often because the iterator in it was used up before.",
        "Count the samples first, `sum(1 for _ in samples())`. `helpers.convert.check` does.",
        """
        w = np.ones((64, 64), np.float32)
        made = converter(lambda x: x @ w, tf.TensorSpec([1, 64]), representative_dataset=lambda: iter([]))
        made.optimizations = [tf.lite.Optimize.DEFAULT]
        assert len(made.convert()) > w.nbytes
        """,
        symptom="The quantized file is as large as the float file (the dataset yields nothing)",
    ),
    Entry(
        "silent",
        "a setting with a typing error",
        "",
        "The converter takes any attribute, also one that it never reads, such as `optimisations`, or "
        "`post_training_quantize` of TensorFlow 1.",
        "`converter.optimizations`, with a z. Check the file: its size, or the dtypes of its tensors.",
        """
        w = np.ones((64, 64), np.float32)
        sizes = [
            len(converter(lambda x: x @ w, tf.TensorSpec([1, 64]), **{name: [tf.lite.Optimize.DEFAULT]}).convert())
            for name in ("optimizations", "optimisations", "post_training_quantize")
        ]
        assert sizes[0] < w.nbytes < sizes[1] == sizes[2]
        """,
        symptom="A converter setting has no effect",
    ),
    Entry(
        "silent",
        "integers by a cast",
        "",
        "An int8 model was given real values cast to int8. The integers that it wants are `round(x / scale) + "
        "zero_point`, and its outputs are such integers too.",
        "`helpers.interpreter.quantize` and `dequantize`, or keep float inputs: the recipe `int8, float io`.",
        """
        w = np.eye(4, dtype=np.float32)
        made = converter(lambda x: x @ w, tf.TensorSpec([1, 4]), optimizations=[tf.lite.Optimize.DEFAULT])
        made.representative_dataset = lambda: ([np.random.rand(1, 4).astype(np.float32)] for _ in range(100))
        made.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        made.inference_input_type = made.inference_output_type = tf.int8
        model = interpreter.load(made.convert())
        real = np.array([[0.1, 0.3, 0.6, 0.9]], np.float32)
        assert np.allclose(interpreter.predict(model, real), real, atol=0.02)
        assert (interpreter.predict(model, real.astype(np.int8)) == 0).all()
        """,
        source="https://github.com/tensorflow/tensorflow/issues/53278",
        symptom="An int8 model answers the same for every input, or nearly at random",
    ),
    Entry(
        "silent",
        "a runner takes any shape",
        "",
        "A signature runner resizes the input to whatever it is given. Where the ops can compute with it, they do.",
        'Compare shapes first: `runner.get_input_details()[name]["shape_signature"]`.',
        """
        runner = Interpreter(model_path="model.tflite").get_signature_runner()
        assert runner(x=np.zeros((2, 3, 4), np.float32))["y"].shape[0] == 6
        """,
        symptom="The output has another number of rows than the input",
    ),
    Entry(
        "silent",
        "a view that changes",
        "",
        "`interpreter.tensor(i)()` is a window on the interpreter's memory, and shows whatever stands there later.",
        "`interpreter.get_tensor(i)`, which copies; or `.copy()`.",
        """
        interpreter = Interpreter(model_path="model.tflite")
        interpreter.allocate_tensors()
        kept = []
        for value in (1, 2):
            interpreter.set_tensor(0, np.full((1, 4), value, np.float32))
            kept.append(interpreter.tensor(0)())
        assert (kept[0] == 2).all()
        """,
        symptom="Results that were kept are all alike: the last one",
    ),
    Entry(
        "silent",
        "CompiledModel takes anything",
        "",
        "`TensorBuffer.write` copies bytes. It compares neither the dtype nor, if there are too few, the number.",
        "Compare with the signature's details before writing, or use `Interpreter`, which checks.",
        """
        from ai_edge_litert.compiled_model import CompiledModel
        model = CompiledModel.from_buffer(Path("model.tflite").read_bytes())
        model.create_input_buffers(0)[0].write(np.ones(4, np.int8))
        model.create_input_buffers(0)[0].write(np.ones(1, np.float32))
        """,
        symptom="CompiledModel gives wrong numbers",
    ),
    Entry(
        "silent",
        "a damaged weight",
        "",
        "A .tflite has no checksum. A bit that flips among the weights changes the model and nothing else.",
        "Publish the file's sha256, and compare it after each download.",
        """
        whole = bytearray(Path("model.tflite").read_bytes())
        at = whole.index(np.float32(-1).tobytes())
        whole[at + 3] ^= 0x80
        right, wrong = interpreter.load("model.tflite"), interpreter.load(bytes(whole))
        one = np.ones((1, 4), np.float32)
        assert not np.allclose(interpreter.predict(right, one), interpreter.predict(wrong, one))
        """,
        symptom="The same file answers differently on another machine",
    ),
    Entry(
        "silent",
        "a dead lock",
        "",
        "A download that was killed has left its `.lock` file in tensorflow_hub's cache. The next load waits for "
        "it, without a word, for ten minutes.",
        "Delete `<cache>/<sha1>.lock`; the cache is TFHUB_CACHE_DIR, or `tfhub_modules` in the temporary folder. "
        "`handles.fetch(handle)` does it where the process that left it is dead.",
        """
        import hashlib
        from unittest import mock
        handle = served(packed("saved_model"))
        cache = Path(os.environ["TFHUB_CACHE_DIR"])
        cache.mkdir(exist_ok=True)
        Path(cache, hashlib.sha1(handle.encode()).hexdigest() + ".lock").write_text("here.0.dead")
        with mock.patch("time.sleep", side_effect=TimeoutError("it would wait")):
            try:
                hub.load(handle)
            except TimeoutError as error:
                print(error)
        """,
        symptom="hub.load waits for ever",
    ),
    Entry(
        "silent",
        "the wrong range",
        "",
        "The picture's values are not those that the model was trained on: 0 to 255, -1 to 1 and 0 to 1 all have "
        "the right shape and dtype. A confident answer proves nothing.",
        "Look the range up on the model's page, and test with labelled examples.",
        """
        images, labels = digits.samples((None, 48, 48, 3), 10, 100)
        model = interpreter.load(Path(tinyhub.EMBEDDED, handles.DEFAULT + ".tflite").read_bytes())
        right, wrong = ((interpreter.predict(model, x).argmax(1) == labels).mean() for x in (images, images * 255))
        assert wrong < 0.5 < 0.95 < right
        """,
        source="https://www.tensorflow.org/hub/common_signatures/images",
        symptom="Wrong answers, and the model is sure of them",
    ),
    Entry(
        "silent",
        "pruned and no smaller",
        "",
        "Pruning makes weights zero, and a zero takes as much room as any number.",
        "Compress the file (gzip, zip), or use `tf.lite.Optimize.EXPERIMENTAL_SPARSITY`.",
        """
        import gzip
        w = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)
        half = w * np.tile(np.float32([0, 1]), 32)

        def file_with(weights):
            return converter(lambda x: x @ weights, tf.TensorSpec([1, 64])).convert()

        dense, pruned = file_with(w), file_with(half)
        assert len(pruned) == len(dense) and len(gzip.compress(pruned)) < 0.7 * len(gzip.compress(dense))
        """,
        source="https://ai.google.dev/edge/litert/models/model_optimization",
        symptom="The pruned file is as large as before",
    ),
    Entry(
        "silent",
        "a Lambda hides the weights",
        "",
        "In a Keras 3 `Lambda` layer Keras sees a function, not the hub layer's weights: they are neither trained "
        "nor saved.",
        "`keras.layers.TFSMLayer`, or stay with `tf_keras` and `hub.KerasLayer(handle, trainable=True)`.",
        """
        layer = hub.KerasLayer("saved_model", signature="serving_default", output_key="y")
        assert keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: layer(x))]).weights == []
        """,
        symptom="fit changes nothing in the hub layer",
    ),
)

# Met by others, and not reproducible here: message -> (why not, where it is reported).
NOT_HERE = {
    "A module that was compiled using NumPy 1.x cannot be run in NumPy 2": (
        "needs a package built for NumPy 1, such as tflite-runtime 2.14; ai-edge-litert takes its place",
        "https://github.com/TexasInstruments/edgeai-tidl-tools/issues/84",
    ),
    "No module named 'ai_edge_litert.aot'": (
        "a mix of old and new parts of ai-edge-litert; 2.x has the module. Update the package",
        "https://github.com/google-ai-edge/litert-torch/issues/847",
    ),
    "Quantization not yet supported for op: 'DEQUANTIZE'": (
        "TensorFlow 2.3 and 2.4, with quantization-aware training",
        "https://github.com/tensorflow/tensorflow/issues/42082",
    ),
    "Attempting to use a delegate that only supports static-sized tensors": (
        "a notice that LiteRT 2.3 no longer gives for the models that were tried",
        "https://github.com/tensorflow/tensorflow/issues/63142",
    ),
    "Memory that grows with each convert()": (
        "a leak of TensorFlow 2.20 and 2.21, small for small models. Convert in a process of its own",
        "https://github.com/tensorflow/tensorflow/issues/122598",
    ),
}
