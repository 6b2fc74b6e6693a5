"""Write the generated parts of README.md: the buttons, the picture, the table of lessons. `make readme`.

What each part is made from stands in one place: the address in pyproject.toml, the lessons in `notebooks/`, the
picture in the first lesson's output, the measurements in `docs/measured.json`, which `make run` leaves in
build/run/summary.json and this tool takes over.
"""

import base64
import json
import sys
from pathlib import Path
from urllib.parse import quote, urlsplit

import nbformat

from tools.course import notebooks

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
README, MEASURED = ROOT / "README.md", ROOT / "docs" / "measured.json"
SUMMARY, PICTURE = ROOT / "build" / "run" / "summary.json", ROOT / "docs" / "images" / "map.png"


def address():
    """Return the public address of the repository."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["urls"]["Repository"]


def buttons():
    """Return the Binder and Colab buttons."""
    repository = urlsplit(address()).path.strip("/")
    first = notebooks.every()[0]
    path = f"notebooks/{first.name}"
    return (
        f"[![Open in Binder](https://mybinder.org/badge_logo.svg)]"
        f"(https://mybinder.org/v2/gh/{repository}/main?labpath={quote(path, safe='')})\n"
        f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
        f"(https://colab.research.google.com/github/{repository}/blob/main/{path})"
    )


def table():
    """Return the table of lessons, with what was measured of each."""
    measured = json.loads(MEASURED.read_text()) if MEASURED.exists() else {}
    lines = ["| lesson | what you hold at its end | runs in | memory |", "|---|---|---|---|"]
    for path in notebooks.every():
        seconds, megabytes = measured.get(path.stem, ("?", "?"))
        lines.append(
            f"| [{path.stem[:2]} {notebooks.title(path)}](notebooks/{path.name}) | {notebooks.promise(path)} "
            f"| {seconds} s | {megabytes} MB |"
        )
    return "\n".join(lines)


def picture():
    """Return the course map, and write it: the first picture among the first lesson's outputs."""
    outputs = [
        o for c in nbformat.read(notebooks.every()[0], 4).cells for o in c.get("outputs", [])
    ]
    png = next(o["data"]["image/png"] for o in outputs if "image/png" in o.get("data", {}))
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_bytes(base64.b64decode(png))
    return (
        "![The road of the course: a handle on a hub, a SavedModel, a .tflite file, the interpreter, "
        f"and the same answer at each border]({PICTURE.relative_to(ROOT).as_posix()})"
    )


PARTS = {"buttons": buttons, "picture": picture, "table": table}


def generated(text):
    """Return README text with every `<!-- name -->` ... `<!-- end -->` part made anew."""
    for name, make in PARTS.items():
        before, start, rest = text.partition(f"<!-- {name} -->\n")
        _, end, after = rest.partition("<!-- end -->")
        assert start and end, f"README.md must have one part named {name}"
        text = f"{before}{start}{make()}\n{end}{after}"
    return text


if __name__ == "__main__":
    if SUMMARY.exists():
        summary = json.loads(SUMMARY.read_text())
        taken = {
            entry["notebook"]: (round(entry["seconds"]), entry["peak_mb"]) for entry in summary
        }
        MEASURED.write_text(json.dumps(taken, indent=1) + "\n")
    README.write_text(generated(README.read_text(encoding="utf-8")), encoding="utf-8")
