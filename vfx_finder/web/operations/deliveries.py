"""One result on its way to one destination, as lists show it; the dead letters; and sending again."""

from collections.abc import Iterable
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
HELD = "held: the destination is switched off"
DELIVERY_MARK = {DeliveryState.PROVEN: "good", DeliveryState.DEAD: "bad", DeliveryState.SENT: "ask"}
ON_THE_WAY = (DeliveryState.WAITING, DeliveryState.SENT)
MESSAGE_WORDS = {"oru-r01": "HL7 message", "fhir-bundle": "FHIR bundle"}
"""By the kind that `pipelines.steps.tell` notes with the answer to a message."""
HTTP_STATUSES = range(100, 600)


@dataclass(frozen=True)
class ObjectRow:
    """Objects of one kind for which the peer answered the same; `status` only where the answer does not say it.

    `stored_at` and `committed_at` are of the last one, None where any of them was not.
    """

    kind: str
    status: str
    answer: str
    stored_at: datetime | None
    committed_at: datetime | None
    uids: tuple[str, ...]


@dataclass(frozen=True)
class Before:
    """What had been stored when a person had a result sent again at `again_at`."""

    again_at: datetime
    objects: tuple[ObjectRow, ...]


@dataclass(frozen=True)
class DeliveryRow:
    """One delivery; `may_resend` where a person can do something about it, `before` the evidence of earlier sending.

    `answer` is empty where the lines of its objects say the same.
    """

    delivery: Delivery
    state: str
    mark: str
    answer: str
    objects: tuple[ObjectRow, ...]
    may_resend: bool
    next_at: datetime | None
    before: tuple[Before, ...]


def delivery_row(delivery: Delivery) -> DeliveryRow:
    """The line of one delivery: its state is what the peer answered, never what was hoped."""
    state, enabled = DeliveryState(delivery.state), delivery.destination.enabled
    here = [one for one in delivery.delivered.all() if one.set_aside_at is None]
    objects = _lines(here, Protocol(delivery.destination.protocol))
    resendable = state in {DeliveryState.DEAD, DeliveryState.WAITING, DeliveryState.PROVEN}
    return DeliveryRow(
        delivery=delivery,
        state=_state_words(delivery, here),
        mark="ask" if state in ON_THE_WAY and not enabled else DELIVERY_MARK.get(state, ""),
        answer="" if _said_below(delivery.answer, objects) else delivery.answer or "nothing yet",
        objects=objects,
        may_resend=resendable and enabled and not outgoing.is_outdated(delivery),
        next_at=delivery.next_at if enabled else None,
        before=_before(delivery),
    )


def _state_words(delivery: Delivery, here: Iterable[DeliveredObject]) -> str:
    state = DeliveryState(delivery.state)
    if state in ON_THE_WAY and not delivery.destination.enabled:
        return HELD
    is_dicom = delivery.destination.protocol == Protocol.DICOM
    if state is DeliveryState.PROVEN and is_dicom and any(one.committed_at is None for one in here):
        return NOT_COMMITTED
    return DELIVERY_WORDS[state]


def _said_below(answer: str, objects: Iterable[ObjectRow]) -> bool:
    """Whether this is the reason of one refused object, which stands beside the object."""
    return any(one.stored_at is None and one.answer and one.answer in answer for one in objects)


def _before(delivery: Delivery) -> tuple[Before, ...]:
    aside = sorted((one for one in delivery.delivered.all() if one.set_aside_at), key=attrgetter("set_aside_at", "pk"))
    protocol = Protocol(delivery.destination.protocol)
    return tuple(
        Before(at, _lines(list(of_one), protocol)) for at, of_one in groupby(aside, attrgetter("set_aside_at"))
    )


def _lines(objects: Iterable[DeliveredObject], protocol: Protocol) -> tuple[ObjectRow, ...]:
    """One line for all objects of a kind that were answered alike, in the order of their first."""
    alike: dict[tuple[object, ...], list[DeliveredObject]] = {}
    for one in objects:
        same = (one.kind, one.status, one.answer, one.stored_at is None, one.committed_at is None)
        alike.setdefault(same, []).append(one)
    return tuple(_line(group, protocol) for group in alike.values())


def _line(group: list[DeliveredObject], protocol: Protocol) -> ObjectRow:
    first = group[0]
    words = KIND_WORDS[Kind(first.kind)] if first.kind in set(Kind) else MESSAGE_WORDS.get(first.kind, first.kind)
    return ObjectRow(
        kind=f"{len(group)} × {words}" if len(group) > 1 else words,
        status=_status(first, protocol),
        answer=first.answer,
        stored_at=max((one.stored_at for one in group if one.stored_at), default=None),
        committed_at=max((one.committed_at for one in group if one.committed_at), default=None),
        uids=tuple(one.SOPInstanceUID for one in group if one.SOPInstanceUID),
    )


def _status(one: DeliveredObject, protocol: Protocol) -> str:
    """The status in the words of the protocol: by DICOMweb what was stored has that of the whole reply."""
    if one.status is None:
        return ""
    by_http = protocol is Protocol.FHIR or (protocol is Protocol.STOW and one.stored_at is not None)
    if by_http and one.status in HTTP_STATUSES:
        return _unless_said(f"HTTP {one.status}", one.answer)
    if f"HTTP {one.status}" in one.answer:
        return ""
    return _unless_said(f"0x{one.status:04X}", one.answer)


def _unless_said(status: str, answer: str) -> str:
    return "" if status in answer else status


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
