"""Which level each vertebral body is, how sure that is, and what else it could be.

Every possible numbering of the chain is weighed: the distances between neighbouring bodies against those of 1,576
scans (with a free patient scale), the sacrum below, ribs, C2 above, and how common eleven or thirteen thoracic and
four or six lumbar bodies are. What one body's picture says is bounded, so that one mistake of the network cannot
outvote the rest of the chain.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.steps.chain_evidence import expected_mm, from_sight, from_size, from_spacing
from pipelines.steps.facts import Body, SagittalStack
from pipelines.steps.hypotheses import LONGEST, SPINES, Floats, Hypotheses, hypotheses
from vfx_finder.domain.spine import HEAD_TO_FOOT, Level, LevelEstimate

CERTAIN = 0.9
"""Below this probability a level is called uncertain."""

ALTERNATIVE = 0.01
"""Alternatives of this probability and more are told."""

TRANSITIONAL = "transitional-anatomy"
UNCERTAIN = "level-uncertain"
MISSING_ABOVE = "missing-vertebra-above"
CROWDED = "spacing-implausible"

GAP = 1.4
"""A distance this many times its neighbours' may hide a missed body. The distances then decide how many, which turns
over near 1.5 times; looking from 1.4 on leaves that to them."""

CLOSE = 0.6
"""A distance under this share of the expected one is no distance between two vertebrae."""

_WIDEST_NORMAL_MM = 50.0
_MOST_MISSED = 4
_MOST_GAPS = 3


_T11 = HEAD_TO_FOOT.index(Level.T11)


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
    seen = from_sight(tried, bodies) + from_size(tried, bodies, stack.mm_per_pixel)
    chances = _normalised(tried.log_prior + from_spacing(tried, distances, bodies) + seen)
    shares = _shares(tried, chances)
    agreement = shares[np.arange(len(bodies)), tried.levels].sum(axis=1)
    chosen = int(np.argmax(agreement + 1e-6 * chances))
    estimates = tuple(_estimate(at, row) for at, row in zip(tried.levels[chosen].tolist(), shares, strict=True))
    return Numbering(estimates, _flags(estimates, _chain_remarks(tried, chosen, distances)))


def _too_many(bodies: Sequence[Body], stack: SagittalStack) -> Numbering:
    extra = len(bodies) - LONGEST
    rest = number(bodies[extra:], stack)
    unknown = LevelEstimate(Level.C1, 0.0, {})
    return Numbering((unknown,) * extra + rest.levels, ((UNCERTAIN, CROWDED),) * extra + rest.flags)


def _distances(bodies: Sequence[Body], stack: SagittalStack) -> Floats:
    centres = np.array([stack.to_lps(*body.centre) for body in bodies])
    steps: Floats = np.linalg.norm(np.diff(centres, axis=0), axis=1)
    return np.maximum(steps, 1.0)


def _tried(distances: Floats, count: int) -> Hypotheses:
    tried = hypotheses(_may_miss(distances))
    return tried if len(tried.spine) else hypotheses((0,) * (count - 1))


def _may_miss(distances: Floats) -> tuple[int, ...]:
    """How many bodies each gap may hide: none, except in the few that are much wider than those around them."""
    ratios = np.array([distance / _usual(distances, at) for at, distance in enumerate(distances)])
    wide = [int(at) for at in np.argsort(-ratios)[:_MOST_GAPS] if ratios[at] > GAP]
    return tuple(min(_MOST_MISSED, int(ratio * GAP)) if at in wide else 0 for at, ratio in enumerate(ratios))


def _usual(distances: Floats, at: int) -> float:
    around = np.concatenate([distances[max(0, at - 2) : at], distances[at + 1 : at + 3]])
    return min(float(np.median(around)), _WIDEST_NORMAL_MM / GAP) if around.size else _WIDEST_NORMAL_MM / GAP


def _normalised(log_weights: Floats) -> Floats:
    weights = np.exp(log_weights - log_weights.max())
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _shares(tried: Hypotheses, chances: Floats) -> Floats:
    """Probability of every level at every body: [body, level]."""
    count = tried.places.shape[1]
    shares = np.zeros((count, len(HEAD_TO_FOOT)))
    np.add.at(shares, (np.arange(count), tried.levels), chances[:, None])
    return shares


def _estimate(at: int, shares: Floats) -> LevelEstimate:
    others = {
        HEAD_TO_FOOT[other]: float(shares[other])
        for other in np.argsort(-shares).tolist()
        if other != at and shares[other] >= ALTERNATIVE
    }
    return LevelEstimate(HEAD_TO_FOOT[at], min(1.0, float(shares[at])), others)


def _chain_remarks(tried: Hypotheses, chosen: int, distances: Floats) -> dict[str, set[int]]:
    """Which bodies, by place in the chain, each remark about the whole chain is made on."""
    places, levels = tried.places[chosen], tried.levels[chosen]
    unusual = SPINES[tried.spine[chosen]].transitional
    return {
        TRANSITIONAL: set(np.flatnonzero(unusual & (levels >= _T11)).tolist()),
        MISSING_ABOVE: set((np.flatnonzero(np.diff(places) > 1) + 1).tolist()),
        CROWDED: _crowded(expected_mm(tried)[chosen], distances),
    }


def _crowded(expected: Floats, distances: Floats) -> set[int]:
    if not distances.size:
        return set()
    ratios = distances / expected
    close = np.flatnonzero(ratios < CLOSE * max(1.0, float(np.median(ratios)))).tolist()
    return {at for gap in close for at in (gap, gap + 1)}


def _flags(estimates: Sequence[LevelEstimate], remarks: dict[str, set[int]]) -> tuple[tuple[str, ...], ...]:
    return tuple(
        ((UNCERTAIN,) if one.confidence < CERTAIN else ())
        + tuple(remark for remark, bodies in remarks.items() if at in bodies)
        for at, one in enumerate(estimates)
    )
