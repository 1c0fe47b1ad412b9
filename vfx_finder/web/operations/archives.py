"""Archives that can be asked for studies, and sweeps over their past. Writes through `actions.retrieval`."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from vfx_finder.actions import retrieval as actions
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.retrieval import ArchiveFacts, AskedState, SweepState
from vfx_finder.ledger import retrieval
from vfx_finder.ledger.models import Archive, Sweep, SweptStudy
from vfx_finder.web.operations.archive_forms import ArchiveForm, SweepForm
from vfx_finder.web.operations.sheet import Sheet, actor_of, answered
from vfx_finder.web.operations.sweeps import SWEEP_WORDS

_FAILURES_SHOWN = 50
CHANGES = {
    "pause": actions.pause_sweep,
    "resume": actions.resume_sweep,
    "cancel": actions.cancel_sweep,
    "again": actions.ask_again,
}


@dataclass(frozen=True)
class SweepRow:
    """One sweep as the list shows it: how far the listing and the asking have come, and what failed."""

    sweep: Sweep
    state: str
    mark: str
    progress: retrieval.Progress
    received: int
    passed_over: int
    failed: int
    failures: tuple[SweptStudy, ...]
    may: tuple[str, ...]


@require_safe
def archives(request: HttpRequest) -> HttpResponse:
    """Every archive with its last answer, and every sweep with its progress."""
    rows = [_archive_row(one) for one in retrieval.archives()]
    going = retrieval.progress(retrieval.sweeps())
    failures = retrieval.first_not_received((one.sweep for one in going), each=_FAILURES_SHOWN)
    sweeps = [_sweep_row(one, failures.get(one.sweep.pk, ())) for one in going]
    waits = any(row["asking"] for row in rows)
    return render(request, "operations/archives.html", {"rows": rows, "sweeps": sweeps, "waits": waits})


def _archive_row(here: Archive) -> dict[str, Any]:
    return {
        "here": here,
        "hours": retrieval.hours_of(here),
        "said_yes": here.last_ok_at is not None and here.last_ok_at == here.last_tried_at,
        "asking": here.echo_wanted_at is not None,
    }


def _sweep_row(progress: retrieval.Progress, failures: tuple[SweptStudy, ...]) -> SweepRow:
    state = SweepState(progress.sweep.state)
    words, mark = SWEEP_WORDS[state]
    failed = progress.studies[AskedState.FAILED]
    return SweepRow(
        sweep=progress.sweep,
        state=words,
        mark=mark,
        progress=progress,
        received=progress.studies[AskedState.RECEIVED],
        passed_over=progress.studies[AskedState.HERE] + progress.studies[AskedState.LEFT_OUT],
        failed=failed,
        failures=failures,
        may=_may(state, failed),
    )


def _may(state: SweepState, failed: int) -> tuple[str, ...]:
    """What a person may do with a sweep, as keys of `CHANGES`."""
    going = {SweepState.RUNNING: ("pause", "cancel"), SweepState.PAUSED: ("resume", "cancel")}.get(state, ())
    return (*going, "again") if failed and state is not SweepState.CANCELLED else going


@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """A new archive."""
    return _form(request, None, {})


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, archive_id: int) -> HttpResponse:
    """Change an archive."""
    here = _archive(archive_id)
    return _form(request, here, {name: getattr(here, name) for name in ArchiveForm.base_fields})


def _form(request: HttpRequest, here: Archive | None, start: dict[str, Any]) -> HttpResponse:
    def keep(facts: ArchiveFacts, actor: Actor, now: datetime) -> str:
        actions.keep_archive(facts, actor, now, here.pk if here else None)
        return "The archive is kept. Try it: it answers within seconds."

    sheet = Sheet(
        form=ArchiveForm,
        start=start,
        keep=keep,
        back="archives",
        heading=f"Archive {here.name}" if here else "A new archive",
        explained="An archive that answers C-FIND and sends studies here when it is asked.",
    )
    return answered(request, sheet)


@require_POST
def attempt(request: HttpRequest, archive_id: int) -> HttpResponse:
    """Have the worker send a C-ECHO; the answer appears on the list."""
    _archive(archive_id)
    actions.ask_echo(archive_id, actor_of(request), timezone.now())
    return redirect("archives")


@require_POST
def switch(request: HttpRequest, archive_id: int) -> HttpResponse:
    """On or off; its sweeps stay where they are."""
    change = actions.disable_archive if _archive(archive_id).enabled else actions.enable_archive
    change(archive_id, actor_of(request), timezone.now())
    return redirect("archives")


@require_http_methods(["GET", "HEAD", "POST"])
def start(request: HttpRequest, archive_id: int) -> HttpResponse:
    """Begin a sweep over the past of one archive: last year's CTs unless said otherwise."""
    here = _archive(archive_id)

    def begin(said: dict[str, Any], actor: Actor, now: datetime) -> str:
        days = said["first_day"], said["last_day"]
        actions.start_sweep(archive_id, days, actor, now, modality=said["modality"], description=said["description"])
        return "The sweep has begun; its progress stands below."

    sheet = Sheet(
        form=SweepForm,
        start={**_last_year(timezone.localdate()), "modality": "CT"},
        keep=begin,
        back="archives",
        heading=f"Sweep over {here.name}",
        explained=f"Every matching study that is not here yet is asked for, {here.studies_per_hour} an hour.",
        save="Begin",
    )
    return answered(request, sheet)


@require_POST
def change(request: HttpRequest, sweep_id: int) -> HttpResponse:
    """Pause, resume, cancel, or ask again for what failed."""
    wanted = CHANGES.get(request.POST.get("to", ""))
    if wanted is None or all(sweep.pk != sweep_id for sweep in retrieval.sweeps()):
        raise Http404
    wanted(sweep_id, actor_of(request), timezone.now())
    return redirect("archives")


def _last_year(today: date) -> dict[str, date]:
    return {"first_day": today - timedelta(days=365), "last_day": today - timedelta(days=1)}


def _archive(archive_id: int) -> Archive:
    found = next((one for one in retrieval.archives() if one.pk == archive_id), None)
    if found is None:
        raise Http404
    return found
