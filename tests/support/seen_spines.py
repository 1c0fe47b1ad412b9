"""Spines as two studies of one patient might see them: normal heights by level, some bodies broken."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from vfx_finder.domain.genant import NORMAL_SHAPE
from vfx_finder.domain.seen import SeenVertebra
from vfx_finder.domain.spine import Heights, Level

SPAN = tuple(list(NORMAL_SHAPE)[5:16])
"""T6 to L4."""

L3_POSTERIOR_MM = 27.0


def spine(
    lost: Mapping[Level, float] | None = None, span: Sequence[Level] = SPAN, noise: float = 0.0, seed: int = 0
) -> tuple[SeenVertebra, ...]:
    """Bodies of `span`; each of `lost` has lost this share in front and half of it in the middle, and is graded so.

    `noise` is the standard deviation of each height as a share of it.
    """
    rng = np.random.default_rng(seed)
    return tuple(_vertebra(level, (lost or {}).get(level, 0.0), rng.normal(1.0, noise, 3)) for level in span)


def _vertebra(level: Level, lost: float, errors: np.ndarray) -> SeenVertebra:
    shares = np.array([1 - lost, 1 - lost / 2, 1.0]) * errors
    mm = [float(value) for value in L3_POSTERIOR_MM * np.array(NORMAL_SHAPE[level]) * shares]
    grade = sum(lost >= bound for bound in (0.20, 0.25, 0.40))
    return SeenVertebra(level, Heights(*mm), grade)


def sized(vertebrae: Sequence[SeenVertebra], by: float) -> tuple[SeenVertebra, ...]:
    """The same spine with every height multiplied."""
    return tuple(
        replace(one, heights=Heights(one.heights.anterior * by, one.heights.middle * by, one.heights.posterior * by))
        for one in vertebrae
        if one.heights
    )


def renumbered(vertebrae: Sequence[SeenVertebra], by: int, sure: bool = True) -> tuple[SeenVertebra, ...]:
    """The same bodies, each numbered `by` levels nearer to the feet."""
    order = list(NORMAL_SHAPE)
    return tuple(replace(one, level=order[order.index(one.level) + by], level_sure=sure) for one in vertebrae)
