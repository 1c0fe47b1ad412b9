"""From decoded slices to canonical voxels: turning, un-shearing and filling gaps, one slice at a time."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import shift

from pipelines.steps.stack import Stack
from vfx_finder.dicom.pixels import AIR_HU

_STILL = 0.25  # pixel: smaller shifts of a slice are left alone
_COARSEN_FROM = 1024  # columns: larger matrices are averaged 2 x 2, for an end-plate is not finer than 0.5 mm


@dataclass(frozen=True)
class Placing:
    """How slices of one stack lie in the canonical volume (i Left, j Posterior, k Superior)."""

    stack: Stack

    @cached_property
    def factor(self) -> int:
        """Pixels averaged along each edge."""
        return 2 if self.stack.slices[0].plane.columns >= _COARSEN_FROM else 1

    @cached_property
    def turned(self) -> bool:
        """Whether image rows run front to back, so that rows and columns change places."""
        along_row = self.stack.slices[0].plane.along_row
        return abs(along_row[0]) < abs(along_row[1])

    @cached_property
    def directions(self) -> NDArray[np.float64]:
        """Unit LPS directions of i, j, k as the columns of a matrix."""
        i, j = self._in_plane()
        return np.column_stack([i * self._sign(i, 0), j * self._sign(j, 1), self.stack.normal])

    @cached_property
    def pixel_mm(self) -> tuple[float, float]:
        """Voxel edge along i and j."""
        plane = self.stack.slices[0].plane
        along_i, along_j = (plane.row_mm, plane.column_mm) if self.turned else (plane.column_mm, plane.row_mm)
        return along_i * self.factor, along_j * self.factor

    @cached_property
    def shifts(self) -> NDArray[np.float64]:
        """Shift of every slice along j and i in pixels, zero or more: from gantry tilt, mostly."""
        first = np.array(self.stack.slices[0].plane.position)
        offsets = np.array([np.array(s.plane.position) - first for s in self.stack.slices])
        along = offsets @ self.directions[:, [1, 0]] / np.array(self.pixel_mm)[::-1]
        along[:, np.abs(along).max(axis=0) < _STILL] = 0.0
        return np.asarray(along - along.min(axis=0))

    @cached_property
    def size(self) -> tuple[int, int]:
        """Voxels along j and i, with room for all shifts."""
        rows, columns = self._slice_shape()
        room = np.ceil(self.shifts.max(axis=0)).astype(int)
        return rows + int(room[0]), columns + int(room[1])

    def affine(self, step_mm: float, start_mm: float) -> NDArray[np.float64]:
        """4x4 voxel (i, j, k) -> LPS mm; k = 0 lies `start_mm` above the stack's first slice."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.directions * np.array([*self.pixel_mm, step_mm])
        matrix[:3, 3] = self._origin() + self.stack.normal * start_mm
        return matrix

    def place(self, frame: NDArray[np.int16], index: int) -> NDArray[np.int16]:
        """One slice as stored -> [j, i] of the canonical volume."""
        slice_ = self._coarse(self._turn(frame))
        if self.size == slice_.shape and not self.shifts[index].any():
            return slice_
        canvas = np.full(self.size, AIR_HU, np.float32)
        canvas[: slice_.shape[0], : slice_.shape[1]] = slice_
        moved = shift(canvas, self.shifts[index], order=1, mode="constant", cval=AIR_HU)
        return np.asarray(np.rint(moved), np.int16)

    def _in_plane(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        plane = self.stack.slices[0].plane
        along_row, along_column = np.array(plane.along_row), np.array(plane.along_column)
        return (along_column, along_row) if self.turned else (along_row, along_column)

    @staticmethod
    def _sign(direction: NDArray[np.float64], axis: int) -> float:
        return -1.0 if direction[axis] < 0 else 1.0

    def _turn(self, frame: NDArray[np.int16]) -> NDArray[np.int16]:
        i, j = self._in_plane()
        turned = frame.T if self.turned else frame
        return turned[:: int(self._sign(j, 1)), :: int(self._sign(i, 0))]

    def _coarse(self, frame: NDArray[np.int16]) -> NDArray[np.int16]:
        if self.factor == 1:
            return frame
        rows, columns = (edge // self.factor for edge in frame.shape)
        even = frame[: rows * self.factor, : columns * self.factor]
        return np.asarray(even.reshape(rows, self.factor, columns, self.factor).mean(axis=(1, 3)), np.int16)

    def _slice_shape(self) -> tuple[int, int]:
        plane = self.stack.slices[0].plane
        shape = (plane.columns, plane.rows) if self.turned else (plane.rows, plane.columns)
        return shape[0] // self.factor, shape[1] // self.factor

    def _origin(self) -> NDArray[np.float64]:
        """LPS of voxel (0, 0, 0): the first slice's corner after turning, moved back by that slice's own shift."""
        plane = self.stack.slices[0].plane
        shape = np.array([plane.columns, plane.rows]) if not self.turned else np.array([plane.rows, plane.columns])
        fine_mm = np.array(self.pixel_mm) / self.factor
        corner = np.array(plane.position)
        for axis, direction in enumerate(self._in_plane()):
            if self._sign(direction, axis) < 0:
                corner = corner + direction * fine_mm[axis] * (shape[axis] - 1)
        half = (self.factor - 1) / 2
        in_plane = self.directions[:, :2]
        corner = corner + in_plane @ (fine_mm * half)
        own_shift = self.shifts[0][::-1] * np.array(self.pixel_mm)
        return np.asarray(corner - in_plane @ own_shift)


def fill_gaps(block: NDArray[np.int16], filled: NDArray[np.bool_]) -> None:
    """Interpolate linearly, in place, the slices of `block` [k, j, i] that are not `filled`; both ends must be."""
    known = np.flatnonzero(filled)
    for k in np.flatnonzero(~filled):
        before, after = known[known < k][-1], known[known > k][0]
        weight = (k - before) / (after - before)
        mixed = block[before] * (1 - weight) + block[after] * weight
        block[k] = np.rint(mixed).astype(np.int16)


def on_regular_places(block: NDArray[np.int16], places_mm: NDArray[np.float64], step_mm: float) -> NDArray[np.int16]:
    """Slices at unequal `places_mm` interpolated linearly onto places `step_mm` apart, from the first onwards."""
    count = int(np.floor(places_mm[-1] / step_mm)) + 1
    regular = np.empty((count, *block.shape[1:]), np.int16)
    for k in range(count):
        upper = int(np.clip(np.searchsorted(places_mm, k * step_mm), 1, len(places_mm) - 1))
        low, high = places_mm[upper - 1], places_mm[upper]
        weight = np.clip((k * step_mm - low) / (high - low), 0.0, 1.0)
        mixed = block[upper - 1] * (1 - weight) + block[upper] * weight
        regular[k] = np.rint(mixed).astype(np.int16)
    return regular
