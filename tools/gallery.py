"""Cause every error in `hub_to_tflite/errors/entries.py`, and write down what was said: `make errors`.

    hub_to_tflite/errors/seen.json   each message as it was seen, without what differs between machines
    docs/errors.md             the gallery, generated from the entries, the messages seen, and the stored notebooks

`tests/test_errors.py` causes them all again.
"""

import contextlib
import importlib.abc
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from hub_to_tflite.errors import entries, explain

ROOT = Path(__file__).resolve().parents[1]
GALLERY, SEEN = ROOT / "docs/errors.md", ROOT / "hub_to_tflite" / "errors" / "seen.json"


# What the entries' code may use ---------------------------------------------------------------------------------------


def kit():
    """Return the names that the entries' code may use; make the files that it may open, in the current folder."""
    import keras
    import numpy as np
    import tensorflow as tf
    import tensorflow_hub as hub
    import tf_keras
    from ai_edge_litert.interpreter import Interpreter

    import helpers.artefacts
    import helpers.convert
    from helpers.course import show_error
    import helpers.digits
    import helpers.handles
    import helpers.interpreter
    import helpers.parity

    class Line(tf.Module):
        """y = x w: four numbers in, two out."""

        def __init__(self):
            self.w = tf.Variable(np.linspace(-1, 1, 8, dtype=np.float32).reshape(4, 2))

        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, "x")])
        def serve(self, x):
            return {"y": x @ self.w}

    line = Line()
    tf.saved_model.save(line, "saved_model", {"serving_default": line.serve})
    Path("model.tflite").write_bytes(
        tf.lite.TFLiteConverter.from_saved_model("saved_model").convert()
    )
    Path("page.tflite").write_text("<!DOCTYPE html><title>Log in</title>")
    names = {
        "tf": tf,
        "np": np,
        "hub": hub,
        "keras": keras,
        "tf_keras": tf_keras,
        "Interpreter": Interpreter,
    }
    names |= {"os": os, "shutil": shutil, "Path": Path, **{tool.__name__: tool for tool in TOOLS}}
    return {**vars(helpers), "show_error": show_error, **names}


def converter(function, *specs, **settings):
    """Return a converter for a Python function traced for `specs`, with `settings` as its attributes."""
    import tensorflow as tf

    traced = tf.function(function, input_signature=specs, autograph=False).get_concrete_function()
    made = tf.lite.TFLiteConverter.from_concrete_functions([traced], tf.Module())
    for name, value in settings.items():
        setattr(made, name, value)
    return made


def edited(change, file="model.tflite"):
    """Return a .tflite file's bytes after `change` was made to its contents, the schema's ModelT."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(Path(file).read_bytes())
    change(model)
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def archive(*members):
    """Return a tar.gz, as bytes, with small files of these names in it; "a->b" is a link."""
    import io
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for member in members:
            name, _, target = member.partition("->")
            info = tarfile.TarInfo(name)
            if target:
                info.type, info.linkname = tarfile.SYMTYPE, target
            info.size = 0 if target else 1
            tar.addfile(info, io.BytesIO(b"x"))
    return buffer.getvalue()


def packed(folder, *options):
    """Return what `tar -cz` makes of a folder, as bytes."""
    return subprocess.run(
        ["tar", "-cz", *options, "-C", folder, "."], check=True, capture_output=True
    ).stdout


def served(body=b"", status=200, **headers):
    """Return a new handle, on this machine, that answers so."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            for name, value in {"Content_Length": len(body), **headers}.items():
                self.send_header(name.replace("_", "-"), str(value))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/someone/model/1"


