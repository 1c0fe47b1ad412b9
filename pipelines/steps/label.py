"""Which level each vertebral body is, how sure that is, and what else it could be.

Every possible numbering of the chain is weighed: the distances between neighbouring bodies against those of 1,576
scans (with a free patient scale), the sacrum below, ribs, C2 above, the levels that the coarse network reads off the
picture, and how common eleven or thirteen thoracic and four or six lumbar bodies are. What one body's picture says is
bounded, so that one mistake of the network cannot outvote the rest of the chain. A body may also be none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipelines.steps.chain_evidence import expected_mm, from_kinds, from_rank, from_sight, from_size, from_spacing
from pipelines.steps.facts import Body, SagittalStack
from pipelines.steps.false_bodies import log_evidence, relative_area, ways_to_read
from pipelines.steps.hypotheses import LONGEST, SPINES, Floats, Hypotheses, Ints, hypotheses
from pipelines.steps.picture_error import ON_CT, PictureError
from pipelines.steps.wide_gaps import EITHER_SIDE, wide_gaps, with_hidden
from vfx_finder.domain.numbering import CROWDED, MISSING_ABOVE, NO_VERTEBRA, TRANSITIONAL, WIDE_GAP
from vfx_finder.domain.numbering import LEVEL_UNCERTAIN as UNCERTAIN
from vfx_finder.domain.spine import HEAD_TO_FOOT, Level, LevelEstimate

__all__ = ["CROWDED", "MISSING_ABOVE", "NO_VERTEBRA", "TRANSITIONAL", "UNCERTAIN", "WIDE_GAP", "Numbering", "number"]

ALTERNATIVE = 0.01
"""Alternatives of this probability and more are told."""

CLOSE = 0.6
"""A distance under this share of the expected one is no distance between two vertebrae."""

_WIDEST_NORMAL_MM = 50.0
_WIDER_THAN_NORMAL = 1.4
"""The usual distance is never taken to be more than the widest normal one over this."""
_HIDDEN_PER_RATIO = 1.4
"""A gap may hide as many bodies as the whole part of this times its ratio to the usual distance: one up to 1.42, two
from 1.43 on."""
_MOST_MISSED = 4
_MOST_GAPS = 3


_T11 = HEAD_TO_FOOT.index(Level.T11)


@dataclass(frozen=True)
class Numbering:
    """The level of each body, head to foot, and beside each its remarks.

    "level-uncertain": less than 90 % sure. "transitional-anatomy" (from T11 down): the spine told has not twelve
    thoracic and five lumbar bodies. "missing-vertebra-above": the gap above seems to hide a body that was not found.
    "wide-gap-above": it is as wide as two, and yet no numbering with a body between fits better.
    "spacing-implausible": much closer to a neighbour than two vertebrae can be, or beside a body that is probably no
    vertebra. "probably-no-vertebra": the chain is
    better explained without this body; its level is the
    free one it would most probably have, with how probable that is.
    """

    levels: tuple[LevelEstimate, ...]
    flags: tuple[tuple[str, ...], ...]

    @property
    def left_out(self) -> frozenset[int]:
        """Places in the chain of the bodies that are probably no vertebrae."""
        return frozenset(n for n, flags in enumerate(self.flags) if NO_VERTEBRA in flags)


Gap = tuple[int, int]
"""Two bodies that follow one another, by their places in the chain."""


@dataclass(frozen=True)
class _Reading:
    """The chain without the bodies `left_out`: every numbering of the others, `kept`, with its log-weight."""

    kept: Ints
    tried: Hypotheses
    distances: Floats
    log_weights: Floats

    def levels(self, count: int) -> Ints:
        """[numbering, body] -> place of the level in `HEAD_TO_FOOT`; -1 for a body that is left out."""
        every = np.full((len(self.log_weights), count), -1, np.int64)
        every[:, self.kept] = self.tried.levels
        return every

    def skips(self, gap: Gap) -> NDArray[np.bool_]:
        """Which numberings leave a level free between two bodies that follow one another."""
        at = np.searchsorted(self.kept, gap[0])
        if gap != tuple(self.kept[at : at + 2]):
            return np.zeros(len(self.log_weights), np.bool_)
        return np.asarray(np.diff(self.tried.places, axis=1)[:, at] > 1)


def label(bodies: Sequence[Body], stack: SagittalStack) -> tuple[LevelEstimate, ...]:
    """The level of each body; bodies stand from head to foot, and so do the answers, strictly one below the other."""
    return number(bodies, stack).levels


def number(bodies: Sequence[Body], stack: SagittalStack, error: PictureError = ON_CT) -> Numbering:
    """Levels and remarks of a chain of bodies that stand from head to foot; an empty chain gives an empty answer.

    The numbering told is the one possible spine that agrees best with the probabilities of the single bodies, so
    levels never repeat, and none is left out unless a body was missed; a body that is probably no vertebra takes no
    level from the others. Where more bodies come than any spine has, the upper ones beyond that are called C1 with
    confidence 0. `error`: how what is measured on this kind of picture errs.
    """
    if not bodies:
        return Numbering((), ())
    if len(bodies) > LONGEST:
        return _too_many(bodies, stack, error)
    readings = _readings(bodies, stack, error)
    levels = np.concatenate([reading.levels(len(bodies)) for reading in readings])
    chances = _normalised(np.concatenate([reading.log_weights for reading in readings]))
    chosen, shares = _most_agreed(levels, chances)
    if error.gaps_tell and (wide := _wide(readings, chosen)):
        holes = [np.concatenate([reading.skips(gap) for reading in readings]) for gap in wide]
        chosen, shares = _most_agreed(levels, with_hidden(chances, holes))
    names = _named(levels[chosen].tolist(), shares)
    estimates = tuple(_estimate(at, row) for at, row in zip(names, shares, strict=True))
    remarks = _chain_remarks(readings, chosen, len(bodies))
    if not error.gaps_tell:
        remarks[WIDE_GAP] = set()
    told = tuple(_doubted(one) for one in estimates) if remarks[WIDE_GAP] else estimates
    return Numbering(told, _flags(told, remarks))


def _too_many(bodies: Sequence[Body], stack: SagittalStack, error: PictureError) -> Numbering:
    extra = len(bodies) - LONGEST
    rest = number(bodies[extra:], stack, error)
    unknown = LevelEstimate(Level.C1, 0.0, {})
    return Numbering((unknown,) * extra + rest.levels, ((UNCERTAIN, CROWDED),) * extra + rest.flags)


def _readings(bodies: Sequence[Body], stack: SagittalStack, error: PictureError) -> list[_Reading]:
    centres = np.array([stack.to_lps(*body.centre) for body in bodies])
    distances = _distances(centres)
    usual = np.array([_usual(distances, at) for at in range(len(distances))])
    places, area = np.r_[0.0, np.cumsum(distances)], relative_area(bodies)
    readings = []
    for left_out in ways_to_read(bodies, distances, usual):
        kept = np.setdiff1d(np.arange(len(bodies)), left_out)
        reading = _reading(kept, [bodies[n] for n in kept], _Measured(centres[kept], stack.mm_per_pixel, error))
        extra = log_evidence(left_out, places, area)
        readings.append(replace(reading, log_weights=reading.log_weights + extra))
    return readings


@dataclass(frozen=True)
class _Measured:
    """Centres [n, 3] (mm) of bodies on a picture, its scale, and how it errs."""

    centres: Floats
    mm_per_pixel: float
    error: PictureError


def _reading(kept: Ints, bodies: Sequence[Body], told: _Measured) -> _Reading:
    distances, error = _distances(told.centres), told.error
    tried = _tried(distances, len(bodies), error.gap)
    size = from_size(tried, bodies, told.mm_per_pixel, error.scale_log_sd)
    seen = from_sight(tried, bodies) + from_rank(tried, bodies, error) + from_kinds(tried, bodies)
    apart = from_spacing(tried, distances, bodies, error)
    return _Reading(kept, tried, distances, tried.log_prior + apart + seen + size)


def _distances(centres: Floats) -> Floats:
    steps: Floats = np.linalg.norm(np.diff(centres, axis=0), axis=1)
    return np.maximum(steps, 1.0)


def _tried(distances: Floats, count: int, gap: float) -> Hypotheses:
    tried = hypotheses(_may_miss(distances, gap))
    return tried if len(tried.spine) else hypotheses((0,) * (count - 1))


def _may_miss(distances: Floats, gap: float) -> tuple[int, ...]:
    """How many bodies each gap may hide: none, except in the few that are much wider than those around them."""
    ratios = np.array([distance / _usual(distances, at) for at, distance in enumerate(distances)])
    wide = [int(at) for at in np.argsort(-ratios)[:_MOST_GAPS] if ratios[at] > gap]
    return tuple(
        min(_MOST_MISSED, int(ratio * _HIDDEN_PER_RATIO)) if at in wide else 0 for at, ratio in enumerate(ratios)
    )


def _usual(distances: Floats, at: int) -> float:
    around = np.concatenate([distances[max(0, at - 2) : at], distances[at + 1 : at + 3]])
    widest = _WIDEST_NORMAL_MM / _WIDER_THAN_NORMAL
    return min(float(np.median(around)), widest) if around.size else widest


def _normalised(log_weights: Floats) -> Floats:
    weights = np.exp(log_weights - log_weights.max())
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _shares(levels: Ints, chances: Floats) -> Floats:
    """Probability of every level at every body, and of being no vertebra (last): [body, level]."""
    count = levels.shape[1]
    shares = np.zeros((count, len(HEAD_TO_FOOT) + 1))
    np.add.at(shares, (np.arange(count), levels), chances[:, None])
    return shares


def _most_agreed(levels: Ints, chances: Floats) -> tuple[int, Floats]:
    """The numbering that agrees best with what is probable of each body, and those probabilities."""
    shares = _shares(levels, chances)
    agreement = shares[np.arange(levels.shape[1]), levels].sum(axis=1)
    return int(np.argmax(agreement + 1e-6 * chances)), shares


def _named(levels: Sequence[int], shares: Floats) -> list[int]:
    """The chosen levels; a body that is left out (-1) gets the one it would most probably have that is still free."""
    named = list(levels)
    for n, level in enumerate(named):
        free = np.setdiff1d(np.arange(len(HEAD_TO_FOOT)), named)
        named[n] = level if level >= 0 else int(free[np.argmax(shares[n, free])])
    return named


def _estimate(at: int, shares: Floats) -> LevelEstimate:
    others = {
        HEAD_TO_FOOT[other]: float(shares[other])
        for other in np.argsort(-shares[:-1]).tolist()
        if other != at and shares[other] >= ALTERNATIVE
    }
    return LevelEstimate(HEAD_TO_FOOT[at], min(1.0, float(shares[at])), others)


def _doubted(estimate: LevelEstimate) -> LevelEstimate:
    """Beside a gap as wide as two, of which nothing says on which side of it the numbers would move."""
    return replace(estimate, confidence=min(estimate.confidence, EITHER_SIDE))


def _chain_remarks(readings: Sequence[_Reading], chosen: int, count: int) -> dict[str, set[int]]:
    """Which bodies, by place in the chain, each remark about the whole chain is made on."""
    reading, chosen = _found(readings, chosen)
    tried, kept = reading.tried, reading.kept
    places, levels = tried.places[chosen], tried.levels[chosen]
    unusual = SPINES[tried.spine[chosen]].transitional
    left_out = set(range(count)) - set(kept.tolist())
    crowded = {int(kept[n]) for n in _crowded(expected_mm(tried)[chosen], reading.distances)}
    return {
        TRANSITIONAL: set(kept[unusual & (levels >= _T11)].tolist()),
        MISSING_ABOVE: set(kept[1:][np.diff(places) > 1].tolist()),
        WIDE_GAP: {below for _, below in _wide([reading], chosen)},
        CROWDED: crowded | {near for n in left_out for near in (n - 1, n, n + 1)},
        NO_VERTEBRA: left_out,
    }


def _found(readings: Sequence[_Reading], chosen: int) -> tuple[_Reading, int]:
    """The reading of a numbering, and its place there, from its place in all of them."""
    for reading in readings:
        if chosen < len(reading.log_weights):
            break
        chosen -= len(reading.log_weights)
    return reading, chosen


def _wide(readings: Sequence[_Reading], chosen: int) -> list[Gap]:
    """The gaps of a numbering that are as wide as two although nothing is missing in them."""
    reading, chosen = _found(readings, chosen)
    kept = reading.kept.tolist()
    expected = expected_mm(reading.tried)[chosen]
    gaps = wide_gaps(reading.distances, expected, reading.tried.places[chosen])
    return [(kept[at], kept[at + 1]) for at in gaps]


def _crowded(expected: Floats, distances: Floats) -> set[int]:
    if not distances.size:
        return set()
    ratios = distances / expected
    close = np.flatnonzero(ratios < CLOSE * max(1.0, float(np.median(ratios)))).tolist()
    return {at for gap in close for at in (gap, gap + 1)}


def _flags(estimates: Sequence[LevelEstimate], remarks: dict[str, set[int]]) -> tuple[tuple[str, ...], ...]:
    return tuple(
        ((UNCERTAIN,) if not one.is_sure else ()) + tuple(remark for remark, bodies in remarks.items() if at in bodies)
        for at, one in enumerate(estimates)
    )
