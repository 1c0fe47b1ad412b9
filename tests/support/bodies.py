"""Vertebral bodies drawn as exact polygons, rendered as the soft masks that networks give."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.draw import polygon2mask

FINE = 8
"""Sub-samples along each pixel edge: a pixel's value is the share of it that lies inside."""


@dataclass(frozen=True)
class Drawn:
    """A body with straight segments between its anterior, middle and posterior height (mm) over its depth (mm)."""

    anterior: float = 24.0
    middle: float = 22.0
    posterior: float = 26.0
    depth: float = 32.0
    tilt_degrees: float = 0.0

    def outline(self) -> NDArray[np.float64]:
        """Corners as (to posterior, to the head) in mm from the middle of the body."""
        x = self.depth * np.array([-0.5, -0.3, -0.2, 0.2, 0.3, 0.5])
        y = np.array([self.anterior, self.anterior, self.middle, self.middle, self.posterior, self.posterior]) / 2
        corners = np.concatenate([np.stack([x, y], axis=1), np.stack([x, -y], axis=1)[::-1]])
        turn = np.deg2rad(self.tilt_degrees)
        return corners @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])


def section(
    shapes: Sequence[NDArray[np.float64]], mm_per_pixel: float, size: int, middle: tuple[float, float]
) -> NDArray[np.float32]:
    """The union of outlines as a soft mask [row, col]; `middle` (row, col) is where (0, 0) mm lies."""
    inside = np.zeros((size * FINE, size * FINE), bool)
    for corners in shapes:
        rows = middle[0] - corners[:, 1] / mm_per_pixel
        cols = middle[1] + corners[:, 0] / mm_per_pixel
        inside |= polygon2mask(inside.shape, np.stack([rows, cols], axis=1) * FINE + FINE / 2)
    return inside.reshape(size, FINE, size, FINE).mean(axis=(1, 3)).astype(np.float32)


def box(left: float, right: float, low: float, high: float) -> NDArray[np.float64]:
    """A rectangle in mm: to posterior from `left` to `right`, to the head from `low` to `high`."""
    return np.array([[left, low], [right, low], [right, high], [left, high]])