def served_securely():
    """Return a handle on this machine, with https and a certificate that nobody knows: tornado's, for its tests."""
    import ssl

    import tornado.test

    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.handle_error = lambda *_: None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    folder = Path(tornado.test.__file__).parent
    context.load_cert_chain(folder / "test.crt", folder / "test.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"https://127.0.0.1:{server.server_port}/someone/model/1"


@contextlib.contextmanager
def without(package, fresh=""):
    """As if `package` were not installed, and `fresh` not yet imported."""

    class Missing(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] == package:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    before = dict(sys.modules)
    for name in before:
        if name.partition(".")[0] in (package, fresh):
            del sys.modules[name]
    sys.meta_path.insert(0, Missing())
    try:
        yield
    finally:
        del sys.meta_path[0]
        for name in set(sys.modules) - set(before):
            if name.partition(".")[0] in (package, fresh):
                del sys.modules[name]
        sys.modules.update(before)


def pip(*arguments):
    """Run pip without a network and print what it says."""
    command = [sys.executable, "-m", "pip", "--no-input", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(done.stdout)


def python(code, *options):
    """Run `code` in a Python of its own; print what it says on standard error, and its exit status."""
    # Limited, since what lies behind a cut file may read as a wish for all the memory there is.
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30,) * 2)\n"
    code = limit + code if sys.platform == "linux" else code
    command = [sys.executable, "-W", "ignore", "-X", "faulthandler", *options, "-c", code]
    done = subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace"
    )
    print(f"{done.stderr[-20_000:]}\nexit status: {done.returncode}")


TOOLS = [converter, edited, archive, packed, served, served_securely, without, pip, python]


# Causing them ---------------------------------------------------------------------------------------------------------


def cause(names):
    """Return {name: what was said} for the entries of these names, caused in one process, in a folder of its own.

    What was said is everything that was printed, also from C++, and the traceback.
    """
    with tempfile.TemporaryDirectory(prefix="errors-") as folder:
        environment = {
            **os.environ,
            "TFHUB_CACHE_DIR": os.path.join(folder, "hub"),
            "CUDA_VISIBLE_DEVICES": "",
        }
        command = [sys.executable, "-m", "tools.gallery", "--cause", folder, *names]
        Path(folder, "said").touch()
        with open(Path(folder, "log"), "w+") as log:
            status = subprocess.run(
                command, cwd=ROOT, env=environment, stdout=log, stderr=log, timeout=400
            ).returncode
            log.seek(0)
            said = dict(
                map(json.loads, Path(folder, "said").read_text(encoding="utf-8").splitlines())
            )
            left = [name for name in names if name not in said]
            assert not left, (
                f"Ended with status {status} before {left[0]!r} was done:\n{log.read()[-3000:]}"
            )
        return said


def _cause_here(folder, names):
    """The child's side of `cause`."""
    os.makedirs(os.path.join(folder, "work"))
    os.chdir(os.path.join(folder, "work"))
    wanted = [entry for entry in entries.ENTRIES if entry.name in names]
    given = kit()
    with open(os.path.join(folder, "said"), "w", encoding="utf-8") as file:
        for entry in wanted:
            print(json.dumps([entry.name, _said(entry.code, given)]), file=file, flush=True)


def _said(code, given):
    """Return what `code` prints, on file descriptors 1 and 2, and the traceback it ends in."""
    trace = ""
    sys.stdout.flush(), sys.stderr.flush()
    keep = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile("w+", errors="replace") as file:
        os.dup2(file.fileno(), 1), os.dup2(file.fileno(), 2)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("always")
                exec(compile(code, "<cell>", "exec"), dict(given))
        except (Exception, SystemExit) as error:
            trace = "".join(traceback.format_exception(error))
            traceback.clear_frames(error.__traceback__)
        finally:
            sys.stdout.flush(), sys.stderr.flush()
            os.dup2(keep[0], 1), os.dup2(keep[1], 2)
            os.close(keep[0]), os.close(keep[1])
        file.seek(0)
        return file.read() + trace


# Writing them down ----------------------------------------------------------------------------------------------------

INTRODUCTION = """# Errors, and the way out

Every error below was caused by running the code beside it, on the versions of this course, and `make test` causes them
all again. Search this page for the words of your message; or let it search itself:

    python -m hub_to_tflite.errors.explain "paste the message"
    python my_program.py 2>&1 | python -m hub_to_tflite.errors.explain

Messages are shown without what differs between machines, and long ones are cut. "How to see it" uses a few names:
`saved_model` is a SavedModel that multiplies four numbers `x` by a matrix, `model.tflite` the same converted,
`page.tflite` a web page under a wrong name; `converter(f, spec)` makes a converter for a Python function, `edited`
changes a .tflite, `served` answers at a new handle, `without` hides a package, `python` runs code in a process of its
own ([tools/gallery.py](tools/gallery.py)). The page is written by `make errors`; the entries are in
[hub_to_tflite/errors/entries.py](hub_to_tflite/errors/entries.py).
"""


