"""What people ask of archives: archives themselves, sweeps over their past, and an echo. The worker carries it out."""

from datetime import date, datetime

from django.db import transaction
from django.utils import timezone

from vfx_finder.actions._trail import Act, note
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.errors import NotAllowed, WrongState
from vfx_finder.domain.retrieval import OPEN, ArchiveFacts, AskedState, SweepState
from vfx_finder.domain.roles import Permission, Role
from vfx_finder.ledger.models import Archive, Sweep, SweptStudy

LONGEST_DAYS = 3660
"""Of one sweep: ten years."""

COMMAND_LINE = Actor.process("command-line")
"""Whoever holds the machine, as for accounts."""


def keep_archive(facts: ArchiveFacts, actor: Actor, now: datetime, archive_id: int | None = None) -> Archive:
    """Add an archive, or change the one with this id. Raises `NotAllowed`, and `WrongState` for a taken name."""
    _must(actor)
    with transaction.atomic():
        if Archive.objects.filter(name=facts.name.strip()).exclude(pk=archive_id).exists():
            raise WrongState("There is an archive of this name already.")
        row = _archive(archive_id) if archive_id else Archive()
        _write(row, facts)
        note(
            Act(actor, now),
            "archive-kept",
            {"archive": row.pk, "title": row.AETitle, "host": row.host, "port": row.port, "method": row.method},
        )
    return row


def enable_archive(archive_id: int, actor: Actor, now: datetime) -> None:
    """Ask this archive again; its sweeps go on where they stopped."""
    _switch(archive_id, True, actor, now)


def disable_archive(archive_id: int, actor: Actor, now: datetime) -> None:
    """Ask this archive for nothing more; its sweeps stay as they are."""
    _switch(archive_id, False, actor, now)


def ask_echo(archive_id: int, actor: Actor, now: datetime) -> None:
    """Have the worker try the line to an archive; `Archive.last_answer` then says what came of it."""
    _must(actor)
    with transaction.atomic():
        row = _archive(archive_id)
        row.echo_wanted_at = now
        row.save(update_fields=["echo_wanted_at"])


def start_sweep(
    archive_id: int,
    days: tuple[date, date],
    actor: Actor,
    now: datetime,
    *,
    modality: str = "CT",
    description: str = "",
) -> Sweep:
    """Have every study of these days, both included, listed and asked for; `description` may have wildcards.

    Raises `WrongState` for days the wrong way round, in the future or too many, an archive that is switched off, and
    where a sweep over the same days is under way already.
    """
    _must(actor)
    first, last = days
    if not first <= last <= timezone.localdate(now) or (last - first).days >= LONGEST_DAYS:
        raise WrongState("A sweep goes from a day to a later one, not into the future, over ten years at most.")
    with transaction.atomic():
        archive = _archive(archive_id)
        if not archive.enabled:
            raise WrongState("This archive is switched off.")
        wish = {"first_day": first, "last_day": last, "modality": modality, "description": description}
        under_way = Sweep.objects.filter(archive=archive, state__in=[SweepState.RUNNING, SweepState.PAUSED], **wish)
        if under_way.exists():
            raise WrongState("A sweep over these days is under way already.")
        sweep = Sweep.objects.create(archive=archive, started_at=now, moved_at=now, **wish)
        told = {"sweep": sweep.pk, "archive": archive.pk, "from": str(first), "to": str(last), "modality": modality}
        note(Act(actor, now), "sweep-started", told)
    return sweep


def pause_sweep(sweep_id: int, actor: Actor, now: datetime) -> Sweep:
    """Ask for nothing more for now; a study that is on its way still comes."""
    return _move(sweep_id, (SweepState.RUNNING,), SweepState.PAUSED, Act(actor, now))


def resume_sweep(sweep_id: int, actor: Actor, now: datetime) -> Sweep:
    """Go on where it stopped."""
    return _move(sweep_id, (SweepState.PAUSED,), SweepState.RUNNING, Act(actor, now))


def cancel_sweep(sweep_id: int, actor: Actor, now: datetime) -> Sweep:
    """End it; what has been received stays."""
    return _move(sweep_id, (SweepState.RUNNING, SweepState.PAUSED), SweepState.CANCELLED, Act(actor, now))


def ask_again(sweep_id: int, actor: Actor, now: datetime) -> int:
    """Have every study that failed asked for again, also by a sweep that was done; returns how many."""
    _must(actor)
    with transaction.atomic():
        sweep = _sweep(sweep_id)
        if sweep.state == SweepState.CANCELLED:
            raise WrongState("This sweep was cancelled; start another one.")
        failed = SweptStudy.objects.filter(sweep=sweep, state=AskedState.FAILED)
        count = failed.update(state=AskedState.LISTED, attempts=0, next_at=None, reason="", moved_at=now)
        if count and sweep.state == SweepState.DONE:
            sweep.state, sweep.moved_at = SweepState.RUNNING, now
            sweep.save(update_fields=["state", "moved_at"])
        note(Act(actor, now), "sweep-asked-again", {"sweep": sweep.pk, "studies": count})
    return count


def _must(actor: Actor) -> None:
    """An operator, or whoever holds the machine and types a command."""
    if actor.role is Role.SYSTEM and actor != COMMAND_LINE:
        raise NotAllowed("Only people ask archives for studies.")
    if actor != COMMAND_LINE:
        actor.must(Permission.SET_UP_NETWORK)


def _write(row: Archive, facts: ArchiveFacts) -> None:
    row.name, row.AETitle, row.host = facts.name.strip(), facts.AETitle.strip(), facts.host.strip()
    row.port, row.use_tls, row.method = facts.port, facts.use_tls, facts.method
    row.studies_per_hour, row.fetch_priors = facts.studies_per_hour, facts.fetch_priors
    row.from_hour = facts.hours.first if facts.hours else None
    row.until_hour = facts.hours.until if facts.hours else None
    row.save()


def _switch(archive_id: int, enabled: bool, actor: Actor, now: datetime) -> None:
    _must(actor)
    with transaction.atomic():
        row = _archive(archive_id)
        row.enabled = enabled
        row.save(update_fields=["enabled"])
        note(Act(actor, now), "archive-enabled" if enabled else "archive-disabled", {"archive": row.pk})


def _move(sweep_id: int, here: tuple[SweepState, ...], there: SweepState, act: Act) -> Sweep:
    _must(act.actor)
    with transaction.atomic():
        sweep = _sweep(sweep_id)
        if sweep.state not in here:
            raise WrongState(f"A sweep that is {sweep.state} cannot become {there}.")
        sweep.state, sweep.moved_at, sweep.problem = there, act.now, ""
        sweep.save(update_fields=["state", "moved_at", "problem"])
        open_ones = SweptStudy.objects.filter(sweep=sweep, state__in=OPEN).count()
        note(act, f"sweep-{there}", {"sweep": sweep.pk, "open": open_ones})
    return sweep


def _archive(archive_id: int) -> Archive:
    row = Archive.objects.select_for_update().filter(pk=archive_id).first()
    if row is None:
        raise WrongState("There is no such archive.")
    return row


def _sweep(sweep_id: int) -> Sweep:
    row = Sweep.objects.select_for_update().filter(pk=sweep_id).first()
    if row is None:
        raise WrongState("There is no such sweep.")
    return row
