"""The private PostgreSQL starts, survives being killed, and leaves nothing running."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from vfx_finder import embedded_postgres


@pytest.fixture
def folder() -> Iterator[Path]:
    """A data directory whose name has what people put into names, deep enough for a socket elsewhere."""
    home = Path(tempfile.mkdtemp(prefix="vfx-tests-"))
    yield home / "it's a folder" / ("deep" * 30) / "postgres"
    shutil.rmtree(home)


def ask(address: str, question: str) -> object:
    with psycopg.connect(address) as connection:
        row = connection.execute(question).fetchone()  # type: ignore[call-overload]
        return row and row[0]


def postmaster(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().split()[0])


def test_it_runs_for_a_block_keeps_its_rows_and_hears_no_network(folder: Path) -> None:
    with embedded_postgres.running(folder, durable=False) as address:
        with psycopg.connect(address) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
        assert ask(address, "SHOW listen_addresses") == ""
        assert (embedded_postgres.socket_dir(folder).stat().st_mode & 0o777) == 0o700
    assert not embedded_postgres.answers(address)
    with embedded_postgres.running(folder, durable=False) as address:
        assert ask(address, "SELECT n FROM kept") == 7


def test_a_server_that_runs_already_is_used_and_left_running(folder: Path) -> None:
    with embedded_postgres.running(folder, durable=False) as address:
        with embedded_postgres.running(folder) as inner:
            assert inner == address
        assert embedded_postgres.answers(address)


def test_it_starts_again_after_kill_9_and_a_reused_process_id(folder: Path) -> None:
    """Its process is killed, and its id then belongs to somebody else: neither is believed to be the server."""
    embedded_postgres.start(folder, durable=False)
    os.kill(postmaster(folder), signal.SIGKILL)
    pid_file = folder / "data" / "postmaster.pid"
    pid_file.write_text(pid_file.read_text().replace(str(postmaster(folder)), str(os.getppid()), 1))
    try:
        assert embedded_postgres.start(folder, durable=False)
        assert embedded_postgres.answers(embedded_postgres.address(folder))
    finally:
        embedded_postgres.stop(folder)
    embedded_postgres.stop(folder)


def test_a_session_left_open_cannot_fail_the_run(django_db_keepdb: bool) -> None:
    assert django_db_keepdb, "our fixture, not pytest-django's: dropping a database fails while one session is open"
