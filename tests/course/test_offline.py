"""The network is shut while tests run: in this process, in its children and in a kernel."""

import socket
import subprocess
import sys
import urllib.request

import nbformat
import pytest
from nbclient import NotebookClient

ASK = """
import urllib.request
try:
    without_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    without_proxy.open("http://192.0.2.1/", timeout=5)
except OSError as error:
    print(error)
"""


def test_this_process_cannot_reach_out():
    for host in ("192.0.2.1", "example.org"):
        with pytest.raises(OSError, match="network is shut"):
            socket.create_connection((host, 80), timeout=5)


def test_a_child_process_cannot_reach_out():
    answer = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True)
    assert "network is shut" in answer.stdout


def test_a_kernel_cannot_reach_out():
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(ASK)])
    NotebookClient(notebook, kernel_name="python3").execute()
    assert "network is shut" in notebook.cells[0].outputs[0].text


def test_what_honours_a_proxy_is_sent_to_a_closed_port():
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen("http://192.0.2.1/", timeout=5)
