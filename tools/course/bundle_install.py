"""Install the course from this folder, without a network: python install.py

It makes course/.venv from wheels/, with each package checked by its hash, and copies the lessons to
course/work/. Run it again to finish what was interrupted: what you wrote in course/work/ stays.
"""

import json
import os
import pathlib
import platform
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent


def main():
    """Install, and say how to start; end with one sentence if this isn't the machine for it."""
    told = json.loads((HERE / "bundle.json").read_text(encoding="utf-8"))
    python = "{}.{}".format(*sys.version_info[:2])
    if python != told["python"] or told["machine"] != [sys.platform, platform.machine()]:
        sys.exit(
            "This folder is for Python {} on {}. Found: Python {} on {}. Start install.py with "
            "that Python, or take the folder for this one.".format(
                told["python"], told["platform"], python, platform.platform()
            )
        )
    os.environ.update(
        PIP_NO_INDEX="1",
        PIP_FIND_LINKS=(HERE / "wheels").as_uri(),  # pip would split a path at a space
        PIP_CONFIG_FILE=os.devnull,
        UV_OFFLINE="1",
    )
    os.environ.pop("PIP_INDEX_URL", None)
    os.environ.pop("PIP_EXTRA_INDEX_URL", None)
    course = HERE / "course"
    print("From wheels/, without a network.", flush=True)
    status = subprocess.call([sys.executable, str(course / "tools" / "course" / "set_up.py")])
    if status:
        sys.exit(status)
    inside = ("Scripts", "python.exe") if sys.platform == "win32" else ("bin", "python")
    python = str(course.joinpath(".venv", *inside))
    status = subprocess.call([python, "-m", "tools.course.class_copy"], cwd=str(course))
    if status:
        sys.exit(status)
    start = os.path.join(".venv", *inside)
    lesson = os.path.join("work", "00_start_here.ipynb")
    print(f"To start, in the folder course: {start} -m jupyter lab {lesson}")


if __name__ == "__main__":
    main()
