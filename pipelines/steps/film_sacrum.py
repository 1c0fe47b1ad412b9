"""Where the sacrum begins on a film: windows along the corridor's lower end, else what the whole film showed, else the
foot of the chain of bodies."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from pipelines.steps.facts import FloatArray
from pipelines.steps.film_corridor import Corridor
from pipelines.steps.film_grid import FilmGrid
from pipelines.steps.film_looks import Found

PIXEL_MM = 1.0
SIZE = (160, 96)
STEP_MM = 40.0
BEYOND_MM = 30.0
LOWEST = 4
"""So many windows at the lower end are looked at: the last two vertebrae and what lies below them."""

_SACRUM, _LEAST_SACRUM_MM2 = 0.5, 150.0

LEAST_CHAIN = 4
"""So many bodies are looked at together, and so many are always left."""

SACRAL = -2.0
"""From these log-odds on the last body is the sacrum's, where no sacrum was seen. Synthetic films with a hidden sacrum
are numbered nearly as well from -2 as from 0; -2 was chosen on twelve real films, of which it changes one: their spines
bend back less than synthetic ones, and the bend speaks against a sacrum by all it may."""

_BEND_STEPS, _BEND_TURNS, _BEND_EVEN = np.array((6.892, 4.850, 7.338)), np.array((-4.550, 4.543)), -3.128
_BEND, _BEYOND, _SEEN, _EVEN = 0.916, -3.073, -0.504, -0.285
_BEND_BOUND, _BEYOND_BOUND, _LEAST_SEEN = 4.0, 1.0, 1e-2
"""Fitted on synthetic films alone: the bend on the true corners of 545 spines, all three together on the lower ends of
178 chains (films of another seed, a third of them with the pelvis burnt out), found as if no sacrum had been seen."""


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
    seen = [_sacrum_in(soft, window, network) for window in _lowest(corridor, pixel)]
    best = max((one for one in seen if one is not None), default=None)
    if best is not None:
        return best[1:]
    return corridor.sacrum[:2] if corridor.sacrum else None


def _sacrum_in(picture: FloatArray, window: FilmGrid, network: StripNetwork) -> tuple[float, float, float] | None:
    """Size (mm2) and place (row, col on the film) of the sacrum's first in a window, if it is there."""
    tissue = network.strips(window.cut_from(picture)[None]).tissue[0, 3]
    pieces, count = ndi.label((tissue > _SACRUM) & _on_film(window, picture))
    if not count:
        return None
    largest = pieces == np.bincount(pieces.ravel())[1:].argmax() + 1
    size = float(largest.sum())
    row, col = window.film(np.argwhere(largest).mean(0))
    return (size, float(row), float(col)) if size >= _LEAST_SACRUM_MM2 else None


def _on_film(window: FilmGrid, picture: FloatArray) -> NDArray[np.bool_]:
    """What of a window shows the film. Below it a window shows its last row going on, which is often taken for a
    sacrum: so it was on two in five synthetic thoracic films."""
    places = window.film(np.moveaxis(np.indices(window.size), 0, -1).astype(float))
    return np.asarray(((places >= 0) & (places <= np.array(picture.shape) - 1)).all(-1), np.bool_)


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


def without_sacrum(chain: Sequence[Found], corridor: Corridor) -> tuple[list[Found], tuple[float, float] | None]:
    """A chain (head to foot) without what stands at its foot and is the sacrum; and where (row, col) the uppermost of
    that is, None where all are vertebrae. For films on which no sacrum was seen: burnt out, S1 looks much like L5."""
    kept, sacrum = list(chain), None
    while len(kept) > LEAST_CHAIN and sacral_log_odds(kept, corridor) > SACRAL:
        row, col = kept.pop().centre.tolist()
        sacrum = (row, col)
    return kept, sacrum


def sacral_log_odds(chain: Sequence[Found], corridor: Corridor) -> float:
    """How likely (log-odds) the last body of a chain of `LEAST_CHAIN` or more is the sacrum's and not lumbar: by how
    the chain bends backwards there, how far the corridor goes on below it, and how surely it looks like a body."""
    last = chain[-1]
    beyond = float(corridor.line[-1, 0] - last.centre[0]) / last.sight.size
    here = float(np.clip(last.here, _LEAST_SEEN, 1 - _LEAST_SEEN))
    bend = _BEND * float(np.clip(_bend(chain), -_BEND_BOUND, _BEND_BOUND))
    below = _BEYOND * float(np.clip(beyond, -_BEYOND_BOUND, _BEYOND_BOUND))
    return bend + below + _SEEN * float(np.log(here / (1 - here))) + _EVEN


def _bend(chain: Sequence[Found]) -> float:
    """Log-odds by posture: the directions of the last three steps from body to body, and how the two bodies before the
    last are turned. L5 stands 18 degrees below L4 towards the back, S1 34 degrees below L5 (means of synthetic
    spines)."""
    steps = np.diff([one.centre for one in chain[-LEAST_CHAIN:]], axis=0)
    turns = np.array([one.turn for one in chain[-3:-1]])
    return float(np.arctan2(steps[:, 1], steps[:, 0]) @ _BEND_STEPS + turns @ _BEND_TURNS + _BEND_EVEN)
