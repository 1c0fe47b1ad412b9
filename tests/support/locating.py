"""A stand-in for the networks: vertebral bodies at known places in sections made up to fit, so that everything
around the networks can be tested without them."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipelines.steps.facts import Body, FloatArray, Located, SagittalStack, Volume
from vfx_finder.domain.finding import ModelVersion
from vfx_finder.domain.study import Unsuitable

VERSION = ModelVersion("ct_spine", "0.0.1", "ab" * 32)
PLANES_MM = (-3.0, 0.0, 3.0)
DEPTH, COLUMN = 30, 12
PITCH = 36
FIRST_ROW_LPS = np.array([3.0, -40.0, 500.0])


def bodies_of(heights: list[tuple[int, int]], cut: tuple[int, ...] = ()) -> Located:
    """Bodies one under the other, each with its anterior and posterior height in mm; 1 mm pixels, straight down.

    The place of every body is exact: its middle lies `PITCH` rows below the one above, in the plane x = 3 mm.
    """
    rows, columns = PITCH * (len(heights) + 1), COLUMN * 2 + DEPTH
    probability = np.zeros((len(PLANES_MM), rows, columns), np.float32)
    bodies = []
    for n, (anterior, posterior) in enumerate(heights):
        row = PITCH * (n + 1)
        mask = _wedge(anterior, posterior)
        top = row - mask.shape[1] // 2
        probability[:, top : top + mask.shape[1], COLUMN - 2 : COLUMN + DEPTH + 2] += mask
        bodies.append(Body(mask, (top, COLUMN - 2), (float(row), COLUMN + DEPTH / 2 - 0.5), 0.9, cut=n in cut))
    row_lps = FIRST_ROW_LPS + np.arange(rows)[:, None] * np.array([0.0, 0.0, -1.0])
    hu = (probability * 300 + 40).astype(np.float32)
    stack = SagittalStack(
        hu, probability, PLANES_MM, 1.0, row_lps, np.array([0.0, 1.0, 0.0]), np.array([1.0, 0.0, 0.0])
    )
    return Located(stack, tuple(bodies))


def _wedge(anterior: int, posterior: int) -> FloatArray:
    """A body [plane, row, column], its end-plates at equal distance from the middle row."""
    tallest = max(anterior, posterior) + 6
    mask = np.zeros((len(PLANES_MM), tallest + 1, DEPTH + 4), np.float32)
    for column in range(DEPTH):
        height = anterior + (posterior - anterior) * column / (DEPTH - 1)
        distance = np.abs(np.arange(tallest + 1) - tallest / 2)
        mask[:, :, column + 2] = np.clip(height / 2 - distance + 0.5, 0, 1)
    return mask


@dataclass
class StandIn:
    """Answers like `locate`, and counts how often it was asked."""

    answer: Located | Unsuitable | Callable[[Volume], Located | Unsuitable]
    asked: list[Volume] = field(default_factory=list)

    def locate(self, volume: Volume, _networks: object) -> Located | Unsuitable:
        """The prepared answer."""
        self.asked.append(volume)
        return self.answer(volume) if callable(self.answer) else self.answer


class NoNetworks:
    """A shelf whose model has a version and can do nothing else."""

    class _Model:
        version = VERSION

        def coarse(self, hu: FloatArray) -> object:
            raise AssertionError("no network in this test")

        fine = coarse

        def broken(self, facts: NDArray[np.float64]) -> NDArray[np.float64]:
            """Nothing: severity alone says how probable a fracture is."""
            return np.full(len(facts), np.nan)

    ct_spine = _Model()
    xray_spine = None


class ForbiddenShelf:
    """A shelf of which only films may be asked for, and it has no network for them."""

    xray_spine = None

    @property
    def ct_spine(self) -> object:
        """Fails."""
        raise AssertionError("networks were loaded for nothing")
