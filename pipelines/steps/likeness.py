"""Likeness of a vertebra to what is taken for a fracture, from the course of its end-plates and its neighbours.

Working definitions of this software, set on drawn shapes and counted on synthetic vertebrae; none is a diagnosis. A
likeness is told by name and lowers certainty by a bounded amount (`genant.lowered`); it never changes a grade.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from pipelines.steps.measure import BodyMeasure
from pipelines.steps.section import ANTERIOR, DEPTH_FRACTIONS, MIDDLE, POSTERIOR
from vfx_finder.domain import genant
from vfx_finder.domain.mimic import Mimic
from vfx_finder.domain.spine import HEAD_TO_FOOT, Heights, Level

Floats = NDArray[np.float64]

PIT_MM = 0.6
PIT_SHARE = 0.36
SMOOTH_DISH = 0.25
"""Schmorl node: a pit of this depth (mm), no wider than this share of the body. A smooth dish that is closed over such
a width is filled by a sixth to a quarter of its depth, so that much does not count."""

WEDGE_DEGREES = 5.0
LEAST_WEDGE_DEGREES = 3.0
ROUGH_MM = 0.14
LEAST_ROUGH_MM = 0.08
IN_A_ROW = 3
"""Scheuermann: three adjacent vertebrae wedged by 5 degrees with uneven end-plates (Sorensen 1964; textbook
differential, not checked against the primary source). The first and third number hold for the mean of three in a row,
the others for each: a single outline errs by two degrees and smooths an end-plate to a third of its waves. Chosen on
drawn vertebrae as the networks outline them: told of 7 in 17 Scheuermann spines, in none of 54 others, of no fracture
of 46."""

ALIKE = 0.06
STRAIGHT_MM = 1.2
WEDGED_SHARE = 0.95
WEDGING_LEVELS = frozenset(HEAD_TO_FOOT[HEAD_TO_FOOT.index(Level.T8) : HEAD_TO_FOOT.index(Level.L1) + 1])
"""Physiological wedging: from T8 to L1, straight end-plates, anterior height under this share of its usual ratio, and
neighbours whose ratio is as low within `ALIKE`."""

LOW_SHARE = 0.88
SHALLOW_SHARE = 0.92
"""Short vertebral height: every height under the first share of what the neighbours predict, and the middle no lower
than the second share of what is usual for its rims."""

BOW_LEVELS = frozenset({Level.L3, Level.L4, Level.L5})
BOW_MM = (2.4, 5.0)
BOW_BEHIND = 0.54
BOW_MORE_MM = 1.0
"""Cupid's bow: from L3 to L5 a smooth dish of the lower end-plate within these depths, deepest behind this share of the
depth, and so much deeper than the upper one's."""

CORNER_MM = 2.0
LEAST_RISE_MM = -0.5
"""Limbus vertebra: the upper front rim falls by more than the second where the lower rises this much more."""

LIP_SHARE = 0.04


@dataclass(frozen=True)
class Measured:
    """One vertebra of the chain: its level and what was measured of it."""

    level: Level
    measure: BodyMeasure


def likenesses(chain: Sequence[Measured | None]) -> tuple[tuple[Mimic, ...], ...]:
    """What each vertebra of a chain, head to foot, resembles; nothing for one that was not measured (None)."""
    rough_runs = _scheuermann(chain)
    return tuple(
        () if one is None else tuple(kind for kind, is_like in _asked(n, chain, rough_runs) if is_like)
        for n, one in enumerate(chain)
    )


def _asked(n: int, chain: Sequence[Measured | None], rough: frozenset[int]) -> list[tuple[Mimic, bool]]:
    one = chain[n]
    assert one is not None  # `likenesses` asks of measured ones only
    others = _others(n, chain)
    questions: Mapping[Mimic, Callable[[], bool]] = {
        Mimic.SCHMORL_NODE: lambda: has_pit(one.measure),
        Mimic.SCHEUERMANN: lambda: n in rough,
        Mimic.PHYSIOLOGICAL_WEDGING: lambda: _is_wedged_like_its_neighbours(n, chain),
        Mimic.SHORT_VERTEBRAL_HEIGHT: lambda: is_short(one, others),
        Mimic.CUPIDS_BOW: lambda: is_bowed(one),
        Mimic.LIMBUS: lambda: lacks_corner(one.measure),
        Mimic.RIM_LIP: lambda: has_lip(one, others),
    }
    return [(kind, question()) for kind, question in questions.items()]


