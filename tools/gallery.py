"""Cause the errors of the gallery, and write down what was said: `make errors`.

    hub_to_tflite/errors/errors.yaml   the entries; `seen` and `shown` in them are written here
    docs/errors.md                     the gallery as a page, generated from the entries

`python -m tools.gallery --shown` causes none, and looks only where the lessons show each error.
tests/hub_to_tflite/test_errors.py causes all of them again.
"""

import argparse
import contextlib
import importlib.abc
import json
import linecache
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

import yaml

from hub_to_tflite.errors import explain, messages

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/errors.md"
NOTEBOOKS = ROOT / "notebooks"
TESTS = "tests/hub_to_tflite/test_errors.py"


# What the entries' code may use


def kit():
    """Return the names that the entries' code may use; make the files that it may open here."""
    import keras
    import numpy as np
    import tensorflow as tf
    import tensorflow_hub as hub
    import tf_keras
    from ai_edge_litert.interpreter import Interpreter

    from helpers import digits, handles, interpreter, tinyhub

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
    return {tool.__name__: tool for tool in TOOLS} | {
        "Interpreter": Interpreter,
        "Path": Path,
        "digits": digits,
        "handles": handles,
        "hub": hub,
        "interpreter": interpreter,
        "keras": keras,
        "np": np,
        "os": os,
        "shutil": shutil,
        "tf": tf,
        "tf_keras": tf_keras,
        "tinyhub": tinyhub,
    }


def converter(function, *specs, **settings):
    """Return a converter for a Python function traced for `specs`, with these attributes set."""
    import tensorflow as tf

    traced = tf.function(function, input_signature=specs, autograph=False).get_concrete_function()
    made = tf.lite.TFLiteConverter.from_concrete_functions([traced], tf.Module())
    for name, value in settings.items():
        setattr(made, name, value)
    return made


def edited(change, file="model.tflite"):
    """Return a .tflite file's bytes after `change` was made to its contents, a ModelT."""
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
    """Return a handle with https and a certificate that nobody knows: that of tornado's tests."""
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
    """Run `code` in another Python; print what it says on standard error, and its exit status."""
    # Limited, since what lies behind a cut file may read as a wish for all the memory there is.
    limit = "import resource; resource.setrlimit(resource.RLIMIT_AS, (8 * 2**30,) * 2)\n"
    code = limit + code if sys.platform == "linux" else code
    command = [sys.executable, "-W", "ignore", "-X", "faulthandler", *options, "-c", code]
    done = subprocess.run(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace"
    )
    print(f"{done.stderr[-20_000:]}\nexit status: {done.returncode}")


TOOLS = [converter, edited, archive, packed, served, served_securely, without, pip, python]


# Causing them


def cause(names):
    """Return {name: (what was said, why the fix failed or "")} for the entries of these names.

    They are caused in one process, in a new folder. What was said is everything that was printed,
    also from C++, and the traceback.
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
            lines = Path(folder, "said").read_text(encoding="utf-8").splitlines()
            said = {name: (text, failed) for name, text, failed in map(json.loads, lines)}
            left = [name for name in names if name not in said]
            assert not left, (
                f"Ended with status {status} before {left[0]!r} was done:\n{log.read()[-3000:]}"
            )
        return said


def _cause_here(folder, names):
    """The child's side of `cause`."""
    os.makedirs(os.path.join(folder, "work"))
    os.chdir(os.path.join(folder, "work"))
    given = kit()
    with open(os.path.join(folder, "said"), "w", encoding="utf-8") as file:
        for entry in explain.entries():
            if entry.name in names:
                scope = dict(given)
                said = _said(entry.code, scope)
                fixed = _said(entry.fixed, scope) if entry.fixed else ""
                failed = fixed if messages.TRACEBACK in fixed else ""
                print(json.dumps([entry.name, said, failed]), file=file, flush=True)


def _said(code, scope):
    """Return what `code` prints, on file descriptors 1 and 2, and the traceback it ends in."""
    trace = ""
    # So that the traceback quotes the code, as it does in a notebook.
    linecache.cache["<cell>"] = (len(code), None, code.splitlines(keepends=True), "<cell>")
    with tempfile.TemporaryFile("w+", errors="replace") as file:
        with _output_to(file), warnings.catch_warnings():
            warnings.simplefilter("always")
            try:
                exec(compile(code, "<cell>", "exec"), scope)
            except (Exception, SystemExit) as error:
                trace = "".join(traceback.format_exception(error))
                traceback.clear_frames(error.__traceback__)
        file.seek(0)
        return file.read() + trace


