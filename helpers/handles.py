"""From whatever names a model to a SavedModel that is known to be whole.

`tensorflow_hub` downloads, unpacks and caches. This module asks what it does not: is the archive
complete, and a model? Is what the cache holds still sound? Did an earlier download die and leave a
lock? It answers each in one sentence, and leaves nothing half-made. Taught in 02_load_from_hub.
"""

import hashlib
import http.client
import os
import shutil
import socket
import tarfile
import urllib.request
from pathlib import Path

import psutil

from helpers import savedmodel, tinyhub
from helpers.course import archive, cache
from helpers.course.archive import HandleError

DEFAULT = "digits/mobilenet_v2/classification/1"
WEB = ("http://", "https://")
PATIENCE = 60  # seconds that a server may be silent; tensorflow_hub would wait for ever
ADVICE = {
    401: "It wants a login.",
    403: "The server refuses it; tfhub.dev does so for models that have moved or gone.",
    404: "Check the spelling, and that a version number ends the handle.",
}


def check(handle: str) -> str:
    """Return the full handle for `handle`, after making sure that a sound SavedModel is behind it.

    `handle` is the name of a model on the embedded hub ("digits/mobilenet_v2/classification/1"), an
    http(s) address, or the path of a SavedModel folder or of its .tar.gz, which is unpacked into
    the course's cache. A download stays in tensorflow_hub's cache, where `hub.load` of the returned
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
        advice = f"Use for example {DEFAULT!r}."
        raise HandleError(f"HANDLE must be text that names a model. Found: {handle!r}. {advice}")
    # One cache for each state of the embedded models: tensorflow_hub never asks for changes.
    os.environ.setdefault("TFHUB_CACHE_DIR", str(cache.folder(f"tfhub-{tinyhub.digest()[:12]}")))
    if handle.startswith(WEB):
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
    if not handle.startswith(WEB):
        return _sound(Path(handle), handle)
    import tensorflow as tf
    from tensorflow_hub import compressed_module_resolver

    class Resolver(compressed_module_resolver.HttpCompressedFileResolver):
        def _call_urlopen(self, request):
            response = urllib.request.urlopen(request, timeout=PATIENCE, context=self._context)
            return archive.downloaded(response, handle)

    entry = Path(compressed_module_resolver._module_dir(handle))
    _clear_abandoned(entry)
    for _ in range(2):
        try:
            return _sound(Path(Resolver()(handle)), handle)
        except HandleError:
            if not entry.exists():
                raise
            # The entry was damaged in the cache: fetch it once more.
            shutil.rmtree(entry, ignore_errors=True)
            Path(f"{entry}.descriptor.txt").unlink(missing_ok=True)
        except (OSError, http.client.HTTPException) as error:
            status = getattr(error, "code", 0)
            reason = archive.first_line(error if status else getattr(error, "reason", error))
            trouble = "The server is in trouble; try again later."
            advice = trouble if status >= 500 else ADVICE.get(status, "Check the network.")
            raise HandleError(
                f"The download of {handle} failed. Found: {reason}. {advice} "
                f"The embedded model works without a network: HANDLE = {DEFAULT!r}."
            ) from None
        except (tf.errors.OpError, ValueError) as error:
            reason = archive.first_line(error)
            raise HandleError(
                f"The archive of {handle} could not be unpacked. Found: {reason}. Look whether the "
                "cache folder has room and may be written, or ask the publisher."
            ) from None
    raise HandleError(f"What {handle} serves could not be read, twice. Ask its publisher.")


def _unpacked(handle):
    """Return the folder, in the course's cache, of a .tar.gz on this disk; other handles as is."""
    if not Path(handle).is_file():
        return handle
    about = os.stat(handle)
    key = hashlib.sha256(f"{handle} {about.st_size} {about.st_mtime_ns}".encode()).hexdigest()[:16]
    folder = cache.folder("archives") / key
    with open(handle, "rb") as file:
        if file.read(2) != archive.GZIP:
            return handle
        if not folder.exists():
            file = archive.checked(file, handle)
            with cache.whole_folder(folder) as new, tarfile.open(fileobj=file) as packed:
                packed.extraction_filter = getattr(tarfile, "data_filter", None)
                packed.extractall(new)
    return str(folder)


def _sound(folder, handle):
    """Return `folder` if it holds a SavedModel that can be read to its last variable."""
    if folder.is_file():
        raise HandleError(f"{handle} is a file, and a SavedModel a folder: 01_why_wont_it_open.")
    if not (folder / "saved_model.pb").is_file():
        found = ", ".join(sorted(path.name for path in folder.iterdir())[:5]) or "nothing"
        raise HandleError(f"{handle} is no SavedModel: no saved_model.pb. Found: {found}.")
    import tensorflow as tf

    try:
        savedmodel.read(folder)
        graph, variables = folder / "saved_model.pb", folder / "variables"
        if any(variables.glob("*")) or (variables.exists() and b"RestoreV2" in graph.read_bytes()):
            reader = tf.train.load_checkpoint(str(folder / "variables" / "variables"))
            for name in reader.get_variable_to_shape_map():
                reader.get_tensor(name)  # compares each variable with its stored checksum
    except (OSError, tf.errors.OpError, ValueError, IndexError, RuntimeError) as error:
        found = archive.first_line(error)
        raise HandleError(f"The SavedModel of {handle} is damaged. Found: {found}.") from None
    return folder


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
