"""What each recipe gave: the errors of its file's outputs, its time, its memory. No TensorFlow.

The reference is the SavedModel's own outputs. `run_file` and `benchmark_files` are for a sandbox.
"""

import dataclasses
import math
import re
from collections import Counter
from pathlib import Path

import numpy as np

from helpers import benchmark, parity
from hub_to_tflite.file import identify
from hub_to_tflite.report import contracts
from hub_to_tflite.report.catalogue import Entry
from hub_to_tflite.report.contracts import Arrays, Contract
from hub_to_tflite.report.messages import message
from hub_to_tflite.sandbox import memory
from hub_to_tflite.tables import table
from hub_to_tflite.targets import TARGETS, Report

OWN = 240  # characters of an error's own words beside its explanation
PLACE = re.compile(r"<unknown>:0: error: loc\(.*?\): ")  # where in the graph, by the converter
OPS = re.compile(r"'tf\.\w+' op is [\w ]+|(?:TF Select|Custom) ops: [^\n]+")


class ComparisonError(ValueError):
    """Outputs that cannot be compared: other shapes, or NaN and infinity in other positions."""


@dataclasses.dataclass(frozen=True)
class Result:
    """What a recipe gave. Where no file runs, `failure` says why, and the numbers are None."""

    recipe: str
    path: Path | None = None
    bytes: int | None = None
    max_error: float | None = None  # the largest absolute error of any output
    relative_error: float | None = None  # the same, divided by that output's range
    agree: int | None = None  # samples with the same top-1; without scores, within the tolerance
    total: int | None = None  # samples
    correct: int | None = None  # samples with the right top-1, where labels are known
    ratio: tuple | None = None  # (low, median, high) of its time, divided by the first file's
    peak_mb: float | None = None  # of a process that runs only this file, in MB (10^6 bytes)
    failure: str | None = None
    output: str | None = None  # the one with the largest relative error
    model: identify.flatbuffer.Model | None = None  # what the file says of itself
    errors: dict | None = None  # {output: its relative error}

    def plain(self) -> dict:
        """Return the numbers as JSON holds them: of `ratio` the median, infinity as None."""
        values = {name: one for name, one in vars(self).items() if name not in ("path", "model")}
        values["ratio"] = self.ratio[1] if self.ratio else None
        infinite = [n for n, v in values.items() if isinstance(v, float) and not math.isfinite(v)]
        if self.errors:
            finite = {n: v if math.isfinite(v) else None for n, v in self.errors.items()}
            values["errors"] = finite
        return values | dict.fromkeys(infinite)


def run_file(path: Path, contract: Contract, inputs: Arrays) -> tuple[Arrays, float]:
    """Return ({output: array (n, ...)}, this process's peak memory in MB) of a .tflite."""
    return contracts.run(path, contract, inputs), memory.peak() / 1e6


def benchmark_files(
    paths: dict[str, Path], contract: Contract, inputs: Arrays, threads: int = 1, seconds: float = 6
) -> dict[str, tuple]:
    """Return {recipe: (low, median, high)}: the time of `invoke`, divided by the first file's.

    `paths` is {recipe: path}. All files take turns in this process, for about `seconds`.
    """
    feed = next(contracts.feeds(contract, inputs))
    candidates = {name: contracts.invoker(path, feed, threads) for name, path in paths.items()}
    once = benchmark.measure(candidates, rounds=1, warm_up=1).values()
    rounds = seconds / (2 * sum(float(spent[0]) for spent in once) + 1e-9) - 3
    spent = benchmark.measure(candidates, rounds=int(np.clip(rounds, 3, 50)))
    first = next(iter(paths))
    return {name: benchmark.ratio(spent, name, first) for name in paths}


def scored_output(
    handle: str, reference: Arrays, labels: np.ndarray | None, entry: Entry | None = None
) -> str | None:
    """Return the name of the output that scores classes, or None: a heuristic.

    It is a model's only output, has two dimensions, and one more sign: labels, "classification" in
    the handle, the catalogue's word, or probabilities that add up to 1.
    """
    name, scores = next(iter(reference.items()))
    if len(reference) > 1 or scores.ndim != 2 or scores.shape[1] < 2 or scores.dtype.kind != "f":
        return None
    known = entry.output.lower() if entry else ""
    if "feature vector" in known:
        return None
    probabilities = (scores >= 0).all() and np.allclose(scores.sum(1), 1, atol=1e-2)
    said = "classification" in str(handle) or "logit" in known or "probabilit" in known
    return name if said or labels is not None or probabilities else None


