"""Where the sacrum begins on a film: windows along the corridor's lower end, else what the whole film showed."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from scipy import ndimage as ndi

from pipelines.steps.facts import FloatArray
from pipelines.steps.film_corridor import Corridor
from pipelines.steps.film_grid import FilmGrid

PIXEL_MM = 1.0
SIZE = (160, 96)
STEP_MM = 40.0
BEYOND_MM = 30.0
LOWEST = 4
"""So many windows at the lower end are looked at: the last two vertebrae and what lies below them."""

_SACRUM, _LEAST_SACRUM_MM2 = 0.5, 150.0


class StripMaps(Protocol):
    """What the network says of windows along the spine (`models.film_runner.StripMaps`)."""

    @property
    def tissue(self) -> FloatArray:
        """Probabilities [N, 4, H, W] of background, body, disc and sacrum."""


class StripNetwork(Protocol):
    """The network of windows along the spine."""

    def strips(self, windows: FloatArray) -> StripMaps:
        """Maps of N windows [N, H, W] at 1 mm, grey 0 to 1, the patient's front on the left."""


def find_sacrum(
    picture: FloatArray, mm_per_pixel: float, corridor: Corridor, network: StripNetwork
) -> tuple[float, float] | None:
    """Where (row, col) the sacrum's first is on the film, if it is seen."""
    pixel = PIXEL_MM / mm_per_pixel
    soft = ndi.gaussian_filter(picture, 0.4 * pixel) if pixel > 1.2 else picture
    seen = [_sacrum_in(window, network.strips(window.cut_from(soft)[None])) for window in _lowest(corridor, pixel)]
    best = max((one for one in seen if one is not None), default=None)
    if best is not None:
        return best[1:]
    return corridor.sacrum[:2] if corridor.sacrum else None


def _sacrum_in(window: FilmGrid, maps: StripMaps) -> tuple[float, float, float] | None:
    """Size (mm2) and place (row, col on the film) of the sacrum's first in a window, if it is there."""
    pieces, count = ndi.label(maps.tissue[0, 3] > _SACRUM)
    if not count:
        return None
    largest = pieces == np.bincount(pieces.ravel())[1:].argmax() + 1
    size = float(largest.sum())
    row, col = window.film(np.argwhere(largest).mean(0))
    return (size, float(row), float(col)) if size >= _LEAST_SACRUM_MM2 else None


def _lowest(corridor: Corridor, pixel: float) -> Iterator[FilmGrid]:
    """Windows at the lower end of the line, each turned as the line runs there, and a little beyond it."""
    line = corridor.line
    along = np.r_[0.0, np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))]
    mm = pixel / PIXEL_MM
    places = np.arange(-BEYOND_MM, along[-1] / mm + BEYOND_MM, STEP_MM) * mm
    for at in places[-LOWEST:]:
        inside = float(np.clip(at, 0, along[-1]))
        near, far = inside - 45 * mm, inside + 45 * mm
        ends = np.array([[np.interp(s, along, line[:, axis]) for axis in (0, 1)] for s in (near, inside, far)])
        run = ends[2] - ends[0]
        middle = ends[1] + (at - inside) * run / max(float(np.linalg.norm(run)), 1e-6)
        yield FilmGrid((float(middle[0]), float(middle[1])), pixel, float(np.arctan2(-run[1], run[0])), SIZE)
