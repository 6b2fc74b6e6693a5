"""Make a folder that installs the course without a network: `make bundle PLATFORM=linux-x86_64`.

    python -m tools.course.bundle PLATFORM [PYTHON_VERSION]

It holds the course as it's committed, a wheel of each package of the lock, install.py, a page for
whoever gets it, and the doctor if `python -m tools.site.parts doctor` has built it. uv resolves the
lock for the other system, and pip fetches what uv names: pip alone would read the lock's markers
for the machine that it runs on.
"""

import argparse
import io
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from hub_to_tflite import knowledge
from tools.course import set_up

OUT = set_up.ROOT / "build" / "bundle"
DOCTOR = set_up.ROOT / "build" / "site-parts" / "doctor"
HERE = Path(__file__).resolve().parent
PLATFORMS = {name.lower().replace(" ", "-"): uv for name, uv in set_up.SYSTEMS.items()}
SYSTEMS = knowledge.load(HERE / "bundle.yaml")
PATCHES = (0, 99)  # the lock has another soupsieve before Python 3.11.5
INTEL_MAC = (
    "There's no bundle for Intel Macs, because TensorFlow 2.21 and LiteRT 2.3 have no packages for "
    "them. There the course runs in Binder or Colab, which need the network."
)


class BundleError(RuntimeError):
    """A bundle that can't be made, with the reason."""


def resolve(platform: str, python: str) -> list[str]:
    """Return name==version of every package that the course installs on another system.

    `python` is 3.12 or 3.12.4. Each package has a wheel for it, and so has what it depends on.
    Raises BundleError if one hasn't.
    """
    done = set_up.resolve(set_up.LOCK, PLATFORMS[platform], python)
    found = re.findall(r"^ \+ (\S+==\S+)", done.stderr, re.MULTILINE)
    if done.returncode or not found:
        said = " ".join(done.stderr.split())
        raise BundleError(f"The lock can't be resolved for {platform}, Python {python}. uv: {said}")
    return found


def pinned(packages: list[str]) -> str:
    """Return the lines of the lock for these packages, with their hashes and without markers."""
    lock = set_up.LOCK.read_text(encoding="utf-8")
    locked = re.findall(r"^(\S+==[^\s;]+).*?\\\n((?:    --hash.*\n?)+)", lock, re.MULTILINE)
    hashes = dict(locked)
    return "".join(f"{package} \\\n{hashes[package].rstrip()}\n" for package in packages)


def download(platform: str, python: str, packages: list[str], folder: Path) -> None:
    """Fetch each package's wheel for the other system into `folder`, checked by its hash."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = folder / "wanted.txt"
    wanted.write_text(pinned(packages), encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--only-binary", ":all:", "--implementation", "cp", "--python-version", python]
    command += [part for tag in SYSTEMS[platform]["tags"] for part in ("--platform", tag)]
    command += ["--requirement", str(wanted), "--dest", str(folder)]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    wanted.unlink()
    if done.returncode:
        raise BundleError(f"A wheel can't be fetched. pip: {' '.join(done.stderr.split())}")
    if missing := set(map(key, packages)) - {key(path.name) for path in folder.iterdir()}:
        raise BundleError(f"No wheel came for: {', '.join(sorted(map('=='.join, missing)))}.")


def key(name: str) -> tuple[str, str]:
    """Return (package, version) of name==version, or of a wheel's file name."""
    package, version = name.split("==" if "==" in name else "-")[:2]
    return re.sub(r"[-_.]+", "-", package).lower(), version


def course(folder: Path) -> str:
    """Write the course, as it's committed, into `folder`; return the commit's short name."""
    commit, archive = ["git", "rev-parse", "--short", "HEAD"], ["git", "archive", "--format=zip"]
    try:
        named = subprocess.run(commit, cwd=set_up.ROOT, capture_output=True, text=True, check=True)
        content = subprocess.check_output([*archive, "HEAD"], cwd=set_up.ROOT)
    except (OSError, subprocess.CalledProcessError) as error:
        rule = "A bundle is made from a clone of the course, with git."
        raise BundleError(f"{rule} Found: {error}.") from error
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        packed.extractall(folder)
    return named.stdout.strip()


def size(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def make(platform: str, python: str = "3.12", out: Path = OUT) -> Path:
    """Make the bundle, in place of an earlier one, and return its folder. Raises BundleError."""
    if platform in ("macos-x86_64", "macos-intel"):
        raise BundleError(INTEL_MAC)
    if platform not in PLATFORMS:
        raise BundleError(f"Found: {platform}. Name one of these: {', '.join(PLATFORMS)}.")
    pythons = [f"3.{minor}" for minor in range(set_up.OLDEST[1], set_up.NEWEST[1] + 1)]
    if python not in pythons:
        raise BundleError(f"Found: Python {python}. Name one of these: {', '.join(pythons)}.")
    oldest, newest = (f"{python}.{patch}" for patch in PATCHES)
    first, last = resolve(platform, oldest), resolve(platform, newest)
    more = [package for package in last if package not in first]
    folder = out / f"from-hub-to-tflite-{platform}-python{python}"
    kept = out / "wheels" / f"{platform}-{python}"  # from one bundle to the next
    for path in kept.glob("*.whl"):
        if key(path.name) not in set(map(key, first + more)):
            path.unlink()
    download(platform, oldest, first, kept)
    if more:
        download(platform, newest, more, kept)
    shutil.rmtree(folder, ignore_errors=True)
    commit = course(folder / "course")
    shutil.copytree(kept, folder / "wheels")
    if DOCTOR.exists():
        shutil.copytree(DOCTOR, folder / "doctor")
    about = {name: SYSTEMS[platform][name] for name in ("machine", "system")}
    told = {"platform": platform, "python": python, **about, "commit": commit}
    (folder / "bundle.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    shutil.copyfile(HERE / "bundle_install.py", folder / "install.py")
    told |= {"doctor": DOCTOR.exists(), "windows": platform.startswith("windows")}
    told |= {"megabytes": round(size(folder) / 1e6, -1), "intel_mac": INTEL_MAC}
    page = knowledge.render(HERE / "bundle.html.j2", **told)
    (folder / "START_HERE.html").write_text(page, encoding="utf-8")
    return folder


def main() -> None:
    """Run the command line: print where the bundle is, its size, and how it's installed."""
    summary = __doc__.splitlines()[0]
    parser = argparse.ArgumentParser("python -m tools.course.bundle", description=summary)
    parser.add_argument("platform", help=", ".join(PLATFORMS))
    parser.add_argument("python", nargs="?", default="3.12", help="3.12, if not named")
    given = parser.parse_args()
    try:
        folder = make(given.platform, given.python)
    except BundleError as error:
        sys.exit(str(error))
    wheels = list((folder / "wheels").iterdir())
    print(f"{folder.relative_to(set_up.ROOT)}: {size(folder) / 1e6:,.0f} MB, {len(wheels)} wheels.")
    print("Carry the folder to the other machine. There, in the folder: python install.py")


if __name__ == "__main__":
    main()
