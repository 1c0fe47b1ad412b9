"""What other systems of the hospital told us, and which of it needs a person. Names no patient: control ids do."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from vfx_finder.actions import hospital as actions
from vfx_finder.domain.hospital import Outcome, Remark
from vfx_finder.ledger import hospital, operations
from vfx_finder.ledger.models import HospitalMessage
from vfx_finder.web.operations.sheet import actor_of

OUTCOME_WORDS: dict[Outcome, tuple[str, str]] = {
    Outcome.APPLIED: ("applied", "good"),
    Outcome.LISTED: ("needs a person", "ask"),
    Outcome.NOT_USED: ("not used", ""),
}


@require_safe
def hospital_messages(request: HttpRequest) -> HttpResponse:
    """Messages that could not be applied, and those of the last day."""
    listed = [_row(one) for one in hospital.messages_to_look_at()]
    recent = [_row(one) for one in operations.messages_since(timezone.now() - operations.DAY)]
    words = {"listed": listed, "recent": recent, "issuer": settings.VFX.issuer_of_patient_id}
    return render(request, "operations/messages.html", words)


def _row(message: HospitalMessage) -> dict[str, object]:
    words, mark = OUTCOME_WORDS[Outcome(message.outcome)]
    waits = message.outcome == Outcome.LISTED and message.looked_at is None
    return {"message": message, "outcome": words, "mark": mark, "why": _why(message.reason), "waits": waits}


def _why(reason: str) -> str:
    """A remark in words, and what was wrong in detail where that is told."""
    code, _, detail = reason.partition(": ")
    words = Remark(code).label if code in set(Remark) else code
    return f"{words}. {detail}" if detail else words


@require_POST
def again(request: HttpRequest, message_id: int) -> HttpResponse:
    """Do what a message says once more, after what stood in its way was mended."""
    outcome = actions.apply_again(message_id, actor_of(request), timezone.now())
    if outcome is Outcome.LISTED:
        messages.warning(request, "The message still needs a person.", extra_tags="ask")
    else:
        messages.success(request, "The message has been applied.", extra_tags="good")
    return redirect("messages")


@require_POST
def put_aside(request: HttpRequest, message_id: int) -> HttpResponse:
    """A person has seen to it."""
    actions.put_aside(message_id, actor_of(request), timezone.now())
    messages.success(request, "The message is put aside; it stays kept.", extra_tags="good")
    return redirect("messages")
