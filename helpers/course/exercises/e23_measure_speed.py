"""The exercises of 23_measure_speed."""

import numpy as np

from helpers.course.exercises import Exercise, NotAttempted


def _b_over_a(answer, a_times, b_times):
    if np.size(answer) != 1:
        return f"These are {np.size(answer)} numbers. The exercise asks for one: what is in their middle?"
    answer = float(np.squeeze(answer))
    reasons = {
        "This is A over B. How many times as long as A does B take?": 1 / 0.8,
        "This divides one median by the other. Each comes from another moment: divide within the rounds first.": (
            np.median(b_times) / np.median(a_times)
        ),
        "This divides one mean by the other. Round 3 drags it along: divide within the rounds, then take the median.": (
            b_times.mean() / a_times.mean()
        ),
        "The ratios are right, but their mean follows the odd one, round 3. Take the median.": (
            b_times / a_times
        ).mean(),
    }
    if np.isclose(answer, 0.8):
        return None
    for reason, wrong in reasons.items():
        if np.isclose(answer, wrong):
            return reason
    return "Divide B by A in each round, and take the median of the five ratios."


class _Machine:
    """Two candidates, 10 and 8 ms of work, on a machine that `slowdown(now, calls of this one)` slows down."""

    def __init__(self, slowdown):
        self.now, self.asked, self.slowdown, self.calls = 0.0, 0, slowdown, {"a": 0, "b": 0}

    def clock(self):
        self.asked += 1
        return self.now

    def candidate(self, name, seconds):
        def run():
            self.calls[name] += 1
            self.now += seconds * self.slowdown(self.now, name, self.calls[name])

        return run


_MACHINES = {
    "": lambda now, name, call: 1,
    "On the machine that gets busy halfway it says {:.2f}, and the truth is 0.80. Does one of them run "
    "only after the other is done?": lambda now, name, call: 1 if now < 0.175 else 2,
    "On the machine that interrupts one call it says {:.2f}, and the truth is 0.80. Which average is not moved by "
    "one odd value?": lambda now, name, call: 50 if (name, call) == ("b", 9) else 1,
    "On the machine whose first call is slow it says {:.2f}, and the truth is 0.80. Leave first calls out, or take "
    "an average that they do not move.": lambda now, name, call: (
        100 if call == 1 and name == "a" else 1
    ),
}


def _compare(compare):
    for reason, slowdown in _MACHINES.items():
        machine = _Machine(slowdown)
        answer = compare(
            machine.candidate("a", 0.010), machine.candidate("b", 0.008), machine.clock
        )
        if answer is ...:
            raise NotAttempted
        if answer is None:
            return "It returns None. Return the ratio."
        if not machine.asked:
            return (
                "It never asks the clock that it is given. Call clock() before and after each call."
            )
        if np.size(answer) != 1:
            return f"It returns {np.size(answer)} numbers. Return one: the median of the ratios."
        answer = float(np.squeeze(answer))
        if abs(answer - 0.8) < 0.02:
            continue
        if not reason and abs(answer - 1.25) < 0.03:
            return "This is a over b. How many times as long does b take?"
        return (reason or "Even on the calm machine it says {:.2f}, and the truth is 0.80.").format(
            answer
        )
    return None


def _discordant(b, c):
    if (b, c) == (3, 1):
        return None
    if (b, c) == (1, 3):
        return "The other way round: b counts what only the first gets right."
    if (b, c) == (7, 5):
        return "These are all right predictions of each model. Leave out the images on which both are right."
    if (b, c) == (5, 3):
        return "These are the images that each gets wrong, or where they are alike. Look for 1 above 0 and 0 above 1."
    return (
        "Go through the columns: b counts a 1 above a 0, c a 0 above a 1. All others do not count."
    )


def _fewest(answer):
    if np.size(answer) != 1:
        return "The exercise asks for one integer."
    if answer == 6:
        return None
    if answer == 5:
        return "5 is close: p is 0.0625. With one-sided tossing it would do, but either model might have been better."
    if answer < 5:
        return f"binomtest({answer}, {answer}).pvalue is {min(1, 2 * 0.5**answer):.3f}. That happens by luck too often."
    return f"{answer} is enough, and fewer are too. Try smaller numbers until p reaches 0.05."


EXERCISES = [
    Exercise(
        _b_over_a,
        "0.8 in four rounds of five, and the odd one cannot move the median.",
        "b_times / a_times gives the ratio of each round. One of the five is odd; which statistic ignores it?",
        "b_over_a = np.median(b_times / a_times)",
        {
            "b_over_a = b_times.mean() / a_times.mean()": "divides one mean by the other",
            "b_over_a = np.median(b_times) / np.median(a_times)": "another moment",
            "b_over_a = np.mean(b_times / a_times)": "Take the median",
            "b_over_a = np.median(a_times / b_times)": "A over B",
        },
    ),
    Exercise(
        _compare,
        "Turns, a ratio for each round, a median: none of the four machines fools it.",
        "One loop of 20 rounds. In each: time a, time b, keep the ratio. At the end, the median of the 20.",
        "def compare(a, b, clock):\n"
        "    ratios = []\n"
        "    for _ in range(20):\n"
        "        start = clock()\n"
        "        a()\n"
        "        middle = clock()\n"
        "        b()\n"
        "        ratios.append((clock() - middle) / (middle - start))\n"
        "    return np.median(ratios)",
        {
            "def compare(a, b, clock):\n"
            "    start = clock()\n"
            "    for _ in range(20):\n"
            "        a()\n"
            "    middle = clock()\n"
            "    for _ in range(20):\n"
            "        b()\n"
            "    return (clock() - middle) / (middle - start)": "only after the other is done",
            "def compare(a, b, clock):\n"
            "    ratios = []\n"
            "    for _ in range(20):\n"
            "        start = clock()\n"
            "        a()\n"
            "        middle = clock()\n"
            "        b()\n"
            "        ratios.append((clock() - middle) / (middle - start))\n"
            "    return np.mean(ratios)": "not moved by one odd value",
            "def compare(a, b, clock):\n"
            "    ratios = []\n"
            "    for _ in range(20):\n"
            "        start = clock()\n"
            "        a()\n"
            "        middle = clock()\n"
            "        b()\n"
            "        ratios.append((middle - start) / (clock() - middle))\n"
            "    return np.median(ratios)": "a over b",
        },
    ),
    Exercise(
        _discordant,
        "Four of the ten images speak; the other six cannot tell the models apart.",
        "first & ~second marks what only the first gets right.",
        "b, c = int(np.sum(first & ~second)), int(np.sum(second & ~first))",
        {
            "b, c = int(first.sum()), int(second.sum())": "all right predictions",
            "b, c = int(np.sum(second & ~first)), int(np.sum(first & ~second))": "The other way round",
        },
    ),
    Exercise(
        _fewest,
        "Six in a row: p is 2 * 0.5**6 = 0.031. Five would be 0.0625.",
        "Try next(n for n in range(1, 100) if ...), or a few values by hand.",
        "fewest = next(n for n in range(1, 100) if binomtest(n, n).pvalue < 0.05)",
        {
            "fewest = 5": "p is 0.0625",
            "fewest = 450": "fewer are too",
            "fewest = 3": "by luck too often",
        },
    ),
]
