"""The system's Chromium, headless, with every way off this machine shut: for tests and images."""

import contextlib
import functools
import os
import shutil
import threading
from collections.abc import Iterator
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
APPLICATIONS = [  # on macOS
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
    "there's no Chromium on this machine. On Debian or Ubuntu: apt install chromium. "
    "Elsewhere, name its program in the environment variable CHROMIUM"
)


def find() -> str | None:
    """Return the path of a Chromium or Chrome on this machine; the variable CHROMIUM goes first."""
    found = [shutil.which(name) for name in filter(None, [os.environ.get("CHROMIUM"), *NAMES])]
    return next(filter(None, [*found, *filter(os.path.exists, APPLICATIONS)]), None)


@contextlib.contextmanager
def launch() -> Iterator:
    """Start Chromium and yield playwright's Browser.

    Raises FileNotFoundError, with what to install, if there is none.
    """
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
def open_page(browser, **options) -> Iterator:
    """Yield a Page in a new context, made with `options`; it reaches only this machine.

    page.refused lists the addresses asked for elsewhere. page.errors lists what went wrong in the
    page's scripts and what its console calls an error, without the notices that LiteRT.js writes.
    """
    context = browser.new_context(**options)
    try:
        page = context.new_page()
        page.refused = []
        page.errors = []

        def decide(route):
            address = urlsplit(route.request.url)
            if address.scheme in ("data", "blob", "file") or address.hostname in LOOPBACK:
                route.continue_()
            else:
                page.refused.append(route.request.url)
                route.abort()

        def note(message):
            if message.type == "error" and not message.text.startswith(("INFO: ", "WARNING: ")):
                page.errors.append(message.text)

        context.route("**/*", decide)
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("console", note)
        yield page
    finally:
        context.close()


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback, as `python -m http.server` does; yield its address."""
    handler = functools.partial(_Quiet, directory=str(Path(folder)))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".js": "text/javascript",
        ".wasm": "application/wasm",
    }

    def log_message(self, *_):
        pass
