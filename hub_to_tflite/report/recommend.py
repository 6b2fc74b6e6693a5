"""A plain rule that recommends one recipe: the smallest file within the tolerance, for a target."""

import math
from dataclasses import dataclass

from helpers import parity
from hub_to_tflite.report.compare import Result, bullets
from hub_to_tflite.report.messages import message
from hub_to_tflite.tables import table
from hub_to_tflite.targets import TARGETS, Report

AGREEMENT = 0.98  # the part of the samples whose top-1 must stay the same
SLOWER = 1.25  # times the fastest file's time: a file that takes more is left out, for Python
ANY, EDGETPU = "any", "edgetpu"
NAMES = {name.lower(): name for name in TARGETS} | {EDGETPU: "Edge TPU"}
RULES = (ANY, "python")  # have a sentence of their own
# The Edge TPU's compiler wants these: https://coral.ai/docs/edgetpu/models-intro (it was not run).
FOR_EDGETPU = ("full-integer with float I/O", "int8")
FOR_INTEGERS = (ANY, "microcontroller", EDGETPU)  # targets that may have integers only


def wants_fixed_sizes(target: str) -> bool:
    """Return whether a target gets files with a batch of 1: each device, but not Python."""
    return target not in (ANY, "python")


def accepting(target: str) -> str:
    """Return how a file is called that may be recommended: accepted, by a target too."""
    return "within tolerance" if target == ANY else "accepted"


@dataclass(frozen=True)
class Recommendation:
    """Which recipe to take, or None. `reasons` is {recipe: (accepted, why)}."""

    recommended: str | None
    reasons: dict[str, tuple[bool, str]]
    scores: bool  # the model scores classes
    tolerance: float  # a relative error
    target: str = ANY
    costs: str = ""  # a list of what the recommended file costs, and who refuses it
    floats: tuple[str, ...] = ()  # ops of the recipe int8's file that stay in floats
    micro: str = ""  # why a microcontroller refuses that file, if it is known to

    @property
    def rule(self) -> str:
        """The rule as a sentence."""
        same = message("same top-1", agreement=AGREEMENT) if self.scores else ""
        where = message(f"rule {self.target}", slower=SLOWER) if self.target in RULES else ""
        if self.target not in RULES:
            where = message("rule target", target=NAMES[self.target])
        return message("rule", tolerance=self.tolerance, same=same, where=where)

    @property
    def for_integers(self) -> str:
        """A sentence on targets with integers only, such as many microcontrollers, or ""."""
        if self.target not in FOR_INTEGERS:
            return ""
        if "int8" not in self.reasons:
            return message("int8 not tried") if self.recommended else ""
        accepted, why = self.reasons["int8"]
        if accepted and self.floats:
            return message("int8 with floats", ops=", ".join(self.floats))
        if accepted and self.micro:
            return message("int8 refused", why=why, reason=self.micro)
        same = [name for name, (_, other) in self.reasons.items() if other == why]
        why = why if accepted or same == ["int8"] else f"the same as {same[0]}"
        return message("int8 accepted" if accepted else "int8 not accepted", why=why.rstrip("."))

    def __repr__(self) -> str:
        return f"Recommended: {self.recommended or 'none'}\n{table(self._rows())}"

    def _repr_markdown_(self) -> str:
        rows = self._rows(bold=f"**{self.recommended}**")
        head = f"**Recommended: {self.recommended or 'none of them'}**"
        return f"{head}\n\n{table(rows, ['recipe', accepting(self.target), 'why'], 'markdown')}"

    def _rows(self, bold=None):
        rows, first = [], {}
        for name, (good, why) in self.reasons.items():
            told = first.setdefault(why, name)
            said = why if good or told == name else f"the same as {told}"
            shown = bold if bold and name == self.recommended else name
            rows.append((shown, "yes" if good else "no", said))
        return rows


