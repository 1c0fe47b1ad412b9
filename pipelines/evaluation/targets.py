"""What was aimed for before anything was measured, beside what was reached; also where it falls short."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pipelines.evaluation.location import WITH_ANCHOR, WITHOUT_ANCHOR
from pipelines.evaluation.patients import PatientPoint
from pipelines.evaluation.report import ImageScores, MaskScores
from pipelines.evaluation.statistics import LEAST_FOR_A_VERDICT, Estimate

HEADLINE_POINT = "balanced"
"""The operating point that targets speak of."""

DECIMALS, MOST_DECIMALS = 3, 9


class Verdict(StrEnum):
    """What is said of an aim, in the words of the table."""

    MET = "met"
    MET_BY_VALUE = "met, interval beyond"
    FALLS_SHORT = "FALLS SHORT"
    SHORT_BY_VALUE = "FALLS SHORT, interval beyond"
    TOO_FEW = "too few to say"
    NO_VALUE = "-"


@dataclass(frozen=True)
class Target:
    """One aim: `estimate` should be at least, or at most, `bound`."""

    name: str
    estimate: Estimate
    bound: float
    at_least: bool = True

    @property
    def words(self) -> str:
        """The aim in words."""
        return f"at {'least' if self.at_least else 'most'} {self.bound:g}"

    @property
    def decimals(self) -> int:
        """How many to print: so many that a value which falls short never reads as if it stood on the aim."""
        value = self.estimate.value
        if value is None or self._reaches(value):
            return DECIMALS
        enough = (count for count in range(DECIMALS, MOST_DECIMALS) if float(f"{value:.{count}f}") != self.bound)
        return next(enough, MOST_DECIMALS)

    @property
    def verdict(self) -> Verdict:
        """Whether the value reaches the aim, where enough patients carry it, and whether its whole interval agrees."""
        value = self.estimate.value
        if value is None:
            return Verdict.NO_VALUE
        if self.estimate.subjects < LEAST_FOR_A_VERDICT:
            return Verdict.TOO_FEW
        ends = (self.estimate.low, self.estimate.high)
        agrees = all(end is not None and self._reaches(end) is self._reaches(value) for end in ends)
        if self._reaches(value):
            return Verdict.MET if agrees else Verdict.MET_BY_VALUE
        return Verdict.FALLS_SHORT if agrees else Verdict.SHORT_BY_VALUE

    def _reaches(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound


def synthetic_targets(scores: ImageScores) -> tuple[Target, ...]:
    """The aims for the synthetic validation set that these scores speak of."""
    found: list[Target] = []
    if with_anchor := scores.by_anchor.get(WITH_ANCHOR):
        found.append(Target("identification rate, an anchor in view", with_anchor.identification_rate, 0.97))
    if without := scores.by_anchor.get(WITHOUT_ANCHOR):
        found.append(Target("level right or one off, no anchor in view", without.level_within_one, 0.97))
    if point := _headline(scores.patients.points if scores.patients else ()):
        found += [
            Target(f"patients, {point.name}: sensitivity for grade 2 and above", point.sensitivity, 0.95),
            Target(f"patients, {point.name}: specificity", point.specificity, 0.97),
            Target(f"patients, {point.name}: mimics alone called", point.mimics_called, 0.05, at_least=False),
        ]
    found += [Target(f"loss of AUC, {pair.name}", pair.loss, 0.03, at_least=False) for pair in scores.paired]
    if scores.calls:
        found.append(
            Target("calibration error per vertebra, T4 to L4", scores.calls.calibration_error, 0.03, at_least=False)
        )
    return tuple(found)


def real_targets(scores: ImageScores) -> tuple[Target, ...]:
    """The aims for real CTs with an expert mask."""
    place = scores.location
    return (
        Target("bodies found", place.found, 1.0),
        Target("false bodies inside the labelled span, per image", place.false_in_span_per_study, 0.0, at_least=False),
        Target("min/max ratio, mean absolute error", place.ratio_error, 0.020, at_least=False),
    )


def mask_targets(scores: MaskScores) -> tuple[Target, ...]:
    """The aims for measuring and rule alone: by the fixed rule, which fits nothing to these patients, and by thresholds
    refitted without the patient tested."""
    if scores.t4_l4 is None or scores.t4_l4_refitted is None:
        return ()
    return (
        Target("AUC, grade 2 and above, T4 to L4", scores.t4_l4.auc_grade2, 0.97),
        Target("AUC, grade 2 and above, every graded level", scores.every_level.auc_grade2, 0.97),
        Target("quadratic kappa, T4 to L4, fixed rule", scores.t4_l4.quadratic_kappa, 0.85),
        Target("quadratic kappa, every graded level, fixed rule", scores.every_level.quadratic_kappa, 0.85),
        Target("quadratic kappa, T4 to L4, thresholds refitted", scores.t4_l4_refitted.quadratic_kappa, 0.85),
        Target(
            "quadratic kappa, every graded level, thresholds refitted",
            scores.every_level_refitted.quadratic_kappa,
            0.85,
        ),
    )


def _headline(points: Sequence[PatientPoint]) -> PatientPoint | None:
    return next((point for point in points if point.name == HEADLINE_POINT), None)
