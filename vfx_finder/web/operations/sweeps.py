"""The studies of one sweep over an archive's past: what became of each, and where it is."""

from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from vfx_finder.domain.flow import CaseState
from vfx_finder.domain.retrieval import AskedState, SweepState
from vfx_finder.domain.written import whole_number
from vfx_finder.figures.people import written_date
from vfx_finder.ledger import retrieval
from vfx_finder.ledger.models import SweptStudy
from vfx_finder.web.operations.rows import STATE_WORDS

SWEEP_WORDS: dict[SweepState, tuple[str, str]] = {
    SweepState.RUNNING: ("running", "good"),
    SweepState.PAUSED: ("paused", "ask"),
    SweepState.CANCELLED: ("cancelled", ""),
    SweepState.DONE: ("done", "good"),
}
ASKED_WORDS: dict[AskedState, tuple[str, str]] = {
    AskedState.LISTED: ("to be asked for", ""),
    AskedState.ASKED: ("being asked for", ""),
    AskedState.RECEIVED: ("received", "good"),
    AskedState.HERE: ("here already", ""),
    AskedState.LEFT_OUT: ("left out by a rule", ""),
    AskedState.FAILED: ("failed", "bad"),
}


@dataclass(frozen=True)
class SweptRow:
    """One study of a sweep; `here` is where it stands in this system, empty where it is not here."""

    study: SweptStudy
    day: str
    became: str
    mark: str
    case_id: int | None
    here: str


@require_safe
def studies(request: HttpRequest, sweep_id: int) -> HttpResponse:
    """Every study that a sweep has listed; ?state= shows one state alone, ?leaf= an older hundred."""
    progress = retrieval.progress_of(sweep_id)
    if progress is None:
        raise Http404
    said = request.GET.get("state", "")
    wanted = AskedState(said) if said in set(AskedState) else None
    leaf = retrieval.swept(sweep_id, wanted, whole_number(request.GET.get("leaf", "")) or 1)
    state, mark = SWEEP_WORDS[SweepState(progress.sweep.state)]
    words = {
        "sweep": progress.sweep,
        "progress": progress,
        "state": state,
        "mark": mark,
        "counts": [_count(one, progress, wanted) for one in AskedState],
        "wanted": wanted or "",
        "leaf": leaf,
        "rows": [_row(study, case_id, stands) for study, case_id, stands in leaf.studies],
    }
    return render(request, "operations/sweep.html", words)


def _count(state: AskedState, progress: retrieval.Progress, wanted: AskedState | None) -> dict[str, Any]:
    words, mark = ASKED_WORDS[state]
    here = {"state": state.value, "words": words, "mark": mark, "here": state is wanted}
    return here | {"count": progress.studies[state]}


def _row(study: SweptStudy, case_id: int | None, stands: CaseState | None) -> SweptRow:
    became, mark = ASKED_WORDS[AskedState(study.state)]
    here = STATE_WORDS[stands] if stands else ""
    return SweptRow(study, written_date(study.StudyDate), became, mark, case_id, here)
