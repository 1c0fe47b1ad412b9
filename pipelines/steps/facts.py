"""What the steps hand to each other. Arrays are numpy; every length is in mm; patient space is DICOM LPS."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vfx_finder.domain.spine import Point3

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Volume:
    """A CT volume on a regular orthogonal grid.

    `hu`: int16 [i, j, k] in Hounsfield units; i runs towards the patient's Left, j towards Posterior, k towards
    Superior (closest axes; an oblique acquisition keeps its small rotation in `affine`).
    `affine`: 4x4, voxel (i, j, k) -> LPS mm. `slice_mm`: distance between acquired slices before any resampling.
    `interpolated`: the k of slices that were missing and are interpolated from their neighbours.
    """

    hu: NDArray[np.int16]
    affine: NDArray[np.float64]
    slice_mm: float
    interpolated: tuple[int, ...] = ()

    @property
    def spacing(self) -> NDArray[np.float64]:
        """Voxel edge lengths (mm) along i, j, k."""
        return np.asarray(np.linalg.norm(self.affine[:3, :3], axis=0))


@dataclass(frozen=True)
class SagittalStack:
    """Parallel sagittal sections, straightened left-right only: each row is shifted so the spine is vertical.

    Rows run towards the feet, columns towards posterior, both `mm_per_pixel` apart. `hu` and `body` are
    [plane, row, col]; plane p lies `offsets_mm[p]` to the left of the spine's mid-line (odd count, middle = 0).
    `body` is the network's probability (0..1) of vertebral body. Because only left-right is straightened, heights
    and angles in a section are true ones. `row_lps` [row, 3] is the LPS position of column 0 of that row in the
    middle plane; `column_lps` [3] is the LPS step of one column and `left_lps` [3] the unit vector to the left.
    """

    hu: FloatArray
    body: FloatArray
    offsets_mm: tuple[float, ...]
    mm_per_pixel: float
    row_lps: NDArray[np.float64]
    column_lps: NDArray[np.float64]
    left_lps: NDArray[np.float64]

    def to_lps(self, row: float, col: float) -> Point3:
        """LPS position (mm) of a point (row, col) of the middle plane."""
        r = float(np.clip(row, 0, len(self.row_lps) - 1))
        at = [float(np.interp(r, np.arange(len(self.row_lps)), self.row_lps[:, axis])) for axis in range(3)]
        where = np.asarray(at) + col * self.column_lps
        return float(where[0]), float(where[1]), float(where[2])


@dataclass(frozen=True)
class Body:
    """One vertebral body found in a `SagittalStack`.

    `mask` [plane, row, col]: the body's own probability (0..1, soft edge, zero outside the instance) inside the box
    whose upper left corner is `corner` (row, col) of the stack. `centre` (row, col) is in stack pixels.
    `cut`: the field of view cuts it. `rib`, `sacrum_below`: probability (0..1) that a rib joins this vertebra, and
    that the next bone below is the sacrum; None where that place is not in view. `c2_above` likewise for the dens.
    """

    mask: FloatArray
    corner: tuple[int, int]
    centre: tuple[float, float]
    score: float
    cut: bool = False
    rib: float | None = None
    sacrum_below: float | None = None
    c2_above: float | None = None
    flags: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Located:
    """All bodies of one study from head to foot, and the sections they were found in."""

    stack: SagittalStack
    bodies: tuple[Body, ...]
