"""Where the lessons hold: tables made from runs, in docs/environments.md.

    python -m tools.course.environments NAME RESULTS.xml ...

`make run`, `make colab` and `make lock-check` leave a summary.json in build/, which `make readme`
takes over into docs/environments.json: {environment: {"date": ..., "compared": ..., "lessons":
{lesson: "" or what went wrong}}}. The command adds a run that compared what's stored, under a name
that says what was special; `pytest notebooks/ --junitxml=RESULTS.xml` writes RESULTS.xml.
"""

import argparse
import datetime
import importlib.metadata
import json
import platform
import re
from pathlib import Path
from xml.etree import ElementTree

from hub_to_tflite.tables import table
from tools.course import notebooks, set_up

STORED = notebooks.FOLDER.parent / "docs" / "environments.json"
SIGNS = {None: "·", "": "✓"}  # not run; held. Anything else is what went wrong: ✗


def here() -> str:
    """Return the name of this environment: system, Python and TensorFlow."""
    python = ".".join(platform.python_version_tuple()[:2])
    tensorflow = importlib.metadata.version("tensorflow")
    return f"{platform.system()} {platform.machine()}, Python {python}, TensorFlow {tensorflow}"


def compared(results: Path, name: str) -> list[dict]:
    """Return rows as in summary.json from pytest's results: which cells differ, or why none ran."""
    lessons = {}
    for case in ElementTree.parse(results).iter("testcase"):
        lesson = re.fullmatch(r"notebooks\.(\w+)\.ipynb", case.get("classname", ""))
        if lesson:
            known = lessons.setdefault(lesson[1], [])
            if (skipped := case.find("skipped")) is not None:
                known.append(skipped.get("message"))
            elif case.find("failure") is not None or case.find("error") is not None:
                known.append(case.get("name").lower())
    if not lessons:
        raise SystemExit(f"{results} has no cell of a lesson. Write it with: pytest notebooks/")
    errors = {lesson: ", ".join(dict.fromkeys(found)) for lesson, found in lessons.items()}
    row = {"environment": name, "compared": True}
    return [row | {"notebook": lesson, "error": error} for lesson, error in errors.items()]


def server(measured: dict) -> list[dict]:
    """Return rows as in summary.json from what `make hub-load` measured."""
    errors = sorted({error for one in measured["rounds"] for error in one["errors"]})
    learners = max(one["learners"] for one in measured["rounds"])
    row = {"environment": f"JupyterHub, {learners} learners at once", "error": ", ".join(errors)}
    return [row | {"notebook": one, "date": measured["date"]} for one in measured["lessons"]]


def take_over(results: Path, stored: Path = STORED, name: str = "") -> None:
    """Add a run to what is stored: a summary.json, server.json, or pytest's results with a name."""
    known = json.loads(stored.read_text(encoding="utf-8")) if stored.exists() else {}
    date = datetime.date.fromtimestamp(results.stat().st_mtime).isoformat()
    rows = compared(results, name) if name else json.loads(results.read_text(encoding="utf-8"))
    for row in server(rows) if isinstance(rows, dict) else rows:
        environment = known.setdefault(row["environment"], {"lessons": {}})
        environment["date"] = row.get("date", date)
        environment["compared"] = row.get("compared", False)
        environment["lessons"][row["notebook"]] = row["error"] or ""
    text = json.dumps(known, indent=1, sort_keys=True, ensure_ascii=False)
    stored.write_text(text + "\n", encoding="utf-8")


def page(stored: Path = STORED) -> str:
    """Return the table of the lessons, a row for each environment, then each failure in a line."""
    lessons = {path.stem: path.stem[:2] for path in notebooks.every()}
    return _table(stored, lessons, outputs=True)


def packages(stored: Path = STORED) -> str:
    """Return the table of the systems that the lock has packages for, as `page` does."""
    minors = range(set_up.OLDEST[1], set_up.NEWEST[1] + 1)
    return _table(stored, {f"Python 3.{minor}": f"Python 3.{minor}" for minor in minors})


def _table(stored, columns, outputs=False):
    known = json.loads(stored.read_text(encoding="utf-8"))
    rows, failures = [], []
    for name, run in known.items():
        found = [run["lessons"].get(column) for column in columns]
        if set(found) == {None}:
            continue
        compared = ["compared" if run["compared"] else ""] if outputs else []
        rows.append([name, run["date"], *compared, *(SIGNS.get(one, "✗") for one in found)])
        pairs = zip(columns, found, strict=True)
        failures += [f"- {name}, {column}: {error}" for column, error in pairs if error]
    head = ["environment", "date", *(["outputs"] if outputs else []), *columns.values()]
    return "\n".join([table(rows, head, "markdown"), "", *failures]).strip()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", help="such as 'Linux x86_64, Python 3.12, OMP_NUM_THREADS=1'")
    parser.add_argument("results", type=Path, nargs="+", help="what pytest's --junitxml wrote")
    told = parser.parse_args()
    for path in told.results:
        take_over(path, name=told.name)
