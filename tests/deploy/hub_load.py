"""Measure the server for a class: `make hub-load`, which takes 20 minutes on two quiet cores.

1, 2, 4 and 8 learners, on this machine alone, log in at once and run part 0's lessons to their end,
without a pause, through the hub's proxy. It writes docs/teach/server.json, and from it the tables
of docs/teach/server.md.
"""

import argparse
import datetime
import functools
import json
import math
import os
import platform
import re
import shutil
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

from deploy.jupyterhub import __main__ as server
from hub_to_tflite import knowledge
from hub_to_tflite.sandbox import memory
from tests.deploy.hub_client import Learner
from tools.course import readme

PAGE = server.ROOT / "docs" / "teach" / "server.md"
RESULTS = readme.SERVER
IDLE = 10  # seconds until a kernel is stopped: a learner with ten minutes is as much slower
SYSTEM = 1e9  # bytes for the rest of the machine
WAIT = 120  # seconds that a class may wait when all run the same lesson at once


def lessons() -> list[str]:
    """Return the names of part 0's notebooks."""
    return sorted(path.name for path in (server.ROOT / "notebooks").glob("0?_*.ipynb"))


def measure(shared: Path | None, count: int, idle: int = IDLE) -> dict:
    """Let `count` learners work through part 0 at once; return what each lesson and learner took.

    `shared` is a warm cache, or None for an empty one.
    """
    url = f"http://127.0.0.1:{server.free_port()}"
    with tempfile.TemporaryDirectory(prefix="hub-", ignore_cleanup_errors=True) as work:
        folder = Path(work, "class")
        Path(work).chmod(0o755)
        limits = {"memory": int(8e9), "idle_kernel": idle, "idle_server": 3600}
        hub_folder = server.prepare(folder, count, url, cert="", key="", **limits)
        cache = server.shared_cache(folder)
        shutil.copytree(shared, cache) if shared else cache.mkdir()
        known = json.loads((hub_folder / "class.json").read_text())["people"]
        with server.running(hub_folder, url) as hub, ThreadPoolExecutor(count) as pool:
            names = [name for name in known if name != "teacher"]
            own = memory.held(hub.pid)
            tokens = [known[name]["token"] for name in names]
            found = list(pool.map(functools.partial(_one, hub.pid, url, idle), names, tokens))
        files = filter(Path.is_file, Path(known[names[0]]["home"]).rglob("*"))
        home = sum(path.stat().st_size for path in files)
    return {
        "learners": count,
        "hub": own,
        "home": home,
        "errors": [error for one in found for error in one["errors"]],
        **{key: [one[key] for one in found] for key in ("start", "peak", "rest", "seconds", "cpu")},
    }


def server_of(hub: int, name: str) -> psutil.Process:
    """Return the process of a learner's server, which the hub's process has started."""
    below = psutil.Process(hub).children()
    return next(one for one in below if one.environ().get("JUPYTERHUB_USER") == name)


def _one(hub, url, idle, name, token):
    """Work through part 0 as one learner."""
    begin = time.monotonic()
    learner = Learner(url, name, token)
    learner.start(600)
    found = {"start": time.monotonic() - begin, "seconds": [], "cpu": [], "errors": []}
    process = server_of(hub, name)
    with memory.Watch(process.pid) as watch:
        for lesson in lessons():
            begin, before = time.monotonic(), _processor(process)
            found["errors"] += learner.work_through(lesson)
            found["seconds"].append(time.monotonic() - begin)
            found["cpu"].append(_processor(process) - before)
    end = time.monotonic() + 3 * idle
    while idle <= IDLE and learner.ask("GET", "kernels").json() and time.monotonic() < end:
        time.sleep(1)
    return found | {"peak": watch.bytes, "rest": memory.held(process.pid)}


def _processor(process):
    """Return the seconds of processor time of a process and all that it has started."""
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(t.user + t.system + t.children_user + t.children_system for t in times)


def run(counts: list[int]) -> dict:
    """Measure everything; return it with the machine's name and the date."""
    info, cpu = Path("/proc/cpuinfo"), platform.processor() or platform.machine()
    if info.exists() and (known := re.search(r"model name\s*: (.*)", info.read_text())):
        cpu = known[1]
    results = {
        "date": datetime.date.today().isoformat(),
        "machine": f"{cpu}, {os.cpu_count()} cores, {psutil.virtual_memory().total / 1e9:.0f} GB",
        "load": psutil.getloadavg()[0],
        "lessons": [name.removesuffix(".ipynb") for name in lessons()],
    }
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work:
        shared = Path(work, "cache")
        server.warm(shared)
        results["cold"] = measure(None, 1)
        results["all open"] = measure(shared, 1, idle=3600)
        results["rounds"] = []
        for count in counts:
            results["rounds"].append(measure(shared, count))
            print(f"{count}: {results['rounds'][-1]}", flush=True)
    return results


def tables(results: dict) -> str:
    """Return what was measured, and the sizes that follow from it, in Markdown."""
    last = results["rounds"][-1]
    each, most = (max(results["rounds"][at]["peak"]) for at in (-1, 0))
    heaviest = max(statistics.mean(one) for one in zip(*last["cpu"]))
    sizes = []
    for count in (10, 30, 100):
        needs = {"memory": (SYSTEM + last["hub"] + count * each) / 1e9}
        needs |= {"cores": max(2, count * heaviest / WAIT), "disk": 4 + count * last["home"] / 1e9}
        sizes.append({"learners": count} | {what: math.ceil(one) for what, one in needs.items()})
    found = {"results": results, "sizes": sizes, "last": last, "each": each, "most": most}
    found |= {"heaviest": heaviest, "warm": statistics.mean(map(sum, last["cpu"]))}
    found |= {"wait": WAIT, "idle": IDLE}
    functions = {"mean": statistics.mean, "zip": zip}
    return knowledge.render(Path(__file__).with_name("server.md.j2"), **found, **functions)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--learners", type=int, nargs="+", default=[1, 2, 4, 8], help="at once")
    results = run(parser.parse_args().learners)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    readme.write(PAGE, {"measured": lambda: tables(results)})
