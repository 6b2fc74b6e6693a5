"""The one command: `hub-to-tflite identify | explain | check | report | sweep`.

The command line is read here, and exit statuses are decided here; the rooms do the work. A
subcommand imports its room when it's called, so `identify` doesn't wait for what `sweep` needs.
"""

import argparse
import errno
import json
import os
import stat
import sys
from collections.abc import Sequence

from hub_to_tflite import __version__

YES, NO, UNUSABLE, INTERRUPTED, READER_GONE = 0, 1, 2, 130, 141
COMMON = f"""\
  {UNUSABLE}    the command line or an input can't be used, or the output can't be written
  {INTERRUPTED}  interrupted with Ctrl-C"""


class CommandError(Exception):
    """Something typed that can't be used. The message is the one sentence that the user reads."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, `sys.argv` by default, and return the exit status.

    Taught in 10_deploy.
    """
    _hold_standard_streams()
    try:
        options = _parser().parse_args(arguments)
        if sys.stdout is None:
            raise CommandError("standard output is closed, so the result has nowhere to go.")
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name can be any bytes
        status = options.run(options)
        sys.stdout.flush()
        return status
    except CommandError as error:
        _complain(error)
        return UNUSABLE
    except KeyboardInterrupt:
        _complain("interrupted.")
        return INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return READER_GONE
    except ModuleNotFoundError as error:
        _complain(f"the package {error.name!r} isn't here. Install what requirements.lock names.")
        return UNUSABLE
    except OSError as error:
        _drop_output()
        where = f": {error.filename!r}" if error.filename else ""
        _complain(f"{error.strerror or error}{where}.")
        return UNUSABLE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hub-to-tflite",
        description="Tools for the road from TensorFlow Hub to a running .tflite.",
        epilog="hub-to-tflite COMMAND --help tells the options and the exit statuses of each.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    add = _command(
        commands,
        _identify,
        "identify",
        "say what a file or folder is, by its content, and who opens it",
        yes="somebody opens each of them as it is",
        no="one of them is damaged, packed, unknown or otherwise not to be opened as it is",
    )
    add("path", nargs="+", help="a file of any kind, or a folder")
    add("--json", action="store_true", help="print a JSON list with one object for each path")

    add = _command(
        commands,
        _explain,
        "explain",
        "say what an error message means, and how to fix it",
        yes="the error is known",
        no="it isn't known",
    )
    add("message", nargs="*", help="the message; without one, a log is read from standard input")
    add("--json", action="store_true", help="print a JSON object")

    add = _command(
        commands,
        _check,
        "check",
        "say what a .tflite needs, and which targets can run it",
        yes="each file runs on some target",
        no="one of them runs on none",
    )
    add("path", nargs="+", help="a .tflite file")
    add("--json", action="store_true", help="print a JSON list with one object for each path")

    add = _command(
        commands,
        _report,
        "report",
        "turn a model into a verified .tflite, with a report",
        yes="the report is there",
        no="there's no report, and nothing was left behind",
    )
    add(
        "handle",
        help="a model on the embedded hub, an https:// handle, a SavedModel folder, or a .tar.gz "
        "of one; #name at its end chooses a signature",
    )
    add("--samples", help="a folder of images, an .npy or an .npz; without it, random inputs")
    add("--recipes", help='such as "float32; int8"; without it, all that apply')
    add("--tolerance", type=float, help="how far outputs may move, relative to their range (0.05)")
    add("--out", help="the folder for the report; without it, report/ with the model's name")

    add = _command(
        commands,
        _sweep,
        "sweep",
        "run that report over a grid, on all cores or on a dask cluster",
        yes="every cell of the grid is done",
        no="a cell failed; the others are kept",
    )
    add("grid", help="a YAML file, such as sweep.yaml in the checkout")
    add("--retry", action="store_true", help="run cells that failed before, too")
    add("--workers", type=_positive, help="how many to run at a time on this machine")
    add("--memory", help="for each worker, such as 4GB")
    add("--scheduler", help="use the cluster of this dask scheduler instead, tcp://host:8786")
    add("--out", help="the folder for results; without it, sweep/ with the grid's name")
    return parser


