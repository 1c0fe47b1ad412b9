"""Who may send to us, who has, and who was turned away. Writes through `actions.senders`."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from vfx_finder.actions import senders as actions
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.sender import Refused, is_address
from vfx_finder.domain.written import whole_number
from vfx_finder.ledger import deliveries as outgoing
from vfx_finder.ledger import operations
from vfx_finder.ledger import sources as ledger
from vfx_finder.ledger.models import Refusal, Sender
from vfx_finder.web.operations.forms import SenderForm
from vfx_finder.web.operations.pulse import Gate, gate_of
from vfx_finder.web.operations.refusals import refused_words
from vfx_finder.web.operations.sheet import Sheet, actor_of, answered

HEARD_DAYS = 7
REFUSED_DAYS = 30
LET_IT_REPORT = "Results go to it: let it in, or what it reports of storage commitment is not heard."


@dataclass(frozen=True)
class SourceRow:
    """One sender as the list shows it; `studies` of the last week. `may_remove`: it is off, and nothing names it.

    `heard_at`: its last association or image; it may have sent before it stood on the list.
    """

    sender: Sender
    heard_at: datetime | None
    studies: int
    has_token: bool
    may_remove: bool


@dataclass(frozen=True)
class RefusalRow:
    """One caller that was turned away; `may_let_in`: setting it up as a sender would mend this; `sender_id`: that
    sender is known, and changing it may."""

    refusal: Refusal
    words: str
    to_do: str
    may_let_in: bool
    sender_id: int | None


EMPTY_WORDS: dict[Gate, tuple[str, str]] = {
    Gate.NAMED: ("No sender is set up in this list", "Those named in VFX_ACCEPTED_CALLING_AE_TITLES may send."),
    Gate.THIS_MACHINE: (
        "Everybody on this machine may send",
        "No sender is set up, and no other machine reaches the listener. The first sender you add shuts all "
        "others out.",
    ),
    Gate.ANYBODY: (
        "Anybody on the network may send",
        "No sender is set up, and VFX_ACCEPT_ANY_SENDER lets everybody in. The first sender you add shuts all others "
        "out.",
    ),
    Gate.NOBODY: (
        "Nobody may send: every study is refused",
        "Add the AE title of your PACS or scanner. A caller that was turned away stands below and is let in with one "
        "key.",
    ),
}
"""What an empty list means."""

FIRST_WORDS: dict[Gate, str] = {
    Gate.THIS_MACHINE: "Now everybody on this machine may send. Once a sender is listed, only listed senders may.",
    Gate.ANYBODY: "Now anybody on the network may send. Once a sender is listed, only listed senders may.",
}
"""What changes with the first sender."""


@require_safe
def sources(request: HttpRequest) -> HttpResponse:
    """Every sender, and the callers of the last month that were turned away."""
    now = timezone.now()
    every = operations.senders()
    sent = operations.heard_since((sender.AETitle for sender in every), now - HEARD_DAYS * operations.DAY)
    brought = ledger.last_brought(sender.AETitle for sender in every)
    unused = ledger.never_sent(sender.AETitle for sender in every if not sender.enabled)
    title, explained = EMPTY_WORDS[gate_of(settings.VFX, every)]
    words = {
        "rows": [
            SourceRow(
                sender=one,
                heard_at=max(filter(None, (one.last_heard_at, brought.get(one.AETitle))), default=None),
                studies=sent.get(one.AETitle, 0),
                has_token=bool(one.token_sha256),
                may_remove=not one.enabled and one.AETitle in unused,
            )
            for one in every
        ],
        "empty_title": title,
        "empty_words": explained,
        "refused": _refused(now, every),
        "not_taken": operations.not_taken(now - REFUSED_DAYS * operations.DAY),
        "commitments": [(one, len(one.asked)) for one in operations.commitments()],
        "named": sorted(set(settings.VFX.accepted_calling_ae_titles) - {one.AETitle for one in every}),
        "vfx": settings.VFX,
    }
    return render(request, "operations/sources.html", words)


@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """A new sender. ?refusal= fills the form from a caller that was turned away, so that one key lets it in;
    ?destination= from a system that results go to, so that it can report what it has stored."""
    return _form(request, None, _known_of(request) | {"enabled": True})


def _known_of(request: HttpRequest) -> dict[str, Any]:
    refusal = operations.refusal(whole_number(request.GET.get("refusal", "")) or 0)
    if refusal is not None:
        return {"AETitle": refusal.calling, "host": refusal.host}
    here = outgoing.destination(whole_number(request.GET.get("destination", "")) or 0)
    if here is not None:
        host = here.host if is_address(here.host) else _refused_from(here.AETitle)
        return {"AETitle": here.AETitle, "host": host, "description": f"{here.name}: results go there"}
    return {}


def _refused_from(title: str) -> str:
    """The address from which a caller of this title was turned away last; empty where none was."""
    turned = operations.refusals(timezone.now() - REFUSED_DAYS * operations.DAY)
    return next((one.host for one in turned if one.calling == title and is_address(one.host)), "")


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, sender_id: int) -> HttpResponse:
    """Change a sender."""
    sender = sender_or_404(sender_id)
    start = {name: getattr(sender, name) for name in SenderForm.base_fields}
    return _form(request, sender, start)


def _form(request: HttpRequest, sender: Sender | None, start: dict[str, Any]) -> HttpResponse:
    def keep(wish: actions.Wish, actor: Actor, now: datetime) -> str:
        return f"{actions.keep_sender(wish, actor, now, sender.pk if sender else None).AETitle} is kept."

    sheet = Sheet(
        form=SenderForm,
        start=start,
        keep=keep,
        back="sources",
        heading=f"Sender {sender.AETitle}" if sender else "A new sender",
        explained="Takes effect within seconds; the listener is not restarted.",
        warning=FIRST_WORDS.get(gate_of(settings.VFX, operations.senders()), ""),
        save="Save" if sender else "Let it in",
        besides={"ready": bool(start.get("AETitle"))},
    )
    return answered(request, sheet)


@require_POST
def switch_off(request: HttpRequest, sender_id: int) -> HttpResponse:
    """From now on this sender is refused."""
    sender_or_404(sender_id)
    sender = actions.disable_sender(sender_id, actor_of(request), timezone.now())
    messages.success(request, f"{sender.AETitle} may no longer send; its token is gone.", extra_tags="good")
    return redirect("sources")


@require_POST
def remove(request: HttpRequest, sender_id: int) -> HttpResponse:
    """Off the list, for one that is switched off and never sent anything."""
    sender_or_404(sender_id)
    sender = actions.remove_sender(sender_id, actor_of(request), timezone.now())
    messages.success(request, f"{sender.AETitle} is gone from the list.", extra_tags="good")
    return redirect("sources")


@require_POST
def forget(request: HttpRequest, refusal_id: int) -> HttpResponse:
    """Take a refusal off the list; the caller comes back to it when it is refused again."""
    actions.forget_refusal(refusal_id, actor_of(request), timezone.now())
    return redirect("sources")


def sender_or_404(sender_id: int) -> Sender:
    """The sender of this id; a page that is not there otherwise."""
    found = next((one for one in operations.senders() if one.pk == sender_id), None)
    if found is None:
        raise Http404
    return found


def _refused(now: datetime, every: list[Sender]) -> list[RefusalRow]:
    receivers = {here.AETitle for here in outgoing.destinations() if here.enabled and here.asks_commitment}
    rows = [_refusal_row(one, every) for one in operations.refusals(now - REFUSED_DAYS * operations.DAY)]
    return [replace(row, to_do=LET_IT_REPORT) if row.refusal.calling in receivers else row for row in rows]


def _refusal_row(refusal: Refusal, every: list[Sender]) -> RefusalRow:
    told = refused_words(refusal.reason)
    known = next((one.pk for one in every if one.AETitle == refusal.calling), None)
    may = refusal.reason in {Refused.UNKNOWN_SENDER, Refused.NOBODY_MAY} and bool(refusal.calling) and known is None
    changeable = known if refusal.reason in {Refused.WRONG_HOST, Refused.SWITCHED_OFF} else None
    return RefusalRow(refusal, told.words, told.to_do, may, changeable)
