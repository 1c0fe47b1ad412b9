"""Signing: where each patient goes from a signed review, and that nobody is lost or sent twice."""

from dataclasses import replace

import pytest

from tests.support import intake as given
from tests.support.reviews import confirmed, rejected
from tests.support.spines import analysis
from vfx_finder.actions import analysis as answers
from vfx_finder.actions import intake, operations, referral, review
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.errors import NotAllowed, WrongState
from vfx_finder.domain.flow import CaseState, ReferralState
from vfx_finder.domain.referral import CloseReason, Hold, NotForFlsReason, Route, Tier
from vfx_finder.domain.review import RejectReason, Review
from vfx_finder.domain.spine import Level
from vfx_finder.ledger import queries
from vfx_finder.ledger.documents import decisions_of
from vfx_finder.ledger.models import AnalysisRecord, AuditEvent, Referral, SignedReview

pytestmark = pytest.mark.django_db

TODAY = given.NOW.date()


def verbs(case_id: int) -> list[str]:
    return list(AuditEvent.objects.filter(case_id=case_id).values_list("verb", flat=True))


def test_a_confirmed_grade_2_at_71_stands_in_the_nurses_queue(analysed, sign, state_of) -> None:
    """A confirmed grade 2 fracture of a 71-year-old becomes a new referral of tier B with 90 days to go."""
    pk = analysed({Level.L1: 2})
    assert state_of(pk) is CaseState.AWAITING_REVIEW
    sign(pk, confirmed(Level.L1, 2))
    assert state_of(pk) is CaseState.REVIEWED
    (queued,) = queries.nurse_queue(TODAY)
    assert (queued.referral.state, queued.referral.tier, queued.referral.hold) == (ReferralState.NEW, Tier.B, "")
    assert (queued.days_left, queued.referral.age) == (90, 71)
    assert verbs(pk)[-2:] == ["signed", "referred"]


def test_the_49_year_old_never_becomes_a_referral(analysed, sign) -> None:
    pk = analysed({Level.L1: 3}, who=given.patient(PatientAge="049Y"))
    sign(pk, confirmed(Level.L1, 3))
    assert not Referral.objects.exists()
    assert SignedReview.objects.get().route == Route.SPECIALIST


def test_a_patient_without_an_age_is_asked_about_not_dropped(analysed, sign, nurse: Actor) -> None:
    pk = analysed({Level.L1: 2}, who=given.patient(PatientAge=""))
    sign(pk, confirmed(Level.L1, 2))
    row = Referral.objects.get()
    assert row.hold == Hold.AGE_UNKNOWN
    with pytest.raises(WrongState):
        referral.move(row.pk, ReferralState.ACCEPTED, nurse, given.NOW)
    answered = referral.answer_age(row.pk, 66, nurse, given.NOW)
    assert (answered.hold, answered.age) == ("", 66)
    assert referral.move(row.pk, ReferralState.ACCEPTED, nurse, given.NOW).state == ReferralState.ACCEPTED


def test_the_answer_that_she_is_49_ends_the_referral(analysed, sign, nurse: Actor) -> None:
    pk = analysed({Level.L1: 2}, who=given.patient(PatientAge=""))
    sign(pk, confirmed(Level.L1, 2))
    ended = referral.answer_age(Referral.objects.get().pk, 49, nurse, given.NOW)
    assert (ended.state, ended.ended_reason) == (ReferralState.NOT_FOR_FLS, NotForFlsReason.UNDER_50)
    assert queries.nurse_queue(TODAY) == []


def test_a_suspected_pathological_fracture_goes_to_oncology(analysed, sign) -> None:
    """Hazard: a pathological fracture sent to FLS instead of oncology."""
    pk = analysed({Level.L1: 2, Level.T9: 3})
    sign(pk, confirmed(Level.L1, 2), rejected(Level.T9, 3, RejectReason.PATHOLOGICAL_SUSPECTED))
    assert not Referral.objects.exists()
    assert SignedReview.objects.get().route == Route.ONCOLOGY


def test_a_rejected_flag_refers_nobody(analysed, sign, state_of) -> None:
    pk = analysed({Level.L1: 2})
    sign(pk, rejected(Level.L1, 2, RejectReason.SCHMORL_NODE))
    assert state_of(pk) is CaseState.REVIEWED
    assert not Referral.objects.exists()


def test_nothing_new_in_a_second_study_is_no_second_referral(analysed, sign) -> None:
    """Hazard: duplicate referral. The same fracture at the same grade is known: logged, not referred again."""
    sign(analysed({Level.L1: 2}, study=1), confirmed(Level.L1, 2))
    second = analysed({Level.L1: 2}, study=2)
    sign(second, confirmed(Level.L1, 2))
    assert Referral.objects.count() == 1
    assert verbs(second)[-1] == "known-no-new-referral"


