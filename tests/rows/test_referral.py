"""The nurse's moves on the rows."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from tests.support import intake as given
from tests.support.reviews import confirmed
from vfx_finder.actions import referral
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.errors import NotAllowed, WrongState
from vfx_finder.domain.flow import ReferralState
from vfx_finder.domain.referral import CloseReason, NotForFlsReason, Tier
from vfx_finder.domain.spine import Level
from vfx_finder.ledger import queries
from vfx_finder.ledger.models import AuditEvent, Referral, ReferralNote

pytestmark = pytest.mark.django_db

PATHWAY = list(ReferralState)[1:7]


@pytest.fixture
def new(analysed: Callable[..., int], sign: Callable[..., object]) -> Referral:
    sign(analysed({Level.L1: 2}), confirmed(Level.L1, 2))
    return Referral.objects.get()


def test_the_clock_starts_on_the_day_that_it_is_in_the_hospital(
    analysed: Callable[..., int], sign: Callable[..., object]
) -> None:
    """Signed in the evening: by UTC it is the next day already."""
    with timezone.override("Pacific/Pago_Pago"):
        sign(analysed({Level.L1: 2}), confirmed(Level.L1, 2))
    assert Referral.objects.get().diagnosed_on == given.NOW.date() - timedelta(days=1)


def test_the_whole_pathway_leaves_one_audit_row_a_step(new: Referral, nurse: Actor) -> None:
    for state in PATHWAY:
        referral.move(new.pk, state, nurse, given.NOW)
    referral.close(new.pk, CloseReason.COMPLETED, nurse, given.NOW)
    moves = AuditEvent.objects.filter(referral=new, verb="moved", user_id=nurse.user_id)
    assert [event.detail["is"] for event in moves] == [*PATHWAY, ReferralState.CLOSED]
    assert list(queries.ended_referrals()) == [new]


def test_a_step_cannot_be_skipped(new: Referral, nurse: Actor) -> None:
    with pytest.raises(WrongState):
        referral.move(new.pk, ReferralState.ASSESSED, nurse, given.NOW)


def test_an_end_needs_its_own_action_with_a_reason(new: Referral, nurse: Actor) -> None:
    with pytest.raises(WrongState):
        referral.move(new.pk, ReferralState.CLOSED, nurse, given.NOW)


def test_only_a_new_referral_can_be_declined(new: Referral, nurse: Actor) -> None:
    referral.move(new.pk, ReferralState.ACCEPTED, nurse, given.NOW)
    with pytest.raises(WrongState):
        referral.not_for_fls(new.pk, NotForFlsReason.MILD_ONLY, nurse, given.NOW)


def test_a_declined_referral_keeps_its_reason_and_words(new: Referral, nurse: Actor) -> None:
    ended = referral.not_for_fls(new.pk, NotForFlsReason.OUT_OF_AREA, nurse, given.NOW, detail=" sent to Leeds ")
    assert (ended.ended_reason, ended.ended_detail) == (NotForFlsReason.OUT_OF_AREA, "sent to Leeds")


def test_only_the_nurse_moves_a_referral(new: Referral, radiologist: Actor, operator: Actor) -> None:
    for who in (radiologist, operator, Actor.process("worker")):
        with pytest.raises(NotAllowed):
            referral.move(new.pk, ReferralState.ACCEPTED, who, given.NOW)
        with pytest.raises(NotAllowed):
            referral.note(new.pk, "words", who, given.NOW)


def test_notes_are_signed_and_stay(new: Referral, nurse: Actor) -> None:
    referral.note(new.pk, " rang, no answer ", nurse, given.NOW)
    row = ReferralNote.objects.get()
    assert (row.text, row.author_name) == ("rang, no answer", nurse.name)
    with pytest.raises(ValueError, match="says something"):
        referral.note(new.pk, "  ", nurse, given.NOW)


def test_an_age_nobody_asked_for_or_nobody_has_is_refused(new: Referral, nurse: Actor) -> None:
    with pytest.raises(WrongState):
        referral.answer_age(new.pk, 60, nurse, given.NOW)
    with pytest.raises(ValueError, match="age"):
        referral.answer_age(new.pk, 600, nurse, given.NOW)


def test_the_queue_is_by_tier_then_burden(analysed, sign) -> None:
    for study, grades in enumerate(({Level.L1: 2}, {Level.L1: 3}, {Level.L1: 2, Level.T8: 2}), start=1):
        pk = analysed(grades, study=study, who=given.patient(f"P{study}"))
        sign(pk, *(confirmed(level, grade) for level, grade in grades.items()))
    queue = queries.nurse_queue(given.NOW.date())
    assert [(q.referral.tier, q.referral.PatientID) for q in queue] == [(Tier.A, "P3"), (Tier.A, "P2"), (Tier.B, "P1")]


def test_a_patients_file_holds_everything(new: Referral, nurse: Actor) -> None:
    referral.note(new.pk, "rang", nurse, given.NOW)
    file = queries.referral(new.pk, given.NOW.date())
    assert file is not None
    assert (file.days_left, len(file.notes), file.study.analysis is not None) == (90, 1, True)
    assert {event.verb for event in file.events} == {"referred", "noted"}
    assert queries.referral(new.pk + 1, given.NOW.date()) is None
