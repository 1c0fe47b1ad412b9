"""A turned grid on a film: what networks are shown of it, and where on the film their answers lie."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from pipelines.steps.facts import FloatArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FilmGrid:
    """Its `middle` (row, col) and the size of its `pixel`, both in film pixels, its `turn` (radian), positive where the
    right-hand side lies lower, and its own `size` (rows, columns)."""

    middle: tuple[float, float]
    pixel: float
    turn: float
    size: tuple[int, int]

    def film(self, points: Floats) -> Floats:
        """(row, col) on the film of points [..., 2] (row, col) of the grid."""
        v = (points[..., 0] - (self.size[0] - 1) / 2) * self.pixel
        u = (points[..., 1] - (self.size[1] - 1) / 2) * self.pixel
        sine, cosine = np.sin(self.turn), np.cos(self.turn)
        row, col = self.middle[0] + u * sine + v * cosine, self.middle[1] + u * cosine - v * sine
        return np.asarray(np.stack([row, col], -1), np.float64)

    def cut_from(self, picture: FloatArray) -> FloatArray:
        """What the grid shows of a film (blurred to its pixel before); the film's edge goes on beyond it."""
        places = np.moveaxis(np.indices(self.size), 0, -1).astype(float)
        at = np.moveaxis(self.film(places), -1, 0)
        return np.asarray(ndi.map_coordinates(picture, at, order=1, mode="nearest"), np.float32)