def _command(commands, run, name: str, summary: str, *, yes: str, no: str):
    """Add a subcommand; return the function that adds arguments to it."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"exit status:\n  {YES}    {yes}\n  {NO}    {no}\n{COMMON}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser.add_argument


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _identify(options) -> int:
    from hub_to_tflite.file.identify import identify

    def about(path):
        _require_readable(path)
        found = identify(path)
        return found, YES if found.opens else NO

    return _each(options, about)


def _check(options) -> int:
    from hub_to_tflite.targets import check

    def about(path):
        _require_readable(path, "check wants a .tflite file")
        report = check(path)
        if not report.sound:
            raise CommandError(f"{path!r}: {report.targets[0].reason}")
        return report, YES if any(target.takes for target in report.targets) else NO

    return _each(options, about)


def _each(options, about) -> int:
    """Print what `about(path)` finds for each path; return the largest exit status.

    `about` returns (an object with repr and to_json, exit status), or raises CommandError. Then
    its sentence goes to standard error, and the next path has its turn.
    """
    status, listed, first = YES, [], True
    for path in options.path:
        try:
            found, own = about(path)
        except CommandError as error:
            _complain(error)
            listed.append({"path": path, "error": str(error)})
            status = UNUSABLE
            continue
        status = max(status, own)
        listed.append(found.to_json())
        if not options.json:
            print(repr(found) if first else f"\n{found!r}", flush=True)
        first = False
    if options.json:
        print(json.dumps(listed, indent=2))
    return status


def _explain(options) -> int:
    from hub_to_tflite.errors import explain

    text = " ".join(options.message)
    piped = sys.stdin is not None and not sys.stdin.isatty()
    if not options.message and piped:
        text = explain.read(sys.stdin.buffer)
    if not text.strip():
        raise CommandError(
            'explain wants a message: hub-to-tflite explain "the message", or a log piped in.'
        )
    if options.json:
        print(json.dumps(explain.to_json(text), indent=2))
    else:
        print(explain.answer(text).rstrip())
    return YES if explain.explain(text) else NO


def _report(options) -> int:
    from hub_to_tflite.report import make

    try:
        folder = make.report(
            options.handle, options.samples, options.recipes, options.tolerance, options.out
        )
    except make.ParameterError as error:
        raise CommandError(str(error)) from None
    except make.ReportError as error:
        _complain(f"no report: {error}")
        return NO
    print(make.summary(folder))
    return YES


def _sweep(options) -> int:
    _require_readable(options.grid, "sweep wants a YAML file")
    from dask.utils import parse_bytes

    from hub_to_tflite.report import sweep

    try:
        memory = parse_bytes(options.memory) if options.memory else None
    except ValueError:
        raise CommandError(f"--memory wants a size like 4GB. Found: {options.memory!r}.") from None
    try:
        rows = sweep.sweep(
            options.grid,
            out=options.out,
            scheduler=options.scheduler,
            workers=options.workers,
            memory=memory,
            retry=options.retry,
        )
    except sweep.SweepError as error:
        raise CommandError(str(error)) from None
    return NO if any(row["state"] == "failed" for row in rows) else YES


def _require_readable(path: str, wanted: str = "") -> None:
    """Raise CommandError unless `path` is a readable file, or a folder if no file is `wanted`."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        raise CommandError(f"{path!r}: there's no such file or folder.") from None
    except OSError as error:
        raise CommandError(f"{path!r}: it can't be read: {error.strerror}.") from None
    if stat.S_ISDIR(mode) and wanted:
        raise CommandError(f"{path!r}: it's a folder, and {wanted}.")
    if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode):
        raise CommandError(f"{path!r}: it's a pipe or a device. Save what's in it to a file first.")
    if not os.access(path, os.R_OK):
        raise CommandError(f"{path!r}: it can't be read: {os.strerror(errno.EACCES)}.")


def _hold_standard_streams() -> None:
    """Open the null device for each closed standard stream, so that no file gets its number."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)
    os.close(number)


def _drop_output() -> None:
    """Send what's unwritten to the null device: Python flushes at exit, and would fail again."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def _complain(sentence) -> None:
    if sys.stderr is not None:
        print(f"hub-to-tflite: {sentence}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
