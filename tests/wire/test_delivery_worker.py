"""The sending worker against archives that hang, vanish, come back and forget: with real rows and real sockets."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines import deliveries as worker
from pipelines.deliveries import Post
from pipelines.outgoing import Station
from pipelines.steps.line import Patience
from tests.support import outbox
from tests.support.archives import archive, silent_peer, wait_for
from tests.support.ports import free_port
from tests.wire.conftest import PEERS_VANISH
from vfx_finder.domain.delivery import DeliveryState
from vfx_finder.domain.sender import AcceptList, Sender
from vfx_finder.ledger import deliveries
from vfx_finder.ledger.models import DeliveredObject, Delivery, Destination
from vfx_finder.spool import Spool

pytestmark = [pytest.mark.usefixtures("committed_db"), PEERS_VANISH]

REPOSITORY = Path(__file__).parents[2]
UNHURRIED = Patience(connect_s=30, answer_s=60)


@pytest.fixture
def post(tmp_path: Path) -> Post:
    return Post(Spool(tmp_path / "spool"), outbox.small_objects, Station("VFXFINDER", patience=UNHURRIED), outbox.PACE)


@pytest.fixture(autouse=True)
def look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "LOOK_EVERY", 0.05)


@contextmanager
def working(post: Post) -> Iterator[None]:
    with worker.delivering(post):
        yield


def state(of: int | None = None) -> str:
    rows = Delivery.objects.filter(destination_id=of) if of else Delivery.objects.all()
    return rows.get().state


def test_a_signed_result_is_stored_and_committed(post: Post) -> None:
    with archive() as pacs:
        outbox.destination(port=pacs.port)
        outbox.signed()
        with working(post):
            wait_for(lambda: state() == DeliveryState.PROVEN)
    assert len(pacs.stored) == len(set(pacs.stored)) == 2
    assert all(one.committed_at and one.status == 0 for one in DeliveredObject.objects.all())


def test_an_archive_that_is_down_gets_everything_when_it_is_back(post: Post) -> None:
    """PACS down: said in the page, waiting, nothing dead; back again: delivered without a restart."""
    port = free_port()
    there = outbox.destination(port=port)
    for study in (1, 2, 3):
        outbox.signed(study)
    with working(post):
        wait_for(lambda: Destination.objects.get(pk=there).away_since is not None)
        here = Destination.objects.get(pk=there)
        assert "connection refused" in here.last_answer
        assert deliveries.counts_by_state()[DeliveryState.WAITING] == 3
        with archive(port=port) as pacs:
            wait_for(lambda: deliveries.counts_by_state()[DeliveryState.PROVEN] == 3)
    assert len(set(pacs.stored)) == 6
    assert Destination.objects.get(pk=there).away_since is None


def test_a_destination_that_hangs_keeps_no_other_one_waiting(post: Post) -> None:
    slow = Post(post.spool, post.make, Station("VFXFINDER", patience=Patience(connect_s=30, answer_s=30)), post.pace)
    with archive() as pacs, working(slow):
        with silent_peer() as nowhere:
            hung = outbox.destination("hung", nowhere)
            well = outbox.destination("well", pacs.port)
            outbox.signed()
            wait_for(lambda: Delivery.objects.get(destination_id=hung).attempts == 1)
            wait_for(lambda: state(well) == DeliveryState.PROVEN)
            assert state(hung) == DeliveryState.WAITING
        wait_for(lambda: Destination.objects.get(pk=hung).away_since is not None)


def test_a_try_does_not_queue_behind_what_is_being_sent(post: Post) -> None:
    """One hung echo once blocked every other echo of a gateway; here the same archive answers while it is slow."""
    from vfx_finder.actions.delivery import try_destination
    from vfx_finder.domain.roles import Role

    with archive() as pacs:
        pacs.hold_after = 0
        there = outbox.destination(port=pacs.port)
        outbox.signed()
        with working(post):
            wait_for(lambda: Delivery.objects.get().attempts == 1)
            try_destination(there, outbox.somebody(Role.OPERATOR), worker._now())
            wait_for(lambda: Destination.objects.get(pk=there).try_wanted_at is None)
            assert "Answered in" in Destination.objects.get(pk=there).last_answer
            assert state() == DeliveryState.WAITING, "its objects are still on the wire"
            pacs.gate.set()
            wait_for(lambda: state() == DeliveryState.PROVEN)


def test_a_study_whose_objects_cannot_be_made_does_not_stop_the_next(post: Post) -> None:
    def make(order: worker.Order):
        if order.content.paths[0].startswith("01"):
            raise RuntimeError("something about Doe^Jane")
        return outbox.small_objects(order)

    with archive() as pacs:
        outbox.destination(port=pacs.port)
        broken, sound = outbox.signed(1), outbox.signed(2)
        with working(Post(post.spool, make, post.station, post.pace)):
            wait_for(lambda: Delivery.objects.get(case_id=sound).state == DeliveryState.PROVEN)
            wait_for(lambda: Delivery.objects.get(case_id=broken).state == DeliveryState.DEAD)
    (dead,) = deliveries.dead_letters()
    assert "RuntimeError" in dead.answer
    assert "Doe" not in dead.answer


def test_two_workers_send_one_result_once(post: Post) -> None:
    with archive() as pacs:
        pacs.slow_s = 0.2
        outbox.destination(port=pacs.port)
        for study in (1, 2, 3):
            outbox.signed(study)
        with working(post), working(post):
            wait_for(lambda: deliveries.counts_by_state()[DeliveryState.PROVEN] == 3)
    assert len(pacs.stored) == len(set(pacs.stored)) == 6


def test_a_worker_killed_between_store_and_record_sends_the_same_objects_again(
    database_url: str, tmp_path: Path
) -> None:
    """kill -9 after the archive stored the first of two objects: both lie there once, under the same UIDs."""
    environment = os.environ | {
        "VFX_DATABASE_URL": database_url,
        "VFX_DATA_DIR": str(tmp_path / "data"),
        "VFX_LOG_LEVEL": "WARNING",
    }
    command = [sys.executable, "-m", "tests.support.outbox"]
    with archive() as pacs:
        pacs.hold_after = 1
        outbox.destination(port=pacs.port)
        outbox.signed()
        first = subprocess.Popen(command, cwd=REPOSITORY, env=environment)
        try:
            wait_for(lambda: len(pacs.stored) == 1)
        finally:
            first.kill()
            first.wait()
        assert not DeliveredObject.objects.exists(), "nothing was recorded"
        pacs.gate.set()
        second = subprocess.Popen(command, cwd=REPOSITORY, env=environment)
        try:
            wait_for(lambda: state() == DeliveryState.PROVEN)
        finally:
            second.kill()
            second.wait()
    assert len(set(pacs.stored)) == 2
    assert DeliveredObject.objects.count() == 2


def test_a_proof_that_is_refused_sends_the_objects_again(post: Post) -> None:
    """The archive stored them and lost them before it committed: they are sent again until it keeps them."""
    with archive() as pacs:
        pacs.commits = "no"
        outbox.destination(port=pacs.port)
        outbox.signed()
        with working(post):
            wait_for(lambda: len(pacs.stored) >= 4)
            assert state() != DeliveryState.PROVEN
            pacs.commits = "at-once"
            wait_for(lambda: state() == DeliveryState.PROVEN)
    assert len(set(pacs.stored)) == 2


def test_serving_ends_when_the_worker_is_asked_to_stop(post: Post) -> None:
    with archive() as pacs:
        there = outbox.destination(port=pacs.port)
        outbox.signed()
        asked = threading.Event()
        asked.set()
        assert worker.serve(post, there, asked) == 0
        assert state() == DeliveryState.WAITING


def tried(post: Post, there: int) -> str:
    """What a try of this destination comes to, and that it was a yes."""
    worker.try_out(post, Destination.objects.get(pk=there))
    here = Destination.objects.get(pk=there)
    assert here.last_ok_at == here.last_tried_at
    return here.last_answer


def test_a_try_says_that_the_archive_could_not_report_what_it_keeps(post: Post) -> None:
    """It takes everything, but calls back from where it is not let in; a host name is looked up for that."""
    elsewhere = replace(post, accept=lambda: AcceptList((Sender("ARCHIVE", "10.0.0.9"),)))
    here = replace(post, accept=lambda: AcceptList((Sender("ARCHIVE", "127.0.0.1"),)))
    with archive() as pacs:
        there = outbox.destination(port=pacs.port, host="localhost")
        told = "Its storage commitment would be turned away: its AE title is among the Sources, but with another host."
        assert tried(elsewhere, there).endswith(told)
        assert "turned away" not in tried(here, there)
        Destination.objects.update(commitment=False)
        assert "turned away" not in tried(elsewhere, there)


def test_what_waits_for_a_commitment_that_is_switched_off_ends_by_itself(post: Post) -> None:
    """The archive never reports: hours would pass before it was asked again."""
    pace = replace(outbox.PACE, proof_wait_s=7200)
    with archive() as pacs, working(replace(post, pace=pace)):
        pacs.commits = "never"
        there = outbox.destination(port=pacs.port)
        outbox.signed()
        wait_for(lambda: state() == DeliveryState.SENT and len(pacs.asked) == 1)
        assert outbox.destination(port=pacs.port, commitment=False, changes=there) == there
        wait_for(lambda: state() == DeliveryState.PROVEN)
    assert {one.committed_at for one in DeliveredObject.objects.all()} == {None}
    assert len(pacs.asked) == 1
