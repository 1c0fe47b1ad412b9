"""Beside the job loop: settles quiet studies every second, and finds what a dead process left behind."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from django.db import close_old_connections, connections

from pipelines.retention import Nights
from vfx_finder.actions import intake
from vfx_finder.config import Settings
from vfx_finder.domain.retention import Rule
from vfx_finder.spool import Spool

log = structlog.get_logger(__name__)

SETTLE_EVERY = 1.0
REVIVE_EVERY = 15.0
SWEEP_EVERY = 600.0
REMOVE_EVERY = 20.0
"""Seconds between two rounds of each chore."""

YOUNG = timedelta(seconds=60)
"""A file younger than this may still be getting its row from a living listener."""


@dataclass
class Chore:
    """Something done again and again; `due` is on the monotonic clock, the first time at once."""

    name: str
    every: float
    do: Callable[[], int]
    due: float = 0.0


@contextmanager
def upkeep(settings: Settings, spool: Spool) -> Iterator[None]:
    """Do the chores while the block runs, in two threads: what walks over the disk holds up no study that settles."""
    quick = (
        Chore("settled", SETTLE_EVERY, lambda: intake.settle_due(_now())),
        Chore("revived", REVIVE_EVERY, lambda: intake.revive_stranded(_now())),
    )
    nights = Nights(spool, _rule(settings), settings.off_peak_hours)
    slow = (
        Chore(
            "swept",
            SWEEP_EVERY,
            lambda: intake.sweep_orphans(spool, _now() - YOUNG, _now(), settings.settle_seconds),
        ),
        Chore("images-removed", REMOVE_EVERY, lambda: nights.step(_now().astimezone())),
    )
    stop = threading.Event()
    threads = [
        threading.Thread(target=_rounds, args=(chores, stop), name=name)
        for name, chores in (("upkeep", quick), ("upkeep-of-the-spool", slow))
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _rule(settings: Settings) -> Rule | None:
    return Rule(settings.keep_images_days) if settings.keep_images_days else None


def _rounds(chores: tuple[Chore, ...], stop: threading.Event) -> None:
    while not stop.wait(SETTLE_EVERY):
        for chore in chores:
            if time.monotonic() >= chore.due:
                _do(chore)
    connections.close_all()


def _do(chore: Chore) -> None:
    chore.due = time.monotonic() + chore.every
    close_old_connections()
    try:
        count = chore.do()
    except Exception as error:  # noqa: BLE001 - the worker loop is one of the four edges where nothing may escape
        log.error("chore-failed", chore=chore.name, kind=type(error).__name__)
        return
    if count:
        log.info(chore.name, studies=count)


def _now() -> datetime:
    return datetime.now(UTC)
