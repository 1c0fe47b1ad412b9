"""Which level each vertebral body is, how sure that is, and what else it could be.

Every possible numbering of the chain is weighed: the distances between neighbouring bodies against those of 1,576
scans (with a free patient scale), the sacrum below, ribs, C2 above, and how common eleven or thirteen thoracic and
four or six lumbar bodies are. What one body's picture says is bounded, so that one mistake of the network cannot
outvote the rest of the chain.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipelines.steps.facts import Body, SagittalStack
from pipelines.steps.hypotheses import LONGEST, Hypothesis, hypotheses
from pipelines.steps.spacing_prior import PATIENT_SCALE_LOG_SD, span
from vfx_finder.domain.spine import HEAD_TO_FOOT, Level, LevelEstimate

Floats = NDArray[np.float64]

CERTAIN = 0.9
"""Below this probability a level is called uncertain."""

ALTERNATIVE = 0.01
"""Alternatives of this probability and more are told."""

TRANSITIONAL = "transitional-anatomy"
UNCERTAIN = "level-uncertain"
MISSING_ABOVE = "missing-vertebra-above"
CROWDED = "spacing-implausible"

RIB_BOUND = 2.5
SACRUM_BOUND = 4.0
C2_BOUND = 4.0
"""Largest log-odds that one look at one body may add."""

GAP = 1.4
"""A distance this many times its neighbours' may hide a missed body. The distances then decide how many, which turns
over near 1.5 times; looking from 1.4 on leaves that to them."""

CLOSE = 0.6
"""A distance under this share of the expected one is no distance between two vertebrae."""

_WIDEST_NORMAL_MM = 50.0
_MOST_MISSED = 4
_MOST_GAPS = 3

_CENTRE_LOG_SD = 0.03
_CUT_LOG_SD = 0.25
_OUTLIER_SHARE = 0.03
_OUTLIER_LOG_SD = 0.25
"""Distances: noise of the found centres, of a body cut by the field of view, and a few wild ones (a crushed body)."""

_SCALES = np.linspace(-3.0, 3.0, 25) * PATIENT_SCALE_LOG_SD
_LOG_SCALE_PRIOR = -0.5 * (_SCALES / PATIENT_SCALE_LOG_SD) ** 2

_INDEX = {level: number for number, level in enumerate(HEAD_TO_FOOT)}


@dataclass(frozen=True)
class Numbering:
    """The level of each body, head to foot, and beside each its remarks.

    "level-uncertain": less than 90 % sure. "transitional-anatomy" (from T11 down): the spine told has not twelve
    thoracic and five lumbar bodies. "missing-vertebra-above": the gap above seems to hide a body that was not found.
    "spacing-implausible": much closer to a neighbour than two vertebrae can be, so one of the two may be none.
    """

    levels: tuple[LevelEstimate, ...]
    flags: tuple[tuple[str, ...], ...]


def label(bodies: Sequence[Body], stack: SagittalStack) -> tuple[LevelEstimate, ...]:
    """The level of each body; bodies stand from head to foot, and so do the answers, strictly one below the other."""
    return number(bodies, stack).levels


def label_flags(bodies: Sequence[Body], stack: SagittalStack) -> tuple[tuple[str, ...], ...]:
    """The remarks of `Numbering` for each body, head to foot."""
    return number(bodies, stack).flags


def number(bodies: Sequence[Body], stack: SagittalStack) -> Numbering:
    """Levels and remarks of a chain of bodies that stand from head to foot; an empty chain gives an empty answer.

    The numbering told is the one possible spine that agrees best with the probabilities of the single bodies, so
    levels never repeat, and none is left out unless a body was missed. Where more bodies come than any spine has,
    the upper ones beyond that are called C1 with confidence 0.
    """
    if not bodies:
        return Numbering((), ())
    if len(bodies) > LONGEST:
        return _too_many(bodies, stack)
    distances = _distances(bodies, stack)
    tried = _tried(distances, len(bodies))
    chances = _normalised(_prior(tried) + _spacing_evidence(tried, distances, bodies) + _seen_evidence(tried, bodies))
    shares = _shares(tried, chances)
    places = np.array([[_INDEX[level] for level in one.levels] for one in tried])
    chosen = int(np.argmax(shares[np.arange(len(bodies)), places].sum(axis=1) + 1e-6 * chances))
    estimates = tuple(_estimate(level, row) for level, row in zip(tried[chosen].levels, shares, strict=True))
    return Numbering(estimates, _flags(tried[chosen], estimates, distances))


def _too_many(bodies: Sequence[Body], stack: SagittalStack) -> Numbering:
    extra = len(bodies) - LONGEST
    rest = number(bodies[extra:], stack)
    unknown = LevelEstimate(Level.C1, 0.0, {})
    return Numbering((unknown,) * extra + rest.levels, ((UNCERTAIN, CROWDED),) * extra + rest.flags)


def _distances(bodies: Sequence[Body], stack: SagittalStack) -> Floats:
    centres = np.array([stack.to_lps(*body.centre) for body in bodies])
    steps: Floats = np.linalg.norm(np.diff(centres, axis=0), axis=1)
    return np.maximum(steps, 1.0)


def _tried(distances: Floats, count: int) -> tuple[Hypothesis, ...]:
    return hypotheses(_may_miss(distances)) or hypotheses((0,) * (count - 1))


def _may_miss(distances: Floats) -> tuple[int, ...]:
    """How many bodies each gap may hide: none, except in the few that are much wider than those around them."""
    ratios = np.array([distance / _usual(distances, at) for at, distance in enumerate(distances)])
    wide = [int(at) for at in np.argsort(-ratios)[:_MOST_GAPS] if ratios[at] > GAP]
    return tuple(min(_MOST_MISSED, int(ratio * GAP)) if at in wide else 0 for at, ratio in enumerate(ratios))


def _usual(distances: Floats, at: int) -> float:
    around = np.concatenate([distances[max(0, at - 2) : at], distances[at + 1 : at + 3]])
    return min(float(np.median(around)), _WIDEST_NORMAL_MM / GAP) if around.size else _WIDEST_NORMAL_MM / GAP


def _prior(tried: Sequence[Hypothesis]) -> Floats:
    return np.array([one.log_prior for one in tried])


def _spacing_evidence(tried: Sequence[Hypothesis], distances: Floats, bodies: Sequence[Body]) -> Floats:
    """Log-likelihood of the distances under each numbering, the patient's own scale averaged out."""
    if not distances.size:
        return np.zeros(len(tried))
    expected = np.array([_expected(one) for one in tried])
    residual = np.log(distances) - np.log(expected[:, :, 0])
    noise = np.array([_CUT_LOG_SD if above.cut or below.cut else _CENTRE_LOG_SD for above, below in pairwise(bodies)])
    sd = np.hypot(expected[:, :, 1], noise)
    by_scale = [_log_density(residual - scale, sd).sum(axis=1) + prior for scale, prior in _scales()]
    return np.asarray(np.logaddexp.reduce(by_scale, axis=0), dtype=np.float64)


