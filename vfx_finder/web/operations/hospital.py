"""What other systems of the hospital told us, and which of it needs a person: the patients by number, never by name."""

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from vfx_finder.actions import hospital as actions
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.hospital import Outcome, Remark
from vfx_finder.domain.identity import PatientRef
from vfx_finder.interop.hl7 import reread
from vfx_finder.interop.patient import numbers_named
from vfx_finder.ledger import hospital
from vfx_finder.ledger.models import HospitalMessage
from vfx_finder.ledger.operations import DAY
from vfx_finder.web.operations.sheet import actor_of

OUTCOME_WORDS: dict[Outcome, tuple[str, str]] = {
    Outcome.APPLIED: ("applied", "good"),
    Outcome.LISTED: ("needs a person", "ask"),
    Outcome.NOT_USED: ("not used", ""),
}
MOST_NUMBERS = 4


@require_safe
def hospital_messages(request: HttpRequest) -> HttpResponse:
    """Messages that could not be applied, by their reason, and those of the last day."""
    listed = [_row(one) for one in hospital.messages_to_look_at()]
    recent = [_row(one) for one in hospital.messages_since(timezone.now() - DAY)]
    issuer = settings.VFX.issuer_of_patient_id
    words = {"listed": listed, "groups": _by_reason(listed), "recent": recent, "issuer": issuer}
    return render(request, "operations/messages.html", words)


def _by_reason(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows under their reasons, the reason of the newest row first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row["code"], []).append(row)
    return [
        {"code": code, "why": _words(code), "again": several[0]["again"], "rows": several}
        for code, several in found.items()
    ]


def _row(message: HospitalMessage) -> dict[str, Any]:
    code, _, detail = message.reason.partition(": ")
    beginning = str(getattr(message, "beginning", ""))
    outcome, mark = _became(message, code)
    return {
        "message": message,
        "outcome": outcome,
        "mark": mark,
        "code": code,
        "why": _words(code),
        "detail": detail,
        "again": code in set(Remark) and Remark(code).may_go_away,
        "numbers": _numbers(beginning)[:MOST_NUMBERS],
        "lines": beginning.splitlines() if code == Remark.UNREADABLE else (),
        "is_cut": len(beginning) >= hospital.BEGINNING,
    }


def _became(message: HospitalMessage, code: str) -> tuple[str, str]:
    if code == Remark.NOTHING_CHANGED:
        return "already known", ""
    if message.looked_at is not None:
        return "seen to", ""
    return OUTCOME_WORDS[Outcome(message.outcome)]


def _numbers(content: str) -> tuple[PatientRef, ...]:
    try:
        return numbers_named(reread(content))
    except Unreadable:
        return ()


def _words(code: str) -> str:
    return Remark(code).label if code in set(Remark) else code


@require_POST
def again(request: HttpRequest, message_id: int) -> HttpResponse:
    """Do what a message says once more, after what stood in its way was mended."""
    outcome = actions.apply_again(message_id, actor_of(request), timezone.now())
    if outcome is Outcome.LISTED:
        messages.warning(request, "The message still needs a person: its reason stands.", extra_tags="ask")
    elif outcome is Outcome.APPLIED:
        messages.success(request, "The message has been applied.", extra_tags="good")
    else:
        messages.success(request, "The message is done with: it changed nothing.", extra_tags="good")
    return redirect("messages")


@require_POST
def all_again(request: HttpRequest) -> HttpResponse:
    """The same for every message that waits for one reason."""
    code = request.POST.get("reason", "")
    if code not in set(Remark) or not Remark(code).may_go_away:
        raise Http404
    done, still = actions.apply_all_again(Remark(code), actor_of(request), timezone.now())
    words = f"{done} of {done + still} are done with"
    if still:
        messages.warning(request, f"{words}; for {still} the reason stands.", extra_tags="ask")
    else:
        messages.success(request, f"{words}.", extra_tags="good")
    return redirect("messages")


@require_POST
def put_aside(request: HttpRequest, message_id: int) -> HttpResponse:
    """A person has seen to it."""
    actions.put_aside(message_id, actor_of(request), timezone.now())
    messages.success(request, "The message is put aside; it stays kept.", extra_tags="good")
    return redirect("messages")
