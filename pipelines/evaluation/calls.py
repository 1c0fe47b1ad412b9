"""Grades of single vertebrae on images: AUC, sensitivity and specificity at operating points, kappa, calibration."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.evaluation.rows import POSITIVE_GRADE, BodyRow, is_core, is_flagged, patients_of
from pipelines.evaluation.statistics import (
    GRADES,
    Bin,
    Bools,
    Estimate,
    Floats,
    Rows,
    auc_by_subject,
    calibration_by_subject,
    confusion,
    kappa_by_subject,
    reliability,
    roc,
    share_by_subject,
)
from vfx_finder.domain.operating_point import OperatingPoint


@dataclass(frozen=True)
class PointScore:
    """One operating point. `sensitivity` and `specificity` are of the graded vertebrae; `sensitivity_in_view` counts
    fractured vertebrae that were missed or not graded as not flagged. `by_grade`: share flagged of each true grade."""

    name: str
    threshold: float
    sensitivity: Estimate
    specificity: Estimate
    sensitivity_in_view: Estimate
    by_grade: tuple[Estimate, ...]


@dataclass(frozen=True)
class CallScore:
    """Vertebrae with a known grade. `not_graded` counts those without a grade by reason; `table` counts
    [true grade][given grade] of the graded ones."""

    patients: int
    vertebrae: int
    fractured: int
    graded: Estimate
    not_graded: Mapping[str, int]
    auc_grade2: Estimate
    auc_grade1: Estimate
    quadratic_kappa: Estimate
    calibration_error: Estimate
    points: tuple[PointScore, ...]
    table: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Curves:
    """What is drawn of a set of vertebrae: the ROC curve for grade 2 and above, and the reliability of the
    probability."""

    roc: tuple[tuple[float, float], ...]
    reliability: tuple[Bin, ...]


@dataclass(frozen=True)
class _Columns:
    truth: Rows
    probability: Floats
    grade: Rows
    patients: list[str]

    @property
    def positive(self) -> Bools:
        return np.asarray(self.truth >= POSITIVE_GRADE)


def calls(rows: Sequence[BodyRow], points: Sequence[OperatingPoint]) -> CallScore:
    """The score of these vertebrae, with intervals by patient; those without a known grade are left out."""
    known = [row for row in rows if row.true.grade is not None]
    graded = [row for row in known if row.why_not_graded is None]
    told = _columns(graded)
    return CallScore(
        patients=len(set(patients_of(known))),
        vertebrae=len(known),
        fractured=sum((row.true.grade or 0) >= POSITIVE_GRADE for row in known),
        graded=_share([row.why_not_graded is None for row in known], [True] * len(known), known),
        not_graded=dict(Counter(row.why_not_graded for row in known if row.why_not_graded).most_common()),
        auc_grade2=auc_by_subject(told.probability, told.positive, told.patients),
        auc_grade1=auc_by_subject(told.probability, np.asarray(told.truth >= 1), told.patients),
        quadratic_kappa=kappa_by_subject(told.truth, told.grade, told.patients),
        calibration_error=calibration_by_subject(told.probability, told.positive, told.patients),
        points=tuple(_at(point, known, graded) for point in points),
        table=tuple(tuple(int(count) for count in line) for line in confusion(told.truth, told.grade)),
    )


def curves(rows: Sequence[BodyRow]) -> Curves:
    """ROC and reliability of the graded ones among these vertebrae."""
    told = _columns([row for row in rows if row.true.grade is not None and row.why_not_graded is None])
    return Curves(roc(told.probability, told.positive), reliability(told.probability, told.positive))


def core(rows: Sequence[BodyRow]) -> list[BodyRow]:
    """The vertebrae of T4 to L4."""
    return [row for row in rows if is_core(row.true.level)]


def _columns(graded: Sequence[BodyRow]) -> _Columns:
    return _Columns(
        truth=np.array([row.true.grade for row in graded], int),
        probability=np.array([row.said.probability if row.said else None for row in graded], float),
        grade=np.array([(row.said.grade if row.said else None) or 0 for row in graded], int),
        patients=patients_of(graded),
    )


def _at(point: OperatingPoint, known: Sequence[BodyRow], graded: Sequence[BodyRow]) -> PointScore:
    flagged = [is_flagged(row.said, point) for row in graded]
    in_view = [is_flagged(row.said, point) for row in known]
    return PointScore(
        name=point.name,
        threshold=point.threshold,
        sensitivity=_share(flagged, [_is_fractured(row) for row in graded], graded),
        specificity=_share([not flag for flag in flagged], [not _is_fractured(row) for row in graded], graded),
        sensitivity_in_view=_share(in_view, [_is_fractured(row) for row in known], known),
        by_grade=tuple(_share(flagged, [row.true.grade == grade for row in graded], graded) for grade in range(GRADES)),
    )


def _is_fractured(row: BodyRow) -> bool:
    return (row.true.grade or 0) >= POSITIVE_GRADE


def _share(hits: Sequence[bool], among: Sequence[bool], rows: Sequence[BodyRow]) -> Estimate:
    return share_by_subject(np.array(hits, bool), np.array(among, bool), patients_of(rows))
