"""Close looks at a film: each place in its own frame, at the size that a body there has; which of them show a body."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import ndimage as ndi

from pipelines.steps.facts import FloatArray
from pipelines.steps.film_chain import SPACING
from pipelines.steps.film_corridor import Corridor
from pipelines.steps.film_grid import FilmGrid, Floats

SIZE = 80
HEIGHT_PX = 27.0
"""Pixels of a look, and of a body's usual height in it (`models.synthesis.film_looks`)."""

DEPTH_PER_HEIGHT = 1.35
FILM_MM = 0.8
"""Pixel of the films that the network was taught with: finer ones are blurred to it."""

SIZES_MM: Floats = np.array(
    (12.3, 12.3, 12.2, 12.5, 13.3, 14.3, 15.4, 16.5, 17.5, 18.3, 19.1,
     20.3, 20.8, 21.7, 22.5, 23.0, 23.9, 24.5, 25.8, 26.3, 26.6, 26.2)
)  # fmt: skip
"""Usual size (`size_of`) by level, C3 to L5: means of sound vertebrae on synthetic films. Only where to look hangs on
it."""

_STEP = 0.4
_BEYOND_MM = 45.0
_POSSIBLE, _LIKELY = 0.08, 0.12
_SAME, _ALIKE = 0.5, 0.3
_LARGEST_STEP = 0.6
_SURE, _ROUNDS = 0.5, 4
_PLAIN, _NEAR, _ASIDE = 0.7, 0.8, 0.6
_AGAIN = ((0.0, 0.0), (0.08, -0.1), (-0.08, 0.1))


class LookMaps(Protocol):
    """What the network says of N looks (`models.film_runner.LookMaps`)."""

    @property
    def here(self) -> FloatArray:
        """Probability [N] that a body is centred."""

    @property
    def broken(self) -> FloatArray:
        """Probability [N] that the body centred lost height as from grade 2 on."""

    @property
    def points(self) -> FloatArray:
        """The six points [N, 6, 2] (row, col): upper anterior, middle, posterior, lower anterior, middle, posterior."""

    @property
    def variance(self) -> FloatArray:
        """How unsure each is [N, 6, 2]: squared pixels along the rows and columns."""

    @property
    def own(self) -> FloatArray:
        """Probability [N, H, W] that a pixel belongs to the body."""


class LookNetwork(Protocol):
    """The network for close looks."""

    def looks(self, pictures: FloatArray) -> LookMaps:
        """What N looks [N, 80, 80] show; grey 0 to 1, bone bright, the patient's front on the left."""


@dataclass(frozen=True)
class Sight:
    """Where to look on the film, in its pixels: `centre` (row, col), `size` that a body there should have, and `turn`
    (radian), positive where its back lies lower than its front."""

    centre: tuple[float, float]
    size: float
    turn: float

    @property
    def pixel(self) -> float:
        """The look's pixel in film pixels."""
        return self.size / HEIGHT_PX

    @property
    def grid(self) -> FilmGrid:
        """The look's pixels on the film."""
        return FilmGrid(self.centre, self.pixel, self.turn, (SIZE, SIZE))


@dataclass(frozen=True, eq=False)
class Found:
    """One body by one look: its six points [6, 2] (row, col) and their variance along the body's height [6] (squared),
    in film pixels; how sure it is that a body is centred, and that it is a broken one (0..1); and the body's
    probability [H, W] in `sight`."""

    sight: Sight
    points: Floats
    variance: Floats
    here: float
    broken: float
    own: FloatArray

    @property
    def centre(self) -> Floats:
        """Mean of the four corners (row, col)."""
        return np.asarray(self.points[[0, 2, 3, 5]].mean(0))

    @property
    def down(self) -> Floats:
        """Unit vector (row, col) from the upper to the lower end-plate."""
        return _unit_down(self.points)

    @property
    def turn(self) -> float:
        """How far (radian) the body is turned, positive where its back lies lower than its front."""
        back = self.points[[2, 5]].mean(0) - self.points[[0, 3]].mean(0)
        return float(np.arctan2(back[0], back[1]))


def _unit_down(points: Floats) -> Floats:
    down = (points[3:] - points[:3]).mean(0)
    return np.asarray(down / max(float(np.linalg.norm(down)), 1e-6))


def size_of(points: Floats) -> float:
    """The size of a body by its six points: half its mean height, half its depth as height."""
    height = np.linalg.norm(points[[3, 5]] - points[[0, 2]], axis=1).mean()
    depth = np.linalg.norm(points[[2, 5]] - points[[0, 3]], axis=1).mean()
    return float(height + depth / DEPTH_PER_HEIGHT) / 2


def softened(picture: FloatArray, mm_per_pixel: float) -> FloatArray:
    """A film blurred to the pixel of those that the network was taught with; coarser ones stay as they are."""
    blur = 0.4 * FILM_MM / mm_per_pixel
    return np.asarray(ndi.gaussian_filter(picture, blur), np.float32) if blur > 0.5 else picture


def look_along(soft: FloatArray, mm_per_pixel: float, corridor: Corridor, network: LookNetwork) -> list[Found]:
    """What looks like bodies along the corridor and next to those, from head to foot, places within a body of each
    other told apart only where they differ."""
    sights = sights_along(corridor, mm_per_pixel)
    first = look(soft, sights, network)
    first += look(soft, [one for sight in sights for one in _sideways(sight, first)], network)
    near = apart([one for one in first if one.here > _POSSIBLE], _ALIKE)
    found = apart(look(soft, [recentred(one) for one in near], network), _ALIKE)
    for _ in range(_ROUNDS):
        beside = look(soft, list(_beside(found)), network)
        again = look(soft, [recentred(one) for one in beside if one.here > _POSSIBLE], network)
        known = len(found)
        found = apart([one for one in (*found, *again) if one.here > _POSSIBLE], _ALIKE)
        if len(found) == known:
            break
    return sorted((one for one in found if one.here > _LIKELY), key=lambda one: float(one.centre[0]))


