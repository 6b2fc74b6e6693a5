"""Open thousands of damaged and hostile .tflite files: none may end, hold or fool the process.

Case number n of a seed is always the same file. Each file goes to `open_tflite` in a process that
lives on from file to file, as a kernel does, and by itself to the bare runtime, which has the last
word. What breaks the promise is kept in build/fuzz/.
"""

import os
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np

from helpers import interpreter
from hub_to_tflite import tables
from hub_to_tflite.file.identify import identify
from hub_to_tflite.sandbox import SandboxError, Worker, forked, opening
from tests.fuzz import mutations

REAL_MODELS = os.environ.get("HUB_TO_TFLITE_REAL_MODELS")
CORPUS = os.path.join(REAL_MODELS, "odd") if REAL_MODELS else ""  # tried first, unless empty
KEPT = Path(__file__).resolve().parents[2] / "build" / "fuzz"
SECONDS = 15  # that opening may take; the bare runtime gets twice that
MEMORY = 4 * 2**30  # bytes that a process may ask for: some files ask for all there is
STUCK = 8 * SECONDS  # without a result: then the opener itself counts as hung
REFUSED = {  # what open_tflite says -> outcome
    "is not a .tflite": "no .tflite",
    "is damaged": "damaged",
    "does not run here": "refused",
    "does not fit into memory": "too large",
    "would end this process": "killer",
    "does not come to an end": "endless",
}
WRONG = ["the opener died", "the opener hung", "wrongly valid"]
OUTCOMES = [*REFUSED.values(), "same outputs", "other outputs", *WRONG]


class Row(NamedTuple):
    """What became of a case; `truth` is what the bare runtime does with it."""

    number: int
    mutation: str
    base: str
    outcome: str
    truth: str = ""


def case(seed: str, number: int, corpus: str | Path = CORPUS) -> tuple[str, str, bytes]:
    """Return (mutation, base, bytes) of a case. The files of `corpus` come first, unchanged."""
    given = sorted(Path(corpus).glob("*.tflite")) if corpus else []
    if number < len(given):
        return "as it is", given[number].name, given[number].read_bytes()
    rng, bases = Random(f"{seed} {number}"), mutations.bases()
    mutation = list(mutations.MUTATIONS)[number % len(mutations.MUTATIONS)]
    base = rng.choice([name for name in bases if name != "hub" or rng.random() < 0.4])
    return mutation, base, mutations.MUTATIONS[mutation](rng, bases[base])


def outcome(content: bytes, usual: list, sandboxed: bool = True) -> str:
    """Return what open_tflite does with a file. What it opens is run here, its outputs compared."""
    repr(identify(content))  # raises nothing, whatever the bytes
    try:
        opened = opening.open_tflite(content, sandboxed, SECONDS)
    except opening.OpenError as error:
        return next(outcome for words, outcome in REFUSED.items() if words in str(error))
    try:
        opening.run(opened)
    except Exception:
        return "wrongly valid"
    outputs = _outputs(opened)
    same = len(outputs) == len(usual) and all(map(np.array_equal, outputs, usual))
    return "same outputs" if same else "other outputs"


def truth(content: bytes) -> str:
    """Return what the bare runtime does in a fork: "runs", "refuses", "dies" or "hangs"."""
    code = forked(lambda: opening.run(interpreter.load(content)), seconds=2 * SECONDS)
    return {0: "runs", 1: "refuses", -signal.SIGALRM: "hangs"}.get(code, "dies")


def attempt(seed: str, number: int, corpus: str | Path, sandboxed: bool) -> Row:
    """Return the Row of a case; for a process that may end."""
    mutation, base, content = case(seed, number, corpus)
    found = {"truth": truth(content), "outcome": outcome(content, _usual(base), sandboxed)}
    return judged(Row(number, mutation, base, **found))


def judged(row: Row) -> Row:
    """Return a Row, changed if open_tflite opened what the bare runtime does not run."""
    if row.outcome in ("same outputs", "other outputs") and row.truth != "runs":
        return row._replace(outcome="wrongly valid")
    return row


@lru_cache
def _usual(base):
    content = mutations.bases().get(base)
    return _outputs(interpreter.load(content)) if content else []


def _outputs(opened):
    """Return the outputs on ones; none if ones are refused, such as an index out of range."""
    try:
        return opening.run(opened, 1)
    except Exception:
        return []


def fuzz(
    count: int,
    seed: str = "0",
    minutes: float = 30,
    workers: int = 2,
    sandboxed: bool = True,
    corpus: str | Path = CORPUS,
) -> list[Row]:
    """Return the Rows of the first `count` cases of a seed, as many as `minutes` allow.

    `sandboxed=False` opens without the sandbox: it shows what that protects from.
    """
    mutations.bases()  # made once, before all others need them
    end = time.monotonic() + 60 * minutes

    def work(first):
        rows = []
        with Worker({"OPENBLAS_NUM_THREADS": "1"}) as worker:
            for number in range(first, count, workers):
                if time.monotonic() > end:
                    break
                given = seed, number, corpus, sandboxed
                try:
                    rows.append(worker.call(attempt, *given, seconds=STUCK, memory=MEMORY))
                except SandboxError as error:
                    how = WRONG[1] if error.ending == "timeout" else WRONG[0]
                    rows.append(Row(number, *case(seed, number, corpus)[:2], how, error.name))
        return rows

    with ThreadPoolExecutor(workers) as pool:
        rows = sorted(row for rows in pool.map(work, range(workers)) for row in rows)
    for row in rows:
        if row.outcome in WRONG:
            KEPT.mkdir(parents=True, exist_ok=True)
            content = case(seed, row.number, corpus)[2]
            (KEPT / f"{seed}-{row.number}.tflite").write_bytes(content)
    return rows


def table(rows: list[Row]) -> str:
    """Return the counts as text: a line for each mutation, a column for each outcome."""
    counts = Counter((name, row.outcome) for row in rows for name in (row.mutation, "all"))
    columns = [one for one in OUTCOMES if counts["all", one] or one in WRONG]
    names = [*dict.fromkeys(row.mutation for row in rows), "all"]
    found = {name: [counts[name, one] for one in columns] for name in names}
    lines = [[name, sum(numbers), *numbers] for name, numbers in found.items()]
    return tables.table(lines, ["mutation", "files", *columns])
