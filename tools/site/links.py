"""Where a file of the repository is on the site, and what a link to it becomes."""

import posixpath
import re
from collections.abc import Callable
from pathlib import Path

from tools.course import readme

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:)([^)\s#]*)(#[^)\s]*)?(?=\))")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
PAGES = {"README.md": "index.md", "docs/errors.md": "errors/index.md"}


def place(path: str) -> str | None:
    """Return where a file of the repository goes on the site, None if it isn't there."""
    if path in PAGES:
        return PAGES[path]
    folder, _, name = path.partition("/")
    if folder == "notebooks":
        return f"lessons/{name}"
    if folder == "docs" and name.endswith((".md", ".png")) and (ROOT / path).exists():
        return name
    return None


def source(path: str) -> str:
    """Return the public address of a file or folder of the repository."""
    kind = "tree" if (ROOT / path).is_dir() else "blob"
    return f"{readme.address()}/{kind}/main/{path}".rstrip("/")


def rewritten(text: str, path: str) -> str:
    """Return the Markdown of `path` with its links as they are on the site.

    What isn't on the site is linked at the public address. A link that leads nowhere stays, and
    Sphinx will warn of it.
    """
    here = posixpath.dirname(place(path) or path)

    def replace(link):
        target, anchor = link[1], link[2] or ""
        if not target:
            return link[0]
        to = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if not (ROOT / to).exists() and (ROOT / target).exists():
            to = target  # in what a program wrote that ran in the checkout
        if found := place(to):
            # README's headings aren't those of the first page.
            return posixpath.relpath(found, here) + ("" if to == "README.md" else anchor)
        return source(to) + anchor if (ROOT / to).exists() else link[0]

    return outside_code(text, lambda part: LINK.sub(replace, part))


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Return Markdown with the parts outside its code blocks changed."""
    parts, end = [], 0
    for fence in FENCE.finditer(text):
        parts += [change(text[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*parts, change(text[end:])])
