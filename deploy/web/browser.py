"""The system's Chromium, headless, with every way out of this machine shut: for tests and for pictures."""

import contextlib
import functools
import os
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
    "msedge",
)
PLACES = [
    f"/Applications/{name}.app/Contents/MacOS/{name}" for name in ("Chromium", "Google Chrome")
]
ARGUMENTS = [
    "--no-sandbox",  # root, as in a container, has none
    "--disable-gpu",
    "--disable-dev-shm-usage",  # containers have 64 MB there
    "--disable-background-networking",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]
LOOPBACK = ("127.0.0.1", "localhost", "::1")
MISSING = (
    "there is no Chromium on this machine. On Debian or Ubuntu: apt install chromium. "
    "Elsewhere name its program in the environment variable CHROMIUM"
)


def find():
    """Return the path of a Chromium or Chrome of this machine, or None. The variable CHROMIUM goes first."""
    found = [shutil.which(name) for name in filter(None, [os.environ.get("CHROMIUM"), *NAMES])]
    return next(filter(None, [*found, *filter(os.path.exists, PLACES)]), None)


@contextlib.contextmanager
def chromium():
    """Start Chromium; yield playwright's Browser. Raises FileNotFoundError, with what to install, if there is none."""
    from playwright.sync_api import sync_playwright

    program = find()
    if not program:
        raise FileNotFoundError(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def page(browser, **options):
    """Yield a new Page of a context of its own, made with `options`; it reaches this machine alone.

    page.refused lists the addresses that were asked for elsewhere, page.errors what went wrong in the page's scripts
    and what its console calls an error, without the notices that LiteRT.js writes there.
    """
    context = browser.new_context(**options)
    try:
        opened = context.new_page()
        opened.refused, opened.errors = [], []

        def decide(route):
            address = urlsplit(route.request.url)
            if address.scheme in ("data", "blob", "file") or address.hostname in LOOPBACK:
                route.continue_()
            else:
                opened.refused.append(route.request.url)
                route.abort()

        def note(said):
            if said.type == "error" and not said.text.startswith(("INFO: ", "WARNING: ")):
                opened.errors.append(said.text)

        context.route("**/*", decide)
        opened.on("pageerror", lambda error: opened.errors.append(str(error)))
        opened.on("console", note)
        yield opened
    finally:
        context.close()


@contextlib.contextmanager
def serve(folder):
    """Serve a folder on loopback, as `python -m http.server` does; yield its address, "http://127.0.0.1:<port>/"."""
    handler = functools.partial(_Quiet, directory=str(Path(folder)))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    extensions_map = {
        **SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".wasm": "application/wasm",
    }

    def log_message(self, *_):
        pass
