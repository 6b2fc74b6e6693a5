"""Several recipes for one model, and a plain rule that recommends one. Used in 11_bring_your_own_model.

A row holds what was measured of one recipe's file; the verdict says of each whether it keeps the model, and why. What
runs a file is called in a process of its own (processes.apart). No TensorFlow.
"""

import contextlib
import math
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np

from helpers import benchmark, convert, handles, parity
from hub_to_tflite.errors import explain
from hub_to_tflite.file import identify
from hub_to_tflite.report import contracts
from hub_to_tflite.sandbox import processes, trial

AGREEMENT = 0.98  # the share of samples whose top-1 must stay in place
PLAIN = (
    "RecipeError",
    "ContractError",
    "SampleError",
    "HandleError",
    "Refused",
)  # their words are a reader's already
TELLING = re.compile(r"'tf\.\w+' op is [\w ]+|(?:TF Select|Custom) ops: [^\n]+")


class VerdictError(ValueError):
    """A parameter that cannot be followed. The message says what is wrong, what was found, what to do."""


@dataclass(frozen=True)
class Row:
    """What a recipe gave. Where it gave no file that runs, `error` says why, and the numbers are None."""

    recipe: str
    path: Path | None = None
    bytes: int | None = None
    max_diff: float | None = None  # the largest |difference| of any output
    share: float | None = None  # the same as a share of that output's range
    agree: int | None = (
        None  # classifiers: samples with the same top-1; others: samples within the tolerance
    )
    total: int | None = None  # samples
    correct: int | None = None  # where there are labels
    ratio: tuple | None = None  # (low, median, high) of the time of one answer over float32's
    peak_mb: float | None = None  # of a process that runs nothing but the file, in MB (10^6 bytes)
    error: str | None = None
    model: identify.flatbuffer.Model | None = None  # what the file says of itself
    per_output: dict = field(
        default_factory=dict
    )  # name -> (largest |difference|, as a share of its range)

    def plain(self):
        """Return the row's numbers as a dictionary that JSON can hold; of (low, median, high) the median."""
        names = ("recipe", "bytes", "max_diff", "agree", "total", "correct", "peak_mb", "error")
        told = {
            **{name: getattr(self, name) for name in names},
            "ratio": self.ratio and self.ratio[1],
        }
        return {
            n: None if isinstance(value, float) and not math.isfinite(value) else value
            for n, value in told.items()
        }


# The parameters


def wanted(names):
    """Return the recipes that RECIPES names: "all", or names joined with "; ". Raises VerdictError."""
    asked = (
        [name.strip() for name in names.split(";") if name.strip()]
        if isinstance(names, str)
        else []
    )
    if asked == ["all"]:
        return list(convert.RECIPES)
    unknown = [name for name in asked if name not in convert.RECIPES]
    if unknown or not asked:
        raise VerdictError(
            f'RECIPES must be "all", or names joined with "; ". Found: {unknown[0] if unknown else names!r}. '
            f"The names are: {'; '.join(convert.RECIPES)}."
        )
    return [recipe for recipe in convert.RECIPES if recipe in asked]


def allowed(tolerance):
    """Return TOLERANCE as a number. Raises VerdictError."""
    with contextlib.suppress(TypeError, ValueError):
        value = float(tolerance)
        if value >= 0 and math.isfinite(value) and not isinstance(tolerance, bool):
            return value
    raise VerdictError(
        f"TOLERANCE must be a number of 0 or more, a share of the output's range such as 0.05. Found: {tolerance!r}."
    )


def threads():
    """Return the threads that the environment variable THREADS asks for, or 1. Raises VerdictError."""
    asked = os.environ.get("THREADS") or "1"
    if not asked.isdecimal() or not 1 <= int(asked) <= 256:
        raise VerdictError(f"THREADS must be a whole number from 1 to 256. Found: {asked!r}.")
    return int(asked)


def split(handle):
    """Return (handle, signature or None) of a HANDLE that may end in "#signature"."""
    if not isinstance(handle, str) or "#" not in handle or Path(handle).exists():
        return handle, None
    name, _, signature = handle.rpartition("#")
    return name, signature or None


def opened(handle):
    """Return (the SavedModel folder behind a HANDLE, its Contract). Loads it. Raises HandleError, ContractError."""
    handle, signature = split(handle)
    folder = handles.fetch(handles.check(handle))
    return folder, contracts.read(folder, signature)


