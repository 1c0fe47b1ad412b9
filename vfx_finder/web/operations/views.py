"""The operator's addresses. Reads through `ledger.queries`, writes through `actions.operations`."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from vfx_finder.actions import operations
from vfx_finder.domain.flow import CaseState
from vfx_finder.figures.story import story
from vfx_finder.ledger import queries
from vfx_finder.web.operations.rows import STATE_MARK, STATE_WORDS, study_row

_ALIVE = timedelta(minutes=1)


@require_safe
def studies(request: HttpRequest) -> HttpResponse:
    """Every study received and where it is; ?state= shows one state alone."""
    wanted = request.GET.get("state", "")
    rows = [study_row(case, case.instance_count) for case in queries.studies() if wanted in ("", case.state)]
    words = {"rows": rows, "counts": _counts(wanted), "wanted": wanted}
    return render(request, "operations/studies.html", words)


@require_safe
def not_analysed(request: HttpRequest) -> HttpResponse:
    """Every study that was not analysed, why, and what to do."""
    rows = [study_row(case, case.instance_count) for case in queries.not_analysed()]
    late = [study_row(case, case.instances.count()) for case in queries.late_after_review()]
    return render(request, "operations/not_analysed.html", {"rows": rows, "late": late})


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
    }
    return render(request, "operations/study.html", words)


@require_POST
def retry(request: HttpRequest, case_id: int) -> HttpResponse:
    """Have a study analysed again."""
    operations.retry(case_id, request.user.actor, timezone.now())  # type: ignore[union-attr]
    messages.success(request, "The study is being analysed again.", extra_tags="good")
    return redirect("operations-study", case_id)


@require_safe
def system_health(request: HttpRequest) -> HttpResponse:
    """Whether the parts are alive, told by what last passed through them."""
    health = queries.health()
    words = {
        "health": health,
        "operating_point": queries.operating_point(),
        "worker_alive": _is_recent(health.last_heartbeat_at),
        "stranded": queries.stranded(),
        "counts": _counts(None),
        "wanted": True,
    }
    return render(request, "operations/health.html", words)


def _is_recent(moment: datetime | None) -> bool:
    return moment is not None and timezone.now() - moment < _ALIVE


def _counts(wanted: str | None) -> list[dict[str, object]]:
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


def _written_seconds(seconds: Mapping[str, float]) -> list[tuple[str, str]]:
    return [(name, f"{value:.1f} s") for name, value in seconds.items()]
