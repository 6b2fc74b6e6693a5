"""What a file or folder is, by its content, and who opens it. Taught in 12_identify_a_file.

`hub-to-tflite identify PATH` prints it. No TensorFlow is loaded, and no model is run.
"""

import dataclasses
import gzip
import io
import json
import re
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from hub_to_tflite import knowledge
from hub_to_tflite.file import flatbuffer
from hub_to_tflite.tables import table

FORMATS = Path(__file__).with_name("formats.yaml")
MOST = 2**30  # bytes that are unpacked or searched to look inside
LARGEST_JSON = 2**26  # bytes of a model.json
TABLE_END = bytes.fromhex("57fb808b247547db")  # of TensorFlow's tables, such as variables.index


@dataclass(frozen=True, repr=False)
class Identity:
    """What a path leads to, who opens it, and how. `model` is there if it's a sound .tflite."""

    path: str
    what: str  # one of the formats in formats.yaml
    who: str
    how: str
    detail: str = ""  # what else was seen, such as where a damaged file is damaged
    model: flatbuffer.Model | None = None

    @property
    def opens(self) -> bool:
        """Whether somebody opens it as it is, as a model."""
        return not self.who.startswith("nobody") and self.what != "HTML page"

    def rows(self) -> list[tuple[str, str]]:
        """Return what is known, as (heading, text) pairs."""
        what = f"{self.what}. {self.detail}" if self.detail else self.what
        rows = [("what", what), ("who opens it", self.who), ("how", self.how)]
        return rows + (_rows(self.model) if self.model else [])

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return {**dataclasses.asdict(self), "opens": self.opens}

    def __repr__(self) -> str:
        return "\n".join([self.path, *(f"  {heading:13} {text}" for heading, text in self.rows())])

    def _repr_html_(self) -> str:
        return table([("path", self.path), *self.rows()], form="html")


def identify(source: str | Path | bytes) -> Identity:
    """Return the Identity of a file or folder, or of bytes. Raises nothing for a bad one."""
    path, model = "<bytes>" if isinstance(source, bytes) else str(source), None
    try:
        what, detail = _look(source)
        if what == ".tflite" and isinstance(source, bytes):
            model = flatbuffer.read(source)
        elif what == ".tflite":
            with open(source, "rb") as file:
                model = flatbuffer.read(file)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name, or a corrupt model
        what, detail = "unknown", f"It cannot be read: {getattr(error, 'strerror', None) or error}."
        if isinstance(error, flatbuffer.CorruptModelError):
            what, detail = "damaged .tflite", str(error)
    who, how = knowledge.load(FORMATS)["formats"][what]
    who, how = _runner(model) if model else who, how.replace("{}", path)
    return Identity(path, what, who, how, detail, model)


def _look(source):
    """Return (format, detail); the format is one in formats.yaml."""
    if isinstance(source, bytes):
        return _in_file(io.BytesIO(source))
    path = Path(source)
    if path.is_file():
        with path.open("rb") as file:
            return _in_file(file)
    if path.is_dir():
        return _in_folder(path)
    if path.exists():  # a pipe might never end
        return "unknown", "It is a pipe or a device. Save its content to a file first."
    return "nothing", ""


def _in_folder(folder):
    if any(folder.glob("saved_model.pb*")):
        if (folder / "tfhub_module.pb").exists():
            return "TF1 hub module", ""
        for path in (folder / "saved_model.pb", *sorted(folder.glob("variables/variables.*"))):
            if path.is_file() and (found := _look(path))[0] == "git-LFS pointer":
                return found[0], f"Its {path.name} is one. {found[1]}"
        if found := _damage(folder / "saved_model.pb"):
            return "damaged SavedModel", found
        missing = _missing_variables(folder)
        return ("SavedModel without its variables", missing) if missing else ("SavedModel", "")
    inside = [path.name for path in folder.glob("*/") if any(path.glob("saved_model.pb*"))]
    if inside:
        return "folder around a SavedModel", f"It is in {min(inside)}/."
    if (folder / "model.json").is_file():
        found = _look(folder / "model.json")
        if found[0] == "TensorFlow.js model":
            return found
    files = sorted(path.name for path in folder.glob("*.tflite"))
    holds = f"It holds {', '.join(files[:3])}." if files else ""
    return "unknown", holds if any(folder.iterdir()) else "It is an empty folder."


