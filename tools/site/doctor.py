"""Build the doctor, a page with the project's own Python in it: docs/doctor/ has its sources.

Pyodide and LiteRT.js come from npm, by the versions and hashes of package-lock.json. The files to
play with are in docs/doctor/try: custom.tflite has one op, MyRotate, which LiteRT lacks.
"""

import hashlib
import json
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

from deploy.web import browser
from deploy.web import build as web
from deploy.web.convert import convert
from helpers.course import cache
from hub_to_tflite import knowledge
from hub_to_tflite.errors import explain
from tools import gallery

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "docs" / "doctor"
PAGE = ("index.html", "style.css", "app.js", "worker.js", "run.js", "sw.js")
PYODIDE = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm")
PYTHON = ("*.py", "file/*.*", "errors/*.*", "targets/*.*", "sandbox/*.*")  # of hub_to_tflite


def build(out: Path, fetch: bool = True, alone: bool = False) -> Path:
    """Write the page into the folder `out`, whole or not at all, replacing what's there.

    `alone` leaves out what links to the rest of the site. Return `out`. Raises
    deploy.web.build.WebError if npm can't fetch what it's made of.
    """
    pyodide, litert = packages(fetch) / "pyodide", web.packages(fetch) / "@litertjs"
    files = {name: SOURCES / name for name in PAGE}
    files |= {f"pyodide/{name}": pyodide / name for name in PYODIDE}
    files |= {part: litert / name for name, part in browser.SETTINGS["parts"].items()}
    files["pyodide/python_stdlib.zip"] = stdlib(pyodide)
    files["try/digits.tflite"] = convert()["int8.tflite"]
    with cache.whole_folder(Path(out), replace=True) as new:
        shutil.copytree(SOURCES / "try", new / "try")
        web.copy(files, new)
        if alone:
            _replace(new / "index.html", "<nav ", "<nav hidden ")
        lock = json.loads((pyodide / "pyodide-lock.json").read_text())
        lock["packages"] = {}  # none is used
        (new / "pyodide" / "pyodide-lock.json").write_text(json.dumps(lock))
        # A worker has no import map.
        _replace(new / "litert" / "core.js", '"@litertjs/wasm-utils"', '"./wasm-utils.js"')
        bundle(new / "bundle.zip")
        _replace(new / "sw.js", "VERSION", version(new))
    return Path(out)


def packages(fetch: bool = True) -> Path:
    """Return the folder node_modules with Pyodide and axe-core. Raises WebError."""
    return web.packages(fetch, SOURCES)


def stdlib(pyodide: Path) -> Path:
    """Return Python's standard library for the page, made of Pyodide's once. Raises WebError."""
    script = SOURCES / "stdlib.mjs"
    name = f"stdlib-{hashlib.sha256(script.read_bytes()).hexdigest()[:12]}.zip"
    path = pyodide.parents[1] / name
    if not path.exists():
        if not shutil.which("node"):
            raise web.WebError("there's no node on this machine, which compiles Python's library")
        with tempfile.TemporaryDirectory() as folder:
            command = ["node", str(script), str(pyodide), f"{folder}/new.zip"]
            done = subprocess.run(command, capture_output=True, text=True, errors="replace")
            if done.returncode:
                found = " ".join(done.stderr.split())[-300:]
                raise web.WebError(f"Node.js couldn't compile Python's library. Found: {found}")
            cache.write(path, Path(folder, "new.zip").read_bytes())
    return path


def bundle(path: Path) -> None:
    """Write the zip archive of the project's Python that the page runs, its YAML as JSON."""
    contents = {name: (SOURCES / name).read_bytes() for name in ("page.py", "yaml.py")}
    links = {entry.name: f"errors/{gallery.link(entry)}" for entry in explain.entries()}
    contents["addresses.json"] = json.dumps(links).replace(".md#", ".html#").encode()
    package = ROOT / "hub_to_tflite"
    for file in sorted(one for pattern in PYTHON for one in package.glob(pattern)):
        name = file.relative_to(ROOT).as_posix()
        if file == explain.GALLERY:
            contents[name] = json.dumps(list(map(_asked, knowledge.load(file)))).encode()
        elif file.suffix == ".yaml":
            contents[name] = json.dumps(knowledge.load(file)).encode()
        elif file.suffix == ".py":
            contents[name] = file.read_bytes()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)


def _asked(fields):
    """Return an entry's fields without what no answer shows, an eighth of the bundle."""
    known = {name: one for name, one in fields.items() if name not in ("seen", "fixed")}
    return known | ({"code": "caused here"} if "code" in fields else {})


def version(folder: Path) -> str:
    """Return a name for the content of a folder, which changes with it."""
    digest = hashlib.sha256()
    for path in sorted(filter(Path.is_file, folder.rglob("*"))):
        digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _replace(path, old, new):
    text = path.read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise web.WebError(f"{path.name} was to hold {old} once. Found: {text.count(old)} times")
    path.write_text(text.replace(old, new), encoding="utf-8")
