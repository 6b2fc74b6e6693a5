"""Open thousands of damaged and hostile .tflite files: none may end the process, hold it, or wrongly pass.

`make fuzz`, or `python -m tools.fuzz --count 200 --seed 7`. Case number n of a seed is always the same file. Each file
goes to `open_tflite` in a process that lives on from file to file, as a kernel does, and by itself to the bare
runtime, which has the last word. What breaks the promise is kept in build/fuzz/, and the exit status is 1.
"""

import argparse
import contextlib
import faulthandler
import json
import os
import queue
import random
import resource
import select
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np

from helpers import interpreter
from hub_to_tflite.file.identify import identify
from hub_to_tflite.sandbox import opening, trial
from tools.fuzz import mutations

ROOT = Path(__file__).resolve().parents[2]
REAL_MODELS = os.environ.get("HUB_TO_TFLITE_REAL_MODELS")
CORPUS = os.path.join(REAL_MODELS, "odd") if REAL_MODELS else ""  # tried first, unless empty
KEPT = ROOT / "build" / "fuzz"
SECONDS = 15  # that a trial may take; the bare runtime gets twice that, so that no race decides
MEMORY = 4 * 2**30  # bytes that a process of the fuzz may ask for: some files ask for all there is
STUCK = 8 * SECONDS  # without an answer: then the opener itself counts as hung
VERDICTS = {  # of open_tflite: a word of its message -> the column of the table
    "is not a .tflite": "no .tflite",
    "is damaged": "damaged",
    "does not run here": "refused",
    "would end this process": "killer",
    "does not come to an end": "endless",
}
WRONG = ["the opener died", "the opener hung", "wrongly valid"]


def case(seed, number, bases, corpus=CORPUS):
    """Return (way, base, bytes): the file with this number. The files of the folder `corpus` come first, unchanged."""
    given = sorted(Path(corpus).glob("*.tflite")) if corpus else []
    if number < len(given):
        return "as it is", given[number].name, given[number].read_bytes()
    rng = random.Random(f"{seed} {number}")
    way = list(mutations.WAYS)[number % len(mutations.WAYS)]
    base = rng.choice([name for name in bases if name != "hub" or rng.random() < 0.4])
    return way, base, mutations.WAYS[way](rng, bases[base])


def verdict(content, usual, with_trial=True):
    """Return what open_tflite says: a column of the table. What it opens is also run here, and its output compared."""
    repr(identify(content))  # raises nothing, whatever the bytes
    try:
        interpreter = opening.open_tflite(content, trial=with_trial, seconds=SECONDS)
    except opening.OpenError as error:
        return next(column for words, column in VERDICTS.items() if words in str(error))
    try:
        trial.run(interpreter)
    except Exception:
        return "wrongly valid"
    outputs = answer(interpreter)
    same = len(outputs) == len(usual) and all(map(np.array_equal, outputs, usual))
    return "same answer" if same else "another answer"


def answer(interpreter):
    """Return the outputs on ones, a list of arrays; none where ones are refused, such as an index out of range."""
    try:
        return trial.run(interpreter, 1)
    except Exception:
        return []


def truth(content):
    """Return what the bare runtime does with the bytes, in a child: "runs", "refuses", "dies" or "hangs"."""
    child = os.fork()
    if child == 0:
        status = 1
        with contextlib.suppress(BaseException):
            faulthandler.disable()
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            trial.limit(2 * SECONDS)
            trial.run(interpreter.load(content))
            status = 0
        os._exit(status)
    end = time.monotonic() + 2 * SECONDS
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return "runs" if code == 0 else "refuses" if code == 1 else "dies"
        time.sleep(0.002)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return "hangs"


def work(seed, corpus, with_trial, first, last, step):
    """Try the cases first, first + step ... before last; print each number, then what became of it, as JSON."""
    stream = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.dup2(1, 2)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))  # its children have the same
    bases = mutations.bases()
    usual = {name: answer(interpreter.load(content)) for name, content in bases.items()}
    for number in range(first, last, step):
        print(json.dumps([number]), file=stream, flush=True)
        way, base, content = case(seed, number, bases, corpus)
        last_word = truth(content)
        found = verdict(content, usual.get(base, []), with_trial)
        print(json.dumps([number, way, base, found, last_word]), file=stream, flush=True)