@contextlib.contextmanager
def _output_to(file):
    """Send what this process writes on descriptors 1 and 2, also from C++, to `file`."""
    with contextlib.ExitStack() as back:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            number = stream.fileno()
            kept = os.dup(number)
            back.callback(os.close, kept)
            back.callback(os.dup2, kept, number)
            back.callback(stream.flush)
            os.dup2(file.fileno(), number)
        yield


# Writing them down

# What follows a message in what was said, and is not part of it.
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
    parts = messages.parts(said)
    text = next(part for part in parts if explain.matches(entry, messages.squeezed(part)))
    start, end = next(filter(None, (_where(pattern, text) for pattern in entry.pattern)))
    kinds = re.finditer(r"\b[\w.]*(Error|ERROR|error|Exit|Warning): ", text[:end])
    starts = [kind.start() for kind in kinds]
    if starts and start - starts[-1] < 150:
        start = starts[-1]
    part = BEHIND.split(text[start:])[0]
    longest = max(300, end - start)
    if len(part) > longest:
        part = part[:longest].rpartition(" ")[0] + " ..." if longest == 300 else part[:longest]
    for pattern, name in DIFFERS.items():
        part = re.sub(pattern, name, part)
    return part


def _where(pattern, text):
    """Return (start, end) of a pattern in `text`, or None; white space and quotes may differ."""
    gap = r"[\s\\]*"
    pieces = [
        gap.join("[\"'`]" if sign == "'" else re.escape(sign) for sign in messages.squeezed(piece))
        for piece in pattern.split("*")
    ]
    found = re.search(f".{{0,{explain.LONGEST_GAP}}}?".join(pieces), text)
    return found and found.span()


def shown_in(entry, printed):
    """Return the [file, section] pairs of lessons whose stored outputs show an entry."""
    less_likely = {name for one in explain.entries() for name in one.also}
    if entry.kind == "frame" or entry.name in less_likely:
        return []
    return [
        list(place) for place, text in printed.items() if explain.matches(entry, text, whole=text)
    ]


def printed():
    """Return {(notebook's file name, section): what its cells printed, squeezed}."""
    found = {}
    for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        section = ""
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            source = "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                section = (re.findall(r"^#+ (.*)", source, re.MULTILINE) or [section])[-1]
            for output in cell.get("outputs", []):
                text = "".join(output.get("text", []))
                text += f" {output.get('ename', '')}: {output.get('evalue', '')} "
                plain = messages.squeezed(messages.ESCAPES.sub("", text))
                found[path.name, section] = found.get((path.name, section), "") + plain
    return found


class _Dumper(yaml.SafeDumper):
    """Writes the entries the way a person would: long texts folded, code as it is."""


def _text(dumper, text):
    plain = len(text) < 75 and dumper.analyze_scalar(text).allow_block_plain
    style = "|" if "\n" in text else None if plain or len(text) < 20 else ">"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)

HEADER = """\
# The errors of this road: what each says, why, and what to do. docs/errors.md shows them as a page.
# The class Entry in explain.py says what the fields mean. After a change: make errors. It causes
# every error whose entry has `code`, writes `seen` and `shown`, and lays this file out anew.
"""


def dumped(fields):
    """Return the text of errors.yaml for a list of entries, each a dictionary."""
    blocks = [
        yaml.dump([entry], Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=90)
        for entry in fields
    ]
    return HEADER + "\n" + "\n".join(blocks)


def write(said=None):
    """Write `shown` into errors.yaml, `seen` too for what was `said` (see cause), and the page."""
    fields = yaml.load(explain.GALLERY.read_text(encoding="utf-8"), yaml.CSafeLoader)
    places = printed()
    for entry, known in zip(fields, explain.entries(), strict=True):
        if said and known.name in said and known.pattern:
            entry["seen"] = excerpt(known, said[known.name][0])
        seen, shown = entry.pop("seen", None), shown_in(known, places)
        entry.pop("shown", None)
        entry |= {"seen": seen} if seen else {}
        entry |= {"shown": shown} if shown else {}
    explain.GALLERY.write_text(dumped(fields), encoding="utf-8")
    explain.entries.cache_clear()
    PAGE.write_text(page(), encoding="utf-8")


