"""What the coarse maps say about a body's surroundings: a rib beside it, the sacrum below it, the dens above it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.steps.centre_line import COARSE_MM
from pipelines.steps.facts import FloatArray

Floats = NDArray[np.float64]

SACRUM, RIB, DENS = 3, 4, 6
_RIB_SIDE_MM, _RIB_BACK_MM, _RIB_TALL_MM = (18.0, 50.0), (-6.0, 30.0), (-14.0, 14.0)
_SACRUM_BACK_MM, _SACRUM_DOWN_MM, _SACRUM_SIDE_MM = (-15.0, 45.0), (14.0, 56.0), (-20.0, 20.0)
_DENS_FRONT_MM, _DENS_UP_MM, _DENS_SIDE_MM = (-25.0, 20.0), (10.0, 60.0), (-10.0, 10.0)
_TOP_VOXELS = 6


@dataclass(frozen=True)
class Surroundings:
    """The coarse tissue map [7, Z, Y, X] of a volume, asked in the volume's millimetres (x left, y back, z up)."""

    tissue: FloatArray

    def strength(self, tissue: int, low: Floats, high: Floats) -> float | None:
        """Mean of the strongest voxels of a tissue within a box (mm); None where under half of it is in view."""
        _, depth, rows, cols = self.tissue.shape
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
        """Probability (0..1) that a rib joins the body centred at `at` (x, y, z in mm)."""
        sides = []
        for side in (-1.0, 1.0):
            near, far = sorted((side * _RIB_SIDE_MM[0], side * _RIB_SIDE_MM[1]))
            low = at + np.array([near, _RIB_BACK_MM[0], _RIB_TALL_MM[0]])
            sides.append(self.strength(RIB, low, at + np.array([far, _RIB_BACK_MM[1], _RIB_TALL_MM[1]])))
        seen = [side for side in sides if side is not None]
        return float(np.mean(seen)) if seen else None

    def sacrum_below(self, at: Floats) -> float | None:
        """Probability (0..1) that the next bone below the body centred at `at` is the sacrum."""
        low = at + np.array([_SACRUM_SIDE_MM[0], _SACRUM_BACK_MM[0], -_SACRUM_DOWN_MM[1]])
        return self.strength(SACRUM, low, at + np.array([_SACRUM_SIDE_MM[1], _SACRUM_BACK_MM[1], -_SACRUM_DOWN_MM[0]]))

    def c2_above(self, at: Floats) -> float | None:
        """Probability (0..1) that the next bone above the body centred at `at` is C2 with its dens."""
        low = at + np.array([_DENS_SIDE_MM[0], _DENS_FRONT_MM[0], _DENS_UP_MM[0]])
        return self.strength(DENS, low, at + np.array([_DENS_SIDE_MM[1], _DENS_FRONT_MM[1], _DENS_UP_MM[1]]))
