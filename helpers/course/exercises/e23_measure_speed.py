"""The exercises of 23_measure_speed."""

import numpy as np

from helpers.course.exercises import Exercise, Wrong, ask, shown

NUMBER = (int, float, np.number, np.ndarray)


class _Machine:
    """Two candidates on a machine that `slowdown(now, name, number of its call)` slows down."""

    def __init__(self, work, slowdown=lambda now, name, call: 1):
        self.now, self.asked, self.work, self.slowdown = 0.0, 0, work, slowdown
        self.calls, self.ends = dict.fromkeys(work, 0), []

    def clock(self):
        self.asked += 1
        return self.now

    def candidate(self, name):
        def run():
            self.calls[name] += 1
            self.now += self.work[name] * self.slowdown(self.now, name, self.calls[name])
            self.ends.append(self.now)

        return run

    def ratio(self, compare):
        """Return what a learner's function says of b over a."""
        answer = ask(compare, self.candidate("a"), self.candidate("b"), self.clock, returns=NUMBER)
        if np.size(answer) != 1 or np.asarray(answer).dtype.kind not in "fiu":
            raise Wrong(f"Return one number, b over a. Found: {shown(answer)}.")
        return float(np.squeeze(answer))


def _compare(compare):
    for work in ({"a": 0.010, "b": 0.008}, {"a": 0.005, "b": 0.007}):
        truth = work["b"] / work["a"]
        calm = _Machine(work)
        said = calm.ratio(compare)
        if not min(calm.calls.values()):
            return "It must call the a and the b that it's given."
        if not calm.asked:
            return "It never asks the clock that it is given: call clock() before and after a call."
        if np.isclose(said, 1 / truth):
            return "This is a over b. How many times as long does b take?"
        if not np.isclose(said, truth):
            return f"Even on a calm machine it says {said:.2f}, and the truth is {truth:.2f}."
        if min(calm.calls.values()) < 10:
            return f"It calls one of them {min(calm.calls.values())} times. Call each at least ten."
        for problem, slowdown in _problems(calm):
            said = _Machine(work, slowdown).ratio(compare)
            if not abs(said / truth - 1) < 0.02:
                return f"{problem} it says {said:.2f}, and the truth is {truth:.2f}."
    return None


def _problems(calm):
    """Yield (words, slowdown) for machines that make trouble while the answer measures."""
    moments = [0.0, *calm.ends]
    for place in np.unique(np.linspace(1, len(moments) - 1, 80).astype(int)):
        begin = moments[place] - 1e-9
        words = f"On a machine that gets busy after call {place} of {len(calm.ends)}"
        yield words, lambda now, name, call, begin=begin: 1 if now < begin else 2
    for odd in calm.calls:
        for number in np.unique(np.linspace(1, calm.calls[odd], 40).astype(int)):
            words = f"On a machine that interrupts call {number} of {odd}"
            yield (
                words,
                lambda now, name, call, at=(odd, number): 50 if (name, call) == at else 1,
            )


def _finding(finding):
    rng = np.random.default_rng(5)
    cases = [("no result", 0.97, 1.02), ("faster", 0.40, 0.90), ("slower", 1.20, 1.80)]
    cases += [("no result", 0.80, 0.96), ("no result", 1.05, 1.30), ("no result", 0.70, 1.40)]
    cases += [("faster", 0.88, 0.93), ("slower", 1.11, 1.15)]
    for _ in range(20):
        shift = float(rng.uniform(-0.02, 0.02))
        twins = (0.95 + shift, 1.09 + shift)
        for right, low, high in cases:
            low, high = low + shift, high + shift
            said = ask(finding, low, high, *twins, returns=str)
            if said == right:
                continue
            found = f"{low:.2f} to {high:.2f}, with twins from {twins[0]:.2f} to {twins[1]:.2f}"
            if said not in ("faster", "slower", "no result"):
                return f'Return "faster", "slower" or "no result". Found: {said!r}.'
            if right == "no result":
                return f"For {found} it says {said!r}, but the two overlap."
            if said == "no result":
                return f"For {found} it says 'no result', but the two don't overlap."
            return f"For {found} it says {said!r}. A ratio under the twins' takes less time."
    return None


