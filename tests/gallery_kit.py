"""The names that the code of the gallery's entries may use: tools/gallery.py runs it in a sandbox.

It works in a folder with a SavedModel and two files: see `fill`.
"""
# ruff: noqa: F401

import contextlib
import io
import os
import shutil
import ssl
import subprocess
import sys
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest import mock

import keras
import numpy as np
import tensorflow as tf
import tensorflow_hub as hub
import tf_keras
import tornado.test
from ai_edge_litert.interpreter import Interpreter

from helpers import digits, handles, interpreter, tinyhub
from hub_to_tflite.file import flatbuffer


def fill():
    """Make saved_model (y = x w: four numbers in, two out), model.tflite and page.tflite here."""
    line = tf.Module()
    line.w = tf.Variable(np.linspace(-1, 1, 8, dtype=np.float32).reshape(4, 2))

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, "x")])
    def serve(x):
        return {"y": x @ line.w}

    line.serve = serve
    tf.saved_model.save(line, "saved_model", {"serving_default": serve})
    content = tf.lite.TFLiteConverter.from_saved_model("saved_model").convert()
    Path("model.tflite").write_bytes(content)
    Path("page.tflite").write_text("<!DOCTYPE html><title>Log in</title>")


def converter(function, *specs, **settings):
    """Return a converter for a Python function traced for `specs`, with these attributes set."""
    traced = tf.function(function, input_signature=specs, autograph=False).get_concrete_function()
    made = tf.lite.TFLiteConverter.from_concrete_functions([traced], tf.Module())
    for name, value in settings.items():
        setattr(made, name, value)
    return made


def check_same(function, same, x, tolerance=1e-5):
    """Assert that the file made of `same` gives for `x` what TensorFlow gives for `function`."""
    x = np.asarray(x, np.float32)
    model = Interpreter(model_content=converter(same, tf.TensorSpec(x.shape)).convert())
    model.allocate_tensors()
    model.set_tensor(model.get_input_details()[0]["index"], x)
    model.invoke()
    found = model.get_tensor(model.get_output_details()[0]["index"])
    np.testing.assert_allclose(found, function(tf.constant(x)), tolerance, tolerance)


def edited(change, file="model.tflite"):
    """Return a .tflite file's bytes after `change` was made to its contents, a ModelT."""
    model = flatbuffer.unpack(Path(file).read_bytes())
    change(model)
    return flatbuffer.pack(model)


def archive(*members):
    """Return a tar.gz, as bytes, with small files of these names in it; "a->b" is a link."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for member in members:
            info = tarfile.TarInfo()
            info.name, _, info.linkname = member.partition("->")
            info.type, info.size = (tarfile.SYMTYPE, 0) if info.linkname else (tarfile.REGTYPE, 1)
            tar.addfile(info, io.BytesIO(b"x"))
    return buffer.getvalue()


def packed(folder):
    """Return what `tar -cz` makes of a folder, as bytes."""
    return subprocess.check_output(["tar", "-cz", "-C", folder, "."])


def served(body=b"", status=200, context=None):
    """Return a new handle, on this machine, that answers so; an https one with an SSLContext."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http{'s' if context else ''}://127.0.0.1:{server.server_port}/someone/model/1"


def served_securely():
    """Return a handle with https and a certificate that nobody knows: that of tornado's tests."""
    folder = Path(tornado.test.__file__).parent
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "test.crt", folder / "test.key")
    return served(context=context)


@contextlib.contextmanager
def without(package, fresh=""):
    """As if `package` were not installed, and `fresh` not yet imported."""

    class Missing:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == package:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    gone = (package, fresh)
    kept = {name: one for name, one in sys.modules.items() if name.partition(".")[0] not in gone}
    with (
        mock.patch.dict(sys.modules, kept, clear=True),
        mock.patch.object(sys, "meta_path", [Missing(), *sys.meta_path]),
    ):
        yield


def pip(*arguments):
    """Run pip, which needs no network for what it's asked here."""
    command = [sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check"]
    subprocess.run([*command, *arguments])


def python(code):
    """Run `code` in another Python; print what it says on standard error, and its exit status."""
    # Limited, since what lies behind a cut file may read as a wish for all the memory there is.
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30,) * 2)\n"
    code = limit + code if sys.platform == "linux" else code
    command = [sys.executable, "-W", "ignore", "-X", "faulthandler", "-c", code]
    done = subprocess.run(command, stdout=subprocess.DEVNULL)
    print(f"\nexit status: {done.returncode}")
