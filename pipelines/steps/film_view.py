"""Which film is this, and how is it held: the way round in which a spine is seen best, at the scale that fits it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from pipelines.steps.facts import FloatArray
from pipelines.steps.film_corridor import Corridor, FilmNetwork, find_corridor
from pipelines.steps.film_image import FilmImage
from vfx_finder.domain.study import Reason, Unsuitable

LEAST_STRENGTH = 0.55
LEAST_ORDER = 0.80
LEAST_LEVELS = 2.5
"""A corridor is a lateral spine from this mean probability, this steadiness of its levels, and so many levels."""

_GUESSED_LENGTHS_MM = {True: (620.0, 850.0), False: (330.0, 430.0, 620.0)}
"""Length of the long side that a film without a scale is tried at, by whether it is more than twice as long as wide."""

_STEPS = 2
_LARGEST_STEP = 1.45
_SCALES = (0.1, 1.6)
_DRIFT = 0.35


@dataclass(frozen=True)
class Way:
    """One way to hold a film: quarter turns counter-clockwise, then mirrored, then inverted."""

    quarters: int = 0
    mirrored: bool = False
    inverted: bool = False

    def of(self, grey: FloatArray) -> FloatArray:
        """The picture held this way."""
        turned = np.rot90(grey, self.quarters)
        turned = turned[:, ::-1] if self.mirrored else turned
        return np.ascontiguousarray(1 - turned if self.inverted else turned)

    def back(self, points: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
        """(row, col) on the film as it was given, `size` (rows, columns), of points [..., 2] of the picture held so."""
        row, col = points[..., 0], points[..., 1]
        height, width = size if self.quarters % 2 == 0 else size[::-1]
        if self.mirrored:
            col = width - 1 - col
        for _ in range(self.quarters % 4):
            row, col, height, width = col, height - 1 - row, width, height
        return np.stack([row, col], -1)


USUAL = (Way(), Way(mirrored=True))
UNUSUAL = tuple(
    Way(quarters, mirrored, inverted)
    for inverted in (False, True)
    for quarters in range(4)
    for mirrored in (False, True)
    if quarters or inverted
)


@dataclass(frozen=True)
class Seen:
    """A lateral spine: the picture with its front on the left and its head up, how it was turned for that, its
    corridor, and its scale: `mm_per_pixel` from the header where it gives one, otherwise estimated from the levels."""

    picture: FloatArray
    way: Way
    corridor: Corridor
    mm_per_pixel: float
    estimated: bool
    worth: float


FRONTAL = frozenset({"AP", "PA"})
"""ViewPosition of films from the front or the back (PS3.3 C.8.7.1.1.1). The header is believed here although it is
often wrong: the network takes many spines seen from the front for lateral ones (docs/evidence/xray_spine.md)."""


def see(film: FilmImage, network: FilmNetwork) -> Seen | Unsuitable:
    """The lateral spine in a film, however it is held; or why there is none."""
    if film.position in FRONTAL:
        return _no_lateral(film)
    best = _best(film, network, USUAL)
    if not _is_spine(best):
        tried = _best(film, network, UNUSUAL)
        best = tried if best is None or (tried is not None and tried.worth > best.worth) else best
    if best is None or not _is_spine(best):
        return _no_lateral(film)
    return best


def _best(film: FilmImage, network: FilmNetwork, ways: Iterable[Way]) -> Seen | None:
    seen = [one for way in ways for one in _seen(film, way, network)]
    return max(seen, key=lambda one: one.worth, default=None)


def _seen(film: FilmImage, way: Way, network: FilmNetwork) -> Iterator[Seen]:
    picture = way.of(film.grey)
    for guess in _guesses(film):
        found = _fitted(picture, guess, film.mm_per_pixel is not None, network)
        if found is not None:
            corridor, mm = found
            yield Seen(picture, way, corridor, mm, film.mm_per_pixel is None, _worth(corridor, mm))


def _guesses(film: FilmImage) -> tuple[float, ...]:
    if film.mm_per_pixel is not None:
        return (film.mm_per_pixel,)
    long, short = max(film.grey.shape), min(film.grey.shape)
    return tuple(length / long for length in _GUESSED_LENGTHS_MM[long > 2 * short])


def _fitted(picture: FloatArray, mm: float, known: bool, network: FilmNetwork) -> tuple[Corridor, float] | None:
    """The corridor, and the scale at which its levels are as far apart as they usually are."""
    corridor = find_corridor(picture, mm, network)
    for _ in range(0 if known else _STEPS - 1):
        usual = corridor.mm_by_rank() if corridor else None
        if corridor is None or usual is None:
            break
        mm = float(np.clip(usual / corridor.length(), mm / _LARGEST_STEP, mm * _LARGEST_STEP))
        corridor = find_corridor(picture, float(np.clip(mm, *_SCALES)), network) or corridor
    return None if corridor is None else (corridor, mm)


def _worth(corridor: Corridor, mm: float) -> float:
    """Millimetres of well-ordered spine, less where its levels do not fit the scale."""
    usual = corridor.mm_by_rank() or 0.0
    drift = abs(np.log(max(usual, 1.0) / max(corridor.length() * mm, 1.0)))
    return float(usual * corridor.strength * max(0.0, corridor.order) * np.exp(-((drift / _DRIFT) ** 2)))


def _is_spine(seen: Seen | None) -> bool:
    if seen is None:
        return False
    levels = float(seen.corridor.rank[-1] - seen.corridor.rank[0])
    return seen.corridor.strength >= LEAST_STRENGTH and seen.corridor.order >= LEAST_ORDER and levels >= LEAST_LEVELS


_NAMED = FRONTAL | {"LL", "RL", "LAT"}


def _no_lateral(film: FilmImage) -> Unsuitable:
    said = f" The header says {film.position.lower()[:40]}." if film.position in _NAMED else ""
    return Unsuitable(Reason.NOT_LATERAL_SPINE, f"No lateral view of a spine is seen in this film.{said}")
