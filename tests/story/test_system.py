"""One machine, one system: who starts the private database also stops it, and nobody stops it under somebody else."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from vfx_finder import embedded_postgres
from vfx_finder.cli import _system, demo
from vfx_finder.config import Settings, load
from vfx_finder.domain.errors import Broken


@pytest.fixture
def settings() -> Iterator[Settings]:
    home = Path(tempfile.mkdtemp(prefix="vfx-tests-"))
    yield Settings(data_dir=home, database_url=None)
    shutil.rmtree(home)


def answers(settings: Settings) -> bool:
    return embedded_postgres.answers(settings.database)


def test_a_short_command_stops_the_database_that_it_started(settings: Settings) -> None:
    with _system.borrowed_database(settings):
        assert answers(settings)
    assert not answers(settings)


def test_a_short_command_leaves_the_database_to_an_up_that_began_meanwhile(settings: Settings) -> None:
    """`users add` waits for a password while `up` is started in another window."""
    command = _system.borrowed_database(settings)
    command.__enter__()
    with _system._only_one(settings), _system._own_database(settings):
        # the lock is held through another open file, as another process would hold it
        command.__exit__(None, None, None)
        assert answers(settings)
    assert not answers(settings)


def test_a_database_left_by_a_killed_up_is_taken_over_and_stopped(settings: Settings) -> None:
    embedded_postgres.start(settings.postgres_dir, durable=False)
    with _system._own_database(settings):
        assert answers(settings)
    assert not answers(settings)


def test_a_database_that_dies_is_started_again(settings: Settings) -> None:
    with _system._own_database(settings) as keep:
        pid = int((settings.postgres_dir / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        keep()
        assert answers(settings)


def test_only_one_system_runs_on_a_data_directory(settings: Settings) -> None:
    with _system._only_one(settings), pytest.raises(Broken, match="already runs"), _system._only_one(settings):
        pass


def test_wiping_empties_all_but_the_lock_and_never_under_a_running_system(settings: Settings) -> None:
    (settings.home / "spool").mkdir()
    (settings.home / "secret-key").touch()
    with _system._only_one(settings), pytest.raises(Broken):
        _system.wipe(settings)
    assert (settings.home / "spool").exists()
    _system.wipe(settings)
    assert [path.name for path in settings.home.iterdir()] == ["up.lock"]


def test_free_ports_are_free_and_different() -> None:
    assert len(set(_system.free_ports(5))) == 5


def test_settings_reach_the_processes_as_they_are(settings: Settings) -> None:
    given = Settings(data_dir=settings.home, accepted_calling_ae_titles=("A", "B"), settle_seconds=5)
    environment = _system.environment_of(given)
    assert environment["VFX_ACCEPTED_CALLING_AE_TITLES"] == "A,B"
    assert environment["VFX_SETTLE_SECONDS"] == "5.0"
    assert "VFX_LOG_LEVEL" not in environment


def test_a_demo_never_uses_the_hospitals_database(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hazard: synthetic patients in a real worklist."""
    monkeypatch.setenv("VFX_DATABASE_URL", "postgresql://somebody@hospital/real")
    monkeypatch.setenv("VFX_DATA_DIR", str(settings.home))
    before = dict(os.environ)
    try:
        _system.use(demo._settings())
        assert load().database_url is None
        assert load().home == settings.home / "demo"
    finally:
        os.environ.clear()
        os.environ.update(before)
