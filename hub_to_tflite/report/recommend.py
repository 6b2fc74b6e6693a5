"""A plain rule that recommends one recipe: the smallest file within the tolerance."""

import math
from dataclasses import dataclass

from helpers import parity
from hub_to_tflite.report.compare import Result
from hub_to_tflite.report.messages import message
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
        same = message("same top-1", agreement=AGREEMENT) if self.scores else ""
        return message("rule", tolerance=self.tolerance, same=same)

    @property
    def for_integers(self) -> str:
        """A sentence on targets with integers only, such as many microcontrollers."""
        if "int8" not in self.reasons:
            return message("int8 not tried")
        accepted, why = self.reasons["int8"]
        return message("int8 accepted" if accepted else "int8 not accepted", why=why.rstrip("."))

    def __repr__(self) -> str:
        return f"Recommended: {self.recommended or 'none'}\n{table(self._rows())}"

    def _repr_markdown_(self) -> str:
        rows = self._rows(bold=f"**{self.recommended}**")
        head = f"**Recommended: {self.recommended or 'none of them'}**"
        return f"{head}\n\n{table(rows, ['recipe', 'within tolerance', 'why'], 'markdown')}"

    def _rows(self, bold=None):
        return [
            (bold if bold and name == self.recommended else name, "yes" if good else "no", why)
            for name, (good, why) in self.reasons.items()
        ]


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
    if best:
        why = f"{reasons[best.recipe][1]}; the smallest of the {len(accepted)} within the tolerance"
        reasons[best.recipe] = True, why
    return Recommendation(best and best.recipe, reasons, bool(scores), tolerance)


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