def slug(handle):
    """Return a short name for files: the end of a handle, in letters, digits, dots and hyphens."""
    name, signature = split(handle)
    parts = [part for part in urlsplit(str(name)).path.replace("\\", "/").split("/") if part][-4:]
    words = "-".join([*parts, *([signature] if signature else [])]).replace(".tar.gz", "")
    return re.sub(r"[^\w.]+", "-", words).strip("-.") or "model"


# What LiteRT does, each in a process of its own


def run(path, contract, inputs):
    """Return ({output: array (n, ...)}, peak memory of this process in MB) of a .tflite."""
    trial.limit(3600)
    return contracts.run(path, contract, inputs), trial.peak() / 1e6


def race(paths, contract, inputs, threads=1, seconds=6):
    """Return {recipe: (low, median, high)}: how many times as long `invoke` takes as float32's, or the first one's.

    `paths` is {recipe: path}. All files take turns in this process, for about `seconds` (08_measure).
    """
    one = next(contracts.feeds(contract, inputs))
    ways = {
        recipe: contracts.invoker(path, contract, one, threads) for recipe, path in paths.items()
    }
    once = sum(float(spent[0]) for spent in benchmark.measure(ways, rounds=1, warm_up=1).values())
    spent = benchmark.measure(ways, rounds=int(np.clip(seconds / (2 * once + 1e-9) - 3, 3, 50)))
    over = "float32" if "float32" in ways else next(iter(ways))
    return {recipe: benchmark.ratio(spent, recipe, over) for recipe in ways}


# The rows


def classifies(handle, reference, labels, entry=None):
    """Return the name of the output that scores classes, or None: a rule of thumb, explained in the lesson.

    There must be one output of two dimensions, and one more sign: labels, "classification" in the handle, what the
    catalogue says, or scores that are shares of 1.
    """
    [(name, scores), *more] = reference.items()
    if (
        more
        or scores.ndim != 2
        or scores.shape[1] < 2
        or not np.issubdtype(scores.dtype, np.floating)
    ):
        return None
    shares = bool((scores >= 0).all() and np.allclose(scores.sum(1), 1, atol=1e-2))
    known = str(getattr(entry, "output", "")).lower()
    said = "logit" in known or "probabilit" in known
    if "feature vector" in known:
        return None
    return name if labels is not None or "classification" in str(handle) or said or shares else None


def compare(reference, outputs):
    """Return {output: (largest |difference| of each sample (n,), range)} of answers beside the reference's.

    The range is the reference's largest minus its smallest number; where all are alike, their size. Of texts and of
    whole numbers, which may be the numbers of classes, a difference is 1 and the range too. Raises Refused for other
    shapes, and where numbers that are none stand elsewhere.
    """
    found = {}
    for name, before in reference.items():
        after = outputs[name]
        if before.shape != after.shape:
            raise processes.Refused(
                f"Its output {name!r} has the shape {after.shape}, and the SavedModel's {before.shape}."
            )
        if before.dtype.kind in "OSU":
            apart, span = (before.astype(bytes) != after.astype(bytes)).astype(float), 1.0
        elif before.dtype.kind == "b" or before.dtype.name in ("int32", "int64"):
            apart, span = (before != after).astype(float), 1.0
        else:
            finite = np.isfinite(before)
            if not finite.any() or not np.array_equal(
                before[~finite], after[~finite], equal_nan=True
            ):
                raise processes.Refused(
                    f"In its output {name!r} or the SavedModel's, numbers are missing (NaN, inf)."
                )
            if not np.isfinite(after[finite]).all():
                bad = np.sum(~np.isfinite(after[finite]))
                raise processes.Refused(
                    f"{bad} of the {after.size} values in its output {name!r} are no numbers."
                )
            before, after = (np.where(finite, one, 0).astype(np.float64) for one in (before, after))
            apart, values = np.abs(before - after), before[finite]
            span = float(np.ptp(values) or np.abs(values).max())
        found[name] = apart.reshape(len(apart), -1).max(1, initial=0), span
    return found


