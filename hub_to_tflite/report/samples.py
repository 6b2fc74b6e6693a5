"""Inputs to run any model on: digits, images, arrays, or seeded noise.

Samples of your own prove most. Random ones prove only that two forms of a model agree, and their
`warning` says so. The model's Contract decides what an input has to be; the catalogue's Entry says
which range its numbers have, if it knows the model. No TensorFlow here.
"""

import hashlib
import itertools
import math
import os
import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from helpers import digits, savedmodel, tinyhub
from hub_to_tflite import knowledge
from hub_to_tflite.report.catalogue import Entry
from hub_to_tflite.report.contracts import Arrays, Contract, Spec
from hub_to_tflite.report.messages import message

SIDE = 224  # pixels: images of a dynamic size, where nothing says which
SOUND = 16_000  # numbers: a lone dynamic length, one second at the usual rate for speech
OTHER = 16  # any other dynamic dimension
MOST = 60_000_000  # bytes of samples, and of outputs: there are fewer samples where one is large
RANDOM = 50  # random samples, unless a number is given
OWN = 450  # samples of your own
LEAST = 10  # samples, as a number
CALIBRATING, EVALUATING = 10, 60  # seconds of the SavedModel's time, for a slow model's samples
PIXELS = ("float16", "float32", "float64", "uint8", "uint16", "int16", "int32", "int64")
TEXTS = knowledge.load(Path(__file__).with_name("texts.yaml"))
BESIDE = "images beside them"
KINDS = '"auto", a number, "digits", "random", a folder of images, an .npy or an .npz'


class SampleError(ValueError):
    """Samples that do not fit a model: what is wrong, what was found, what to do."""


@dataclass(frozen=True)
class Samples:
    """Inputs for a model, {name: array (n, *sample)} in its dtypes, and what they are.

    `labels` is (n,) integers or None. `source` says where they are from, `warning` what they
    cannot prove.
    """

    inputs: Arrays
    labels: np.ndarray | None
    source: str
    warning: str = ""

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    def take(self, rows: slice | np.ndarray) -> "Samples":
        """Return some of these samples."""
        inputs = {name: values[rows] for name, values in self.inputs.items()}
        labels = None if self.labels is None else self.labels[rows]
        return replace(self, inputs=inputs, labels=labels)


def choose(source: Any, contract: Contract, handle: str) -> tuple[Any, int]:
    """Return (source, count) for SAMPLES: "auto", an integer ("auto" with that many), or a source.

    "auto" is "digits" for the course's own digit models, else "random". The count is the most that
    `load` takes: 450 digits or samples of your own, 50 random ones, fewer where a sample or its
    output is large. Raises SampleError.
    """
    check(source)
    count = int(source) if str(source).strip().isdecimal() else None
    if count is not None or source == "auto":
        own = tuple(name for name in tinyhub.published() if name.startswith("digits/"))
        source = "digits" if str(handle).rstrip("/").endswith(own) else "random"
    return source, min(count or (RANDOM if source == "random" else OWN), _fit(contract))


def check(source: Any) -> None:
    """Raise SampleError unless SAMPLES can be followed, as far as one knows without the model."""
    text = str(source).strip()
    if not isinstance(source, (str, int, os.PathLike)) or isinstance(source, bool) or not text:
        raise SampleError(message("no source", found=source, kinds=KINDS))
    if text.lstrip("-").isdecimal():
        if not LEAST <= int(text) <= OWN:
            raise SampleError(message("number of samples", least=LEAST, most=OWN, found=text))
    elif source not in ("auto", "digits", "random"):
        path = Path(source).expanduser()
        if not path.is_dir() and not (path.is_file() and path.suffix in (".npy", ".npz")):
            found = "a file of another kind" if path.exists() else "not there"
            name = str(source)
            raise SampleError(message("unknown source", kinds=KINDS, name=name, found=found))


def load(
    source: Any,
    contract: Contract,
    entry: Entry | None = None,
    count: int | None = None,
    seed: int = 0,
) -> Samples:
    """Return the Samples for a model: at most `count` (see `choose`), the same for the same `seed`.

    `source` is "digits", "random", a folder of images, an .npy with the one input, or an .npz with
    arrays by input name and, if there are any, `labels`. Raises SampleError.
    """
    source, most = choose(source, contract, "")
    count = min(count or most, _fit(contract, entry))
    if source == "digits":
        return _digits("test", contract, entry, count)
    if source == "random":
        return _random(contract, entry, count, seed)
    path = Path(source).expanduser()
    if path.is_dir():
        return _folder(path, contract, entry, count, seed)
    return _arrays(path, contract, entry, count, seed)


