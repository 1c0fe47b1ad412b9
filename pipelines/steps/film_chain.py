"""Single bodies on a film, and which of them make the likeliest chain from head to foot."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SPACING = 1.28
"""Distance of neighbouring centres over the mean of their heights, disc included."""
_SPACING_LOG_SD, _RANK_SD = 0.22, 0.8
_WORTH, _COST, _MISSED = 4.0, 1.0, 1.5
_DEPTH_LOG_SD, _ASLANT_SD = 0.2, 0.08
"""The second: spread (radian) of the angle between the step from one body to another and the mean direction of their
heights, twice what it is between bodies that were found on synthetic films, next to each other or not (0.04; by exact
corners, drawn or marked by people, 0.03)."""

_PLAIN, _FRAYED = 0.9, 8.0
_MOST_ASLANT = 12.0
_MOST_MISSED = 2
_LARGEST_TURN, _NO_NEIGHBOUR = np.radians(75), 1e3


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
    misfit = _misfits(spots)
    best = np.array([_worth(spot) for spot in spots])
    own, before = best.copy(), np.full(len(spots), -1)
    for at in range(1, len(spots)):
        joined = best[:at] + own[at] - misfit[:at, at]
        n = int(joined.argmax())
        if joined[n] > best[at]:
            best[at], before[at] = joined[n], n
    last, path = int(best.argmax()), []
    while last >= 0:
        path.append(spots[last])
        last = int(before[last])
    return Chain(tuple(reversed(path)), float(best.max()))


def _worth(spot: Spot) -> float:
    """What a body adds to a chain: less where its centre is unsure or its outline no box."""
    return _WORTH * min(1.0, spot.heat) - _COST - _FRAYED * max(0.0, _PLAIN - spot.solid)


def _misfits(spots: list[Spot]) -> Floats:
    """How little each body (row) and each later one (column) look like neighbours, or like neighbours of one or two
    that were missed."""
    centre, rank = np.array([spot.centre for spot in spots]), np.array([spot.rank for spot in spots])
    height, depth = np.array([(spot.height, spot.depth) for spot in spots]).T
    step = centre[None] - centre[:, None]
    far = np.linalg.norm(step, axis=2)
    distance = np.log(np.maximum(far, 1e-3) / (SPACING * (height[None] + height[:, None]) / 2))
    unlike = np.log(depth[None] / depth[:, None]) / _DEPTH_LOG_SD
    aslant = _aslant(spots, step, far) / _ASLANT_SD
    ranks = rank[None] - rank[:, None]
    ways = [
        0.5 * ((distance - np.log(n)) / _SPACING_LOG_SD) ** 2
        + 0.25 * np.minimum(((ranks - n) / _RANK_SD) ** 2, 16.0)
        + _MISSED * (n - 1)
        for n in range(1, _MOST_MISSED + 2)
    ]
    misfit = np.min(ways, axis=0) + 0.5 * np.minimum(unlike**2, 8.0) + 0.5 * np.minimum(aslant**2, _MOST_ASLANT)
    return np.asarray(np.where(np.abs(np.arctan2(step[..., 1], step[..., 0])) > _LARGEST_TURN, _NO_NEIGHBOUR, misfit))


def _aslant(spots: list[Spot], step: Floats, far: Floats) -> Floats:
    """How far (radian) each step [N, N, 2] from one body to another is from the mean direction of their heights."""
    down = np.array([(spot.corners[2:] - spot.corners[:2]).mean(0) for spot in spots])
    down = down / np.maximum(np.linalg.norm(down, axis=1, keepdims=True), 1e-6)
    mean = down[None] + down[:, None]
    cosine = (mean * step).sum(2) / np.maximum(np.linalg.norm(mean, axis=2) * far, 1e-6)
    return np.asarray(np.arccos(np.clip(cosine, -1.0, 1.0)))
