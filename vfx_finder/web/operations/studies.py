"""Every study received, one study with its whole story, and the search. Reads `ledger`, writes `actions.operations`."""

from collections.abc import Mapping

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from vfx_finder.actions import intake, operations, routing
from vfx_finder.domain.flow import CaseState
from vfx_finder.figures.people import written_date
from vfx_finder.figures.story import story
from vfx_finder.ledger import deliveries, queries, retrieval
from vfx_finder.ledger.models import SweptStudy
from vfx_finder.ledger.search import find_studies, leaf
from vfx_finder.web.operations.deliveries import delivery_row
from vfx_finder.web.operations.rows import STATE_MARK, STATE_WORDS, study_row

_SEARCHED = "operations-searched"
_LONGEST = 128
_MOST_DIGITS = 9


@require_safe
def studies(request: HttpRequest) -> HttpResponse:
    """Every study received and where it is; ?state= shows one state alone, ?leaf= an older hundred."""
    wanted, number = request.GET.get("state", ""), request.GET.get("leaf", "")
    here = leaf(wanted, int(number) if number.isdecimal() and len(number) < _MOST_DIGITS else 1)
    words = {
        "rows": [study_row(case, case.instance_count) for case in here.studies],
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
    rows = [study_row(case, case.instance_count) for case in find_studies(searched)]
    if len(rows) == 1:
        return redirect("operations-study", rows[0].id)
    return render(request, "operations/studies.html", {"rows": rows, "searched": searched, "is_search": True})


@require_safe
def study(request: HttpRequest, case_id: int) -> HttpResponse:
    """One study: its series with their verdicts, times, models, and what happened to it."""
    file = queries.study(case_id)
    if file is None:
        raise Http404
    words = {
        "row": study_row(file.case, file.instances),
        "file": file,
        "series": file.analysis.series if file.analysis else (),
        "models": file.analysis.models if file.analysis else (),
        "seconds": _written_seconds(file.analysis.seconds if file.analysis else {}),
        "story": story(file.events),
        "priors": [_prior(one) for one in retrieval.priors_of(case_id)],
        "deliveries": [delivery_row(one) for one in deliveries.of_study(case_id)],
    }
    return render(request, "operations/study.html", words)


@require_POST
def retry(request: HttpRequest, case_id: int) -> HttpResponse:
    """Have a study analysed again."""
    operations.retry(case_id, request.user.actor, timezone.now())  # type: ignore[union-attr]
    messages.success(request, "The study is being analysed again.", extra_tags="good")
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
    return [(name, f"{value:.1f} s") for name, value in seconds.items()]
