"""Write the generated parts of README.md and of pages in docs/: `make readme`.

Each fact has one source: the address is in pyproject.toml, a lesson's outcome in its notebook's
metadata, and times and memory in docs/measured.json, which takes over what the last `make run` left
in build/run/summary.json.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlsplit

import nbformat

from hub_to_tflite.tables import table
from tools.course import environments, notebooks

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
MEASURED = ROOT / "docs" / "measured.json"
LAST_RUN = ROOT / "build" / "run" / "summary.json"
OTHER_RUNS = [ROOT / "build" / run / "summary.json" for run in ("colab", "lock-check")]
SERVER = ROOT / "docs" / "teach" / "server.json"
PART = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def address() -> str:
    """Return the public address of the repository."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return re.search(r'^Repository = "(.*)"$', project, re.MULTILINE)[1]


def launch(path: Path) -> tuple[str, str]:
    """Return the addresses that open a lesson in Binder and in Colab."""
    repository, file = urlsplit(address()).path.strip("/"), f"notebooks/{path.name}"
    return (
        f"https://mybinder.org/v2/gh/{repository}/main?labpath={quote(file, safe='')}",
        f"https://colab.research.google.com/github/{repository}/blob/main/{file}",
    )


def buttons() -> str:
    """Return the Binder and Colab buttons."""
    binder, colab = launch(notebooks.every()[0])
    return (
        f"[![Open in Binder](https://mybinder.org/badge_logo.svg)]({binder})\n"
        f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab})"
    )


def lessons() -> str:
    """Return the table of the parts, with their lessons and what each part leaves you with."""
    rows = []
    for part, paths in notebooks.by_part():
        links = " ".join(f"[{path.stem[:2]}](notebooks/{path.name})" for path in paths)
        rows.append((part["title"], links, part["outcome"]))
    return table(rows, ("part", "lessons", "what you'll have"), form="markdown")


def summary(path: Path) -> str:
    """Return the `summary` in a notebook's metadata."""
    return nbformat.read(path, 4).metadata.summary


def measured() -> str:
    """Return the table of each lesson's seconds and megabytes, with the links that open it."""
    found, rows = json.loads(MEASURED.read_text()), []
    for path in notebooks.every():
        binder, colab = launch(path)
        there = f"[Binder]({binder}) [Colab]({colab})"
        lesson = f"[{path.stem[:2]} {notebooks.title(path)}](../notebooks/{path.name})"
        rows.append((lesson, *found.get(path.stem, ("", "")), there))
    return table(rows, ("lesson", "seconds", "peak MB", "open in"), form="markdown")


PAGES = {
    README: {"buttons": buttons, "lessons": lessons},
    ROOT / "docs" / "measured.md": {"measured": measured},
    ROOT / "docs" / "environments.md": {
        "environments": environments.page,
        "packages": environments.packages,
    },
}


def generated(page: Path, parts: dict[str, Callable[[], str]]) -> str:
    """Return a page's text with each `<!-- name -->` ... `<!-- end -->` part written anew."""
    text = page.read_text(encoding="utf-8")
    return PART.sub(lambda part: f"{part[1]}{parts[part[2]]().strip()}\n{part[3]}", text)


def write(page: Path, parts: dict[str, Callable[[], str]]) -> None:
    """Write these parts of a page anew."""
    page.write_text(generated(page, parts), encoding="utf-8")


def main() -> None:
    """Take over what the last `make run` measured, and write the pages."""
    if LAST_RUN.exists():
        rows = json.loads(LAST_RUN.read_text())
        taken = {row["notebook"]: (round(row["seconds"]), row["peak_mb"]) for row in rows}
        MEASURED.write_text(json.dumps(taken, indent=1) + "\n")
    for run in (LAST_RUN, *OTHER_RUNS, SERVER):
        if run.exists():
            environments.take_over(run)
    for page, parts in PAGES.items():
        write(page, parts)


if __name__ == "__main__":
    main()
