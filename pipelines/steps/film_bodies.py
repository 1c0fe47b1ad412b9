"""The vertebral bodies along a film's corridor: windows laid along it, bodies outlined in each, joined to one chain."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from pipelines.steps.facts import FloatArray
from pipelines.steps.film_chain import Spot, best_chain
from pipelines.steps.film_corridor import Corridor
from pipelines.steps.instances import Instance, Sections, find_instances
from pipelines.steps.measure import BodyMeasure, measure_planes
from vfx_finder.domain.spine import Heights

Floats = NDArray[np.float64]

PIXEL_MM = 1.0
SIZE = (160, 96)
STEP_MM = 40.0
BEYOND_MM = 60.0
SINGLE_SPREAD = 0.12
"""Spread of the min/max ratio (SD) that a body read in one window alone is given."""

_EDGE, _MARGIN = 3.0, 18.0
_SACRUM, _LEAST_SACRUM_MM2 = 0.5, 150.0


class StripMaps(Protocol):
    """What the network says of windows along the spine (`models.film_runner.StripMaps`)."""

    @property
    def tissue(self) -> FloatArray:
        """Probabilities [N, 4, H, W] of background, body, disc and sacrum."""

    @property
    def heat(self) -> FloatArray:
        """Heat [N, H, W] of body centres."""

    @property
    def offset(self) -> FloatArray:
        """Millimetres [N, 2, H, W] (row, column) to the body's centre."""


class StripNetwork(Protocol):
    """The network of windows along the spine."""

    def strips(self, windows: FloatArray) -> StripMaps:
        """Maps of N windows [N, H, W] at 1 mm, grey 0 to 1, the patient's front on the left."""


@dataclass(frozen=True)
class Window:
    """A turned grid of `SIZE` on the film: its middle (row, col) and the size of its pixel, both in film pixels, and
    its turn (radian), positive where the right-hand side lies lower."""

    middle: tuple[float, float]
    pixel: float
    turn: float

    def film(self, points: Floats) -> Floats:
        """(row, col) on the film of points [..., 2] (row, col) of the window."""
        v = (points[..., 0] - (SIZE[0] - 1) / 2) * self.pixel
        u = (points[..., 1] - (SIZE[1] - 1) / 2) * self.pixel
        sine, cosine = np.sin(self.turn), np.cos(self.turn)
        row, col = self.middle[0] + u * sine + v * cosine, self.middle[1] + u * cosine - v * sine
        return np.asarray(np.stack([row, col], -1), np.float64)

    def cut_from(self, picture: FloatArray) -> FloatArray:
        """What the window shows of a film that was blurred to its pixel; the film's edge goes on beyond it."""
        grid = np.moveaxis(np.indices(SIZE), 0, -1).astype(float)
        at = np.moveaxis(self.film(grid), -1, 0)
        return np.asarray(ndi.map_coordinates(picture, at, order=1, mode="nearest"), np.float32)


@dataclass(frozen=True, eq=False)
class FilmBody:
    """One body: where it is on the film (`spot`), its measure in pixels of its window, `cut`: the film ends in it."""

    spot: Spot
    measure: BodyMeasure
    window: Window
    instance: Instance
    cut: bool


@dataclass(frozen=True)
class Reading:
    """What windows along a corridor show: the chain of bodies from head to foot, and where (row, col) the sacrum is."""

    bodies: tuple[FilmBody, ...]
    sacrum: tuple[float, float] | None


def find_bodies(picture: FloatArray, mm_per_pixel: float, corridor: Corridor, network: StripNetwork) -> Reading:
    """The chain of bodies along the corridor; none below the sacrum's first."""
    step = PIXEL_MM / mm_per_pixel
    soft = ndi.gaussian_filter(picture, 0.4 * step) if step > 1.2 else picture
    found: list[FilmBody] = []
    sacra: list[tuple[float, float, float]] = []
    for window in windows(corridor, step):
        maps = network.strips(window.cut_from(soft)[None])
        found += _bodies_in(window, maps, picture.shape, corridor)
        sacra += _sacrum_in(window, maps.tissue[0, 3])
    sacrum = max(sacra, default=None)
    place = None if sacrum is None else sacrum[1:]
    bodies = [body for body in _together(found) if place is None or body.spot.centre[0] < place[0]]
    kept = {id(spot) for spot in best_chain([body.spot for body in bodies]).spots}
    chain = sorted((body for body in bodies if id(body.spot) in kept), key=lambda body: body.spot.centre[0])
    return Reading(tuple(chain), place)


def _sacrum_in(window: Window, share: FloatArray) -> list[tuple[float, float, float]]:
    """Size (mm2) and place (row, col on the film) of the sacrum's first in a window, if it is there."""
    pieces, count = ndi.label(share > _SACRUM)
    if not count:
        return []
    largest = pieces == np.bincount(pieces.ravel())[1:].argmax() + 1
    size = float(largest.sum())
    row, col = window.film(np.argwhere(largest).mean(0))
    return [(size, float(row), float(col))] if size >= _LEAST_SACRUM_MM2 else []


