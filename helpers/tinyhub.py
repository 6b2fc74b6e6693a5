"""A hub in one small file: it serves the models in `hub/` on this machine, as tfhub.dev did.

    /<publisher>/<model>/<version>?tf-hub-format=compressed   the SavedModel, tar.gz
    /<publisher>/<model>/<version>?lite-format=tflite         the .tflite, where one is published
    /<publisher>/<model>/<version>                            the page about the model

The protocol is in https://www.tensorflow.org/hub/hosting. Taught in 02_load_from_hub.
"""

import functools
import hashlib
import html
import os
import subprocess
import sys
import threading
from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

EMBEDDED = Path(__file__).resolve().parents[1] / "hub"
PORTS = (*range(8765, 8785), 0)  # the first that is free; 0 is whichever the system picks
FILES = {  # what is asked for -> (how the file's name ends, its content type)
    "tf-hub-format=compressed": (".tar.gz", "application/gzip"),
    "lite-format=tflite": (".tflite", "application/octet-stream"),
    "": (".md", "text/html; charset=utf-8"),
}
PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title></head>
<body><pre>{text}</pre></body>
</html>
"""


def published(root: str | Path = EMBEDDED) -> list[str]:
    """Return the models under `root`, such as "digits/mobilenet_v2/classification/1", sorted."""
    archives = Path(root).rglob("*.tar.gz")
    return sorted(path.relative_to(root).as_posix().removesuffix(".tar.gz") for path in archives)


def digest(root: str | Path = EMBEDDED) -> str:
    """Return the sha256 (hex) of a folder's file names and contents: another model changes it."""
    whole = hashlib.sha256()
    for path in sorted(p for p in Path(root).rglob("*") if p.is_file()):
        name, content = path.relative_to(root).as_posix(), hashlib.sha256(path.read_bytes())
        whole.update(name.encode() + b"\0" + content.digest())
    return whole.hexdigest()


def serve(root: str | Path = EMBEDDED, ports: Iterable[int] = PORTS) -> str:
    """Serve `root` from a thread of this process and return "http://127.0.0.1:<port>".

    It takes the first of `ports` that is free: no two hubs share one, since a hub that ends would
    reset requests that the other could answer. Raises OSError if no port is free.
    """
    for port in ports:
        try:
            server = _Server(port, Path(root))
        except OSError:
            continue
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"
    raise OSError(f"No port for the hub. Found: {list(ports)} in use. Stop what holds one of them.")


@functools.cache
def serve_once() -> str:
    """Serve the embedded models, once for this process, and return the address.

    A child process does it, since a kernel that converts a model does not answer for seconds. It
    ends with this one, which closes its input. Raises OSError if it does not start.
    """
    # A proxy, where one is set, must not be asked for addresses on this machine.
    os.environ["no_proxy"] = ",".join(filter(None, [os.environ.get("no_proxy"), "127.0.0.1"]))
    command = [sys.executable, str(Path(__file__).resolve())]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    address = process.stdout.readline().strip()
    if not address.startswith("http"):
        raise OSError(f"The embedded hub did not start. For its error run: {' '.join(command)}")
    _running.append(process)
    return address


_running = []  # the processes that serve for this one


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # a process that ends finishes the answers that it has begun
    request_queue_size = 64
    allow_reuse_address = sys.platform != "win32"  # there it would share the port

    def __init__(self, port, root):
        self.root = root.resolve()
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    timeout = 30  # seconds for a client that stops listening

    def do_GET(self):
        url, root = urlsplit(self.path), self.server.root
        suffix, content_type = FILES.get(url.query, FILES[""])
        model = unquote(url.path).strip("/").replace("\0", "")
        file = (root / (model + suffix)).resolve()
        status, body = 404, b"404: this hub has no such model\n"
        if root in file.parents and file.is_file():  # a path may lead out, over .. or a link
            status, body = 200, file.read_bytes()
            if suffix == ".md":
                body = PAGE.format(title=model, text=html.escape(body.decode())).encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type if status == 200 else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def version_string(self):
        return "tinyhub"

    def log_message(self, *_):
        pass  # a request line in the middle of a lesson helps nobody


if __name__ == "__main__":
    print(serve(), flush=True)
    sys.stdin.read()  # until the process that started this one is gone
