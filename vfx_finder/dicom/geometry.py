"""Where image planes lie in the patient, from the elements that say so (never from SliceLocation).

Sources: Image Plane module, PS3.3 C.7.6.2; functional groups of multi-frame images, PS3.3 C.7.6.16.2.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from vfx_finder.dicom.headers import BROKEN_BYTES

Vector = tuple[float, float, float]

_UNIT_TOLERANCE = 1e-2


@dataclass(frozen=True)
class Plane:
    """One image plane in patient space (LPS, mm).

    `position` is the centre of the first pixel; `along_row` the unit direction of growing column index and
    `along_column` that of growing row index; `row_mm` the distance between rows, `column_mm` between columns.
    `frame` counts from 0 within its file.
    """

    position: Vector
    along_row: Vector
    along_column: Vector
    row_mm: float
    column_mm: float
    rows: int
    columns: int
    frame: int = 0

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit normal: row direction x column direction."""
        return np.cross(self.along_row, self.along_column)


def planes_of(dataset: Dataset) -> tuple[Plane, ...]:
    """The planes of a single-frame or multi-frame image, frame by frame; empty where the geometry is missing."""
    try:
        return tuple(_planes(dataset))
    except BROKEN_BYTES:
        return ()


def functional_groups(dataset: Dataset, frame: int) -> Iterator[Dataset]:
    """Places to look for an element of one frame, nearest first: per-frame groups, shared groups, the image."""
    per_frame = dataset.get("PerFrameFunctionalGroupsSequence") or ()
    if frame < len(per_frame):
        yield per_frame[frame]
    yield from dataset.get("SharedFunctionalGroupsSequence") or ()


def frame_macro(dataset: Dataset, frame: int, sequence: str) -> Dataset:
    """The functional group macro `sequence` of one frame; the dataset itself for a single-frame image."""
    for group in functional_groups(dataset, frame):
        items: Sequence[Dataset] = group.get(sequence) or ()
        if items:
            return items[0]
    return dataset


def _planes(dataset: Dataset) -> Iterator[Plane]:
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    for frame in range(int(dataset.get("NumberOfFrames") or 1)):
        position = frame_macro(dataset, frame, "PlanePositionSequence").ImagePositionPatient
        orientation = frame_macro(dataset, frame, "PlaneOrientationSequence").ImageOrientationPatient
        spacing = frame_macro(dataset, frame, "PixelMeasuresSequence").PixelSpacing
        along_row, along_column = _unit(orientation[:3]), _unit(orientation[3:6])
        row_mm, column_mm = float(spacing[0]), float(spacing[1])
        if not (0 < row_mm < np.inf and 0 < column_mm < np.inf):
            raise ValueError
        if abs(np.dot(along_row, along_column)) > _UNIT_TOLERANCE:
            raise ValueError
        yield Plane(_vector(position), along_row, along_column, row_mm, column_mm, rows, columns, frame)


def _vector(values: object) -> Vector:
    x, y, z = (float(value) for value in values)  # type: ignore[attr-defined]
    if not np.isfinite((x, y, z)).all():
        raise ValueError
    return x, y, z


def _unit(values: object) -> Vector:
    vector = _vector(values)
    length = float(np.linalg.norm(vector))
    if abs(length - 1) > _UNIT_TOLERANCE:
        raise ValueError
    x, y, z = (value / length for value in vector)
    return x, y, z
