"""Is a download complete, and a model? tensorflow_hub unpacks without asking."""

import gzip
import os
import tarfile
import tempfile
import zlib
from pathlib import PurePosixPath
from typing import IO, Any

LARGEST = 8 * 2**30  # bytes an archive may unpack to; the largest models on Hub were about 5 GB
GZIP = b"\x1f\x8b"


class HandleError(ValueError):
    """A handle that leads to no usable SavedModel: what is wrong, what was found, what to do."""


def downloaded(response: Any, handle: str) -> IO[bytes]:
    """Return the body of an HTTP response as an open file, all of it, checked."""
    body = tempfile.TemporaryFile()
    while block := response.read(2**20):
        body.write(block)
        _check_size(body.tell(), handle)
    promised = response.headers.get("Content-Length") or ""
    if promised.isdecimal() and body.tell() < int(promised):
        found = f"{body.tell():,} of {int(promised):,} bytes"
        raise HandleError(f"The download of {handle} stopped early. Found: {found}. Try again.")
    return checked(body, handle, response.headers.get("Content-Type", "no content type"))


def checked(body: IO[bytes], handle: str, content_type: str = "no content type") -> IO[bytes]:
    """Return an open file, at its start, that is a complete SavedModel archive.

    tensorflow_hub unpacks while it reads, so it notices a damaged byte too late or never: tar has
    no checksum, and gzip's is at the very end, which it does not read.
    """
    size = body.seek(0, os.SEEK_END)
    body.seek(0)
    start = body.read(16)
    if start[:2] != GZIP:
        raise HandleError(
            f"What {handle} serves is not a model archive (tar.gz). Found: {size:,} bytes of "
            f"{content_type}, starting {start!r}. Open the address in a browser: it may be a login "
            "page, or a .tflite file, which is not loaded but run (see 04_run_the_interpreter)."
        )
    try:
        body.seek(0)
        with gzip.open(body) as unzipped:  # to the end, so that gzip compares its checksum
            while unzipped.read(2**20):
                _check_size(unzipped.tell(), handle)
        body.seek(0)
        with tarfile.open(fileobj=body) as archive:
            members = archive.getmembers()
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise HandleError(
            f"The archive of {handle} is damaged. Found: {size:,} bytes; {first_line(error)}. "
            "Nothing was kept; try again, or ask its publisher."
        ) from None
    body.seek(0)
    _check_size(sum(member.size for member in members), handle)  # a sparse file unpacks to more
    problem, found = "", ", ".join(sorted(member.name for member in members)[:5]) or "nothing"
    if "saved_model.pb" not in (PurePosixPath(member.name).as_posix() for member in members):
        problem = "has no saved_model.pb at its root"
    for member in members:
        path = PurePosixPath(member.name)
        if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
            problem, found = "holds a link, a device or a path out of its folder", member.name
    if problem:
        raise HandleError(
            f"The archive of {handle} {problem}. Found: {found}. It was not unpacked. Pack it from "
            "inside the model's folder: tar -czf model.tar.gz -C FOLDER ."
        )
    return body


def first_line(error: object) -> str:
    """Return the first line of what an error says, or its name, without a stop at the end."""
    text = str(error).strip() or ("" if isinstance(error, str) else type(error).__name__)
    return text.partition("\n")[0].rstrip(":.\r")


def _check_size(size, handle):
    if size > LARGEST:
        raise HandleError(f"The archive of {handle} unpacks to more than 8 GiB. It was not.")
