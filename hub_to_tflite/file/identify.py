"""What a file or folder is, by its content, and who opens it. Taught in 01_why_wont_it_open.

`python -m hub_to_tflite.file.identify FILE...` prints it. No TensorFlow is loaded, and no model is run.
"""

import gzip
import html
import io
import json
import re
import sys
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hub_to_tflite.file import flatbuffer

DOORS = {  # what it is -> (who opens it, how)
    "SavedModel": ("TensorFlow", 'hub.load("{}"), tf.saved_model.load("{}")'),
    "TF1 hub module": ("TensorFlow", 'hub.load("{}"), then .signatures["default"]'),
    ".tflite": ("LiteRT", 'open_tflite("{}"), Interpreter(model_path="{}")'),
    "damaged .tflite": (
        "nobody",
        "fetch it again, and compare its size and sha256 with the publisher's",
    ),
    "Keras archive": ("Keras 3", 'keras.models.load_model("{}"), named .keras'),
    "HDF5": (
        "Keras",
        'keras.models.load_model("{}"), named .h5; where Keras 3 refuses it, tf_keras',
    ),
    "Keras weights": ("Keras", 'model.load_weights("{}"), on a model built by its code'),
    "MediaPipe bundle": ("MediaPipe Tasks", 'BaseOptions(model_asset_path="{}")'),
    "TensorFlow.js model": (
        "TensorFlow.js",
        'tf.loadGraphModel("{}") or tf.loadLayersModel("{}"), in JavaScript',
    ),
    "ONNX": ("ONNX Runtime, if the guess is right", 'onnxruntime.InferenceSession("{}")'),
    "frozen GraphDef": (
        "TensorFlow 1's tools",
        'tf.compat.v1.lite.TFLiteConverter.from_frozen_graph("{}", ...)',
    ),
    "saved_model.pb alone": ("nobody", "put it back beside its variables/"),
    "folder around a SavedModel": ("nobody", "go one folder deeper"),
    "archive of a SavedModel": (
        "nobody",
        "unpack {} first (tar -xf), or give hub.load its address",
    ),
    "archive": ("nobody", "unpack {} first (gzip, tar or zip)"),
    "damaged archive": ("nobody", "download it again; this one breaks off or was altered"),
    "HTML page": ("a browser", "find the address of the file itself"),
    "git-LFS pointer": ("nobody", "git lfs pull --include {}"),
    "nothing": ("nobody", "check the spelling and the folder"),
    "empty": ("nobody", "download it again"),
    "unknown": ("nobody yet", "ask whoever made it"),
}
MAGIC = [  # (where the mark stands, the mark, what it means)
    (4, b"TFL3", ".tflite"),
    (0, b"\x89HDF\r\n\x1a\n", "HDF5"),
    (0, b"version https://git-lfs", "git-LFS pointer"),
    (0, b"PK\x03\x04", "zip"),
    (0, b"\x1f\x8b", "tar"),
    (257, b"ustar", "tar"),
]
MOST = 2**30  # bytes of an archive that are unpacked to look for a SavedModel


@dataclass(frozen=True, repr=False)
class Finding:
    """What a thing is, who opens it, and how. `model` is there for a .tflite that can be read."""

    path: str
    what: str  # a key of DOORS
    who: str
    how: str
    detail: str = ""  # what else was seen, such as where a damaged file is damaged
    model: flatbuffer.Model | None = None

    def rows(self):
        """Return what is known, as (heading, text) pairs."""
        rows = [("what", f"{self.what}. {self.detail}" if self.detail else self.what)]
        rows += [("who opens it", self.who), ("how", self.how)]
        return rows + (_rows(self.model) if self.model else [])

    def __repr__(self):
        return "\n".join([self.path, *(f"  {heading:13} {text}" for heading, text in self.rows())])

    def _repr_html_(self):
        rows = [("path", self.path), *self.rows()]
        cells = "".join(
            f"<tr><th>{html.escape(head)}</th><td>{html.escape(text)}</td></tr>"
            for head, text in rows
        )
        return f"<table>{cells}</table>"


