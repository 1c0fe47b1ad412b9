"""One result on its way to one destination, as lists show it; the dead letters; and sending again."""

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from vfx_finder.actions import delivery as actions
from vfx_finder.domain.delivered import Kind
from vfx_finder.domain.delivery import DeliveryState, Protocol
from vfx_finder.ledger import deliveries as outgoing
from vfx_finder.ledger.models import DeliveredObject, Delivery
from vfx_finder.web.operations.forms import KIND_WORDS

DELIVERY_WORDS: dict[DeliveryState, str] = {
    DeliveryState.WAITING: "to be sent",
    DeliveryState.SENT: "stored, proof asked for",
    DeliveryState.PROVEN: "arrived",
    DeliveryState.DEAD: "given up",
    DeliveryState.SUPERSEDED: "a newer result went instead",
}
NOT_COMMITTED = "stored, not committed"
"""It has arrived by its status alone: nobody took responsibility by storage commitment."""
DELIVERY_MARK = {DeliveryState.PROVEN: "good", DeliveryState.DEAD: "bad", DeliveryState.SENT: "ask"}


@dataclass(frozen=True)
class ObjectRow:
    """One object of a delivery and what the peer answered for it; `status` only where the answer does not say it."""

    kind: str
    status: str
    answer: str
    stored_at: datetime | None
    committed_at: datetime | None


@dataclass(frozen=True)
class DeliveryRow:
    """One delivery; `may_resend` where a person can do something about it."""

    delivery: Delivery
    state: str
    mark: str
    answer: str
    objects: tuple[ObjectRow, ...]
    may_resend: bool


def delivery_row(delivery: Delivery) -> DeliveryRow:
    """The line of one delivery: its state is what the peer answered, never what was hoped."""
    state = DeliveryState(delivery.state)
    may = state in {DeliveryState.DEAD, DeliveryState.WAITING, DeliveryState.PROVEN} and delivery.destination.enabled
    objects = tuple(_object_row(one) for one in delivery.delivered.all())
    uncommitted = delivery.destination.protocol == Protocol.DICOM and any(one.committed_at is None for one in objects)
    return DeliveryRow(
        delivery=delivery,
        state=NOT_COMMITTED if state is DeliveryState.PROVEN and uncommitted else DELIVERY_WORDS[state],
        mark=DELIVERY_MARK.get(state, ""),
        answer=delivery.answer,
        objects=objects,
        may_resend=may,
    )


def _object_row(one: DeliveredObject) -> ObjectRow:
    known = one.kind in set(Kind)
    status = "" if one.status is None else f"0x{one.status:04X}" if known else str(one.status)
    return ObjectRow(
        kind=KIND_WORDS[Kind(one.kind)] if known else one.kind,
        status="" if status in one.answer else status,
        answer=one.answer,
        stored_at=one.stored_at,
        committed_at=one.committed_at,
    )


@require_safe
def dead_letters(request: HttpRequest) -> HttpResponse:
    """Every result that was given up, by destination, with the reason."""
    rows = sorted(outgoing.dead_letters(), key=attrgetter("destination.name"))
    groups = [
        {"destination": destination, "rows": [delivery_row(one) for one in of_one]}
        for destination, of_one in groupby(rows, key=attrgetter("destination"))
    ]
    return render(request, "operations/dead_letters.html", {"groups": groups, "count": len(rows)})


@require_POST
def resend(request: HttpRequest, delivery_id: int) -> HttpResponse:
    """Send one result again, as the same objects with the same UIDs."""
    delivery = actions.resend(delivery_id, request.user.actor, timezone.now())  # type: ignore[union-attr]
    messages.success(request, f"The result goes to {delivery.destination.name} again.", extra_tags="good")
    if request.POST.get("back") == "study":
        return redirect("operations-study", delivery.case_id)
    return redirect("dead-letters")


@require_POST
def resend_all(request: HttpRequest, destination_id: int) -> HttpResponse:
    """Send again every dead letter of one destination."""
    if outgoing.destination(destination_id) is None:
        raise Http404
    number = actions.resend_dead(destination_id, request.user.actor, timezone.now())  # type: ignore[union-attr]
    goes = "result goes" if number == 1 else "results go"
    messages.success(request, f"{number} {goes} out again.", extra_tags="good")
    return redirect("dead-letters")