def test_a_new_level_escalates_the_open_referral(analysed, sign) -> None:
    sign(analysed({Level.L1: 2}, study=1), confirmed(Level.L1, 2))
    sign(analysed({Level.T8: 2}, study=2), confirmed(Level.T8, 2))
    row = Referral.objects.get()
    assert (row.tier, row.fracture_count, row.spinal_deformity_index) == (Tier.A, 2, 4)
    assert row.grades == {"T8": 2, "L1": 2}


def test_a_new_fracture_after_the_end_opens_another_episode(analysed, sign, nurse: Actor) -> None:
    sign(analysed({Level.L1: 2}, study=1), confirmed(Level.L1, 2))
    first = Referral.objects.get()
    referral.close(first.pk, CloseReason.DECLINED, nurse, given.NOW)
    sign(analysed({Level.L1: 3}, study=2), confirmed(Level.L1, 3))
    assert Referral.objects.exclude(pk=first.pk).get().earlier == first


def test_patients_without_an_id_are_never_taken_for_each_other(analysed, sign) -> None:
    """Hazard: two people who both lack a PatientID are two people."""
    for study in (1, 2):
        who = given.patient(PatientID="")
        sign(analysed({Level.L1: 2}, study=study, who=who), confirmed(Level.L1, 2))
    assert Referral.objects.count() == 2


def test_the_same_id_of_another_issuer_is_another_patient(analysed, sign) -> None:
    sign(analysed({Level.L1: 2}, study=1), confirmed(Level.L1, 2))
    elsewhere = replace(given.patient(), IssuerOfPatientID="OTHER")
    sign(analysed({Level.L1: 2}, study=2, who=elsewhere), confirmed(Level.L1, 2))
    assert Referral.objects.count() == 2


def test_only_a_radiologist_signs_and_in_their_own_name(analysed, radiologist: Actor, nurse: Actor) -> None:
    pk = analysed({Level.L1: 2})
    for who, name in ((nurse, nurse.name), (radiologist, "somebody else")):
        with pytest.raises(NotAllowed):
            review.sign(pk, Review((confirmed(Level.L1, 2),), name, given.NOW), who, given.NOW)
    assert not SignedReview.objects.exists()


def test_nobody_signs_twice_or_what_is_not_awaiting_review(analysed, sign) -> None:
    pk = analysed({Level.L1: 2})
    sign(pk, confirmed(Level.L1, 2))
    with pytest.raises(WrongState):
        sign(pk, confirmed(Level.L1, 3))
    with pytest.raises(WrongState):
        sign(analysed({}, study=2))


def test_a_page_of_an_older_analysis_cannot_be_signed(analysed, radiologist: Actor, operator: Actor) -> None:
    """Hazard: signing what is no longer on the screen."""
    pk = analysed({Level.L1: 2})
    seen = AnalysisRecord.objects.get().pk
    operations.retry(pk, operator, given.later(200))
    answers.record(pk, 2, analysis({Level.L2: 3}), given.later(210))
    signed = Review((confirmed(Level.L1, 2),), radiologist.name, given.later(220))
    with pytest.raises(WrongState):
        review.sign(pk, signed, radiologist, given.later(220), analysis_id=seen)
    assert not SignedReview.objects.exists()


def test_a_review_reads_back_as_it_was_signed(analysed, sign) -> None:
    decisions = (confirmed(Level.L1, 3, original_grade=2), rejected(Level.T7, 1, RejectReason.LIMBUS))
    sign(analysed({Level.L1: 2, Level.T7: 1}), *decisions)
    assert decisions_of(SignedReview.objects.get().document) == decisions


def test_if_the_referral_cannot_be_written_nothing_is_signed(analysed, sign, monkeypatch, state_of) -> None:
    """One transaction: review, case, referral and audit are written together or not at all."""
    pk = analysed({Level.L1: 2})

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("disk")

    monkeypatch.setattr(Referral.objects, "create", fail)
    with pytest.raises(RuntimeError):
        sign(pk, confirmed(Level.L1, 2))
    assert state_of(pk) is CaseState.AWAITING_REVIEW
    assert not SignedReview.objects.exists()
    assert "signed" not in verbs(pk)


def test_the_worklist_shows_the_most_severe_first_and_no_grade_1(analysed) -> None:
    two = analysed({Level.L1: 2}, study=1)
    analysed({Level.L1: 1}, study=2)
    three = analysed({Level.L1: 3}, study=3)
    two_and_one = analysed({Level.L1: 2, Level.T9: 1}, study=4)
    assert [case.pk for case in queries.worklist()] == [three, two_and_one, two]
    next_one = queries.next_to_review(three)
    assert next_one is not None
    assert next_one.pk == two_and_one


def test_settled_studies_are_not_lost_from_the_operators_list(analysed) -> None:
    intake.receive(given.instance(1, 7), given.LISTENER, given.NOW, given.SETTLE)
    analysed({}, study=8)
    counts = queries.counts_by_state()
    assert (counts[CaseState.RECEIVING], counts[CaseState.ANALYSED_CLEAR]) == (0, 1)
    assert sum(counts.values()) == queries.studies().count() == 2
