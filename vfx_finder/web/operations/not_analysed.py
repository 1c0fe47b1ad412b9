"""Every study that was not analysed, grouped by why, with retry of one and of all of a reason."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from vfx_finder.actions import operations
from vfx_finder.ledger import queries, unseen
from vfx_finder.ledger.models import Case
from vfx_finder.web.operations.reasons import Advice, advice
from vfx_finder.web.operations.rows import StudyRow, may_retry, study_row

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

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.rows) + self.more


@require_safe
def not_analysed(request: HttpRequest) -> HttpResponse:
    """Every study that was not analysed, why, and what to do."""
    groups = list(_groups(queries.not_analysed()))
    words = {
        "groups": groups,
        "count": sum(group.count for group in groups),
        "late": [study_row(case, case.instance_count) for case in queries.late_after_review()[:SHOWN]],
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


def _groups(cases: Iterable[Case]) -> Iterator[Group]:
    """By reason: what may help when tried again comes first, then the most frequent."""
    ordered = sorted(cases, key=attrgetter("reason"))
    found = [_group(reason, list(of_one)) for reason, of_one in groupby(ordered, key=attrgetter("reason"))]
    yield from sorted(found, key=lambda group: (not group.advice.retry_may_help, -group.count))


def _group(reason: str, cases: list[Case]) -> Group:
    return Group(
        reason=reason,
        advice=advice(reason),
        rows=tuple(study_row(case, case.instance_count) for case in cases[:SHOWN]),
        more=max(0, len(cases) - SHOWN),
        retriable=sum(may_retry(case) for case in cases),
    )
