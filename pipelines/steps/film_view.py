"""How a lateral film is held and how large it is: the way round in which a spine is seen best, at a fitting scale."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pipelines.steps.facts import FloatArray
from pipelines.steps.film_corridor import Corridor, FilmNetwork, find_corridor
from pipelines.steps.film_gate import ViewNetwork, look_at, no_spine, refusal
from pipelines.steps.film_image import FilmImage
from pipelines.steps.film_way import Way
from vfx_finder.domain.study import Unsuitable

LEAST_STRENGTH = 0.55
LEAST_ORDER = 0.80
LEAST_LEVELS = 2.5
"""A corridor is a lateral spine from this mean probability, this steadiness of its levels, and so many levels."""

_GUESSED_LENGTHS_MM = {True: (620.0, 850.0), False: (330.0, 430.0, 620.0)}
"""Length of the long side that a film without a scale is tried at, by whether it is more than twice as long as wide."""

TRIED, TRIED_AT_ONCE = 4, 2
"""Of the ways to hold a film the likeliest four are tried, two at once: of these the one in which most is seen wins
(`_best`)."""

_LEAST_UPRIGHT = 0.1
"""No word of the small network outweighs a spine that is seen ten times better."""

_STEPS = 2
_LARGEST_STEP = 1.45
_SCALES = (0.1, 1.6)
_DRIFT = 0.35


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


class WholeFilmNetworks(FilmNetwork, ViewNetwork, Protocol):
    """The networks that look at whole films."""


def see(film: FilmImage, network: WholeFilmNetworks) -> Seen | Unsuitable:
    """The lateral spine in a film, however it is held; or why there is none."""
    look = look_at(film, network)
    refused = refusal(film, look)
    if refused:
        return refused
    for first in range(0, TRIED, TRIED_AT_ONCE):
        best = _best(film, network, look.ways[first : first + TRIED_AT_ONCE])
        if best is not None:
            return best
    return no_spine(film)


def see_mirrored(film: FilmImage, seen: Seen, network: FilmNetwork) -> Seen | None:
    """What is seen in a film that is held the other way round than in `seen`; None where that is no spine at all."""
    way = Way(seen.way.quarters, not seen.way.mirrored, seen.way.inverted)
    return _best(film, network, [(way, 1.0)])


def _best(film: FilmImage, network: FilmNetwork, ways: Iterable[tuple[Way, float]]) -> Seen | None:
    """The spine that is seen best, by how much there is of it and how sure it is that the film is upright: of 368
    synthetic films nine more are so held rightly than by the spine alone, which upside down is seen nearly as well."""
    seen = [(max(upright, _LEAST_UPRIGHT), one) for way, upright in ways for one in _seen(film, way, network)]
    spines = [(one.worth * upright, one) for upright, one in seen if _is_spine(one)]
    return max(spines, key=lambda pair: pair[0], default=(0.0, None))[1]


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


def _is_spine(seen: Seen) -> bool:
    levels = float(seen.corridor.rank[-1] - seen.corridor.rank[0])
    return seen.corridor.strength >= LEAST_STRENGTH and seen.corridor.order >= LEAST_ORDER and levels >= LEAST_LEVELS
