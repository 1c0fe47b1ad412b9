"""What the patient said, in the rows and on the page: kept, corrected, never overwritten."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from tests.support import intake as given
from tests.support.reviews import confirmed
from vfx_finder.accounts.models import User
from vfx_finder.actions import first_contact, referral
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.errors import NotAllowed, WrongState
from vfx_finder.domain.first_contact import Answer, Event, FirstContact, Treatment
from vfx_finder.domain.flow import ReferralState
from vfx_finder.domain.referral import CloseReason, NotForFlsReason, Tier
from vfx_finder.domain.spine import Level
from vfx_finder.ledger.first_contact import latest_answers
from vfx_finder.ledger.models import AuditEvent, Referral, ReferralAnswers

pytestmark = pytest.mark.django_db

STEROIDS = FirstContact(event=Event.LIFTING, prednisolone_mg_per_day=10.0)


@pytest.fixture
def new(analysed: Callable[..., int], sign: Callable[..., object]) -> Referral:
    sign(analysed({Level.L1: 2}), confirmed(Level.L1, 2))
    return Referral.objects.get()


@pytest.fixture
def desk(nurse: Actor) -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=nurse.user_id), backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_answers_are_kept_and_raise_the_priority(new: Referral, nurse: Actor) -> None:
    assert new.tier == Tier.B
    assert first_contact.answer(new.pk, STEROIDS, nurse, given.NOW).tier == Tier.A
    assert latest_answers(new.pk) == STEROIDS
    told = AuditEvent.objects.get(verb="circumstances-answered", referral=new)
    assert (told.detail["tier_was"], told.detail["tier"]) == (Tier.B, Tier.A)
    assert told.detail["event"] == Event.LIFTING


def test_a_correction_is_a_row_of_its_own_and_takes_the_priority_back(new: Referral, nurse: Actor) -> None:
    first_contact.answer(new.pk, STEROIDS, nurse, given.NOW)
    mended = FirstContact(event=Event.LIFTING, prednisolone_mg_per_day=1.0)
    assert first_contact.answer(new.pk, mended, nurse, given.NOW + timedelta(minutes=1)).tier == Tier.B
    assert [row.prednisolone_mg_per_day for row in ReferralAnswers.objects.all()] == [10.0, 1.0]


def test_a_correction_never_goes_below_what_the_images_say(
    analysed: Callable[..., int], sign: Callable[..., object], nurse: Actor
) -> None:
    sign(analysed({Level.L1: 3}), confirmed(Level.L1, 3))
    severe = Referral.objects.get()
    for said in (STEROIDS, FirstContact(hip_fracture=Answer.NO)):
        assert first_contact.answer(severe.pk, said, nurse, given.NOW).tier == Tier.A


def test_what_earlier_images_said_stands_whatever_the_patient_answers(new: Referral, nurse: Actor) -> None:
    """A fracture that is new within 24 months made it A; the answers alone would say B."""
    Referral.objects.update(tier=Tier.A)
    for minutes, said in enumerate((FirstContact(hip_fracture=Answer.NO), STEROIDS, FirstContact())):
        at = given.NOW + timedelta(minutes=minutes)
        assert first_contact.answer(new.pk, said, nurse, at).tier == Tier.A
    new.refresh_from_db()
    assert new.imaging_tier == Tier.A


def test_the_same_answers_again_are_no_new_row(new: Referral, nurse: Actor) -> None:
    for _ in range(2):
        first_contact.answer(new.pk, STEROIDS, nurse, given.NOW)
    assert ReferralAnswers.objects.count() == 1
    first_contact.answer(new.pk, FirstContact(), nurse, given.NOW + timedelta(minutes=1))
    assert latest_answers(new.pk) == FirstContact()


def test_high_energy_trauma_ends_nothing_but_offers_its_reason(new: Referral, nurse: Actor, desk: Client) -> None:
    first_contact.answer(new.pk, FirstContact(event=Event.HIGH_ENERGY), nurse, given.NOW)
    new.refresh_from_db()
    assert (new.state, new.ended_reason) == (ReferralState.NEW, "")
    page = desk.get(reverse("patient", args=[new.pk])).content.decode()
    assert "you decide whether this is still a fragility fracture" in page
    assert NotForFlsReason.HIGH_ENERGY_TRAUMA.value in page


def test_a_later_study_raises_what_the_images_say_and_keeps_what_the_patient_said(
    new: Referral, analysed: Callable[..., int], sign: Callable[..., object], nurse: Actor
) -> None:
    first_contact.answer(new.pk, FirstContact(hip_fracture=Answer.YES), nurse, given.NOW)
    sign(analysed({Level.L1: 2, Level.L3: 2}, study=2), confirmed(Level.L1, 2), confirmed(Level.L3, 2))
    new.refresh_from_db()
    assert (new.tier, new.imaging_tier) == (Tier.A, Tier.A)
    first_contact.answer(new.pk, FirstContact(hip_fracture=Answer.NO), nurse, given.NOW + timedelta(days=1))
    new.refresh_from_db()
    assert new.tier == Tier.A


def test_only_the_nurse_answers_and_only_while_it_is_open(new: Referral, nurse: Actor, radiologist: Actor) -> None:
    with pytest.raises(NotAllowed):
        first_contact.answer(new.pk, STEROIDS, radiologist, given.NOW)
    referral.close(new.pk, CloseReason.DECLINED, nurse, given.NOW)
    with pytest.raises(WrongState):
        first_contact.answer(new.pk, STEROIDS, nurse, given.NOW)
    assert not ReferralAnswers.objects.exists()


def test_the_database_keeps_what_was_said(new: Referral, nurse: Actor) -> None:
    first_contact.answer(new.pk, STEROIDS, nurse, given.NOW)
    for change in (lambda rows: rows.update(cancer="no"), lambda rows: rows.delete()):
        with pytest.raises(IntegrityError, match="never changed"), transaction.atomic():
            change(ReferralAnswers.objects.all())


def test_the_form_on_the_page_is_saved_shown_and_told_in_the_story(new: Referral, desk: Client) -> None:
    page = desk.get(reverse("patient", args=[new.pk])).content.decode()
    assert "6 not asked" in page
    said = {
        "event": "fall-from-standing-height", "treatment": "when-found", "prednisolone_mg_per_day": "7,5",
        "hip_fracture": "not-known", "cancer": "", "bone_specialist": "no",
    }  # fmt: skip
    answer = desk.post(reverse("patient-first-contact", args=[new.pk]), said, follow=True).content.decode()
    assert latest_answers(new.pk) == FirstContact(
        Event.LOW_FALL, Treatment.WHEN_FOUND, 7.5, Answer.NOT_KNOWN, None, Answer.NO
    )
    for words in ("Answers kept. Priority A.", "Fall from standing height or less", "1 not asked", "7.5"):
        assert words in answer
    assert "First contact: fall from standing height, bone treatment when found" in answer
    assert "priority B to A" in answer


@pytest.mark.parametrize("wrong", [{"event": "fell off a ladder"}, {"prednisolone_mg_per_day": "nan"},
                                   {"prednisolone_mg_per_day": "7500"}, {"cancer": "perhaps"}])  # fmt: skip
def test_what_the_form_does_not_offer_is_not_kept(wrong: dict[str, str], new: Referral, desk: Client) -> None:
    answer = desk.post(reverse("patient-first-contact", args=[new.pk]), wrong, follow=True).content.decode()
    assert "An answer could not be read; nothing was kept." in answer
    assert not ReferralAnswers.objects.exists()
