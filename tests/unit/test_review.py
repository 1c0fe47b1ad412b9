"""What a radiologist signs, and what it adds up to."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.reviews import SIGNED_AT, confirmed, rejected, signed
from vfx_finder.domain.finding import Deformity
from vfx_finder.domain.review import Decision, RejectReason, Review, VertebraDecision, outcome
from vfx_finder.domain.spine import GRADED_LEVELS, HEAD_TO_FOOT, Level


def test_two_confirmed_fractures_add_up_from_head_to_foot() -> None:
    result = outcome(signed(confirmed(Level.L1, 2), confirmed(Level.T8, 3), confirmed(Level.T9, 0)))
    assert [fracture.level for fracture in result.fractures] == [Level.T8, Level.L1]
    assert (result.max_grade, result.spinal_deformity_index, result.fracture_count) == (3, 5, 2)
    assert result.grades == {Level.T8: 3, Level.L1: 2}
    assert result.decision is Decision.CONFIRMED


def test_a_rejected_flag_leaves_no_fracture_and_keeps_its_reason() -> None:
    review = signed(rejected(Level.T11, 2, RejectReason.SCHMORL_NODE))
    result = outcome(review)
    assert result.decision is Decision.REJECTED
    assert (result.max_grade, result.spinal_deformity_index, result.fractures) == (0, 0, ())
    assert review.vertebrae[0].reason is RejectReason.SCHMORL_NODE


def test_a_corrected_level_and_grade_are_what_counts_and_the_original_stays() -> None:
    corrected = VertebraDecision(Level.L1, Level.T12, 3, 2, Deformity.CRUSH)
    result = outcome(signed(corrected))
    assert result.grades == {Level.L1: 3}
    assert (corrected.original_level, corrected.original_grade) == (Level.T12, 2)


def test_a_suspected_metastasis_is_remembered_beside_a_confirmed_fracture() -> None:
    result = outcome(signed(confirmed(Level.L1, 2), rejected(Level.T5, 2, RejectReason.PATHOLOGICAL_SUSPECTED)))
    assert result.pathological_suspected
    assert result.grades == {Level.L1: 2}


def test_a_fracture_of_l5_counts_but_not_in_the_deformity_index() -> None:
    result = outcome(signed(confirmed(Level.L5, 2), confirmed(Level.L4, 1)))
    assert (result.fracture_count, result.max_grade, result.spinal_deformity_index) == (2, 2, 1)


@pytest.mark.parametrize(
    ("decision", "reason", "grade"),
    [
        (Decision.REJECTED, None, 2),
        (Decision.CONFIRMED, RejectReason.LIMBUS, 2),
        (Decision.CONFIRMED, None, 0),
        (Decision.CONFIRMED, None, 4),
    ],
)
def test_a_decision_that_says_two_things_cannot_be_made(
    decision: Decision, reason: RejectReason | None, grade: int
) -> None:
    with pytest.raises(ValueError, match=r"reason|grade"):
        VertebraDecision(Level.L1, Level.L1, grade, 2, decision=decision, reason=reason)


def test_nobody_signs_without_a_name_or_a_time_zone() -> None:
    with pytest.raises(ValueError, match="person"):
        Review((), " ", SIGNED_AT)
    with pytest.raises(ValueError, match="zone"):
        Review((), "dr.lee", datetime(2026, 11, 21, 9, 30))  # noqa: DTZ001


def test_two_fractures_cannot_be_signed_at_one_level() -> None:
    with pytest.raises(ValueError, match="same level"):
        Review((confirmed(Level.L1, 2), confirmed(Level.L1, 1)), "dr.lee", datetime.now(UTC))


def test_every_reason_to_reject_has_words_of_its_own() -> None:
    assert len({reason.label for reason in RejectReason}) == len(RejectReason)


@given(st.dictionaries(st.sampled_from(Level), st.integers(0, 3)))
def test_the_outcome_counts_what_was_signed_and_nothing_else(grades: dict[Level, int]) -> None:
    result = outcome(signed(*(confirmed(level, grade) for level, grade in grades.items())))
    fractured = {level: grade for level, grade in grades.items() if grade}
    assert result.grades == fractured
    assert result.max_grade == max(fractured.values(), default=0)
    assert result.spinal_deformity_index == sum(fractured.get(level, 0) for level in GRADED_LEVELS)
    places = [HEAD_TO_FOOT.index(fracture.level) for fracture in result.fractures]
    assert places == sorted(places)
