"""Operating points: the probability from which a vertebra reaches the radiologist's worklist, chosen by setting."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vfx_finder.domain.study import FILMS

SHOWN_WHATEVER_IT_RESEMBLES = 2
"""From this measured grade on, likeness to a mimic lowers a vertebra's probability but never takes it off the
worklist, except at "specific": a mimic and a fracture can stand in one vertebra."""

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

    `mimics_count_fully`: one that measures grade 2 or 3 may stay off the worklist because it resembles a mimic.
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
        shown_anyway = grade >= SHOWN_WHATEVER_IT_RESEMBLES and not self.mimics_count_fully
        return shown_anyway or probability >= self.threshold

    def with_measured(self, measured: Measured | None) -> "OperatingPoint":
        """This point with its measurement; one that was made with another threshold says nothing about it."""
        fits = measured is not None and measured.threshold == self.threshold
        return replace(self, measured=measured if fits else None)

    @property
    def words(self) -> str:
        """Name, threshold and what was measured, as it stands beside every list that follows from it."""
        return f"Operating point {self.name}: flagged from a probability of {self.threshold:.0%}; {self._worth}."

    @property
    def _worth(self) -> str:
        if self.measured is None:
            return NOT_MEASURED
        return (
            f"sensitivity {self.measured.sensitivity:.1%}, specificity {self.measured.specificity:.1%} per study "
            f"({self.measured.n} {self.measured.on}: no clinical evidence)"
        )


SCREENING = OperatingPoint("screening", 0.1)
BALANCED = OperatingPoint("balanced", 0.25)
SPECIFIC = OperatingPoint("specific", 0.5, mimics_count_fully=True)
"""In a vertebra that resembles no mimic and whose planes agree, screening flags from a severity of 22.5 %, half-way
between the bounds of Genant's grades 1 and 2; balanced from 25 %, where grade 2 begins (Genant et al. 1993); specific
from 27.5 %."""

ON_FILMS = OperatingPoint("films (research)", 0.5)
"""The probability from which a vertebra on a film is suspected (`pipelines.steps.film_judge`), whatever point is set:
films have no grades, and their model is an experiment."""

OPERATING_POINTS: dict[str, OperatingPoint] = {point.name: point for point in (SCREENING, BALANCED, SPECIFIC)}


def operating_point_of(row: Mapping[str, Any] | None, modality: str) -> OperatingPoint:
    """The point that a kept result was made at, from its document; results from before there was one are of "balanced".

    Before films had a point of their own their results carried CT's, whose figures say nothing of films: those are read
    as `ON_FILMS`, not measured.
    """
    point = OperatingPoint(**{**row, "measured": _measured(row["measured"])}) if row else BALANCED
    return ON_FILMS if modality in FILMS and point.name != ON_FILMS.name else point


def _measured(row: Mapping[str, Any] | None) -> Measured | None:
    return Measured(**row) if row else None
