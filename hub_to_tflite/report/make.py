"""One model, from its handle to a verified .tflite and a report: `hub-to-tflite report HANDLE`.

Executes template.ipynb in a new kernel and fills a folder with NAMES, all of it or nothing.
"""

import contextlib
import html
import itertools
import logging
import math
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from helpers import convert, handles, tinyhub
from hub_to_tflite import sandbox
from hub_to_tflite.report import contracts, recommend, samples
from hub_to_tflite.report.messages import message

TEMPLATE = Path(__file__).with_name("template.ipynb")
ROOT = Path(__file__).resolve().parents[2]  # the checkout, or where the packages are installed
NAMES = ("model.tflite", "labels.txt", "contract.json")
NAMES += ("model_card.md", "report.ipynb", "report.html")
NO_TEXT = 'alt="No description has been provided for this image"'
# nbconvert's own style has no fixed width for code in Markdown, and no space behind it.
STYLE = "<style>.highlight pre { font-family: monospace; margin: 0.5em 0 1em }</style></head>"
# The kinds of exception that another parameter would have avoided.
AVOIDABLE = ("ParameterError", "HandleError", "SampleError", "SavedModelError", "InputError")
TO_SAVED_MODEL = {  # what a file is (identify) -> how its model becomes a SavedModel
    ".tflite": "It is a .tflite already, so nothing is left to convert: hub-to-tflite check {0}",
    "Keras archive": 'Make one: keras.models.load_model("{0}").export("saved_model")',
    "HDF5": 'Make one: keras.models.load_model("{0}").export("saved_model"), with tf_keras in '
    "place of keras where Keras 3 refuses the file",
}
WEIGHTS = 'Build its model in Keras, model.load_weights("{0}"), then model.export("saved_model")'


class ReportError(ValueError):
    """A report that could not be made: what is wrong, what was found, what to do."""


class ParameterError(ReportError):
    """A parameter that cannot be followed, in the same three parts."""


def report(
    handle: str | Path = handles.DEFAULT,
    samples: Any = "auto",
    recipes: str = "all",
    tolerance: float = 0.05,
    target: str = recommend.ANY,
    out: str | Path | None = None,
) -> Path:
    """Make a model's report in the folder `out`, new or empty or an earlier report; return it.

    `handle` may end in "#signature"; `samples` is what samples.choose takes, `recipes` "all" or
    names joined with "; ", `tolerance` a relative error, `target` one of recommend.NAMES or "any".
    Without `out` the folder has the model's name, in build/report of the
    checkout or in report/ here. Raises ParameterError or ReportError, and then leaves nothing new
    behind.
    """
    given = {"HANDLE": absolute(handle), "SAMPLES": absolute(samples)}
    given |= {"RECIPES": recipes, "TOLERANCE": tolerance, "TARGET": target}
    try:
        check_handle(given["HANDLE"])
        check_parameters(given["SAMPLES"], recipes, tolerance, target)
        if out is None:
            out = default_folder("report") / contracts.slug(handle)
        with _filled(check_folder(out)) as new:
            notebook, error = execute(_read(TEMPLATE), {**given, "OUT": str(new.absolute())})
            if error:
                raise _explained(error)
            _write_pages(notebook, new)
    except OSError as error:
        raise ReportError(message("unwritable file", error=error)) from None
    return Path(out).expanduser()


def summary(folder: Path) -> str:
    """Return what to print of a report: its recommendation, and where it is."""
    card = (folder / "model_card.md").read_text(encoding="utf-8").partition("## Contract")[0]
    files = ", ".join(name for name in NAMES if (folder / name).exists())
    page = (folder / "report.html").resolve().as_uri()
    card = html.unescape(card)
    return f"{card.strip()}\n\nIn {os.path.relpath(folder)}: {files}\nRead it: {page}"


# Parameters: what can be checked before anything is loaded


def absolute(path: Any, folder: str | Path = "") -> Any:
    """Return a path that exists, seen from a folder, as an absolute one, its #signature kept.

    Anything else is returned as it is.
    """
    if not isinstance(path, (str, os.PathLike)) or path in ("", "auto", "random", "digits"):
        return path
    name, signature = contracts.split(str(path))
    found = Path(folder, Path(name.removeprefix("file://")).expanduser())
    if not name.strip() or not found.exists():
        return path
    return f"{found.resolve()}#{signature}" if signature else str(found.resolve())