def _others(n: int, chain: Sequence[Measured | None]) -> dict[Level, Heights]:
    return {other.level: other.measure.heights for at, other in enumerate(chain) if at != n and other is not None}


def sags_of(measure: BodyMeasure) -> tuple[Floats, Floats]:
    """How deep (mm) each end-plate lies below the line between its two rims: upper, lower."""
    return _sag(measure.upper), _sag(-measure.lower)


def _sag(plate: Floats) -> Floats:
    front, back = (
        int(np.argmax(np.where(ANTERIOR, plate, -np.inf))),
        int(np.argmax(np.where(POSTERIOR, plate, -np.inf))),
    )
    f = DEPTH_FRACTIONS
    line = plate[front] + (plate[back] - plate[front]) * (f - f[front]) / (f[back] - f[front])
    return np.asarray(line - plate)


def pit_of(plate: Floats) -> float:
    """How deep (mm) a narrow part of an end-plate's course (mm outwards at `DEPTH_FRACTIONS`) dips below the rest.

    What is filled by closing it over `PIT_SHARE` of the depth, less what a smooth dish of the same depth would take.
    """
    window = round(PIT_SHARE / float(DEPTH_FRACTIONS[1] - DEPTH_FRACTIONS[0])) | 1
    filled = ndi.grey_closing(plate, size=window, mode="nearest") - plate
    inner = (DEPTH_FRACTIONS > 0.12) & (DEPTH_FRACTIONS < 0.88)
    return float(filled[inner].max()) - SMOOTH_DISH * max(0.0, float(_sag(plate)[inner].max()))


def has_pit(measure: BodyMeasure) -> bool:
    """Schmorl node: a narrow pit in one end-plate, at least twice as deep as any in the other."""
    upper, lower = pit_of(measure.upper), pit_of(-measure.lower)
    return max(upper, lower) >= PIT_MM and max(upper, lower) >= 2 * min(upper, lower)


def roughness(measure: BodyMeasure) -> float:
    """How uneven (mm, root mean square) the end-plates are about a smooth course (fourth degree)."""
    inner = (DEPTH_FRACTIONS > 0.08) & (DEPTH_FRACTIONS < 0.92)
    f = DEPTH_FRACTIONS[inner]
    rest = [plate[inner] - np.polyval(np.polyfit(f, plate[inner], 4), f) for plate in (measure.upper, measure.lower)]
    return float(np.sqrt(np.mean(np.square(rest))))


def wedge_degrees(measure: BodyMeasure) -> float:
    """Angle between the end-plates; positive where the front is lower."""
    fall = measure.heights.posterior - measure.heights.anterior
    return float(np.degrees(np.arctan2(fall, 0.76 * measure.depth_mm)))


def _scheuermann(chain: Sequence[Measured | None]) -> frozenset[int]:
    runs = (range(at, at + IN_A_ROW) for at in range(len(chain) - IN_A_ROW + 1))
    return frozenset(n for run in runs if _wedged_and_uneven([chain[n] for n in run]) for n in run)


def _wedged_and_uneven(run: Sequence[Measured | None]) -> bool:
    """Whether adjacent vertebrae, all measured, are wedged and uneven on the mean, and each of them somewhat."""
    measures = [one.measure for one in run if one is not None]
    if len(measures) < len(run):
        return False
    wedges, rough = [wedge_degrees(one) for one in measures], [roughness(one) for one in measures]
    on_the_mean = np.mean(wedges) >= WEDGE_DEGREES and np.mean(rough) >= ROUGH_MM
    return bool(on_the_mean and min(wedges) >= LEAST_WEDGE_DEGREES and min(rough) >= LEAST_ROUGH_MM)


