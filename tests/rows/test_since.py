"""Two studies of one patient: what is new is told to the radiologist and the nurse, and to nobody of someone else."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
from django.test import Client

from tests.support import intake as given
from tests.support import spines
from tests.support.reviews import confirmed, rejected
from vfx_finder.actions import analysis as answers
from vfx_finder.actions import intake, operations, referral
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.prior import Change, compare
from vfx_finder.domain.referral import Tier
from vfx_finder.domain.review import RejectReason
from vfx_finder.domain.roles import Role
from vfx_finder.domain.seen import seen
from vfx_finder.domain.spine import Level
from vfx_finder.domain.study import Patient
from vfx_finder.ledger import queries
from vfx_finder.ledger.models import AuditEvent, Case, Referral

pytestmark = pytest.mark.django_db

THEN, NOW = "20250302", "20261120"
L = Level
Bring = Callable[..., int]


@pytest.fixture
def bring(db: None) -> Bring:
    """Receive, settle and analyse a study of this date with these grades."""

    def bringing(grades: Mapping[Level, int], StudyDate: str, who: Patient | None = None, **more: object) -> int:
        study = Case.objects.count() + 1
        instance = replace(given.instance(1, study, who), StudyDate=StudyDate, **more)
        intake.receive(instance, given.LISTENER, given.NOW, given.SETTLE)
        intake.settle_due(given.later(60))
        case = Case.objects.get(StudyInstanceUID=instance.StudyInstanceUID)
        answers.record(case.pk, case.generation, spines.analysis(grades), given.later(90))
        return case.pk

    return bringing


def earlier_of(pk: int) -> int | None:
    file = queries.study(pk)
    assert file is not None
    return file.earlier.case_id if file.earlier else None


def page(path: str, role: Role) -> str:
    from vfx_finder.accounts.models import User

    client = Client()
    client.force_login(User.objects.filter(role=role).first() or User.objects.create_user(f"p.{role}", None, role=role))
    return client.get(path).content.decode()


def test_the_page_says_what_is_new_what_is_known_and_since_when(bring: Bring) -> None:
    bring({L.L1: 2}, THEN)
    later = bring({L.L1: 2, L.T12: 3}, NOW)
    shown = page(f"/studies/{later}", Role.RADIOLOGIST)
    assert "new since 2 Mar 2025: −" in shown
    assert "known, unchanged" in shown
    assert "Compared with the study of 2 Mar 2025, as the software found it, not read." in shown
    assert "within the measuring error" in shown


def test_the_draft_is_compared_as_the_reader_changes_it(bring: Bring, radiologist: Actor) -> None:
    bring({}, THEN)
    later = bring({L.L1: 2}, NOW)
    client = Client()
    from vfx_finder.accounts.models import User

    client.force_login(User.objects.get(pk=radiologist.user_id))
    index = next(i for i, one in enumerate(spines.SPAN) if one is L.L1)
    plain = client.post(f"/studies/{later}/draft", {}).content.decode()
    turned_down = client.post(f"/studies/{later}/draft", {f"decision-{index}": "rejected"}).content.decode()
    assert "new since 2 Mar 2025" in plain
    assert "new since 2 Mar 2025" not in turned_down
    assert "lower: −" in turned_down


def test_a_rejected_finding_counts_as_not_fractured(bring: Bring, sign: Callable[..., object]) -> None:
    before = bring({L.L1: 2}, THEN)
    sign(before, rejected(L.L1, 2, RejectReason.SCHMORL_NODE))
    file = queries.study(bring({L.L1: 2}, NOW))
    assert file is not None
    assert file.earlier is not None
    assert file.earlier.is_signed
    assert file.analysis is not None
    comparison = compare(file.earlier.vertebrae, seen(file.analysis.findings))
    (l1,) = [one for one in comparison.vertebrae if one.now.level is L.L1]
    assert l1.change is Change.UNCHANGED
    assert "rejected then (Schmorl node)" in page(f"/studies/{file.case.pk}", Role.RADIOLOGIST)


def test_the_nurse_sees_what_is_new_on_the_patient_and_in_the_story(bring: Bring, sign: Callable[..., object]) -> None:
    bring({L.L2: 1}, THEN)
    later = bring({L.T12: 2, L.L2: 1}, NOW)
    sign(later, confirmed(L.T12, 2), rejected(L.L2, 1, RejectReason.SCHMORL_NODE))
    shown = page(f"/patients/{Referral.objects.get().pk}", Role.NURSE)
    assert "new since 2 Mar 2025: −" in shown
    assert "new since 2 Mar 2025: T12" in shown, "the story"
    signed = AuditEvent.objects.get(verb="signed")
    assert (signed.detail["compared_with"], signed.detail["new"]) == (THEN, "T12")
    assert "worse" not in signed.detail


def test_a_fracture_new_within_24_months_comes_first_and_an_older_comparison_does_not(
    bring: Bring, sign: Callable[..., object]
) -> None:
    for number, then in enumerate((THEN, "20200101")):
        who = given.patient(f"Q{number}")
        bring({}, then, who)
        sign(bring({L.L1: 2}, NOW, who), confirmed(L.L1, 2))
    tiers = dict(Referral.objects.values_list("PatientID", "tier"))
    assert tiers == {"Q0": Tier.A, "Q1": Tier.B}


def test_what_was_known_then_raises_nobody(bring: Bring, sign: Callable[..., object]) -> None:
    bring({L.L1: 2}, THEN)
    sign(bring({L.L1: 2}, NOW), confirmed(L.L1, 2))
    assert Referral.objects.get().tier == Tier.B
    assert "new" not in AuditEvent.objects.get(verb="signed").detail


def test_a_new_fracture_raises_the_open_referral(bring: Bring, sign: Callable[..., object], nurse: Actor) -> None:
    sign(bring({L.L1: 2}, THEN), confirmed(L.L1, 2))
    row = Referral.objects.get()
    assert row.tier == Tier.B
    referral.note(row.pk, "rang", nurse, given.NOW)
    sign(bring({L.L1: 2, L.T8: 2}, NOW), confirmed(L.L1, 2), confirmed(L.T8, 2))
    assert Referral.objects.get().tier == Tier.A
    assert AuditEvent.objects.filter(verb="signed").latest("pk").detail["new"] == "T8"


def test_the_most_recent_earlier_study_is_taken(bring: Bring) -> None:
    bring({}, "20190101")
    middle = bring({}, THEN)
    later = bring({L.L1: 2}, NOW)
    bring({}, "20261121")
    assert earlier_of(later) == middle


def test_a_study_of_the_same_day_or_without_a_date_is_no_earlier_one(bring: Bring) -> None:
    bring({}, NOW)
    bring({}, "")
    assert earlier_of(bring({L.L1: 2}, NOW)) is None
    assert earlier_of(bring({L.L1: 2}, "")) is None


def test_nobody_is_compared_with_somebody_else(bring: Bring) -> None:
    """Hazard: another issuer's number, and two people without any, are other people."""
    bring({}, THEN)
    bring({}, THEN, given.patient(""))
    assert earlier_of(bring({L.L1: 2}, NOW, replace(given.patient(), IssuerOfPatientID="OTHER"))) is None
    assert earlier_of(bring({L.L1: 2}, NOW, given.patient("P2"))) is None
    assert earlier_of(bring({L.L1: 2}, NOW, given.patient(""))) is None


def test_a_study_whose_images_name_two_patients_is_compared_with_nothing(bring: Bring) -> None:
    before, later = bring({}, THEN), bring({L.L1: 2}, NOW)
    Case.objects.filter(pk=before).update(patient_conflict=True)
    assert earlier_of(later) is None
    Case.objects.update(patient_conflict=True)
    assert earlier_of(later) is None


def test_a_study_that_is_to_be_analysed_again_is_passed_over(bring: Bring, operator: Actor) -> None:
    oldest = bring({}, "20240101")
    before = bring({}, THEN)
    later = bring({L.L1: 2}, NOW)
    assert earlier_of(later) == before
    operations.retry(before, operator, given.later(200))
    assert earlier_of(later) == oldest


def test_a_radiograph_is_not_compared_with_a_ct(bring: Bring) -> None:
    bring({}, THEN, Modality="DX")
    assert earlier_of(bring({L.L1: 2}, NOW)) is None
