"""The doctor and the pages, built once; tests skip where they can't be built or opened."""

import contextlib
import functools
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from deploy.web import browser
from deploy.web import build as web
from tests import pages
from tools.site import doctor

WIDTHS, SCHEMES = (320, 390, 1280), ("light", "dark")


@pytest.fixture(scope="session")
def parts(tmp_path_factory):
    """The folder with the doctor and the digit page, which need no Sphinx."""
    pages.need(web.packages, doctor.packages)
    folder = tmp_path_factory.mktemp("parts")
    doctor.build(folder / "doctor")
    web.build(folder / "digit")
    return folder


@pytest.fixture(scope="module")
def program(parts):
    with browser.launch() as program:
        yield program


@contextlib.contextmanager
def server(folder):
    """Serve a folder on loopback; yield (its address, the list of paths that were asked for)."""
    asked = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            asked.append(self.path)

    handler = functools.partial(Handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{served.server_port}/", asked
        finally:
            served.shutdown()


def serious(page):
    """What axe-core finds on an open page that is serious or critical, as texts."""
    page.evaluate((doctor.packages() / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
    return page.evaluate(
        """axe.run({resultTypes: ["violations"]}).then(({violations}) => violations
        .filter(({impact}) => ["serious", "critical"].includes(impact))
        .map(({id, nodes}) => `${id}: ${nodes.map(({html}) => html.slice(0, 200)).join(" | ")}`))"""
    )
