"""A page on which one draws a digit and the .tflite answers, in the browser: `make web` writes it to build/web/.

    python -m deploy.web.build            build it: npm brings LiteRT.js, TensorFlow converts the model; no server is needed
    python -m deploy.web.build packages   bring LiteRT.js only, so that the tests need no network; never an error
    python -m deploy.web.build prove      all test digits through the page, in headless Chromium, and through the interpreter
    python -m deploy.web.build pictures   write docs/images/web.png and docs/images/web_narrow.png

What npm brought and what TensorFlow converted is kept. Taught in 10_deploy.
"""

import base64
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np

from deploy.notebook import drawing_pad
from deploy.web import browser
from helpers import digits, handles, interpreter, tinyhub
from helpers.course import cache
from hub_to_tflite.file import flatbuffer, metadata

ROOT = Path(__file__).resolve().parents[2]
SOURCES, OUT, DOCS = ROOT / "deploy" / "web", ROOT / "build" / "web", ROOT / "docs" / "images"
MODELS = {
    "float32": "float32.tflite",
    "full-integer with float I/O": "int8.tflite",
}  # recipe -> the file's name in the page
PARTS = {  # in node_modules/@litertjs/ -> in the page; "compat" is for browsers without relaxed SIMD
    "core/dist/index.js": "litert/core.js",
    "wasm-utils/dist/index.js": "litert/wasm-utils.js",
    **{
        f"core/wasm/litert_wasm_{kind}.{suffix}": f"litert/wasm/litert_wasm_{kind}.{suffix}"
        for kind in ("internal", "compat_internal")
        for suffix in ("js", "wasm")
    },
}
CLOSE = 1e-5  # how far apart the scores of one file may be: two runtimes may add float32 numbers in another order
SEVEN = [
    [(60, 45), (165, 45), (120, 120), (95, 185)],
    [(85, 115), (160, 115)],
]  # with a crossbar, as in the set


class WebError(RuntimeError):
    """The page cannot be built here. The message says what is missing and what to do."""


def build(out=OUT, fetch=True):
    """Write the page into the folder `out`, whole or not at all, in place of what is there; return `out`.

    Raises WebError.
    """
    out, modules, models = Path(out), packages(fetch), convert()
    contents = {
        "models": [
            {"name": recipe, "file": MODELS[recipe], "bytes": path.stat().st_size}
            for recipe, path in models.items()
        ],
        "samples": samples(),
    }
    files = {
        path.name: path for path in SOURCES.iterdir() if path.suffix in (".html", ".js", ".css")
    }
    files |= {MODELS[recipe]: path for recipe, path in models.items()}
    files |= {place: modules / "@litertjs" / part for part, place in PARTS.items()}
    with cache.whole_folder(out, replace=True) as new:
        for place, path in files.items():
            (new / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, new / place)
        (new / "contents.json").write_text(json.dumps(contents))
    return out


def samples():
    """Return a test digit of each kind, 0 to 9, as lists of 64 numbers: those that the page offers to press."""
    images, labels = digits.load("test")
    return [images[np.flatnonzero(labels == number)[0]].ravel().tolist() for number in range(10)]


def packages(fetch=True):
    """Return the folder node_modules with LiteRT.js as package-lock.json names it, fetched by npm if it is missing.

    It is kept in build/, or in the course's cache where the checkout is read-only. Raises WebError.
    """
    lock = (SOURCES / "package-lock.json").read_bytes()
    name = f"npm-{hashlib.sha256(lock).hexdigest()[:12]}"
    place = ROOT / "build" / name
    if not place.exists() and not os.access(ROOT, os.W_OK):
        place = cache.folder("npm") / name
    if place.exists():
        return place / "node_modules"
    if not fetch:
        raise WebError("LiteRT.js is not here yet; make web fetches it")
    npm = shutil.which("npm")
    if not npm:
        raise WebError(
            "there is no npm on this machine, which fetches LiteRT.js. On Debian or Ubuntu: apt install nodejs npm. "
            "Elsewhere: https://nodejs.org"
        )
    with cache.whole_folder(place) as new:
        for file in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copyfile(SOURCES / file, new / file)
        command = [
            npm,
            "ci",
            "--prefer-offline",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--fetch-retries=1",
            "--fetch-timeout=20000",
        ]
        done = subprocess.run(
            [*command, "--fetch-retry-mintimeout=1000"],
            cwd=new,
            capture_output=True,
            text=True,
            errors="replace",
        )
        if done.returncode:
            told = [line for line in done.stderr.splitlines() if "error" in line.lower()]
            raise WebError(
                "npm could not fetch LiteRT.js (@litertjs/core). It needs the network once, and Node.js 18 or newer. "
                f"Found: {' '.join(' '.join(told[:3]).split())[:300] or f'exit status {done.returncode}'}"
            )
    return place / "node_modules"


