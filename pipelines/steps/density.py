"""Trabecular Hounsfield units inside one sound vertebra, read from the volume itself in the body's own tilted frame.

The region is a flat ellipse in front of the middle of L1 (else T12, else L2), several millimetres thick. What stands
out in it (basivertebral vein, bone island, haemangioma) is left out; where too much does, the next vertebra is tried.
docs/bone-density.md says where each number comes from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from pipelines.steps.facts import Body, SagittalStack, Volume
from pipelines.steps.label import UNCERTAIN
from pipelines.steps.measure import BodyMeasure
from pipelines.steps.section import find_stance
from vfx_finder.domain.bone_density import CANDIDATES, BoneDensity, PassedOver, Trabecular, WhyNot
from vfx_finder.domain.finding import Finding

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

STEP_MM = 1.0

CENTRE = 0.38
HALF_DEPTH = 0.22
HALF_WIDTH = 0.28
"""The ellipse as shares of the body's depth, from its anterior rim: 16 to 60 % deep, so 5 mm clear of the anterior
cortex and 13 mm of the posterior wall where the vein enters. About 200 mm2 in a body 32 mm deep, the size that a study
of repeated scans recommends (Osteoporos Int 2025, doi 10.1007/s00198-025-07529-7)."""

HALF_HEIGHT = 0.18
HALF_HEIGHT_MM = (2.0, 4.0)
"""Half the thickness, as a share of the lowest height and its bounds: a third of the body stays free at either
end-plate, more than a slice of 5 mm blurs."""

SMOOTH_MM = 1.5
MAD_TO_SD = 1.4826
OUTLIER_SD = 3.5
OUTLIER_HU = (45.0, 120.0)
"""A place is left out where its HU, averaged over 1.5 mm so that noise does not count, departs from the median of the
region by this many robust standard deviations, but never for less than 45 HU and always beyond 120 HU."""

LARGEST_LEFT_OUT = 0.30
LARGEST_SPREAD_HU = 60.0
"""Beyond either, one number does not describe the region. (House decisions.)"""

METAL_HU = 2200.0
METAL_BOX_MM = 26.0
LEAST_METAL_MM3 = 24.0
DENSE_HU = 600.0
LARGEST_DENSE = 0.03
"""Cortical bone reaches 1,500 HU with a sharp kernel, implants clip at 3,071. Smoothed trabecular bone does not reach
600 HU: cement and dense metastases do. (House decisions.)"""

PLAUSIBLE_HU = (-100.0, 450.0)


@dataclass(frozen=True)
class Site:
    """One vertebra where density might be read: its judgement, its body, and what was measured on it."""

    finding: Finding
    body: Body
    measure: BodyMeasure | None


@dataclass(frozen=True)
class _Frame:
    """A body's own axes in LPS: `origin` its middle, unit vectors towards posterior, left and the head."""

    origin: Floats
    posterior: Floats
    left: Floats
    head: Floats

    def at(self, posterior: Floats, left: Floats, head: Floats) -> Floats:
        """LPS positions [3, ...] of places given in mm along the three axes."""
        along = [np.multiply.outer(axis, where) for axis, where in
                 ((self.posterior, posterior), (self.left, left), (self.head, head))]  # fmt: skip
        return np.asarray(sum(along) + self.origin.reshape(3, *[1] * np.ndim(posterior)))


def bone_density(volume: Volume, stack: SagittalStack, sites: Sequence[Site]) -> BoneDensity:
    """The density of the first of L1, T12, L2 where it can be read, and why each one before it was passed over."""
    by_level = {site.finding.vertebra.level.level: site for site in sites}
    passed: list[PassedOver] = []
    for level in CANDIDATES:
        site = by_level.get(level)
        answer = WhyNot.NOT_IN_VIEW if site is None else _barred(site) or _read(volume, stack, site)
        if isinstance(answer, Trabecular):
            return BoneDensity(answer, volume.exposure, tuple(passed))
        passed.append(PassedOver(level, answer))
    return BoneDensity(None, volume.exposure, tuple(passed))


