"""Where the vertebral bodies of a lateral film are: peaks of the whole-film network, joined to one chain."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage as ndi

from pipelines.steps.facts import FloatArray

Floats = NDArray[np.float64]

WORK_MM = 3.0
LEAST_HEAT = 0.12
_REACH_PX = 3
_SPACING = 1.28
"""Distance of neighbouring centres over the mean of their heights, disc included."""
_SPACING_LOG_SD, _RANK_SD = 0.22, 0.8
_WORTH, _COST, _MISSED = 4.0, 1.0, 1.5
_MOST_MISSED = 2
_LARGEST_TURN = np.radians(75)


class FilmMaps(Protocol):
    """What the whole-film network says, pixel by pixel (`models.film_runner.FilmMaps`)."""

    @property
    def tissue(self) -> FloatArray:
        """Probabilities [4, H, W] of background, body, sacrum and dens."""

    @property
    def heat(self) -> FloatArray:
        """Heat [H, W] of body centres."""

    @property
    def rank(self) -> FloatArray:
        """Level rank [H, W]: C3 = 0, L5 = 21, sacrum = 22."""

    @property
    def corners(self) -> FloatArray:
        """Pixels [4, 2, H, W] to the upper anterior, upper posterior, lower anterior and lower posterior corner."""


class FilmNetwork(Protocol):
    """The whole-film network."""

    def film(self, picture: FloatArray) -> FilmMaps:
        """Maps of a film [H, W] at about 3 mm; grey 0 to 1, bone bright, the patient's front on the left."""


@dataclass(frozen=True)
class Spot:
    """One vertebral body as the first stage sees it, in pixels (row, col) of the film that was given.

    `corners` [4, 2]: upper anterior, upper posterior, lower anterior, lower posterior. `rank`: C3 = 0 to L5 = 21.
    `sacrum_below`, `dens_above`: probability of each there.
    """

    centre: tuple[float, float]
    corners: Floats
    rank: float
    heat: float
    sacrum_below: float = 0.0
    dens_above: float = 0.0

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

    @property
    def turn(self) -> float:
        """Turn (radian) of the depth axis, positive where the posterior end lies lower."""
        along = (self.corners[1::2] - self.corners[::2]).mean(0)
        return float(np.arctan2(along[0], along[1]))


@dataclass(frozen=True)
class Chain:
    """Bodies from head to foot, and how well they make a spine (`score`; a film without one stays near 0)."""

    spots: tuple[Spot, ...]
    score: float


def find_chain(picture: FloatArray, mm_per_pixel: float, network: FilmNetwork) -> Chain:
    """The best chain of bodies in a film [H, W] (grey 0 to 1, bone bright, front on the left) of this scale."""
    size = [max(32, round(n * mm_per_pixel / WORK_MM)) for n in picture.shape]
    small = np.asarray(Image.fromarray(picture).resize((size[1], size[0]), Image.Resampling.BOX), np.float32)
    maps = network.film(small)
    spots = spots_in(maps)
    factor = np.array([full / part for full, part in zip(picture.shape, size, strict=True)])
    chain = best_chain(spots)
    return Chain(tuple(_scaled(spot, factor) for spot in chain.spots), chain.score)


def spots_in(maps: FilmMaps) -> list[Spot]:
    """Every peak of the heat that has a body around it, from the top of the film down."""
    heat = ndi.gaussian_filter(maps.heat, 0.7)
    peaks = (heat == ndi.maximum_filter(heat, 5)) & (heat > LEAST_HEAT)
    spots = [_spot(maps, int(row), int(col), float(heat[row, col])) for row, col in np.argwhere(peaks)]
    return [spot for spot in spots if spot.height > 2.0 and spot.depth > 2.0]


def _spot(maps: FilmMaps, row: int, col: int, heat: float) -> Spot:
    height, width = maps.heat.shape
    rows = slice(max(0, row - _REACH_PX), min(height, row + _REACH_PX + 1))
    cols = slice(max(0, col - _REACH_PX), min(width, col + _REACH_PX + 1))
    at = np.stack(np.mgrid[rows, cols]).astype(float)
    weight = maps.tissue[1, rows, cols] * np.exp(-((at[0] - row) ** 2 + (at[1] - col) ** 2) / 8) + 1e-6
    share = weight / weight.sum()
    corners = ((at[None] + maps.corners[:, :, rows, cols]) * share).sum((2, 3))
    middle = corners.mean(0)
    down = (corners[2:] - corners[:2]).mean(0)
    return Spot(
        centre=(float(middle[0]), float(middle[1])), corners=corners,
        rank=float((maps.rank[rows, cols] * share).sum()), heat=heat,
        sacrum_below=_seen(maps.tissue[2], middle + down * 1.25), dens_above=_seen(maps.tissue[3], middle - down * 2.2),
    )  # fmt: skip


def _seen(share: FloatArray, at: Floats) -> float:
    """The largest probability within three pixels of a place; 0 where it lies outside the film."""
    row, col = (round(float(v)) for v in at)
    part = share[max(0, row - 3) : row + 4, max(0, col - 3) : col + 4] if row > -3 and col > -3 else share[:0]
    return float(part.max()) if part.size else 0.0


def best_chain(spots: list[Spot]) -> Chain:
    """The sequence from head to foot that agrees best with what spines look like."""
    spots = sorted(spots, key=lambda spot: spot.centre[0])
    if not spots:
        return Chain((), 0.0)
    best = np.array([_WORTH * min(1.0, spot.heat) - _COST for spot in spots])
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


def _misfit(upper: Spot, lower: Spot) -> float:
    """How little two bodies look like neighbours, or like neighbours of one or two that were missed."""
    step = np.array(lower.centre) - np.array(upper.centre)
    usual = _SPACING * (upper.height + lower.height) / 2
    if abs(np.arctan2(step[1], step[0])) > _LARGEST_TURN:
        return 1e3
    distance = float(np.log(max(np.linalg.norm(step), 1e-3) / usual))
    ranks = lower.rank - upper.rank
    ways = (
        0.5 * ((distance - np.log(n)) / _SPACING_LOG_SD) ** 2
        + 0.25 * min(((ranks - n) / _RANK_SD) ** 2, 16.0)
        + _MISSED * (n - 1)
        for n in range(1, _MOST_MISSED + 2)
    )
    return float(min(ways))


def _scaled(spot: Spot, factor: Floats) -> Spot:
    def full(points: Floats) -> Floats:
        return (points + 0.5) * factor - 0.5

    centre = full(np.array(spot.centre))
    return replace(spot, centre=(float(centre[0]), float(centre[1])), corners=full(spot.corners))
