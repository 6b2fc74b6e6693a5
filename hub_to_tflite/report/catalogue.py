"""What Hub's model families take and return, as far as their publishers say it: families.yaml.

A signature gives names, dtypes and shapes, but neither the range of the numbers nor what the
outputs mean. That is in each model's documentation. An unknown model has no entry.
"""

import copy
import functools
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from hub_to_tflite import knowledge
from hub_to_tflite.report.contracts import Contract
from hub_to_tflite.tables import table


@dataclass(frozen=True)
class Entry:
    """What the publisher of a model says; None where nothing is said.

    `input_range` is (lowest, highest); `input_size` has the sizes that a signature may leave
    dynamic: (height, width) of an image, (length,) of a sound or a sequence.
    """

    family: str
    input_range: tuple | None
    input_size: tuple | None
    output: str
    labels: str
    converts: str
    sources: tuple
    note: str | None = None


@functools.cache
def load() -> dict:
    """Return families.yaml with its abbreviations written out."""
    data = copy.deepcopy(knowledge.load(Path(__file__).with_name("families.yaml")))
    for family in data["families"]:
        for key in ("handles", "sources"):
            for name, whole in data["short"].items():
                family[key] = [one.replace(name, whole) for one in family[key]]
    return data


def find(handle: str, contract: Contract | None = None) -> Entry | None:
    """Return the Entry for a handle in any of its forms, or None where the model is unknown.

    The end of the handle decides: a tfhub.dev or Kaggle address, kagglehub's short form, another
    hub's address, or a folder whose last parts read so. A model that takes something else than its
    name says, by its contract, is unknown.
    """
    path = _path(handle)
    for family in load()["families"]:
        for pattern in family["handles"]:
            found = re.search(rf"(?:^|/){pattern}(?:/\d+)?$", path)
            if found and (contract is None or _takes(family, contract)):
                named = {name: one for name, one in found.groupdict().items() if one}
                return _entry(family, family.get("defaults", {}) | named, contract)
    return None


def known(entry: Entry | None) -> str:
    """Return what the catalogue knows about a model as Markdown, or what to ask its publisher."""
    if entry is None:
        return load()["unknown"]
    limits = entry.input_range and "{:g} to {:g}".format(*entry.input_range)
    facts = {
        "family": entry.family,
        "input range": limits or "the publisher does not say",
        "input size": " × ".join(map(str, entry.input_size or ())) or "the publisher does not say",
        "output": entry.output,
        "labels": entry.labels,
        "converts": entry.converts,
        "note": entry.note,
        "sources": ", ".join(f"[{n}]({url})" for n, url in enumerate(entry.sources, 1)),
    }
    return table([pair for pair in facts.items() if pair[1]], form="markdown")


def _takes(family, contract):
    """Return whether a contract has the dtypes of a family, and one of its shapes."""
    wanted, specs = load()["takes"][family["takes"]], list(contract.inputs.values())
    if [spec.dtype for spec in specs] != wanted["dtypes"]:
        return False
    shape = specs[0].shape
    return shape is None or any(
        len(one) == len(shape)
        and all(None in pair or pair[0] == pair[1] for pair in zip(one, shape))
        for one in wanted.get("shapes", [shape])
    )


def _entry(family, named, contract):
    """Return the Entry of a family for a handle whose parts are `named`, {group: text}."""

    def value(key):
        one = family.get(key)
        if isinstance(one, dict):
            one = {str(name): text for name, text in one.items()}[one["by"].format(**named)]
        return one.format(**named) if isinstance(one, str) else one

    labels, classes, size = value("labels"), value("classes"), value("input_size")
    if named.get("task") == "feature_vector":
        labels = "none: it names nothing"
    elif classes:
        outputs = [spec.shape for spec in contract.outputs.values()] if contract else []
        if len(outputs) == 1 and outputs[0] and len(outputs[0]) == 2:
            classes = outputs[0][1] or classes
        labels = load()["lists"].get(classes, f"{classes:,}, and its publisher has no such list")
    if size is not None:
        size = tuple(size) if isinstance(size, list) else (int(size), int(size))
    limits = tuple(family["input_range"]) if "input_range" in family else None
    sources = tuple(source.format(**named) for source in family["sources"])
    texts = value("output"), labels, value("converts"), sources, value("note")
    return Entry(value("family"), limits, size, *texts)


def _path(handle):
    """Return the path of a handle in one spelling: lower case, underscores, nothing but names."""
    text = re.sub(r"[?#].*", "", str(handle))
    path = urlsplit(text).path if "://" in text else Path(text).as_posix()
    path = re.sub(r"\.tar\.gz$|\.tgz$", "", path.replace("\\", "/").rstrip("/").lower())
    # Kaggle writes the same handle with and without these words.
    return re.sub(r"/(frameworks|variations|versions)(?=/)", "", path.replace("-", "_"))
