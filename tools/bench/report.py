"""What the benchmark measured, told: a table, a verdict on each target, a figure, and the machine.

python -m tools.bench.report    write benchmarks/ again from benchmarks/results.json
"""

import json
import os
import platform
from pathlib import Path

import numpy as np

from tools.bench import contest, overhead

FOLDER = contest.ROOT / "benchmarks"
RESULTS, TABLE, FIGURE = FOLDER / "results.json", FOLDER / "README.md", FOLDER / "latency.png"
MARKS = ("<!-- results -->\n", "<!-- end -->")
EXACT, LIKE = (
    1e-3,
    0.7,
)  # the same function: the largest difference of a float32 score; the correlation of other forms
TARGETS = {"SavedModel": 6.0, "other": 1.3, "helper": 1.05, "walk": 2.0}
COLOURS = {
    "TensorFlow": "#d55e00",
    "LiteRT": "#0072b2",
    "ONNX Runtime": "#009e73",
    "OpenVINO": "#aa4499",
}


def compare(scores, reference):
    """Return (largest difference, correlation, inputs with the same top-1) of two arrays (n, classes)."""
    return (
        float(np.abs(scores - reference).max()),
        float(np.corrcoef(scores.ravel(), reference.ravel())[0, 1]),
        int(np.sum(scores.argmax(1) == reference.argmax(1))),
    )


def proven(entry, proof):
    """Say whether `proof`, from `compare`, shows that this contestant computes the reference's function."""
    difference, correlation, _ = proof
    return difference <= EXACT if entry.kind == "float32" else correlation >= LIKE


def plain(result, reference):
    """Return a contest.Result as what JSON holds; `reference` is the label whose scores the others must have."""
    scores = result.scores.get(reference)
    known = {} if scores is None else result.scores
    return {
        "seconds": {label: np.round(spent, 7).tolist() for label, spent in result.seconds.items()},
        "peak": {label: round(peak) for label, peak in result.peak.items()},
        "proof": {label: compare(found, scores) for label, found in known.items()},
        # What a function that is not the same looks like: the reference's answers to other pictures.
        "control": None if scores is None else compare(np.roll(scores, 1, axis=0), scores),
        "failed": result.failed,
        "empty": round(result.empty),
    }


def ratio(seconds, name, over):
    """Return (low, median, high) of how many times as long `name` took as `over`, round by round: the middle half."""
    return tuple(
        np.quantile(np.array(seconds[name]) / np.array(seconds[over]), [0.25, 0.5, 0.75]).tolist()
    )


def best(measured, entries, fits):
    """Return the fastest of the `entries` for which `fits` holds, that ran and is proven the same; None if none is."""
    able = [
        entry.label
        for entry in entries
        if entry.counts and fits(entry) and entry.label in measured["seconds"]
        if entry.label in measured["proof"] and proven(entry, measured["proof"][entry.label])
    ]
    return min(able, key=lambda label: np.median(measured["seconds"][label]), default=None)


def ours(measured, entries):
    """Return the label of the int8 .tflite in the faster of LiteRT's two ways to run it."""
    return best(
        measured,
        entries,
        lambda entry: entry.runtime == contest.OURS and entry.file.startswith("int8"),
    )


def verdict(what, found, asked, at_least):
    """Return a line of the table of targets; `found` is (low, median, high), or None if it could not be measured."""
    wanted = f"{'at least' if at_least else 'at most'} {asked:g}"
    if found is None:
        return what, wanted, "not measured", "not measured"
    low, middle, high = found
    met = middle >= asked if at_least else middle <= asked
    by = abs(middle / asked - 1)
    said = (
        f"**{'met' if met else 'missed'}**, by {by:.0%}"
        if round(by, 2)
        else "met, just"
        if met
        else "**missed**, just"
    )
    return what, wanted, f"{middle:.2f} ({low:.2f} to {high:.2f})", said


