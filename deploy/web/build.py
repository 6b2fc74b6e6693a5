"""Build a page where you draw a digit and the .tflite reads it, in the browser: `make web`.

`python -m deploy.web.build` writes it to build/web/: npm fetches LiteRT.js, TensorFlow converts the
model, and neither is needed again. Taught in 42_run_in_a_browser. There are three more commands:

    packages   only fetch LiteRT.js, so that the tests need no network; never fails
    prove      compare the page, in headless Chromium, with the interpreter; 1 if not equal
    images     write docs/images/web.png and docs/images/web_narrow.png
"""

import argparse
import base64
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from deploy.notebook import drawing_pad
from deploy.web import browser
from deploy.web.convert import MODELS, convert
from helpers import digits, interpreter
from helpers.course import cache

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "deploy" / "web"
OUT = ROOT / "build" / "web"
IMAGES = ROOT / "docs" / "images"
# Where a failure only means that less is tested, and what is said then.
HARMLESS = {"packages": "The tests of the page will be skipped", "prove": "No proof here"}
TOLERANCE = 1e-5  # absolute error of a score: two runtimes may add float32 numbers in another order
SEVEN = [[(60, 45), (165, 45), (120, 120), (95, 185)], [(85, 115), (160, 115)]]


class WebError(RuntimeError):
    """The page can't be built here. The message says what is missing and what to do."""


def build(out: Path = OUT, fetch: bool = True) -> Path:
    """Write the page into the folder `out`, whole or not at all, replacing what's there.

    Return `out`. Raises WebError.
    """
    modules, models = packages(fetch) / "@litertjs", convert()
    sizes = {file: path.stat().st_size for file, path in models.items()}
    listed = [{"name": name, "file": file, "bytes": sizes[file]} for name, file in MODELS.items()]
    contents = {"models": listed, "samples": samples()}
    parts = {part: modules / name for name, part in browser.SETTINGS["parts"].items()}
    own = [path for path in SOURCES.iterdir() if path.suffix in (".html", ".js", ".css")]
    files = models | parts | {path.name: path for path in own}
    with cache.whole_folder(Path(out), replace=True) as new:
        copy(files, new)
        (new / "contents.json").write_text(json.dumps(contents))
    return Path(out)


def copy(files: dict[str, Path], folder: Path) -> None:
    """Copy {name in the folder: file} into a folder."""
    for name, path in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / name)


def samples() -> list[list[int]]:
    """Return the page's test digits: one of each kind, 0 to 9, as lists of 64 numbers."""
    images, labels = digits.load("test")
    return [images[np.flatnonzero(labels == number)[0]].ravel().tolist() for number in range(10)]


def packages(fetch: bool = True, sources: Path = SOURCES) -> Path:
    """Return the folder node_modules with what package-lock.json in `sources` names: LiteRT.js.

    npm fetches it if it's missing. It's kept in build/, or in the course's cache if the checkout
    is read-only. Raises WebError.
    """
    lock = (sources / "package-lock.json").read_bytes()
    [wanted, *_] = json.loads((sources / "package.json").read_text())["dependencies"]
    name = f"npm-{hashlib.sha256(lock).hexdigest()[:12]}"
    folder = ROOT / "build" / name
    if not folder.exists() and not os.access(ROOT, os.W_OK):
        folder = cache.folder("npm") / name
    if folder.exists():
        return folder / "node_modules"
    if not fetch:
        raise WebError(f"the npm package {wanted} isn't here yet; make web and make site fetch it")
    npm = shutil.which("npm")
    if not npm:
        todo = "On Debian or Ubuntu: apt install nodejs npm. Elsewhere: https://nodejs.org"
        raise WebError(f"there's no npm on this machine, which fetches {wanted}. {todo}")
    with cache.whole_folder(folder) as new:
        for file in ("package.json", "package-lock.json"):
            shutil.copyfile(sources / file, new / file)
        shutil.copyfile(SOURCES / ".npmrc", new / ".npmrc")
        said = {"capture_output": True, "text": True, "errors": "replace"}
        done = subprocess.run([npm, "ci"], cwd=new, **said)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if "error" in line.lower()]
            found = " ".join(" ".join(lines[:3]).split())[:300] or f"exit status {done.returncode}"
            needs = "It needs the network once, and Node.js 18 or newer"
            raise WebError(f"npm couldn't fetch {wanted}. {needs}. Found: {found}")
    return folder / "node_modules"


@contextlib.contextmanager
def open_page(program, folder: Path, **options) -> Iterator:
    """Serve a folder that `build` made; yield its page, loaded, in the Browser `program`.

    `options` are those of browser.open_page.
    """
    with browser.serve(folder) as address, browser.open_page(program, **options) as page:
        page.goto(address)
        page.wait_for_selector("body:not([data-state=loading])")
        yield page


