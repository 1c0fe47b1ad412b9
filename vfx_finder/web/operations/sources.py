"""Who may send to us, who has, and who was turned away. Writes through `actions.senders`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from vfx_finder.actions import senders as actions
from vfx_finder.domain.sender import Refused
from vfx_finder.ledger import operations
from vfx_finder.ledger.models import Refusal, Sender
from vfx_finder.web.operations.forms import SenderForm, filled
from vfx_finder.web.operations.refusals import refused_words

HEARD_DAYS = 7
REFUSED_DAYS = 30


@dataclass(frozen=True)
class SourceRow:
    """One sender as the list shows it; `studies` of the last week."""

    sender: Sender
    studies: int
    has_token: bool


@dataclass(frozen=True)
class RefusalRow:
    """One caller that was turned away; `may_let_in`: setting it up as a sender would mend this; `sender_id`: that
    sender is known, and changing it may."""

    refusal: Refusal
    words: str
    to_do: str
    may_let_in: bool
    sender_id: int | None


@require_safe
def sources(request: HttpRequest) -> HttpResponse:
    """Every sender, and the callers of the last month that were turned away."""
    now = timezone.now()
    every = operations.senders()
    sent = operations.heard_since((sender.AETitle for sender in every), now - HEARD_DAYS * operations.DAY)
    words = {
        "rows": [SourceRow(one, sent.get(one.AETitle, 0), bool(one.token_sha256)) for one in every],
        "refused": [_refusal_row(one, every) for one in operations.refusals(now - REFUSED_DAYS * operations.DAY)],
        "commitments": [(one, len(one.asked)) for one in operations.commitments()],
        "named": sorted(set(settings.VFX.accepted_calling_ae_titles) - {one.AETitle for one in every}),
        "vfx": settings.VFX,
    }
    return render(request, "operations/sources.html", words)


@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """A new sender; ?refusal= fills the form from a caller that was turned away, so that one key lets it in."""
    refusal = operations.refusal(_number(request.GET.get("refusal")))
    start = {"AETitle": refusal.calling, "host": refusal.host, "enabled": True} if refusal else {"enabled": True}
    return _form(request, None, start)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, sender_id: int) -> HttpResponse:
    """Change a sender."""
    sender = _sender(sender_id)
    start = {name: getattr(sender, name) for name in SenderForm.base_fields}
    return _form(request, sender, start)


def _form(request: HttpRequest, sender: Sender | None, start: dict[str, Any]) -> HttpResponse:
    form = filled(SenderForm, request, start)
    keep = _keeper(request, sender, timezone.now())
    if request.method == "POST" and form.kept_by(keep):
        messages.success(request, f"{form.cleaned_data['AETitle']} is kept.", extra_tags="good")
        return redirect("sources")
    words = {
        "form": form,
        "heading": f"Sender {sender.AETitle}" if sender else "A new sender",
        "explained": "Takes effect within seconds; the listener is not restarted.",
        "save": "Save" if sender else "Let it in",
        "ready": bool(start.get("AETitle")),
        "back": reverse("sources"),
    }
    return render(request, "operations/form.html", words)


def _keeper(request: HttpRequest, sender: Sender | None, now: datetime) -> Any:
    actor = request.user.actor  # type: ignore[union-attr]
    return lambda said: actions.keep_sender(actions.Wish(**said), actor, now, sender.pk if sender else None)


@require_POST
def switch_off(request: HttpRequest, sender_id: int) -> HttpResponse:
    """From now on this sender is refused."""
    _sender(sender_id)
    sender = actions.disable_sender(sender_id, request.user.actor, timezone.now())  # type: ignore[union-attr]
    messages.success(request, f"{sender.AETitle} may no longer send; its token is gone.", extra_tags="good")
    return redirect("sources")


@require_POST
def token(request: HttpRequest, sender_id: int) -> HttpResponse:
    """A new STOW-RS token, shown on this answer alone: only its digest is kept."""
    sender = _sender(sender_id)
    secret = actions.new_token(sender_id, request.user.actor, timezone.now())  # type: ignore[union-attr]
    return render(request, "operations/token.html", {"sender": sender, "secret": secret})


@require_POST
def forget(request: HttpRequest, refusal_id: int) -> HttpResponse:
    """Take a refusal off the list; the caller comes back to it when it is refused again."""
    actions.forget_refusal(refusal_id, request.user.actor, timezone.now())  # type: ignore[union-attr]
    return redirect("sources")


def _sender(sender_id: int) -> Sender:
    found = next((one for one in operations.senders() if one.pk == sender_id), None)
    if found is None:
        raise Http404
    return found


def _refusal_row(refusal: Refusal, every: list[Sender]) -> RefusalRow:
    told = refused_words(refusal.reason)
    known = next((one.pk for one in every if one.AETitle == refusal.calling), None)
    may = refusal.reason in {Refused.UNKNOWN_SENDER, Refused.NOBODY_MAY} and bool(refusal.calling) and known is None
    changeable = known if refusal.reason in {Refused.WRONG_HOST, Refused.SWITCHED_OFF} else None
    return RefusalRow(refusal, told.words, told.to_do, may, changeable)


def _number(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 10 else 0
