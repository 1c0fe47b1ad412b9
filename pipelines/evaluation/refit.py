"""Thresholds of the three grades refitted without the subject that is tested: what fitting them would be worth.

The product's rule has fixed thresholds (Genant 1993). Beside it stands what comes out when the three thresholds are
chosen anew, for each subject from all others, by the best quadratic kappa. The AUC needs no threshold.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipelines.evaluation.grading import Graded
from pipelines.evaluation.statistics import Floats, Rows, quadratic_kappa
from pipelines.evaluation.truth import patient_of
from vfx_finder.domain.genant import RULE

ROUNDS = 3
"""Each round moves each threshold once."""

Thresholds = tuple[float, float, float]


def refitted(rows: Sequence[Graded]) -> list[Graded]:
    """The rows with grades by thresholds that their own patient did not help to choose.

    A row whose patient is the only one keeps the grade of the fixed rule.
    """
    patients = [patient_of(row.subject) for row in rows]
    chosen = {patient: _without(patient, rows, patients) for patient in dict.fromkeys(patients)}
    return [replace(row, grade=_grade(row, chosen[patient])) for row, patient in zip(rows, patients, strict=True)]


def fit(severity: Floats, truth: Rows) -> Thresholds:
    """Severities from which a vertebra is grade 1, 2 and 3, by the best quadratic kappa on these vertebrae.

    Starts at Genant's own thresholds. Where a range of thresholds is equally good, its middle is taken.
    """
    bounds = [RULE.mild, RULE.moderate, RULE.severe]
    values = np.unique(severity)
    candidates = (values[1:] + values[:-1]) / 2
    for _ in range(ROUNDS):
        for at in range(len(bounds)):
            bounds[at] = _best(bounds, at, candidates, (severity, truth))
    return bounds[0], bounds[1], bounds[2]


def _without(patient: str, rows: Sequence[Graded], patients: Sequence[str]) -> Thresholds | None:
    others = [row for row, whose in zip(rows, patients, strict=True) if whose != patient]
    if not others:
        return None
    return fit(np.array([row.severity for row in others]), np.array([row.truth for row in others], int))


def _grade(row: Graded, bounds: Thresholds | None) -> int:
    return row.grade if bounds is None else sum(row.severity >= bound for bound in bounds)


def _best(bounds: Sequence[float], at: int, candidates: Floats, known: tuple[Floats, Rows]) -> float:
    """The best place for one threshold between its neighbours while the others stay."""
    severity, truth = known
    low = bounds[at - 1] if at else -np.inf
    high = bounds[at + 1] if at + 1 < len(bounds) else np.inf
    between = candidates[(candidates > low) & (candidates < high)]
    if not len(between):
        return bounds[at]
    scores = np.array([_kappa(severity, truth, [*bounds[:at], float(one), *bounds[at + 1 :]]) for one in between])
    best = between[scores >= scores.max() - 1e-12]
    return float(np.median(best))


def _kappa(severity: Floats, truth: Rows, bounds: Sequence[float]) -> float:
    said = (severity[:, None] >= np.array(bounds)).sum(axis=1)
    return quadratic_kappa(truth, said) or 0.0
