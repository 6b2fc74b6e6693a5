"""What the benchmark measured: tables, a figure, the machine.

python -m tools.bench.report    write benchmarks/ again from benchmarks/results.json
"""

import functools
import json
import os
import platform
import re
from pathlib import Path

import numpy as np
import psutil

from helpers import benchmark
from hub_to_tflite import knowledge
from hub_to_tflite.tables import table
from tools.bench import candidates
from tools.bench.candidates import Candidate
from tools.course import readme, set_up

FOLDER = set_up.ROOT / "benchmarks"
RESULTS, README, FIGURE = FOLDER / "results.json", FOLDER / "README.md", FOLDER / "latency.png"
TARGETS = {"predict": 1.05, "lesson": 2}  # the most that our own code may take, as a ratio of times
BASE = "LiteRT, Interpreter, int8"  # what the processors are compared by
FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8")


def ranked(measured: dict, entries: list[Candidate]) -> list[Candidate]:
    """Return the candidates that ran, the fastest first."""
    ran = [one for one in entries if one.label in measured["seconds"]]
    return sorted(ran, key=lambda one: np.median(measured["seconds"][one.label]))


def fastest(measured: dict, entries: list[Candidate]) -> dict[str, str]:
    """Return {side: label} of each side's fastest candidate proven to compute the same function."""
    sides = {}
    for one in ranked(measured, entries):
        if candidates.proven(one, measured["proof"].get(one.label)):
            sides.setdefault(one.side, one.label)
    return sides


def ratio(seconds: dict, name: str, over: str) -> tuple[float, float, float] | None:
    """Return benchmark.ratio of {label: list of seconds}, or None if one wasn't measured."""
    if not {name, over} <= seconds.keys():
        return None
    return benchmark.ratio({one: np.array(seconds[one]) for one in (name, over)}, name, over)


def middle_half(found: tuple[float, float, float]) -> str:
    """Return (low, median, high) in words."""
    low, median, high = found
    return f"{median:.2f} ({low:.2f} to {high:.2f})"


def target(what: str, found: tuple[float, float, float], name: str) -> tuple:
    """Return a row of the table of targets."""
    wanted = TARGETS[name]
    result = f"**{'met' if found[1] <= wanted else 'missed'}**, by {abs(found[1] / wanted - 1):.0%}"
    return what, f"at most {wanted}", middle_half(found), result


def targets(results: dict) -> list[tuple]:
    """Return the rows of the table of targets, which are for our own code."""
    rows = []
    for form, ratios in results["predict"].items():
        what = f"`predict` over bare calls, {form}"
        rows.append(target(what, ratios["predict"], "predict"))
    found = ratio(results["lesson"], "lesson", "floor")
    return [*rows, target("lesson 00 over its floor", found, "lesson")]


def processors(runs: list[dict], entries: list[Candidate]) -> list[tuple]:
    """Return a row for each candidate that ran in all runs, by its time in the first.

    That is its name, then for each run and number of threads its time over BASE's, then for each
    run its peak memory in MB, with one thread.
    """
    rows = []
    for one in ranked(runs[0]["threads"]["1"], entries):
        measured = [threads for run in runs for threads in run["threads"].values()]
        times = [ratio(every["seconds"], one.label, BASE) for every in measured]
        if all(times):
            peaks = [run["threads"]["1"]["peak"][one.label] for run in runs]
            rows.append((one.label, *(f"{time[1]:.2f}" for time in times), *peaks))
    return rows


def elsewhere() -> list[dict]:
    """Return the results of runs on other processors, from benchmarks/<name>_<date>.json."""
    paths = sorted(FOLDER.glob("*_????-??-??.json"))
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def latency(measured: dict, entries: list[Candidate], over: str) -> list[tuple]:
    """Return the rows of one number of threads, the fastest first; `over` is the label of int8."""
    rows, seconds = [], measured["seconds"]
    for one in ranked(measured, entries):
        found, proof = ratio(seconds, one.label, over), measured["proof"].get(one.label)
        milliseconds = f"{np.median(seconds[one.label]) * 1e3:.2f}"
        same = "yes" if candidates.proven(one, proof) else "NOT SHOWN"
        told = found and middle_half(found), measured["peak"][one.label], proof and in_words(proof)
        rows.append((one.label, milliseconds, *told, same))
    return rows


