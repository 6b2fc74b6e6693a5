"""Cause the errors of the gallery, and write down what was said: `make errors`.

    hub_to_tflite/errors/errors.yaml   the entries; `seen` and `shown` in them are written here
    docs/errors.md, docs/errors/       the gallery as pages, one a stage, generated from the entries

`python -m tools.gallery --shown` causes none, and looks only where the lessons show each error.
tests/hub_to_tflite/test_errors.py causes all of them again.
"""

import argparse
import linecache
import os
import re
import sys
import tempfile
import traceback
import warnings
from collections import defaultdict
from pathlib import Path

import nbformat
import yaml

from hub_to_tflite import knowledge, sandbox
from hub_to_tflite.errors import explain, pasted
from tools.course import notebooks

DOCS = Path(__file__).resolve().parents[1] / "docs"
EXCERPTS = knowledge.load(Path(__file__).with_name("gallery.yaml"))


# Causing them


def cause(names):
    """Return {name: (what was said, why the fix failed or "")} for the entries of these names.

    They are caused in one process, in a new folder. What was said is everything that was printed,
    also from C++, and the traceback.
    """
    with tempfile.TemporaryDirectory(prefix="errors-") as folder:
        environment = {"TFHUB_CACHE_DIR": f"{folder}/hub", "CUDA_VISIBLE_DEVICES": ""}
        try:
            return sandbox.call(_cause, folder, names, seconds=1500, environment=environment)
        except sandbox.SandboxError as error:  # its log names the last entry
            raise RuntimeError(f"{error}\n{error.log}") from None


def _cause(folder, names):
    """Cause the errors; for a sandbox."""
    os.chdir(folder)
    from tests import gallery_kit

    gallery_kit.fill()
    kit = {name: one for name, one in vars(gallery_kit).items() if not name.startswith("_")}
    caused = {}
    for entry in explain.entries():
        if entry.name in names:
            print(f"Causing {entry.name!r}", file=sys.stderr)
            scope = dict(kit)
            said, fixed = _said(entry.code, scope), _said(entry.fixed, scope)
            caused[entry.name] = said, fixed if pasted.TRACEBACK in fixed else ""
    return caused


def _said(code, scope):
    """Return what `code` prints, also from C++, and the traceback it ends in; in a sandbox.

    There standard output and error are one file.
    """
    start, trace = os.lseek(2, 0, os.SEEK_END), ""
    # So that the traceback quotes the code, as it does in a notebook.
    linecache.cache["<cell>"] = (len(code), None, code.splitlines(keepends=True), "<cell>")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        try:
            exec(compile(code, "<cell>", "exec"), scope)
        except (Exception, SystemExit) as error:
            trace = "".join(traceback.format_exception(error))
            traceback.clear_frames(error.__traceback__)
    sys.stdout.flush()
    sys.stderr.flush()
    os.lseek(2, start, os.SEEK_SET)
    return os.read(2, 2**24).decode(errors="replace") + trace


# Writing them down


def excerpt(entry, said):
    """Return the part of what was said that tells, without what differs: some 300 characters."""
    every = [(text, pattern) for text in pasted.parts(said) for pattern in entry.pattern]
    text, (start, end) = next((text, span) for text, one in every if (span := _where(one, text)))
    kinds = re.finditer(r"\b[\w.]*(Error|ERROR|error|Exit|Warning): ", text[:end])
    starts = [kind.start() for kind in kinds]
    if starts and start - starts[-1] < 150:
        start = starts[-1]
    part = re.split("|".join(EXCERPTS["behind"]), text[start:])[0]
    longest = max(300, end - start)
    if len(part) > longest:
        part = part[:longest].rpartition(" ")[0] + " ..." if longest == 300 else part[:longest]
    for pattern, name in EXCERPTS["differs"].items():
        part = re.sub(pattern, name, part)
    return part


def _where(pattern, text):
    """Return (start, end) of a pattern in `text`, or None; white space and quotes may differ."""
    gap = r"[\s\\]*"
    pieces = [
        gap.join("[\"'`]" if sign == "'" else re.escape(sign) for sign in pasted.squeezed(piece))
        for piece in pattern.split("*")
    ]
    found = re.search(pasted.GAP.join(pieces), text)
    return found and found.span()


