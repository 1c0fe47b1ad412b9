"""Reports name the fracture, its level, its grade and the next step, and hide behind no other word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.reviews import found, outcomes
from vfx_finder.domain.guidance import (
    AUDIT_STANDARDS,
    INTENDED_USE,
    MUST_SAY,
    RESEARCH_ONLY,
    check_wording,
    meets,
    report_text,
)
from vfx_finder.domain.referral import Eligibility
from vfx_finder.domain.review import ReviewOutcome
from vfx_finder.domain.spine import Level


def codes(text: str) -> list[str]:
    return [problem.code for problem in check_wording(text)]


@given(outcomes(), st.sampled_from(Eligibility))
def test_every_draft_passes_its_own_check(outcome: ReviewOutcome, eligible: Eligibility) -> None:
    text = report_text(outcome, eligible)
    assert check_wording(text) == ()
    assert MUST_SAY in text
    assert RESEARCH_ONLY in text
    for fracture in outcome.fractures:
        assert f"{fracture.level}: " in text
        assert f"Genant grade {fracture.grade}" in text


def test_a_moderate_fracture_is_written_with_level_grade_and_referral() -> None:
    text = report_text(found({Level.L1: 2}), Eligibility.ELIGIBLE)
    assert "Bones: 1 vertebral fracture." in text
    assert "L1: moderate vertebral fracture, Genant grade 2" in text
    assert "Recommend referral to the Fracture Liaison Service (FLS)" in text


def test_only_the_right_patients_are_recommended_to_the_fracture_liaison_service() -> None:
    moderate = found({Level.L1: 2})
    recommended = "Recommend referral to the Fracture Liaison Service"
    assert "specialist" in report_text(moderate, Eligibility.TOO_YOUNG)
    assert recommended not in report_text(moderate, Eligibility.TOO_YOUNG)
    assert "confirm that the patient is 50" in report_text(moderate, Eligibility.AGE_UNKNOWN)
    assert recommended not in report_text(found({Level.L1: 1}), Eligibility.ELIGIBLE)
    suspected = report_text(found({Level.L1: 2}, pathological=True), Eligibility.ELIGIBLE)
    assert recommended not in suspected
    assert "suspected-cancer" in suspected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Wedging of L1.", ["no-vertebral-fracture", "no-grade", "no-recommendation", "ambiguous-word"]),
        ("Mild loss of height at T8.", ["no-vertebral-fracture", "no-grade", "no-recommendation", "ambiguous-word"]),
        ("Vertebral fracture.", ["no-level", "no-grade", "no-recommendation"]),
        ("Wedge fracture of L1, a vertebral fracture, grade 2. Recommend FLS assessment.", []),
        ("L1 vertebral fracture, Genant grade 2. Refer to FLS. Collapse of T9.", ["ambiguous-word"]),
        ("L1 vertebral fracture, grade 2. Compression of T9: Fracture Liaison Service, recommend.", ["ambiguous-word"]),
        ("L1 vertebral fracture, grade 2, not to the Fracture Liaison Service.", ["no-recommendation"]),
        ("No vertebral fracture. Haemangioma of L4.", []),
        ("No acute vertebral fracture seen. Sagittal alignment normal after decompression.", []),
        ("No hip fracture. L1 vertebral fracture.", ["no-grade", "no-recommendation"]),
        ("The bones are normal.", ["no-vertebral-fracture", "no-level", "no-grade", "no-recommendation"]),
    ],
)
def test_what_the_check_finds(text: str, expected: list[str]) -> None:
    assert codes(text) == expected


@given(st.text(max_size=200))
def test_the_check_answers_about_any_text(text: str) -> None:
    assert ("no-vertebral-fracture" in codes(text)) == (MUST_SAY not in text.lower())


def test_the_intended_use_names_its_limits() -> None:
    for words in ("aged 50 and over", "Not for diagnosis", "does not exclude fracture", "confirmed by a radiologist"):
        assert words in INTENDED_USE


def test_audit_standards_are_met_or_missed_by_counting() -> None:
    identified = AUDIT_STANDARDS[1]
    assert meets(identified, 91, 100) is True
    assert meets(identified, 90, 100) is False
    assert meets(AUDIT_STANDARDS[2], 100, 100) is True
    assert meets(AUDIT_STANDARDS[2], 99, 100) is False
    assert meets(identified, 0, 0) is None
    assert meets(AUDIT_STANDARDS[4], 1, 1) is None
