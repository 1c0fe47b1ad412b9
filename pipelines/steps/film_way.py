"""How a film may be held: turned by quarters, mirrored, inverted."""

from dataclasses import dataclass

import numpy as np

from pipelines.steps.facts import FloatArray


@dataclass(frozen=True)
class Way:
    """One way to hold a film: quarter turns counter-clockwise, then mirrored, then inverted."""

    quarters: int = 0
    mirrored: bool = False
    inverted: bool = False

    def of(self, grey: FloatArray) -> FloatArray:
        """The picture held this way."""
        turned = np.rot90(grey, self.quarters)
        turned = turned[:, ::-1] if self.mirrored else turned
        return np.ascontiguousarray(1 - turned if self.inverted else turned)

    def back(self, points: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
        """(row, col) on the film as it was given, `size` (rows, columns), of points [..., 2] of the picture held so."""
        row, col = points[..., 0], points[..., 1]
        height, width = size if self.quarters % 2 == 0 else size[::-1]
        if self.mirrored:
            col = width - 1 - col
        for _ in range(self.quarters % 4):
            row, col, height, width = col, height - 1 - row, width, height
        return np.stack([row, col], -1)


EVERY_WAY = tuple(
    Way(quarters, mirrored, inverted)
    for inverted in (False, True)
    for quarters in range(4)
    for mirrored in (False, True)
)
"""The sixteen ways, the usual two first."""
