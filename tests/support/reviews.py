"""Signed reviews and their outcomes, short to write and random to draw."""

from datetime import UTC, datetime

from hypothesis import strategies as st

from vfx_finder.domain.finding import Deformity
from vfx_finder.domain.review import (
    ConfirmedFracture,
    Decision,
    RejectReason,
    Review,
    ReviewOutcome,
    VertebraDecision,
)
from vfx_finder.domain.spine import Level

SIGNED_AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def confirmed(level: Level, grade: int, original_grade: int | None = None) -> VertebraDecision:
    """A vertebra that the reader signs at `grade`."""
    return VertebraDecision(level, level, grade, grade if original_grade is None else original_grade)


def rejected(level: Level, grade: int, reason: RejectReason) -> VertebraDecision:
    """A vertebra flagged at `grade` that the reader turns down."""
    return VertebraDecision(level, level, grade, grade, decision=Decision.REJECTED, reason=reason)


def signed(*vertebrae: VertebraDecision) -> Review:
    """A review of these vertebrae by a radiologist."""
    return Review(vertebrae, "dr.lee", SIGNED_AT)


def found(grades: dict[Level, int], pathological: bool = False) -> ReviewOutcome:
    """What a review with these confirmed grades adds up to."""
    return ReviewOutcome(tuple(ConfirmedFracture(level, grade, None) for level, grade in grades.items()), pathological)


def outcomes(min_fractures: int = 0) -> st.SearchStrategy[ReviewOutcome]:
    """Any outcome a radiologist can sign."""
    fracture = st.builds(
        ConfirmedFracture,
        level=st.sampled_from(Level),
        grade=st.integers(1, 3),
        deformity=st.none() | st.sampled_from(Deformity),
    )
    several = st.lists(fracture, min_size=min_fractures, max_size=6, unique_by=lambda one: one.level)
    return st.builds(ReviewOutcome, several.map(tuple), st.booleans())
