"""Inputs to try any model on: digits, images, arrays, or seeded noise. Taught in 11_bring_your_own_model.

Samples of your own prove most. Random ones prove only that two forms of a model agree, and each set says so in its
`warning`. The model's contract (contracts.Contract) decides what an input has to be; the catalogue's Entry says which
range its numbers have, where it knows the model. No TensorFlow here.
"""

import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from helpers import digits, tinyhub

SIDE = 224  # pixels: pictures of open size, where nothing says which
SOUND = 16_000  # numbers: the length of a lone open size, a second at the usual rate for speech
OTHER = 16  # any other open size
MOST = (
    60_000_000  # bytes of samples, and of their answers: fewer samples are taken where one is large
)
RANDOM = 50  # samples, where the number is open
OWN = 450
PIXELS = ("float16", "float32", "float64", "uint8", "uint16", "int16", "int32", "int64")
TEXTS = (
    "Return the number of items.",
    "The quick brown fox jumps over the lazy dog.",
    "How much does it cost to send a letter?",
    "I did not like this film at all.",
    "Turn on the light in the kitchen, please.",
    "for item in items: print(item)",
    "Ça va? 你好! Grüße aus Köln.",
)


class SampleError(ValueError):
    """Samples that do not fit a model. The message says what is wrong, what was found, what to do."""


@dataclass(frozen=True)
class Samples:
    """Inputs for a model, {name: array (n, *sample)} in its dtypes, and what they are.

    `labels` is (n,) whole numbers or None. `source` says where they are from, `warning` what they cannot prove.
    """

    inputs: dict
    labels: np.ndarray | None
    source: str
    warning: str = ""


def choose(source, contract, handle):
    """Return (source, count) for SAMPLES: "auto", a whole number ("auto" with that many), or what `load` takes.

    "auto" is "digits" for the course's own digit models, else "random". The count is the most that `load` should
    take: 450 of digits and of your own, 50 random ones, fewer where a sample or its answer is large. Raises
    SampleError for a number outside 10 to 450. Taught in 11_bring_your_own_model.
    """
    count = None
    if isinstance(source, str) and source.strip().isdecimal():
        source = int(source)
    if isinstance(source, int) and not isinstance(source, bool):
        source, count = "auto", source
    if count is not None and not 10 <= count <= 450:
        raise SampleError(
            f"SAMPLES as a number must be from 10 to 450, the number of test digits. Found: {count}. Choose another."
        )
    if not isinstance(source, (str, os.PathLike)) or not str(source).strip():
        raise SampleError(
            f"SAMPLES says where the inputs come from. Found: {source!r}. Give "
            '"auto", a number, "digits", "random", a folder of images, an .npy or an .npz.'
        )
    if source == "auto":
        own = [name for name in tinyhub.published() if name.startswith("digits/")]
        source = "digits" if str(handle).rstrip("/").endswith(tuple(own)) else "random"
    return source, min(count or (RANDOM if source == "random" else OWN), _fit(contract))


