"""The heights of one vertebral body from several parallel sections: one bad plane does not decide."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipelines.steps.facts import Body, FloatArray, Look, SagittalStack
from pipelines.steps.section import Floats, SectionMeasure, find_stance, measure_section
from vfx_finder.domain.spine import Drawing, Heights, Point

__all__ = ["BodyMeasure", "measure_body", "measure_planes", "measure_section"]

PLANES_DISAGREE = "planes-disagree"
AREA_JUMPS = "area-jumps"
FEW_PLANES = "few-planes"
PLANES_UNLIKE = "planes-unlike"

LARGEST_RATIO_SPREAD = 0.05
"""Robust SD of the min/max ratio over planes above which planes disagree: near the reader-to-reader difference of
0.03 the answer still stands, at twice that the noise decides the grade (docs/grading.md)."""
LARGEST_AREA_JUMP = 0.20
UNLIKE_AREA_JUMP = 0.50
"""A plane whose area is half as large again as the others' does not show the same body: what was outlined is no body,
or not it alone."""
MAD_TO_SD = 1.4826


@dataclass(frozen=True)
class BodyMeasure:
    """One vertebral body measured over its planes.

    `heights`, `profile`, `upper` and `lower` (mm, at `DEPTH_FRACTIONS`) are medians over planes. `spread_mm`
    (anterior, middle, posterior) and `ratio_spread` (of the min/max ratio) are robust standard deviations over planes;
    the latter also holds the difference of two looks. `area_jump` is the largest relative departure of one plane's
    area from the median. `centre` (row, col) and `drawing` are in stack pixels.
    """

    heights: Heights
    profile: Floats
    upper: Floats
    lower: Floats
    depth_mm: float
    spread_mm: tuple[float, float, float]
    ratio_spread: float
    area_jump: float
    planes: int
    centre: Point
    drawing: Drawing
    flags: tuple[str, ...]


def measure_body(body: Body, stack: SagittalStack) -> BodyMeasure | None:
    """Measure a body in every plane and take the median of each height; None where no plane can be measured.

    Where there was a second look the body is measured there, what is drawn is carried back to the stack, and the two
    looks' difference counts as spread: the planes of the second see the same three slabs and hardly differ.
    """
    centre = (body.centre[0] - body.corner[0], body.centre[1] - body.corner[1])
    first = measure_planes(body.mask, stack.mm_per_pixel, centre, body.corner)
    second = _measure_look(body.look, stack.mm_per_pixel) if body.look is not None else None
    if first is None or second is None:
        return second or first
    apart = abs(second.heights.min_max - first.heights.min_max) / math.sqrt(2)
    spread = max(second.ratio_spread, apart)
    flags = dict.fromkeys((*second.flags, *((PLANES_DISAGREE,) if spread > LARGEST_RATIO_SPREAD else ())))
    return replace(second, ratio_spread=spread, flags=tuple(flags))


def _measure_look(look: Look, stack_mm: float) -> BodyMeasure | None:
    size = look.mask.shape[1:]
    measure = measure_planes(look.mask, look.mm_per_pixel, ((size[0] - 1) / 2, (size[1] - 1) / 2))
    if measure is None:
        return None

    def shown(point: Point) -> Point:
        row, col = look.to_stack((point[1], point[0]), stack_mm)
        return col, row

    drawing = Drawing(
        outline=tuple(shown(point) for point in measure.drawing.outline),
        height_lines=tuple((shown(upper), shown(lower)) for upper, lower in measure.drawing.height_lines),
    )
    return replace(measure, drawing=drawing, centre=look.to_stack(measure.centre, stack_mm))


def measure_planes(
    mask: FloatArray, mm_per_pixel: float, centre: Point, corner: tuple[int, int] = (0, 0)
) -> BodyMeasure | None:
    """Measure a soft mask [plane, row, col] around `centre` (row, col); positions are reported shifted by `corner`."""
    stance = find_stance(mask.mean(axis=0), mm_per_pixel, centre)
    sections = [measure_section(plane, mm_per_pixel, centre, stance) for plane in mask]
    seen = [section for section in sections if section is not None]
    if not seen:
        return None
    table = np.array([_triple(section.heights) for section in seen])
    anterior, middle, posterior = (float(height) for height in np.median(table, axis=0))
    spread = tuple(float(value) for value in _robust_sd(table))
    ratio_spread = float(_robust_sd(table.min(axis=1) / table.max(axis=1)))
    area_jump = _largest_jump(np.array([section.area_mm2 for section in seen]))
    shown = _most_typical(seen, np.array([anterior, middle, posterior]))
    return BodyMeasure(
        heights=Heights(anterior, middle, posterior),
        profile=_median([section.profile for section in seen]),
        upper=_median([section.upper for section in seen]),
        lower=_median([section.lower for section in seen]),
        depth_mm=float(np.median([section.depth_mm for section in seen])),
        spread_mm=(spread[0], spread[1], spread[2]),
        ratio_spread=ratio_spread,
        area_jump=area_jump,
        planes=len(seen),
        centre=(shown.centre[0] + corner[0], shown.centre[1] + corner[1]),
        drawing=_drawing(shown, corner),
        flags=_flags(ratio_spread, area_jump, len(seen) / len(mask)),
    )


def _median(curves: Sequence[Floats]) -> Floats:
    return np.asarray(np.median(curves, axis=0), np.float64)


def _triple(heights: Heights) -> tuple[float, float, float]:
    return heights.anterior, heights.middle, heights.posterior


def _robust_sd(values: Floats) -> Floats:
    """Standard deviation over the first axis as if one outlier were not there (scaled median deviation)."""
    return np.asarray(MAD_TO_SD * np.median(np.abs(values - np.median(values, axis=0)), axis=0), np.float64)


def _largest_jump(areas: Floats) -> float:
    return float(np.abs(areas / np.median(areas) - 1).max())


def _most_typical(seen: Sequence[SectionMeasure], heights: Floats) -> SectionMeasure:
    """The plane that is drawn: the one whose heights are nearest to the medians that are reported."""
    away = [float(np.abs(np.array(_triple(section.heights)) - heights).max()) for section in seen]
    return seen[int(np.argmin(away))]


def _drawing(section: SectionMeasure, corner: tuple[int, int]) -> Drawing:
    """Outline and height lines as (column, row) of the stack."""

    def shown(point: Point) -> Point:
        return point[1] + corner[1], point[0] + corner[0]

    return Drawing(
        outline=tuple(shown(point) for point in section.outline),
        height_lines=tuple((shown(upper), shown(lower)) for upper, lower in section.lines),
    )


def _flags(ratio_spread: float, area_jump: float, share_measured: float) -> tuple[str, ...]:
    raised = {
        PLANES_DISAGREE: ratio_spread > LARGEST_RATIO_SPREAD,
        AREA_JUMPS: area_jump > LARGEST_AREA_JUMP,
        PLANES_UNLIKE: area_jump > UNLIKE_AREA_JUMP,
        FEW_PLANES: share_measured <= 0.5,
    }
    return tuple(flag for flag, is_raised in raised.items() if is_raised)
