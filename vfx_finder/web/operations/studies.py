"""Every study received, one study with its whole story, and the search. Reads `ledger`, writes `actions.operations`."""

from collections.abc import Iterable, Mapping

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from vfx_finder.actions import intake, operations, routing, sending_later
from vfx_finder.actions.operations import StillLeftOut
from vfx_finder.domain.flow import CaseState
from vfx_finder.domain.late import WhyNothing
from vfx_finder.domain.written import whole_number
from vfx_finder.figures.people import written_date
from vfx_finder.figures.story import story
from vfx_finder.ledger import deliveries, lacking, queries, retention, retrieval, unseen
from vfx_finder.ledger import routing as table
from vfx_finder.ledger.late import late_series
from vfx_finder.ledger.models import Case, SweptStudy
from vfx_finder.ledger.search import find_studies, leaf
from vfx_finder.ledger.whereabouts import whereabouts
from vfx_finder.web.operations.deliveries import delivery_row
from vfx_finder.web.operations.hands import routed
from vfx_finder.web.operations.late import LateRow, series_rows
from vfx_finder.web.operations.rows import STATE_MARK, STATE_WORDS, StudyRow, may_retry, study_row

_NO_RESULT = "None: the study was not analysed, so there is no result."
_NOT_YET = "None yet: after the analysis, results of a flagged study go out when a radiologist has signed."
UNSENT: dict[CaseState, str] = {
    CaseState.RECEIVING: _NOT_YET,
    CaseState.SETTLED: _NOT_YET,
    CaseState.AWAITING_REVIEW: "None yet: results go out when a radiologist has signed, to every destination in use.",
    CaseState.ANALYSED_CLEAR: "None: nothing was flagged, so nobody reads it here and no signed result follows.",
    CaseState.UNSUITABLE: _NO_RESULT,
    CaseState.FAILED: _NO_RESULT,
    CaseState.REVIEWED: "None: no destination is in use.",
}
"""Why a study has sent no result, and whether one is to come."""

_SEARCHED = "operations-searched"
_LONGEST = 128
_ORDER = {"read": 0, "locate": 1, "measure": 2, "total": 9}


@require_safe
def studies(request: HttpRequest) -> HttpResponse:
    """Every study received and where it is; ?state= shows one state alone, ?leaf= an older hundred."""
    wanted = request.GET.get("state", "")
    here = leaf(wanted, whole_number(request.GET.get("leaf", "")) or 1)
    words = {
        "rows": _rows(here.studies),
        "leaf": here,
        "counts": state_counts(wanted),
        "wanted": wanted,
    }
    return render(request, "operations/studies.html", words)


@require_POST
def search(request: HttpRequest) -> HttpResponse:
    """Keep what was typed in the session, never in an address: a patient number would stand in histories and logs."""
    request.session[_SEARCHED] = request.POST.get("words", "").strip()[:_LONGEST]
    return redirect("operations-found")


@require_safe
def found(request: HttpRequest) -> HttpResponse:
    """What the last search found; the study itself where it is the only one."""
    searched = request.session.get(_SEARCHED, "")
    rows = _rows(find_studies(searched))
    if len(rows) == 1:
        return redirect("operations-study", rows[0].id)
    return render(request, "operations/studies.html", {"rows": rows, "searched": searched, "is_search": True})


@require_safe
def study(request: HttpRequest, case_id: int) -> HttpResponse:
    """One study: its series with their verdicts, times, models, and what happened to it."""
    file = queries.study(case_id)
    if file is None:
        raise Http404
    late = late_series(case_id)
    words = {
        "row": study_row(file.case, file.instances, whereabouts([case_id]).get(case_id)),
        "file": file,
        "routed": routed(file.case),
        "against": table.left_out_by(file.case) if may_retry(file.case) else None,
        "images": retention.images_of(case_id),
        "other": unseen.other_content_of(case_id),
        "series": series_rows(file.analysis.series if file.analysis else (), late),
        "late": [LateRow(one) for one in late],
        "late_reasons": tuple(WhyNothing),
        "models": file.analysis.models if file.analysis else (),
        "seconds": _written_seconds(file.analysis.seconds if file.analysis else {}),
        "flagged": file.case.state in (CaseState.AWAITING_REVIEW, CaseState.REVIEWED),
        "story": story(file.events),
        "priors": [_prior(one) for one in retrieval.priors_of(case_id)],
        "deliveries": [delivery_row(one) for one in deliveries.of_study(case_id)],
        "lacking": lacking.destinations(file.case),
        "unsent": UNSENT[CaseState(file.case.state)],
    }
    return render(request, "operations/study.html", words)


