"""Render the site into build/site/ with Sphinx, without the network; a warning ends it.

The pages' sources are put together in build/site-source/: docs/ and the notebooks as they are
stored, with their links as the site has them, and the pages of the errors. Nothing is executed.
"""

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

import nbformat
from sphinx.cmd.build import main as sphinx

from tools.course import notebooks, readme
from tools.site import check, errors, lessons, links

ROOT = links.ROOT
DOCS = ROOT / "docs"
SOURCE, OUT, PARTS = (ROOT / "build" / name for name in ("site-source", "site", "site-parts"))
NAMES = {
    '<summary aria-label="Toggle hidden content">': "<summary>",
    'title="Search" aria-label="Search" data-bs-placement': 'title="Search" data-bs-placement',
    '<summary><span class="toctree-toggle"': (
        '<summary aria-label="Pages of this part"><span class="toctree-toggle"'
    ),
}


def stage() -> None:
    """Write what Sphinx reads into build/site-source/."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    anchors = errors.anchors()
    for path in filter(Path.is_file, DOCS.rglob("*")):
        name = path.relative_to(DOCS).as_posix()
        to = SOURCE / name
        if name == "errors.md" or name.startswith("doctor/"):  # as pages of their own
            continue
        to.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix != ".md":
            shutil.copyfile(path, to)
            continue
        text = links.rewritten(path.read_text(encoding="utf-8"), f"docs/{name}", anchors)
        to.write_text(text.replace("<!-- lessons -->", _contents()), encoding="utf-8")
    (SOURCE / "lessons").mkdir()
    (SOURCE / "extra" / "lessons").mkdir(parents=True)
    for path in notebooks.every():
        notebook, name = lessons.page(path), f"notebooks/{path.name}"
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = links.rewritten(cell.source, name, anchors)
            for output in cell.get("outputs", []):
                if text := output.get("data", {}).get("text/markdown"):
                    output.data["text/markdown"] = links.rewritten(text, name, anchors)
        nbformat.write(notebook, SOURCE / "lessons" / path.name)
        shutil.copyfile(path, SOURCE / "extra" / "lessons" / path.name)
    (SOURCE / "lessons" / "index.md").write_text(_lessons(), encoding="utf-8")
    (SOURCE / "errors").mkdir()
    (SOURCE / "errors" / "index.md").write_text(errors.overview(), encoding="utf-8")
    for stage, text in errors.pages().items():
        text = links.rewritten(text, f"errors/{stage}.md", anchors)
        (SOURCE / "errors" / f"{stage}.md").write_text(text, encoding="utf-8")


def _lessons():
    """Return the page that lists the lessons, by part."""
    lines = ["# The lessons", ""]
    for part, paths in lessons.by_part().items():
        lines += [f"## {part}", "", "| lesson | what you'll have | time |", "|---|---|---|"]
        for path in paths:
            title = f"[{path.stem[:2]} {notebooks.title(path)}]({path.name})"
            lines.append(f"| {title} | {readme.summary(path)} | {lessons.time(path)} |")
        lines.append("")
    return "\n".join(lines)


def _contents():
    """Return the lists of lessons, by part, that the site's navigation shows."""
    lines = []
    for part, paths in lessons.by_part().items():
        names = [f"lessons/{path.stem}" for path in paths]
        lines += ["```{toctree}", ":hidden:", f":caption: {part}", "", *names, "```", ""]
    return "\n".join(lines)


def _name_controls():
    """Give controls of the theme the names that they show, for whoever hears them."""
    for path in OUT.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        for wrong, right in NAMES.items():
            text = text.replace(wrong, right)
        path.write_text(text, encoding="utf-8")


def main() -> int:
    """Stage, render and check the site; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.site.render", description=__doc__)
    parser.add_argument("builder", nargs="?", default="html", choices=("html", "linkcheck"))
    builder, begun = parser.parse_args().builder, time.monotonic()
    os.environ["SOURCE_DATE_EPOCH"] = "0"  # the same pages for the same sources
    stage()
    out = OUT if builder == "html" else ROOT / "build" / "linkcheck"
    shutil.rmtree(out, ignore_errors=True)
    options = ["-q", "-b", builder, "-W", "--keep-going", "-d", str(ROOT / "build" / "site-trees")]
    status = sphinx([*options, "-j", "2", "-E", str(SOURCE), str(out)])
    if builder == "linkcheck":
        return status
    _name_controls()
    shutil.copytree(PARTS, OUT, dirs_exist_ok=True)
    wrong = check.problems(OUT)
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    if status or wrong:
        return 1
    pages = len(list(OUT.rglob("*.html")))
    seconds = time.monotonic() - begun
    print(f"{pages} pages in {OUT.relative_to(ROOT)}, in {seconds:.0f} s. To read them:\n")
    print(
        f"    python -m http.server -d {OUT.relative_to(ROOT)}\n\nthen open http://localhost:8000"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
