"""Your turn: exercises that check themselves.

In a lesson: a stub with `...`, then a check with three answers: not attempted, wrong (and why),
right. The exercises of 02_load_from_hub are the list EXERCISES in e02_load_from_hub.py.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field

NOT_ATTEMPTED = "Not attempted yet. Replace the ... and run this cell again."


class NotAttempted(Exception):
    """Raised by a judge that finds an untouched stub inside a function."""


@dataclass(frozen=True)
class Exercise:
    """One exercise. `judge(answer)` returns None if it is right, else the reason as a sentence.

    `solution_code` and the keys of `wrong` are code that takes the place of the stub. `wrong` maps
    a plausible wrong answer to words that its reason must hold: tests run them all in the lesson.
    """

    judge: Callable
    right: str
    hint_text: str
    solution_code: str
    wrong: dict = field(default_factory=dict)

    def check(self, *answer: object) -> None:
        """Print whether the answer is not attempted, wrong (and why) or right."""
        said = NOT_ATTEMPTED
        try:
            if not any(value is ... for value in answer):
                reason = self.judge(*answer)
                said = f"Right. {self.right}" if reason is None else f"Not yet. {reason}"
        except NotAttempted:
            pass
        except Exception as error:
            said = f"Not yet. Checking it failed with {type(error).__name__}: {error}"
        print(said)

    def hint(self) -> None:
        """Print the hint."""
        print(self.hint_text)

    def solution(self) -> None:
        """Print one right answer, as code."""
        print(self.solution_code)


def of(lesson: str) -> dict[int, Exercise]:
    """Return {1: Exercise, 2: ...} for a lesson such as "02_load_from_hub"."""
    module = importlib.import_module(f"helpers.course.exercises.e{lesson}")
    return dict(enumerate(module.EXERCISES, start=1))
