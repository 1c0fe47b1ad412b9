"""The nurse's moves: along the pathway, to its end, notes, and the answer to a question that holds a referral up."""

from datetime import datetime

from django.db import transaction

from vfx_finder.actions._trail import Act, Detail, tell
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.flow import ReferralState
from vfx_finder.domain.referral import (
    CloseReason,
    Eligibility,
    EndReason,
    Hold,
    NotForFlsReason,
    check_move,
    eligibility,
)
from vfx_finder.domain.roles import Permission
from vfx_finder.ledger.hospital import death_of
from vfx_finder.ledger.models import Referral, ReferralNote

OLDEST = 120
"""Years; a higher age is a slip of the keyboard."""


def move(referral_id: int, there: ReferralState, actor: Actor, now: datetime) -> Referral:
    """Take a referral one step along the pathway. Raises `WrongState` where there is no such step, a hold, or where
    the patient is reported dead."""
    act = _nurse(actor, now)
    with transaction.atomic():
        referral = _locked(referral_id)
        if death_of(referral.PatientID, referral.IssuerOfPatientID) is not None:
            raise WrongState("The hospital reports that this patient has died: the referral can only be closed.")
        return _go(referral, there, act)


def close(referral_id: int, reason: CloseReason, actor: Actor, now: datetime, *, detail: str = "") -> Referral:
    """End an open referral with its reason. Raises `WrongState` where it has ended already."""
    act = _nurse(actor, now)
    with transaction.atomic():
        return _go(_locked(referral_id), ReferralState.CLOSED, act, (reason, detail))


def not_for_fls(
    referral_id: int, reason: NotForFlsReason, actor: Actor, now: datetime, *, detail: str = ""
) -> Referral:
    """Decline a new referral with its reason. Raises `WrongState` once it has been accepted."""
    act = _nurse(actor, now)
    with transaction.atomic():
        return _go(_locked(referral_id), ReferralState.NOT_FOR_FLS, act, (reason, detail))


def note(referral_id: int, text: str, actor: Actor, now: datetime) -> ReferralNote:
    """Keep a remark, signed and timed. Raises `ValueError` for an empty one."""
    act = _nurse(actor, now)
    if not text.strip():
        raise ValueError("A note says something.")
    with transaction.atomic():
        referral = _locked(referral_id)
        written = ReferralNote.objects.create(
            referral=referral, author_id=actor.user_id, author_name=actor.name, written_at=now, text=text.strip()
        )
        tell(act, "noted", referral.case, {"note": written.pk}, referral=referral)
    return written


def answer_age(referral_id: int, age: int, actor: Actor, now: datetime) -> Referral:
    """Answer the question that holds a referral: from 50 it goes on, below it ends as not for FLS.

    Raises `WrongState` where nobody asked, `ValueError` for an age that no patient has.
    """
    act = _nurse(actor, now)
    if not 0 <= age <= OLDEST:
        raise ValueError("This is not an age in years.")
    with transaction.atomic():
        referral = _locked(referral_id)
        if referral.hold != Hold.AGE_UNKNOWN:
            raise WrongState("The age of this patient was not asked for.")
        referral.age = age
        tell(act, "age-answered", referral.case, {"age": age}, referral=referral)
        if eligibility(age) is Eligibility.TOO_YOUNG:
            return _go(referral, ReferralState.NOT_FOR_FLS, act, (NotForFlsReason.UNDER_50, ""))
        referral.hold = ""
        referral.save()
    return referral


def _nurse(actor: Actor, now: datetime) -> Act:
    actor.must(Permission.MOVE_REFERRAL)
    return Act(actor, now)


def _locked(referral_id: int) -> Referral:
    return Referral.objects.select_for_update(of=("self",)).select_related("case").get(pk=referral_id)


def _go(referral: Referral, there: ReferralState, act: Act, end: tuple[EndReason, str] | None = None) -> Referral:
    reason, detail = end if end else (None, "")
    was = referral.state
    hold = Hold(referral.hold) if referral.hold else None
    referral.state = check_move(ReferralState(was), there, hold, reason)
    referral.ended_reason, referral.ended_detail = reason or "", detail.strip()
    referral.moved_at = act.now
    referral.save()
    said: Detail = {"was": was, "is": there}
    tell(act, "moved", referral.case, said | ({"reason": reason} if reason else {}), referral=referral)
    return referral