def check_handle(handle: str) -> None:
    """Raise ParameterError if HANDLE names something here that is no SavedModel, or nothing."""
    name, _ = contracts.split(handle)
    remote = str(name).startswith(("http://", "https://"))
    if remote or str(name).rstrip("/") in tinyhub.published():
        return
    try:
        path = Path(handles.locate(name))
    except handles.HandleError as error:
        raise ParameterError(str(error)) from None
    if path.is_file() and path.name.endswith((".tar.gz", ".tgz")):
        return
    from hub_to_tflite.file.identify import identify

    found = identify(path)
    if (path / "saved_model.pb").is_file() and found.opens:
        return
    todo = TO_SAVED_MODEL.get(found.what, "What to do with it: {1}")
    todo = WEIGHTS if found.what == "HDF5" and found.detail else todo
    what = f"{found.what}. {found.detail}".rstrip(". ")
    todo = todo.format(path, found.how)
    raise ParameterError(message("no saved model", name=path.name, what=what, todo=todo))


def check_parameters(
    source: Any, recipes: Any, tolerance: Any, target: Any = recommend.ANY
) -> tuple[list[str], float]:
    """Return (the recipes, the tolerance) of such parameters. Raises ParameterError."""
    targets = [recommend.ANY, *recommend.NAMES]
    if target not in targets:
        raise ParameterError(message("target", found=target, names=", ".join(targets)))
    try:
        samples.check(source)
    except samples.SampleError as error:
        raise ParameterError(str(error)) from None
    asked = [name.strip() for name in str(recipes).split(";") if name.strip()]
    unknown = [name for name in asked if name not in convert.RECIPES]
    if asked == ["all"]:
        asked, unknown = list(convert.RECIPES), []
    if unknown or not asked or not isinstance(recipes, str):
        found, names = unknown[0] if unknown else recipes, "; ".join(convert.RECIPES)
        raise ParameterError(message("recipes", found=found, names=names))
    try:
        number = math.nan if isinstance(tolerance, bool) else float(tolerance)
    except (TypeError, ValueError):
        number = math.nan
    if not 0 <= number < math.inf:
        raise ParameterError(message("tolerance", found=tolerance))
    return [recipe for recipe in convert.RECIPES if recipe in asked], number


def default_folder(name: str) -> Path:
    """Return build/<name> of the checkout if that is where we are, else <name> here."""
    here = Path.cwd()
    inside = (ROOT / "notebooks").is_dir() and here.is_relative_to(ROOT)
    return (ROOT / "build" if inside else here) / name


def check_folder(out: str | Path) -> Path:
    """Return the folder for the results, if it can be written and no file in it would be lost.

    It may be missing, empty or an earlier report, which is replaced. Raises ParameterError.
    """
    out = Path(out).expanduser()
    check_writable(out)
    found = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    own = {name for name in found if not name.startswith(".new-")}
    orphan = own & {"model.tflite", "labels.txt"} and "contract.json" not in own
    if own - set(NAMES) or orphan:
        found = ", ".join(sorted(own)[:5])
        raise ParameterError(message("folder in use", out=out, found=found))
    return out