def convert():
    """Return {recipe: Path} of the embedded classifier as .tflite with a batch of one, which is what LiteRT.js takes.

    Converted by a child process, which ends with the memory that TensorFlow takes; kept in the course's cache.
    """
    parts = [Path(__file__), Path(metadata.__file__), digits.FILE]
    what = [
        tinyhub.digest().encode(),
        version("tensorflow").encode(),
        *(part.read_bytes() for part in parts),
    ]
    key = hashlib.sha256(b" ".join(what)).hexdigest()[:16]
    folder = cache.folder("tflite")
    models = {recipe: folder / f"web-{key}-{file}" for recipe, file in MODELS.items()}
    if not all(path.exists() for path in models.values()):
        command = [sys.executable, "-m", "deploy.web.build", "convert", *map(str, models.values())]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace")
        if done.returncode:
            raise RuntimeError(f"The model could not be converted. Found: {done.stderr[-2000:]}")
    return models


@contextlib.contextmanager
def opened(program, folder, **options):
    """Serve a folder that `build` made, and yield its page, loaded, in the Browser `program`, as browser.page does."""
    with browser.serve(folder) as address, browser.page(program, **options) as page:
        page.goto(address)
        page.wait_for_selector("body:not([data-state=loading])")
        yield page


def agreement(page, folder):
    """Return {recipe: (digits of one class, digits in all, largest difference of a score)}, page against interpreter.

    The class is compared from the digit on: each side makes its own pixels, which agree to a float32's last bit or two.
    The scores are compared on the page's pixels, since in an int8 file one such bit may round to another integer.
    `page` is the open page of `folder`.
    """
    images, _ = digits.load("test")
    seen, found = pixels(page, images), {}
    for recipe, file in MODELS.items():
        model = interpreter.load(Path(folder, file))
        there = scores(page, file, images)
        here = interpreter.predict(model, digits.as_model_input(images))
        same = here.argmax(axis=1) == there.argmax(axis=1)
        difference = np.abs(interpreter.predict(model, seen) - there).max()
        found[recipe] = int(same.sum()), len(images), float(difference)
    return found


def scores(page, file, images):
    """Return what an open page's own functions say of digits, (n, 8, 8) in 0..16: float32 (n, 10)."""
    script = """async ([file, images]) => {
        const {load} = await import("/model.js"), classify = await load(file), found = [];
        for (const image of images) found.push((await classify(image)).scores);
        return found;
    }"""
    return np.array(page.evaluate(script, [file, _flat(images)]), np.float32)


def pixels(page, images):
    """Return what an open page makes of digits, (n, 8, 8) in 0..16, for the model: float32 (n, 48, 48, 3)."""
    script = """async (images) => {
        const {asModelInput} = await import("/digit.js");
        const text = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
        return images.map((image) => text(new Uint8Array(asModelInput(image, [48, 48, 1]).buffer)));
    }"""
    content = b"".join(base64.b64decode(text) for text in page.evaluate(script, _flat(images)))
    return np.frombuffer(content, np.float32).reshape(-1, 48, 48, 1).repeat(3, axis=-1)


def _flat(images):
    return images.reshape(len(images), 64).tolist()


def draw(page, strokes):
    """Draw on an open page with the mouse: lists of (x, y) in pixels of the paper, as in helpers/pad.py."""
    frame = page.locator("#paper").bounding_box()
    scale = frame["width"] / drawing_pad.SIZE
    for stroke in strokes:
        (left, top), *others = [(frame["x"] + x * scale, frame["y"] + y * scale) for x, y in stroke]
        page.mouse.move(left, top)
        page.mouse.down()
        for x, y in others:
            page.mouse.move(x, y, steps=2)
        page.mouse.up()