def measured(recipe, path, reference, outputs, peak_mb, tolerance, scores=None, labels=None):
    """Return the Row of a file whose answers are known. `scores` names the output that scores classes, if one does."""
    found = compare(reference, outputs)
    per_output = {
        name: (float(apart.max()), _share(apart.max(), span))
        for name, (apart, span) in found.items()
    }
    near = np.all([apart <= tolerance * span for apart, span in found.values()], axis=0)
    top = outputs[scores].argmax(1) if scores else None
    max_diff, share = max(per_output.values(), key=lambda pair: pair[1])
    return Row(
        recipe,
        Path(path),
        Path(path).stat().st_size,
        max_diff,
        share,
        int(np.sum(top == reference[scores].argmax(1)) if scores else near.sum()),
        len(near),
        correct(outputs, scores, labels),
        None,
        peak_mb,
        model=identify.identify(path).model,
        per_output=per_output,
    )


def correct(outputs, scores, labels):
    """Return how many answers have the label on top; None without labels, or where nothing scores classes."""
    return (
        int(np.sum(outputs[scores].argmax(1) == labels)) if scores and labels is not None else None
    )


def _share(apart, span):
    return float(apart / span) if span else (math.inf if apart else 0.0)


def reason(error):
    """Return why something failed: the gallery's words where it knows the error (see explain), else its own."""
    kind = getattr(error, "name", "") or type(error).__name__
    telling = list(dict.fromkeys(TELLING.findall(str(error))))
    entries = [] if kind in PLAIN else explain.explain(f"{kind}: {error}")
    if entries:
        entry = entries[0]
        return " ".join([*(f"{line}." for line in telling[-1:]), entry.cause, entry.fix])
    words = " ".join(
        (str(error) if kind in PLAIN else telling[-1] if telling else f"{kind}: {error}").split()
    )
    return words[:400] + " ..." * (len(words) > 400)


# The verdict


@dataclass(frozen=True)
class Verdict:
    """Which recipe to take. `recommended` is a recipe or None; `reasons` is {recipe: (kept, why)}."""

    recommended: str | None
    reasons: dict
    scores: bool  # the model scores classes
    tolerance: float

    @property
    def rule(self):
        """The rule as a sentence."""
        same = (
            f", and the same top-1 on at least {AGREEMENT:.0%} of the samples"
            if self.scores
            else ""
        )
        return (
            "The smallest file that runs in Python and keeps the model: no number further off than "
            f"{self.tolerance:g} of its output's range{same}; where the true classes are known, no fewer right answers "
            "than the lower end of the SavedModel's 95 % interval."
        )

    def __repr__(self):
        width = max(map(len, self.reasons))
        lines = [
            f"{recipe:{width}}  {'keeps' if kept else 'no   '}  {why}"
            for recipe, (kept, why) in self.reasons.items()
        ]
        return "\n".join([f"Recommended: {self.recommended or 'none'}", *lines])

    def _repr_markdown_(self):
        rows = [
            [
                f"**{recipe}**" if recipe == self.recommended else recipe,
                "yes" if kept else "no",
                why,
            ]
            for recipe, (kept, why) in self.reasons.items()
        ]
        head = f"**Recommended: {self.recommended or 'none of them'}**"
        return f"{head}\n\n{table(['recipe', 'keeps the model', 'why'], rows)}"


def judge(rows, tolerance, scores=None, before=None):
    """Return the Verdict on rows of one model. `before` is the SavedModel's number of right answers, if known."""
    reasons = {row.recipe: _keeps(row, tolerance, scores, before) for row in rows}
    kept = [row for row in rows if reasons[row.recipe][0]]
    best = min(kept, key=lambda row: row.bytes, default=None)
    if best:
        reasons[best.recipe] = (
            True,
            f"{reasons[best.recipe][1]}; the smallest of the {len(kept)} that keep the model",
        )
    return Verdict(best and best.recipe, reasons, bool(scores), tolerance)


def _keeps(row, tolerance, scores, before):
    """Return (whether a row's file keeps the model, why)."""
    if row.error:
        return False, row.error
    if row.share > tolerance:
        off = "any share" if math.isinf(row.share) else f"{row.share:.2g}"
        return False, f"a number is off by {off} of its output's range, more than {tolerance:g}"
    if scores and row.agree < AGREEMENT * row.total:
        return (
            False,
            f"top-1 is the same on {row.agree} of {row.total} samples, fewer than {AGREEMENT:.0%}",
        )
    if row.correct is not None and row.correct < parity.wilson(before, row.total)[0] * row.total:
        lost = f"{row.correct} of {row.total} right, and the SavedModel {before}"
        return False, f"{lost}: below its 95 % interval"
    parts = [f"{row.bytes:,} bytes", f"within {tolerance:g}"]
    parts += [f"same top-1 on {row.agree} of {row.total}"] if scores else []
    return True, ", ".join(
        [*parts, *([f"{row.correct} of {row.total} right"] if row.correct is not None else [])]
    )


