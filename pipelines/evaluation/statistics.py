"""The few statistics that an evaluation reports, with intervals that resample whole patients."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GRADES = 4
RESAMPLES = 1000
SEED = 20
LEAST_SUBJECTS = 4
"""Fewer patients than this give no interval worth printing."""

WILSON_Z = 1.96

Rows = NDArray[np.int_]


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval; `low` and `high` are None where too few patients carry it. `n` counts rows."""

    value: float | None
    low: float | None
    high: float | None
    n: int


def auc(score: NDArray[np.float64], positive: NDArray[np.bool_]) -> float | None:
    """Area under the ROC curve (chance that a positive scores higher); None unless both kinds are there."""
    yes, no = score[positive], score[~positive]
    if not len(yes) or not len(no):
        return None
    return float((yes[:, None] > no).mean() + 0.5 * (yes[:, None] == no).mean())


def quadratic_kappa(truth: Rows, said: Rows) -> float | None:
    """Cohen's kappa for grades 0 to 3 with quadratic weights (Cohen 1968); None where chance alone agrees."""
    seen = confusion(truth, said).astype(float)
    grades = np.arange(GRADES)
    weight = (grades[:, None] - grades) ** 2
    by_chance = (weight * np.outer(seen.sum(axis=1), seen.sum(axis=0))).sum()
    return None if by_chance == 0 else float(1 - (weight * seen).sum() * seen.sum() / by_chance)


def confusion(truth: Rows, said: Rows) -> NDArray[np.int_]:
    """Counts [true grade, given grade]."""
    table = np.zeros((GRADES, GRADES), int)
    np.add.at(table, (truth, said), 1)
    return table


def expected_calibration_error(
    probability: NDArray[np.float64], positive: NDArray[np.bool_], bins: int = 10
) -> float | None:
    """Mean distance between what was predicted and what happened, over bins of equal width, weighted by their size."""
    if not len(probability):
        return None
    which = np.minimum((probability * bins).astype(int), bins - 1)
    gaps = [
        abs(probability[which == at].mean() - positive[which == at].mean()) * (which == at).mean()
        for at in np.unique(which)
    ]
    return float(sum(gaps))


def by_subject(statistic: Callable[[Rows], float | None], subjects: Sequence[str]) -> Estimate:
    """A statistic of rows with its 95 % bootstrap interval, resampling subjects with all their rows."""
    rows = {subject: np.flatnonzero(np.array(subjects) == subject) for subject in dict.fromkeys(subjects)}
    value = statistic(np.arange(len(subjects))) if len(subjects) else None
    if value is None or len(rows) < LEAST_SUBJECTS:
        return Estimate(value, None, None, len(subjects))
    low, high = _interval(statistic, list(rows.values()))
    return Estimate(value, low, high, len(subjects))


def share_by_subject(hits: NDArray[np.bool_], among: NDArray[np.bool_], subjects: Sequence[str]) -> Estimate:
    """Share of `hits` among the rows of `among`, with its 95 % interval by subject.

    Where every row or none is a hit, resampling shows no spread; then Wilson's interval (1927) over subjects is given.
    """
    rows = np.flatnonzero(among)
    hit, whose = hits[rows], [subjects[int(at)] for at in rows]
    estimate = by_subject(lambda at: float(hit[at].mean()), whose)
    if estimate.value not in (0.0, 1.0):
        return estimate
    count = len(set(whose))
    reach = WILSON_Z**2 / (count + WILSON_Z**2)
    low, high = (1 - reach, 1.0) if estimate.value else (0.0, reach)
    return Estimate(estimate.value, low, high, estimate.n)


def _interval(statistic: Callable[[Rows], float | None], groups: Sequence[Rows]) -> tuple[float | None, float | None]:
    random = np.random.default_rng(SEED)
    draws = (random.integers(0, len(groups), len(groups)) for _ in range(RESAMPLES))
    values = [statistic(np.concatenate([groups[at] for at in draw])) for draw in draws]
    defined = [value for value in values if value is not None]
    if len(defined) < RESAMPLES / 2:
        return None, None
    low, high = np.quantile(defined, [0.025, 0.975])
    return float(low), float(high)
