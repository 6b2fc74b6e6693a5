"""Your turn: exercises that check themselves.

In a lesson there's a stub with `...`, then a check. The check has three answers: not attempted,
wrong (with the reason for this wrong answer), right. `hint()` and `solution()` help when asked.
The exercises of `02_load_from_hub` are in `e02_load_from_hub.py`, as a list named EXERCISES.
"""

import _thread
import contextlib
import importlib
import io
import itertools
import re
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

NOT_ATTEMPTED = "Not attempted yet. Replace the ... and run this cell again."
LONGEST = 300  # characters of a value that a reason shows
PATIENCE = 20.0  # seconds that a learner's function may take
STATES = {"right": "Right.", "wrong": "Not yet.", "untouched": "Not attempted yet."}


class Wrong(Exception):
    """Raised by a judge, or by what it calls, with the reason as a sentence for the learner."""


class NotAttempted(Exception):
    """Raised by a judge that finds an untouched stub inside a function."""


@dataclass
class Exercise:
    """One exercise. `judge(*answer)` returns None if it's right, else the reason, or raises Wrong.

    `solution_code`, the items of `right_codes` and the keys of `wrong` are code that takes the
    stub's place. `wrong` maps a plausible wrong answer to words that its reason must hold: the tests
    run them all in the lesson itself, together with mutations of the solution (a sign, an axis, a
    constant changed): each must be refused, but those in `equivalent`, which are right by accident.
    """

    judge: Callable
    right: str
    hint_text: str
    solution_code: str
    wrong: dict[str, str] = field(default_factory=dict)
    right_codes: tuple[str, ...] = ()
    equivalent: tuple[str, ...] = ()
    state: str = "untouched"

    def check(self, *answer: Any) -> None:
        """Print whether the answer is not attempted, wrong (and why) or right."""
        print(self.verdict(*answer))

    def verdict(self, *answer: Any) -> str:
        """Return the words that `check` prints."""
        if any(value is ... for value in answer):
            return NOT_ATTEMPTED
        try:
            reason = self.judge(*answer)
        except NotAttempted:
            return NOT_ATTEMPTED
        except Wrong as wrong:
            reason = str(wrong)
        except Exception as error:  # the judge's own: a value that it did not expect
            reason = f"Checking it stopped with {type(error).__name__}: {cut(str(error))}"
        self.state = "right" if reason is None else "wrong"
        return f"Right. {self.right}" if reason is None else f"Not yet. {reason}"

    def hint(self) -> None:
        """Print the hint."""
        print(self.hint_text)

    def solution(self) -> None:
        """Print one right answer, as code."""
        print(self.solution_code)


class Turn(dict):
    """{1: Exercise, 2: ...} of one lesson."""

    def summary(self) -> None:
        """Print a line for each exercise: right, not yet, or not attempted."""
        for number, exercise in self.items():
            print(f"{number}  {STATES[exercise.state]}")


def of(lesson: str) -> Turn:
    """Return the exercises of a lesson such as "02_load_from_hub"."""
    module = importlib.import_module(f"helpers.course.exercises.e{lesson}")
    return Turn(enumerate(module.EXERCISES, start=1))


def guessed(guess: Any, came: Any) -> None:
    """Print what was guessed before a result, and what came."""
    if guess is ...:
        print(f"No guess made. It was: {came}.")
    elif str(guess).strip("() '\"").lower() == str(came).lower():
        print(f"You guessed {guess}, and so it was.")
    else:
        print(f"You guessed {guess}. It was: {came}.")


def ask(
    function: Callable, *arguments: Any, returns: type | tuple | None = None, none: bool = False
) -> Any:
    """Return what a learner's function returns for these arguments; raise Wrong if it goes wrong.

    That is: no function, an exception (told with the line in the learner's code), no return value
    (unless `none` is right), a type outside `returns`, 20 seconds without an end. What it prints is
    swallowed. A generator's first 1,000 values come as a list.
    """
    if not callable(function):
        raise Wrong(f"This should be a function. Found: {shown(function)}.")
    with contextlib.redirect_stdout(io.StringIO()), _limit():
        try:
            answer = function(*arguments)
            if isinstance(answer, Iterator):
                answer = list(itertools.islice(answer, 1000))
        except (NotAttempted, Wrong):
            raise
        except KeyboardInterrupt:
            raise Wrong(f"Your code was still running after {PATIENCE:.0f} seconds.") from None
        except BaseException as error:
            raise Wrong(stopped(error, function)) from None
    if answer is ...:
        raise NotAttempted
    if answer is None and not none:
        raise Wrong("Your function returns nothing (None). Does it end with return?")
    return answer if returns is None or answer is None else wanted(answer, returns)


def stopped(error: BaseException, function: Callable | None = None) -> str:
    """Return one sentence about an exception in a learner's code, with its line there."""
    where, file = "", getattr(getattr(function, "__code__", None), "co_filename", None)
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == file:
            where = f" in line {frame.lineno} of your code, `{frame.line}`" if frame.line else ""
    lines = re.sub(r"\x1b\[\d+m", "", str(error)).split("\n")  # Keras prints in bold
    lines = [line.strip() for line in lines if line.strip()] or [""]
    # TensorFlow says what it is in the last line, Keras in the second one.
    place = {"in user code:": -1, "Exception enc": 1}.get(lines[0][:13], 0)
    kind = type(error).__name__
    text = cut(lines[min(place, len(lines) - 1)].removeprefix(f"{kind}: ")).rstrip(".")
    return f"Your code stopped with {kind}: {text}{where}."


def wanted(answer: Any, kinds: type | tuple, what: str = "The answer") -> Any:
    """Return `answer` if it is of one of these kinds; raise Wrong, naming both, if not."""
    if isinstance(answer, kinds) and not (isinstance(answer, bool) and bool not in _all(kinds)):
        return answer
    names = " or ".join(dict.fromkeys(NAMES.get(one.__name__, one.__name__) for one in _all(kinds)))
    raise Wrong(f"{what} should be {names}. Found: {shown(answer)}.")


def shown(value: Any) -> str:
    """Return a value in words: its type, and its shape or itself, never more than a line."""
    kind, shape = type(value).__name__, getattr(value, "shape", None)
    if shape is not None and hasattr(value, "dtype"):
        return f"an array of shape {tuple(shape)}, {value.dtype}" if shape else f"{value!r}"
    if isinstance(value, (list, tuple)):
        return f"a {kind} of {len(value)}"
    return f"{kind} {cut(repr(value), 60)}"


def cut(text: str, longest: int = LONGEST) -> str:
    """Return a text, cut where it's long."""
    return text if len(text) <= longest else text[:longest] + " ..."


NAMES = {  # by the type's name, so that no library has to be imported
    "str": "text",
    "bytes": "bytes",
    "bytearray": "bytes",
    "bool": "True or False",
    "bool_": "True or False",
    "int": "an integer",
    "integer": "an integer",
    "float": "a number",
    "floating": "a number",
    "number": "a number",
    "dict": "a dictionary",
    "list": "a list",
    "tuple": "a tuple",
    "ndarray": "an array",
}


def _all(kinds):
    return kinds if isinstance(kinds, tuple) else (kinds,)


@contextlib.contextmanager
def _limit():
    """Interrupt the block, if it runs in the main thread, after PATIENCE seconds."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    timer = threading.Timer(PATIENCE, _thread.interrupt_main)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