def _scales() -> list[tuple[float, float]]:
    return list(zip(_SCALES.tolist(), _LOG_SCALE_PRIOR.tolist(), strict=True))


def _expected(one: Hypothesis) -> list[tuple[float, float]]:
    runs = [span(one.spine.levels[above : below + 1]) for above, below in pairwise(one.places)]
    return [(run.mm, run.log_sd) for run in runs]


def _log_density(residual: Floats, sd: Floats) -> Floats:
    usual = (1.0 - _OUTLIER_SHARE) * np.exp(-0.5 * (residual / sd) ** 2) / sd
    wild = _OUTLIER_SHARE * np.exp(-0.5 * (residual / _OUTLIER_LOG_SD) ** 2) / _OUTLIER_LOG_SD
    return np.asarray(np.log(usual + wild + 1e-12), dtype=np.float64)


def _seen_evidence(tried: Sequence[Hypothesis], bodies: Sequence[Body]) -> Floats:
    """Bounded log-odds of what was seen at each body, added where the numbering says that it should be seen."""
    total = np.zeros(len(tried))
    for at, body in enumerate(bodies):
        total += _log_odds(body.rib, RIB_BOUND) * _where(tried, at, lambda _, level: level.startswith("T"))
        total += _log_odds(body.sacrum_below, SACRUM_BOUND) * _where(
            tried, at, lambda one, level: level is one.spine.last_lumbar
        )
        total += _log_odds(body.c2_above, C2_BOUND) * _where(tried, at, lambda _, level: level is Level.C3)
    return total


def _where(tried: Sequence[Hypothesis], at: int, is_so: Callable[[Hypothesis, Level], bool]) -> Floats:
    return np.array([float(is_so(one, one.spine.levels[one.places[at]])) for one in tried])


def _log_odds(probability: float | None, bound: float) -> float:
    if probability is None:
        return 0.0
    inside = min(max(probability, 1e-6), 1.0 - 1e-6)
    return float(np.clip(np.log(inside / (1.0 - inside)), -bound, bound))


def _normalised(log_weights: Floats) -> Floats:
    weights = np.exp(log_weights - log_weights.max())
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _shares(tried: Sequence[Hypothesis], chances: Floats) -> Floats:
    """Probability of every level at every body: [body, level]."""
    shares = np.zeros((len(tried[0].places), len(HEAD_TO_FOOT)))
    for one, chance in zip(tried, chances, strict=True):
        shares[np.arange(len(one.places)), [_INDEX[level] for level in one.levels]] += chance
    return shares


def _estimate(level: Level, shares: Floats) -> LevelEstimate:
    others = {
        HEAD_TO_FOOT[at]: float(shares[at])
        for at in np.argsort(-shares)
        if HEAD_TO_FOOT[at] is not level and shares[at] >= ALTERNATIVE
    }
    return LevelEstimate(level, min(1.0, float(shares[_INDEX[level]])), others)


def _flags(chosen: Hypothesis, estimates: Sequence[LevelEstimate], distances: Floats) -> tuple[tuple[str, ...], ...]:
    steps = (1, *(below - above for above, below in pairwise(chosen.places)))
    crowded = _crowded(chosen, distances)
    return tuple(
        tuple(
            flag
            for flag, raised in (
                (UNCERTAIN, one.confidence < CERTAIN),
                (TRANSITIONAL, chosen.spine.transitional and _INDEX[one.level] >= _INDEX[Level.T11]),
                (MISSING_ABOVE, steps[at] > 1),
                (CROWDED, at in crowded),
            )
            if raised
        )
        for at, one in enumerate(estimates)
    )


def _crowded(chosen: Hypothesis, distances: Floats) -> set[int]:
    """The bodies, by place in the chain, that stand too close to the next one."""
    if not distances.size:
        return set()
    ratios = distances / np.array([mm for mm, _ in _expected(chosen)])
    close = np.flatnonzero(ratios < CLOSE * max(1.0, float(np.median(ratios)))).tolist()
    return {at for gap in close for at in (gap, gap + 1)}