def _front_share(one: Measured) -> float | None:
    """Anterior over posterior height, in units of what is usual at the level."""
    usual = genant.NORMAL_SHAPE.get(one.level)
    return one.measure.heights.anterior_posterior / (usual[0] / usual[2]) if usual else None


def _is_wedged_like_its_neighbours(n: int, chain: Sequence[Measured | None]) -> bool:
    one = chain[n]
    share = _front_share(one) if one is not None and one.level in WEDGING_LEVELS else None
    if one is None or share is None or share > WEDGED_SHARE:
        return False
    beside = [
        _front_share(other) for other in (chain[n - 1] if n else None, *chain[n + 1 : n + 2]) if other is not None
    ]
    alike = [other is not None and other - share <= ALIKE for other in beside]
    return bool(alike) and all(alike) and _lies_straight(one.measure)


def _lies_straight(measure: BodyMeasure) -> bool:
    """End-plates hardly dished: the middle lies about half-way between the rims."""
    return all(float(sag[MIDDLE].max()) <= STRAIGHT_MM + 1.0 for sag in sags_of(measure))


def is_short(one: Measured, others: Mapping[Level, Heights]) -> bool:
    """Short vertebral height: all of it low beside its neighbours, the end-plates not depressed."""
    expected = genant.expected_heights(one.level, one.measure.heights, others)
    usual = genant.NORMAL_SHAPE.get(one.level)
    if expected is None or usual is None or not genant.has_neighbours(one.level, others):
        return False
    h = one.measure.heights
    low = all(a <= LOW_SHARE * b for a, b in zip((h.anterior, h.middle, h.posterior), expected, strict=True))
    dish, usual_dish = 2 * h.middle / (h.anterior + h.posterior), 2 * usual[1] / (usual[0] + usual[2])
    return low and dish >= SHALLOW_SHARE * usual_dish and not has_pit(one.measure)


def is_bowed(one: Measured) -> bool:
    """Cupid's bow: a smooth dish of the lower end-plate, deepest behind the middle, and none like it above."""
    if one.level not in BOW_LEVELS:
        return False
    upper, lower = sags_of(one.measure)
    inner = (DEPTH_FRACTIONS > 0.2) & (DEPTH_FRACTIONS < 0.9)
    deepest = DEPTH_FRACTIONS[int(np.argmax(np.where(inner, lower, -np.inf)))]
    deep = float(lower[inner].max())
    more = deep - float(upper[inner].max())
    return deepest >= BOW_BEHIND and BOW_MM[0] <= deep <= BOW_MM[1] and more >= BOW_MORE_MM and not has_pit(one.measure)


def lacks_corner(measure: BodyMeasure) -> bool:
    """Limbus: the upper end-plate does not rise to its front rim as the lower one does."""
    upper, lower = rise_of(measure.upper), rise_of(-measure.lower)
    return lower - upper >= CORNER_MM and upper < LEAST_RISE_MM and not has_pit(measure)


def rise_of(plate: Floats) -> float:
    """How far (mm) the front rim stands above the plate behind it, less the slope of the plate as a whole."""
    front, behind = _between(plate, 0.03, 0.12), _between(plate, 0.26, 0.38)
    slope = (_between(plate, 0.62, 0.74) - behind) / 0.36
    return front - behind + 0.245 * slope


def _between(plate: Floats, first: float, last: float) -> float:
    f = DEPTH_FRACTIONS
    return float(np.median(plate[(f > first) & (f < last)]))


def has_lip(one: Measured, others: Mapping[Level, Heights]) -> bool:
    """Whether a rim stands out so far above the neighbours' that the grading took it back."""
    if one.level not in genant.NORMAL_SHAPE:
        return False
    kept, h = genant.within_reason(one.level, one.measure.heights, others), one.measure.heights
    return min(kept.anterior / h.anterior, kept.posterior / h.posterior) < 1.0 - LIP_SHARE
