"""What other systems of the hospital told us, and which of it needs a person. Names no patient: control ids do."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from vfx_finder.ledger import operations

OUTCOME_WORDS = {
    "applied": ("applied", "good"),
    "listed": ("needs a person", "ask"),
    "not-used": ("not used", ""),
}


@require_safe
def hospital_messages(request: HttpRequest) -> HttpResponse:
    """Messages that could not be applied, and those of the last day."""
    listed = [_row(one) for one in operations.listed_messages()]
    recent = [_row(one) for one in operations.messages_since(timezone.now() - operations.DAY)]
    return render(request, "operations/messages.html", {"listed": listed, "recent": recent})


def _row(message: object) -> dict[str, object]:
    words, mark = OUTCOME_WORDS[message.outcome]  # type: ignore[attr-defined]
    return {"message": message, "outcome": words, "mark": mark}
