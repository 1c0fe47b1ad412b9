"""The vertebral bodies along a film's corridor: close looks, joined to one chain, each with what it measures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image, ImageDraw

from pipelines.steps.facts import FloatArray
from pipelines.steps.film_chain import Spot, best_chain
from pipelines.steps.film_corridor import Corridor, depth_mm
from pipelines.steps.film_gaps import look_between
from pipelines.steps.film_grid import Floats
from pipelines.steps.film_judge import Evidence
from pipelines.steps.film_looks import Found, LookNetwork, look_along, looked_again, softened
from pipelines.steps.film_sacrum import StripNetwork, find_sacrum, without_sacrum
from vfx_finder.domain.spine import Heights

POINT_SD_PX = 1.7
"""Spread of the maps that the network was taught: what a point that is perfectly sure has."""

SPREAD_SHARE = 0.47
"""True over told spread of front over back height, on 150 synthetic films that no training had seen."""

_EDGE = 0.12
_ROUNDS = 2
_ABOVE, _APART = 0.2, 0.6
_HIGHER_MM, _TOP_MM = 40.0, 11.0
_CORNERS = (0, 2, 3, 5)
_RING = (0, 1, 2, 5, 4, 3)


class BodyNetworks(LookNetwork, StripNetwork, Protocol):
    """The networks that find bodies and the sacrum."""


@dataclass(frozen=True, eq=False)
class FilmBody:
    """One body: where it is on the film (`spot`), its six points there [6, 2] (row, col) as in `Found`, its heights
    (mm at the film's scale), `evidence`: how sure these are, and its look, `cut`: the film ends in it, and `mask`
    [1, h, w]: the body at 1 mm."""

    spot: Spot
    found: Found
    heights: Heights
    evidence: Evidence
    cut: bool
    mask: FloatArray

    @property
    def outline(self) -> Floats:
        """The six points [6, 2] as a closed polygon's corners."""
        return np.asarray(self.found.points[list(_RING)])


@dataclass(frozen=True)
class Reading:
    """What looks along a corridor show: the chain of bodies from head to foot, and where (row, col) the sacrum is."""

    bodies: tuple[FilmBody, ...]
    sacrum: tuple[float, float] | None


def find_bodies(picture: FloatArray, mm_per_pixel: float, corridor: Corridor, network: BodyNetworks) -> Reading:
    """The chain of bodies along the corridor; none at the sacrum or below it."""
    soft = softened(picture, mm_per_pixel)
    found = look_along(soft, mm_per_pixel, corridor, network)
    sacrum = find_sacrum(picture, mm_per_pixel, corridor, network)
    chain = _chained(found, sacrum, corridor, mm_per_pixel)
    for _ in range(_ROUNDS):
        between = look_between(soft, chain, network)
        longer = _chained([*found, *between], sacrum, corridor, mm_per_pixel)
        if len(longer) <= len(chain):
            break
        found, chain = [*found, *between], longer
    again = looked_again(soft, chain, network)
    if sacrum is None:
        again, sacrum = without_sacrum(again, corridor)
    return Reading(tuple(_body(one, picture.shape, corridor, mm_per_pixel) for one in again), sacrum)


def _chained(found: Sequence[Found], sacrum: tuple[float, float] | None, corridor: Corridor, mm: float) -> list[Found]:
    """Those of the bodies found that make the likeliest chain, from head to foot."""
    likely = [one for one in found if _may_be(one, sacrum, corridor, mm)]
    spots = {id(one): _spot(one, corridor) for one in likely}
    kept = {id(spot) for spot in best_chain(list(spots.values())).spots}
    return sorted((one for one in likely if id(spots[id(one)]) in kept), key=lambda one: float(one.centre[0]))


def _may_be(found: Found, sacrum: tuple[float, float] | None, corridor: Corridor, mm: float) -> bool:
    """Whether a body lies above the sacrum's first, which looks much like one, and neither far above the corridor nor
    at C3 or above, where dens and skull do."""
    row, size = float(found.centre[0]), found.sight.size
    above_mm = (float(corridor.line[0, 0]) - row) * mm
    if above_mm > min(_HIGHER_MM, depth_mm(float(corridor.rank[0])) - _TOP_MM):
        return False
    if sacrum is None:
        return True
    return row < sacrum[0] - _ABOVE * size and float(np.hypot(*(found.centre - sacrum))) > _APART * size


def _spot(found: Found, corridor: Corridor) -> Spot:
    row, col = found.centre.tolist()
    nearest = int(np.argmin(np.abs(corridor.line[:, 0] - row)))
    return Spot((row, col), found.points[list(_CORNERS)], float(corridor.rank[nearest]), found.here)


def _body(found: Found, size: tuple[int, ...], corridor: Corridor, mm: float) -> FilmBody:
    points, spot = found.points, _spot(found, corridor)
    heights = np.linalg.norm(points[3:] - points[:3], axis=1)
    margin = _EDGE * found.sight.size
    cut = bool((points < -margin / 2).any() or (points > np.array(size) - 1 + margin / 2).any())
    anterior, middle, posterior = (float(value) for value in np.maximum(heights, 1e-3) * mm)
    return FilmBody(
        spot, found, Heights(anterior, middle, posterior), evidence_of(found, mm), cut, _mask(points[list(_RING)] * mm)
    )


def evidence_of(found: Found, mm: float) -> Evidence:
    """How unsure the heights (mm) of a body are, by how unsure its points are, and its look."""
    heights = np.maximum(np.linalg.norm(found.points[3:] - found.points[:3], axis=1), 1e-3)
    own = np.clip(found.variance - (POINT_SD_PX * found.sight.pixel) ** 2, 0.0, None)
    spreads = SPREAD_SHARE * np.sqrt(own[3:] + own[:3])
    low, high = int(heights.argmin()), int(heights.argmax())
    ratio = heights[low] / heights[high] * np.hypot(spreads[low] / heights[low], spreads[high] / heights[high])
    anterior, middle, posterior = (float(one) * mm for one in spreads)
    return Evidence(float(ratio), (anterior, middle, posterior), found.broken)


def _mask(ring: Floats) -> FloatArray:
    """A polygon (mm) as a mask of 1 mm pixels."""
    at = ring - ring.min(0)
    height, width = (int(n) + 2 for n in at.max(0))
    drawn = Image.new("L", (width, height))
    ImageDraw.Draw(drawn).polygon([(float(col), float(row)) for row, col in at], fill=1)
    return np.asarray(drawn, np.float32)[None]
