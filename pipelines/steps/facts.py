"""What the steps hand to each other. Arrays are numpy; every length is in mm; patient space is DICOM LPS."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vfx_finder.domain.bone_density import NOT_STATED, Exposure
from vfx_finder.domain.spine import Point3

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Volume:
    """A CT volume on a regular orthogonal grid.

    `hu`: int16 [i, j, k] in Hounsfield units; i runs towards the patient's Left, j towards Posterior, k towards
    Superior (closest axes; an oblique acquisition keeps its small rotation in `affine`).
    `affine`: 4x4, voxel (i, j, k) -> LPS mm. `slice_mm`: distance between acquired slices before any resampling.
    `interpolated`: the k of slices that were missing and are interpolated from their neighbours. `exposure`: how it
    was acquired, unknown for a NIfTI file.
    """

    hu: NDArray[np.int16]
    affine: NDArray[np.float64]
    slice_mm: float
    interpolated: tuple[int, ...] = ()
    exposure: Exposure = NOT_STATED

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
class Look:
    """A second, finer look at one body, in its own frame.

    `mask` [plane, row, col]: the body's probability, its depth axis along the columns. The patch's middle lies at
    `centre` (row, col) of the stack, turned by `tilt` (radian, positive when the posterior rim lies lower).
    """

    mask: FloatArray
    centre: tuple[float, float]
    tilt: float
    mm_per_pixel: float

    def to_stack(self, point: tuple[float, float], stack_mm: float) -> tuple[float, float]:
        """(row, col) of the stack for a point (row, col) of the patch; `stack_mm` is the stack's pixel size."""
        down, back = (
            (at - (n - 1) / 2) * self.mm_per_pixel / stack_mm for at, n in zip(point, self.mask.shape[1:], strict=True)
        )
        sine, cosine = np.sin(self.tilt), np.cos(self.tilt)
        row, col = self.centre[0] + back * sine + down * cosine, self.centre[1] + back * cosine - down * sine
        return float(row), float(col)


@dataclass(frozen=True)
class Body:
    """One vertebral body found in a `SagittalStack`.

    `mask` [plane, row, col]: the body's own probability (0..1, soft edge, zero outside the instance) inside the box
    whose upper left corner is `corner` (row, col) of the stack. `centre` (row, col) is in stack pixels.
    `cut`: the field of view cuts it. `rib`, `sacrum_below`: probability (0..1) that a rib joins this vertebra, and
    that the next bone below is the sacrum; None where that place is not in view. `c2_above` likewise for the dens.
    `sacrum_here`: probability that the body is itself the sacrum's first. `rank`: the level read off the picture around
    it, C3 = 0 to L5 = 21; None where it was not read. `kinds`: probability of each of `KINDS`
    (pipelines.steps.kinds), None where nobody looked.
    `look`: the second look, from which it is measured; None where there was none.
    """

    mask: FloatArray
    corner: tuple[int, int]
    centre: tuple[float, float]
    score: float
    cut: bool = False
    rib: float | None = None
    sacrum_below: float | None = None
    c2_above: float | None = None
    sacrum_here: float | None = None
    rank: float | None = None
    kinds: tuple[float, ...] | None = None
    flags: tuple[str, ...] = field(default=())
    look: Look | None = None


@dataclass(frozen=True)
class Located:
    """All bodies of one study from head to foot, and the sections they were found in."""

    stack: SagittalStack
    bodies: tuple[Body, ...]
