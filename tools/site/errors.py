"""The pages of the errors, one for each stage, from errors.yaml."""

import re
from pathlib import Path

from hub_to_tflite import knowledge
from hub_to_tflite.errors import explain
from tools import gallery

LONGEST = 110  # characters of a message in a heading


def anchor(entry: explain.Entry) -> str:
    """Return an entry's anchor. It's made of its name, and stays the same while that does."""
    return "error-" + re.sub(r"[^a-z0-9]+", "-", entry.name.lower()).strip("-")


def address(entry: explain.Entry) -> str:
    """Return where an entry is on the site, such as errors/install.html#error-no-wheel."""
    return f"errors/{entry.stage}.html#{anchor(entry)}"


def heading(entry: explain.Entry) -> str:
    """Return the words of an entry's message, as Markdown; its symptom, if it has none."""
    if not entry.pattern:
        return entry.title
    words = " ".join(entry.pattern[0].replace("*", " … ").split()).strip("… ")
    if len(words) > LONGEST:
        words = words[:LONGEST].rpartition(" ")[0] + " …"
    fence = "``" if "`" in words else "`"
    return f"{fence}{words}{fence}"


def pages() -> dict[str, str]:
    """Return {stage: the Markdown of its page}."""
    template, every = Path(__file__).with_name("errors.md.j2"), explain.entries()
    return {
        stage: knowledge.render(
            template,
            anchor=anchor,
            heading=heading,
            title=title,
            entries=[entry for entry in every if entry.stage == stage],
            every={entry.name: entry for entry in every},
            explain=explain.explain,
        )
        for stage, title in explain.STAGES.items()
    }


def overview() -> str:
    """Return the Markdown of the page that lists the stages."""
    every = explain.entries()
    counts = {stage: sum(entry.stage == stage for entry in every) for stage in explain.STAGES}
    known = {"stages": explain.STAGES, "counts": counts, "total": len(every)}
    return knowledge.render(Path(__file__).with_name("errors_index.md.j2"), **known)


def anchors() -> dict[str, str]:
    """Return {anchor in docs/errors.md: where it leads on the site}."""
    found = {gallery.anchor(title): f"errors/{stage}.md" for stage, title in explain.STAGES.items()}
    for entry in explain.entries():
        found[gallery.anchor(entry.title)] = f"errors/{entry.stage}.md#{anchor(entry)}"
    return found
