"""Compare the time that candidates take for the same work, without TensorFlow.

Taught in 23_measure_speed.

A second on this machine is not a second on yours, nor on this one a minute later. So every round
runs every candidate, in an order that rotates, and two are compared within a round. Each counted
call follows one of the same candidate, and so finds its own data in the processor's caches.
"""

import time
from collections.abc import Callable

import numpy as np


def measure(
    candidates: dict[str, Callable[[], object]],
    rounds: int = 30,
    warm_up: int = 3,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, np.ndarray]:
    """Return {name: seconds (rounds,) float64} for `candidates`, functions without arguments.

    A round calls each candidate twice and counts the second call; the first `warm_up` rounds do not
    count. `clock` returns seconds: time.perf_counter is what a user waits; time.process_time is
    what all threads worked, less disturbed by what else runs.
    """
    order, seconds = list(candidates), {name: [] for name in candidates}
    for number in range(warm_up + rounds):
        order.append(order.pop(0))
        for name in order:
            candidates[name]()
            start = clock()
            candidates[name]()
            spent = clock() - start
            if number >= warm_up:
                seconds[name].append(spent)
    return {name: np.array(spent) for name, spent in seconds.items()}


def ratio(seconds: dict[str, np.ndarray], name: str, over: str) -> tuple[float, float, float]:
    """Return (low, median, high) of the middle half of the rounds of what `measure` returned."""
    return tuple(np.quantile(seconds[name] / seconds[over], [0.25, 0.5, 0.75]).tolist())
