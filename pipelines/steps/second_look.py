"""A second look at each vertebra: in its own frame, finer and alone, where its end-plates are drawn for measuring.

The first look finds bodies in sections that show the whole spine; its masks round off corners by a millimetre. The
second shows the network one body at a time, turned level.
"""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from scipy import ndimage as ndi

from pipelines.steps.facts import Body, FloatArray, Look, Volume
from pipelines.steps.section import Stance, find_stance
from pipelines.steps.straighten import OUTSIDE_HU, PIXEL_MM, Floats, Sheet

LOOK_MM = 0.8
LOOK_PX = 80
EDGES_MM = (-6.0, -2.0, 2.0, 6.0)
"""Neighbouring pairs are averaged: three slabs of 4 mm, 4 mm apart."""

LOOKS_DISAGREE = "looks-disagree"
LIKE_AREA = (0.4, 1.6)
LIKE_CENTRE_MM = 6.0
"""Where the second look's body is this much smaller, larger or elsewhere than the first's, the first is kept."""


class LookNetwork(Protocol):
    """The second-look network: patches [N, 3, 80, 80] in HU to the probability of the body each is about."""

    def look(self, hu: FloatArray) -> FloatArray: ...


def second_look(volume: Volume, sheet: Sheet, bodies: Sequence[Body], network: LookNetwork) -> tuple[Body, ...]:
    """The bodies, each with its second look; without one where the first gives no stance or the two disagree."""
    stances = [_stance(body) for body in bodies]
    seen = [stance for stance in stances if stance is not None]
    if not seen:
        return tuple(bodies)
    masks = iter(network.look(np.stack([patch(volume, sheet, stance) for stance in seen])))
    return tuple(
        body if stance is None else _with_look(body, Look(next(masks), stance.centre, stance.tilt, LOOK_MM))
        for body, stance in zip(bodies, stances, strict=True)
    )


def _stance(body: Body) -> Stance | None:
    """Where the body stands in the stack, from the mean of its planes, else from whatever any plane shows of it."""
    local = (body.centre[0] - body.corner[0], body.centre[1] - body.corner[1])
    found = find_stance(body.mask.mean(axis=0), PIXEL_MM, local) or find_stance(body.mask.max(axis=0), PIXEL_MM, local)
    if found is None:
        return None
    return Stance((found.centre[0] + body.corner[0], found.centre[1] + body.corner[1]), found.tilt)


def patch(volume: Volume, sheet: Sheet, stance: Stance) -> FloatArray:
    """Three planes [3, 80, 80] in HU round a body, its depth axis along the columns and its upper end-plate up."""
    row, col = patch_places(stance)
    z = _along(sheet.z, row)
    y = _along(sheet.y, col)
    x = _along(sheet.x, row)
    spacing = volume.spacing
    edges = [
        ndi.map_coordinates(
            volume.hu, ((x + edge) / spacing[0], y / spacing[1], z / spacing[2]), output=np.float32, order=1,
            mode="constant", cval=OUTSIDE_HU,
        )
        for edge in EDGES_MM
    ]  # fmt: skip
    return np.stack([(one + other) / 2 for one, other in itertools.pairwise(edges)])


def patch_places(stance: Stance) -> tuple[Floats, Floats]:
    """Row and column of the stack for every pixel of a patch."""
    steps = (np.arange(LOOK_PX) - (LOOK_PX - 1) / 2) * LOOK_MM / PIXEL_MM
    down, back = np.meshgrid(steps, steps, indexing="ij")
    sine, cosine = np.sin(stance.tilt), np.cos(stance.tilt)
    return stance.centre[0] + back * sine + down * cosine, stance.centre[1] + back * cosine - down * sine


def _along(values: Floats, at: Floats) -> Floats:
    """`values` of the sheet's grid at fractional places, going straight on beyond its ends."""
    last = len(values) - 1
    inside = np.interp(at, np.arange(len(values)), values)
    beyond = np.minimum(at, 0) * (values[1] - values[0]) + np.maximum(at - last, 0) * (values[-1] - values[-2])
    return np.asarray(inside + beyond)


def _with_look(body: Body, look: Look) -> Body:
    return replace(body, look=look) if _agree(body, look) else replace(body, flags=(*body.flags, LOOKS_DISAGREE))


def _agree(body: Body, look: Look) -> bool:
    first = body.mask[len(body.mask) // 2] > 0.5
    second = look.mask[len(look.mask) // 2] > 0.5
    if not second.any() or not first.any():
        return False
    areas = float(second.sum()) * LOOK_MM**2 / (float(first.sum()) * PIXEL_MM**2)
    away = np.linalg.norm(np.argwhere(second).mean(0) - (LOOK_PX - 1) / 2) * LOOK_MM
    return bool(LIKE_AREA[0] <= areas <= LIKE_AREA[1] and away <= LIKE_CENTRE_MM)
