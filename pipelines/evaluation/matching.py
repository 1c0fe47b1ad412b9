"""Which finding is which true body, and which vertebrae count as identified."""

from collections.abc import Sequence

import numpy as np

from pipelines.evaluation.record import Said
from pipelines.evaluation.truth import TrueBody
from vfx_finder.domain.spine import HEAD_TO_FOOT, Level, Point3

FOUND_WITHIN_MM = 10.0
"""A body counts as found when a finding's centre is this near its own (VerSe 2020 allows 20 mm; half a body's height
keeps a disc or the neighbour from counting)."""

IDENTIFIED_WITHIN_MM = 20.0
"""Sekuboyina et al. 2021 (VerSe): the predicted centroid of a label lies nearest to the true centroid of that label,
and no farther than 20 mm from it."""

SPAN_MARGIN_MM = 12.0
"""The labelled span reaches half a body's height beyond its first and last centre."""

EXTRA = {Level.T13, Level.L6}
"""Levels that most people lack: half a step, so that T12 and L1 stay neighbours."""


def pairs(bodies: Sequence[TrueBody], said: Sequence[Said]) -> dict[int, int]:
    """Which finding is which body, by their numbers: nearest pairs first, each used once."""
    near = sorted(
        (distance(body.centre_mm, finding.centre_mm), i, j)
        for i, body in enumerate(bodies)
        for j, finding in enumerate(said)
    )
    found: dict[int, int] = {}
    for off, i, j in near:
        if off <= FOUND_WITHIN_MM and i not in found and j not in found.values():
            found[i] = j
    return found


def distances_of_label(bodies: Sequence[TrueBody], said: Sequence[Said]) -> list[float | None]:
    """For each body how far (mm) the finding of its level lies from it; None where no finding has that level."""
    return [
        min((distance(body.centre_mm, one.centre_mm) for one in said if one.level is body.level), default=None)
        for body in bodies
    ]


def identified(bodies: Sequence[TrueBody], said: Sequence[Said]) -> list[bool]:
    """For each body whether VerSe's definition calls it identified."""
    return [_is_identified(i, bodies, said) for i in range(len(bodies))]


def is_in_span(centre: Point3, bodies: Sequence[TrueBody]) -> bool:
    """Whether a position lies between the first and the last known body, half a body's height beyond included."""
    heights = [body.centre_mm[2] for body in bodies]
    return bool(heights) and min(heights) - SPAN_MARGIN_MM <= centre[2] <= max(heights) + SPAN_MARGIN_MM


def levels_off(said: Level, true: Level) -> float:
    """How many levels a name is off. T13 and L6 stand half a step below T12 and L5."""
    return abs(_place(said) - _place(true))


def distance(one: Point3, other: Point3) -> float:
    """Distance of two positions, mm."""
    return float(np.linalg.norm(np.subtract(one, other)))


def _is_identified(i: int, bodies: Sequence[TrueBody], said: Sequence[Said]) -> bool:
    mine = [one for one in said if one.level is bodies[i].level]
    if not mine:
        return False
    best = min(mine, key=lambda one: distance(one.centre_mm, bodies[i].centre_mm))
    off = [distance(best.centre_mm, body.centre_mm) for body in bodies]
    return off[i] <= IDENTIFIED_WITHIN_MM and off[i] == min(off)


def _place(level: Level) -> float:
    before = [other for other in HEAD_TO_FOOT[: HEAD_TO_FOOT.index(level)] if other not in EXTRA]
    return len(before) - 0.5 if level in EXTRA else float(len(before))
