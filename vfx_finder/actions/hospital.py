"""What the hospital's other systems say, taken in: every message kept as received, and applied once.

What is said of a patient never changes a study: studies keep their headers as sent (`ledger.identities` joins them).
It changes open referrals, with an entry in the audit trail, and anything that a machine should not decide waits on a
list for a person.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from vfx_finder.actions import _hospital_patients as patients
from vfx_finder.actions._hospital_patients import Remarks, summed
from vfx_finder.actions._hospital_reports import keep_reports
from vfx_finder.actions._trail import Act, note
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.errors import Unreadable, WrongState
from vfx_finder.domain.hospital import Outcome, Remark
from vfx_finder.domain.roles import Permission
from vfx_finder.interop.acknowledgement import APPLICATION, Code
from vfx_finder.interop.adt import CORRECTS, MERGES, UNMERGES, merges
from vfx_finder.interop.hl7 import Message, read, reread
from vfx_finder.interop.patient import person
from vfx_finder.ledger.hospital import messages_listed
from vfx_finder.ledger.models import HospitalMessage, PatientChange, RadiologyReport

_KIND, _LONGEST = 16, 256
_PRACTICE = ("T", "D")
"""MSH-11: training and debugging (table 0103)."""


@dataclass(frozen=True)
class Heard:
    """What became of a message, and how its sender is answered. `message` is None where it could not be read."""

    code: Code
    words: str
    outcome: Outcome
    message: Message | None
    is_repeat: bool = False


def hear(content: bytes, actor: Actor, now: datetime) -> Heard:
    """Keep a message and do what it says, in one transaction; the sender is answered after that.

    A message that came before, byte by byte, is answered as it was then and not applied again, unless it could not be
    applied then.
    """
    act = _listener(actor, now)
    message, problem = _understood(content)
    if problem is not None:
        return keep_listed(content, Remark.UNREADABLE, problem, act)
    assert message is not None  # or there would be a problem
    try:
        with transaction.atomic():
            row, is_new = _row(content, message, act)
            if is_new or _is_kind(row, Remark.COULD_NOT_APPLY):
                _close(row, _outcome(message, row, act))
    except Unreadable as error:
        return keep_listed(content, Remark.UNREADABLE, str(error), act)
    return _as_kept(row, message, is_repeat=not is_new)


def keep_listed(content: bytes, remark: Remark, words: str, act: Act) -> Heard:
    """Keep a message that could not be applied, for a person to look at."""
    _listener(act.actor, act.now)
    message, _ = _understood(content)
    with transaction.atomic():
        row, is_new = _row(content, message, act)
        if is_new:
            _close(row, (remark,), words)
    return _as_kept(row, message, is_repeat=not is_new)


def _as_kept(row: HospitalMessage, message: Message | None, *, is_repeat: bool) -> Heard:
    """How a message with this row is answered, today as the first time."""
    refused = _is_kind(row, Remark.UNREADABLE) or _is_kind(row, Remark.COULD_NOT_APPLY)
    code = Code.REJECT if message is None else Code.ERROR if refused else Code.ACCEPT
    words = row.reason.partition(": ")[2] if refused else ""
    return Heard(code, words, Outcome(row.outcome), message, is_repeat)


def _is_kind(row: HospitalMessage, remark: Remark) -> bool:
    return bool(row.reason.partition(":")[0] == remark)


def put_aside(message_id: int, actor: Actor, now: datetime) -> HospitalMessage:
    """A person has seen to a listed message. Raises `WrongState` where nobody needed to."""
    actor.must(Permission.RESEND)
    with transaction.atomic():
        row = _listed(message_id)
        row.looked_at, row.looked_by = now, actor.name
        row.save(update_fields=["looked_at", "looked_by"])
        note(Act(actor, now), "message-put-aside", {"message": row.pk, "reason": row.reason.partition(":")[0]})
    return row


def apply_again(message_id: int, actor: Actor, now: datetime) -> Outcome:
    """Do what a listed message says once more, after what stood in its way was mended.

    Raises `WrongState` where it is not listed, or cannot be read: its sender must mend that.
    """
    actor.must(Permission.RESEND)
    with transaction.atomic():
        row = _listed(message_id)
        try:
            remarks = _outcome(reread(row.content), row, Act(actor, now))
        except Unreadable as error:
            raise WrongState(f"It still cannot be read: {error}") from None
        _close(row, remarks)
        note(Act(actor, now), "message-applied-again", {"message": row.pk, "outcome": row.outcome})
    return Outcome(row.outcome)


def apply_all_again(remark: Remark, actor: Actor, now: datetime) -> tuple[int, int]:
    """Apply every listed message with this remark again, the oldest first; how many are done with, and how many still
    need a person."""
    actor.must(Permission.RESEND)
    oldest_first = messages_listed(remark).order_by("received_at", "pk").values_list("pk", flat=True)
    ends = [_end(message_id, actor, now) for message_id in list(oldest_first)]
    return sum(end is not Outcome.LISTED for end in ends), ends.count(Outcome.LISTED)


def _end(message_id: int, actor: Actor, now: datetime) -> Outcome:
    try:
        return apply_again(message_id, actor, now)
    except WrongState:  # it still cannot be read: it stays listed, and the next one is applied
        return Outcome.LISTED


def _listed(message_id: int) -> HospitalMessage:
    row = HospitalMessage.objects.select_for_update().get(pk=message_id)
    if row.outcome != Outcome.LISTED or row.looked_at is not None:
        raise WrongState("This message does not wait for anybody.")
    return row


def _listener(actor: Actor, now: datetime) -> Act:
    actor.must(Permission.HEAR_HOSPITAL)
    return Act(actor, now)


def _understood(content: bytes) -> tuple[Message | None, str | None]:
    """The message, and what is wrong with it; None where it is no message, and where nothing is wrong."""
    try:
        message = read(content)
    except Unreadable as error:
        return None, str(error)
    if not message.type or not message.control_id:
        return message, "MSH-9 and MSH-10 are needed: the kind of message and its control ID."
    return message, None


def _row(content: bytes, message: Message | None, act: Act) -> tuple[HospitalMessage, bool]:
    """The message's own row, and whether it is a new one; the same bytes have one row, whoever brings them."""
    facts = {
        "received_at": act.now,
        "sending": message.sending[:_LONGEST] if message else "",
        "control_id": message.control_id[:_LONGEST] if message else "",
        "kind": f"{message.type}^{message.event}"[:_KIND] if message else "",
        "content": _as_text(content, message),
        "outcome": Outcome.APPLIED,
    }
    return HospitalMessage.objects.get_or_create(facts, sha256=hashlib.sha256(content).hexdigest())