def check_writable(out: Path) -> None:
    """Raise ParameterError unless the folder `out` can be written, or made."""
    existing = next(path for path in (out, *out.absolute().parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        found = {"existing": existing, "reason": error.strerror or error}
        raise ParameterError(message("unwritable folder", **found)) from None


@contextlib.contextmanager
def _filled(folder: Path) -> Iterator[Path]:
    """Yield a new folder; its files replace those of `folder` once the block has ended well."""
    made = [path for path in (folder, *folder.absolute().parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=".new-", dir=folder, ignore_cleanup_errors=True
        ) as new:
            yield Path(new)
            for name in NAMES:
                if Path(new, name).exists():
                    os.replace(Path(new, name), folder / name)
                else:
                    (folder / name).unlink(missing_ok=True)
    finally:
        for path in made:
            with contextlib.suppress(OSError):  # it has files now
                path.rmdir()


# The notebook


def execute(
    notebook: Any,
    parameters: dict,
    watch: Callable[[int], Any] = lambda kernel: contextlib.nullcontext(),
) -> tuple[Any, Exception | None]:
    """Return (a notebook executed with parameters as far as it came, what stopped it or None).

    It runs in a new kernel and a temporary folder. `watch(process id)` is entered meanwhile. The
    kernel ends in any case, also with this process, and what it started ends with it.
    """
    import papermill
    from jupyter_client import KernelManager

    class Manager(KernelManager):
        made = None

        def client(self, **options):
            self.made = super().client(**options)
            return self.made

    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", message="IPython parent")  # there may be no home
    with tempfile.TemporaryDirectory(prefix="report-", ignore_cleanup_errors=True) as folder:
        manager = Manager(
            client_class="jupyter_client.asynchronous.AsyncKernelClient",
            connection_file=str(Path(folder, "kernel.json")),
        )
        paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        environment = os.environ | {"PYTHONPATH": paths, "IPYTHONDIR": folder}  # no start-up files
        environment["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"  # or the debugger has a word to say
        quiet = ["--IPKernelApp.log_level=40"]
        manager.start_kernel(cwd=folder, env=environment, extra_arguments=quiet)
        path, error = Path(folder, "executed.ipynb"), None
        options = {"kernel_name": "python3", "language": "python", "km": manager}
        options["progress_bar"] = sys.stderr.isatty()
        # In a thread, since nbclient takes Ctrl-C for itself in the main one.
        with watch(manager.provisioner.pid), ThreadPoolExecutor(1) as pool:
            running = pool.submit(papermill.execute_notebook, notebook, path, parameters, **options)
            try:
                running.result()
            except Exception as failure:
                error = failure
                process = getattr(manager.provisioner, "process", None)
                error.status = process.poll() if process else None
            finally:
                manager.shutdown_kernel(now=True)
                if manager.made:
                    manager.made.stop_channels()  # papermill leaves them open
        if not path.exists():
            raise error
        return _read(path), error


def result(notebook: Any) -> dict | None:
    """Return what the cell tagged `result` of an executed notebook shows as JSON, or None."""
    tagged = [cell for cell in notebook.cells if "result" in cell.metadata.get("tags", [])]
    outputs = [output for cell in tagged for output in cell.get("outputs", [])]
    shown = [output.get("data", {}).get("application/json") for output in outputs]
    return next((one for one in shown if isinstance(one, dict) and "rows" in one), None)


def _read(path):
    import nbformat

    return nbformat.read(path, 4)


def _explained(error):
    """Return the ReportError to raise for what stopped the notebook."""
    kind, words = getattr(error, "ename", type(error).__name__), getattr(error, "evalue", error)
    words = " ".join(str(words).split())
    if kind in AVOIDABLE:
        return ParameterError(words)
    if kind == "DeadKernelError":
        status = getattr(error, "status", None)
        killed = message("killed") if status == -9 else ""
        said = "no status" if status is None else sandbox.describe(status)
        return ReportError(message("dead kernel", status=said, killed=killed))
    full = "No space left on device" in words
    if kind.endswith("Error") and (words.startswith("[Errno") or full):
        return ReportError(message("unwritable file", error=words))
    return ReportError(message("stopped", kind=kind, words=words))


def _write_pages(notebook, folder):
    """Write an executed notebook as report.ipynb and report.html, the recommendation on top."""
    import nbformat

    card = (folder / "model_card.md").read_text(encoding="utf-8")
    top = card.partition("## Contract")[0].replace("## Recommendation\n\n", "").strip()
    figures = []  # the text behind each one says what it shows
    for cell, following in itertools.zip_longest(notebook.cells, notebook.cells[1:]):
        if cell.cell_type == "code":
            cell.metadata["jupyter"] = {"source_hidden": True}
            if any("image/png" in output.get("data", {}) for output in cell.outputs):
                figures.append(following.source.partition("\n")[0])
    notebook.cells.insert(0, nbformat.v4.new_markdown_cell(top))
    nbformat.write(notebook, folder / "report.ipynb")
    hidden = ("exclude_input", "exclude_input_prompt", "exclude_output_prompt")
    title = {"metadata": {"name": top.partition("\n")[0].lstrip("# ")}}
    log = logging.getLogger("papermill")
    text = page(notebook, title, **dict.fromkeys(hidden, True), log=log)
    for words in figures:
        text = text.replace(NO_TEXT, f'alt="{html.escape(words)}"', 1)
    text = text.replace("</head>", STYLE, 1)
    (folder / "report.html").write_text(text, encoding="utf-8")


def page(notebook: Any, resources: dict | None = None, **options: Any) -> str:
    """Return a notebook as an HTML page that fetches nothing; `options` are nbconvert's."""
    from nbconvert import HTMLExporter

    addresses = ("mathjax_url", "require_js_url", "mermaid_js_url", "jquery_url")
    exporter = HTMLExporter(embed_images=True, **dict.fromkeys(addresses, ""), **options)
    return exporter.from_notebook_node(notebook, resources)[0]