def _sideways(sight: Sight, seen: Sequence[Found]) -> Iterator[Sight]:
    """Before and behind a place where nothing was seen plainly: there the corridor may run beside the bodies."""
    centre = np.array(sight.centre)
    if any(one.here > _PLAIN and np.linalg.norm(one.centre - centre) < _NEAR * sight.size for one in seen):
        return
    back = np.array([np.sin(sight.turn), np.cos(sight.turn)])
    for way in (-_ASIDE, _ASIDE):
        at = centre + way * sight.size * back
        yield Sight((float(at[0]), float(at[1])), sight.size, sight.turn)


def _beside(found: Sequence[Found]) -> Iterator[Sight]:
    """Where the neighbours of sure bodies should be, and none was found."""
    for one in found:
        if one.here < _SURE:
            continue
        for way in (-1, 1):
            at = one.centre + way * SPACING * size_of(one.points) * one.down
            if all(np.linalg.norm(other.centre - at) > _SAME * other.sight.size for other in found):
                yield Sight((float(at[0]), float(at[1])), one.sight.size, one.sight.turn)


def sights_along(corridor: Corridor, mm_per_pixel: float) -> list[Sight]:
    """Places along the corridor and a little beyond its ends, each at the size of its level, close enough together
    that one is near every body's centre."""
    line = corridor.line
    along = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))]
    beyond, at, made = _BEYOND_MM / mm_per_pixel, -_BEYOND_MM / mm_per_pixel, []
    while at < along[-1] + beyond:
        inside = float(np.clip(at, 0, along[-1]))
        size = float(np.interp(np.interp(inside, along, corridor.rank), np.arange(len(SIZES_MM)), SIZES_MM))
        size /= mm_per_pixel
        ends = np.array([[np.interp(s, along, line[:, axis]) for axis in (0, 1)] for s in _around(inside, size, along)])
        run = (ends[1] - ends[0]) / max(float(np.linalg.norm(ends[1] - ends[0])), 1e-6)
        middle = np.array([np.interp(inside, along, line[:, axis]) for axis in (0, 1)]) + (at - inside) * run
        made.append(Sight((float(middle[0]), float(middle[1])), size, float(np.arctan2(-run[1], run[0]))))
        at += _STEP * size
    return made


def _around(inside: float, size: float, along: Floats) -> tuple[float, float]:
    return max(0.0, inside - 1.5 * size), min(float(along[-1]), inside + 1.5 * size)


def look(picture: FloatArray, sights: Sequence[Sight], network: LookNetwork) -> list[Found]:
    """What each place shows, in film pixels."""
    if not sights:
        return []
    maps = network.looks(np.stack([sight.grid.cut_from(picture) for sight in sights]))
    return [
        Found(
            sight,
            sight.grid.film(maps.points[n].astype(float)),
            maps.variance[n, :, 0].astype(float) * sight.pixel**2,
            float(maps.here[n]),
            float(maps.broken[n]),
            maps.own[n],
        )
        for n, sight in enumerate(sights)
    ]


def recentred(one: Found) -> Sight:
    """Where to look next: at the body that was seen, half way to its own size."""
    shift = one.centre - np.array(one.sight.centre)
    far = float(np.linalg.norm(shift)) / (_LARGEST_STEP * one.sight.size)
    centre = np.array(one.sight.centre) + shift / max(1.0, far)
    grown = float(np.clip(np.sqrt(size_of(one.points) / one.sight.size), 0.85, 1.18))
    turned = one.turn - one.sight.turn
    turned = float(np.clip((turned + np.pi) % (2 * np.pi) - np.pi, -0.25, 0.25))
    return Sight((float(centre[0]), float(centre[1])), one.sight.size * grown, one.sight.turn + turned)


def apart(found: Sequence[Found], same: float = _SAME) -> list[Found]:
    """The surest of every group that shows one body: centres within this share of its size."""
    kept: list[Found] = []
    for one in sorted(found, key=lambda one: -one.here):
        if not any(_is_same(one, other, same) for other in kept):
            kept.append(one)
    return kept


def _is_same(one: Found, other: Found, same: float) -> bool:
    return bool(np.linalg.norm(one.centre - other.centre) <= same * min(one.sight.size, other.sight.size))


def looked_again(soft: FloatArray, found: Sequence[Found], network: LookNetwork) -> list[Found]:
    """Each body looked at several times from a little aside: means of its points, with how far they differ."""
    seen = look(soft, [sight for one in found for sight in _aside(recentred(one))], network)
    each = len(_AGAIN)
    return [_together(seen[n * each : (n + 1) * each]) for n in range(len(found))]


def _aside(sight: Sight) -> Iterator[Sight]:
    for shift, grown in _AGAIN:
        centre = (sight.centre[0] + shift * sight.size, sight.centre[1])
        yield Sight(centre, sight.size * float(np.exp(grown)), sight.turn)


def _together(seen: Sequence[Found]) -> Found:
    points = np.mean([each.points for each in seen], axis=0)
    along = np.array([each.points for each in seen]) @ _unit_down(points)
    variance = np.mean([each.variance for each in seen], axis=0) + along.var(0)
    here, broken = (float(np.mean(told)) for told in zip(*((each.here, each.broken) for each in seen), strict=True))
    return Found(seen[0].sight, points, variance, here, broken, seen[0].own)
