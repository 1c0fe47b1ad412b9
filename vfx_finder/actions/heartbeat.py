"""Signs of life: every process that no page can see says now and then that it is there."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import structlog
from django.db import Error, close_old_connections, connections

from vfx_finder.ledger.models import Heartbeat

log = structlog.get_logger(__name__)

EVERY_SECONDS = 10.0
FORGOTTEN_AFTER = timedelta(days=1)
"""A process that was silent for so long, while another one beats, has been taken away for good; its row goes."""

Facts = Mapping[str, int | float | str | bool]


def beat(process: str, now: datetime, facts: Facts) -> None:
    """Note that this process is alive, with what it knows of its own machine. Not audited: it changes nothing."""
    kept = dict(facts)
    Heartbeat.objects.update_or_create(
        process=process,
        defaults={"at": now, "facts": kept},
        create_defaults={"started_at": now, "at": now, "facts": kept},
    )
    Heartbeat.objects.filter(at__lt=now - FORGOTTEN_AFTER).delete()


def end(process: str) -> None:
    """This process was stopped on purpose: nobody need miss it."""
    Heartbeat.objects.filter(process=process).delete()


@contextmanager
def beating(process: str, facts: Callable[[], Facts], every: float = EVERY_SECONDS) -> Iterator[None]:
    """Beat from a thread of its own while the block runs, the first time at once; a silent database only skips beats.

    A process that is killed leaves its row behind: that it is no longer renewed is how the death is seen.
    """
    stop = threading.Event()
    thread = threading.Thread(target=_beats, args=(process, facts, (stop, every)), name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _beats(process: str, facts: Callable[[], Facts], pace: tuple[threading.Event, float]) -> None:
    stop, every = pace
    _quietly(lambda: end(process))
    while not stop.is_set():
        _quietly(lambda: beat(process, datetime.now(UTC), facts()))
        stop.wait(every)
    _quietly(lambda: end(process))
    connections.close_all()


def _quietly(act: Callable[[], None]) -> None:
    """Do it, or log that the database or the disk did not answer: the process itself is well."""
    close_old_connections()
    try:
        act()
    except (Error, OSError) as error:
        log.warning("heartbeat-skipped", kind=type(error).__name__)