def pictures(folder, docs=DOCS):
    """Write pictures of a page that `build` made, a seven drawn on it, into the folder `docs`; return their paths."""
    from PIL import Image

    written = []
    with browser.chromium() as program:
        for name, width in (("web.png", 900), ("web_narrow.png", 320)):
            with opened(
                program, folder, viewport={"width": width, "height": 700}, reduced_motion="reduce"
            ) as page:
                draw(page, SEVEN)
                page.locator("#answer", has_text="reads a 7").wait_for()
                path = Path(docs, name)
                page.screenshot(path=path, full_page=True)
            # 64 colours are enough for it, and a fifth of the bytes.
            Image.open(path).convert("RGB").quantize(64).save(path, optimize=True)
            written.append(path)
    return written


def prove():
    """Build the page in a temporary folder and print how far it agrees; exit 1 if it does not."""
    try:
        with browser.chromium() as program, tempfile.TemporaryDirectory() as work:
            folder = build(Path(work, "web"), fetch=False)
            with opened(program, folder) as page:
                found = agreement(page, folder)
    except (FileNotFoundError, WebError) as error:
        print(f"No proof here: {error}.")
        return
    for recipe, (same, total, _) in found.items():
        print(
            f"{recipe:15} {same} of {total} test digits: the page and the interpreter name the same class"
        )
    largest = max(difference for _, _, difference in found.values())
    below = "below" if largest < CLOSE else "not below"
    print(f"Given the same pixels, the largest difference of a score is {below} {CLOSE:g}.")
    if largest >= CLOSE or any(same < total for same, total, _ in found.values()):
        sys.exit(1)


def _convert(paths):
    """Convert the embedded classifier into the .tflite files at `paths`, in the order of MODELS. In a child process."""
    import tensorflow as tf

    saved_model = handles.fetch(handles.locate(handles.DEFAULT))
    model = tf.saved_model.load(str(saved_model))
    serve = model.signatures["serving_default"]
    name, given = next(iter(serve.structured_input_signature[1].items()))
    one = tf.TensorSpec([1, *given.shape[1:]], given.dtype, name=name)
    call = tf.function(
        lambda image: serve(**{name: image}), input_signature=[one]
    ).get_concrete_function()
    for recipe, path in zip(MODELS, paths):
        converter = tf.lite.TFLiteConverter.from_concrete_functions([call], model)
        if recipe != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = digits.representative(tuple(given.shape))
        cache.write(path, _described(converter.convert(), recipe, saved_model))


def _described(content, recipe, saved_model):
    """Return a .tflite, as bytes, with its labels and contract packed in."""
    found = flatbuffer.read(content)
    labels = Path(saved_model, "assets", "labels.txt").read_text(encoding="utf-8").split()
    given, returned = found.inputs[0], found.outputs[0]
    return metadata.pack(
        content,
        name=f"Handwritten digits, {recipe}",
        inputs={given.name: "a picture, RGB in [0, 1], light strokes on black"},
        outputs={returned.name: "one score for each digit; softmax turns them into shares"},
        labels=labels,
        value_range=(0, 1),
        contract={"range": [0, 1], "channels": "RGB"},
    )


def main(command="build", *paths):
    """Do what the command line says."""
    if command == "convert":
        _convert(paths)
    elif command == "prove":
        prove()
    elif command == "packages":
        try:
            packages()
        except WebError as error:
            print(f"The tests of the page will be skipped: {error}.")
    elif command == "pictures":
        print(*pictures(build()), sep="\n")
    elif command == "build":
        out = os.path.relpath(build())
        print(
            f"The page is in {out}. To use it:\n\n    python -m http.server -d {out}\n\nthen open http://localhost:8000"
        )
    else:
        sys.exit(f"There is no command {command!r}. Use one of: build, packages, prove, pictures.")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (WebError, FileNotFoundError) as error:
        sys.exit(f"The page was not built: {error}.")
