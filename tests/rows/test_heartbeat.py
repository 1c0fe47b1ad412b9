"""Signs of life: there while a process runs, gone when it ends, old when it was killed."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError

from vfx_finder.actions import heartbeat
from vfx_finder.ledger.models import Heartbeat

QUICK = 0.02


def soon(holds: Callable[[], bool]) -> bool:
    """Whether it comes true within some seconds."""
    until = time.monotonic() + 60
    while not holds() and time.monotonic() < until:
        time.sleep(QUICK)
    return holds()


def test_a_process_beats_while_it_runs_and_is_not_missed_when_it_ends(committed_db: None) -> None:
    counted = iter(range(10_000))
    with heartbeat.beating("listener", lambda: {"beats": next(counted)}, QUICK):
        assert soon(lambda: Heartbeat.objects.filter(process="listener", facts__beats__gt=1).exists())
    assert not Heartbeat.objects.exists()
    assert "heartbeat" not in [thread.name for thread in threading.enumerate()]


def test_a_beat_that_fails_is_followed_by_the_next(committed_db: None) -> None:
    troubles = [OperationalError("away"), OSError("no such disk")]

    def facts() -> dict[str, int]:
        if troubles:
            raise troubles.pop()
        return {"free_bytes": 1}

    with heartbeat.beating("listener", facts, QUICK):
        assert soon(lambda: Heartbeat.objects.filter(facts__free_bytes=1).exists())


@pytest.mark.django_db
def test_a_process_that_was_taken_away_is_forgotten_once_another_beats() -> None:
    now = datetime.now(UTC)
    heartbeat.beat("listener-4", now - timedelta(days=2), {})
    heartbeat.beat("listener", now - timedelta(minutes=1), {})
    heartbeat.beat("listener", now, {})
    (alive,) = Heartbeat.objects.all()
    assert (alive.process, alive.at, alive.started_at) == ("listener", now, now - timedelta(minutes=1))
