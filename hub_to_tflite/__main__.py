"""The one command: `hub-to-tflite identify | explain | check | report | sweep`.

The command line is read here, and exit statuses are decided here; the rooms do the work. A
subcommand imports its room when it's called, so `identify` doesn't wait for what `sweep` needs.
"""

import argparse
import errno
import functools
import json
import os
import signal
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

from hub_to_tflite import __version__

YES, NO, UNUSABLE, INTERRUPTED, READER_GONE = 0, 1, 2, 130, 141
COMMANDS = Path(__file__).with_name("commands.yaml")


class CommandError(Exception):
    """Something typed that can't be used. The message is the one sentence that the user reads."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, `sys.argv` by default, and return the exit status.

    Taught in 40_deploy_with_python.
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
    from hub_to_tflite import knowledge

    known = knowledge.load(COMMANDS)
    parser = argparse.ArgumentParser(prog="hub-to-tflite", **known["program"])
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for name, about in known["commands"].items():
        summary = about["summary"]
        command = commands.add_parser(
            name,
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            epilog=known["statuses"].format(**about),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.set_defaults(run=RUN[name])
        command.register("type", "number", float)
        command.register("type", "count", _count)
        for argument, options in about["arguments"].items():
            command.add_argument(argument, **options)
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _each(about, options) -> int:
    """Print what `about(path)` finds for each path; return the largest exit status.

    `about` returns (an object with repr and to_json, exit status), or raises CommandError. Then
    its sentence goes to standard error, and the next path has its turn.
    """
    statuses, listed, gap = [], [], ""
    for path in options.path:
        try:
            found, status = about(path)
            listed.append(found.to_json())
            if not options.json:
                print(f"{gap}{found!r}", flush=True)
            gap = "\n"
        except CommandError as error:
            _complain(error)
            status = UNUSABLE
            listed.append({"path": path, "error": str(error)})
        statuses.append(status)
    if options.json:
        print(json.dumps(listed, indent=2))
    return max(statuses)


def _identify(path):
    from hub_to_tflite.file.identify import identify

    _require_readable(path)
    found = identify(path)
    return found, YES if found.opens else NO


def _check(path, run=True):
    from hub_to_tflite.targets import check

    _require_readable(path, "check wants a .tflite file")
    report = check(path, run)
    if not report.sound:
        raise CommandError(f"{path!r}: {report.targets[0].reason}")
    return report, YES if any(target.takes for target in report.targets) else NO


def _check_each(options) -> int:
    return _each(functools.partial(_check, run=not options.not_run), options)


def _explain(options) -> int:
    from hub_to_tflite.errors import explain

    text = " ".join(options.message if options.message != ["-"] else [])
    a_name = " " not in text and text.endswith((".txt", ".log"))
    if a_name or os.path.exists(text):
        _require_readable(text, "explain wants a message or a log")
        with open(text, "rb") as log:
            text = explain.read(log)
    elif not text and sys.stdin is not None and not sys.stdin.isatty():
        text = explain.read(sys.stdin.buffer)
    if not text.strip():
        wanted = 'a message: hub-to-tflite explain "the message"'
        raise CommandError(f"explain wants {wanted}, or a log, in a file or piped in.")
    found = explain.to_json(text)
    print(json.dumps(found, indent=2) if options.json else explain.answer(text).rstrip())
    return YES if found["known"] else NO


def _report(options) -> int:
    from hub_to_tflite.report import make

    _end_like_ctrl_c()
    try:
        folder = make.report(**_given(options))
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

    _end_like_ctrl_c()
    given = _given(options)
    try:
        given["memory"] = parse_bytes(options.memory) if options.memory else None
    except ValueError:
        raise CommandError(f"--memory wants a size like 4GB. Found: {options.memory!r}.") from None
    try:
        rows = sweep.sweep(**given)
    except sweep.SweepError as error:
        raise CommandError(str(error)) from None
    return NO if any(row["state"] == "failed" for row in rows) else YES


def _end_like_ctrl_c():
    """Clean up as after Ctrl-C if a time limit, a service manager or a closed terminal ends us."""
    for number in (getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP")):
        if number and signal.getsignal(number) is signal.SIG_DFL:  # nohup ignores SIGHUP
            signal.signal(number, signal.default_int_handler)


def _given(options):
    """Return what was typed, by name: for the rest a function has its defaults."""
    given = vars(options).items()
    return {name: value for name, value in given if value is not None and name != "run"}


RUN = {
    "identify": functools.partial(_each, _identify),
    "explain": _explain,
    "check": _check_each,
    "report": _report,
    "sweep": _sweep,
}


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