def windows(corridor: Corridor, pixel: float) -> Iterator[Window]:
    """Windows along the line, each turned as the line runs there, from a little above it to a little below it."""
    line = corridor.line
    along = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))]
    mm = pixel / PIXEL_MM
    for at in np.arange(-BEYOND_MM / 2, along[-1] / mm + BEYOND_MM / 2, STEP_MM) * mm:
        inside = float(np.clip(at, 0, along[-1]))
        near, far = inside - 45 * mm, inside + 45 * mm
        ends = np.array([[np.interp(s, along, line[:, axis]) for axis in (0, 1)] for s in (near, inside, far)])
        run = ends[2] - ends[0]
        middle = ends[1] + (at - inside) * run / max(float(np.linalg.norm(run)), 1e-6)
        yield Window((float(middle[0]), float(middle[1])), pixel, float(np.arctan2(-run[1], run[0])))


def _bodies_in(window: Window, maps: StripMaps, size: tuple[int, ...], corridor: Corridor) -> Iterator[FilmBody]:
    for instance in find_instances(Sections(maps.tissue[:, 1], maps.heat, maps.offset)):
        if abs(instance.centre[0] - SIZE[0] / 2) > SIZE[0] / 2 - _MARGIN or _at_edge(instance):
            continue
        centre = (instance.centre[0] - instance.corner[0], instance.centre[1] - instance.corner[1])
        measure = measure_planes(instance.mask, PIXEL_MM, centre, instance.corner)
        if measure is not None:
            yield _body(instance, measure, window, size, corridor)


def _at_edge(instance: Instance) -> bool:
    """Whether the window, not the film, ends in the body."""
    rows, cols = np.nonzero(instance.mask[0] > 0.5)
    rows, cols = rows + instance.corner[0], cols + instance.corner[1]
    return bool(rows.min() < 1 or cols.min() < 1 or rows.max() > SIZE[0] - 2 or cols.max() > SIZE[1] - 2)


def _body(
    instance: Instance, measure: BodyMeasure, window: Window, size: tuple[int, ...], corridor: Corridor
) -> FilmBody:
    (front_top, front_foot), _, (back_top, back_foot) = measure.drawing.height_lines
    corners = window.film(np.array([front_top, back_top, front_foot, back_foot])[:, ::-1])
    centre = window.film(np.array(measure.centre))
    nearest = int(np.argmin(np.abs(corridor.line[:, 0] - centre[0])))
    spot = Spot(
        (float(centre[0]), float(centre[1])),
        corners,
        float(corridor.rank[nearest]),
        instance.score,
        _solid(instance, measure),
    )
    outline = window.film(np.array(measure.drawing.outline)[:, ::-1])
    margin = _EDGE * window.pixel
    cut = bool((outline < margin).any() or (outline > np.array(size) - 1 - margin).any())
    return FilmBody(spot, measure, window, instance, cut)


def _solid(instance: Instance, measure: BodyMeasure) -> float:
    """Area of the body over depth times mean height: 1 for a box, less for a frayed outline."""
    heights = measure.heights
    box = measure.depth_mm * (heights.anterior + heights.posterior) / 2
    return float(instance.area_mm2 / max(box, 1.0))


def _together(found: list[FilmBody]) -> list[FilmBody]:
    """One body for all readings of it in several windows: the one nearest to its window's middle is shown, heights are
    medians over the readings, and how far they differ is their spread."""
    groups: list[list[FilmBody]] = []
    for body in sorted(found, key=_off_middle):
        own = next((group for group in groups if _is_same(group[0], body)), None)
        if own is None:
            groups.append([body])
        else:
            own.append(body)
    return [_median(group) for group in groups]


def _is_same(one: FilmBody, other: FilmBody) -> bool:
    apart = float(np.hypot(*np.subtract(one.spot.centre, other.spot.centre)))
    return apart <= 0.5 * max(one.spot.height, other.spot.height)


def _median(group: list[FilmBody]) -> FilmBody:
    """The first of the readings with the heights of all; a single reading is as unsure as two that differ much."""
    first = group[0]
    if len(group) == 1:
        return replace(first, measure=replace(first.measure, ratio_spread=SINGLE_SPREAD))
    table = np.array([[m.anterior, m.middle, m.posterior] for m in (body.measure.heights for body in group)])
    anterior, middle, posterior = (float(value) for value in np.median(table, axis=0))
    spread = float((table.min(1) / table.max(1)).std(ddof=1))
    return replace(
        first, measure=replace(first.measure, heights=Heights(anterior, middle, posterior), ratio_spread=spread)
    )


def _off_middle(body: FilmBody) -> float:
    return abs(body.instance.centre[0] - SIZE[0] / 2) - 20.0 * body.spot.heat
