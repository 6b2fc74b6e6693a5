"""Measure everything and write benchmarks/: `make bench`, or `python -m tools.bench [ROUNDS]` for a shorter run."""

import json
import os
import subprocess
import sys

from tools.bench import contest, files, overhead, report
from tools.course import set_up

COURSE, OTHERS = sys.executable, set_up.python_of(set_up.BENCH)
PACKAGES = {
    COURSE: ("tensorflow", "ai-edge-litert", "numpy"),
    OTHERS: ("onnxruntime", "openvino", "nncf", "onnx", "tf2onnx"),
}


def python_for(worker):
    """Return the Python of the environment that a worker's runtime is installed in."""
    return OTHERS if worker in ("onnxruntime", "openvino") else COURSE


def asked(python, *arguments):
    """Return what `python -m ...` prints as JSON; what it says otherwise is shown only if it fails."""
    done = subprocess.run(
        [python, "-m", *arguments], cwd=contest.ROOT, capture_output=True, text=True
    )
    if done.returncode:
        raise contest.Failed((done.stderr.strip().splitlines() or ["no word"])[-1])
    return json.loads(done.stdout)


def prepare():
    """Return {form: path} of every file; if the other runtimes' cannot be made, each of them says why."""
    made = asked(COURSE, "tools.bench.files", "tflite")
    try:
        return {**made, **asked(OTHERS, "tools.bench.files", "onnx", json.dumps(made))}
    except (contest.Failed, OSError) as error:
        wanted = {entry.file for entry in contest.contestants()} - set(made)
        return {**made, **{form: {"error": str(error)} for form in wanted}}


def versions():
    """Return {package: version} of what takes part."""
    code = "import importlib.metadata as m, json, sys; print(json.dumps({p: m.version(p) for p in sys.argv[1:]}))"
    found = {}
    for python, names in PACKAGES.items():
        try:
            found.update(
                json.loads(subprocess.check_output([python, "-c", code, *names], text=True))
            )
        except (OSError, subprocess.CalledProcessError):
            found.update(dict.fromkeys(names, "missing"))
    return found


def main(rounds=30):
    """Measure, step by step, and say where it is; end with status 1 if something could not be measured."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["NO_COLOR"] = "1"
    print("Making the files; the first time takes some minutes.", flush=True)
    machine, made, entries = report.machine(versions()), prepare(), contest.contestants()
    results = {
        "machine": machine,
        "rounds": rounds,
        "checked": files.CHECKED,
        "threads": {},
        "helper": {},
    }
    for threads in (1, 2):
        print(f"{len(entries)} contestants, {threads} thread(s), {rounds} rounds", flush=True)
        result = contest.run(entries, made, python_for, threads, rounds)
        results["threads"][str(threads)] = report.plain(result, entries[0].label)
    for form in ("float32", "full-integer with float I/O"):
        print(f"The helper's cost, {form}", flush=True)
        try:
            found = asked(COURSE, "tools.bench.overhead", "helper", made[form], str(2 * rounds))
        except contest.Failed as error:
            found = {}
            print(f"FAILED: {error}")
        results["helper"][form.partition(",")[0]] = found
    print("The walk over its floor", flush=True)
    folder = asked(COURSE, "tools.bench.overhead", "folder")
    seconds, failed = overhead.walks(COURSE, folder, max(2, rounds // 6))
    results["walks"] = {
        "seconds": {way: spent.round(3).tolist() for way, spent in seconds.items()},
        "failed": failed,
    }
    report.FOLDER.mkdir(exist_ok=True)
    report.RESULTS.write_text(json.dumps(results) + "\n")
    report.write(results, entries)
    print(
        "\n"
        + report.text(results, entries)
        + f"\nIn {report.FOLDER.name}/: this, the figure, every round's times."
    )
    sys.exit(any(measured["failed"] for measured in results["threads"].values()) or bool(failed))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