def whole_numbers(verdict):
    """Return a sentence on targets that have whole numbers only, such as many microcontrollers."""
    if "int8" not in verdict.reasons:
        return (
            "For a target with whole numbers only, try the recipe int8 too: it was not among these."
        )
    kept, why = verdict.reasons["int8"]
    if kept:
        return f"For a target with whole numbers only, such as many microcontrollers, int8 keeps the model too: {why}."
    return f"For a target with whole numbers only, this model needs more work: int8 does not keep it ({why.rstrip('.')})."


# Tables, in Markdown


def table(head, rows, right=()):
    """Return a Markdown table; the columns whose number is in `right` are aligned to the right."""
    line = ["---:" if place in right else "---" for place in range(len(head))]
    cells = [
        [" ".join(str(cell).split()).replace("|", "\\|").replace("<", "&lt;") for cell in row]
        for row in rows
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, line, *cells])


def contract_table(contract):
    """Return what goes in and what comes out."""
    sides = (("in", contract.inputs), ("out", contract.outputs))
    return table(
        ["", "name", "dtype and shape"],
        [[way, f"`{n}`", s] for way, specs in sides for n, s in specs.items()],
    )


def answers_table(forms, scores, names, count=6):
    """Return the top-1 of the first `count` samples in each form, {form: {output: array}}: its name, or its number."""
    tops = {form: outputs[scores][:count].argmax(1) for form, outputs in forms.items()}
    said = [[form, *(names[top] if names else top for top in row)] for form, row in tops.items()]
    return table(["form", *(f"sample {number + 1}" for number in range(len(said[0]) - 1))], said)


def refusals(refused):
    """Return {recipe: why it does not convert} as a list, recipes that failed alike together."""
    alike = {}
    for recipe, why in refused.items():
        alike.setdefault(why, []).append(recipe)
    lines = [
        f"- **{', '.join(names)}** does not convert: {' '.join(why.split())}"
        for why, names in alike.items()
    ]
    return "\n".join(lines).replace("<", "&lt;") or "Every recipe converted."


def outputs_table(rows):
    """Return the worst difference of each output in each file, rounded up to powers of ten."""
    pairs = [(row.recipe, name, *pair) for row in rows for name, pair in row.per_output.items()]
    cells = [
        [recipe, f"`{name}`", parity.bound(apart), parity.bound(share)]
        for recipe, name, apart, share in pairs
    ]
    return table(["recipe", "output", "max difference", "as a share of its range"], cells)


def needs_table(rows):
    """Return what each file asks of a runtime: its operators, whether all are built in, the oldest release."""
    cells = []
    for row in (row for row in rows if not row.error):
        own = (
            ", ".join(f"{op.kind} {op.name}" for op in row.model.ops if op.kind != "builtin")
            or "none"
        )
        cells.append(
            [row.recipe, ", ".join(map(str, row.model.ops)), own, row.model.runtime or "not stated"]
        )
    return table(["recipe", "operators", "flex or custom", "oldest TensorFlow"], cells)


def numbers_table(rows):
    """Return all numbers of all rows. Times and memory differ from run to run."""
    head = [
        "recipe",
        "bytes",
        "max difference",
        "share of range",
        "same",
        "right, with 95 % interval",
        "time",
        "peak MB",
    ]
    cells = []
    for row in rows:
        if row.error:
            cells.append([row.recipe, "does not convert or run", *[""] * 6])
            continue
        ratio = (
            f"{row.ratio[1]:.2f} ({row.ratio[0]:.2f} to {row.ratio[2]:.2f})" if row.ratio else ""
        )
        right = "not known"
        if row.correct is not None:
            low, high = parity.wilson(row.correct, row.total)
            right = f"{row.correct} of {row.total}, {100 * low:.1f} to {100 * high:.1f} %"
        apart = [f"{row.max_diff:.2g}", f"{row.share:.2g}", f"{row.agree} of {row.total}"]
        cells.append([row.recipe, f"{row.bytes:,}", *apart, right, ratio, f"{row.peak_mb:.0f}"])
    return table(head, cells, right=range(1, 8))