def identify(source):
    """Return a Finding for a path (of a file or folder) or for the bytes of a file. Raises nothing for a bad one."""
    path = "<bytes>" if isinstance(source, bytes) else str(source)
    try:
        what, detail = _look(source)
    except OSError as error:
        what, detail = "unknown", f"It cannot be read: {error.strerror or error}."
    model = None
    if what == ".tflite":
        try:
            model = flatbuffer.read(
                source if isinstance(source, bytes) else Path(source).read_bytes()
            )
        except flatbuffer.Damaged as error:
            what, detail = "damaged .tflite", str(error)
    who, how = DOORS[what]
    if model:
        who = _runner(model)
    return Finding(path, what, who, how.replace("{}", path), detail, model)


def _look(source):
    """Return (a key of DOORS, detail)."""
    if isinstance(source, bytes):
        return _in_file(io.BytesIO(source))
    path = Path(source)
    if path.is_file():
        with path.open("rb") as file:
            return _in_file(file)
    return _in_folder(path) if path.is_dir() else ("unknown" if path.exists() else "nothing", "")


def _in_folder(folder):
    if any(folder.glob("saved_model.pb*")):
        if (folder / "tfhub_module.pb").exists():
            return "TF1 hub module", ""
        whole = (folder / "variables" / "variables.index").exists()
        return "SavedModel", "" if whole else "Its variables/ are missing."
    inside = [path.name for path in folder.glob("*/") if any(path.glob("saved_model.pb*"))]
    if inside:
        return "folder around a SavedModel", f"It is in {min(inside)}/."
    if (folder / "model.json").is_file():
        what, detail = _look(folder / "model.json")
        if what == "TensorFlow.js model":
            return what, detail
    files = sorted(path.name for path in folder.glob("*.tflite"))
    return "unknown", f"It holds {', '.join(files[:3])}." if files else ""


def _in_file(file):
    """Return (a key of DOORS, detail) for an open file. Reads 512 bytes, and more only where the format asks for it."""
    head = file.read(512)
    what = next((what for at, mark, what in MAGIC if head[at:].startswith(mark)), None)
    file.seek(0)
    if what == "zip":
        return _in_zip(file)
    if what == "tar":
        return _in_tar(gzip.open(file) if head.startswith(b"\x1f\x8b") else file)
    if what == "HDF5":
        whole = _holds(file, b"model_config")
        return (
            what,
            "" if whole else "It has no model_config: weights or other data, not a whole model.",
        )
    if what == "git-LFS pointer":
        size = re.search(rb"^size (\d+)", head, re.MULTILINE)
        return what, f"It stands for a file of {int(size[1]):,} bytes." if size else ""
    if what:
        return what, ""
    if head.lstrip().startswith(b"{"):
        return _in_json(file)
    return _guess(head)


def _in_zip(file):
    try:
        names = zipfile.ZipFile(file).namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return "damaged archive", "It begins like a zip archive, and its list of files is missing."
    if "model.weights.h5" in names:
        return "Keras archive", ""
    if any(name.endswith((".tflite", ".task")) for name in names):
        return (
            "MediaPipe bundle",
            f"It holds {', '.join(name for name in names if name.endswith(('.tflite', '.task')))}.",
        )
    return _in_archive(names)


