"""What each training does with its model: evaluate it, pack it as Hub did, write its page."""

import gzip
import io
import tarfile
import tempfile
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import fingerprint_pb2

from helpers import parity, tinyhub
from hub_to_tflite import knowledge

tf.config.experimental.enable_op_determinism()


def evaluate(logits: np.ndarray, labels: np.ndarray) -> dict:
    """Print the accuracy of logits (n, labels), and return what a page says about it."""
    correct, total = int((logits.argmax(1) == labels).sum()), len(labels)
    print(f"held-out accuracy: {correct} of {total} = {correct / total:.2%}")
    low, high = parity.wilson(correct, total)
    return {"correct": correct, "total": total, "low": low, "high": high}


def write_lines(path: str, lines: list[str]) -> str:
    """Write a text file, the same on every system, and return its path."""
    Path(path).write_text("".join(f"{one}\n" for one in lines), encoding="utf-8", newline="\n")
    return path


def save(model: Any, signatures: dict, handle: str, **assets: list[str]) -> None:
    """Save a SavedModel with assets, {name: lines}, and publish it under a handle."""
    with tempfile.TemporaryDirectory() as work:
        for name, lines in assets.items():
            setattr(model, name, tf.saved_model.Asset(write_lines(f"{work}/{name}.txt", lines)))
        tf.saved_model.save(model, f"{work}/saved", signatures)
        publish(Path(work, "saved"), handle)


def publish(saved: Path, handle: str) -> None:
    """Pack the SavedModel in the folder `saved` as the archive of a handle."""
    fixed_identity(saved / "fingerprint.pb")
    path = archive(handle)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(packed(saved))


def archive(handle: str) -> Path:
    """Return where the archive of a handle is, such as "sound/tones"."""
    return tinyhub.EMBEDDED / handle / "1.tar.gz"


def write_page(template: str, handle: str, **facts: Any) -> None:
    """Write the page about a handle beside its archive, from a template in this folder."""
    page, path = Path(__file__).with_name(template), archive(handle)
    text = knowledge.render(page, port=tinyhub.PORTS[0], **facts)
    path.with_name("1.md").write_text(text, encoding="utf-8", newline="\n")
    print(f"{path.stat().st_size:>9,} bytes  {path}")


def fixed_identity(file: Path) -> None:
    """Replace the random uuid in a SavedModel's fingerprint by one made from its checksums."""
    fingerprint = fingerprint_pb2.FingerprintDef.FromString(file.read_bytes())
    fingerprint.uuid = ""
    name = fingerprint.SerializeToString(deterministic=True).hex()
    fingerprint.uuid = str(uuid.uuid5(uuid.NAMESPACE_OID, name))
    file.write_bytes(fingerprint.SerializeToString(deterministic=True))


def packed(folder: Path) -> bytes:
    """Return `folder` as tar.gz bytes: sorted, with directory entries, without times and owners."""

    def plain(info):
        info.mtime = info.uid = info.gid = 0
        info.uname = info.gname = ""
        info.mode = 0o755 if info.isdir() else 0o644
        return info

    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, compresslevel=9) as zipped:
        with tarfile.open(fileobj=zipped, mode="w") as tar:
            for path in [folder, *sorted(folder.rglob("*"))]:
                name = path.relative_to(folder).as_posix()
                tar.add(path, name, recursive=False, filter=plain)
    return buffer.getvalue()
