"""Where the lessons hold: a table made from runs, in docs/environments.md.

`make run` and `make colab` leave a summary.json in build/; `make readme` takes it over into
docs/environments.json, {environment: {"date": ..., "lessons": {lesson: "" or what went wrong}}}.
"""

import datetime
import importlib.metadata
import json
import platform
from pathlib import Path

from hub_to_tflite.tables import table
from tools.course import notebooks

STORED = notebooks.FOLDER.parent / "docs" / "environments.json"


def here() -> str:
    """Return the name of this environment: system, Python and TensorFlow."""
    python = ".".join(platform.python_version_tuple()[:2])
    tensorflow = importlib.metadata.version("tensorflow")
    return f"{platform.system()} {platform.machine()}, Python {python}, TensorFlow {tensorflow}"


def take_over(summary: Path, stored: Path = STORED) -> None:
    """Add a run's summary.json, rows with notebook, error and environment, to what is stored."""
    known = json.loads(stored.read_text(encoding="utf-8")) if stored.exists() else {}
    date = datetime.date.fromtimestamp(summary.stat().st_mtime).isoformat()
    for row in json.loads(summary.read_text(encoding="utf-8")):
        environment = known.setdefault(row["environment"], {"lessons": {}})
        environment["date"] = date
        environment["lessons"][row["notebook"]] = row["error"] or ""
    stored.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def page(stored: Path = STORED) -> str:
    """Return the table, a row for each environment, then each failure in a line."""
    known = json.loads(stored.read_text(encoding="utf-8"))
    lessons = [path.stem for path in notebooks.every()]
    words = {None: "not run", "": "✓"}
    rows, failures = [], []
    for name, run in known.items():
        found = [run["lessons"].get(lesson) for lesson in lessons]
        rows.append((name, run["date"], *(words.get(one, "✗") for one in found)))
        pairs = zip(lessons, found, strict=True)
        failures += [f"- {name}, {lesson}: {error}" for lesson, error in pairs if error]
    head = ("environment", "date", *(lesson[:2] for lesson in lessons))
    return "\n\n".join(filter(None, [table(rows, head, "markdown").strip(), "\n".join(failures)]))