def errors(reference: Arrays, outputs: Arrays) -> dict[str, tuple[np.ndarray, float]]:
    """Return {output: (largest absolute error of each sample (n,), range of the reference)}.

    The range is the largest number minus the smallest; of equal numbers, their size. Strings and
    integers (such as class ids) are equal or different: error and range are 1. Raises
    ComparisonError if shapes differ, or NaN and infinity are in other positions.
    """
    found = {}
    for name, expected in reference.items():
        actual = outputs[name]
        if expected.shape != actual.shape:
            shapes = {"actual": actual.shape, "expected": expected.shape}
            raise ComparisonError(message("other shape", name=name, **shapes))
        if expected.dtype.kind in "OSU":
            expected, actual = expected.astype(bytes), actual.astype(bytes)
        if expected.dtype.kind == "c":
            expected, actual = (np.stack([one.real, one.imag], -1) for one in (expected, actual))
        if _exact(expected):
            error, range_ = (expected != actual).astype(float), 1.0
        else:
            error, range_ = _error(name, expected, actual)
        found[name] = error.reshape(len(error), -1).max(1, initial=0), range_
    return found


def _exact(values):
    """Return whether outputs are equal or not, and nothing between: class ids, booleans, texts."""
    return values.dtype.kind in "OSUb" or values.dtype.name in ("int32", "int64")


def _error(name, expected, actual):
    """Return (absolute error of each number, range of `expected`) of floats and small integers."""
    finite = np.isfinite(expected)
    same = np.array_equal(expected[~finite], actual[~finite], equal_nan=True)
    if not same or expected.size and not finite.any():
        raise ComparisonError(message("other positions", name=name))
    bad = np.sum(~np.isfinite(actual[finite]))
    if bad:
        raise ComparisonError(message("bad values", name=name, bad=bad, size=actual.size))
    values = expected[finite].astype(np.float64)
    error = np.zeros(expected.shape)
    error[finite] = np.abs(values - actual[finite])
    return error, _range(values)


def _range(values):
    """Return the largest of finite numbers minus the smallest; of equal numbers, their size."""
    return float(np.ptp(values) or np.abs(values).max()) if values.size else 0.0


def measure(
    recipe: str,
    path: Path,
    reference: Arrays,
    outputs: Arrays,
    peak_mb: float,
    tolerance: float,
    scores: str | None = None,
    labels: np.ndarray | None = None,
) -> Result:
    """Return the Result of a file whose outputs are known; `scores` names the output with scores.

    `tolerance` is a relative error. Raises ComparisonError.
    """
    found = errors(reference, outputs)
    worst = {name: (float(error.max()), range_) for name, (error, range_) in found.items()}
    output = max(worst, key=lambda name: _relative(*worst[name]))
    near = np.all([error <= tolerance * range_ for error, range_ in found.values()], axis=0)
    same = outputs[scores].argmax(1) == reference[scores].argmax(1) if scores else near
    return Result(
        recipe,
        path,
        path.stat().st_size,
        worst[output][0],
        _relative(*worst[output]),
        int(same.sum()),
        len(near),
        correct(outputs, scores, labels),
        peak_mb=peak_mb,
        output=output,
        model=identify.identify(path).model,
        errors={name: _relative(*one) for name, one in worst.items()},
    )


def correct(outputs: Arrays, scores: str | None, labels: np.ndarray | None) -> int | None:
    """Return how many samples have their label as top-1; None without labels or scores."""
    if scores is None or labels is None:
        return None
    return int(np.sum(outputs[scores].argmax(1) == labels))


def _relative(error, range_):
    if range_:
        return error / range_
    return math.inf if error else 0.0


def reason(error: Exception) -> str:
    """Return why something failed: the gallery's words if it knows the error, and its own.

    Raises the error itself where it's the disk's, and no recipe's.
    """
    from hub_to_tflite.errors import explain

    text = str(error)  # of a SandboxError it begins with the exception's name
    if isinstance(error, OSError) or "No space left on device" in text:
        raise error
    if died := re.search(r"ended with (signal \d+ \(\w+\))", text):
        return message("died", signal=died[1])
    words, ops = " ".join(text.split()), "; ".join(_ops(text))
    entries = explain.explain(text)
    if entries:
        said = f"{entries[0].cause} {entries[0].fix} In its own words: {_own(text)}"
        return f"{ops[:OWN]}. {said}" if ops else said
    words = ops or words
    return f"{words[:400]} ..." if len(words) > 400 else words


def _ops(text):
    """Return what an error says of ops: its lists of them, and those that are in no list."""
    found = list(dict.fromkeys(OPS.findall(text)))
    lists = [one for one in found if one.partition(" ")[0] in ("TF", "Custom")]
    known = " ".join(lists)
    return [one for one in found if one not in lists and one.split("'")[1][3:] not in known] + lists


