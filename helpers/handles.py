"""From whatever names a model to a SavedModel that is known to be whole. Taught in 02_load_from_hub.

`tensorflow_hub` downloads, unpacks and caches; this module adds the questions it does not ask. Is the
archive complete, and is it a model? Is what the cache holds still sound? Did an earlier download die and
leave its lock? It answers each in one sentence, and leaves nothing half-made behind.
"""

import gzip
import hashlib
import http.client
import os
import shutil
import socket
import tarfile
import tempfile
import types
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


class HandleError(ValueError):
    """A handle that leads to no usable SavedModel. The message says what is wrong, what was found, what to do."""


def check(handle):
    """Return the full handle for `handle`, after making sure that a sound SavedModel is behind it.

    `handle` is the name of a model on the embedded hub ("digits/mobilenet_v2/classification/1"), an
    http(s) address, or the path of a SavedModel folder or of a .tar.gz of one, which is unpacked into the course's
    cache. What it downloads stays in tensorflow_hub's cache, so that `hub.load` of the returned handle finds it there.
    Raises HandleError.
    """
    handle = _unpacked(locate(handle))
    fetch(handle)
    return handle


def locate(handle):
    """Return the full handle (an address or an absolute path), without looking at what is behind it.

    Starts the embedded hub if `handle` names one of its models. Raises HandleError.
    """
    if not isinstance(handle, str) or not handle.strip():
        raise HandleError(
            f"HANDLE must be text that names a model. Found: {handle!r}. Use for example {DEFAULT!r}."
        )
    # One cache for each state of the embedded models: tensorflow_hub never asks whether a model has changed.
    os.environ.setdefault("TFHUB_CACHE_DIR", str(cache.folder(f"tfhub-{tinyhub.digest()[:12]}")))
    if urllib.parse.urlsplit(handle).scheme in ("http", "https"):
        return handle
    if handle.rstrip("/") in tinyhub.published():
        return f"{tinyhub.serve_once()}/{handle.rstrip('/')}"
    path = Path(handle.removeprefix("file://")).expanduser()
    if path.exists():
        return str(path.resolve())
    raise HandleError(
        f"There is no model {handle!r}: it is neither an http(s) address, nor a folder here, nor on the embedded hub. "
        f"The embedded hub has: {', '.join(tinyhub.published())}."
    )


def fetch(handle):
    """Return the folder (Path) of the SavedModel behind a full handle, downloaded and checked.

    The same as `hub.resolve(handle)`, and the same cache, but a bad download never enters the cache, a
    damaged or abandoned entry is removed and fetched again, and whatever fails raises one HandleError.
    """
    if urllib.parse.urlsplit(handle).scheme not in ("http", "https"):
        return _sound(Path(handle), handle)
    import tensorflow as tf
    from tensorflow_hub import compressed_module_resolver

    class Resolver(compressed_module_resolver.HttpCompressedFileResolver):
        def _call_urlopen(self, request):
            response = urllib.request.urlopen(request, timeout=PATIENCE, context=self._context)
            return _whole_archive(response, handle)

    entry = Path(compressed_module_resolver._module_dir(handle))
    _clear_abandoned(entry)
    for _ in range(2):
        try:
            return _sound(Path(Resolver()(handle)), handle)
        except HandleError:
            if not entry.exists():
                raise
            _forget(entry)  # an entry that was damaged in the cache: fetch it once more
        except urllib.error.HTTPError as error:
            raise HandleError(_refused(handle, error)) from None
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise HandleError(
                f"The download of {handle} failed. Found: {_first_line(reason)}. "
                f"Check the network, or use the embedded model, HANDLE = {DEFAULT!r}."
            ) from None
        except (tf.errors.OpError, ValueError) as error:
            raise HandleError(
                f"The archive of {handle} could not be unpacked. Found: {_first_line(error)}. Nothing was kept; look "
                "whether the cache folder has room and may be written, or ask the publisher."
            ) from None
    raise HandleError(
        f"What {handle} serves is not a usable SavedModel: it was downloaded twice and could not be read. "
        "Ask its publisher, or use another version."
    )


def _unpacked(handle):
    """Return the folder of what a .tar.gz on this disk holds, once it is proven whole; any other handle as it is."""
    path = Path(handle)
    if not path.is_file():
        return handle
    with path.open("rb") as file:
        if file.read(2) != b"\x1f\x8b":
            return handle
    folder = cache.folder("archives") / _digest(path)[:16]
    if not folder.exists():
        with (
            path.open("rb") as file,
            _whole_archive(types.SimpleNamespace(read=file.read, headers={}), handle) as body,
        ):
            with tarfile.open(fileobj=body) as archive, cache.whole_folder(folder) as new:
                # The members are known to be plain; newer Pythons want to be told.
                archive.extractall(
                    new, **{"filter": "data"} if hasattr(tarfile, "data_filter") else {}
                )
    return str(folder)


