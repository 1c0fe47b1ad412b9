"""Operating points: the probability from which a vertebra reaches the radiologist's worklist, chosen by setting."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vfx_finder.domain.study import FILMS

SHOWN_WHATEVER_IT_RESEMBLES = 3
"""From this measured grade on a vertebra stands on the worklist whatever it resembles: two fifths of a height are no
mimic's alone, and a mimic and a fracture can stand in one vertebra. Where a point counts by grade, from 2 on."""
COUNTED_BY_GRADE = 2

_ON_FILMS = "films (research)"

NOT_MEASURED = "not yet measured"
"""Stands where the model was not measured at its operating point."""


@dataclass(frozen=True)
class Measured:
    """What a model was measured at with one threshold, by study: shares (0..1) of `n`; `on` names the images."""

    threshold: float
    sensitivity: float
    specificity: float
    n: int
    on: str


@dataclass(frozen=True)
class OperatingPoint:
    """A vertebra whose probability of grade 2 or 3 is at least `threshold` is flagged.

    `mimics_count_fully`: one that measures grade 2 may stay off the worklist where its shape is rather that of a
    sound vertebra, or of a mimic; else every measured grade 2 is flagged.
    `measured`: what the installed model was measured at with this threshold; None where it was not.
    """

    name: str
    threshold: float
    mimics_count_fully: bool = False
    measured: Measured | None = None

    def flags(self, grade: int | None, probability: float | None) -> bool:
        """Whether a vertebra of this Genant grade and this probability of grade 2 or 3 reaches the worklist."""
        if grade is None or probability is None:
            return False
        by_grade = SHOWN_WHATEVER_IT_RESEMBLES if self.mimics_count_fully else COUNTED_BY_GRADE
        return grade >= by_grade or probability >= self.threshold

    def with_measured(self, measured: Measured | None) -> "OperatingPoint":
        """This point with its measurement; one that was made with another threshold says nothing about it."""
        fits = measured is not None and measured.threshold == self.threshold
        return replace(self, measured=measured if fits else None)

    @property
    def words(self) -> str:
        """Name, threshold and what was measured, as it stands beside every list that follows from it."""
        flagged = f"flagged from a probability of {self.threshold:.0%}{self._by_grade}"
        return f"Operating point {self.name}: {flagged}; {self._worth}."

    @property
    def _by_grade(self) -> str:
        if self.name == _ON_FILMS:
            return ""
        return " and at every measured grade 3" if self.mimics_count_fully else " and at every measured grade 2 and 3"

    @property
    def _worth(self) -> str:
        if self.measured is None:
            return NOT_MEASURED
        return (
            f"sensitivity {self.measured.sensitivity:.1%}, specificity {self.measured.specificity:.1%} per study "
            f"({self.measured.n} {self.measured.on}: no clinical evidence)"
        )


SCREENING = OperatingPoint("screening", 0.1)
BALANCED = OperatingPoint("balanced", 0.25, mimics_count_fully=True)
SPECIFIC = OperatingPoint("specific", 0.5, mimics_count_fully=True)
"""Of measured grade 2 vertebrae "screening" shows all, "balanced" those that are broken with 1 in 4 by their shape
(`pipelines.steps.shape_facts`), "specific" those that rather are than not; a measured grade 3 is always shown. What one
in four is worth beside the measured grade alone stands in docs/evidence/ct_spine.md."""

_BEFORE_A_CHOICE = OperatingPoint("balanced", 0.25)
"""What every result was flagged by before there was a choice of points."""

ON_FILMS = OperatingPoint(_ON_FILMS, 0.5)
"""The probability from which a vertebra on a film is suspected (`pipelines.steps.film_judge`), whatever point is set:
films have no grades, and their model is an experiment."""

OPERATING_POINTS: dict[str, OperatingPoint] = {point.name: point for point in (SCREENING, BALANCED, SPECIFIC)}


def operating_point_of(row: Mapping[str, Any] | None, modality: str) -> OperatingPoint:
    """The point that a kept result was made at, from its document; those from before there was a choice name none.

    Before films had a point of their own their results carried CT's, whose figures say nothing of films: those are read
    as `ON_FILMS`, not measured.
    """
    point = OperatingPoint(**{**row, "measured": _measured(row["measured"])}) if row else _BEFORE_A_CHOICE
    return ON_FILMS if modality in FILMS and point.name != ON_FILMS.name else point


def _measured(row: Mapping[str, Any] | None) -> Measured | None:
    return Measured(**row) if row else None
