"""Render the site into build/site/ with Sphinx, without the network; a warning ends it.

The pages' sources are put together in a folder beside it: docs/ and the notebooks as they are
stored, with their links as the site has them. Nothing is executed.
"""

import argparse
import os
import shutil
import sys
import time
from pathlib import Path

import nbformat
from sphinx.cmd.build import main as sphinx

from hub_to_tflite import knowledge
from hub_to_tflite.errors.explain import STAGES
from tools.course import notebooks, readme
from tools.site import check, lessons, links

ROOT = links.ROOT
DOCS = ROOT / "docs"
OUT, PARTS = ROOT / "build" / "site", ROOT / "build" / "site-parts"
NAMES = {
    '<summary aria-label="Toggle hidden content">': "<summary>",
    'title="Search" aria-label="Search" data-bs-placement': 'title="Search" data-bs-placement',
    '<summary><span class="toctree-toggle"': (
        '<summary aria-label="Pages of this part"><span class="toctree-toggle"'
    ),
}


def stage(folder: Path) -> None:
    """Write what Sphinx reads into a folder, replacing what's there."""
    shutil.rmtree(folder, ignore_errors=True)
    for path in filter(Path.is_file, DOCS.rglob("*")):
        name = path.relative_to(DOCS).as_posix()
        to = folder / (links.place(f"docs/{name}") or name)
        if name.startswith("doctor/"):  # a page of its own
            continue
        to.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix != ".md":
            shutil.copyfile(path, to)
            continue
        text = links.rewritten(path.read_text(encoding="utf-8"), f"docs/{name}")
        if name == "index.md":
            text = text.replace("<!-- lessons -->", _contents())
            text = text.replace("<!-- guides -->", _guides(text))
        if name == "errors.md":
            text += "\n".join(["", "```{toctree}", ":hidden:", "", *STAGES, "```", ""])
        to.write_text(text, encoding="utf-8")
    (folder / "lessons").mkdir()
    (folder / "extra" / "lessons").mkdir(parents=True)
    for path in notebooks.every():
        notebook, name = lessons.page(path), f"notebooks/{path.name}"
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = links.rewritten(cell.source, name)
            for output in cell.get("outputs", []):
                if text := output.get("data", {}).get("text/markdown"):
                    output.data["text/markdown"] = links.rewritten(text, name)
        nbformat.write(notebook, folder / "lessons" / path.name)
        shutil.copyfile(path, folder / "extra" / "lessons" / path.name)
    (folder / "lessons" / "index.md").write_text(_lessons(), encoding="utf-8")


def _lessons():
    """Return the page that lists the lessons, by part."""
    told = {"title": notebooks.title, "summary": readme.summary, "time": lessons.time}
    template = Path(__file__).with_name("lessons.md.j2")
    return knowledge.render(template, parts=notebooks.by_part(), **told)


def _guides(index):
    """Return the pages of docs/ that the first page doesn't list yet, one a line."""
    pages = {path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.md")}
    listed = {"index", "errors", *index.split()}
    return "\n".join(sorted(page for page in pages - listed if not page.startswith("errors/")))


def _contents():
    """Return the lists of lessons, by part, that the site's navigation shows."""
    lines = []
    for part, paths in notebooks.by_part():
        names = [f"lessons/{path.stem}" for path in paths]
        lines += ["```{toctree}", ":hidden:", f":caption: {part['title']}", "", *names, "```", ""]
    return "\n".join(lines)


def _name_controls(folder):
    """Give controls of the theme the names that they show, for whoever hears them."""
    for path in folder.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        for wrong, right in NAMES.items():
            text = text.replace(wrong, right)
        path.write_text(text, encoding="utf-8")


def render(out: Path, parts: Path, builder: str = "html") -> list[str]:
    """Stage, render and check the site in `out`; return what is wrong, empty if nothing is.

    `parts` are the pages that aren't rendered here: see tools/site/parts.py.
    """
    os.environ["SOURCE_DATE_EPOCH"] = "0"  # the same pages for the same sources
    source = out.with_name(f"{out.name}-source")
    stage(source)
    shutil.rmtree(out, ignore_errors=True)
    options = ["-q", "-E", "-W", "--keep-going", "-j", "2", "-b", builder]
    options += ["-d", str(out.with_name(f"{out.name}-trees"))]
    wrong = ["Sphinx warned, as above."] if sphinx([*options, str(source), str(out)]) else []
    if builder == "linkcheck":
        return wrong
    _name_controls(out)
    shutil.copytree(parts, out, dirs_exist_ok=True)
    return wrong + check.problems(out)


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.site.render", description=__doc__)
    parser.add_argument("--builder", default="html", choices=("html", "linkcheck"))
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--parts", type=Path, default=PARTS)
    options, begun = parser.parse_args(), time.monotonic()
    if wrong := render(options.out, options.parts, options.builder):
        print(*wrong, sep="\n", file=sys.stderr)
        return 1
    if options.builder == "html":
        out, pages = os.path.relpath(options.out), len(list(options.out.rglob("*.html")))
        print(f"{pages} pages in {out}, in {time.monotonic() - begun:.0f} s. To read them:")
        print(f"\n    python -m http.server -d {out}\n\nthen open http://localhost:8000")
    return 0


if __name__ == "__main__":
    sys.exit(main())
