"""Build what the site needs from the course's environment: the digit page and the doctor.

They go to build/site-parts/, and `python -m tools.site.render` puts them into the site.

    packages    only fetch the npm packages, so that the tests need no network; never fails
    serve       build only the doctor, serve it on this machine, and open it: `make doctor`
"""

import argparse
import sys
import threading
import webbrowser
from pathlib import Path

from deploy.web import browser
from deploy.web import build as web
from tools.site import doctor

PARTS = Path(__file__).resolve().parents[2] / "build" / "site-parts"


def serve() -> None:
    """Serve the doctor and open it in a browser, until Ctrl-C."""
    with browser.serve(PARTS) as address:
        print(f"The doctor is at {address}doctor/ and nowhere else. Ctrl-C ends it.", flush=True)
        webbrowser.open(f"{address}doctor/")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print()


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.site.parts", description=__doc__)
    commands = ("build", "packages", "serve")
    parser.add_argument("command", nargs="?", default="build", choices=commands)
    command = parser.parse_args().command
    try:
        web.packages()
        doctor.packages()
        if command != "packages":
            doctor.build(PARTS / "doctor")
        if command == "build":
            web.build(PARTS / "digit")
        if command == "serve":
            serve()
    except web.WebError as error:
        print(f"No doctor, and no test of it: {error}.", file=sys.stderr)
        return 0 if command == "packages" else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
