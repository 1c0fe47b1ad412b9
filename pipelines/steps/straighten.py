"""Sagittal sections along the centre line: straightened left-right only, so that heights stay true."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from pipelines.steps.centre_line import CentreLine
from pipelines.steps.facts import FloatArray, Volume
from pipelines.steps.two_at_a_time import two_at_a_time

PIXEL_MM = 1.0
SLAB_MM = (-1.6, 1.6)
MARGIN_Y_MM = (62.0, 70.0)  # before and behind the centre line
MARGIN_Z_MM = 45.0
OUTSIDE_HU = 40.0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sheet:
    """The (row, col) grid of the sections in the volume's millimetres: heights `z` per row (head to foot), `x` of the
    line per row, `y` per column (front to back)."""

    z: Floats
    x: Floats
    y: Floats


def lay_sheet(volume: Volume, line: CentreLine) -> Sheet:
    """The sheet that follows the line, reaching beyond it as far as the volume does (at most the margins)."""
    extent = (np.array(volume.hu.shape) - 1) * volume.spacing
    top, bottom = min(line.z[-1] + MARGIN_Z_MM, extent[2]), max(line.z[0] - MARGIN_Z_MM, 0.0)
    front, back = max(line.y.min() - MARGIN_Y_MM[0], 0.0), min(line.y.max() + MARGIN_Y_MM[1], extent[1])
    z = np.arange(top, bottom, -PIXEL_MM)
    return Sheet(z, line.at(z)[0], np.arange(front, back, PIXEL_MM))


def cut(volume: Volume, sheet: Sheet, offsets: tuple[float, ...]) -> FloatArray:
    """Sections [plane, row, col] in HU: the mean of a thin slab `offset` mm to the left of the line."""
    spacing = volume.spacing
    k = np.repeat((sheet.z / spacing[2])[:, None], len(sheet.y), 1)
    j = np.repeat((sheet.y / spacing[1])[None], len(sheet.z), 0)

    def plane(offset: float) -> FloatArray:
        thin = [_sample(volume, (sheet.x + offset + part) / spacing[0], j, k) for part in SLAB_MM]
        return np.asarray(np.mean(thin, axis=0), np.float32)

    return np.stack(two_at_a_time(plane, offsets))


def _sample(volume: Volume, i: Floats, j: Floats, k: Floats) -> FloatArray:
    where = (np.repeat(i[:, None], j.shape[1], 1), j, k)
    out: FloatArray = ndi.map_coordinates(
        volume.hu, where, output=np.float32, order=1, mode="constant", cval=OUTSIDE_HU
    )
    return out


def lps(volume: Volume, sheet: Sheet) -> tuple[Floats, Floats, Floats]:
    """row_lps [row, 3], column_lps [3] and left_lps [3] of the sheet, as `SagittalStack` defines them (LPS, mm)."""
    unit = volume.affine[:3, :3] / volume.spacing
    start = np.stack([sheet.x, np.full_like(sheet.x, sheet.y[0]), sheet.z], -1)
    return volume.affine[:3, 3] + start @ unit.T, unit[:, 1] * PIXEL_MM, unit[:, 0]


def refine(line: CentreLine, sheet: Sheet, body: FloatArray, offsets: tuple[float, ...]) -> CentreLine:
    """The line moved to the middle of the bodies seen in sections at `offsets` (mm): body [plane, row, col]."""
    area = (body * (body > 0.5)).sum(2)
    total = area.sum(0)
    shift = (area * np.asarray(offsets)[:, None]).sum(0) / np.maximum(total, 1e-6)
    trust = np.minimum(total / (0.25 * max(float(total.max()), 1.0)), 1.0)
    weight = ndi.gaussian_filter1d(trust, 12 / PIXEL_MM)
    smooth = ndi.gaussian_filter1d(shift * trust, 12 / PIXEL_MM) / np.maximum(weight, 1e-3)
    x = sheet.x + np.where(weight > 0.05, smooth, 0.0)
    inside = (sheet.z >= line.z[0]) & (sheet.z <= line.z[-1])
    z = sheet.z[inside][::-1]
    return CentreLine(z, x[inside][::-1], np.interp(z, line.z, line.y))
