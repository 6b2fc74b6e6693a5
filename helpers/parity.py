"""The parity ledger: at each border that a model crosses, does it still predict the same?

A row holds what numbers can prove about one form of the model, beside the first, the reference.
`add` rejects a row beyond its tolerance, a fraction of the range of the reference's scores: 0.0001
for float32, 0.05 for quantized files. Taught in 00_start_here, used in every lesson.
"""

import html
import math
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np


class ParityError(AssertionError):
    """The outputs are not the same: which promise is broken, and by how much."""


@dataclass(frozen=True)
class Row:
    """One form of the model: its bytes, and how its scores compare with the reference's."""

    form: str
    size: int
    difference: float  # max |score - reference score|, the absolute error
    range: float  # of the reference's scores, max - min
    agree: int | None  # inputs whose top-1 (index of the highest score) is the reference's; or None
    correct: int | None  # inputs whose top-1 is their label; None without labels
    total: int


def wilson(correct: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval (low, high) of a proportion, both in 0..1.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of
    the American Statistical Association 22 (1927), 209-212. It stays inside 0..1 and holds near
    100 %, where the textbook's "plus or minus" interval does not.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    p, scale = correct / total, 1 + z * z / total
    half = z / scale * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total))
    centre = (p + z * z / (2 * total)) / scale
    return centre - half, centre + half


def size_of(path: Path) -> int:
    """Return the bytes of a file, or of a SavedModel's files but the random fingerprint.pb."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(one.stat().st_size for one in files if one.is_file() and one.stem != "fingerprint")


class Ledger:
    """The rows so far. `labels` is (n,) integers, or None where the inputs have none."""

    def __init__(self, labels: np.ndarray | None = None):
        self.labels = None if labels is None else np.asarray(labels)
        self.reference = None
        self.rows = []

    def add(
        self, form: str, size: int, scores: np.ndarray, tolerance: float = 0, agreement: float = 1
    ) -> Row:
        """Add a row for `scores`, (n, classes) floats, and return it. The first is the reference.

        `tolerance` is the largest absolute error allowed, as a fraction of the reference's range;
        `agreement` the smallest fraction of inputs, 0..1, that must keep their top-1. One number an
        input, (n,) or (n, 1), has no top-1. Raises ParityError, and adds nothing, if either is
        broken or the scores have another shape or hold NaN.
        """
        scores = np.asarray(scores, np.float64)
        scores = scores.reshape(len(scores), -1)
        reference = scores if self.reference is None else self.reference
        if scores.shape != reference.shape:
            raise ParityError(f"{form}: shape {scores.shape}, but the reference {reference.shape}.")
        if bad := np.sum(~np.isfinite(scores)):
            raise ParityError(f"{form}: {bad} of {scores.size} scores are not numbers.")
        top, several = scores.argmax(1), scores.shape[1] > 1
        row = Row(
            form,
            int(size),
            float(np.abs(scores - reference).max()),
            float(np.ptp(reference)),
            int(np.sum(top == reference.argmax(1))) if several else None,
            int(np.sum(top == self.labels)) if several and self.labels is not None else None,
            len(scores),
        )
        if row.difference > tolerance * (row.range or 1):
            off = percent(row.difference / (row.range or 1))
            found = f"a score differs by {row.difference:.3g}, {off} of the range"
            raise ParityError(f"{form}: {found}; at most {tolerance:.4g} of it is allowed.")
        if row.agree is not None and row.agree < agreement * row.total:
            found = f"{row.agree} of {row.total} inputs have the same top-1"
            raise ParityError(f"{form}: {found}; at least {math.ceil(agreement * row.total)} must.")
        self.reference = reference
        self.rows.append(row)
        return row

    def table(self) -> list[tuple[str, ...]]:
        """Return the ledger as a list of rows of text, the headings first."""
        table = [("form", "bytes", "max |diff|", "same top-1", "correct", "95 % interval")]
        for row in self.rows:
            difference, agree = percent(row.difference / (row.range or 1)), "one number"
            if row.agree is not None:
                agree = f"{row.agree} of {row.total}"
            if row is self.rows[0]:
                difference = agree = "reference"
            correct, interval = "no labels", ""
            if row.correct is not None:
                low, high = wilson(row.correct, row.total)
                correct = f"{row.correct} of {row.total}"
                interval = f"{low * 100:.1f} to {high:.1%}"
            table.append((row.form, f"{row.size:,}", difference, agree, correct, interval))
        return table

    def __repr__(self) -> str:
        table = self.table()
        form = "  ".join(f"{{:<{max(map(len, column))}}}" for column in zip(*table, strict=True))
        head, *rows = [form.format(*line).rstrip() for line in table]
        return "\n".join([head, "-" * len(form.format(*table[0])), *rows])

    def _repr_html_(self):
        head, *rows = [[html.escape(cell) for cell in line] for line in self.table()]
        body = "".join(f"<tr><td>{'</td><td>'.join(row)}</td></tr>" for row in rows)
        head = f"<thead><tr><th>{'</th><th>'.join(head)}</th></tr></thead>"
        return f"<table>{head}<tbody>{body}</tbody></table>"


def percent(fraction: float) -> str:
    """Return a fraction of a range in two digits: "3.1 %". Tiny ones differ by processor."""
    if fraction < 1e-4:
        return "under 0.01 %"
    return f"{100 * fraction:.2g} %" if fraction < 0.995 else f"{100 * fraction:.0f} %"