def _barred(site: Site) -> WhyNot | None:
    """Why this vertebra is not measured whatever its HU."""
    finding = site.finding
    reasons: Mapping[WhyNot, bool] = {
        WhyNot.CUT: site.body.cut,
        WhyNot.LEVEL_UNCERTAIN: UNCERTAIN in finding.vertebra.flags,
        WhyNot.NOT_GRADED: finding.grade is None or site.measure is None,
        WhyNot.FRACTURED: bool(finding.grade),
    }
    return next((why for why, is_so in reasons.items() if is_so), None)


def _read(volume: Volume, stack: SagittalStack, site: Site) -> Trabecular | WhyNot:
    measure = site.measure
    assert measure is not None  # `_barred` saw to it
    frame = _frame(stack, site.body, measure)
    if _has_metal(volume, frame):
        return WhyNot.METAL
    if _is_dense(volume, frame, measure):
        return WhyNot.CEMENT_OR_SCLEROSIS
    region = _region(volume, frame, measure)
    return region if isinstance(region, WhyNot) else _summed_up(site, *region)


def _frame(stack: SagittalStack, body: Body, measure: BodyMeasure) -> _Frame:
    """Pitch from the end-plates of the body, roll from the course of the spine's mid-line beside it."""
    middle = (body.centre[0] - body.corner[0], body.centre[1] - body.corner[1])
    stance = find_stance(body.mask.mean(axis=0), stack.mm_per_pixel, middle)
    tilt = stance.tilt if stance else 0.0
    back = stack.column_lps / np.linalg.norm(stack.column_lps)
    up = np.cross(stack.left_lps, back)
    up *= np.sign(np.dot(up, stack.row_lps[0] - stack.row_lps[-1]))
    posterior = np.cos(tilt) * back - np.sin(tilt) * up
    head = np.sin(tilt) * back + np.cos(tilt) * up
    head = head + _lean(stack, measure.centre[0], up) * stack.left_lps
    head /= np.linalg.norm(head)
    left = stack.left_lps - np.dot(stack.left_lps, head) * head
    return _Frame(np.array(stack.to_lps(*measure.centre)), posterior, left / np.linalg.norm(left), head)


def _lean(stack: SagittalStack, row: float, up: Floats) -> float:
    """How far to the left the mid-line runs for each mm towards the head, over 30 mm around a row."""
    reach = 15.0 / stack.mm_per_pixel
    above, below = (np.array(stack.to_lps(row + way * reach, 0.0)) for way in (-1, 1))
    rise = float(np.dot(above - below, up))
    return float(np.dot(above - below, stack.left_lps)) / rise if rise > 1.0 else 0.0


def _sampled(volume: Volume, lps: Floats) -> Floats:
    """HU at LPS positions [3, ...], NaN outside the volume."""
    inverse = np.linalg.inv(volume.affine)
    ijk = np.tensordot(inverse[:3, :3], lps, axes=1) + inverse[:3, 3].reshape(3, *[1] * (lps.ndim - 1))
    found = ndi.map_coordinates(volume.hu, ijk, output=np.float64, order=1, mode="nearest")
    last = (np.array(volume.hu.shape) - 1).reshape(3, *[1] * (lps.ndim - 1))
    found[np.any((ijk < 0) | (ijk > last), axis=0)] = np.nan
    return np.asarray(found, np.float64)


def _box(posterior: tuple[float, float], left: float, head: float) -> tuple[Floats, Floats, Floats]:
    """A grid of `STEP_MM` [head, posterior, left] over a box given by its bounds or half edges (mm)."""
    h, p, x = (np.arange(low, high + STEP_MM / 2, STEP_MM) for low, high in ((-head, head), posterior, (-left, left)))
    heads, backs, lefts = np.meshgrid(h, p, x, indexing="ij")
    return backs, lefts, heads


