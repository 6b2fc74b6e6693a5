"""Measure everything and write benchmarks/: `make bench`."""

import argparse
import json
import os
import sys
from pathlib import Path

from hub_to_tflite import sandbox
from tools.bench import candidates, files, overhead, process, report
from tools.bench.process import Process, ProcessError

OURS = ("tensorflow", "ai-edge-litert", "numpy")
THEIRS = ("onnxruntime", "openvino", "nncf", "onnx", "tf2onnx")


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
    with Process(candidates.OTHERS) as others:
        versions = process.versions(*OURS) | others.call(process.versions, *THEIRS)
        for form in files.FORMS:
            try:
                made[form] = others.call(files.other, form, made)
            except ProcessError as error:
                unmade[form] = str(error)

    results = {
        "machine": report.machine(versions),
        "rounds": rounds,
        "checked": files.CHECKED,
        "predict": {},
        "lesson": {},
        "threads": {},
    }
    print("What the course adds", flush=True)
    for form, file in {"float32": "float32", "int8": "full-integer with float I/O"}.items():
        results["predict"][form] = overhead.helper(made[file], 2 * rounds)
    results["lesson"] = overhead.lessons(max(2, rounds // 6))
    entries = candidates.load()
    for threads in (1, 2):
        print(f"{len(entries)} candidates, threads: {threads}, {rounds} rounds", flush=True)
        measured = candidates.run(entries, made, unmade, threads, rounds)
        results["threads"][str(threads)] = measured
    report.RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    report.write()
    print(
        f"\n{report.text(results, entries)}\nIn {report.FOLDER.name}/: this, the figure, the times."
    )
    sys.exit(any(measured["failed"] for measured in results["threads"].values()))


if __name__ == "__main__":
    main()
