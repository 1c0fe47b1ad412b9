"""Single bodies on a film, and which of them make the likeliest chain from head to foot."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_SPACING = 1.28
"""Distance of neighbouring centres over the mean of their heights, disc included."""
_SPACING_LOG_SD, _RANK_SD = 0.22, 0.8
_WORTH, _COST, _MISSED = 4.0, 1.0, 1.5
_DEPTH_LOG_SD, _TURN_SD = 0.2, 0.35
_PLAIN, _FRAYED = 0.9, 8.0
_MOST_MISSED = 2
_LARGEST_TURN = np.radians(75)


@dataclass(frozen=True, eq=False)
class Spot:
    """One vertebral body in pixels (row, col) of the film that was given.

    `corners` [4, 2]: upper anterior, upper posterior, lower anterior, lower posterior. `rank`: C3 = 0 to L5 = 21.
    `heat`: how sure its centre is (0..1). `solid`: share of the quadrilateral of its corners that is body (1 for a
    plain box).
    """

    centre: tuple[float, float]
    corners: Floats
    rank: float
    heat: float
    solid: float = 1.0

    @property
    def height(self) -> float:
        """Mean of the anterior and posterior height (pixels)."""
        edges = np.linalg.norm(self.corners[2:] - self.corners[:2], axis=1)
        return float(edges.mean())

    @property
    def depth(self) -> float:
        """Mean of the upper and lower depth (pixels)."""
        edges = np.linalg.norm(self.corners[1::2] - self.corners[::2], axis=1)
        return float(edges.mean())


@dataclass(frozen=True)
class Chain:
    """Bodies from head to foot, and how well they make a spine (`score`; a film without one stays near 0)."""

    spots: tuple[Spot, ...]
    score: float


def best_chain(spots: list[Spot]) -> Chain:
    """The sequence from head to foot that agrees best with what spines look like."""
    spots = sorted(spots, key=lambda spot: spot.centre[0])
    if not spots:
        return Chain((), 0.0)
    best = np.array([_worth(spot) for spot in spots])
    own, before = best.copy(), np.full(len(spots), -1)
    for at, spot in enumerate(spots):
        options = [(best[n] + own[at] - _misfit(spots[n], spot), n) for n in range(at)]
        value, n = max(options, default=(0.0, -1))
        if value > best[at]:
            best[at], before[at] = value, n
    last, path = int(best.argmax()), []
    while last >= 0:
        path.append(spots[last])
        last = int(before[last])
    return Chain(tuple(reversed(path)), float(best.max()))


def _worth(spot: Spot) -> float:
    """What a body adds to a chain: less where its centre is unsure or its outline no box."""
    return _WORTH * min(1.0, spot.heat) - _COST - _FRAYED * max(0.0, _PLAIN - spot.solid)


def _misfit(upper: Spot, lower: Spot) -> float:
    """How little two bodies look like neighbours, or like neighbours of one or two that were missed."""
    step = np.array(lower.centre) - np.array(upper.centre)
    usual = _SPACING * (upper.height + lower.height) / 2
    if abs(np.arctan2(step[1], step[0])) > _LARGEST_TURN:
        return 1e3
    unlike = float(np.log(upper.depth / lower.depth)) / _DEPTH_LOG_SD
    turned = max(_off_square(upper, step), _off_square(lower, step)) / _TURN_SD
    distance = float(np.log(max(float(np.linalg.norm(step)), 1e-3) / usual))
    ranks = lower.rank - upper.rank
    ways = (
        0.5 * ((distance - np.log(n)) / _SPACING_LOG_SD) ** 2
        + 0.25 * min(((ranks - n) / _RANK_SD) ** 2, 16.0)
        + _MISSED * (n - 1)
        for n in range(1, _MOST_MISSED + 2)
    )
    return float(min(ways)) + 0.5 * min(unlike**2, 8.0) + 0.5 * min(turned**2, 8.0)


def _off_square(spot: Spot, step: Floats) -> float:
    """How far (radian) a body's height is from the direction in which its neighbour lies."""
    down = (spot.corners[2:] - spot.corners[:2]).mean(0)
    cosine = float(down @ step) / max(float(np.linalg.norm(down) * np.linalg.norm(step)), 1e-6)
    return float(np.arccos(np.clip(cosine, -1.0, 1.0)))