def _in_tar(file):
    names = []
    try:
        try:
            archive = tarfile.open(fileobj=file, mode="r|")
        except tarfile.ReadError:
            return "archive", "It is compressed, and no tar archive is inside."
        for member in archive:
            names.append(member.name)
            if member.offset_data + member.size > MOST:
                return _in_archive(names)
        while file.read(2**20):  # gzip's checksum stands at the very end
            pass
    except (tarfile.ReadError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        return "damaged archive", f"It breaks off or was altered after {len(names)} files: {error}."
    return _in_archive(names)


def _in_archive(names):
    """Return (a key of DOORS, detail) for an archive with files of these names."""
    folders = [
        PurePosixPath(name).parent
        for name in names
        if PurePosixPath(name).name.startswith("saved_model.pb")
    ]
    if not folders:
        return "archive", ""
    inside = min(folders, key=lambda folder: len(folder.parts))
    return (
        "archive of a SavedModel",
        f"It is in {inside}/, where hub.load does not look." if inside.parts else "",
    )


def _in_json(file):
    try:
        keys = json.load(file)
    except (ValueError, RecursionError):
        return "unknown", ""
    if isinstance(keys, dict) and {"modelTopology", "weightsManifest"} & set(keys):
        return "TensorFlow.js model", f"Its form is {keys['format']}." if "format" in keys else ""
    return "unknown", "It is JSON."


def _guess(head):
    """Return (a key of DOORS, detail) for the first bytes of a file without a mark."""
    if len(head) < 3:
        return ("unknown" if head else "empty"), ""
    if head.lstrip().lower().startswith((b"<!doctype html", b"<html")):
        title = re.search(rb"<title>(.*?)</title>", head, re.DOTALL | re.IGNORECASE)
        return (
            "HTML page",
            f"Its title: {title[1].decode(errors='replace').strip()!r}." if title else "",
        )
    if head.startswith(b"\x08\x01\x12"):
        return "saved_model.pb alone", ""
    if head[0] == 8 and 3 <= head[1] < 32 and head[2] in b"\x12\x1a\x3a\x42":
        return "ONNX", ""
    # A GraphDef is a list of nodes, field 1 of each its name, field 2 its op: 0a SIZE 0a SIZE name 12 SIZE op.
    node = re.match(rb"\n[\x80-\xff]*[\x00-\x7f]\n([\x01-\x7f])", head)
    if node and head[node.end() + node[1][0] :][:1] == b"\x12":
        return "frozen GraphDef", "A guess, from its first node."
    return "unknown", ""


def _holds(file, word):
    """Return whether `word` stands anywhere in an open file, reading it in pieces."""
    last = b""
    while piece := file.read(2**20):
        if word in last + piece:
            return True
        last = piece[-len(word) :]
    return False


def _runner(model):
    """Return who runs a .tflite with these ops."""
    flex = [op.name for op in model.ops if op.kind == "flex"]
    custom = [op.name for op in model.ops if op.kind == "custom"]
    if flex:
        return f"LiteRT with the Flex delegate, which no Python package of today has, for {', '.join(flex)}"
    return f"LiteRT, if it has the custom op {', '.join(custom)}" if custom else "LiteRT"


def _rows(model):
    """Return a flatbuffer.Model as (heading, text) pairs."""
    rows = [("bytes", f"{model.size:,}")]
    rows += [("input", str(one)) for one in model.inputs] + [
        ("output", str(one)) for one in model.outputs
    ]
    for name, sides in model.signatures.items():
        rows.append(("signature", f"{name}: {' -> '.join(', '.join(side) for side in sides)}"))
    rows.append(("ops", ", ".join(map(str, model.ops)) or "none"))
    constants = ", ".join(f"{count} {dtype}" for dtype, count in model.constants.items()) or "none"
    rows.append(
        (
            "constants",
            constants
            + f"; {model.per_channel} with a scale for each channel" * bool(model.per_channel),
        )
    )
    rows.append(
        (
            "needs",
            f"TensorFlow {model.runtime} or later, {model.runtime_source}"
            if model.runtime
            else model.runtime_source,
        )
    )
    rows += [("subgraphs", str(model.subgraphs))] * (model.subgraphs > 1)
    rows += [("made by", model.description)] * bool(model.description)
    rows += [("metadata", ", ".join(model.metadata))] * bool(model.metadata)
    rows += [("packed in", ", ".join(model.files))] * bool(model.files)
    return rows + [("labels", f"{len(model.labels)}: {', '.join(model.labels[:3])} ...")] * bool(
        model.labels
    )


if __name__ == "__main__":
    print("\n\n".join(repr(identify(path)) for path in sys.argv[1:]) or __doc__)
