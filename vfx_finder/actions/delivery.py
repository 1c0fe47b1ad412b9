"""Results on their way out: asked for in the transaction that made them, and what an operator does about them.

What the sending worker records stands in `actions.dispatch`.
"""

from dataclasses import asdict
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Q

from vfx_finder.actions._trail import Act, note, tell
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.delivered import Stage
from vfx_finder.domain.delivery import DeliveryState, DestinationFacts, Protocol, move_delivery
from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.retention import SEND_AGAIN
from vfx_finder.domain.roles import Permission
from vfx_finder.ledger.deliveries import is_outdated
from vfx_finder.ledger.lacking import gets_preliminary
from vfx_finder.ledger.models import AnalysisRecord, DeliveredObject, Delivery, Destination, SignedReview

NOT_GONE = Q(state__in=[DeliveryState.WAITING.value, DeliveryState.DEAD.value])
"""Deliveries that a newer result makes pointless."""


def expect_preliminary(record: AnalysisRecord, act: Act, *, flagged: bool) -> int:
    """Ask for an unsigned result to be sent to whom it is wanted by; returns to how many. In the caller's transaction.

    Whatever is still waiting of an older analysis of this study is superseded.
    """
    Delivery.objects.filter(NOT_GONE, case_id=record.case_id).exclude(analysis=record).update(
        state=DeliveryState.SUPERSEDED.value, next_at=None, moved_at=act.now
    )
    wanting = Destination.objects.filter(enabled=True, before_sign_off=True)
    chosen = [one for one in wanting if gets_preliminary(one, flagged=flagged)]
    return expect(record, None, chosen, act)


def expect_final(signed: SignedReview, act: Act) -> int:
    """Ask for a signed result to be sent to every destination; returns to how many. In the caller's transaction.

    A preliminary result that has not gone yet is superseded.
    """
    Delivery.objects.filter(NOT_GONE, case_id=signed.case_id, review=None).update(
        state=DeliveryState.SUPERSEDED.value, next_at=None, moved_at=act.now
    )
    return expect(signed.analysis, signed, list(Destination.objects.filter(enabled=True)), act)


def resend(delivery_id: int, actor: Actor, now: datetime) -> Delivery:
    """Send one result again from the beginning, as the same objects with the same UIDs; a waiting one now.

    What the peer has answered for objects that it stored stays on record, set aside. Raises `WrongState` for one whose
    proof is being waited for, one that was superseded, a preliminary one that has something newer beside it, for a
    destination that is switched off, and for objects of a study whose images were removed.
    """
    actor.must(Permission.RESEND)
    with transaction.atomic():
        row = _locked(delivery_id)
        if not row.destination.enabled:
            raise WrongState("This destination is switched off; switch it on first.")
        if row.case.images_removed_at is not None and Protocol(row.destination.protocol).carries_objects:
            raise WrongState(SEND_AGAIN)
        if is_outdated(row):
            raise WrongState("There is a newer result of this study: this preliminary one is not sent any more.")
        if row.state == DeliveryState.WAITING:
            row.next_at = now
            row.save(update_fields=["next_at"])
        else:
            _begin_anew(row, Act(actor, now))
    return row


def resend_dead(destination_id: int, actor: Actor, now: datetime) -> int:
    """Send again every dead letter of one destination; returns how many."""
    actor.must(Permission.RESEND)
    with transaction.atomic():
        dead = Delivery.objects.select_for_update(of=("self",)).filter(
            destination_id=destination_id, destination__enabled=True, state=DeliveryState.DEAD
        )
        rows = list(dead.select_related("case", "destination").order_by("pk"))
        for row in rows:
            _begin_anew(row, Act(actor, now))
    return len(rows)


def keep_destination(
    facts: DestinationFacts, actor: Actor, now: datetime, *, destination_id: int | None = None
) -> Destination:
    """Add a destination, or change the one of this id; `facts.token` None keeps the token it has.

    Where storage commitment is no longer asked for, what waits for it is taken up by the worker at once, and ends.
    Raises `WrongState` where another destination has this name, or where the protocol of one that has been sent to
    would change between objects and messages: its deliveries could not be read any more.
    """
    actor.must(Permission.SET_UP_NETWORK)
    try:
        with transaction.atomic():
            row = Destination() if destination_id is None else _destination(destination_id)
            _check_protocol(row, facts.protocol)
            _put(row, facts)
            if not row.asks_commitment:
                Delivery.objects.filter(destination=row, state=DeliveryState.SENT).update(next_at=now)
            verb = "destination-added" if destination_id is None else "destination-changed"
            told = {"destination": row.pk, "protocol": row.protocol, "before_sign_off": row.before_sign_off}
            note(Act(actor, now), verb, {**told, "enabled": row.enabled, "kinds": " ".join(row.kinds)})
    except IntegrityError:
        raise WrongState("There is another destination of this name.") from None
    return row