@require_POST
def retry(request: HttpRequest, case_id: int) -> HttpResponse:
    """Have a study analysed again, unless a routing rule leaves it out."""
    try:
        operations.retry(case_id, request.user.actor, timezone.now())  # type: ignore[union-attr]
    except StillLeftOut as against:
        words = f"The rule “{against.rule}” leaves this study out, so nothing was changed."
        messages.warning(request, f"{words} “Analyse all the same” takes this one study in.", extra_tags="ask")
    else:
        messages.success(request, "The study is being analysed again.", extra_tags="good")
    return redirect("operations-study", case_id)


@require_POST
def analyse_all_the_same(request: HttpRequest, case_id: int) -> HttpResponse:
    """Against the routing rule that leaves it out, which is named in the story."""
    operations.analyse_all_the_same(case_id, request.user.actor, timezone.now())  # type: ignore[union-attr]
    messages.success(request, "The study is being analysed; the rules are not asked about it again.", extra_tags="good")
    return redirect("operations-study", case_id)


@require_POST
def send(request: HttpRequest, case_id: int) -> HttpResponse:
    """Send the study's result to a destination that has not got it."""
    wanted = whole_number(request.POST.get("destination", ""))
    if wanted is None:
        raise Http404
    delivery = sending_later.send_to(case_id, wanted, request.user.actor, timezone.now())  # type: ignore[union-attr]
    messages.success(request, f"The result goes to {delivery.destination.name}.", extra_tags="good")
    return redirect("operations-study", case_id)


@require_POST
def settle(request: HttpRequest, case_id: int) -> HttpResponse:
    """Do not wait for more images of this study."""
    intake.settle_now(case_id, request.user.actor, timezone.now())  # type: ignore[union-attr]
    messages.success(request, "The study counts as complete.", extra_tags="good")
    return redirect("operations-study", case_id)


@require_POST
def analyse_now(request: HttpRequest, case_id: int) -> HttpResponse:
    """Before all others, whatever the routing rules say of it."""
    routing.analyse_now(case_id, request.user.actor, timezone.now())  # type: ignore[union-attr]
    messages.success(request, "The study is analysed before all others.", extra_tags="good")
    return redirect("operations-study", case_id)


def state_counts(wanted: str | None) -> list[dict[str, object]]:
    """How many studies stand in each state, for the row of counts."""
    counted = queries.counts_by_state()
    return [
        {
            "state": state.value,
            "words": STATE_WORDS[state],
            "count": counted[state],
            "mark": STATE_MARK.get(state, ""),
            "here": state == wanted,
        }
        for state in CaseState
    ]


def _rows(cases: Iterable[Case]) -> list[StudyRow]:
    shown = list(cases)
    went = whereabouts(case.pk for case in shown)
    return [study_row(case, case.instance_count, went.get(case.pk)) for case in shown]  # type: ignore[attr-defined]


def _prior(asked: SweptStudy) -> dict[str, object]:
    assert asked.search is not None  # `priors_of` asks for nothing else
    return {
        "day": written_date(asked.StudyDate),
        "uid": asked.StudyInstanceUID,
        "archive": asked.search.archive.name,
        "state": asked.state.replace("-", " "),
        "reason": asked.reason,
        "moved_at": asked.moved_at,
    }


def _written_seconds(seconds: Mapping[str, float]) -> list[tuple[str, str]]:
    """In the order of the work; a row keeps no order."""
    named = sorted(seconds, key=lambda name: (_ORDER.get(name, 3), name))
    return [(name, f"{seconds[name]:.1f} s") for name in named]