def _own(text):
    """Return the line of an error that says what went wrong, cut where it's long."""
    lines = [PLACE.sub("", " ".join(line.split())) for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"error|fail|not |cannot|invalid", line, re.I)]
    line = [*telling, *lines, "none."][0]
    return f"{line[:OWN]} ..." if len(line) > OWN else line


# Tables, in Markdown


def predictions_table(forms: dict[str, Arrays], scores: str, names: list) -> str:
    """Return the top-1 of the first six samples in each form of the model: name or number."""
    rows = []
    for form, outputs in forms.items():
        top = outputs[scores][:6].argmax(1)
        rows.append([form, *(names[index] if names else f"class {index}" for index in top)])
    samples = [f"sample {number + 1}" for number in range(len(rows[0]) - 1)]
    return table(rows, ["form", *samples], "markdown")


def bullets(*lines: str) -> str:
    """Return the lines that say something as a list."""
    return "\n".join(f"- {line}" for line in lines if line).replace("<", "&lt;")


def reference_table(reference: Arrays, tolerance: float) -> str:
    """Return each output's dtype, shape and range, and the absolute error that's allowed."""
    rows = []
    for name, value in reference.items():
        low = high = allowed = None
        numbers = value[np.isfinite(value)] if value.dtype.kind in "fiu" else value[:0]
        if numbers.size:
            low, high = f"{numbers.min():.3g}", f"{numbers.max():.3g}"
            allowed = f"{tolerance * _range(numbers.astype(float)):.2g}"
        allowed = "0" if _exact(value) and tolerance < 1 else allowed
        dtype = "string" if value.dtype.kind in "OSU" else value.dtype
        rows.append((name, dtype, value.shape, low, high, allowed))
    return table(rows, ["output", "dtype", "shape", "from", "to", "tolerance"], "markdown")


def failures(refused: dict[str, str]) -> str:
    """Return {recipe: why it does not convert} as a list, recipes with the same reason together."""
    lines = []
    for why, names in _same(refused).items():
        do = "do" if ", " in names else "does"
        lines.append(f"**{names}** {do} not convert: {why}")
    return bullets(*lines) or "Every recipe converted."


def fixed_batch(files: dict[str, Path], contract: Contract) -> str:
    """Return a sentence on the files that take one sample at a time where the model takes any."""
    batched = [one.shape for name, one in contract.inputs.items() if contract.batched(name)]
    if not any(shape and shape[0] is None for shape in batched):
        return ""
    models = {name: identify.identify(path).model for name, path in files.items()}
    names = [name for name, one in models.items() if not any(x.dynamic for x in one.inputs)]
    return message("fixed batch", names=", ".join(names)) if names else ""


def _same(reasons: dict[str, str]) -> dict[str, str]:
    """Return {reason: names, joined} for {name: reason}."""
    same = {}
    for name, why in reasons.items():
        same.setdefault(" ".join(why.split()), []).append(name)
    return {why: ", ".join(names) for why, names in same.items()}


def targets_table(checked: dict[str, Report]) -> str:
    """Return which target runs which file, then each refusal once; {recipe: targets.check's}."""
    rows = [(name, *(one.mark for one in found.targets)) for name, found in checked.items()]
    lines = []
    for target in TARGETS:
        refused = {name: found[target] for name, found in checked.items()}
        reasons = {name: one.reason for name, one in refused.items() if one.mark == "no"}
        lines += [f"- {target}, {names}: {why}" for why, names in _same(reasons).items()]
    text = "\n".join(lines).replace("<", "&lt;")
    return f"{table(rows, ['recipe', *TARGETS], 'markdown')}\n\n{text}" if rows else "No file."


def alike(reference: Arrays, scores: str | None) -> str:
    """Return a remark if the SavedModel predicts the same for all samples, else ""."""
    arrays = [reference[scores].argmax(1)] if scores else list(reference.values())
    same = all(np.array_equal(one, np.broadcast_to(one[:1], one.shape)) for one in arrays)
    if same:
        return message("alike")
    count = max(Counter(arrays[0].tolist()).values()) if scores else 0
    if 2 * count > len(arrays[0]):
        return message("mostly alike", count=count, total=len(arrays[0]))
    return ""


def not_numbers(reference: Arrays) -> str:
    """Return a remark if the SavedModel itself returns NaN or infinity, else ""."""
    bad = {name: ~np.isfinite(one) for name, one in reference.items() if one.dtype.kind in "fc"}
    found = [f"{one.sum():,} of {one.size:,} in {name!r}" for name, one in bad.items() if one.any()]
    return message("not numbers", found=", ".join(found)) if found else ""


