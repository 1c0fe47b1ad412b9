"""Masks with published grades: what the measuring code and the grading rule are worth without any network."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.evaluation.cases import Case, Excluded
from pipelines.evaluation.statistics import (
    Estimate,
    auc_by_subject,
    calibration_by_subject,
    confusion,
    kappa_by_subject,
    share_by_subject,
)
from pipelines.evaluation.truth import patient_of
from pipelines.steps.judge import CUT, judge
from pipelines.steps.mask_sections import MaskMeasure, measure_label_mask
from vfx_finder.domain import genant
from vfx_finder.domain.finding import Finding
from vfx_finder.domain.genant import GenantRule
from vfx_finder.domain.spine import GRADED_LEVELS, Level, LevelEstimate, Vertebra


@dataclass(frozen=True)
class Graded:
    """One vertebra with a published grade and what this system says of it."""

    subject: str
    level: Level
    truth: int
    grade: int
    severity: float
    own_loss: float
    probability: float


@dataclass(frozen=True)
class GradingScore:
    """What the rule is worth on a set of graded vertebrae; `table` counts [published grade][given grade]."""

    subjects: int
    vertebrae: int
    auc_grade2: Estimate
    auc_grade1: Estimate
    sensitivity_grade2: Estimate
    specificity_grade2: Estimate
    sensitivity_grade1: Estimate
    specificity_grade1: Estimate
    quadratic_kappa: Estimate
    calibration_error: Estimate
    patient_sensitivity_grade2: Estimate
    patient_specificity_grade2: Estimate
    table: tuple[tuple[int, ...], ...]


def grade_mask(case: Case) -> tuple[tuple[Graded, ...], tuple[Excluded, ...]]:
    """Judge every vertebra of a mask as if it had been found on an image; those not comparable are given with why."""
    if case.mask is None:
        raise ValueError("This case has no mask.")
    measures = measure_label_mask(case.mask)
    findings = _judged(measures)
    seen = [(level, findings[level]) for level in case.grades if level in findings]
    rows = [_row(case, level, finding) for level, finding in seen if finding.grade is not None]
    refused = Counter(finding.unsuitable.reason.value for _, finding in seen if finding.unsuitable)
    absent = len(case.grades) - len(seen)
    excluded = [Excluded(case.mask.name, f"{count} graded vertebrae: {why}") for why, count in refused.items()]
    if absent:
        excluded.append(Excluded(case.mask.name, f"{absent} graded vertebrae: not in the mask"))
    return tuple(rows), tuple(excluded)


def score(rows: Sequence[Graded]) -> GradingScore:
    """All measures over these vertebrae, with 95 % intervals by patient."""
    truth, said = np.array([row.truth for row in rows], int), np.array([row.grade for row in rows], int)
    severity = np.array([row.severity for row in rows], float)
    probability = np.array([row.probability for row in rows], float)
    subjects = [patient_of(row.subject) for row in rows]
    return GradingScore(
        subjects=len(set(subjects)),
        vertebrae=len(rows),
        auc_grade2=auc_by_subject(severity, truth >= 2, subjects),
        auc_grade1=auc_by_subject(severity, truth >= 1, subjects),
        sensitivity_grade2=share_by_subject(said >= 2, truth >= 2, subjects),
        specificity_grade2=share_by_subject(said < 2, truth < 2, subjects),
        sensitivity_grade1=share_by_subject(said >= 1, truth >= 1, subjects),
        specificity_grade1=share_by_subject(said < 1, truth < 1, subjects),
        quadratic_kappa=kappa_by_subject(truth, said, subjects),
        calibration_error=calibration_by_subject(probability, truth >= 2, subjects),
        **_by_patient(rows),
        table=tuple(tuple(int(count) for count in line) for line in confusion(truth, said)),
    )


def _by_patient(rows: Sequence[Graded]) -> dict[str, Estimate]:
    subjects = list(dict.fromkeys(row.subject for row in rows))
    truth = np.array([max(row.truth for row in rows if row.subject == subject) for subject in subjects], int)
    said = np.array([max(row.grade for row in rows if row.subject == subject) for subject in subjects], int)
    patients = [patient_of(subject) for subject in subjects]
    return {
        "patient_sensitivity_grade2": share_by_subject(said >= 2, truth >= 2, patients),
        "patient_specificity_grade2": share_by_subject(said < 2, truth < 2, patients),
    }


def core_levels(rows: Sequence[Graded]) -> list[Graded]:
    """The vertebrae of T4 to L4, where fractures are read by convention."""
    return [row for row in rows if row.level in GRADED_LEVELS]


def _judged(measures: dict[Level, MaskMeasure]) -> dict[Level, Finding]:
    vertebrae = [vertebra_of(level, measure) for level, measure in measures.items()]
    spreads = [measure.body.ratio_spread if measure.body else 0.0 for measure in measures.values()]
    findings, _ = judge(vertebrae, spreads)
    return {finding.vertebra.level.level: finding for finding in findings}


def vertebra_of(level: Level, measure: MaskMeasure) -> Vertebra:
    """A labelled body as if it had been found on an image, its level known."""
    body = measure.body
    flags = ((CUT,) if measure.cut else ()) + (body.flags if body else ())
    known = LevelEstimate(level, 1.0, {})
    return Vertebra(known, measure.centre_mm, body.heights if body else None, flags, body.drawing if body else None)


def _row(case: Case, level: Level, finding: Finding, rule: GenantRule = genant.RULE) -> Graded:
    if finding.loss is None or finding.grade is None or finding.probability_grade2plus is None:
        raise ValueError("Only a graded vertebra has a row.")
    severity = genant.severity(level, finding.loss, rule)
    truth, own = case.grades[level], finding.loss.own
    return Graded(case.subject, level, truth, finding.grade, severity, own, finding.probability_grade2plus)