def divide(
    source: Any, taken: Samples, contract: Contract, entry: Entry | None = None
) -> tuple[Arrays, Samples, str]:
    """Return (the calibration set, the evaluation set, a sentence on which is which).

    What calibrates a recipe should not evaluate it too: digits calibrate from the training set,
    random inputs from another seed. Of your own samples a third calibrates, at most 100; where
    there are fewer than 40, all do both. Their content decides, so that the same samples in another
    order are divided alike, with as many of each label as there are.
    """
    count, number = len(taken), min(100, _fit(contract, entry))
    if source == "digits":
        words = f"Calibration: {number} training digits. Evaluation: {count} test digits."
        return _digits("train", contract, entry, number).inputs, taken, words
    if source == "random":
        words = f"Calibration: {number} other random inputs. Evaluation: these {count}."
        return _random(contract, entry, number, seed=1).inputs, taken, words
    if count < 40:
        words = f"With only {count}, calibration and evaluation set are the same."
        return taken.inputs, taken, words
    number = min(100, count // 3)
    order = _by_content(taken)
    words = f"Calibration: {number} of the samples. Evaluation: the other {count - number}."
    return taken.take(order[:number]).inputs, taken.take(np.sort(order[number:])), words


def _by_content(taken):
    """Return the indices of samples, ordered by a digest of what they hold, labels in turn."""
    digests = []
    for number in range(len(taken)):
        digest = hashlib.sha256()
        for name in sorted(taken.inputs):
            one = np.asarray(taken.inputs[name][number])
            digest.update(repr(one.tolist()).encode() if one.dtype == object else one.tobytes())
        digests.append(digest.digest())
    labels = [0] * len(taken) if taken.labels is None else taken.labels.tolist()
    seen, turns = Counter(), {}
    for number in sorted(range(len(taken)), key=digests.__getitem__):
        turns[number] = seen[labels[number]]
        seen[labels[number]] += 1
    return np.array(sorted(turns, key=lambda number: (turns[number], digests[number])))


def fewer(calibration: Arrays, taken: Samples, seconds: float) -> tuple[Arrays, Samples, str]:
    """Return both sets, cut where the model is slow, and a sentence if they were.

    `seconds` is the time of one call: calibrating takes many times that of each sample.
    """
    counts = len(next(iter(calibration.values()))), len(taken)
    most = [max(LEAST, int(time / seconds)) for time in (CALIBRATING, EVALUATING)]
    some, number = map(min, counts, most)
    if (some, number) == counts:
        return calibration, taken, ""
    calibration = {name: values[:some] for name, values in calibration.items()}
    words = message("fewer", seconds=seconds, some=some, number=number)
    return calibration, taken.take(slice(number)), words


def labels_of(folder: str | Path, source: Any, count: int) -> tuple[list[str], str]:
    """Return (the names of `count` classes, where they are from), or ([], "").

    They are looked for in a SavedModel's assets, then in the samples' folder, as *label*.txt with a
    name a line. A list with "background" before them loses that line.
    """
    own = Path(source).expanduser()
    own = own.parent if own.is_file() else own
    for where, words in ((Path(folder, "assets"), "SavedModel's assets"), (own, "samples' folder")):
        for name, lines in _lists(where, count):
            if count and len(lines) == count:
                return lines, f"{name} in the {words}"
    return [], ""


# What a model takes


def _fit(contract, entry=None):
    """Return how many samples fit into MOST bytes, as their outputs do, at least 2."""
    given = sum(4 * math.prod(_shape(contract, name, entry)) for name in contract.inputs)
    shapes = [spec.shape or () for spec in contract.outputs.values()]
    sizes = [[SIDE if size is None else size for size in shape[1:]] for shape in shapes]
    return max(2, MOST // max(1, given, sum(4 * math.prod(one) for one in sizes)))


def _classes(contract):
    """Return the number of classes of the one output with a row for each sample, or None."""
    shapes = [spec.shape for spec in contract.outputs.values()]
    several = len(shapes) == 1 and len(shapes[0] or ()) == 2 and shapes[0][1] != 1
    return shapes[0][1] if several else None


def _shape(contract, name, entry, side=SIDE, image=False):
    """Return one sample's shape, dynamic dimensions filled as the catalogue or habit says."""
    sample, known = contract.sample(name), entry.input_size if entry else None
    image = image or len(sample or ()) == 3 or len(known or ()) == 2
    usual = known or ((side, side) if image else ())
    if sample is None:
        return (*usual, 3) if image else usual
    ids = contract.inputs[name].dtype in ("int32", "int64")
    other = 3 if image else OTHER if ids or contract.batched(name) else SOUND
    usual = (*usual, *[other] * (len(sample) - len(usual)))
    return tuple(habit if size is None else size for habit, size in zip(usual, sample))


def _image_input(contract, entry, what, side=SIDE):
    """Return (name, dtype, (height, width, ...)) of a model's one input, an image.

    That has 1 or 3 channels in the end, or is (height, width), which is gray. Raises SampleError.
    """
    found = "; ".join(f"{name}: {spec}" for name, spec in contract.inputs.items())
    name = next(iter(contract.inputs))
    dtype, shape = contract.inputs[name].dtype, _shape(contract, name, entry, side, image=True)
    image = len(contract.inputs) == 1 and len(shape) in (2, 3) and dtype in PIXELS
    if image and shape[0] in (1, 3) and shape[2:] not in ((), (1,), (3,)):
        raise SampleError(message("colours first", what=what, found=found))
    if not image or shape[2:] not in ((), (1,), (3,)):
        raise SampleError(message("no image input", what=what.capitalize(), found=found))
    return name, dtype, shape


def _images(unit, dtype, entry):
    """Return (images of 0 to 1 in a model's range and dtype, a warning if the range is assumed)."""
    integer = np.dtype(dtype).kind in "iu"
    low, high = (0, 255 if integer else 1)
    assumed = dtype != "uint8"
    if entry and entry.input_range:
        (low, high), assumed = entry.input_range, False
    values = unit * np.float32(high - low) + np.float32(low)
    values = np.rint(values) if integer else values
    habit = "Hub's convention for images" if high == 1 else "the usual one of pixels"
    warning = message("assumed range", low=low, high=high, habit=habit) if assumed else ""
    return values.astype(dtype), warning


# Where samples come from


def _digits(split, contract, entry, count):
    """Return the first digits of a split, as the model takes them; labels only for ten classes."""
    name, dtype, shape = _image_input(contract, entry, "digits", digits.SIZE)
    images, labels = digits.load(split)
    unit = digits.as_model_input(images[:count], (*shape, 1)[:3]).reshape(-1, *shape)
    values, warning = _images(unit, dtype, entry)
    labels = labels[:count].astype(np.int64) if _classes(contract) == 10 else None
    return Samples({name: values}, labels, f"{len(values)} {split} digits", warning)


def _random(contract, entry, count, seed):
    """Return seeded noise for any model, with a warning of what it cannot prove."""
    generator = np.random.default_rng(seed)
    inputs, filled, ranges = {}, [], []
    for name, spec in contract.inputs.items():
        shape, sample = _shape(contract, name, entry), contract.sample(name)
        if sample is None or None in sample:
            filled.append(f"{name!r} as {shape}")
        inputs[name], words = _noise(generator, name, spec.dtype, (count, *shape), entry)
        ranges.append(f"{name!r} {words}")
    warning = message("random inputs")
    if filled:
        warning += f" Sizes of dynamic dimensions were chosen: {', '.join(filled)}."
    source = f"{count} random inputs (seed {seed}): {', '.join(ranges)}"
    return Samples(inputs, None, source, warning)


def _noise(generator, name, dtype, shape, entry):
    """Return (random values, what they are in words) for one input. Raises SampleError."""
    if dtype == "string":
        return generator.choice(np.array(TEXTS, object), shape), "fixed texts"
    kind = np.dtype(dtype).kind if hasattr(np, dtype) or dtype == "bool" else ""
    if kind == "b":
        return generator.integers(0, 2, shape).astype(bool), "true or false"
    if kind not in ("f", "i", "u"):
        raise SampleError(message("no random inputs", name=name, dtype=dtype))
    low, high = (0, 1) if kind == "f" else (0, 9)  # small enough for most tables that are looked up
    if dtype in ("int8", "uint8"):
        low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    if entry and entry.input_range:
        low, high = entry.input_range
    if kind == "f":
        values = low + (high - low) * generator.random(shape, np.float32)
        return values.astype(dtype), f"from {low:g} to {high:g}"
    values = generator.integers(low, high, shape, endpoint=True).astype(dtype)
    return values, f"integers from {low} to {high}"


def _folder(path, contract, entry, count, seed):
    """Return the images in a folder and its sub-folders, which are labels where they can be."""
    from PIL import Image

    name, dtype, shape = _image_input(contract, entry, "images")
    Image.init()
    suffixes = {
        suffix
        for suffix, kind in Image.registered_extensions().items()
        if kind in Image.OPEN and Image.MIME.get(kind, "").startswith("image/")
    }
    images, others = [], []
    for file in sorted(path.rglob("*")):
        if file.is_file() and not re.search(r"(^|/)\.", file.relative_to(path).as_posix()):
            (images if file.suffix.lower() in suffixes else others).append(file)
    if not images:
        found = ", ".join(file.name for file in others[:3]) or "nothing"
        raise SampleError(message("no images", found=found, path=path))
    labels, unlabelled = _folder_labels(path, images, _classes(contract))
    picked = _picked(len(images), count, seed)
    unit = np.stack([_image(images[index], shape) for index in picked]) / np.float32(255)
    values, warning = _images(unit, dtype, entry)
    source = f"{_of(len(picked), len(images), 'image')} from {path.resolve().name}"
    source += f", resized to {shape[1]} x {shape[0]}"
    ignored = sum("label" not in file.name.lower() for file in others)
    if ignored:
        source += f"; other files ignored: {ignored}"
    labels = None if labels is None else labels[picked]
    return Samples({name: values}, labels, source, f"{warning} {unlabelled}".strip())


def _of(some, total, what):
    what = f"{total} {what}{'' if total == 1 else 's'}"
    return what if some == total else f"{some} of {what}"


def _picked(total, count, seed):
    """Return which samples to take, in order: by chance, since the first may be of one class."""
    if total <= count:
        return np.arange(total)
    return np.sort(np.random.default_rng(seed).choice(total, count, replace=False))


def _image(file, shape):
    """Return an image, upright, as uint8 pixels (height, width, ...). Raises SampleError."""
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as image:
            if image.mode[0] in "IF":
                raise ValueError(f"pixels of more than 8 bits (mode {image.mode})")
            upright = ImageOps.exif_transpose(image).convert("RGB" if shape[2:] == (3,) else "L")
            resized = upright.resize(shape[1::-1], Image.Resampling.BILINEAR)
            return np.asarray(resized).reshape(shape)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        found = _in_words(error)
        raise SampleError(message("broken image", name=file.name, found=found)) from None


def _in_words(error):
    """Return the kind of an error and its first line, as a part of a sentence."""
    first = str(error).partition("\n")[0].strip(" .")
    return f"{type(error).__name__}: {first}".removesuffix(": ")


def _folder_labels(path, images, classes):
    """Return (labels or None, a warning) for the files of a folder's images. Raises SampleError.

    The first sub-folder is the class: its number, or one of its names in the folder's *label*.txt.
    """
    below = [file.relative_to(path) for file in images]
    folders = [one.parts[0] if len(one.parts) > 1 else BESIDE for one in below]
    if set(folders) == {BESIDE}:
        return None, ""
    numbers = {name: int(name) for name in folders if name.isdecimal()}
    for _, lines in _lists(path, classes):
        numbers = _indices(lines) | numbers
    unknown = {name for name in folders if _plain(name) not in numbers}
    if unknown:
        return None, message("no labels", found=", ".join(sorted(unknown)))
    return _checked(np.array([numbers[_plain(name)] for name in folders]), classes), ""


def _plain(text):
    return text.strip().lower().replace("_", " ")


def _indices(lines):
    """Return {name: line number} of a list of labels, for each name that is on one line only."""
    names = [{_plain(name) for name in (line, *line.split(","))} for line in lines]
    counts = Counter(itertools.chain(*names))
    return {name: n for n, own in enumerate(names) for name in own if counts[name] == 1}


def _lists(folder, count):
    """Return [(file name, lines)] of the *label*.txt in a folder, without an extra "background"."""
    found = []
    for file in sorted(folder.iterdir()) if folder.is_dir() else []:
        if "label" in file.name.lower() and file.suffix.lower() == ".txt":
            lines = file.read_text(encoding="utf-8-sig", errors="replace").rstrip().splitlines()
            if len(lines) - 1 == count and lines[0].strip().lower() == "background":
                lines = lines[1:]
            found.append((file.name, [line.strip() for line in lines]))
    return found


def _arrays(path, contract, entry, count, seed):
    """Return the arrays of an .npy or .npz, in the model's dtypes. Raises SampleError."""
    given, labels = _read(path, contract.inputs)
    counts = {name: len(value) if value.ndim else 0 for name, value in given.items()}
    if labels is not None:
        counts["labels"] = len(labels) if labels.ndim == 1 else 0
    total = max(counts.values())
    if set(counts.values()) != {total} or not total:
        found = ", ".join(f"{name} {number}" for name, number in counts.items())
        raise SampleError(message("lengths of arrays", found=found))
    each = sum(value[:1].nbytes for value in given.values())
    picked = _picked(total, min(count, max(2, MOST // max(1, each))), seed)
    inputs = {name: _fitted(name, given[name][picked], contract) for name in contract.inputs}
    if labels is not None:
        if labels.dtype.kind not in "iu":
            raise SampleError(message("dtype of labels", found=labels.dtype))
        labels = _checked(labels[picked].astype(np.int64), _classes(contract))
    source = f"{_of(len(picked), total, 'sample')} from {path.name}"
    return Samples(inputs, labels, source, _outside(inputs, entry))


def _read(path, specs):
    """Return ({input: array}, labels or None) of an .npy or .npz. Pickles, which run code, fail."""
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            loaded = {"the array": loaded}
        given = {name: loaded[name] for name in loaded}
    except Exception as error:  # whatever the archive, the header or the decompression raises
        found = _in_words(error)
        raise SampleError(message("broken arrays", name=path.name, found=found)) from None
    labels = given.pop("labels", None) if "labels" not in specs else None
    if len(specs) == len(given) == 1:
        given = dict(zip(specs, given.values()))
    try:
        return savedmodel.by_name(specs, given or {"none": []}), labels
    except savedmodel.InputError as error:
        raise SampleError(str(error)) from None


def _fitted(name, value, contract):
    """Return an array in an input's dtype. Raises SampleError where shape or dtype do not fit."""
    dtype, sample = contract.inputs[name].dtype, contract.sample(name)
    shape = None if sample is None else (None, *sample)
    converted = _converted(value, dtype)
    try:
        savedmodel.fit(name, converted, Spec(dtype, shape), shape)
    except savedmodel.InputError as error:
        raise SampleError(message("lossy samples", error=error)) from None
    if converted.dtype.kind == "f" and not np.isfinite(converted).all():
        bad = np.sum(~np.isfinite(converted))
        raise SampleError(message("not finite", name=name, bad=bad, size=converted.size))
    return converted


def _converted(value, dtype):
    """Return an array in a dtype, or as it is if that loses something. Floats may be rounded."""
    if dtype == "string" or value.dtype.kind not in "fiu":
        return value.astype(object) if value.dtype.kind in "US" else value
    if dtype == "bool" or (value.dtype.kind == "f" and not dtype.startswith("float")):
        return value
    with np.errstate(all="ignore"):
        converted = value.astype(dtype)
    rounded = value.dtype.kind == "f" and dtype in ("float32", "float64")
    return converted if rounded or np.array_equal(converted, value) else value


def _outside(inputs, entry):
    """Return a warning where numbers lie outside the range that the catalogue gives, or ""."""
    low, high = entry.input_range if entry and entry.input_range else (-math.inf, math.inf)
    for name, values in inputs.items():
        if values.dtype.kind in "fiu" and values.size:
            least, most = values.min(), values.max()
            if least < low or most > high:
                found = {"name": name, "least": least, "most": most, "low": low, "high": high}
                return message("outside the range", **found)
    return ""


def _checked(labels, classes):
    """Return labels that are numbers of classes. Raises SampleError for others."""
    least, most = labels.min(), labels.max()
    if least < 0 or (classes and most >= classes):
        last = classes - 1 if classes else "any"
        raise SampleError(message("no class", least=least, most=most, last=last))
    return labels