def _has_metal(volume: Volume, frame: _Frame) -> bool:
    reach = METAL_BOX_MM
    hu = _sampled(volume, frame.at(*_box((-reach, reach), reach, reach / 2)))
    return bool(np.count_nonzero(hu > METAL_HU) * STEP_MM**3 >= LEAST_METAL_MM3)


def _is_dense(volume: Volume, frame: _Frame, measure: BodyMeasure) -> bool:
    """Whether the inside of the body, well clear of its shell, holds what is denser than trabecular bone."""
    inside = _box((-0.32 * measure.depth_mm, 0.32 * measure.depth_mm), 0.38 * measure.depth_mm,
                  0.28 * measure.heights.middle)  # fmt: skip
    hu = _sampled(volume, frame.at(*inside))
    smooth = ndi.gaussian_filter(np.nan_to_num(hu), SMOOTH_MM / STEP_MM)
    return bool(np.mean(smooth > DENSE_HU) > LARGEST_DENSE)


def _region(volume: Volume, frame: _Frame, measure: BodyMeasure) -> tuple[Floats, Bools, Bools] | WhyNot:
    """HU of the box around the ellipse [head, posterior, left], which places lie inside it, and which are kept."""
    depth, height = measure.depth_mm, min(measure.heights.anterior, measure.heights.middle)
    middle, half_depth, half_width = (CENTRE - 0.5) * depth, HALF_DEPTH * depth, HALF_WIDTH * depth
    half_height = float(np.clip(HALF_HEIGHT * height, *HALF_HEIGHT_MM))
    back, left, head = _box((middle - half_depth, middle + half_depth), half_width, half_height)
    inside = ((back - middle) / half_depth) ** 2 + (left / half_width) ** 2 <= 1.0
    hu = _sampled(volume, frame.at(back, left, head))
    if np.isnan(hu).any():
        return WhyNot.OUTSIDE_IMAGE
    return hu, inside, inside & _ordinary(hu, inside)


def _ordinary(hu: Floats, inside: Bools) -> Bools:
    """Where the smoothed HU do not stand out from the region's median, nor right beside such a place: its rim."""
    smooth = _smoothed_within(hu, inside)
    away = np.abs(smooth - np.median(smooth[inside]))
    limit = np.clip(OUTLIER_SD * MAD_TO_SD * np.median(away[inside]), *OUTLIER_HU)
    return np.asarray(~ndi.binary_dilation(inside & (away > limit)))


def _smoothed_within(hu: Floats, inside: Bools) -> Floats:
    """Local mean over the region alone: what lies outside of it does not leak in."""
    sigma = SMOOTH_MM / STEP_MM
    weight = ndi.gaussian_filter(inside.astype(np.float64), sigma)
    return np.asarray(ndi.gaussian_filter(np.where(inside, hu, 0.0), sigma) / np.maximum(weight, 1e-6))


def _summed_up(site: Site, hu: Floats, inside: Bools, kept: Bools) -> Trabecular | WhyNot:
    left_out = 1.0 - kept.sum() / inside.sum()
    smooth = _smoothed_within(hu, kept)[kept] if kept.any() else np.zeros(1)
    if left_out > LARGEST_LEFT_OUT or smooth.std() > LARGEST_SPREAD_HU:
        return WhyNot.HETEROGENEOUS
    mean = float(hu[kept].mean())
    if not PLAUSIBLE_HU[0] <= mean <= PLAUSIBLE_HU[1]:
        return WhyNot.IMPLAUSIBLE
    return Trabecular(
        level=site.finding.vertebra.level.level,
        mean_hu=mean,
        sd_hu=float(hu[kept].std()),
        area_mm2=float(kept[len(kept) // 2].sum() * STEP_MM**2),
        volume_mm3=float(kept.sum() * STEP_MM**3),
        left_out=float(left_out),
    )
