"""A learner without a browser: the hub's own pages, its REST interface, a kernel's WebSocket.

What the load test and the tests of the server work with. It asks as JupyterLab does.
"""

import json
import time
from dataclasses import dataclass, field

import nbformat
import requests
import websocket
from jupyter_client.jsonutil import json_default
from jupyter_client.session import Session


class Refused(RuntimeError):
    """The server said no, or nothing in time. The message has its status."""


@dataclass
class Result:
    """What a cell gave: the text of its outputs, and the name of its error, if any."""

    text: str = ""
    error: str = ""
    outputs: list = field(default_factory=list)


class Learner:
    """One who has logged in at a hub with a name and a token. Raises Refused where that fails."""

    def __init__(self, url: str, name: str, token: str):
        self.url, self.name, self.web = url.rstrip("/"), name, requests.Session()
        self.web.trust_env = False  # no proxy on the way to this machine
        self.base = f"{self.url}/user/{name}"
        self.web.get(f"{self.url}/hub/login")
        form = {"username": name, "password": token, "_xsrf": self._xsrf("/hub/")}
        page = self.web.post(f"{self.url}/hub/login", data=form, allow_redirects=False)
        if page.status_code != 302:
            raise Refused(f"{name} can't log in: {page.status_code}")

    def _xsrf(self, path):
        found = {one.path: one.value for one in self.web.cookies if one.name == "_xsrf"}
        return found.get(path, "")

    def start(self, seconds: float = 180) -> None:
        """Wait until this learner's own server answers; it is started if it isn't there."""
        self.web.get(f"{self.url}/hub/spawn/{self.name}")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            page = self.web.get(f"{self.base}/lab")  # signs in there, too, by a few redirects
            if page.ok and page.url.startswith(self.base):
                return
            time.sleep(0.5)
        raise Refused(f"{self.name}'s server isn't there after {seconds} s: {page.status_code}")

    def ask(self, method: str, path: str, body: dict | None = None) -> requests.Response:
        """Return what this learner's server says at api/`path`, or at any path that begins with /.

        Raises Refused for a status of 400 and more.
        """
        where = f"{self.url}{path}" if path.startswith("/") else f"{self.base}/api/{path}"
        area = "/hub/" if where.startswith(f"{self.url}/hub/") else f"/user/{self.name}/"
        headers = {"X-XSRFToken": self._xsrf(area), "Referer": f"{self.base}/lab"}
        told = {"json": body, "headers": headers}
        answer = self.web.request(method, where, **told, timeout=60, allow_redirects=False)
        if answer.status_code >= 400:
            raise Refused(f"{method} {where}: {answer.status_code}")
        return answer

    def open(self, path: str) -> "Kernel":
        """Open a notebook, as a double click in JupyterLab does: with a kernel."""
        about = {"path": path, "name": path, "type": "notebook", "kernel": {"name": "python3"}}
        session = self.ask("POST", "sessions", about).json()
        return Kernel(self, session["kernel"]["id"])

    def work_through(self, path: str) -> list[str]:
        """Run a notebook's cells in order, and save it with its outputs; the kernel stays.

        Return the names of errors that the lesson doesn't show on purpose.
        """
        notebook, errors = self.ask("GET", f"contents/{path}").json()["content"], []
        kernel = self.open(path)
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                result = kernel.run(cell["source"])
                cell["outputs"] = result.outputs
                wanted = "raises-exception" in cell["metadata"].get("tags", [])
                errors += [result.error] if result.error and not wanted else []
        saved = {"type": "notebook", "format": "json", "content": notebook}
        self.ask("PUT", f"contents/{path}", saved)
        kernel.close()
        return errors


class Kernel:
    """A running kernel, reached through the hub's proxy."""

    def __init__(self, learner: Learner, name: str):
        self.learner, self.name, self.session = learner, name, Session()
        place, cookies = f"/user/{learner.name}/", learner.web.cookies
        sent = "; ".join(f"{c.name}={c.value}" for c in cookies if place.startswith(c.path))
        where = f"{learner.base}/api/kernels/{name}/channels?session_id={self.session.session}"
        settings = {"cookie": sent, "timeout": 600, "http_no_proxy": ["*"]}
        self.socket = websocket.create_connection(where.replace("http", "ws", 1), **settings)

    def run(self, code: str, seconds: float = 600) -> Result:
        """Run code and return its Result. Raises Refused if the kernel dies meanwhile."""
        self.socket.settimeout(seconds)
        request = self.session.msg("execute_request", {"code": code}) | {"channel": "shell"}
        self.socket.send(json.dumps(request, default=json_default))
        result, awaited = Result(), {"reply", "idle"}
        while awaited:
            try:
                heard = json.loads(self.socket.recv())
            except (OSError, websocket.WebSocketException) as error:
                raise Refused(f"{self.learner.name}'s kernel is gone: {error}") from None
            kind, said = heard["header"]["msg_type"], heard["content"]
            if kind == "status" and said["execution_state"] in ("restarting", "dead"):
                raise Refused(f"{self.learner.name}'s kernel has died")
            if heard["parent_header"].get("msg_id") != request["msg_id"]:
                continue
            if kind == "execute_reply":
                awaited.discard("reply")
            elif kind == "status" and said["execution_state"] == "idle":
                awaited.discard("idle")
            elif kind in ("stream", "display_data", "execute_result", "error"):
                result.outputs.append(nbformat.v4.output_from_msg(heard))
                result.text += said.get("text") or said.get("data", {}).get("text/plain", "")
                result.error = said.get("ename", result.error)
        return result

    def close(self) -> None:
        """Close the WebSocket, as closing a tab does; the kernel stays."""
        self.socket.close()
