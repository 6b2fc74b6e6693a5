"""A SavedModel packed as Hub packed its own, and the same bytes each time."""

import gzip
import io
import tarfile
import uuid
from pathlib import Path

from tensorflow.core.protobuf import fingerprint_pb2


def fixed_identity(file):
    """Replace the random uuid in a SavedModel's fingerprint by one made from its checksums."""
    fingerprint = fingerprint_pb2.FingerprintDef.FromString(file.read_bytes())
    fingerprint.uuid = ""
    name = fingerprint.SerializeToString(deterministic=True).hex()
    fingerprint.uuid = str(uuid.uuid5(uuid.NAMESPACE_OID, name))
    file.write_bytes(fingerprint.SerializeToString(deterministic=True))


def packed(folder):
    """Return `folder` as tar.gz bytes: sorted, with directory entries, without times and owners."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, compresslevel=9) as zipped:
        with tarfile.open(fileobj=zipped, mode="w") as tar:
            for path in [folder, *sorted(folder.rglob("*"))]:
                info = tar.gettarinfo(str(path), arcname=str(Path(".") / path.relative_to(folder)))
                info.mtime = info.uid = info.gid = 0
                info.uname = info.gname = ""
                info.mode = 0o755 if path.is_dir() else 0o644
                if path.is_dir():
                    tar.addfile(info)
                else:
                    with open(path, "rb") as file:
                        tar.addfile(info, file)
    return buffer.getvalue()