EXERCISES = [
    Exercise(
        _compare,
        "Turns, a ratio for each round, a median: no moment and no interruption moves it.",
        "Let take_turns call both 20 times, with the clock that you're given. Then divide within "
        "the rounds, and take the median of the 20 ratios.",
        "def compare(a, b, clock):\n"
        '    seconds = take_turns({"a": a, "b": b}, 20, clock)\n'
        '    return np.median(seconds["b"] / seconds["a"])',
        wrong={
            "def compare(a, b, clock):\n"
            "    start = clock()\n"
            "    for _ in range(20):\n"
            "        a()\n"
            "    middle = clock()\n"
            "    for _ in range(20):\n"
            "        b()\n"
            "    return (clock() - middle) / (middle - start)": "gets busy after call",
            "def compare(a, b, clock):\n"
            "    def median(call):\n"
            "        times = []\n"
            "        for _ in range(15):\n"
            "            start = clock()\n"
            "            call()\n"
            "            times.append(clock() - start)\n"
            "        return np.median(times)\n\n"
            "    return median(b) / median(a)": "gets busy after call",
            "def compare(a, b, clock):\n"
            '    seconds = take_turns({"a": a, "b": b}, 20, clock)\n'
            '    return np.median(seconds["b"]) / np.median(seconds["a"])': "gets busy after call",
            "def compare(a, b, clock):\n"
            '    seconds = take_turns({"a": a, "b": b}, 20, clock)\n'
            '    return seconds["b"].min() / seconds["a"].min()': "the truth is",
            "def compare(a, b, clock):\n"
            '    seconds = take_turns({"a": a, "b": b}, 50, clock)\n'
            '    return np.mean(seconds["b"] / seconds["a"])': "the truth is",
            "def compare(a, b, clock):\n"
            '    seconds = take_turns({"a": a, "b": b}, 20, clock)\n'
            '    return np.median(seconds["a"] / seconds["b"])': "a over b",
            "def compare(a, b, clock):\n"
            '    seconds = take_turns({"a": a, "b": b}, 20, time.perf_counter)\n'
            '    return np.median(seconds["b"] / seconds["a"])': "never asks the clock",
            "def compare(a, b, clock):\n"
            '    seconds = take_turns({"a": a, "b": b}, 3, clock)\n'
            '    return np.median(seconds["b"] / seconds["a"])': "at least ten",
            "def compare(a, b, clock):\n"
            '    seconds = take_turns({"a": a, "b": b}, 20, clock)\n'
            '    return seconds["b"] / seconds["a"]': "Return one number",
            "def compare(a, b, clock):\n"
            '    seconds = take_turns({"a": a, "b": b}, 20, clock)\n'
            '    ratio = np.median(seconds["b"] / seconds["a"])': "returns nothing",
            "def compare(a, b, clock):\n    return 0.8": "must call the a and the b",
            "def compare(a, b, clock):\n"
            "    seconds = take_turns(candidates, 20, clock)\n"
            '    return np.median(seconds["B"] / seconds["A"])': "must call the a and the b",
            "def compare(a, b, clock):\n"
            '    seconds = take_turns({"a": a, "b": b}, 20, clock)\n'
            '    return seconds["b"].sum() / seconds["a"].sum()': "gets busy after call",
            "def compare(a, b, clock):\n"
            '    seconds = take_turns({"a": a, "b": b}, 20, clock)\n'
            '    return benchmark.ratio(seconds, "b", over="a")': "a tuple of 3",
        },
        right_codes=(
            "def compare(a, b, clock):\n"
            "    ratios = []\n"
            "    for _ in range(25):\n"
            "        start = clock()\n"
            "        a()\n"
            "        middle = clock()\n"
            "        b()\n"
            "        ratios.append((clock() - middle) / (middle - start))\n"
            "    return sorted(ratios)[12]",
            "def compare(a, b, clock):\n"
            '    seconds = benchmark.measure({"a": a, "b": b}, rounds=20, clock=clock)\n'
            '    return benchmark.ratio(seconds, "b", over="a")[1]',
        ),
        equivalent=(
            "def compare(a, b, clock):\n"
            "    seconds = take_turns({'a': a, 'b': b}, 21, clock)\n"
            "    return np.median(seconds['b'] / seconds['a'])",
        ),
    ),
    Exercise(
        _finding,
        "Only a middle half that lies beside the twins' says something.",
        "The candidate is faster if even its high is below twins_low. When is it slower? "
        "Whatever is left is no result.",
        "def finding(low, high, twins_low, twins_high):\n"
        "    if high < twins_low:\n"
        '        return "faster"\n'
        "    if low > twins_high:\n"
        '        return "slower"\n'
        '    return "no result"',
        wrong={
            "def finding(low, high, twins_low, twins_high):\n"
            '    return "faster" if high < 1 else "slower" if low > 1 else "no result"': "overlap",
            "def finding(low, high, twins_low, twins_high):\n"
            "    if low > twins_high:\n"
            '        return "faster"\n'
            '    return "slower" if high < twins_low else "no result"': "takes less time",
            "def finding(low, high, twins_low, twins_high):\n"
            "    if low < twins_low:\n"
            '        return "faster"\n'
            '    return "slower" if high > twins_high else "no result"': "the two overlap",
            "def finding(low, high, twins_low, twins_high):\n"
            '    return "no result"': "don't overlap",
            "def finding(low, high, twins_low, twins_high):\n"
            "    middle = (low + high) / 2\n"
            "    if middle < twins_low:\n"
            '        return "faster"\n'
            '    return "slower" if middle > twins_high else "no result"': "the two overlap",
            "def finding(low, high, twins_low, twins_high):\n"
            '    if low <= 1 <= high:\n        return "no result"\n'
            '    return "faster" if high < 1 else "slower"': "the two overlap",
            "def finding(low, high, twins_low, twins_high):\n"
            "    return high < twins_low": "should be text",
            "def finding(low, high, twins_low, twins_high):\n"
            '    print("faster" if high < twins_low else "no result")': "returns nothing",
        },
        right_codes=(
            "def finding(low, high, twins_low, twins_high):\n"
            "    if low <= twins_high and twins_low <= high:\n"
            '        return "no result"\n'
            '    return "faster" if high < 1 else "slower"',
        ),
    ),
]
