"""Whether a rendered site holds together: internal links, anchors, and nothing from elsewhere."""

import posixpath
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "link": "href"}
HARMLESS = ("canonical", "next", "prev", "index", "search")  # a link's rel that loads nothing


class _Page(HTMLParser):
    """What a page links to, what it loads, and the anchors that it has."""

    def __init__(self, text):
        super().__init__()
        self.linked, self.loaded, self.ids = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids |= {found.get("id"), found.get("name") if tag == "a" else None} - {None}
        if tag == "a" and found.get("href"):
            self.linked.append(found["href"])
        if tag in LOADED and (address := found.get(LOADED[tag])):
            quiet = tag == "link" and found.get("rel") in HARMLESS
            (self.linked if quiet else self.loaded).append(address)


def problems(folder: Path) -> list[str]:
    """Return what is wrong with the site in `folder`, a sentence each; none if it's sound."""
    pages, wrong = {}, []
    for path in folder.rglob("*.html"):
        if "_static" not in path.parts:
            name = path.relative_to(folder).as_posix()
            pages[name] = _Page(path.read_text(encoding="utf-8"))
    for name, page in pages.items():
        for address in page.loaded:
            if urlsplit(address).netloc:
                wrong.append(f"{name} loads {address} from elsewhere.")
        for address in [*page.linked, *page.loaded]:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            to = posixpath.normpath(posixpath.join(posixpath.dirname(name), unquote(parts.path)))
            to = to if parts.path else name
            if (folder / to).is_dir():
                to = posixpath.join(to, "index.html")
            anchor = unquote(parts.fragment)
            if not (folder / to).is_file():
                wrong.append(f"{name} links to {address}, which isn't there.")
            elif anchor and to in pages and anchor not in pages[to].ids:
                wrong.append(f"{name} links to {address}, and {to} has no such anchor.")
    return wrong
