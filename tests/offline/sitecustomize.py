"""Shut the network, but for loopback, in every Python process of a test run.

The tests put this folder on PYTHONPATH, so kernels and child processes get it too. What C++ code
would fetch goes through libcurl, which is sent to a closed port by the proxy variables that
conftest.py sets.
"""

import ipaddress
import socket


class NetworkIsShut(OSError):
    """A test, or a lesson under test, wanted the network."""


def _refuse_unless_loopback(host):
    if host in (None, "", "localhost"):
        return
    try:
        if ipaddress.ip_address(host.decode() if isinstance(host, bytes) else host).is_loopback:
            return
    except ValueError:
        pass
    raise NetworkIsShut(f"The network is shut in tests. Asked for: {host!r}.")


def _guard(method):
    def guarded(self, address):
        if isinstance(address, tuple):  # an internet address; a Unix socket has a plain path
            _refuse_unless_loopback(address[0])
        return method(self, address)

    return guarded


def shut():
    """Put the guard in place, once."""
    if getattr(socket.socket, "_shut", False):
        return
    look_up = socket.getaddrinfo

    def getaddrinfo(host, *args, **kwargs):
        _refuse_unless_loopback(host)
        return look_up(host, *args, **kwargs)

    socket.socket.connect = _guard(socket.socket.connect)
    socket.socket.connect_ex = _guard(socket.socket.connect_ex)
    socket.getaddrinfo = getaddrinfo
    socket.socket._shut = True


shut()
