"""What the coarse maps say about a body's surroundings: a rib beside it, the sacrum below it, the dens above it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.steps.centre_line import COARSE_MM
from pipelines.steps.facts import FloatArray

Floats = NDArray[np.float64]

SACRUM, RIB, OTHER_BONE, DENS = 3, 4, 5, 6
_RIB_SIDE_MM, _RIB_BACK_MM, _RIB_TALL_MM = (20.0, 44.0), (-6.0, 30.0), (-14.0, 14.0)
_SACRUM_BACK_MM, _SACRUM_DOWN_MM, _SACRUM_SIDE_MM = (-15.0, 45.0), (14.0, 56.0), (-20.0, 20.0)
_DENS_FRONT_MM, _DENS_UP_MM, _DENS_SIDE_MM = (-25.0, 20.0), (10.0, 60.0), (-10.0, 10.0)
_TOP_VOXELS = 6
_RIB_EVEN, _RIB_STEEP, _RIB_LEAST = 0.09, 2.0, 0.27
"""A rib strength of 0.09 tells nothing (lumbar 0.03 to 0.06, T10 and above mostly 0.2 to 0.45, on synthetic trunks and
the development scans); a weak one is only mild evidence against a rib, for the last ones are small."""
_FINE_DOWN_MM, _FINE_FRONT_MM, _FINE_BACK_MM = (12.0, 52.0), 22.0, 45.0
_SACRUM_AREA_MM2 = 250.0


def sacrum_in_section(sacrum: FloatArray, centre: tuple[float, float], mm_per_pixel: float) -> float | None:
    """Probability (0..1) that the sacrum lies just below a body, from the fine sacrum map [row, col] of its section.

    `centre` (row, col) of the body in pixels. None where the section ends too soon below it
    and little of the sacrum was seen till there.
    """
    first, last = (int(centre[0] + down / mm_per_pixel) for down in _FINE_DOWN_MM)
    front, back = int(centre[1] - _FINE_FRONT_MM / mm_per_pixel), int(centre[1] + _FINE_BACK_MM / mm_per_pixel)
    area = float(sacrum[first:last, max(front, 0) : back].sum()) * mm_per_pixel**2
    seen = min(1.0, area / _SACRUM_AREA_MM2)
    cut_short = last - len(sacrum) > 0.4 * (last - first)
    return None if cut_short and seen < 0.5 else seen


@dataclass(frozen=True)
class Surroundings:
    """The coarse tissue map [7, Z, Y, X] of a volume, asked in the volume's millimetres (x left, y back, z up)."""

    tissue: FloatArray

    def strength(self, tissue: int, low: Floats, high: Floats) -> float | None:
        """Mean of the strongest voxels of a tissue within a box (mm); None where under half of it is in view."""
        depth = self.tissue.shape[1]
        first = np.ceil(np.array([low[0], low[1], 0.0]) / COARSE_MM).astype(int)
        last = np.floor(np.array([high[0], high[1], 0.0]) / COARSE_MM).astype(int) + 1
        top, bottom = depth - 1 - int(high[2] // COARSE_MM), depth - int(np.ceil(low[2] / COARSE_MM))
        wanted = (last[0] - first[0]) * (last[1] - first[1]) * (bottom - top)
        box = self.tissue[
            tissue, max(top, 0) : max(bottom, 0), max(first[1], 0) : max(last[1], 0), max(first[0], 0) : max(last[0], 0)
        ]
        if wanted <= 0 or box.size < 0.5 * wanted:
            return None
        return float(np.sort(box, axis=None)[-_TOP_VOXELS:].mean())

    def rib(self, at: Floats) -> float | None:
        """Probability (0..1) that a rib joins the body centred at `at` (x, y, z in mm).

        The network often calls a rib just "other bone"; no other bone lies that close beside a vertebra.
        """
        sides = []
        for side in (-1.0, 1.0):
            near, far = sorted((side * _RIB_SIDE_MM[0], side * _RIB_SIDE_MM[1]))
            low = at + np.array([near, _RIB_BACK_MM[0], _RIB_TALL_MM[0]])
            high = at + np.array([far, _RIB_BACK_MM[1], _RIB_TALL_MM[1]])
            parts = [self.strength(tissue, low, high) for tissue in (RIB, OTHER_BONE)]
            sides.append(None if parts[0] is None or parts[1] is None else min(1.0, parts[0] + parts[1]))
        seen = [side for side in sides if side is not None]
        if not seen:
            return None
        strength = max(float(np.mean(seen)), 1e-3)
        return float(max(_RIB_LEAST, 1.0 / (1.0 + (_RIB_EVEN / strength) ** _RIB_STEEP)))

    def sacrum_below(self, at: Floats) -> float | None:
        """Probability (0..1) that the next bone below the body centred at `at` is the sacrum."""
        low = at + np.array([_SACRUM_SIDE_MM[0], _SACRUM_BACK_MM[0], -_SACRUM_DOWN_MM[1]])
        return self.strength(SACRUM, low, at + np.array([_SACRUM_SIDE_MM[1], _SACRUM_BACK_MM[1], -_SACRUM_DOWN_MM[0]]))

    def c2_above(self, at: Floats) -> float | None:
        """Probability (0..1) that the next bone above the body centred at `at` is C2 with its dens."""
        low = at + np.array([_DENS_SIDE_MM[0], _DENS_FRONT_MM[0], _DENS_UP_MM[0]])
        return self.strength(DENS, low, at + np.array([_DENS_SIDE_MM[1], _DENS_FRONT_MM[1], _DENS_UP_MM[1]]))