def _damage(path):
    """Return what is said of a saved_model.pb whose fields don't end where it does, or ""."""
    if not path.exists():  # but a saved_model.pbtxt
        return ""
    size, at = path.stat().st_size, 0
    with path.open("rb") as file:
        while at < size:
            file.seek(at)
            head = file.read(20)
            match = re.match(rb"(\x08)[\0-\x7f]|\x12([\x80-\xff]{0,9}[\0-\x7f])", head)
            if not match:
                return f"After {at:,} bytes of its saved_model.pb comes no field of one."
            length = sum((byte & 127) << 7 * place for place, byte in enumerate(match[2] or b""))
            at += match.end() + length
    return "" if at == size > 0 else f"Its saved_model.pb breaks off after {size:,} bytes."


def _missing_variables(folder):
    """Return what is said of a SavedModel's variables if its graph has some, and not whole ones."""
    wanted = ("variables.index", "variables.data-*")
    missing = [name for name in wanted if not any(folder.glob(f"variables/{name}"))]
    said = f"Its variables/ are missing: there's no variables/{missing[0]}." if missing else ""
    if not missing and not (folder / "variables/variables.index").read_bytes().endswith(TABLE_END):
        said = "Its variables/variables.index breaks off or was altered."
    if not said:
        return ""
    with open(min(folder.glob("saved_model.pb*")), "rb") as file:
        has_some = _holds(file, b"VarHandleOp") or _holds(file, b"VariableV2")
    return said if has_some else ""


def _in_file(file):
    """Return (format, detail) for an open file, from 512 bytes if they do."""
    head = file.read(512).removeprefix(b"\xef\xbb\xbf")  # the mark of UTF-8
    file.seek(0)
    heads = knowledge.load(FORMATS)["heads"].items()
    matches = ((re.match(mark.encode(), head, re.DOTALL), what) for mark, what in heads)
    found, what = next((one for one in matches if one[0]), (None, ""))
    if not found:
        return ("unknown", _beginning(head)) if head else ("empty", "")
    if what == "zip":
        return _in_zip(file)
    if what == "tar":
        return _in_tar(gzip.open(file) if head.startswith(b"\x1f\x8b") else file)
    if what == "JSON":
        return _in_json(file)
    if what == "HDF5":
        return _in_hdf5(file, head)
    if what == "git-LFS pointer" and found[1]:
        return what, f"It stands for a file of {int(found[1]):,} bytes."
    if what == "HTML page":
        title = re.search(rb"<title>(.*?)</title>", head, re.DOTALL | re.IGNORECASE)
        words = title[1].decode(errors="replace").strip() if title else ""
        return what, f"Its title: {words!r}." if words else ""
    if what == "frozen GraphDef":
        node = head[found.end() + found[1][0] :][:1] == b"\x12"
        return (what, "A guess, from its first node.") if node else ("unknown", "")
    return what, ""


def _beginning(head):
    """Return a sentence on the first bytes of a file that no pattern fits."""
    if not head.strip(b"\0"):
        return "It begins with zeros, as a download does that was reserved and not filled."
    text = head.decode(errors="replace")
    start = next(iter(text.strip().splitlines()), "")[:40]
    if start.isprintable() and "\N{REPLACEMENT CHARACTER}" not in text[:-1]:
        return f"It is text, and begins with {start!r}."
    return f"It begins with the bytes {head[:12].hex(' ')}."


def _in_hdf5(file, head):
    """Return (format, detail) for an HDF5 file, which says itself where it ends."""
    place = 40 if head[8:9] < b"\2" else 28
    size, end = file.seek(0, 2), int.from_bytes(head[place : place + 8], "little")
    file.seek(0)
    if len(head) < place + 8 or end > size:
        return "damaged HDF5", f"It breaks off after {size:,} bytes."
    if not _holds(file, b"model_config"):
        return "HDF5", "It has no model_config: weights or other data, not a whole model."
    return "HDF5", ""


def _in_zip(file):
    try:
        names = zipfile.ZipFile(file).namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return "damaged archive", "It begins like a zip archive, but has no list of files."
    if "model.weights.h5" in names:
        return "Keras archive", ""
    if not names:
        return "archive", "It is empty."
    if any(name.endswith(("/data.pkl", "/constants.pkl")) for name in names):
        return "PyTorch file", ""
    if all(name.endswith(".npy") for name in names):
        return "NumPy archive", f"Its arrays are {', '.join(names[:5])}."
    if "AndroidManifest.xml" in names:
        inside = [name for name in names if name.endswith(".tflite")]
        return "Android app", f"It holds {', '.join(inside)}." if inside else ""
    models = [name for name in names if name.endswith((".tflite", ".task"))]
    named = str(getattr(file, "name", "")).endswith(".task")
    if len(models) > 1 or "TF_LITE_PREFILL_DECODE" in names or (models and named):
        return "MediaPipe bundle", f"It holds {', '.join(models or names)}."
    return _in_archive(names)