def verdicts(results, entries):
    """Return the lines of the table of targets."""
    lines = []
    for threads, measured in results["threads"].items():
        mine = ours(measured, entries)
        rivals = {
            "SavedModel": best(
                measured, entries, lambda entry: entry.runtime == contest.TENSORFLOW
            ),
            "other": best(
                measured,
                entries,
                lambda entry: entry.runtime not in (contest.TENSORFLOW, contest.OURS),
            ),
        }
        for target, rival in rivals.items():
            found = ratio(measured["seconds"], rival, mine) if mine and rival else None
            what = f"{rival or target} over {mine or 'int8 .tflite'}, {threads} thread{'s' * (threads != '1')}"
            lines.append(verdict(what, found, TARGETS[target], True))
    for form, ways in results["helper"].items():
        lines.append(
            verdict(
                f"`predict` over bare calls, {form}",
                ways.get(overhead.PREDICT),
                TARGETS["helper"],
                False,
            )
        )
    walks = results["walks"]["seconds"]
    found = ratio(walks, "walk", "floor") if {"walk", "floor"} <= set(walks) else None
    lines.append(verdict("the walk over its floor", found, TARGETS["walk"], False))
    return lines


def markdown(head, lines):
    """Return a table in Markdown, its columns aligned so that it can be read as it is."""
    table = [tuple(map(str, line)) for line in [head, *lines]]
    widths = [max(len(line[column]) for line in table) for column in range(len(head))]
    rows = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths)) + " |"
        for line in table
    ]
    return "\n".join(
        [rows[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *rows[1:]]
    )


def latency_lines(measured, entries):
    """Return the lines of one contest's table, the fastest first; a contestant that failed says why at the end."""
    mine, lines = ours(measured, entries), []
    seconds = measured["seconds"]
    for entry in sorted(entries, key=lambda entry: np.median(seconds.get(entry.label, [np.inf]))):
        if entry.label not in seconds:
            lines.append(
                (
                    entry.label,
                    "failed: " + measured["failed"].get(entry.label, "?").replace("|", "/"),
                    *[""] * 4,
                )
            )
            continue
        proof = measured["proof"].get(entry.label)
        low, middle, high = ratio(seconds, entry.label, mine) if mine else (np.nan,) * 3
        lines.append(
            (
                entry.label,
                f"{np.median(seconds[entry.label]) * 1e3:.2f}",
                f"{middle:.2f} ({low:.2f} to {high:.2f})",
                measured["peak"].get(entry.label, "?"),
                f"{proof[0]:.0e}, {proof[1]:.3f}, {proof[2]}" if proof else "?",
                "yes" if proof and proven(entry, proof) else "NOT SHOWN",
            )
        )
    return lines


def product(measured, entries):
    """Return the sentence that takes the first target apart, as a list: where SavedModel over int8 comes from."""
    start = best(measured, entries, lambda entry: entry.runtime == contest.TENSORFLOW)
    middle = best(
        measured, entries, lambda entry: entry.runtime == contest.OURS and entry.file == "float32"
    )
    end = ours(measured, entries)
    if not (start and middle and end):
        return []
    first, second = (
        ratio(measured["seconds"], start, middle)[1],
        ratio(measured["seconds"], middle, end)[1],
    )
    return [
        f"SavedModel over int8 in two steps: {start} over {middle} {first:.2f}, {middle} over {end} {second:.2f}."
    ]


def text(results, entries):
    """Return the generated part of benchmarks/README.md."""
    parts = [f"{results['rounds']} rounds. {results['machine']}", "### Targets"]
    parts.append(
        markdown(
            ("ratio of times", "wanted", "median (middle half)", "verdict"),
            verdicts(results, entries),
        )
    )
    for threads, measured in results["threads"].items():
        parts.append(f"### {threads} thread{'s' * (threads != '1')}")
        head = (
            "contestant",
            "ms",
            f"times {ours(measured, entries)}",
            "peak MB",
            "proof",
            "same function",
        )
        parts.append(markdown(head, latency_lines(measured, entries)))
        parts += product(measured, entries)
        if measured["control"]:
            difference, correlation, same = measured["control"]
            parts.append(
                f"Proof: largest difference of a score, correlation, same top-1 of {results['checked']}, all against "
                f"the SavedModel's signature. Its own answers to other pictures: {difference:.0e}, {correlation:.3f}, "
                f"{same}. A worker without a runtime, Python and numpy alone: {measured['empty']} MB."
            )
    parts.append("### What the course adds")
    lines = [
        (f"{way}, {form}", f"{middle:.3f} ({low:.3f} to {high:.3f})")
        for form, ways in results["helper"].items()
        for way, (low, middle, high) in ways.items()
    ]
    walks = results["walks"]["seconds"]
    if "floor" in walks:
        for way, what in {
            "walk": "lesson 00 as a plain script",
            "notebook": "lesson 00 executed on a kernel",
        }.items():
            if way in walks:
                low, middle, high = ratio(walks, way, "floor")
                spent = f"{np.median(walks[way]):.1f} s over {np.median(walks['floor']):.1f} s"
                lines.append(
                    (f"{what}, over its floor", f"{middle:.3f} ({low:.3f} to {high:.3f}); {spent}")
                )
    parts.append(markdown(("times of bare calls, or of the floor", "median (middle half)"), lines))
    parts += [f"Failed: {name}: {why}" for name, why in results["walks"]["failed"].items()]
    return "\n\n".join(parts) + "\n"


def machine(versions):
    """Return a sentence on this machine: what decides speed, and nothing that names it."""
    cpu, memory = platform.processor() or platform.machine(), ""
    if Path("/proc/cpuinfo").exists():
        lines = dict(
            line.split(":", 1)
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if ":" in line
        )
        known = {name.strip(): value.strip() for name, value in lines.items()}
        cpu = f"{known.get('model name', cpu)} (family {known.get('cpu family')}, model {known.get('model')})"
        wanted = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8")
        cpu += ", " + " ".join(flag for flag in wanted if flag in known.get("flags", "").split())
        total = int(Path("/proc/meminfo").read_text().partition("MemTotal:")[2].split()[0])
        memory = f", {total * 1024 / 1e9:.0f} GB"
    load = (
        f", load average {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    )
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    return (
        f"{cpu}; {os.cpu_count()} cores{memory}; {platform.system()} {platform.release()}{load}. "
        f"Python {platform.python_version()}, {named}."
    )


def figure(results, entries, path=FIGURE):
    """Draw every contestant's latency, a bar with its middle half, one panel for each number of threads."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    panels = results["threads"]
    fig, axes = plt.subplots(
        1, len(panels), figsize=(6.5 * len(panels), 7.5), layout="constrained", squeeze=False
    )
    for ax, (threads, measured) in zip(axes[0], panels.items()):
        ran = [entry for entry in entries if entry.label in measured["seconds"]]
        spent = [
            np.quantile(measured["seconds"][entry.label], [0.25, 0.5, 0.75]) * 1e3 for entry in ran
        ]
        order = np.argsort([-middle for _, middle, _ in spent])
        for place, number in enumerate(order):
            low, middle, high = spent[number]
            bar = {"color": COLOURS[ran[number].runtime], "xerr": [[middle - low], [high - middle]]}
            ax.barh(place, middle, **bar, error_kw={"ecolor": "#555555"})
            ax.text(high, place, f" {middle:.1f}", va="center", fontsize=8)
        ax.set_yticks(range(len(ran)), [ran[number].label for number in order], fontsize=8)
        ax.set(
            xscale="log",
            xlabel="milliseconds for one picture, logarithmic",
            title=f"{threads} thread{'s' * (threads != '1')}",
        )
        ax.set_xlim(0.5, 2 * max(high for *_, high in spent))
        ax.margins(y=0.01)
    fig.suptitle("MobileNetV2 1.0, 224 pixels: median and middle half of the rounds")
    fig.savefig(path, dpi=80, metadata={"Software": None})
    plt.close(fig)


def write(results, entries):
    """Write the generated part of benchmarks/README.md, and the figure."""
    before, _, rest = TABLE.read_text(encoding="utf-8").partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    TABLE.write_text(
        before + MARKS[0] + text(results, entries) + MARKS[1] + after, encoding="utf-8"
    )
    figure(results, entries)


if __name__ == "__main__":
    write(json.loads(RESULTS.read_text()), contest.contestants())
