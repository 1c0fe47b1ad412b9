"""Levels of the bodies of a film, by the chain logic of CT: distances, size, sacrum, dens, and levels read."""

from dataclasses import replace

import numpy as np

from pipelines.steps.facts import Body, SagittalStack
from pipelines.steps.film_bodies import FilmBody, Reading
from pipelines.steps.film_chain import Spot
from pipelines.steps.film_view import Seen
from pipelines.steps.label import Numbering, number
from pipelines.steps.picture_error import on_film

SEEN_HERE, SEEN_ELSEWHERE = 0.95, 0.05
"""What a sacrum or a dens says of the body that it is seen next to, and of the others."""

_SACRUM_STEP, _SACRUM_REACH = 1.35, 0.9
_DENS_MM, _DENS_REACH_MM = 30.0, 14.0

_ESTIMATED_LOG_SD = 0.15
"""How unsure the scale of a film is that was fitted to the levels read: one or two of a dozen levels misread."""


def number_film(read: Reading, seen: Seen) -> Numbering:
    """Level and remarks of each body, head to foot; distances are millimetres at the scale of `seen`."""
    spanned = float(seen.corridor.rank[-1] - seen.corridor.rank[0])
    unsure = replace(on_film(spanned), scale_log_sd=_ESTIMATED_LOG_SD if seen.estimated else 0.0)
    return number([_body(body, seen, read.sacrum) for body in read.bodies], _plane(seen), unsure)


def _body(body: FilmBody, seen: Seen, sacrum: tuple[float, float] | None) -> Body:
    mm, spot = seen.mm_per_pixel, body.spot
    return Body(
        mask=body.mask,
        corner=(0, 0),
        centre=(spot.centre[0] * mm, spot.centre[1] * mm),
        score=spot.heat,
        cut=body.cut,
        sacrum_below=_sacrum(spot, sacrum),
        c2_above=_dens(spot, seen),
        rank=spot.rank,
    )


def _plane(seen: Seen) -> SagittalStack:
    """A plane of 1 mm pixels in which the film lies, for the chain logic to measure in."""
    rows = int(np.ceil(seen.picture.shape[0] * seen.mm_per_pixel)) + 2
    nothing = np.zeros((1, 1, 1), np.float32)
    down = np.stack([np.zeros(rows), np.zeros(rows), -np.arange(rows, dtype=float)], 1)
    back, left = np.array([0.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0])
    return SagittalStack(nothing, nothing, (0.0,), 1.0, down, back, left)


def _sacrum(spot: Spot, sacrum: tuple[float, float] | None) -> float | None:
    if sacrum is None:
        return None
    below = np.array(spot.centre) + _down(spot) * _SACRUM_STEP * spot.height
    away = float(np.hypot(*(np.array(sacrum) - below)))
    return SEEN_HERE if away < _SACRUM_REACH * spot.height else SEEN_ELSEWHERE


def _dens(spot: Spot, seen: Seen) -> float | None:
    if seen.corridor.dens is None:
        return None
    above = np.array(spot.centre) - _down(spot) * _DENS_MM / seen.mm_per_pixel
    away = float(np.hypot(*(np.array(seen.corridor.dens[:2]) - above))) * seen.mm_per_pixel
    return SEEN_HERE if away < _DENS_REACH_MM else SEEN_ELSEWHERE


def _down(spot: Spot) -> np.ndarray:
    """Unit vector (row, col) from the upper to the lower end-plate."""
    run = (spot.corners[2:] - spot.corners[:2]).mean(0)
    return np.asarray(run / max(float(np.linalg.norm(run)), 1e-6))
