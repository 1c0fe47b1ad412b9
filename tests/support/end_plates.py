"""Vertebrae made of their two end-plates: sound ones, and whatever a test draws."""

import numpy as np
from numpy.typing import NDArray

from pipelines.steps.likeness import Measured
from pipelines.steps.measure import BodyMeasure
from pipelines.steps.section import DEPTH_FRACTIONS, heights_of
from vfx_finder.domain import genant
from vfx_finder.domain.spine import HEAD_TO_FOOT, Drawing, Level

Plate = NDArray[np.float64]
F = DEPTH_FRACTIONS
SIZE_MM = 29.0
DISH = 4 * F * (1 - F)
"""A smooth dish: 0 at both rims, 1 in the middle."""


def body(upper: Plate, lower: Plate, depth_mm: float = 33.0) -> BodyMeasure:
    """A body from its end-plates, mm above and below its depth axis."""
    nothing = Drawing((), ())
    profile = upper + lower
    return BodyMeasure(
        heights_of(profile), profile, upper, -lower, depth_mm, (0.0, 0.0, 0.0), 0.0, 0.0, 5, (0.0, 0.0), nothing, ()
    )


def plates(level: Level, kept: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> tuple[Plate, Plate]:
    """Upper and lower end-plate of a vertebra that kept these shares of its normal heights, smooth from rim to rim."""
    anterior, middle, posterior = (SIZE_MM * a * b for a, b in zip(genant.NORMAL_SHAPE[level], kept, strict=True))
    height = anterior + (posterior - anterior) * F - ((anterior + posterior) / 2 - middle) * DISH
    return height / 2, height / 2


def spine(changed: dict[Level, tuple[Plate, Plate]], first: Level = Level.T6, last: Level = Level.L5) -> list[Measured]:
    levels = [one for one in HEAD_TO_FOOT if one is not Level.T13]
    shown = levels[levels.index(first) : levels.index(last) + 1]
    return [Measured(level, body(*changed.get(level, plates(level)))) for level in shown]
