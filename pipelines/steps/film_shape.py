"""Wedge, biconcave or crush on a film, and how sure that is."""

from collections import defaultdict
from collections.abc import Mapping
from itertools import product

from vfx_finder.domain import genant
from vfx_finder.domain.finding import Deformity
from vfx_finder.domain.spine import Heights, Level

Triple = tuple[float, float, float]

_ASIDE = ((-(3**0.5), 1 / 6), (0.0, 2 / 3), (3**0.5, 1 / 6))
"""Gauss-Hermite's three points (standard deviations) and their weights: they stand for a normal distribution."""

_LEAST = 0.05


def shapes(
    level: Level, heights: Heights, spreads: Triple, neighbours: Mapping[Level, Heights]
) -> dict[Deformity, float]:
    """The share (0..1, together 1) of what the heights may truly be that is each shape (Genant 1993), when each was
    measured with its own spread (SD, in the unit of the heights); likeliest first."""
    found: dict[Deformity, float] = defaultdict(float)
    for aside in product(_ASIDE, repeat=3):
        measured = (heights.anterior, heights.middle, heights.posterior)
        moved = [
            max(height + steps * spread, _LEAST * height)
            for height, spread, (steps, _) in zip(measured, spreads, aside, strict=True)
        ]
        share = aside[0][1] * aside[1][1] * aside[2][1]
        found[genant.deformity(level, Heights(moved[0], moved[1], moved[2]), neighbours)] += share
    return dict(sorted(found.items(), key=lambda one: -one[1]))
