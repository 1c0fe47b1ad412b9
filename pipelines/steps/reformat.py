"""The sagittal reformat: flat sagittal images of the whole spine for the archive, and the bodies in them.

The sections that findings are measured on follow the spine from side to side; an archive can only place flat images.
Both share the directions towards the feet and towards posterior, so that a drawing made in the sections lies at the
same (row, column) in the flat image that runs through the middle of its vertebra.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from pipelines.steps.facts import Body, SagittalStack, Volume
from pipelines.steps.two_at_a_time import two_at_a_time
from vfx_finder.dicom.sagittal import Reformat

PIXEL_MM = 0.75
SPACING_MM = 3.0
BESIDE_MM = 21.0
"""How far the images reach to either side of the outermost body's middle: the width of a lumbar body."""

MOST_IMAGES = 61
AIR_HU = -1000
_SLAB_MM = (-1.0, 0.0, 1.0)
_EDGE_MM = 1.5
"""A section stands for so much to either side of it, half of their distance."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Course:
    """The sections' grid in the volume's millimetres: `x` and `z` per row, `y` of the first column."""

    x: Floats
    y: float
    z: Floats
    columns: int
    pixel_mm: float

    @classmethod
    def of(cls, volume: Volume, stack: SagittalStack) -> "_Course":
        voxels = (stack.row_lps - volume.affine[:3, 3]) @ np.linalg.inv(volume.affine[:3, :3]).T
        x, y, z = (voxels * volume.spacing).T
        return cls(x, float(y[0]), z, stack.hu.shape[2], stack.mm_per_pixel)

    def at(self, row: float | Floats) -> Floats:
        """x (mm) of the spine's middle at this row of the sections."""
        return np.asarray(np.interp(row, np.arange(len(self.x)), self.x))


def sagittal_reformat(volume: Volume, stack: SagittalStack, bodies: Sequence[Body]) -> Reformat:
    """Cut the reformat of a volume along the sections its bodies were found in (at least one body)."""
    course = _Course.of(volume, stack)
    middles = course.at(np.array([body.centre[0] for body in bodies]))
    x = _images(middles)
    scale = course.pixel_mm / PIXEL_MM
    rows, columns = (int((size - 1) * scale) + 1 for size in (len(course.z), course.columns))
    unit = volume.affine[:3, :3] / volume.spacing
    return Reformat(
        hu=_cut(volume, course, x, (rows, columns)),
        bodies=_bodies_in(stack, bodies, x, (course, rows, columns)),
        origin=np.asarray(volume.affine[:3, 3] + unit @ [x[0], course.y, course.z[0]]),
        along_row=unit[:, 1],
        along_column=-unit[:, 2],
        across=unit[:, 0],
        middles=(middles - x[0]) / SPACING_MM,
        scale=scale,
        pixel_mm=PIXEL_MM,
        spacing_mm=SPACING_MM,
    )


def _images(middles: Floats) -> Floats:
    """x (mm) of every image, one of them through the median of the bodies' middles."""
    through = float(np.median(middles))
    right = int(np.ceil((through - middles.min() + BESIDE_MM) / SPACING_MM))
    left = int(np.ceil((middles.max() - through + BESIDE_MM) / SPACING_MM))
    most = MOST_IMAGES // 2
    return np.asarray(through + SPACING_MM * np.arange(-min(right, most), min(left, most) + 1), np.float64)


def _cut(volume: Volume, course: _Course, x: Floats, size: tuple[int, int]) -> NDArray[np.int16]:
    spacing = volume.spacing
    rows, columns = (np.arange(count) * PIXEL_MM for count in size)
    k = np.repeat(((course.z[0] - rows) / spacing[2])[:, None], size[1], 1)
    j = np.repeat(((course.y + columns) / spacing[1])[None], size[0], 0)

    def image(middle: float) -> NDArray[np.int16]:
        thin = [
            ndi.map_coordinates(
                volume.hu, (np.full(size, (middle + part) / spacing[0]), j, k), output=np.float32, order=1,
                mode="constant", cval=AIR_HU,
            )
            for part in _SLAB_MM
        ]  # fmt: skip
        return np.asarray(np.rint(np.mean(thin, axis=0)), np.int16)

    return np.stack(two_at_a_time(image, x.tolist()))


def _bodies_in(
    stack: SagittalStack, bodies: Sequence[Body], x: Floats, frame: tuple[_Course, int, int]
) -> NDArray[np.uint8]:
    """Which body each pixel of the images belongs to: where two claim it, the more probable one."""
    course, rows, columns = frame
    labels = np.zeros((len(x), rows, columns), np.uint8)
    best = np.full(labels.shape, 0.5, np.float32)
    for number, body in enumerate(bodies, start=1):
        box, seen = _seen(stack, body, x, course)
        here, so_far = labels[box], best[box]
        mine = seen[:, : here.shape[1], : here.shape[2]]
        here[mine > so_far] = number
        np.maximum(so_far, mine, out=so_far)
    return labels


def _seen(
    stack: SagittalStack, body: Body, x: Floats, course: _Course
) -> tuple[tuple[slice, slice, slice], NDArray[np.float32]]:
    """The body's probability in the images, and the box of them that it is given for."""
    scale = course.pixel_mm / PIXEL_MM
    tops = [int(np.floor(at * scale)) for at in body.corner]
    counts = [int(np.ceil(size * scale)) + 1 for size in body.mask.shape[1:]]
    row, col = ((top + np.arange(count)) / scale for top, count in zip(tops, counts, strict=True))
    beside = x[:, None] - course.at(row)[None]
    first, step = stack.offsets_mm[0], stack.offsets_mm[1] - stack.offsets_mm[0]
    is_inside = (beside >= first - _EDGE_MM) & (beside <= stack.offsets_mm[-1] + _EDGE_MM)
    plane = np.clip((beside - first) / step, 0, len(stack.offsets_mm) - 1)
    shape = (len(x), counts[0], counts[1])
    where = [
        np.broadcast_to(plane[:, :, None], shape),
        np.broadcast_to((row - body.corner[0])[None, :, None], shape),
        np.broadcast_to((col - body.corner[1])[None, None], shape),
    ]
    probability = ndi.map_coordinates(body.mask, where, output=np.float32, order=1, mode="constant", cval=0.0)
    box = (slice(None), slice(tops[0], tops[0] + counts[0]), slice(tops[1], tops[1] + counts[1]))
    return box, probability * is_inside[:, :, None].astype(np.float32)
