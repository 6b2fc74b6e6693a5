"""Build what the site needs from the course's environment: the digit page and the doctor.

They go to build/site-parts/, and `python -m tools.site.render` puts them into the site.

    packages    only fetch the npm packages, so that the tests need no network; never fails
    doctor      build only the doctor, for `make bundle`; without npm it says so, and doesn't fail
    serve       build only the doctor, serve it on this machine, and open it: `make doctor`
    images      build only the doctor, and write docs/images/doctor.png and doctor_narrow.png
"""

import argparse
import sys
import threading
import webbrowser

from deploy.web import browser
from deploy.web import build as web
from deploy.web.build import IMAGES, ROOT
from tools.site import doctor

PARTS = ROOT / "build" / "site-parts"


def serve() -> None:
    """Serve the doctor and open it in a browser, until Ctrl-C."""
    with browser.serve(PARTS) as address:
        print(f"The doctor is at {address}doctor/ and nowhere else. Ctrl-C ends it.", flush=True)
        webbrowser.open(f"{address}doctor/")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print()


def screenshots() -> None:
    """Write the images of the doctor: wide, with a file; narrow and dark, with a message."""
    with browser.launch() as program, browser.serve(PARTS) as address:
        for name, width, scheme in (("doctor", 1100, "light"), ("doctor_narrow", 390, "dark")):
            size = {"width": width, "height": 900}
            with browser.open_page(program, viewport=size, color_scheme=scheme) as page:
                page.goto(f"{address}doctor/")
                page.wait_for_selector("body[data-state=offline]", timeout=120_000)
                if scheme == "light":
                    page.get_by_role("button", name="A custom op").click()
                else:
                    page.locator("#message").fill("ModuleNotFoundError: No module named 'imp'")
                    page.get_by_role("button", name="Explain it").click()
                page.locator("article").wait_for()
                browser.screenshot(page, IMAGES / f"{name}.png")


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.site.parts", description=__doc__)
    commands = ("build", "packages", "doctor", "serve", "images")
    parser.add_argument("command", nargs="?", default="build", choices=commands)
    command = parser.parse_args().command
    try:
        web.packages()
        doctor.packages()
        if command != "packages":
            doctor.build(PARTS / "doctor", alone=command in ("doctor", "serve"))
        if command == "build":
            web.build(PARTS / "digit")
        if command == "serve":
            serve()
        if command == "images":
            screenshots()
    except web.WebError as error:
        without = ", and no test of it" if command == "packages" else ""
        print(f"No doctor{without}: {error}.", file=sys.stderr)
        return 0 if command in ("packages", "doctor") else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
