"""What the sending worker records: what it takes up, and what the peer answered. Nothing is "sent" before it says so.

A worker takes a delivery up before it touches the network, and the time of its next try is committed with that: a
worker that is killed in between sends the same objects again, under the same UIDs.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from vfx_finder.actions._trail import Act, tell
from vfx_finder.dicom.commitment import reason_words
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.delivered import Kind
from vfx_finder.domain.delivery import (
    Answer,
    DeliveryState,
    Pace,
    Proof,
    Protocol,
    back_off,
    move_delivery,
    proof_wait,
)
from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.roles import Permission
from vfx_finder.ledger.deliveries import is_outdated
from vfx_finder.ledger.models import DeliveredObject, Delivery, Destination

SENDER = Actor.process("sender")

ON_THE_WAY = (DeliveryState.WAITING.value, DeliveryState.SENT.value)

NOT_COMMITTED = "Stored with a success status; storage commitment is not asked for any more."
PROOF_OPEN = "Stored; storage commitment asked for {times}, and not answered yet."

ANSWER_MAX = 512
OBJECT_ANSWER_MAX = 256

GOLDEN = 0.618033988749895
"""Multiples of it, modulo 1, spread evenly: a chance that needs no dice."""


def claim(destination_id: int, now: datetime, pace: Pace) -> Delivery | None:
    """Take up the delivery of this destination that is due longest, None where nothing is due.

    A waiting one is to be sent, a sent one's storage commitment to be asked for under its new `TransactionUID`.
    What is outdated by now is superseded, what was tried too often is a dead letter, and what waits for a commitment
    that is no longer asked for has arrived; none of these is returned.
    """
    act = _act(now)
    while True:
        with transaction.atomic():
            row = _due(destination_id, now)
            if row is None:
                return None
            if _take_up(row, act, pace):
                return row


def answered(row: Delivery, answers: Sequence[Answer], pace: Pace, now: datetime) -> DeliveryState:
    """Record what the peer answered for the objects of one try.

    All accepted: sent, and its commitment asked for next where the destination gives one, otherwise proven. Some
    refused: they are tried again at the time set when it was taken up, unless it would be in vain.
    Raises `WrongState` where somebody else has taken this delivery up since.
    """
    act = _act(now)
    with transaction.atomic():
        here = _still_mine(row)
        _forget_unwanted(here, answers)
        _write(here, answers, now)
        refused = [answer for answer in answers if not answer.accepted]
        words = _worst(refused) if refused else _all_well(here)
        _heard(here.destination_id, words, now, ok=not refused)
        if not refused:
            Destination.objects.filter(pk=here.destination_id).update(last_took_at=now)
        if here.state != DeliveryState.WAITING:
            return DeliveryState(here.state)
        if not refused:
            _arrived(here, words, act)
        elif all(answer.hopeless for answer in refused) or _tried_enough(here, pace):
            _give_up(here, words, act)
        else:
            _wait(here, words, act)
    return DeliveryState(here.state)


def missed(row: Delivery, words: str, pace: Pace, now: datetime, *, hopeless: bool = False) -> DeliveryState:
    """Record a try that came to nothing: the association broke, no answer came, or the objects could not be made."""
    act = _act(now)
    with transaction.atomic():
        here = _still_mine(row)
        _heard(here.destination_id, words, now, ok=False)
        if here.state in ON_THE_WAY:
            if hopeless or _tried_enough(here, pace):
                _give_up(here, words, act)
            else:
                _wait(here, words, act)
    return DeliveryState(here.state)


def away(row: Delivery, words: str, pace: Pace, now: datetime) -> DeliveryState:
    """Record that the destination cannot be reached: whatever is due for it waits until this one is tried again."""
    with transaction.atomic():
        state = missed(row, words, pace, now)
        Destination.objects.filter(pk=row.destination_id, away_since=None).update(away_since=now)
        again = Delivery.objects.filter(pk=row.pk).values_list("next_at", flat=True).get()
        due = Delivery.objects.filter(destination_id=row.destination_id, state__in=ON_THE_WAY, next_at__lte=now)
        if again is not None:
            due.update(next_at=again, answer=words[:ANSWER_MAX])
    return state


def asked(row: Delivery, now: datetime) -> DeliveryState:
    """Record that the archive took the request for storage commitment; its result comes later, or has come by now."""
    _act(now)
    with transaction.atomic():
        _hold(row.destination_id)
        here = Delivery.objects.select_for_update(of=("self",)).get(pk=row.pk)
        if here.state == DeliveryState.SENT and here.TransactionUID == row.TransactionUID:
            here.answer, here.moved_at = PROOF_OPEN.format(times=_times(here.asked)), now
            here.save(update_fields=["answer", "moved_at"])
            _heard(here.destination_id, "Request for storage commitment taken.", now, ok=True)
    return DeliveryState(here.state)


def proven(proof: Proof, pace: Pace, now: datetime) -> DeliveryState | None:
    """Record the result of a storage commitment; None where nobody waits for this transaction (any more).

    Every object taken responsibility for: proven. Otherwise those that failed are sent again.
    """
    act = _act(now)
    with transaction.atomic():
        row = _waiting_for(proof)
        if row is None:
            return None
        _write_proof(row, proof, now)
        lacking = _objects(row).filter(committed_at=None).count()
        _heard(row.destination_id, "Storage committed." if not lacking else "Storage not committed.", now, ok=True)
        if not lacking:
            _move(row, DeliveryState.PROVEN, "The archive took responsibility for every object.", act)
        else:
            wait = back_off(row.attempts, row.pk * GOLDEN % 1, pace)
            row.next_at = now + timedelta(seconds=wait)
            _send_again(row, f"The archive does not keep {lacking} of {_objects(row).count()} objects.", act)
    return DeliveryState(row.state)


def tried(destination_id: int, words: str, now: datetime, *, ok: bool) -> None:
    """Record the answer to a try that an operator asked for."""
    _act(now)
    with transaction.atomic():
        Destination.objects.filter(pk=destination_id).update(try_wanted_at=None)
        _heard(destination_id, words, now, ok=ok)


def _act(now: datetime) -> Act:
    SENDER.must(Permission.DELIVER)
    return Act(SENDER, now)


def _due(destination_id: int, now: datetime) -> Delivery | None:
    due = Delivery.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        destination_id=destination_id, destination__enabled=True, state__in=ON_THE_WAY, next_at__lte=now
    )
    return due.select_related("destination", "case", "analysis", "review").order_by("next_at", "pk").first()


def _take_up(row: Delivery, act: Act, pace: Pace) -> bool:
    """Whether this one is to be worked on now; its next try is then planned already."""
    if row.state == DeliveryState.WAITING and is_outdated(row):
        _move(row, DeliveryState.SUPERSEDED, "A newer result goes instead.", act)
        return False
    if row.state == DeliveryState.SENT and not row.destination.asks_commitment:
        _move(row, DeliveryState.PROVEN, NOT_COMMITTED, act)
        return False
    if _tried_enough(row, pace):
        _give_up(row, row.answer or "No try came to an end.", act)
        return False
    if row.state == DeliveryState.WAITING:
        row.attempts += 1
        wait = back_off(row.attempts, row.pk * row.attempts * GOLDEN % 1, pace)
    else:
        row.asked += 1
        row.TransactionUID = f"2.25.{uuid.uuid4().int}"
        wait = proof_wait(row.asked, pace)
    row.next_at = act.now + timedelta(seconds=wait)
    row.save()
    return True


def _tried_enough(row: Delivery, pace: Pace) -> bool:
    tries, most = (row.asked, pace.proof_tries) if row.state == DeliveryState.SENT else (row.attempts, pace.tries)
    return int(tries) >= most


def _hold(destination_id: int) -> None:
    """Whoever needs a destination and its deliveries locks the destination first: nobody waits in a circle."""
    Destination.objects.select_for_update(no_key=True).get(pk=destination_id)


def _waiting_for(proof: Proof) -> Delivery | None:
    """The delivery whose storage commitment this is, locked; None where it waits for none (any more)."""
    asked_for = Delivery.objects.filter(TransactionUID=proof.TransactionUID).exclude(TransactionUID="")
    destination_id = asked_for.values_list("destination_id", flat=True).first()
    if destination_id is None:
        return None
    _hold(destination_id)
    rows = asked_for.filter(state=DeliveryState.SENT).select_for_update(of=("self",))
    return rows.select_related("case", "destination").first()


def _still_mine(row: Delivery) -> Delivery:
    _hold(row.destination_id)
    rows = Delivery.objects.select_for_update(of=("self",)).select_related("case", "destination")
    here = rows.get(pk=row.pk)
    if (here.attempts, here.asked) != (row.attempts, row.asked):
        raise WrongState("This delivery has been taken up by another worker since.")
    return here


def _objects(row: Delivery) -> QuerySet[DeliveredObject]:
    """Of this round: what was stored before a person had it sent again is left as it was answered."""
    return DeliveredObject.objects.filter(delivery=row, set_aside_at=None)


def _forget_unwanted(row: Delivery, answers: Sequence[Answer]) -> None:
    """Every object that is not there yet is tried each time: what was refused and is not tried any more, since the
    destination wants no such kind now, is waited for by nobody."""
    tried = {answer.SOPInstanceUID for answer in answers}
    _objects(row).filter(stored_at=None).exclude(SOPInstanceUID__in=tried).delete()


def _write(row: Delivery, answers: Sequence[Answer], now: datetime) -> None:
    for answer in answers:
        DeliveredObject.objects.update_or_create(
            delivery=row,
            kind=answer.kind,
            SOPInstanceUID=answer.SOPInstanceUID,
            set_aside_at=None,
            defaults={
                "SOPClassUID": answer.SOPClassUID,
                "status": answer.status,
                "answer": answer.words[:OBJECT_ANSWER_MAX],
                "stored_at": now if answer.accepted else None,
                "committed_at": None,
            },
        )


def _write_proof(row: Delivery, proof: Proof, now: datetime) -> None:
    _objects(row).filter(SOPInstanceUID__in=proof.committed).update(committed_at=now)
    for uid, reason in proof.failed:
        lost = _objects(row).filter(SOPInstanceUID=uid, committed_at=None)
        lost.update(stored_at=None, answer=f"Not committed: {reason_words(reason)}"[:OBJECT_ANSWER_MAX])
    # One that the result does not name at all is not taken responsibility for either.
    _objects(row).filter(committed_at=None).update(stored_at=None)


def _arrived(row: Delivery, words: str, act: Act) -> None:
    asks = row.destination.asks_commitment and _objects(row).exists()
    _move(row, DeliveryState.SENT if asks else DeliveryState.PROVEN, words, act)


def _all_well(row: Delivery) -> str:
    if not Protocol(row.destination.protocol).carries_objects:
        return "Accepted."
    stored = _objects(row).exclude(stored_at=None).count()
    return (
        f"Stored: {stored} {'object' if stored == 1 else 'objects'}."
        if stored
        else "This result has no object of the kinds that are sent here."
    )


def _worst(refused: Sequence[Answer]) -> str:
    first = next((answer for answer in refused if answer.hopeless), refused[0])
    others = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
    kind = f"{first.kind}: " if first.kind in set(Kind) else ""
    return f"{kind}{first.words}{others}"


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _wait(row: Delivery, words: str, act: Act) -> None:
    row.answer, row.moved_at = words[:ANSWER_MAX], act.now
    row.save()


def _send_again(row: Delivery, words: str, act: Act) -> None:
    row.state = move_delivery(DeliveryState(row.state), DeliveryState.WAITING)
    row.TransactionUID = ""
    _wait(row, words, act)
    tell(act, "delivery-not-kept", row.case, _told(row))


def _give_up(row: Delivery, words: str, act: Act) -> None:
    _move(row, DeliveryState.DEAD, words, act)


def _move(row: Delivery, there: DeliveryState, words: str, act: Act) -> None:
    row.state = move_delivery(DeliveryState(row.state), there)
    row.next_at = act.now if there is DeliveryState.SENT else None
    row.answer, row.moved_at = words[:ANSWER_MAX], act.now
    row.save()
    tell(act, VERBS[there], row.case, _told(row))


VERBS = {
    DeliveryState.SENT: "delivery-stored",
    DeliveryState.PROVEN: "delivery-proven",
    DeliveryState.DEAD: "delivery-dead",
    DeliveryState.SUPERSEDED: "delivery-superseded",
}


def _told(row: Delivery) -> dict[str, str | int | float | bool | None]:
    told = {"delivery": row.pk, "destination": row.destination_id, "to": row.destination.name}
    return {**told, "stage": row.stage, "answer": row.answer}


def _heard(destination_id: int, words: str, now: datetime, *, ok: bool) -> None:
    """What the peer said last; where it was away and is back, whatever waits for it goes now."""
    here = Destination.objects.filter(pk=destination_id)
    here.update(last_tried_at=now, last_answer=words[:OBJECT_ANSWER_MAX])
    if not ok:
        return
    here.update(last_ok_at=now)
    if here.filter(away_since__isnull=False).update(away_since=None):
        waiting = Delivery.objects.filter(destination_id=destination_id, state=DeliveryState.WAITING)
        waiting.filter(next_at__gt=now).update(next_at=now)
