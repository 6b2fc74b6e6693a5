"""The parity ledger: at each border that a model crosses, is it still the same answer?

A row holds what a number can prove about one form of the model, next to the form before all others, the
reference. `add` refuses a row that breaks its tolerance. Taught in 00_start_here, used in every lesson.
"""

import html
import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np


class ParityError(AssertionError):
    """The answers are not the same. The message says which promise is broken, and by how much."""


@dataclass(frozen=True)
class Row:
    """One form of the model: its bytes, and how its scores compare with the reference's."""

    form: str
    size: int
    difference: float  # max |score - reference score|
    agree: int  # inputs whose highest score is at the same place as the reference's
    correct: int | None  # inputs whose highest score is at their label; None without labels
    total: int


def wilson(correct, total, confidence=0.95):
    """Return the Wilson score interval (low, high) of a proportion, both in 0..1.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the
    American Statistical Association 22 (1927), 209-212. It stays inside 0..1 and holds near 100 %, where
    the textbook's "plus or minus" interval does not.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = correct / total
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = (
        z
        / (1 + z * z / total)
        * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    )
    return centre - half, centre + half


def size_of(path):
    """Return the bytes of a file, or of all files in a folder."""
    return (
        sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
        if path.is_dir()
        else path.stat().st_size
    )


class Ledger:
    """The rows so far. `labels` is (n,) whole numbers, or None where the inputs have none."""

    def __init__(self, labels=None):
        self.labels = None if labels is None else np.asarray(labels)
        self.reference = None
        self.rows = []

    def add(self, form, size, scores, tolerance=0.0, agreement=1.0):
        """Add a row for `scores`, (n, classes) floats, and return it. The first row is the reference.

        `tolerance` is the largest |difference| allowed, in the scores' unit; `agreement` the smallest share
        of inputs, 0..1, whose highest score must stay in place. Raises ParityError, and adds nothing, if
        either is broken or the scores have another shape or hold NaN.
        """
        scores = np.asarray(scores, np.float64)
        scores = scores.reshape(len(scores), -1)
        reference = scores if self.reference is None else self.reference
        if scores.shape != reference.shape:
            raise ParityError(
                f"{form}: scores of shape {scores.shape}, but the reference has {reference.shape}."
            )
        if not np.isfinite(scores).all():
            raise ParityError(
                f"{form}: {np.sum(~np.isfinite(scores))} of {scores.size} scores are not numbers."
            )
        top = scores.argmax(1)
        row = Row(
            form,
            int(size),
            float(np.abs(scores - reference).max()),
            int(np.sum(top == reference.argmax(1))),
            None if self.labels is None else int(np.sum(top == self.labels)),
            len(scores),
        )
        if row.difference > tolerance:
            raise ParityError(
                f"{form}: a score differs by {row.difference:.3g}; at most {tolerance:.3g} is allowed."
            )
        if row.agree < agreement * row.total:
            raise ParityError(
                f"{form}: {row.agree} of {row.total} answers are the same; "
                f"at least {math.ceil(agreement * row.total)} are asked for."
            )
        self.reference = reference
        self.rows.append(row)
        return row

    def table(self):
        """Return the ledger as a list of rows of text, the headings first."""
        table = [("form", "bytes", "max |diff|", "same top-1", "correct", "95 % interval")]
        for number, row in enumerate(self.rows):
            low, high = wilson(row.correct, row.total) if row.correct is not None else (0, 0)
            table.append(
                (
                    row.form,
                    f"{row.size:,}",
                    bound(row.difference) if number else "reference",
                    f"{row.agree} of {row.total}" if number else "reference",
                    "no labels" if row.correct is None else f"{row.correct} of {row.total}",
                    "" if row.correct is None else f"{low * 100:.1f} to {high:.1%}",
                )
            )
        return table

    def __repr__(self):
        table = self.table()
        widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
        lines = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in table
        ]
        return "\n".join([lines[0], "-" * (sum(widths) + 2 * len(widths) - 2), *lines[1:]])

    def _repr_html_(self):
        head, *rows = [[html.escape(cell) for cell in line] for line in self.table()]
        cells = "".join("<tr><td>" + "</td><td>".join(line) + "</td></tr>" for line in rows)
        return f"<table><thead><tr><th>{'</th><th>'.join(head)}</th></tr></thead><tbody>{cells}</tbody></table>"


def bound(difference):
    """Return "0", or "under" the smallest power of ten above `difference`, as text; of infinity "without bound".

    The last digits of a sum of floats depend on the processor; its power of ten does not.
    """
    if difference == 0 or math.isinf(difference):
        return "without bound" if difference else "0"
    power = math.floor(math.log10(difference)) + 1
    return f"under {10.0**power:.{max(0, -power)}f}"
