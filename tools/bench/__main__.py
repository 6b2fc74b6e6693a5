"""Measure everything and write benchmarks/: `make bench`."""

import argparse
import json
import os
import sys
from importlib.metadata import version
from pathlib import Path

from hub_to_tflite import sandbox
from tools.bench import candidates, files, overhead, report

OURS = ("tensorflow", "ai-edge-litert", "numpy")
THEIRS = ("onnxruntime", "openvino", "nncf", "onnx", "tf2onnx")
PREDICT = ("float32", "full-integer with float I/O")


def main() -> None:
    """Measure, step by step; end with status 1 if a candidate failed."""
    parser = argparse.ArgumentParser("python -m tools.bench", description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=30, help="at least 2 (default: 30)")
    rounds = parser.parse_args().rounds
    if not Path(candidates.OTHERS).exists():
        parser.error("the other runtimes are missing. Run: make bench")
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", NO_COLOR="1")

    print("Making the files; the first time takes some minutes.", flush=True)
    made, unmade = sandbox.call(files.tflite), {}
    versions = {package: version(package) for package in OURS}
    with candidates.worker(others=True) as others:
        versions |= {package: others.call(version, package) for package in THEIRS}
        for form in files.FORMS:
            try:
                made[form] = others.call(files.other, form, made)
            except Exception as error:
                unmade[form] = candidates.reason(error)

    entries = candidates.load()
    print(f"What the course adds; {len(entries)} candidates on 1 and 2 threads", flush=True)
    results = {
        "machine": report.machine(versions),
        "rounds": rounds,
        "checked": files.CHECKED,
        "predict": {form: overhead.helper(made[form], 2 * rounds) for form in PREDICT},
        "lesson": overhead.lessons(max(2, rounds // 6)),
        "threads": {n: candidates.run(entries, made, unmade, n, rounds) for n in (1, 2)},
    }
    report.RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    report.write()
    print(f"\n{report.text(results, entries)}\nbenchmarks/ has this, the figure and the times.")
    sys.exit(any(measured["failed"] for measured in results["threads"].values()))


if __name__ == "__main__":
    main()
