"""Fair races between ways to do the same thing. Repeats what 08_measure teaches; no TensorFlow.

A second on this machine is not a second on yours, nor on this one a minute later. So every round runs every
way, in an order that turns, and two ways are compared within a round: what slows the machine slows both. And each
counted call follows one of the same way, for a call that follows another way's pays for the caches that it finds.
"""

import time

import numpy as np


def race(ways, rounds=30, warm_up=3, clock=time.perf_counter):
    """Return {name: seconds (rounds,) float64} for `ways`, {name: function without arguments}.

    A round calls each way twice and counts the second call; the first `warm_up` rounds are not counted.
    `clock` returns seconds: time.perf_counter is what a user waits, time.process_time what the processor worked,
    less disturbed by what else runs, for one thread only.
    """
    order, seconds = list(ways), {name: [] for name in ways}
    for number in range(warm_up + rounds):
        order.append(order.pop(0))
        for name in order:
            ways[name]()
            start = clock()
            ways[name]()
            spent = clock() - start
            if number >= warm_up:
                seconds[name].append(spent)
    return {name: np.array(spent) for name, spent in seconds.items()}


def ratio(seconds, name, over):
    """Return (low, median, high) of how many times as long `name` took as `over`: the middle half of the rounds.

    `seconds` is what `race` returned.
    """
    return tuple(np.quantile(seconds[name] / seconds[over], [0.25, 0.5, 0.75]).tolist())
