"""`vfx-finder doctor` asks the database in plain SQL: what it says of senders, processes, tables and destinations."""

from datetime import UTC, datetime, timedelta

import pytest

from vfx_finder.actions import delivery, heartbeat, senders
from vfx_finder.cli import _edge_diagnosis as edge
from vfx_finder.cli._answer import Verdict
from vfx_finder.config import Settings
from vfx_finder.domain.delivered import Kind
from vfx_finder.domain.delivery import DestinationFacts, Protocol
from vfx_finder.domain.roles import Role
from vfx_finder.ledger.models import Destination

NOW = datetime.now(UTC)


@pytest.fixture
def somebody(committed_db: None) -> object:
    from vfx_finder.accounts.models import User

    return User.objects.create_user("ops", password=None, role=Role.OPERATOR).actor


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings(database_url=database_url, dicom_host="0.0.0.0")


def test_the_tables_are_those_of_this_version(settings: Settings) -> None:
    assert edge.tables(settings).verdict is Verdict.GOOD


def test_tables_of_another_version_fail(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    (tmp_path / "0001_initial.py").touch()
    monkeypatch.setattr(edge, "MIGRATIONS", tmp_path)
    assert "newer" in edge.tables(settings).found
    for number in range(2, 99):
        (tmp_path / f"{number:04d}_x.py").touch()
    assert "older" in edge.tables(settings).found


def test_a_sender_of_the_page_counts_as_one_of_the_settings(settings: Settings, somebody: object) -> None:
    assert edge.senders(settings).verdict is Verdict.WARNING
    kept = senders.keep_sender(senders.Wish("CT_1"), somebody, NOW)
    assert edge.senders(settings).found == "CT_1"
    senders.disable_sender(kept.pk, somebody, NOW)
    assert "nobody may send" in edge.senders(settings).found


def test_a_listener_without_a_sign_of_life_is_missed(settings: Settings) -> None:
    heartbeat.beat("listener", datetime.now(UTC) - timedelta(minutes=5), {})
    assert "listener and the worker" in edge.processes(settings).found
    heartbeat.beat("listener", datetime.now(UTC), {})
    assert edge.processes(settings).found == "no sign of life from the worker"


def test_a_destination_that_said_no_is_named_with_its_answer(settings: Settings, somebody: object) -> None:
    assert edge.destinations(settings).found == "none: results stay here"
    facts = DestinationFacts("PACS", Protocol.DICOM, "PACS", "10.0.0.1", 104, kinds=frozenset({Kind.SR}))
    row = delivery.keep_destination(facts, somebody, NOW)
    assert edge.destinations(settings).found == "PACS was never asked"
    tried = Destination.objects.filter(pk=row.pk)
    tried.update(last_tried_at=NOW, last_answer="rejected: called AE title not recognised")
    assert edge.destinations(settings).found == "PACS: rejected: called AE title not recognised"
    tried.update(last_ok_at=NOW)
    assert edge.destinations(settings).verdict is Verdict.GOOD
