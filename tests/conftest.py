"""What holds for every test: no network but loopback, peers named or skipped with a reason, few Hypothesis examples."""

import os
import sys

import pytest
from hypothesis import settings

# Imported, not a plugin: a conftest's fixture goes before pytest-django's of the same name, under xdist too.
from tests.support.database import (  # noqa: F401
    committed_db,
    database_url,
    django_db_keepdb,
    django_db_modify_db_settings,
    postgres,
    pytest_unconfigure,
)
from tests.support.peers import peer

LOOPBACK = ("127.", "::1", "localhost", "ip6-localhost")
CLOSED_EVENTS = frozenset({"socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo"})

settings.register_profile("house", max_examples=50, deadline=None, print_blob=True)
settings.register_profile("ci", settings.get_profile("house"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "house")


class SocketClosed(RuntimeError):
    """A test reached for a network other than loopback."""


def _host(event: str, args: tuple[object, ...]) -> object:
    if event == "socket.getaddrinfo":
        return args[0]
    address = args[1]
    return address[0] if isinstance(address, tuple) and address else None


def _loopback_only(event: str, args: tuple[object, ...]) -> None:
    """An audit hook cannot be undone by a test that patches sockets; unix sockets have no host and stay open."""
    if event not in CLOSED_EVENTS:
        return
    host = _host(event, args)
    if isinstance(host, bytes):
        host = host.decode()
    if isinstance(host, str) and not host.startswith(LOOPBACK):
        raise SocketClosed(f"{event} to {host!r}: tests reach loopback only.")


sys.addaudithook(_loopback_only)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A marked test that lacks its peer is skipped with the reason; under CI=true that is a failure instead."""
    if item.get_closest_marker("browser"):
        peer("chromium")
    if item.get_closest_marker("gpu"):
        torch = pytest.importorskip("torch")
        if not torch.cuda.is_available():
            pytest.skip("no accelerator on this machine")
