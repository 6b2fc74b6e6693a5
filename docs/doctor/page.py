"""What the doctor asks of the project's own code; it runs in the browser, through Pyodide.

Each function returns JSON. The words are those of the command line.
"""

import json
import os
from pathlib import Path

from hub_to_tflite import targets
from hub_to_tflite.errors import explain
from hub_to_tflite.file.identify import identify

ADDRESSES = json.loads(Path(__file__).with_name("addresses.json").read_text())  # by entry's name
SAID = {"bytes", "runtime", "ops", "input", "output"}  # by identify, before check says it


def warm() -> None:
    """Read what the first question needs."""
    identify(b"....TFL3")
    explain.answer("ready")


def look(folder: str, name: str) -> str:
    """Return what identify and check, without running it, say of `name` in `folder`."""
    os.chdir(folder)
    found = identify(name)
    result = {"name": name, "rows": found.rows(), "text": repr(found), "opens": found.opens}
    if found.model:
        report = targets.check(name, run=False)
        told = [(one.name, one.mark, one.reason) for one in report.targets]
        needs, heading = [], ""
        for title, text in report.needs:
            heading = title or heading
            if heading not in SAID or not title:
                needs.append((title or f"this {heading}", text))
        result |= {"targets": told, "needs": needs, "check": repr(report)}
    return json.dumps(result)


def empty_folder(name: str) -> str:
    """Return what identify says of an empty folder."""
    Path("/empty", name).mkdir(parents=True, exist_ok=True)
    return look("/empty", name)


def explained(text: str) -> str:
    """Return what explain says of a message, with where its entries are on the site."""
    entries = [
        {"title": one.title, "address": ADDRESSES[one.name], "rows": explain.rows(one, number)}
        for number, one in enumerate(explain.explain(text))
    ]
    return json.dumps({"known": bool(entries), "text": explain.answer(text), "entries": entries})