def watch(chosen, first, last, step, end, results):
    """Put the results of `work` into a queue, starting it again behind a file that ends or holds it."""
    while first < last and time.monotonic() < end:
        command = [
            sys.executable,
            "-m",
            "tools.fuzz",
            "--work",
            *map(str, [*chosen, first, last, step]),
        ]
        settings = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        # Unbuffered, so that what was read and what select() still waits for are the same.
        worker = subprocess.Popen(
            command, cwd=ROOT, env=settings, stdout=subprocess.PIPE, bufsize=0
        )
        current = None
        while time.monotonic() < end:
            if not select.select([worker.stdout], [], [], STUCK)[0]:
                results.put([first if current is None else current, "", "", "the opener hung", ""])
                break
            line = worker.stdout.readline()
            if not line and (worker.wait() or current is not None):
                results.put(
                    [
                        first if current is None else current,
                        "",
                        "",
                        "the opener died",
                        str(worker.returncode),
                    ]
                )
                first = last if current is None else first  # it does not even begin
            if not line:
                break
            row = json.loads(line)
            current, first = row[0] if len(row) == 1 else None, row[0] + step
            if len(row) > 1:
                results.put(row)
                if results.qsize() % 200 == 0:
                    print(results.qsize(), "files", file=sys.stderr, flush=True)
        worker.kill()
        worker.wait()
        worker.stdout.close()


def fuzz(count, seed=0, minutes=30.0, workers=2, with_trial=True, corpus=CORPUS):
    """Return a list of [number, way, base, verdict, truth] for the first `count` files of a seed.

    The .tflite files in `corpus` come first. `with_trial=False` opens without the child process: it shows what the
    trial protects from.
    """
    bases = mutations.bases()
    results, end = queue.Queue(), time.monotonic() + 60 * minutes
    chosen, rest = (seed, corpus, int(with_trial)), (count, workers, end, results)
    threads = [
        threading.Thread(target=watch, args=(chosen, first, *rest)) for first in range(workers)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = judged(sorted(results.queue, key=lambda row: row[0]))
    for row in rows:
        if row[3] in WRONG:
            way, base, content = case(seed, row[0], bases, corpus)
            row[1:3] = way, base
            KEPT.mkdir(parents=True, exist_ok=True)
            (KEPT / f"{seed}-{row[0]}.tflite").write_bytes(content)
    return rows


def judged(rows):
    """Return the rows, those changed where open_tflite opened what the bare runtime does not run."""
    for row in rows:
        if row[3] in ("same answer", "another answer") and row[4] != "runs":
            row[3] = "wrongly valid"
    return rows


def table(rows):
    """Return the counts as text: a line for each way to damage a file, a column for each verdict."""
    columns = [*VERDICTS.values(), "same answer", "another answer", *WRONG]
    columns = [
        column for column in columns if any(row[3] == column for row in rows) or column in WRONG
    ]
    counts = Counter((row[1], row[3]) for row in rows) + Counter(("all", row[3]) for row in rows)
    lines = [["way", "files", *columns]]
    for way in [*dict.fromkeys(row[1] for row in rows), "all"]:
        total = sum(counts[way, column] for column in columns)
        lines.append([way, str(total), *(str(counts[way, column]) for column in columns)])
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join("  ".join(map(str.rjust, line, widths)) for line in lines)


def main():
    """Run from the command line; the exit status is 1 if a promise is broken."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=2100)
    parser.add_argument("--seed", default="0")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--no-trial",
        action="store_true",
        help="open without the child process, to see the need of it",
    )
    parser.add_argument(
        "--corpus",
        default=CORPUS,
        help="a folder of .tflite files that are tried first, as they are",
    )
    parser.add_argument("--work", nargs=6, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.work:
        return work(*chosen.work[:2], *map(int, chosen.work[2:]))
    start = time.monotonic()
    rows = fuzz(
        chosen.count,
        chosen.seed,
        chosen.minutes,
        chosen.workers,
        not chosen.no_trial,
        chosen.corpus,
    )
    print(table(rows))
    strict = [row for row in rows if row[4] == "runs" and row[3] in VERDICTS.values()]
    wrong = [row for row in rows if row[3] in WRONG]
    print(f"\nThe bare runtime: {dict(Counter(row[4] for row in rows))}.")
    print(
        f"Refused though the bare runtime runs them: {len(strict)}, {dict(Counter(row[1] for row in strict))}."
    )
    print(
        "'another answer': a sound file of another model. Only its sha256 tells it from the one that was published."
    )
    print(
        f"{len(rows)} files of seed {chosen.seed} in {time.monotonic() - start:.0f} s; broken promises: {len(wrong)}"
    )
    for row in wrong:
        print(*row)
    return int(bool(wrong) or not rows)


if __name__ == "__main__":
    sys.exit(main())