def shown_in(entry, printed):
    """Return the [file, section] pairs of lessons whose stored outputs show an entry."""
    less_likely = {name for one in explain.entries() for name in one.also}
    if entry.kind == "frame" or entry.name in less_likely:
        return []
    shows = [place for place, text in printed.items() if explain.matches(entry, text, whole=text)]
    return [list(place) for place in shows]


def printed():
    """Return {(notebook's file name, section): what its cells printed, squeezed}."""
    found = defaultdict(str)
    for path in notebooks.every():
        section = ""
        for cell in nbformat.read(path, 4).cells:
            if cell.cell_type == "markdown":
                section = (re.findall(r"^#+ (.*)", cell.source, re.MULTILINE) or [section])[-1]
            for output in cell.get("outputs", []):
                text = output.get("text", "")
                text += f" {output.get('ename', '')}: {output.get('evalue', '')} "
                text = pasted.PATTERNS["escape"].sub("", text)
                found[path.name, section] += pasted.squeezed(text)
    return found


class _Dumper(yaml.SafeDumper):
    """Writes the entries the way a person would: long texts folded, code as it is."""


def _text(dumper, text):
    plain = len(text) < 75 and dumper.analyze_scalar(text).allow_block_plain
    style = "|" if "\n" in text else None if plain or len(text) < 20 else ">"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def dumped(fields):
    """Return the text of errors.yaml for a list of entries, under its own first comment."""
    head = explain.GALLERY.read_text(encoding="utf-8").partition("\n\n")[0]
    form = {"Dumper": _Dumper, "sort_keys": False, "allow_unicode": True, "width": 90}
    blocks = [yaml.dump([entry], **form) for entry in fields]
    return "\n".join([f"{head}\n", *blocks])


def write(said):
    """Write `shown` into errors.yaml, `seen` too for what was `said` (see cause), and the pages."""
    fields = yaml.load(explain.GALLERY.read_text(encoding="utf-8"), yaml.CSafeLoader)
    places = printed()
    for entry, known in zip(fields, explain.entries(), strict=True):
        last = {"seen": entry.pop("seen", ""), "shown": shown_in(known, places)}
        entry.pop("shown", None)
        if known.pattern and known.name in said:
            last["seen"] = excerpt(known, said[known.name][0])
        entry |= {name: value for name, value in last.items() if value}
    explain.GALLERY.write_text(dumped(fields), encoding="utf-8")
    knowledge.load.cache_clear()
    explain.entries.cache_clear()
    (DOCS / "errors").mkdir(exist_ok=True)
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8")


def pages():
    """Return {file in docs/: text}: the list of the stages, and a page for each."""
    template, index = map(Path(__file__).with_name, ("errors.md.j2", "errors_index.md.j2"))
    known = {"entries": explain.entries(), "explain": explain.explain, "link": link}
    found = {"errors.md": knowledge.render(index, stages=explain.STAGES, **known)}
    for stage, title in explain.STAGES.items():
        found[f"errors/{stage}.md"] = knowledge.render(template, stage=stage, title=title, **known)
    return found


def link(entry):
    """Return where an entry is, such as install.md#no-wheel: the anchor that its heading gets."""
    return f"{entry.stage}.md#" + re.sub(r"[^\w -]", "", entry.title.lower()).replace(" ", "-")


def main():
    """Cause all errors, and write what was seen and the pages."""
    parser = argparse.ArgumentParser(prog="python -m tools.gallery")
    parser.add_argument("--shown", action="store_true", help="write where errors are shown, only")
    caused = [entry.name for entry in explain.entries() if entry.code]
    said = {} if parser.parse_args().shown else cause(caused)
    for name, (_, failed) in said.items():
        if failed:
            print(f"The fix of {name!r} failed:\n{failed}")
    write(said)
    print(f"{len(explain.entries())} errors in docs/errors.md, {len(said)} caused")


if __name__ == "__main__":
    from tools import gallery  # a sandbox imports what it calls, so not from __main__

    gallery.main()
