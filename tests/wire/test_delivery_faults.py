"""What nobody foresaw in speaking to a destination is recorded like any other answer, and never goes on for ever."""

import threading
from pathlib import Path

import pytest
import structlog

from pipelines import deliveries as worker
from pipelines.deliveries import Post
from pipelines.outgoing import Station
from tests.support import outbox
from tests.support.archives import archive, silent_peer
from tests.wire.conftest import PEERS_VANISH
from vfx_finder.domain.delivery import DeliveryState, Protocol
from vfx_finder.ledger.models import Delivery, Destination
from vfx_finder.spool import Spool

pytestmark = [pytest.mark.usefixtures("committed_db"), PEERS_VANISH]

FAULT = "A fault of this software (UnicodeEncodeError)."


@pytest.fixture
def post(tmp_path: Path) -> Post:
    return Post(Spool(tmp_path / "spool"), outbox.small_objects, Station("VFXFINDER"), outbox.PACE)


def mistyped(port: int) -> int:
    """A destination whose token was pasted with a typographic quotation mark, which no header can carry."""
    return outbox.destination(
        protocol=Protocol.STOW, url=f"http://127.0.0.1:{port}/dicom-web", token="\u201csecret\u201d"
    )


def test_a_try_that_fails_as_nobody_foresaw_has_an_answer_and_is_over(post: Post) -> None:
    with silent_peer() as port:
        there = mistyped(port)
        Destination.objects.update(try_wanted_at="2026-11-21T09:00Z")
        worker.try_out(post, Destination.objects.get(pk=there))
    here = Destination.objects.get(pk=there)
    assert (here.last_answer, here.try_wanted_at, here.last_ok_at) == (FAULT, None, None)


def test_a_result_that_cannot_be_sent_says_why_and_waits(post: Post) -> None:
    with silent_peer() as port:
        there = mistyped(port)
        outbox.signed()
        assert worker.serve(post, there, threading.Event()) == 1
    row = Delivery.objects.get()
    assert (row.state, row.answer, row.attempts) == (DeliveryState.WAITING, FAULT, 1)


def test_the_log_of_a_delivery_bears_the_reference_of_its_study(post: Post) -> None:
    with archive() as pacs, structlog.testing.capture_logs([structlog.contextvars.merge_contextvars]) as lines:
        there = outbox.destination(port=pacs.port)
        outbox.signed()
        worker.serve(post, there, threading.Event())
    told = [line for line in lines if line["event"] == "delivery-tried"]
    assert {line.get("correlation_id") for line in told} == {Delivery.objects.get().case.correlation_id}
    assert "correlation_id" not in structlog.contextvars.get_contextvars()