def agreement(page, folder: Path) -> dict[str, tuple[int, int, float]]:
    """Compare the page with the interpreter on all test digits. `page` is open on `folder`.

    Return {recipe: (same top-1, digits in all, largest absolute error)}. Top-1 is compared from the
    digit on: each side makes its own pixels, which agree up to a float32's last bit or two. The
    scores are compared on the page's pixels, since one such bit may round to another int8.
    """
    images, _ = digits.load("test")
    parts = np.array_split(images, 10)  # all pixels in one message: 50 MB more
    seen = np.concatenate([pixels(page, part) for part in parts])
    found = {}
    for recipe, file in MODELS.items():
        model = interpreter.load(Path(folder, file))
        there = scores(page, file, images)
        here = interpreter.predict(model, digits.as_model_input(images))
        same = here.argmax(axis=1) == there.argmax(axis=1)
        error = np.abs(interpreter.predict(model, seen) - there).max()
        found[recipe] = int(same.sum()), len(images), float(error)
    return found


def scores(page, file: str, images: np.ndarray) -> np.ndarray:
    """Return what the page's own functions make of digits, (n, 8, 8) in 0..16: float32 (n, 10)."""
    script = """async ([file, images]) => {
        const {load} = await import("/model.js"), classify = await load(file), found = [];
        for (const image of images) found.push((await classify(image)).scores);
        return found;
    }"""
    return np.array(page.evaluate(script, [file, images.reshape(-1, 64).tolist()]), np.float32)


def pixels(page, images: np.ndarray) -> np.ndarray:
    """Return the page's input for the model, from digits (n, 8, 8): float32 (n, 48, 48, 3)."""
    script = """async (images) => {
        const {asModelInput} = await import("/digit.js");
        const text = (bytes) => btoa(String.fromCharCode(...bytes));
        return images.map((image) => text(new Uint8Array(asModelInput(image, [48, 48, 1]).buffer)));
    }"""
    found = page.evaluate(script, images.reshape(-1, 64).tolist())
    content = b"".join(map(base64.b64decode, found))
    return np.frombuffer(content, np.float32).reshape(-1, 48, 48, 1).repeat(3, axis=-1)


def draw(page, strokes) -> None:
    """Draw on an open page with the mouse: lists of (x, y) in pixels, as in drawing_pad."""
    frame = page.locator("#paper").bounding_box()
    scale = frame["width"] / drawing_pad.SIZE
    for stroke in strokes:
        (left, top), *others = [(frame["x"] + x * scale, frame["y"] + y * scale) for x, y in stroke]
        page.mouse.move(left, top)
        page.mouse.down()
        for x, y in others:
            page.mouse.move(x, y, steps=2)
        page.mouse.up()


def screenshots(folder: Path) -> None:
    """Write docs/images/web.png and web_narrow.png, of a page that `build` made."""
    with browser.launch() as program:
        for name, width in (("web.png", 900), ("web_narrow.png", 320)):
            size = {"width": width, "height": 700}
            with open_page(program, folder, viewport=size, reduced_motion="reduce") as page:
                draw(page, SEVEN)
                page.locator("#prediction", has_text="reads a 7").wait_for()
                browser.screenshot(page, IMAGES / name)


def prove() -> bool:
    """Build the page in a temporary folder, and print how far it agrees with the interpreter.

    Return whether it does. Raises WebError, and FileNotFoundError if there's no browser here.
    """
    browser.program()  # before the work
    with tempfile.TemporaryDirectory() as work:
        folder = build(Path(work, "web"), fetch=False)  # TensorFlow has ended when Chromium starts
        with browser.launch() as program, open_page(program, folder) as page:
            found = agreement(page, folder)
    width = max(map(len, found))
    for recipe, (same, total, _) in found.items():
        where = f"{same} of {total} test digits, page and interpreter"
        print(f"{recipe:{width}}  same top-1 on {where}")
    within = max(error for _, _, error in found.values()) < TOLERANCE
    most = f"{'below' if within else 'not below'} {TOLERANCE:g}"
    print(f"Given the same pixels, the largest absolute error of a score is {most}.")
    return within and all(same == total for same, total, _ in found.values())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser("python -m deploy.web.build", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = ("build", "packages", "prove", "images")
    parser.add_argument("command", nargs="?", default="build", choices=commands)
    command = parser.parse_args(arguments).command
    try:
        if command == "prove":
            return 0 if prove() else 1
        if command == "packages":
            packages()
        elif command == "images":
            screenshots(build())
        else:
            out = os.path.relpath(build())
            print(f"The page is in {out}. To use it:\n\n    python -m http.server -d {out}")
            print("\nthen open http://localhost:8000")
    except (WebError, FileNotFoundError) as error:
        if command in HARMLESS:
            print(f"{HARMLESS[command]}: {error}.")
            return 0
        print(f"The page wasn't built: {error}.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
