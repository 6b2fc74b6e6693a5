"""Which release of TensorFlow's runtime a .tflite needs, from its ops.

Each op has versions: a new one when it learned something, such as another dtype. A runtime opens a
file if it knows every op of it in its version. The converter writes the release that this asks for
into the file; files that are old, or were changed afterwards, lack it or state too little.
Taught in 12_identify_a_file.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from hub_to_tflite import knowledge


def table() -> dict[str, Any]:
    """Return op_releases.yaml: {"operators", "dtypes": names by code, "releases"}."""
    return knowledge.load(Path(__file__).with_name("op_releases.yaml"))


@lru_cache
def _needs():
    """Return {(op, version): release}."""
    return {
        (op, version): release
        for release, ops in table()["releases"].items()
        for op, versions in ops.items()
        for version in versions
    }


def needed(ops: Iterable, stated: bytes = b"") -> tuple[str, str]:
    """Return (release, how that is known) for flatbuffer.Op's and the buffer `min_runtime_version`.

    The later of what the file states and what its ops ask for: a release such as "2.17.0" or
    "2.11", and "" if nothing says.
    """
    needs = _needs()
    number = re.match(rb"\d+\.\d+(\.\d+)?", stated)
    known = [(number[0].decode(), "as the file states")] if number else []
    for op in ops:
        if op.version > max((v for name, v in needs if name == op.name), default=op.version):
            newest = f"TensorFlow {list(table()['releases'])[-1]}, the newest known here"
            return "", f"{op.name} v{op.version} is newer than {newest}"
        if (op.name, op.version) in needs:
            known.append((needs[op.name, op.version], f"because of {op.name} v{op.version}"))
    if not known:
        return "", "the file does not state it, and no op in it is known to need more than 2.9"
    return max(known, key=lambda one: [int(part) for part in one[0].split(".")])
