"""The few statistics that an evaluation reports, with intervals that resample whole patients.

Vertebrae and acquisitions of one patient are no independent draws, so a bootstrap sample draws patients and takes all
rows of each. A sample is held as how often each patient was drawn, which makes every statistic below one weighted sum.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

GRADES = 4
RESAMPLES = 1000
SEED = 20
LEAST_SUBJECTS = 4
"""Fewer patients than this give no interval worth printing."""

CHUNK = 100
"""Bootstrap samples weighed at once: bounds the memory of a large evaluation."""

WILSON_Z = 1.96

LEAST_FOR_A_VERDICT = 10
"""On fewer patients than this no target is called met or missed. With 10 patients and not one failure, the true rate of
failure may still be 28 % (Wilson 1927); with 2 it may be 66 %."""

Rows = NDArray[np.int_]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval; `low` and `high` are None where too few patients carry it, or where resampling
    shows no spread. `n` counts rows, `subjects` the patients that carry it: for an area under the curve those of the
    rarer kind, with at least one positive row or with at least one negative one."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    subjects: int


def auc(score: Floats, positive: Bools) -> float | None:
    """Area under the ROC curve (chance that a positive scores higher); None unless both kinds are there."""
    return _value(_weighted_auc(score, positive, np.ones((1, len(score)))))


def roc(score: Floats, positive: Bools) -> tuple[tuple[float, float], ...]:
    """The ROC curve as (1 - specificity, sensitivity), from (0, 0) to (1, 1); empty unless both kinds are there."""
    if not positive.any() or positive.all():
        return ()
    order = np.argsort(-score, kind="stable")
    last_of_tie = np.append(np.diff(score[order]) != 0, True)
    hits, false = np.cumsum(positive[order])[last_of_tie], np.cumsum(~positive[order])[last_of_tie]
    points = zip(false / false[-1], hits / hits[-1], strict=True)
    return ((0.0, 0.0), *((float(x), float(y)) for x, y in points))


def quadratic_kappa(truth: Rows, said: Rows) -> float | None:
    """Cohen's kappa for grades 0 to 3 with quadratic weights (Cohen 1968); None where chance alone agrees."""
    return _value(_kappas(confusion(truth, said).astype(float)[None]))


def confusion(truth: Rows, said: Rows) -> NDArray[np.int_]:
    """Counts [true grade, given grade]."""
    table = np.zeros((GRADES, GRADES), int)
    np.add.at(table, (truth, said), 1)
    return table


def expected_calibration_error(probability: Floats, positive: Bools, bins: int = 10) -> float | None:
    """Mean distance between what was predicted and what happened, over bins of equal width, weighted by their size."""
    sums = _bin_sums(probability, positive, bins).sum(axis=0)
    return _value(_calibration_errors(sums[None]))


@dataclass(frozen=True)
class Bin:
    """One row of a reliability table: of `n` rows predicted within [`low`, `high`), what was predicted on average and
    the share that came true."""

    low: float
    high: float
    n: int
    predicted: float
    happened: float


def reliability(probability: Floats, positive: Bools, bins: int = 10) -> tuple[Bin, ...]:
    """The bins of equal width behind the calibration error that hold at least one row."""
    sums = _bin_sums(probability, positive, bins).sum(axis=0)
    return tuple(
        Bin(at / bins, (at + 1) / bins, int(n), float(predicted / n), float(happened / n))
        for at, (n, predicted, happened) in enumerate(sums)
        if n
    )


def by_subject(statistic: Callable[[Rows], float | None], subjects: Sequence[str]) -> Estimate:
    """Any statistic of rows with its 95 % bootstrap interval, resampling subjects with all their rows."""
    groups = _groups(subjects)
    value = statistic(np.arange(len(subjects))) if len(subjects) else None
    if value is None or len(groups) < LEAST_SUBJECTS:
        return Estimate(value, None, None, len(subjects), len(groups))
    samples = [np.concatenate([groups[at] for at in np.repeat(np.arange(len(groups)), n)]) for n in _draws(len(groups))]
    values = np.array([np.nan if (one := statistic(rows)) is None else one for rows in samples])
    return Estimate(value, *_interval(values), len(subjects), len(groups))


def share_by_subject(hits: Bools, among: Bools, subjects: Sequence[str]) -> Estimate:
    """Share of `hits` among the rows of `among`, with its 95 % interval by subject.

    Where resampling says nothing (every row or none is a hit, too few subjects), Wilson's interval (1927) over subjects
    is given: as if each subject were one draw.
    """
    rows = np.flatnonzero(among)
    estimate = mean_by_subject(hits[rows].astype(float), [subjects[int(at)] for at in rows])
    if estimate.value is None or estimate.low is not None:
        return estimate
    low, high = wilson(estimate.value, estimate.subjects)
    return replace(estimate, low=low, high=high)


def wilson(share: float, count: int) -> tuple[float, float]:
    """The 95 % interval of a share of `count` independent draws (Wilson 1927)."""
    weight = WILSON_Z**2 / count
    middle = (share + weight / 2) / (1 + weight)
    reach = WILSON_Z * np.sqrt(share * (1 - share) / count + weight / (4 * count)) / (1 + weight)
    # none and all of n end at 0 and at 1, whatever rounding says
    return float(middle - reach) if share > 0 else 0.0, float(middle + reach) if share < 1 else 1.0


