"""A plain rule that recommends one recipe: the smallest file within the tolerance."""

import math
from dataclasses import dataclass

from helpers import parity
from hub_to_tflite.report.compare import Result
from hub_to_tflite.tables import table

AGREEMENT = 0.98  # the part of the samples whose top-1 must stay the same


@dataclass(frozen=True)
class Recommendation:
    """Which recipe to take, or None. `reasons` is {recipe: (within tolerance, why)}."""

    recommended: str | None
    reasons: dict[str, tuple[bool, str]]
    scores: bool  # the model scores classes
    tolerance: float  # a relative error

    @property
    def rule(self) -> str:
        """The rule as a sentence."""
        same = ""
        if self.scores:
            same = f", and the same top-1 on at least {AGREEMENT:.0%} of the samples"
        return (
            "The smallest file that runs in Python and is within the tolerance: no number off by "
            f"more than {self.tolerance:g} of its output's range{same}; where the true classes are "
            "known, no fewer right predictions than the lower end of the SavedModel's 95 % "
            "interval."
        )

    @property
    def for_integers(self) -> str:
        """A sentence on targets with integers only, such as many microcontrollers."""
        targets = "For targets with integers only"
        if "int8" not in self.reasons:
            return f"{targets}, try the recipe int8 too: it was not among these."
        accepted, why = self.reasons["int8"]
        if accepted:
            return f"{targets}, such as many microcontrollers, int8 is within the tolerance: {why}."
        why = why.rstrip(".")
        return f"{targets}, this model needs more work: int8 is not within the tolerance ({why})."

    def __repr__(self) -> str:
        rows = [
            (recipe, "yes" if accepted else "no", why)
            for recipe, (accepted, why) in self.reasons.items()
        ]
        return f"Recommended: {self.recommended or 'none'}\n{table(rows)}"

    def _repr_markdown_(self) -> str:
        rows = [
            (f"**{name}**" if name == self.recommended else name, "yes" if accepted else "no", why)
            for name, (accepted, why) in self.reasons.items()
        ]
        head = f"**Recommended: {self.recommended or 'none of them'}**"
        return f"{head}\n\n{table(rows, ['recipe', 'within tolerance', 'why'], 'markdown')}"


def recommend(
    results: list[Result], tolerance: float, scores: str | None = None, before: int | None = None
) -> Recommendation:
    """Return the Recommendation on the results of one model.

    `scores` names the output that scores classes, if one does; `before` is the SavedModel's number
    of right predictions, if known.
    """
    reasons = {one.recipe: accept(one, tolerance, scores, before) for one in results}
    accepted = [one for one in results if reasons[one.recipe][0]]
    best = min(accepted, key=lambda one: one.bytes, default=None)
    if best is None:
        return Recommendation(None, reasons, bool(scores), tolerance)
    why = f"{reasons[best.recipe][1]}; the smallest of the {len(accepted)} within the tolerance"
    return Recommendation(
        best.recipe, reasons | {best.recipe: (True, why)}, bool(scores), tolerance
    )


def accept(
    result: Result, tolerance: float, scores: str | None = None, before: int | None = None
) -> tuple[bool, str]:
    """Return (whether a recipe's file is within the tolerance by the rule, why)."""
    if result.failure:
        return False, result.failure
    error = math.inf if result.relative_error is None else result.relative_error
    if error > tolerance:
        off = "any part" if math.isinf(error) else f"{error:.2g}"
        return False, f"a number is off by {off} of its output's range, more than {tolerance:g}"
    of = f"of {result.total}"
    if scores and result.agree < AGREEMENT * result.total:
        return False, f"the same top-1 on {result.agree} {of} samples, fewer than {AGREEMENT:.0%}"
    right = result.correct is not None and before is not None
    if right and result.correct < parity.wilson(before, result.total)[0] * result.total:
        why = f"{result.correct} {of} right, the SavedModel {before}: below its 95 % interval"
        return False, why
    parts = [f"{result.bytes:,} bytes", f"within {tolerance:g}"]
    if scores:
        parts.append(f"same top-1 on {result.agree} {of}")
    if right:
        parts.append(f"{result.correct} {of} right")
    return True, ", ".join(parts)
