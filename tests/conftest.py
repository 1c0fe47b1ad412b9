"""What holds for every test: no network but loopback, peers named or skipped with a reason, few Hypothesis examples."""

import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings
from typer.testing import CliRunner

# Imported, not a plugin: a conftest's fixture goes before pytest-django's of the same name, under xdist too.
from tests.support.database import (  # noqa: F401
    committed_db,
    database_url,
    django_db_keepdb,
    django_db_modify_db_settings,
    jobs_of_this_test_alone,
    postgres,
    pytest_unconfigure,
)
from tests.support.peers import peer

LOOPBACK = ("127.", "::1", "localhost", "ip6-localhost")
CLOSED_EVENTS = frozenset({"socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo"})

# The same examples at every run: whoever looks for new ones does so on purpose, with `--hypothesis-profile=search`.
settings.register_profile(
    "house", max_examples=50, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("search", settings.get_profile("house"), max_examples=2000, derandomize=False)
settings.load_profile("house")


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


# A logger that is used for the first time while a command sets up logging would keep that for all tests to come.
configure_structlog = structlog.configure
structlog.configure = lambda **words: configure_structlog(**words | {"cache_logger_on_first_use": False})


@pytest.fixture(autouse=True)
def logging_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A command that a test runs in this process logs to the stderr of that moment, which is closed when it ends."""
    root, told, invoke = logging.getLogger(), structlog.get_config(), CliRunner.invoke
    level, before = root.level, list(root.handlers)

    def put_back() -> None:
        for handler in [one for one in root.handlers if type(one) is logging.StreamHandler and one not in before]:
            root.removeHandler(handler)
        root.setLevel(level)
        configure_structlog(**told)

    def invoked(*given: Any, **named: Any) -> Any:
        result = invoke(*given, **named)
        put_back()
        return result

    monkeypatch.setattr(CliRunner, "invoke", invoked)
    yield
    put_back()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A marked test that lacks its peer is skipped with the reason; under CI=true that is a failure instead."""
    if item.get_closest_marker("browser"):
        peer("chromium")
    if item.get_closest_marker("gpu"):
        torch = pytest.importorskip("torch")
        if not torch.cuda.is_available():
            pytest.skip("no accelerator on this machine")