# What stands behind a message in what was said, and is not part of it.
BEHIND = re.compile(
    r" exit status: | Traceback \(most recent| [IWEF]\d{4} \d\d:| Current thread 0x"
)
DIFFERS = {  # between machines, or from run to run
    r"\b(\w+\.)+(?=\w+(Error|Warning)\b)": "",
    r"(?<![\w/])/\S*/errors-\w+/(work/)?": "",
    r"(?<![\w/:.])/\S+/(?=[\w.-]+)": "<folder>/",
    r"127\.0\.0\.1:\d{4,}": "127.0.0.1:<port>",
    r"\[\d{4,}\]": "[<port>]",
    r"running on \S+\.": "running on <host>.",
    r"Mmap of '\d+'": "Mmap of 'N'",
    r"\b[0-9a-f]{32,40}\b": "<digits>",
    r" at 0x[0-9a-f]+": "",
    r"(?<=[a-z])_\d+\b": "",
}


def excerpt(entry, said):
    """Return the part of what was said that tells, without what differs: some 300 characters."""
    parts = explain.CHAINED.split(explain.COLOUR.sub("", said))
    texts = [explain.plain(explain.messages(part)) for part in parts]
    text = next(text for text in reversed(texts) if re.search(entry.pattern, text))
    found = re.search(entry.pattern, text)
    kinds = [
        kind.start()
        for kind in re.finditer(r"\b[\w.]*(Error|ERROR|error|Exit|Warning): ", text[: found.end()])
    ]
    start = kinds[-1] if kinds and found.start() - kinds[-1] < 150 else found.start()
    part = BEHIND.split(text[start:])[0]
    if len(part) > 300:
        part = part[:300].rpartition(" ")[0] + " ..."
    for pattern, name in DIFFERS.items():
        part = re.sub(pattern, name, part)
    return part


def page(seen):
    """Return docs/errors.md, as text. `seen` is {entry's name: message}."""
    parts = [INTRODUCTION, "| | errors |\n|---|---|"]
    for stage, title in entries.STAGES.items():
        count = sum(entry.stage == stage for entry in entries.ENTRIES)
        parts[-1] += (
            f"\n| [{title}](#{title.lower().replace(' ', '-').replace(',', '').replace('.', '')}) | {count} |"
        )
    for stage, title in entries.STAGES.items():
        parts.append(f"## {title}")
        parts += [
            _section(entry, seen[entry.name]) for entry in entries.ENTRIES if entry.stage == stage
        ]
    parts.append("## Not reproducible on the versions of this course")
    parts.append(
        "\n".join(
            f"- `{words}`: {why}. [Reported]({url})"
            for words, (why, url) in entries.NOT_HERE.items()
        )
    )
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _section(entry, message):
    """Return one entry of the page."""
    title = entry.symptom or entry.name
    lines = [
        f"### {title[0].upper() + title[1:] if title.split()[0].strip(':').isalpha() else title}"
    ]
    if entry.pattern:
        lines.append(f"```text\n{message}\n```")
    lines += [f"**Cause.** {entry.cause}", f"**Fix.** {entry.fix}"]
    places = [
        f"[{name.partition('.')[0]}](notebooks/{name}), *{section}*"
        for name, section in explain.shown_in(entry)
    ]
    places.append(f"[the tests]({explain.TESTS}), which run the code below")
    lines.append(
        f"**Shown in** {'; '.join(places)}. " + (f"[More]({entry.source})." if entry.source else "")
    )
    lines.append(
        f"<details><summary>How to see it</summary>\n\n```python\n{entry.code}\n```\n</details>"
    )
    return "\n\n".join(line.strip() for line in lines)


def main():
    """Cause all errors, and write what was seen and the page."""
    said = cause([entry.name for entry in entries.ENTRIES])
    seen = {
        entry.name: excerpt(entry, said[entry.name]) if entry.pattern else ""
        for entry in entries.ENTRIES
    }
    SEEN.write_text(json.dumps(seen, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    GALLERY.write_text(page(seen), encoding="utf-8")
    print(f"{len(seen)} errors in {GALLERY.name}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--cause"]:
        _cause_here(sys.argv[2], sys.argv[3:])
    else:
        main()