def mean_by_subject(values: Floats, subjects: Sequence[str]) -> Estimate:
    """Mean of rows with its 95 % interval by subject."""
    return _estimate(np.stack([values, np.ones(len(values))], axis=1), subjects, lambda sums: sums[:, 0] / sums[:, 1])


def auc_by_subject(score: Floats, positive: Bools, subjects: Sequence[str]) -> Estimate:
    """Area under the ROC curve with its 95 % interval by subject."""
    whose = _index(subjects)
    value, count = auc(score, positive), len(set(subjects))
    carried = min(len(set(whose[positive])), len(set(whose[~positive])))
    if value is None or count < LEAST_SUBJECTS:
        return Estimate(value, None, None, len(subjects), carried)
    draws = _draws(count)
    parts = [
        _weighted_auc(score, positive, draws[at : at + CHUNK, whose].astype(float)) for at in range(0, RESAMPLES, CHUNK)
    ]
    return Estimate(value, *_interval(np.concatenate(parts)), len(subjects), carried)


def kappa_by_subject(truth: Rows, said: Rows, subjects: Sequence[str]) -> Estimate:
    """Quadratic kappa with its 95 % interval by subject."""
    cells = np.eye(GRADES * GRADES)[truth * GRADES + said]
    return _estimate(cells, subjects, lambda sums: _kappas(sums.reshape(-1, GRADES, GRADES)))


def calibration_by_subject(probability: Floats, positive: Bools, subjects: Sequence[str], bins: int = 10) -> Estimate:
    """Expected calibration error with its 95 % interval by subject."""
    cells = _bin_sums(probability, positive, bins).reshape(-1, bins * 3)
    return _estimate(cells, subjects, lambda sums: _calibration_errors(sums.reshape(-1, bins, 3)))


def _estimate(cells: Floats, subjects: Sequence[str], statistic: Callable[[Floats], Floats]) -> Estimate:
    """A statistic of the sums of per-row `cells` [row, cell]; `statistic` takes [sample, cell], NaN if undefined."""
    if not len(cells):
        return Estimate(None, None, None, 0, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = _value(statistic(cells.sum(axis=0)[None]))
        whose = _index(subjects)
        count = int(whose.max()) + 1
        if value is None or count < LEAST_SUBJECTS:
            return Estimate(value, None, None, len(cells), count)
        sums = np.zeros((count, cells.shape[1]))
        np.add.at(sums, whose, cells)
        return Estimate(value, *_interval(statistic(_draws(count) @ sums)), len(cells), count)


def _draws(count: int) -> NDArray[np.int_]:
    """How often each of `count` subjects is drawn in each bootstrap sample [sample, subject]."""
    return np.random.default_rng(SEED).multinomial(count, np.full(count, 1 / count), RESAMPLES)


def _index(subjects: Sequence[str]) -> Rows:
    """For each row the number of its subject, counted in order of appearance."""
    number = {subject: at for at, subject in enumerate(dict.fromkeys(subjects))}
    return np.array([number[subject] for subject in subjects], int)


def _groups(subjects: Sequence[str]) -> list[Rows]:
    whose = _index(subjects)
    return [np.flatnonzero(whose == at) for at in range(len(set(subjects)))]


def _interval(values: Floats) -> tuple[float | None, float | None]:
    defined = values[np.isfinite(values)]
    if len(defined) < RESAMPLES / 2:
        return None, None
    low, high = np.quantile(defined, [0.025, 0.975])
    return (None, None) if low == high else (float(low), float(high))


def _value(values: Floats) -> float | None:
    return float(values[0]) if len(values) and np.isfinite(values[0]) else None


def _weighted_auc(score: Floats, positive: Bools, weights: Floats) -> Floats:
    """AUC for each row of `weights` [sample, row]; NaN where one kind has no weight."""
    if not len(score):
        return np.full(len(weights), np.nan)
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(score[order]) != 0))
    yes = np.add.reduceat((weights * positive)[:, order], starts, axis=1)
    no = np.add.reduceat((weights * ~positive)[:, order], starts, axis=1)
    below = np.cumsum(no, axis=1) - no / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((yes * below).sum(axis=1) / (yes.sum(axis=1) * no.sum(axis=1)), np.float64)


def _kappas(tables: Floats) -> Floats:
    grades = np.arange(GRADES)
    weight = (grades[:, None] - grades) ** 2
    by_chance = np.einsum("si,sj,ij->s", tables.sum(axis=2), tables.sum(axis=1), weight)
    seen = (tables * weight).sum(axis=(1, 2)) * tables.sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(by_chance > 0, 1 - seen / by_chance, np.nan), np.float64)


def _bin_sums(probability: Floats, positive: Bools, bins: int) -> Floats:
    """For each row and bin [row, bin, 3]: 1, what was predicted, whether it happened; zeros in the other bins."""
    which = np.minimum((probability * bins).astype(int), bins - 1)
    told = np.stack([np.ones(len(probability)), probability, positive.astype(float)], axis=1)
    return np.asarray(np.eye(bins)[which][:, :, None] * told[:, None, :], np.float64)


def _calibration_errors(sums: Floats) -> Floats:
    """From sums [sample, bin, 3]. The size of a bin cancels: its weight is its size, its gap a mean over its size."""
    total = sums[:, :, 0].sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.abs(sums[:, :, 1] - sums[:, :, 2]).sum(axis=1) / total, np.float64)