def _digest(path):
    """Return the sha256 (hex) of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def _refused(handle, error):
    advice = {
        401: "It wants a login.",
        403: "The server refuses it; tfhub.dev answers so for models that have moved or gone.",
        404: "Check the spelling, and that a version number ends the handle.",
    }.get(error.code, "The server is in trouble; try again later." if error.code >= 500 else "")
    return (
        f"{handle} cannot be downloaded. Found: HTTP {error.code} {_first_line(error.reason)}. {advice} "
        f"The embedded model works without a network: HANDLE = {DEFAULT!r}."
    )


def _whole_archive(response, handle):
    """Return the body of `response` as an open file, once it is proven to be a complete SavedModel archive.

    tensorflow_hub unpacks while it reads, so a damaged byte is noticed too late or never: tar has no
    checksum, and gzip's stands at the very end, which it does not read.
    """
    body = tempfile.TemporaryFile()
    while block := response.read(2**20):
        _bounded(body.tell() + len(block), handle)
        body.write(block)
    received, promised = body.tell(), response.headers.get("Content-Length") or ""
    kind = response.headers.get("Content-Type", "no content type")
    body.seek(0)
    start = body.read(16)
    if promised.isdecimal() and received < int(promised):
        raise HandleError(
            f"The download of {handle} stopped early. Found: {received:,} of {int(promised):,} bytes. Try again."
        )
    if start[:2] != b"\x1f\x8b":
        raise HandleError(
            f"What {handle} serves is not a model archive (tar.gz). Found: {received:,} bytes of {kind}, "
            f"starting {start!r}. Open the address in a browser: it may be a login page, or a .tflite file, "
            "which is not loaded but run (see 05_run_the_interpreter)."
        )
    try:
        body.seek(0)
        with gzip.open(body) as unzipped:  # to the end, so that gzip compares its checksum
            size = 0
            while block := unzipped.read(2**20):
                size += len(block)
                _bounded(size, handle)
        body.seek(0)
        with tarfile.open(fileobj=body) as archive:
            members = archive.getmembers()
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise HandleError(
            f"The archive of {handle} is damaged. Found: {received:,} bytes; {_first_line(error)}. "
            "Nothing was kept; try again, or ask its publisher."
        ) from None
    _bounded(
        sum(member.size for member in members), handle
    )  # a sparse file unpacks to more than it takes up
    _plain_members(members, handle)
    body.seek(0)
    return body


def _bounded(size, handle):
    """Raise HandleError if `size`, in bytes, is more than an archive may hold."""
    if size > LARGEST:
        raise HandleError(
            f"The archive of {handle} unpacks to more than {LARGEST / 2**30:.0f} GiB. "
            "It was not unpacked. Ask its publisher."
        )


def _plain_members(members, handle):
    """Raise HandleError unless the archive holds plain files and folders, inside, with a model at its root."""
    for member in members:
        if not (member.isfile() or member.isdir()):
            raise HandleError(
                f"The archive of {handle} holds a link or a device, {member.name!r}. It was not unpacked."
            )
        if ".." in PurePosixPath(member.name).parts or member.name.startswith("/"):
            raise HandleError(
                f"The archive of {handle} would write outside its folder: {member.name!r}. It was not unpacked."
            )
    names = {PurePosixPath(member.name).as_posix() for member in members}
    if "saved_model.pb" not in names:
        found = ", ".join(sorted(names)[:5]) or "nothing"
        raise HandleError(
            f"The archive of {handle} has no saved_model.pb at its root. Found: {found}. "
            "Pack it from inside the model's folder: tar -czf model.tar.gz -C FOLDER ."
        )
    folders = {PurePosixPath()}
    for path, member in ((PurePosixPath(member.name), member) for member in members):
        if member.isdir():
            folders |= {path, *path.parents}
        elif path.parent not in folders:  # tensorflow_hub makes only the folders that are listed
            raise HandleError(
                f"The archive of {handle} holds {path.as_posix()!r} and not the folder that it belongs in. "
                "Pack the whole folder, not single files: tar -czf model.tar.gz -C FOLDER ."
            )


def _sound(folder, handle):
    """Return `folder` if it holds a SavedModel that can be read to its last variable; raise HandleError if not."""
    if folder.is_file():
        raise HandleError(
            f"{handle} is a file. A handle names a SavedModel, which is a folder. See 01_why_wont_it_open."
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
        variables = folder / "variables" / "variables"
        if variables.parent.exists():
            reader = tf.train.load_checkpoint(str(variables))
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


def _forget(entry):
    """Remove a model from tensorflow_hub's cache."""
    shutil.rmtree(entry, ignore_errors=True)
    Path(f"{entry}.descriptor.txt").unlink(missing_ok=True)