def _as_text(content: bytes, message: Message | None) -> str:
    codec = message.header.codec if message else "utf-8"
    return content.decode(codec, errors="backslashreplace").replace("\0", "\\x00")


def _close(row: HospitalMessage, remarks: Remarks, words: str = "") -> None:
    """Write down what became of the message; the first remark says it."""
    first = remarks[0] if remarks else None
    row.outcome = first.outcome if first else Outcome.APPLIED
    row.reason = f"{first}: {words}"[:_LONGEST] if words else first or ""
    row.save(update_fields=["outcome", "reason"])


Apply = Callable[[Message, HospitalMessage, Act], Remarks]


def _outcome(message: Message, row: HospitalMessage, act: Act) -> Remarks:
    """Apply the message; one that took effect at an earlier time is applied, though it is no news any more."""
    remarks = _apply(message, row, act)
    is_kept = any(kept.objects.filter(message=row).exists() for kept in (PatientChange, RadiologyReport))
    return () if is_kept and remarks and remarks[0].outcome is Outcome.NOT_USED else remarks


def _apply(message: Message, row: HospitalMessage, act: Act) -> Remarks:
    """Do what the message says. Raises `Unreadable` where a field of it is malformed."""
    if message.header.text(3) == APPLICATION:
        return (Remark.OUR_OWN,)
    if message.header.text(11)[:1] in _PRACTICE:
        return (Remark.TRAINING,)
    by_type: Mapping[str, Apply] = {"ADT": _administration, "ORU": keep_reports}
    apply = by_type.get(message.type)
    return apply(message, row, act) if apply else (Remark.OTHER_KIND,)


def _administration(message: Message, row: HospitalMessage, act: Act) -> Remarks:
    told = [person(segment) for segment in message.segments if segment.name == "PID"]
    event = message.event
    if event in UNMERGES:
        return summed(patients.unmerge(one) for one in told)
    done = [patients.death(one, row, act) for one in told]
    if event in MERGES:
        done.append(patients.merge(merges(message), told, (row, act)))
    if event in CORRECTS:
        done += [patients.correction(one, row, act) for one in told]
    return summed(done)
