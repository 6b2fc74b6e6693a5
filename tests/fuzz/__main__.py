"""`python -m tests.fuzz --count 200 --seed 7`; the exit status is 1 if a promise is broken."""

import argparse
import sys
import time
from collections import Counter

from tests import fuzz


def main() -> int:
    """Fuzz, and print what became of the files."""
    parser = argparse.ArgumentParser(description=fuzz.__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=2100)
    parser.add_argument("--seed", default="0")
    parser.add_argument("--minutes", type=float, default=30)
    chosen = vars(parser.parse_args())
    start = time.monotonic()
    rows = fuzz.fuzz(**chosen)
    print(fuzz.table(rows))
    strict = [row for row in rows if row.truth == "runs" and row.outcome in fuzz.REFUSED.values()]
    wrong = [row for row in rows if row.outcome in fuzz.WRONG]
    print(f"\nThe bare runtime: {dict(Counter(row.truth for row in rows))}.")
    print("Refused, though it runs them:", dict(Counter(row.mutation for row in strict)))
    print("'other outputs': a sound file of another model. Only its sha256 can tell.")
    seconds = time.monotonic() - start
    print(f"{len(rows)} files of seed {chosen['seed']} in {seconds:.0f} s; broken: {len(wrong)}")
    for row in wrong:
        print(*row)
    return int(bool(wrong) or not rows)


if __name__ == "__main__":
    sys.exit(main())