def load(source, contract, entry=None, count=None, seed=0):
    """Return the Samples for a model: at most `count` (as `choose` gives it), the same ones for the same `seed`.

    `source` is "digits", "random", a folder of images, an .npy with the one input, or an .npz with arrays by input
    name and, if there are any, `labels`. `entry` is the catalogue's, or None. Raises SampleError.
    Taught in 11_bring_your_own_model.
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
    if path.is_file() and path.suffix in (".npy", ".npz"):
        return _arrays(path, contract, entry, count, seed)
    raise SampleError(
        'Samples come from "auto", a number, "digits", "random", a folder of images, an .npy or an .npz. Found: '
        f"{str(source)!r}, which is {'a file of another kind' if path.exists() else 'not there'}. Check the spelling."
    )


def divide(source, taken, contract, entry=None):
    """Return (calibration inputs, inputs to try, their labels or None, a sentence on which are which).

    What calibrates a recipe should not try it too: digits calibrate from the training set, random inputs from another
    seed. Of samples of your own a third calibrates, at most 100, and where there are fewer than 40 all do both.
    """
    count = len(next(iter(taken.inputs.values())))
    if source in ("digits", "random"):
        number = min(100, _fit(contract, entry))
        if source == "digits":
            other = _digits("train", contract, entry, number)
            said = f"{number} training digits calibrate; {count} test digits try."
        else:
            other = _random(contract, entry, number, seed=1)
            said = f"{number} other random inputs calibrate; these {count} try."
        return other.inputs, taken.inputs, taken.labels, said
    if count < 40:
        return (
            taken.inputs,
            taken.inputs,
            taken.labels,
            f"{count} samples are few: they calibrate, and try as well.",
        )
    calibrates = np.zeros(count, bool)
    calibrates[np.linspace(0, count - 1, min(100, count // 3)).astype(int)] = (
        True  # of each class, where sorted by it
    )
    some = {name: values[calibrates] for name, values in taken.inputs.items()}
    rest = {name: values[~calibrates] for name, values in taken.inputs.items()}
    labels = None if taken.labels is None else taken.labels[~calibrates]
    return (
        some,
        rest,
        labels,
        f"{calibrates.sum()} of the samples calibrate; the other {(~calibrates).sum()} try.",
    )


def labels_of(folder, source, count):
    """Return (the names of `count` classes, where they are from), or ([], "").

    They are looked for in the assets of a SavedModel's folder, then in the samples' folder, as *label*.txt with a name
    a line. A list with "background" before them loses that line.
    """
    beside = Path(source).expanduser()
    for place, words in (
        (Path(folder, "assets"), "the SavedModel's assets"),
        (beside.parent if beside.is_file() else beside, "the samples' folder"),
    ):
        for name, lines in _lists(place, count) if count else []:
            if len(lines) == count:
                return lines, f"{name} in {words}"
    return [], ""


# What a model takes


def _fit(contract, entry=None):
    """Return how many samples fit into MOST bytes, as their answers do, at least 2; an open size there is 224."""
    given = sum(4 * math.prod(_shape(spec, entry)) for spec in contract.inputs.values())
    answers = (spec.sample or () for spec in contract.outputs.values())
    returned = sum(
        4 * math.prod(SIDE if size is None else size for size in sample) for sample in answers
    )
    return max(2, MOST // max(1, given, returned))


def _classes(contract):
    """Return the number of classes, where there is one output with as many numbers for each sample, or None."""
    outputs = list(contract.outputs.values())
    flat = len(outputs) == 1 and outputs[0].shape is not None and len(outputs[0].shape) == 2
    return (
        outputs[0].shape[1] if flat and outputs[0].shape[1] != 1 else None
    )  # one number is a share or a size


def _is_picture(sample):
    return sample is not None and len(sample) == 3 and sample[2] in (1, 3)


def _shape(spec, entry, side=SIDE, picture=False):
    """Return the shape of one sample with its open sizes filled: as the catalogue says, else by habit.

    With three dimensions it is taken for a picture, and with less where `picture` says so.
    """
    known = entry.input_size if entry else None
    picture = picture or len(spec.sample or ()) == 3 or len(known or ()) == 2
    if spec.sample is None:  # even the number of dimensions is open
        return (*(known or (side, side)), 3) if picture else known or ()
    habits = known or ((side, side) if picture else ())
    other = 3 if picture else OTHER if spec.batched else SOUND
    habits = (*habits, *(other for _ in spec.sample[len(habits) :]))
    return tuple(habit if size is None else size for habit, size in zip(habits, spec.sample))


def _picture_input(contract, entry, what, side=SIDE):
    """Return (name, spec, (height, width, ...)) of a model's one input, a picture. Raises SampleError.

    A picture is (height, width, channels) with 1 or 3 channels, or (height, width), which is gray.
    """
    found = "; ".join(f"{name}: {spec}" for name, spec in contract.inputs.items())
    [name, spec], *others = contract.inputs.items()
    shape = _shape(spec, entry, side, picture=True)
    if not others and len(shape) == 3 and shape[0] in (1, 3) and shape[2] not in (1, 3):
        raise SampleError(
            f"The model wants colours first, (channels, height, width), and {what} have them last, as LiteRT does. "
            f"Found: {found}. Give its inputs as an .npy, or wrap the model in a function that transposes."
        )
    if others or not (len(shape) == 2 or _is_picture(shape)) or spec.dtype not in PIXELS:
        raise SampleError(
            f"{what[0].upper()}{what[1:]} fit a model with one input, a picture of 1 or 3 channels. Found: {found}. "
            "Give the inputs as an .npz, with an array for each name."
        )
    return name, spec, shape


def _limits(spec, entry):
    """Return (lowest, highest, whether that is only assumed) of the numbers of a picture."""
    if entry and entry.input_range:
        return *entry.input_range, False
    if spec.dtype == "uint8":
        return 0, 255, False
    return 0, 255 if np.dtype(spec.dtype).kind in "iu" else 1, True


def _pictures(unit, spec, entry):
    """Return (pictures of [0, 1] in a model's range and dtype, a warning where that range is assumed)."""
    low, high, assumed = _limits(spec, entry)
    values = unit if (low, high) == (0, 1) else unit * np.float32(high - low) + np.float32(low)
    if np.dtype(spec.dtype).kind in "iu":
        values = np.rint(values)
    habit = "Hub's convention for images" if high == 1 else "the usual one of pixels"
    warning = (
        f"Nothing says which range the numbers of this model's pictures have: [{low}, {high}] was assumed, "
        f"{habit}. Ask its publisher."
    )
    return values.astype(spec.dtype), warning * assumed


# Where samples come from


def _digits(split, contract, entry, count):
    """Return the first digits of a split, in the model's size and channels; labels only where it has ten classes."""
    name, spec, shape = _picture_input(contract, entry, "digits", digits.SIZE)
    images, labels = digits.load(split)
    unit = digits.as_model_input(images[:count], (*shape, 1)[:3]).reshape(-1, *shape)
    values, warning = _pictures(unit, spec, entry)
    labels = labels[:count].astype(np.int64) if _classes(contract) == 10 else None
    return Samples({name: values}, labels, f"{len(values)} {split} digits", warning)


def _random(contract, entry, count, seed):
    """Return seeded noise for any model, with a warning of what it cannot prove."""
    generator = np.random.default_rng(seed)
    inputs, filled, ranges = {}, [], []
    for name, spec in contract.inputs.items():
        shape = _shape(spec, entry)
        if spec.sample is None or None in spec.sample:
            filled.append(f"{name!r} as {shape}")
        inputs[name], said = _noise(generator, name, spec, (count, *shape), entry)
        ranges.append(f"{name!r} {said}")
    warning = (
        "Random inputs show whether two forms of a model agree, on inputs that nobody will ever send. They do not show "
        "that either is right, nor what a recipe costs on real ones, and they may calibrate badly."
    )
    if filled:
        warning += f" Sizes that the signature leaves open were chosen: {', '.join(filled)}."
    return Samples(
        inputs, None, f"{count} random inputs (seed {seed}): {', '.join(ranges)}", warning
    )


def _noise(generator, name, spec, shape, entry):
    """Return (random values, what they are in words) for one input. Raises SampleError for a dtype without any."""
    if spec.dtype == "string":
        return generator.choice(np.array(TEXTS, object), shape), "fixed texts"
    kind = np.dtype(spec.dtype).kind if hasattr(np, spec.dtype) or spec.dtype == "bool" else ""
    if kind == "b":
        return generator.integers(0, 2, shape).astype(bool), "true or false"
    if kind not in ("f", "i", "u"):
        raise SampleError(
            f"There are no random inputs of this dtype. Found: {name!r}, {spec.dtype}. Give samples of your own."
        )
    low, high = (
        (0, 1) if kind == "f" else (0, 9)
    )  # small numbers are in range for most tables that a model looks up
    if spec.dtype in ("int8", "uint8"):
        low, high = np.iinfo(spec.dtype).min, np.iinfo(spec.dtype).max
    if entry and entry.input_range:
        low, high = entry.input_range
    if kind == "f":
        values = low + (high - low) * generator.random(shape, np.float32)
        return values.astype(spec.dtype), f"from {low:g} to {high:g}"
    return generator.integers(low, high, shape, endpoint=True).astype(
        spec.dtype
    ), f"whole, from {low} to {high}"


def _folder(path, contract, entry, count, seed):
    """Return the images in a folder and its sub-folders, resized bilinearly; sub-folders are labels where they can be.

    Other files are counted and left alone.
    """
    from PIL import Image

    name, spec, shape = _picture_input(contract, entry, "images")
    Image.init()
    suffixes = {
        suffix
        for suffix, kind in Image.registered_extensions().items()
        if kind in Image.OPEN and Image.MIME.get(kind, "").startswith("image/")
    }
    parts = {
        file: file.relative_to(path).parts for file in sorted(path.rglob("*")) if file.is_file()
    }
    files = [file for file in parts if not any(part.startswith(".") for part in parts[file])]
    images = [file for file in files if file.suffix.lower() in suffixes]
    if not images:
        raise SampleError(
            f"The folder holds no image. Found: {len(files)} other file{'s' * (len(files) != 1)} in {path}. "
            "Give a folder with images that Pillow opens, such as .jpg or .png."
        )
    labels, warnings = _folder_labels(path, [parts[file] for file in images], _classes(contract))
    picked = _picked(len(images), count, seed)
    unit = np.stack([_image(images[place], shape) for place in picked]) / np.float32(255)
    values, warning = _pictures(unit, spec, entry)
    others = len(
        [
            file
            for file in files
            if file.suffix.lower() not in suffixes and "label" not in file.name.lower()
        ]
    )
    of = f" of {len(images)}" * (len(picked) < len(images))
    source = (
        f"{len(picked)}{of} images from {path.resolve().name}, resized to {shape[1]} x {shape[0]}"
    )
    source += f"; {others} other file{'s' * (others != 1)} ignored" * (others > 0)
    labels = None if labels is None else labels[picked]
    return Samples({name: values}, labels, source, " ".join(filter(None, [warning, warnings])))


def _picked(total, count, seed):
    """Return which samples to take, in order: all, or `count` of them by chance, since the first may be one class."""
    if total <= count:
        return np.arange(total)
    return np.sort(np.random.default_rng(seed).choice(total, count, replace=False))


def _image(file, shape):
    """Return an image as uint8 pixels of a shape (height, width, ...), the right way up. Raises SampleError."""
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as image:
            if image.mode[0] in "IF":
                raise ValueError(f"pixels of more than 8 bits (mode {image.mode})")
            upright = ImageOps.exif_transpose(image).convert("RGB" if shape[2:] == (3,) else "L")
            return np.asarray(upright.resize(shape[1::-1], Image.Resampling.BILINEAR)).reshape(
                shape
            )
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise SampleError(
            f"An image cannot be read. Found: {file.name}, {_said(error)}. Save it again, or take it out of the folder."
        ) from None


def _said(error):
    """Return the kind of an error and its first line, which may hold a whole path, as a part of a sentence."""
    first = (str(error).splitlines() or [""])[0].strip(" .")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def _folder_labels(path, parts, classes):
    """Return (labels or None, a warning) for images at `parts` below `path`: their first sub-folder is the class.

    A class is a number, or a name in the folder's *label*.txt; there, "hot_dog" is "hot dog", and one of several names
    on a line is enough. Raises SampleError where only some can be understood, or a number is too large.
    """
    folders = [one[0] if len(one) > 1 else None for one in parts]
    names = sorted({folder for folder in folders if folder})
    if not names:
        return None, ""
    if None in folders:
        return (
            None,
            "There are images beside the sub-folders too, so the sub-folders are not taken as labels.",
        )
    listed = {}
    for _, lines in reversed(_lists(path, classes)):
        listed.update(_places(lines))
    numbers = {name: int(name) if name.isdecimal() else listed.get(_plain(name)) for name in names}
    unknown = [name for name in names if numbers[name] is None]
    if len(unknown) == len(names):
        return (
            None,
            "The sub-folders are neither class numbers nor in a *label*.txt, so they are not taken as labels.",
        )
    if unknown:
        raise SampleError(
            f"Some sub-folders are classes and others are not. Found: {', '.join(unknown)}, neither a number nor in a "
            "*label*.txt of the folder. Rename them, or take them out."
        )
    return _checked(np.array([numbers[folder] for folder in folders]), classes), ""


def _plain(text):
    return text.strip().lower().replace("_", " ")


def _places(lines):
    """Return {name: line number} of a list of labels, where each name on a line counts if it is on no other line."""
    found = {}
    for number, line in enumerate(lines):
        for name in {line, *line.split(",")}:
            found.setdefault(_plain(name), []).append(number)
    return {name: numbers[0] for name, numbers in found.items() if len(numbers) == 1}


def _lists(place, count):
    """Return [(file name, lines)] of the *label*.txt in a folder; one line too many, "background", is left out."""
    found = []
    for file in sorted(place.iterdir()) if place.is_dir() else []:
        if "label" in file.name.lower() and file.suffix.lower() == ".txt":
            lines = file.read_text(encoding="utf-8-sig", errors="replace").rstrip().splitlines()
            extra = len(lines) - 1 == count and lines[0].strip().lower() == "background"
            found.append((file.name, [line.strip() for line in lines[extra:]]))
    return found


def _arrays(path, contract, entry, count, seed):
    """Return the arrays of an .npy or .npz, in the model's dtypes where that loses nothing. Raises SampleError."""
    given, labels = _read(path, list(contract.inputs))
    if set(given) != set(contract.inputs):
        raise SampleError(
            f"The arrays have other names than the model's inputs. Found: {', '.join(given) or 'none'}. Give: "
            f'{", ".join(contract.inputs)}, and "labels" if you have them.'
        )
    counts = {name: len(value) if value.ndim else 0 for name, value in given.items()}
    if labels is not None:
        counts["labels"] = len(labels) if labels.ndim == 1 else 0
    total = max(counts.values())
    if set(counts.values()) != {total} or not total:
        raise SampleError(
            "Each array has to hold the samples one after another, as many as the others, at least one. Found: "
            f"{', '.join(f'{name} {number}' for name, number in counts.items())}. Give arrays of one length."
        )
    each = sum(value[:1].nbytes for value in given.values())
    picked = _picked(total, min(count, max(2, MOST // max(1, each))), seed)
    inputs = {
        name: _fitted(name, given[name][picked], spec) for name, spec in contract.inputs.items()
    }
    if labels is not None:
        if labels.dtype.kind not in "iu":
            raise SampleError(
                f"Labels are whole numbers. Found: {labels.dtype}. Give the numbers of the classes."
            )
        labels = _checked(labels[picked].astype(np.int64), _classes(contract))
    of = f" of {total}" * (len(picked) < total)
    inputs = {name: inputs[name] for name in contract.inputs}
    return Samples(
        inputs, labels, f"{len(picked)}{of} samples from {path.name}", _outside(inputs, entry)
    )


def _read(path, names):
    """Return ({input: array}, labels or None) of an .npy or .npz. Pickled objects, which can run code, are refused."""
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            loaded = {"the array": loaded}
        given = {name: loaded[name] for name in loaded}
    except Exception as error:  # a damaged file raises whatever the archive, the header or the decompression raises
        raise SampleError(
            f"The arrays cannot be read. Found: {path.name}, {_said(error)}. "
            "Save them with np.save or np.savez, as plain numbers or texts."
        ) from None
    labels = given.pop("labels", None) if "labels" not in names else None
    if len(names) == len(given) == 1:
        given = {names[0]: next(iter(given.values()))}
    return given, labels


def _fitted(name, value, spec):
    """Return an array in an input's dtype. Raises SampleError for another shape, and where the dtype would lose."""
    sample = spec.sample
    if sample is not None and not (
        value.ndim == 1 + len(sample)
        and all(size in (None, has) for size, has in zip(sample, value.shape[1:]))
    ):
        wanted = ", ".join(["n", *("any" if size is None else str(size) for size in sample)])
        raise SampleError(
            f"The samples for {name!r} have the wrong shape. Found: {value.shape}; the model takes ({wanted}), with n "
            "the number of samples. Change their size, or the order of their dimensions."
        )
    converted = _converted(value, spec.dtype)
    if converted is None:
        raise SampleError(
            f"The samples for {name!r} have another dtype, and converting them would lose something. Found: "
            f"{value.dtype}; the model takes {spec.dtype}. Convert them yourself, as the model's publisher does."
        )
    if converted.dtype.kind == "f" and not np.isfinite(converted).all():
        raise SampleError(
            f"Some numbers in the samples for {name!r} are none. Found: {np.sum(~np.isfinite(converted))} of "
            f"{converted.size}, such as NaN or infinity. Leave those samples out."
        )
    return converted


def _converted(value, dtype):
    """Return an array in a dtype, or None where that would lose something. A rounded float is the same number."""
    if dtype == "string":
        return value.astype(object) if value.dtype.kind in "US" else None
    if value.dtype == dtype:
        return value
    if (
        value.dtype.kind not in "fiu"
        or dtype == "bool"
        or (value.dtype.kind == "f" and not dtype.startswith("float"))
    ):
        return None
    with np.errstate(all="ignore"):
        converted = value.astype(dtype)
    rounded = value.dtype.kind == "f" and dtype in ("float32", "float64")
    return converted if rounded or np.array_equal(converted, value) else None


def _outside(inputs, entry):
    """Return a warning where numbers lie outside the range that the catalogue gives, or ""."""
    for name, values in inputs.items():
        if entry and entry.input_range and values.dtype.kind in "fiu" and values.size:
            low, high = entry.input_range
            if values.min() < low or values.max() > high:
                return (
                    f"The numbers for {name!r} run from {values.min():g} to {values.max():g}; the catalogue says that "
                    f"this model takes {low:g} to {high:g}."
                )
    return ""


def _checked(labels, classes):
    """Return labels that are numbers of classes. Raises SampleError for others."""
    if labels.min() < 0 or (classes and labels.max() >= classes):
        raise SampleError(
            f"A label is no class of the model. Found: {labels.min()} to {labels.max()}; its classes are "
            f"0 to {classes - 1 if classes else 'any'}. Check which list of labels it was trained with."
        )
    return labels
