"""The test suite itself cannot reach the outside."""

import socket

import pytest

from tests.conftest import SocketClosed


def test_only_loopback_can_be_reached():
    """A connection to any other address fails before a packet leaves; loopback works."""
    with socket.socket() as outside, pytest.raises(SocketClosed):
        outside.connect(("192.0.2.1", 80))
    with pytest.raises(SocketClosed):
        socket.getaddrinfo("pacs.example.org", 104)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass


def test_nothing_listens_on_the_outside():
    """A test server on every address of this machine is refused."""
    with socket.socket() as server, pytest.raises(SocketClosed):
        server.bind(("0.0.0.0", 0))
