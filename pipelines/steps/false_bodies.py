"""Whether a body that was found is a vertebra at all: which to doubt, and what leaving one out costs and explains."""

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from pipelines.steps.facts import Body

Floats = NDArray[np.float64]
LeftOut = tuple[int, ...]

FALSE_BODY = 0.01
"""How often a body that was found is none (half of a split one, a piece of rib or of posterior bone): an assumption;
distances and size decide."""

DOUBTED_SHARE = 0.7
"""A body nearer to a neighbour than this share of the usual distance is doubted."""

FRAGMENT_SHARE = 0.35
"""So is one of less than this share of its neighbours' area: less than a vertebra of grade 3 has left."""

_MOST_DOUBTED = 3
_MOST_LEFT_OUT = 2
_AREA_LOG_SD = 0.35
_AREA_LOG_RANGE = 3.0
_AREA_BOUND = 3.0
_END_LOG_RANGE = 2.3
"""A false body beyond an end lies anywhere between 8 and 80 mm from it."""


def ways_to_read(bodies: Sequence[Body], distances: Floats, usual: Floats) -> list[LeftOut]:
    """Every set of bodies that may be no vertebrae, none left out first; `distances` and `usual` (mm) by gap."""
    area = relative_area(bodies)
    closest = np.minimum(np.r_[np.inf, distances / usual], np.r_[distances / usual, np.inf])
    doubted = [n for n in np.argsort(closest).tolist() if closest[n] < DOUBTED_SHARE or area[n] < FRAGMENT_SHARE]
    few = sorted(doubted[:_MOST_DOUBTED])
    most = min(_MOST_LEFT_OUT, len(bodies) - 1)
    return [chosen for count in range(most + 1) for chosen in combinations(few, count)]


def relative_area(bodies: Sequence[Body]) -> Floats:
    """Area of each body in its middle plane over the median of up to two neighbours on each side; NaN if unknown."""
    areas = np.array([float((body.mask[len(body.mask) // 2] > 0.5).sum()) for body in bodies])
    known = np.where(np.array([body.cut for body in bodies], bool) | (areas == 0), np.nan, areas)
    shares = np.full(len(bodies), np.nan)
    for n in range(len(bodies)):
        around = np.r_[known[max(0, n - 2) : n], known[n + 1 : n + 3]]
        if np.isfinite(around).any():
            shares[n] = known[n] / np.nanmedian(around)
    return shares


def log_evidence(left_out: LeftOut, places: Floats, area: Floats) -> float:
    """What leaving these bodies out adds to the logarithm of a numbering's weight.

    `places`: how far (mm) down the chain each body lies. A false body is no more likely in one place than in another,
    and of any size; a vertebra is about as large as its neighbours.
    """
    kept = [n for n in range(len(places)) if n not in left_out]
    return sum(math.log(FALSE_BODY) + _place(n, kept, places) - _size(float(area[n])) for n in left_out)


def _place(n: int, kept: Sequence[int], places: Floats) -> float:
    """Log-density of its two log-distances, as `from_spacing` counts them, beside the one of the gap it lies in."""
    above, below = [k for k in kept if k < n], [k for k in kept if k > n]
    if not above or not below:
        return -math.log(_END_LOG_RANGE)
    gap = max(float(places[below[0]] - places[above[-1]]), 1.0)
    share = min(0.99, max(0.01, float(places[n] - places[above[-1]]) / gap))
    return math.log(share * (1 - share))


def _size(area: float) -> float:
    """Bounded log-ratio of a vertebra's size to that of anything else; 0 where the size is unknown."""
    if not math.isfinite(area) or area <= 0:
        return 0.0
    as_vertebra = -0.5 * (math.log(area) / _AREA_LOG_SD) ** 2 - math.log(_AREA_LOG_SD * math.sqrt(2 * math.pi))
    return max(-_AREA_BOUND, min(_AREA_BOUND, as_vertebra + math.log(_AREA_LOG_RANGE)))
