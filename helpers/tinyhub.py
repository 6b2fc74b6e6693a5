"""A hub in one small file: it serves the models in `hub/` on this machine, as tfhub.dev served its own.

    /<publisher>/<model>/<version>?tf-hub-format=compressed   the SavedModel, tar.gz
    /<publisher>/<model>/<version>?lite-format=tflite         the .tflite, where one is published
    /<publisher>/<model>/<version>                            the page that a browser shows

The protocol is in https://www.tensorflow.org/hub/hosting. Taught in 02_load_from_hub.
"""

import functools
import hashlib
import html
import http.client
import os
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

EMBEDDED = Path(__file__).resolve().parents[1] / "hub"
PORTS = range(8765, 8785)  # the first one, unless another program has it
FORMATS = {  # query -> (what the file is called, its content type)
    ("tf-hub-format", "compressed"): (".tar.gz", "application/gzip"),
    ("lite-format", "tflite"): (".tflite", "application/octet-stream"),
}
PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>{title}</title></head>
<body><pre>{text}</pre></body>
</html>
"""


def published(root=EMBEDDED):
    """Return the models under `root`, as sorted paths such as "digits/mobilenet_v2/classification/1"."""
    root = Path(root)
    return sorted(
        path.relative_to(root).as_posix()[: -len(".tar.gz")] for path in root.rglob("*.tar.gz")
    )


def digest(root=EMBEDDED):
    """Return the sha256 (hex) of the names and contents of a folder's files: it changes when a model changes."""
    whole = hashlib.sha256()
    for path in sorted(p for p in Path(root).rglob("*") if p.is_file()):
        whole.update(path.relative_to(root).as_posix().encode() + b"\0")
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def serve(root=EMBEDDED, ports=PORTS):
    """Serve `root` from a thread of this process and return its address, "http://127.0.0.1:<port>".

    Several processes may serve the same models on the same port at once: each has its own socket there,
    and whichever the system picks gives the same answer. A port that another program or another
    set of models holds is passed over, so an address never changes its meaning.
    Raises OSError if no port is free.
    """
    name = f"tinyhub/{digest(root)[:12]}"
    for port in ports:
        if port and _holder(port) not in (None, name):
            continue
        try:
            server = _Server(port, Path(root), name)
        except OSError:
            continue
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"
    raise OSError(
        f"No port for the hub. Tried {list(ports)}: all in use. Stop the program that holds one of them."
    )


@functools.cache
def serve_once():
    """Serve the embedded models, once for this process, and return the address.

    From a process of its own: a kernel that converts a model answers nobody for seconds. It ends with this one, since
    its standard input does. Raises OSError if it does not start.
    """
    # A proxy, where one is set, must not be asked for addresses on this machine.
    os.environ["no_proxy"] = ",".join(filter(None, [os.environ.get("no_proxy"), "127.0.0.1"]))
    command = [sys.executable, str(Path(__file__).resolve())]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    address = process.stdout.readline().strip()
    if not address.startswith("http"):
        raise OSError(
            f"The embedded hub did not start. Its error stands above, or comes from: {' '.join(command)}"
        )
    _processes.append(process)
    return address


_processes = []


def _holder(port):
    """Return the Server header of whatever answers on `port`, None if nothing does."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("HEAD", "/")
        return connection.getresponse().getheader("Server", "")
    except ConnectionRefusedError:
        return None
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # a process that ends finishes the answers that it has begun
    request_queue_size = 64

    def __init__(self, port, root, name):
        self.root, self.name = root.resolve(), name
        super().__init__(("127.0.0.1", port), _Handler)

    def server_bind(self):
        if hasattr(socket, "SO_REUSEPORT"):  # several kernels, one port
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()


class _Handler(BaseHTTPRequestHandler):
    timeout = 30  # seconds for a client that stops listening

    def version_string(self):
        return self.server.name

    def do_GET(self):
        url = urlsplit(self.path)
        path = unquote(url.path).strip("/")
        query = {(name, value) for name, values in parse_qs(url.query).items() for value in values}
        wanted = [FORMATS[item] for item in FORMATS if item in query]
        if wanted:
            suffix, content_type = wanted[0]
            file = self._file(path + suffix)
            self._answer(file and file.read_bytes(), content_type)
        else:
            text = self._page(path)
            body = (
                text
                and PAGE.format(
                    title=html.escape(path or "tinyhub"), text=html.escape(text)
                ).encode()
            )
            self._answer(body, "text/html; charset=utf-8")

    do_HEAD = do_GET

    def _file(self, name):
        """Return the file of that name under the root, or None: no way leads out of the root."""
        if "\0" in name:
            return None
        file = (self.server.root / name).resolve()
        return file if self.server.root in file.parents and file.is_file() else None

    def _page(self, path):
        if not path:
            return "Models on this hub:\n" + "\n".join(published(self.server.root))
        if not self._file(path + ".tar.gz"):
            return None
        page = self._file(path + ".md")
        return page.read_text(encoding="utf-8") if page else path

    def _answer(self, body, content_type):
        found = body is not None
        body = body if found else b"404: this hub has no such model\n"
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", content_type if found else "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass  # a request line in the middle of a lesson helps nobody


if __name__ == "__main__":
    print(serve(), flush=True)
    sys.stdin.read()  # until the process that started this one is gone
