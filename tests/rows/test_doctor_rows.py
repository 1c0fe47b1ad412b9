"""`vfx-finder doctor` asks the database in plain SQL: what it says of senders, processes, tables and destinations."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from vfx_finder.actions import accounts, delivery, heartbeat, senders
from vfx_finder.cli import _edge_diagnosis as edge
from vfx_finder.cli import _results_diagnosis as results
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


def test_an_empty_list_on_the_network_is_a_failure_and_on_this_machine_a_remark(settings: Settings) -> None:
    assert edge.senders(settings).verdict is Verdict.FAILURE
    assert edge.senders(settings).found == "no sender is set up, so nobody may send"
    at_home = Settings(database_url=settings.database_url)
    assert edge.senders(at_home).verdict is Verdict.WARNING
    assert "this machine alone" in edge.senders(at_home).found


def test_an_archive_that_could_not_report_is_named(settings: Settings, somebody: object) -> None:
    assert results.commitment(settings).found == "no destination is asked for storage commitment"
    facts = DestinationFacts("PACS", Protocol.DICOM, "ARCHIVE", "localhost", 104, kinds=frozenset({Kind.SR}))
    row = delivery.keep_destination(facts, somebody, NOW)
    told = results.commitment(settings)
    assert told.verdict is Verdict.WARNING
    assert told.found == "reports would be turned away: PACS: no sender is set up among the Sources"
    known = senders.keep_sender(senders.Wish("ARCHIVE", "10.0.0.9"), somebody, NOW)
    assert "PACS: its AE title is among the Sources, but with another host" in results.commitment(settings).found
    senders.keep_sender(senders.Wish("ARCHIVE", "127.0.0.0/8"), somebody, NOW, known.pk)
    assert results.commitment(settings).found == "PACS may report it"
    senders.disable_sender(known.pk, somebody, NOW)
    assert "it is switched off" in results.commitment(settings).found
    delivery.keep_destination(replace(facts, commitment=False), somebody, NOW, destination_id=row.pk)
    assert results.commitment(settings).verdict is Verdict.GOOD


def test_a_radiologist_without_a_full_name_and_a_nameless_hospital_are_pointed_out(
    settings: Settings, somebody: object
) -> None:
    from vfx_finder.accounts.models import User

    User.objects.create_user("dr.lee", password=None, role=Role.RADIOLOGIST)
    assert results.signatures(settings).found == "results stay here"
    web = DestinationFacts("Web", Protocol.STOW, url="https://pacs.example", kinds=frozenset({Kind.SR}))
    delivery.keep_destination(web, somebody, NOW)
    told = results.signatures(settings)
    assert told.verdict is Verdict.WARNING
    assert "without a full name: dr.lee" in told.found
    assert "organisation that radiologists sign for is not stated" in told.found
    accounts.rename("dr.lee", "Min-ji Lee", NOW)
    named = Settings(database_url=settings.database_url, institution="St Elsewhere")
    assert results.signatures(named).found == "for St Elsewhere; every radiologist has a full name"


def test_a_sender_of_the_page_counts_as_one_of_the_settings(settings: Settings, somebody: object) -> None:
    kept = senders.keep_sender(senders.Wish("CT_1"), somebody, NOW)
    assert edge.senders(settings).found == "CT_1"
    senders.disable_sender(kept.pk, somebody, NOW)
    assert edge.senders(settings).verdict is Verdict.FAILURE
    assert edge.senders(settings).found == "every sender is switched off, so nobody may send"


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
