"""Build what the site needs from the course's environment: the digit page and the doctor.

They go to build/site-parts/, and `python -m tools.site.render` puts them into the site.

    python -m tools.site.parts packages    only fetches the npm packages, and never fails
"""

import sys
from pathlib import Path

from deploy.web import build as web
from tools.site import doctor

PARTS = Path(__file__).resolve().parents[2] / "build" / "site-parts"


def main() -> int:
    """Run the command line; return the exit status."""
    only_packages = sys.argv[1:] == ["packages"]
    try:
        web.packages()
        doctor.packages()
        if not only_packages:
            web.build(PARTS / "digit")
            doctor.build(PARTS / "doctor")
    except web.WebError as error:
        print(f"No doctor, and no test of it: {error}.", file=sys.stderr)
        return 0 if only_packages else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
