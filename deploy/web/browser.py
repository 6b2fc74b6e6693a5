"""The system's Chromium, headless, with every way off this machine shut: for tests and images."""

import contextlib
import functools
import io
import os
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from hub_to_tflite import knowledge

SETTINGS = knowledge.load(Path(__file__).with_name("settings.yaml"))
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def program() -> str:
    """Return the path of a Chromium or Chrome on this machine; the variable CHROMIUM goes first.

    Raises FileNotFoundError, with what to install, if there is none.
    """
    names = filter(None, [os.environ.get("CHROMIUM"), *SETTINGS["programs"]])
    for path in filter(None, map(shutil.which, names)):
        return path
    raise FileNotFoundError(SETTINGS["missing"])


@contextlib.contextmanager
def launch() -> Iterator:
    """Start Chromium and yield playwright's Browser. Raises as `program` does."""
    from playwright.sync_api import sync_playwright

    path, arguments = program(), SETTINGS["arguments"]
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=path, args=arguments) as browser,
    ):
        yield browser


@contextlib.contextmanager
def open_page(browser, **options) -> Iterator:
    """Yield a Page in a new context, made with `options`; it reaches only this machine.

    page.refused lists the addresses asked for elsewhere. page.errors lists what went wrong in the
    page's scripts and what its console calls an error, without the notices that LiteRT.js writes.
    """

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

    with browser.new_context(**options) as context:
        page = context.new_page()
        page.refused, page.errors = [], []
        context.route("**/*", decide)
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("console", note)
        yield page


def screenshot(page, path: Path) -> None:
    """Write an image of a whole page. 64 colours are enough for it, and a fifth of the bytes."""
    from PIL import Image

    image = Image.open(io.BytesIO(page.screenshot(full_page=True)))
    image.convert("RGB").quantize(64).save(path, optimize=True)


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[str]:
    """Serve a folder on loopback, as `python -m http.server` does; yield its address."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass
