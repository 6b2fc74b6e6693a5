"""From whatever names a model to a SavedModel that is known to be whole. Taught in 02_load_from_hub.

`tensorflow_hub` downloads, unpacks and caches. This module asks what it does not: is the archive
complete, and a model? Is what the cache holds still sound? Did an earlier download die and leave its
lock? It answers each in one sentence, and leaves nothing half-made behind.
"""

import gzip
import hashlib
import http.client
import os
import shutil
import socket
import tarfile
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import zlib
from pathlib import Path, PurePosixPath

import psutil

from helpers import tinyhub
from helpers.course import cache

DEFAULT = "digits/mobilenet_v2/classification/1"
LARGEST = 8 * 2**30  # bytes an archive may unpack to; the largest models on Hub were about 5 GB
PATIENCE = 60  # seconds that a server may be silent; tensorflow_hub would wait for ever
GZIP = b"\x1f\x8b"
PACK = "Pack it from inside the model's folder: tar -czf model.tar.gz -C FOLDER ."
ADVICE = {
    401: "It wants a login.",
    403: "The server refuses it; tfhub.dev does so for models that have moved or gone.",
    404: "Check the spelling, and that a version number ends the handle.",
}


class HandleError(ValueError):
    """A handle that leads to no usable SavedModel: what is wrong, what was found, what to do."""


def check(handle: str) -> str:
    """Return the full handle for `handle`, after making sure that a sound SavedModel is behind it.

    `handle` is the name of a model on the embedded hub ("digits/mobilenet_v2/classification/1"), an
    http(s) address, or the path of a SavedModel folder or of its .tar.gz, which is unpacked into the
    course's cache. A download stays in tensorflow_hub's cache, where `hub.load` of the returned
    handle finds it. Raises HandleError.
    """
    handle = _unpacked(locate(handle))
    fetch(handle)
    return handle


def locate(handle: str) -> str:
    """Return the full handle, an address or an absolute path, without looking at what is behind it.

    Starts the embedded hub if `handle` names one of its models. Raises HandleError.
    """
    if not isinstance(handle, str) or not handle.strip():
        raise HandleError(
            f"HANDLE must be text that names a model. Found: {handle!r}. "
            f"Use for example {DEFAULT!r}."
        )
    # One cache for each state of the embedded models: tensorflow_hub never asks for changes.
    os.environ.setdefault("TFHUB_CACHE_DIR", str(cache.folder(f"tfhub-{tinyhub.digest()[:12]}")))
    if _is_address(handle):
        return handle
    if handle.rstrip("/") in tinyhub.published():
        return f"{tinyhub.serve_once()}/{handle.rstrip('/')}"
    path = Path(handle.removeprefix("file://")).expanduser()
    if path.exists():
        return str(path.resolve())
    raise HandleError(
        f"There is no model {handle!r}: it is neither an http(s) address, nor a folder here, nor on"
        f" the embedded hub. The embedded hub has: {', '.join(tinyhub.published())}."
    )


def fetch(handle: str) -> Path:
    """Return the folder of the SavedModel behind a full handle, downloaded and checked.

    It is `hub.resolve(handle)` with the same cache, but a bad download never enters the cache, a
    damaged or abandoned entry is removed and fetched again, and any failure is one HandleError.
    """
    if not _is_address(handle):
        return _sound(Path(handle), handle)
    import tensorflow as tf
    from tensorflow_hub import compressed_module_resolver

    class Resolver(compressed_module_resolver.HttpCompressedFileResolver):
        def _call_urlopen(self, request):
            response = urllib.request.urlopen(request, timeout=PATIENCE, context=self._context)
            return _checked(_downloaded(response, handle), handle, response.headers)

    entry = Path(compressed_module_resolver._module_dir(handle))
    _clear_abandoned(entry)
    for _ in range(2):
        try:
            return _sound(Path(Resolver()(handle)), handle)
        except HandleError:
            if not entry.exists():
                raise
            # The entry was damaged in the cache: forget it, and fetch it once more.
            shutil.rmtree(entry, ignore_errors=True)
            Path(f"{entry}.descriptor.txt").unlink(missing_ok=True)
        except (OSError, http.client.HTTPException) as error:
            status = getattr(error, "code", 0)
            reason = error if status else getattr(error, "reason", error)
            advice = ADVICE.get(status, "Check the network.")
            if status >= 500:
                advice = "The server is in trouble; try again later."
            raise HandleError(
                f"The download of {handle} failed. Found: {_first_line(reason)}. {advice} "
                f"The embedded model works without a network: HANDLE = {DEFAULT!r}."
            ) from None
        except (tf.errors.OpError, ValueError) as error:
            raise HandleError(
                f"The archive of {handle} could not be unpacked. Found: {_first_line(error)}. "
                "Nothing was kept; look whether the cache folder has room and may be written, or "
                "ask the publisher."
            ) from None
    raise HandleError(
        f"What {handle} serves is not a usable SavedModel: it was downloaded twice and could not be"
        " read. Ask its publisher, or use another version."
    )


def _is_address(handle):
    return urllib.parse.urlsplit(handle).scheme in ("http", "https")


def _unpacked(handle):
    """Return the folder, in the course's cache, of a .tar.gz on this disk; other handles as is."""
    if not Path(handle).is_file():
        return handle
    about = os.stat(handle)
    key = hashlib.sha256(f"{handle} {about.st_size} {about.st_mtime_ns}".encode()).hexdigest()[:16]
    folder = cache.folder("archives") / key
    with open(handle, "rb") as file:
        if file.read(2) != GZIP:
            return handle
        if not folder.exists():
            with cache.whole_folder(folder) as new:
                with tarfile.open(fileobj=_checked(file, handle)) as archive:
                    archive.extraction_filter = getattr(tarfile, "data_filter", None)
                    archive.extractall(new)
    return str(folder)


def _downloaded(response, handle):
    """Return the whole body of a response as an open file."""
    body = tempfile.TemporaryFile()
    while block := response.read(2**20):
        body.write(block)
        _check_size(body.tell(), handle)
    promised = response.headers.get("Content-Length") or ""
    if promised.isdecimal() and body.tell() < int(promised):
        raise HandleError(
            f"The download of {handle} stopped early. Found: {body.tell():,} of {int(promised):,} "
            "bytes. Try again."
        )
    return body


def _checked(body, handle, headers=None):
    """Return an open file, at its start, once it is proven to be a complete SavedModel archive.

    tensorflow_hub unpacks while it reads, so it notices a damaged byte too late or never: tar has
    no checksum, and gzip's is at the very end, which it does not read.
    """
    size = body.seek(0, os.SEEK_END)
    body.seek(0)
    start = body.read(16)
    body.seek(0)
    if start[:2] != GZIP:
        kind = (headers or {}).get("Content-Type", "no content type")
        raise HandleError(
            f"What {handle} serves is not a model archive (tar.gz). Found: {size:,} bytes of {kind},"
            f" starting {start!r}. Open the address in a browser: it may be a login page, or a "
            ".tflite file, which is not loaded but run (see 05_run_the_interpreter)."
        )
    try:
        with gzip.open(body) as unzipped:  # to the end, so that gzip compares its checksum
            while unzipped.read(2**20):
                _check_size(unzipped.tell(), handle)
        body.seek(0)
        with tarfile.open(fileobj=body) as archive:
            members = archive.getmembers()
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise HandleError(
            f"The archive of {handle} is damaged. Found: {size:,} bytes; {_first_line(error)}. "
            "Nothing was kept; try again, or ask its publisher."
        ) from None
    _check_size(sum(member.size for member in members), handle)  # a sparse file unpacks to more
    _check_members(members, handle)
    body.seek(0)
    return body


def _check_size(size, handle):
    if size > LARGEST:
        raise HandleError(
            f"The archive of {handle} unpacks to more than {LARGEST / 2**30:.0f} GiB. "
            "It was not unpacked. Ask its publisher."
        )


def _check_members(members, handle):
    """Raise HandleError unless these are plain files and folders, inside, with a model at the root."""
    paths = [PurePosixPath(member.name) for member in members]
    if PurePosixPath("saved_model.pb") not in paths:
        found = ", ".join(sorted(map(str, paths))[:5]) or "nothing"
        raise HandleError(
            f"The archive of {handle} has no saved_model.pb at its root. Found: {found}. {PACK}"
        )
    folders = {PurePosixPath()}
    for path, member in zip(paths, members, strict=True):
        problem = None
        if member.isdir():
            folders |= {path, *path.parents}
        elif not member.isfile():
            problem = "holds a link or a device"
        elif path.parent not in folders:  # tensorflow_hub makes only the folders that are listed
            problem = "does not hold the folder of a file"
        if path.is_absolute() or ".." in path.parts:
            problem = "would write outside its folder"
        if problem:
            raise HandleError(
                f"The archive of {handle} {problem}. Found: {member.name!r}. It was not unpacked. "
                f"{PACK}"
            )


def _sound(folder, handle):
    """Return `folder` if it holds a SavedModel that can be read to its last variable."""
    if folder.is_file():
        raise HandleError(
            f"{handle} is a file. A handle names a SavedModel, which is a folder. "
            "See 01_why_wont_it_open."
        )
    if not (folder / "saved_model.pb").is_file():
        found = ", ".join(sorted(path.name for path in folder.iterdir())[:5]) or "nothing"
        raise HandleError(
            f"{handle} is not a SavedModel: it has no saved_model.pb. Found: {found}."
        )
    import tensorflow as tf
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    try:
        saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
        if (folder / "variables").exists():
            reader = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
            for name in reader.get_variable_to_shape_map():
                reader.get_tensor(name)  # compares each variable with its stored checksum
    except (DecodeError, OSError, tf.errors.OpError, ValueError, IndexError, RuntimeError) as error:
        raise HandleError(
            f"The SavedModel of {handle} is damaged. Found: {_first_line(error)}."
        ) from None
    return folder


def _first_line(error):
    text = str(error).strip() or ("" if isinstance(error, str) else type(error).__name__)
    return text.partition("\n")[0].rstrip(":.\r")


def _clear_abandoned(entry):
    """Remove the lock and the half download of a process on this machine that has died.

    tensorflow_hub would wait ten minutes for it. The lock file says "<host>.<process>.<download>".
    """
    lock = Path(f"{entry}.lock")
    try:
        host, process, download = lock.read_text().rsplit(".", 2)
        alive = host != socket.gethostname() or psutil.pid_exists(int(process))
    except (OSError, ValueError):
        return
    if not alive:
        shutil.rmtree(f"{entry}.{download}.tmp", ignore_errors=True)
        lock.unlink(missing_ok=True)