def _destination(destination_id: int) -> Destination:
    """Locked, before any of its deliveries is (see `dispatch`); new deliveries may name it meanwhile."""
    return Destination.objects.select_for_update(no_key=True).get(pk=destination_id)


def _put(row: Destination, facts: DestinationFacts) -> None:
    """Write the facts: only them, since what the worker has noted meanwhile stands in the same row."""
    said = asdict(facts) | {"name": facts.name.strip(), "kinds": sorted(kind.value for kind in facts.kinds)}
    if facts.token is None:
        del said["token"]
    for name, value in said.items():
        setattr(row, name, value)
    row.save(update_fields=None if row.pk is None else list(said))


def switch_destination(destination_id: int, on: bool, actor: Actor, now: datetime) -> Destination:
    """Switch a destination on or off. What waits for it goes on waiting while it is off, and no new result is asked."""
    actor.must(Permission.SET_UP_NETWORK)
    with transaction.atomic():
        row = _destination(destination_id)
        row.enabled = on
        row.save(update_fields=["enabled"])
        note(Act(actor, now), "destination-switched", {"destination": row.pk, "enabled": on})
    return row


def remove_destination(destination_id: int, actor: Actor, now: datetime) -> Destination:
    """Take a switched-off destination off the list. Raises `WrongState` for one in use, or that results went to or
    wait for: they name it, so it stays."""
    actor.must(Permission.SET_UP_NETWORK)
    with transaction.atomic():
        row = _destination(destination_id)
        if row.enabled:
            raise WrongState("This destination is in use; switch it off first.")
        if Delivery.objects.filter(destination=row).exists():
            raise WrongState("Results name this destination; it stays, switched off.")
        note(Act(actor, now), "destination-removed", {"destination": row.pk, "protocol": row.protocol})
        row.delete()
    return row


def try_destination(destination_id: int, actor: Actor, now: datetime) -> Destination:
    """Ask for a C-ECHO, or its like: the worker does it within seconds and answers in `Destination.last_answer`.

    `try_wanted_at` is set until then; a second try meanwhile changes nothing.
    """
    actor.must(Permission.SET_UP_NETWORK)
    with transaction.atomic():
        row = _destination(destination_id)
        if row.try_wanted_at is None:
            row.try_wanted_at = now
            row.save(update_fields=["try_wanted_at"])
    return row


def expect(record: AnalysisRecord, signed: SignedReview | None, destinations: list[Destination], act: Act) -> int:
    """Ask for this result to be sent to these destinations; returns to how many. In the caller's transaction."""
    stage = Stage.FINAL if signed else Stage.PRELIMINARY
    for destination in destinations:
        Delivery.objects.create(
            case_id=record.case_id,
            destination=destination,
            analysis=record,
            review=signed,
            stage=stage,
            next_at=act.now,
            created_at=act.now,
            moved_at=act.now,
        )
    if destinations:
        names = ", ".join(one.name for one in destinations)
        tell(act, "delivery-asked", record.case, {"stage": stage, "destinations": len(destinations), "to": names})
    return len(destinations)


def _locked(delivery_id: int) -> Delivery:
    rows = Delivery.objects.select_for_update(of=("self",)).select_related("case", "destination", "analysis")
    return rows.get(pk=delivery_id)


def _begin_anew(row: Delivery, act: Act) -> None:
    was, answer = row.state, row.answer
    if was == DeliveryState.SENT:
        raise WrongState("This result was stored, and its proof is being waited for.")
    row.state = move_delivery(DeliveryState(was), DeliveryState.WAITING)
    row.attempts = row.asked = 0
    row.next_at = row.moved_at = act.now
    row.answer = row.TransactionUID = ""
    row.save()
    answered = DeliveredObject.objects.filter(delivery=row, set_aside_at=None)
    answered.filter(stored_at=None).delete()
    answered.update(set_aside_at=act.now)
    told = {"delivery": row.pk, "destination": row.destination_id, "before": was, "answer": answer}
    tell(act, "resent", row.case, {**told, "to": row.destination.name})


def _check_protocol(row: Destination, protocol: Protocol) -> None:
    if row.pk is None or Protocol(row.protocol).carries_objects == protocol.carries_objects:
        return
    if Delivery.objects.filter(destination=row).exists():
        raise WrongState("Results have gone to this destination; add another one for another protocol.")
