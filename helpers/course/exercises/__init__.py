"""Your turn: exercises that check themselves.

In a lesson, a stub with `...`, then a check. The check has three answers: not attempted, wrong (with the
reason for this wrong answer), right. `hint()` and `solution()` show help when asked. The exercises of lesson
`02_load_from_hub` are in `helpers/course/exercises/e02_load_from_hub.py`, as a list named EXERCISES.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field

NOT_ATTEMPTED = "Not attempted yet. Replace the ... and run this cell again."


@dataclass(frozen=True)
class Exercise:
    """One exercise. `judge(answer)` returns None for a right answer, the reason as a sentence for a wrong one.

    `solution` and the keys of `wrong` are code that takes the place of the stub. `wrong` maps a plausible
    wrong answer to words that its reason must hold: the tests run them all in the lesson itself.
    """

    judge: Callable
    right: str
    hint_text: str
    solution_code: str
    wrong: dict = field(default_factory=dict)

    def check(self, *answer):
        """Print whether the answer is not attempted, wrong (and why) or right."""
        print(self.verdict(*answer))

    def verdict(self, *answer):
        """Return the words that `check` prints."""
        if any(value is ... for value in answer):
            return NOT_ATTEMPTED
        try:
            reason = self.judge(*answer)
        except NotAttempted:
            return NOT_ATTEMPTED
        except Exception as error:
            reason = f"Checking it failed with {type(error).__name__}: {error}"
        return f"Right. {self.right}" if reason is None else f"Not yet. {reason}"

    def hint(self):
        """Print the hint."""
        print(self.hint_text)

    def solution(self):
        """Print one right answer, as code."""
        print(self.solution_code)


class NotAttempted(Exception):
    """Raised by a judge that finds an untouched stub inside a function."""


def of(lesson):
    """Return {1: Exercise, 2: ...} for a lesson such as "02_load_from_hub"."""
    module = importlib.import_module(f"helpers.course.exercises.e{lesson}")
    return dict(enumerate(module.EXERCISES, start=1))
