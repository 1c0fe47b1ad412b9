"""The whole system on one machine: database, listener, worker and pages, as `up` and `demo` run it."""

import fcntl
import http.client
import os
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial

from vfx_finder import bootstrap, embedded_postgres
from vfx_finder.cli._supervisor import Part, Supervisor, supervising
from vfx_finder.config import Settings
from vfx_finder.domain.errors import Broken

LOCK = "up.lock"
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


@contextmanager
def running_system(settings: Settings) -> Iterator[Supervisor]:
    """Everything running and migrated during the block. Django is set up in this process too.

    Raises `Broken` where another `up` runs on the same data directory, or a part does not come up.
    """
    with _only_one(settings), _own_database(settings) as keep_database:
        migrate(settings)
        with supervising(_parts(settings), settings.log_dir, keep_database) as supervisor:
            yield supervisor


@contextmanager
def _own_database(settings: Settings) -> Iterator[Callable[[], object]]:
    """The private PostgreSQL, started or taken over from a killed `up`, and stopped with the block; nothing where an
    address was given. Yields what starts it again, should it die."""
    if settings.database_url:
        yield lambda: None
        return
    embedded_postgres.start(settings.postgres_dir)
    try:
        yield lambda: embedded_postgres.start(settings.postgres_dir)
    finally:
        embedded_postgres.stop(settings.postgres_dir)


@contextmanager
def borrowed_database(settings: Settings) -> Iterator[None]:
    """The database for a short command: started where nothing runs, and then stopped, unless `up` began meanwhile."""
    if settings.database_url or not embedded_postgres.start(settings.postgres_dir):
        yield
        return
    try:
        yield
    finally:
        with suppress(Broken), _only_one(settings):
            embedded_postgres.stop(settings.postgres_dir)


def migrate(settings: Settings) -> None:
    """Set Django up in this process and bring the tables to this version of the system."""
    bootstrap.begin()
    bootstrap.require_database(settings)
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)


def web_address(settings: Settings) -> str:
    """What to open in a browser."""
    return f"http://{_reachable(settings.web_host)}:{settings.web_port}/"


def _reachable(host: str) -> str:
    return ANY_ADDRESS.get(host, host)


@contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Broken(f"The system already runs on {settings.home}.") from None
        yield


def wipe(settings: Settings) -> None:
    """Empty a data directory for a new beginning. Raises `Broken` where a system still runs on it."""
    with _only_one(settings):
        if settings.postgres_dir.exists():
            embedded_postgres.stop(settings.postgres_dir)
        for path in settings.home.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody has at this moment."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


def _parts(settings: Settings) -> tuple[Part, ...]:
    started = datetime.now(UTC)
    parts = (
        Part("listener", _command("listen"), lambda: _takes_connections(settings.dicom_host, settings.dicom_port)),
        Part("worker", _command("work"), lambda: _has_heartbeat(started)),
        Part("web", _command("web"), lambda: _is_healthy(settings)),
    )
    hl7_port = settings.hl7_port
    if hl7_port is None:
        return parts
    ready = partial(_takes_connections, settings.hl7_host, hl7_port)
    return (*parts, Part("hospital", _command("hear-hospital"), ready))


def _command(name: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "vfx_finder.cli._part", name)


def _takes_connections(host: str, port: int) -> bool:
    try:
        socket.create_connection((_reachable(host), port), timeout=1).close()
    except OSError:
        return False
    return True


def _is_healthy(settings: Settings) -> bool:
    named = [host for host in settings.allowed_hosts if host[0] not in ".*"]
    connection = http.client.HTTPConnection(_reachable(settings.web_host), settings.web_port, timeout=5)
    try:
        connection.request("GET", "/health", headers={"Host": named[0] if named else "localhost"})
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()


def _has_heartbeat(since: datetime) -> bool:
    from vfx_finder.ledger import queries

    newest = queries.health().last_heartbeat_at
    return newest is not None and newest >= since - timedelta(seconds=1)


def environment_of(settings: Settings) -> dict[str, str]:
    """These settings as environment variables, for the processes of the system."""
    given = settings.model_dump(exclude_none=True, exclude_unset=True)
    return {f"VFX_{name.upper()}": _as_text(value) for name, value in given.items()}


def _as_text(value: object) -> str:
    return ",".join(value) if isinstance(value, tuple) else str(value)


def use(settings: Settings) -> None:
    """Make these the settings of this process and of those it starts, before anything reads them."""
    wanted = environment_of(settings)
    for name in settings.model_fields_set:
        os.environ.pop(f"VFX_{name.upper()}", None)
    os.environ.update(wanted)