def text(results: dict, entries: list[Candidate]) -> str:
    """Return the generated part of benchmarks/README.md."""
    runs = [results, *elsewhere()]
    names = [run["machine"].partition(" (family")[0] for run in runs]
    sides = {n: fastest(one, entries).get("int8", "int8") for n, one in results["threads"].items()}
    return knowledge.render(
        Path(__file__).with_suffix(".md.j2"),
        table=functools.partial(table, form="markdown"),
        middle_half=middle_half,
        in_words=in_words,
        results=results,
        runs=runs,
        names=names,
        threads=[f"{name}, threads: {n}" for name, run in zip(names, runs) for n in run["threads"]],
        memory=[f"MB, {name}" for name in names],
        targets=targets(results),
        base=BASE,
        processors=processors(runs, entries),
        sides=sides,
        latency={n: latency(results["threads"][n], entries, side) for n, side in sides.items()},
        lesson={name: np.median(spent) for name, spent in results["lesson"].items()},
    )


def in_words(proof: tuple[float, float, int]) -> str:
    """Return what `candidates.compare` found in words."""
    difference, correlation, same = proof
    return f"{difference:.0e}, {correlation:.3f}, {same}"


def machine(versions: dict[str, str]) -> str:
    """Return a sentence on this machine: what decides speed, and nothing that names it."""
    cpu, info = platform.processor() or platform.machine(), Path("/proc/cpuinfo")
    if info.exists():
        known = dict(re.findall(r"^([\w ]+?)\s*: (.*)$", info.read_text(), re.MULTILINE))
        flags = [flag for flag in FLAGS if flag in known.get("flags", "").split()]
        model = f"family {known.get('cpu family')}, model {known.get('model')}"
        cpu = f"{known.get('model name', cpu)} ({model}), {' '.join(flags)}"
    packages = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"{cpu}; {os.cpu_count()} cores, {psutil.virtual_memory().total / 1e9:.0f} GB; "
        f"{platform.system()} {platform.release()}, load average {psutil.getloadavg()[0]:.1f} at "
        f"the start. Python {platform.python_version()}, {packages}."
    )


def figure(results: dict, entries: list[Candidate]) -> None:
    """Draw the candidates' latency, bars with the middle half, a panel for a number of threads."""
    from matplotlib.figure import Figure

    panels = results["threads"]
    fig = Figure(figsize=(6.5 * len(panels), 7.5), layout="constrained")
    axes = fig.subplots(1, len(panels), squeeze=False)
    for ax, (threads, measured) in zip(axes[0], panels.items()):
        labels = [one.label for one in reversed(ranked(measured, entries))]
        milliseconds = np.array([measured["seconds"][label] for label in labels]) * 1e3
        low, median, high = np.quantile(milliseconds, [0.25, 0.5, 0.75], axis=1)
        colors = ["#0072b2" if label.startswith("LiteRT") else "#bbbbbb" for label in labels]
        bars = ax.barh(labels, median, color=colors, xerr=[median - low, high - median])
        ax.bar_label(bars, fmt="%.1f", padding=3, fontsize=8)
        ax.tick_params("y", labelsize=8)
        ax.set(title=f"threads: {threads}", xlabel="milliseconds for one image, logarithmic")
        ax.set(xscale="log", xlim=(0.5, 2 * high.max()))
        ax.margins(y=0.01)
    fig.suptitle("MobileNetV2 1.0, 224 pixels: median and middle half of the rounds")
    fig.savefig(FIGURE, dpi=80, metadata={"Software": None})


def write() -> None:
    """Write the generated part of benchmarks/README.md, and the figure, from the stored results."""
    results, entries = json.loads(RESULTS.read_text(encoding="utf-8")), candidates.load()
    readme.write(README, {"results": lambda: text(results, entries)})
    figure(results, entries)


if __name__ == "__main__":
    write()
