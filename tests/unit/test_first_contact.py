"""What the patient says about the fracture, and what it may and may not do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.reviews import found
from vfx_finder.domain.first_contact import MOST_PREDNISOLONE_MG, Answer, Event, FirstContact, Treatment
from vfx_finder.domain.referral import NOTHING_KNOWN, Tier, tier
from vfx_finder.domain.spine import Level

SINGLE = found({Level.L1: 2})

contacts = st.builds(
    FirstContact,
    event=st.none() | st.sampled_from(Event),
    treatment=st.none() | st.sampled_from(Treatment),
    prednisolone_mg_per_day=st.none() | st.floats(0, MOST_PREDNISOLONE_MG),
    hip_fracture=st.none() | st.sampled_from(Answer),
    cancer=st.none() | st.sampled_from(Answer),
    bone_specialist=st.none() | st.sampled_from(Answer),
)


@pytest.mark.parametrize(
    ("said", "priority"),
    [
        (FirstContact(), Tier.B),
        (FirstContact(prednisolone_mg_per_day=7.5), Tier.A),
        (FirstContact(prednisolone_mg_per_day=7.0), Tier.B),
        (FirstContact(hip_fracture=Answer.YES), Tier.A),
        (FirstContact(hip_fracture=Answer.NOT_KNOWN), Tier.B),
        (FirstContact(treatment=Treatment.WHEN_FOUND), Tier.A),
        (FirstContact(treatment=Treatment.SINCE), Tier.B),
    ],
)
def test_the_priority_of_a_single_moderate_fracture(said: FirstContact, priority: Tier) -> None:
    assert tier(SINGLE, said.circumstances) is priority


@given(contacts)
def test_no_answer_lowers_what_the_images_say(said: FirstContact) -> None:
    for grades in ({Level.L1: 1}, {Level.L1: 2}, {Level.L1: 3}):
        assert tier(found(grades), said.circumstances) <= tier(found(grades))


@given(st.sampled_from(Event), st.sampled_from(Answer))
def test_how_it_came_about_and_cancer_move_nobody(event: Event, cancer: Answer) -> None:
    """High-energy trauma and cancer are for the nurse to weigh, not for a rule."""
    assert FirstContact(event=event, cancer=cancer).circumstances == NOTHING_KNOWN


def test_what_was_not_asked_and_what_nobody_knows_are_open_questions() -> None:
    unknown = FirstContact(treatment=Treatment.NOT_KNOWN, hip_fracture=Answer.NOT_KNOWN)
    assert unknown.circumstances.unknown == NOTHING_KNOWN.unknown
    assert FirstContact(hip_fracture=Answer.NO).circumstances.hip_fracture is False


def test_what_the_nurse_should_think_of() -> None:
    said = FirstContact(event=Event.HIGH_ENERGY, cancer=Answer.YES, bone_specialist=Answer.YES)
    trauma, cancer, specialist = said.heed
    assert "you decide" in trauma
    assert "malignancy" in cancer
    assert "specialist" in specialist
    assert not FirstContact(event=Event.LOW_FALL, cancer=Answer.NO).heed


@pytest.mark.parametrize("dose", [-1.0, 201.0, float("nan"), float("inf")])
def test_a_dose_that_nobody_takes_is_refused(dose: float) -> None:
    with pytest.raises(ValueError, match="dose"):
        FirstContact(prednisolone_mg_per_day=dose)