def recommend(
    results: list[Result],
    tolerance: float,
    scores: str | None = None,
    before: int | None = None,
    target: str = ANY,
    checked: dict[str, Report] | None = None,
) -> Recommendation:
    """Return the Recommendation on the results of one model.

    `scores` names the output that scores classes, if one does; `before` is the SavedModel's number
    of right predictions, if known. `target` is "any", "edgetpu" or one of TARGETS in small letters,
    `checked` is {recipe: what targets.check found}.
    """
    checked = checked or {}
    reasons = {}
    for one in results:
        reasons[one.recipe] = accept(one, tolerance, scores, before)
        refused = _refusal(one, target, checked.get(one.recipe))
        if reasons[one.recipe][0] and refused:
            reasons[one.recipe] = False, refused
    accepted = [one for one in results if reasons[one.recipe][0]]
    best = min(_quick(accepted, target), key=lambda one: one.bytes, default=None)
    if best and len(accepted) > 1:
        why = f"{reasons[best.recipe][1]}; the smallest of the {len(accepted)} {accepting(target)}"
        if best.bytes > min(one.bytes for one in accepted):
            why = f"{reasons[best.recipe][1]}; smaller ones take {SLOWER:g} times the time or more"
        reasons[best.recipe] = True, why
    costs = _costs(best, checked.get(best.recipe), target) if best else ""
    floats = next((_floats(one) for one in results if one.recipe == "int8"), ())
    micro = checked["int8"]["microcontroller"] if "int8" in checked else None
    micro = micro.reason if micro and micro.takes is False else ""
    name = best and best.recipe
    return Recommendation(name, reasons, bool(scores), tolerance, target, costs, floats, micro)


def _floats(result):
    """Return the names of the ops that stay in floats in a file, if it is known."""
    return result.model.floats if result.model else ()


def _refusal(result, target, report):
    """Return why a target can't run a recipe's file, or "" if nothing is known against it."""
    if target == EDGETPU:
        if result.recipe not in FOR_EDGETPU:
            return message("not for edgetpu")
        floats = ", ".join(_floats(result))
        return message("floats for edgetpu", ops=floats) if floats else ""
    if target == ANY or not report or report[NAMES[target]].takes is not False:
        return ""
    return message("refused", target=NAMES[target], reason=report[NAMES[target]].reason)


def _quick(accepted, target):
    """Return the results that are not much slower than the fastest, where Python's time counts."""
    if target != "python" or not all(one.ratio for one in accepted):
        return accepted
    fastest = min(map(_time, accepted), default=0)
    return [one for one in accepted if _time(one) <= SLOWER * fastest]


def _time(result):
    """Return the median of a file's time, relative to the first file's: also from `plain`."""
    return result.ratio[1] if isinstance(result.ratio, tuple) else result.ratio


def _costs(best, report, target):
    """Return a list, in Markdown, of what is said of a file's time and of who refuses it."""
    said = [message("edgetpu not run")] if target == EDGETPU else []
    if best.ratio and _time(best) >= 1.05:
        said.append(message("slower", ratio=_time(best)))
    refusing = [one for one in report.targets if one.takes is False] if report else []
    said += [message("refuses", target=one.name, reason=one.reason) for one in refusing]
    inputs = best.model.inputs if best.model else ()
    dynamic = any(one.dynamic and one.dtype != "string" for one in inputs)
    if dynamic and any(wants_fixed_sizes(one.name.lower()) for one in refusing):
        said.append(message("open batch"))
    return bullets(*said)


def accept(
    result: Result, tolerance: float, scores: str | None = None, before: int | None = None
) -> tuple[bool, str]:
    """Return (whether a recipe's file is within the tolerance by the rule, why)."""
    if result.failure:
        return False, result.failure
    of = f"of {result.total}"
    error = math.inf if result.relative_error is None else result.relative_error
    if error > tolerance:
        off = "any part" if math.isinf(error) else f"{error:.2g}"
        why = f"a number is off by {off} of its output's range, more than {tolerance:g}"
        why += message("different") if error == 1 else ""
        if scores and result.agree >= AGREEMENT * result.total:
            why += f", though the top-1 stays the same on {result.agree} {of} samples"
        return False, why
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
