"""Signs of life: every process that no page can see says now and then that it is there."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from vfx_finder.domain.actor import Actor
from vfx_finder.domain.roles import Permission
from vfx_finder.ledger.models import Heartbeat

FORGOTTEN_AFTER = timedelta(days=7)
"""A process that was silent for so long has been taken away for good; its row goes."""


def beat(process: str, now: datetime, facts: Mapping[str, int | float | str | bool]) -> None:
    """Note that this process is alive, with what it knows of its own machine. Not audited: it changes nothing."""
    Actor.process(process).must(Permission.RECEIVE)
    Heartbeat.objects.update_or_create(
        process=process,
        defaults={"at": now, "facts": dict(facts)},
        create_defaults={"started_at": now, "at": now, "facts": dict(facts)},
    )
    Heartbeat.objects.filter(at__lt=now - FORGOTTEN_AFTER).delete()


def begin(process: str, now: datetime, facts: Mapping[str, int | float | str | bool]) -> None:
    """The first beat of a process that has just started: its `started_at` begins anew."""
    Heartbeat.objects.filter(process=process).delete()
    beat(process, now, facts)


def end(process: str) -> None:
    """This process was stopped on purpose: nobody need miss it."""
    Heartbeat.objects.filter(process=process).delete()