def changing(reference: Arrays, again: Arrays) -> str:
    """Return a remark if `again`, of the first samples alone, isn't the same once more, else ""."""
    count = len(next(iter(again.values())))
    first = {name: values[:count] for name, values in reference.items()}
    try:
        moved = {name: error.max() for name, (error, _) in errors(first, again).items()}
        ranges = {name: range_ for name, (_, range_) in errors(reference, reference).items()}
    except ComparisonError:  # such as only NaN: the recipes' rows say it
        return ""
    same = all(_relative(one, ranges[name]) < 1e-3 for name, one in moved.items())
    return "" if same else message("changing")


def doubts(reference: Arrays, scores: str | None, labels: np.ndarray | None) -> str:
    """Return a remark if the labels of the samples do not seem to be this model's, else ""."""
    if labels is None:
        return ""
    if not scores:
        return message("labels of no classifier")
    right, total = correct(reference, scores, labels), len(labels)
    chance = 1 / reference[scores].shape[1]
    if parity.wilson(right, total)[0] <= chance:
        return message("labels by chance", right=right, total=total, chance=chance)
    return ""


def short_table(results: list[Result]) -> str:
    """Return size, relative error and agreement of all recipes: what is the same in every run."""
    rows = []
    for one in results:
        row = ["failed", None, None, None]
        if one.bytes:
            error, same = one.relative_error, f"{one.agree} of {one.total}"
            error = "no number" if error is None else parity.percent(error)
            row = [f"{one.bytes:,}", one.output, error, same]
        rows.append([one.recipe, *row])
    head = ["recipe", "bytes", "worst output", "relative error", "same"]
    return f"{table(rows, head, 'markdown')}\n\n{_unchanged(results)}".strip()


def _unchanged(results):
    """Return a sentence if dynamic range gave the model of float32, its settings aside, else ""."""
    models = {one.recipe: one.model for one in results if one.model}
    pair = [models.get(name) for name in ("float32", "dynamic range")]
    same = None not in pair and len({(one.ops, str(one.constants)) for one in pair}) == 1
    return message("unchanged") if same else ""


def outputs_table(results: list[Result]) -> str:
    """Return the worst relative error of each output in each file, if there are several outputs."""
    measured = {one.recipe: one.errors for one in results if one.errors and len(one.errors) > 1}
    if not measured:
        return ""
    names = next(iter(measured.values()))
    rows = [
        (name, *(parity.percent(errors[name]) for errors in measured.values())) for name in names
    ]
    return f"Each output by itself:\n\n{table(rows, ['output', *measured], 'markdown')}"


def needs_table(results: list[Result]) -> str:
    """Return what each file needs: its ops, which are not built in, the oldest runtime."""
    rows = []
    for recipe, model in [(one.recipe, one.model) for one in results if one.model]:
        ops = ", ".join(map(str, model.ops))
        extra = ", ".join(f"{op.kind} {op.name}" for op in model.ops if op.kind != "builtin")
        old = [int(part) for part in re.findall(r"\d+", model.runtime)] < [2, 10]
        oldest = "before 2.10" if old and model.runtime else model.runtime or "not stated"
        rows.append((recipe, ops, extra or "none", oldest))
    head = ["recipe", "ops", "Flex or custom", "oldest TensorFlow"]
    return table(rows, head, "markdown") if rows else "No file."


def numbers_table(results: list[Result]) -> str:
    """Return all numbers of all recipes. Times and memory differ from run to run."""
    rows = []
    for one in results:
        if one.failure:
            rows.append([one.recipe, "failed", *[None] * 7])
            continue
        right = interval = time = None
        if one.correct is not None:
            low, high = parity.wilson(one.correct, one.total)
            right, interval = f"{one.correct} of {one.total}", f"{low:.1%} to {high:.1%}"
        if one.ratio:
            time = "{1:.2f} ({0:.2f} to {2:.2f})".format(*one.ratio)
        error, relative = f"{one.max_error:.2g}", f"{one.relative_error:.2g}"
        same = f"{one.agree} of {one.total}"
        row = [one.recipe, f"{one.bytes:,}", error, relative, same, right, interval, time]
        rows.append([*row, f"{one.peak_mb:.0f}"])
    head = ["recipe", "bytes", "max error", "relative", "same", "right"]
    columns = zip([*head, "95 % interval", "time", "peak MB"], *rows)
    head, *rows = zip(*(one for one in columns if any(one[1:])))  # nothing known: no column
    return table(rows, head, "markdown")