def _in_tar(file):
    names = []
    try:
        try:
            archive = tarfile.open(fileobj=file, mode="r|")
        except tarfile.ReadError:
            file.seek(0)
            inside, _ = _in_file(io.BytesIO(file.read(512)))
            known = "" if inside in ("unknown", "empty") else f" What is inside: {inside}."
            return "archive", f"It is compressed, and no tar archive is inside.{known}"
        for member in archive:
            names.append(member.name)
            if member.offset_data + member.size > MOST:
                return _in_archive(names)
        for _ in range(MOST // 2**20):  # gzip's checksum is at the very end
            if not isinstance(file, gzip.GzipFile) or not file.read(2**20):
                break
    except (tarfile.ReadError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        return "damaged archive", f"It breaks off or was altered after {len(names)} files: {error}."
    return _in_archive(names)


def _in_archive(names):
    """Return (format, detail) for an archive with files of these names."""
    paths = map(PurePosixPath, names)
    folders = [path.parent for path in paths if path.name.startswith("saved_model.pb")]
    if not folders:
        models = [name for name in names if name.endswith((".tflite", ".keras", ".h5", ".onnx"))]
        return "archive", f"It holds {', '.join(models[:3])}." if models else ""
    inside = min(folders, key=lambda folder: len(folder.parts))
    detail = f"It is in {inside}/, where hub.load does not look." if inside.parts else ""
    return "archive of a SavedModel", detail


def _in_json(file):
    try:
        keys = json.loads(file.read(LARGEST_JSON).removeprefix(b"\xef\xbb\xbf"))
    except (ValueError, RecursionError):
        return "unknown", "It begins like JSON, and is not."
    if isinstance(keys, dict) and {"modelTopology", "weightsManifest"} & set(keys):
        return "TensorFlow.js model", f"Its form is {keys['format']}." if "format" in keys else ""
    return "unknown", "It is JSON."


def _holds(file, word):
    """Return whether the first GB of an open file holds `word`, reading it in pieces."""
    file.seek(0)
    last = b""
    for _ in range(MOST // 2**20):
        piece = file.read(2**20)
        if word in last + piece:
            return True
        last = piece[-len(word) :]
    return False


def missing_ops(model: flatbuffer.Model) -> list[flatbuffer.Op]:
    """Return the ops that LiteRT's packages lack: Flex ops, and custom ones but those built in."""
    known = knowledge.load(FORMATS)["registered"]
    return [op for op in model.ops if op.kind != "builtin" and op.name not in known]


def device(model: flatbuffer.Model) -> str:
    """Return the device that a .tflite was compiled for, in words, or ""."""
    known = knowledge.load(FORMATS)["devices"]
    return next((known[op.name] for op in model.ops if op.name in known), "")


def _runner(model):
    """Return who runs a .tflite with these ops."""
    if compiled_for := device(model):
        return f"a runtime on {compiled_for} only, with its driver: it was compiled for that"
    missing = missing_ops(model)
    if flex := [op.name for op in missing if op.kind == "flex"]:
        needed = "LiteRT with the Flex delegate, which no Python package of today has, for "
        return needed + ", ".join(flex)
    custom = ", ".join(op.name for op in missing)
    return f"LiteRT, if it has the custom op {custom}" if custom else "LiteRT"


def _rows(model):
    """Return a flatbuffer.Model as (heading, text) pairs."""
    constants = ", ".join(f"{count} {dtype}" for dtype, count in model.constants.items()) or "none"
    if model.per_channel:
        constants += f"; {model.per_channel} quantized per-channel"
    rows = [("bytes", f"{model.size:,}")]
    rows += [("input", str(one)) for one in model.inputs]
    rows += [("output", str(one)) for one in model.outputs]
    for name, sides in model.signatures.items():
        rows.append(("signature", f"{name}: {' -> '.join(', '.join(side) for side in sides)}"))
    rows += [
        ("ops", ", ".join(map(str, model.ops)) or "none"),
        ("constants", constants),
        ("needs", model.needs),
        ("subgraphs", str(model.subgraphs) if model.subgraphs > 1 else ""),
        ("made by", model.description),
        ("metadata", ", ".join(model.metadata)),
        ("packed in", ", ".join(model.files)),
        ("labels", short(model.labels)),
    ]
    return [(heading, text) for heading, text in rows if text]


def short(labels: tuple[str, ...] | list[str]) -> str:
    """Return labels as a text: how many there are, and the first three; "" if there are none."""
    more = " ..." if len(labels) > 3 else ""
    return f"{len(labels)}: {', '.join(labels[:3])}{more}" if labels else ""