INTRODUCTION = """# Errors, and the way out

Search this page for the words of your message, or let it search itself:

    hub-to-tflite explain "paste the message"
    python my_program.py 2>&1 | hub-to-tflite explain

An error with *How to see it* was caused by the code below it, on the versions of this course, and
`make test` causes it again; where the fix is in that code too, it is run as well. The others were
reported by people with other versions, on phones or on microcontrollers, and link to a report.
Messages are shown without what differs between machines, and long ones are cut.

*How to see it* uses a few names: `saved_model` is a SavedModel that multiplies four numbers `x` by
a matrix, `model.tflite` the same converted, `page.tflite` a web page under a wrong name;
`converter(f, spec)` makes a converter for a Python function, `edited` changes a .tflite, `served`
answers at a new handle, `without` hides a package, `python` runs code in another process
([tools/gallery.py](../tools/gallery.py)). The page is written by `make errors`, from
[errors.yaml](../hub_to_tflite/errors/errors.yaml).
"""


def page():
    """Return docs/errors.md, as text."""
    found = explain.entries()
    counts = {stage: sum(e.stage == stage for e in found) for stage in explain.STAGES}
    rows = [
        f"| [{title}](#{anchor(title)}) | {counts[stage]} |"
        for stage, title in explain.STAGES.items()
    ]
    parts = [INTRODUCTION, "\n".join(["| | errors |", "|---|---|", *rows])]
    for stage, title in explain.STAGES.items():
        parts.append(f"## {title}")
        parts += [_section(entry) for entry in found if entry.stage == stage]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def anchor(title):
    """Return the anchor that a Markdown heading gets."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def _section(entry):
    """Return one entry of the page."""
    lines = [f"### {entry.title}"]
    if entry.seen:
        lines.append(f"```text\n{entry.seen}\n```")
    # A frame's cause names the operator of its message.
    cause = explain.explain(entry.seen)[0].cause if entry.kind == "frame" else entry.cause
    lines += [f"**Cause.** {cause}", f"**Fix.** {entry.fix}"]
    if entry.also:
        others = [other for other in explain.entries() if other.name in entry.also]
        links = ", or ".join(f"[{other.title}](#{anchor(other.title)})" for other in others)
        lines.append(f"**Or** {links}. {entry.check}")
    places = [
        f"[{name.partition('.')[0]}](../notebooks/{name}), *{section}*"
        for name, section in entry.shown
    ]
    if entry.code:
        places.append(f"[the tests](../{TESTS}), which run the code below")
    known = [f"**Shown in** {'; '.join(places)}."] if places else ["Reported, not caused here."]
    if entry.source:
        known.append(f"[More]({entry.source}).")
    lines.append(" ".join(known))
    if entry.code:
        code = entry.code.strip()
        if entry.fixed:
            code += "\n\n# and the fix\n" + entry.fixed.strip()
        lines.append(
            f"<details><summary>How to see it</summary>\n\n```python\n{code}\n```\n</details>"
        )
    return "\n\n".join(line.strip() for line in lines)


def main():
    """Cause all errors, and write what was seen and the page."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.gallery", description=__doc__.split("\n")[0]
    )
    parser.add_argument(
        "--shown", action="store_true", help="cause nothing, write where errors are shown"
    )
    parser.add_argument("--cause", metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument("names", nargs="*", help="the entries to cause (default: all)")
    asked = parser.parse_args()
    if asked.cause:
        _cause_here(asked.cause, asked.names)
        return
    names = asked.names or [entry.name for entry in explain.entries()]
    caused = [entry.name for entry in explain.entries() if entry.code and entry.name in names]
    said = {} if asked.shown else cause(caused)
    for name, (_, failed) in said.items():
        if failed:
            print(f"The fix of {name!r} failed:\n{failed}")
    write(said)
    print(f"{len(explain.entries())} errors in {PAGE.name}, {len(said)} caused")


if __name__ == "__main__":
    main()
