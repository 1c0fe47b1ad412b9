"""Every study that was not analysed, grouped by why, with retry of one and of all of a reason."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from vfx_finder.actions import operations
from vfx_finder.domain.late import WhyNothing
from vfx_finder.ledger import queries, unseen
from vfx_finder.web.operations.reasons import Advice, advice
from vfx_finder.web.operations.rows import StudyRow, study_row

SHOWN = 50
"""Studies of one reason that are listed; the rest are counted, and found by the search."""


@dataclass(frozen=True)
class Group:
    """The studies that were not analysed for one reason: the newest, how many more, and how many may be retried."""

    reason: str
    advice: Advice
    rows: tuple[StudyRow, ...]
    more: int
    retriable: int
    until: str
    """When the newest of them ended, to the microsecond."""

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.rows) + self.more


@require_safe
def not_analysed(request: HttpRequest) -> HttpResponse:
    """Every study that waits for a person: not analysed and why, images after signing, other content."""
    groups = _groups()
    words = {
        "groups": groups,
        "received": any(queries.counts_by_state().values()),
        "count": sum(group.count for group in groups),
        "late": [study_row(case, case.instance_count) for case in queries.late_after_review()[:SHOWN]],
        "late_reasons": tuple(WhyNothing),
        "others": list(unseen.other_content()[:SHOWN]),
    }
    return render(request, "operations/not_analysed.html", words)


@require_POST
def retry_all(request: HttpRequest) -> HttpResponse:
    """Have every study with one reason analysed again."""
    reason = request.POST.get("reason", "")
    ended = operations.retry_all(reason, request.user.actor, timezone.now())  # type: ignore[union-attr]
    said = [f"{_studies(ended.again)} being analysed again."] if ended.again or not ended.left_out else []
    said += [f"{_studies(ended.left_out)} still left out by a rule in force."] if ended.left_out else []
    said += ["The rest can follow."] if ended.again == operations.AT_ONCE else []
    messages.success(request, " ".join(said), extra_tags="good" if ended.again else "ask")
    return redirect("not-analysed")


def _studies(number: int) -> str:
    return f"{number} study is" if number == 1 else f"{number} studies are"


def _groups() -> list[Group]:
    """By reason: what may help when tried again comes first, then the most frequent."""
    found = [_group(why) for why in queries.why_not_analysed()]
    return sorted(found, key=lambda group: (not group.advice.retry_may_help, -group.count))


def _group(why: queries.WhyNot) -> Group:
    newest = list(queries.not_analysed_for(why.reason)[:SHOWN])
    rows = tuple(study_row(case, case.instance_count) for case in newest)  # type: ignore[attr-defined]
    until = newest[0].finished_at if newest else None
    more = max(0, why.count - len(rows))
    return Group(why.reason, advice(why.reason), rows, more, why.count - why.mixed, until.isoformat() if until else "")
