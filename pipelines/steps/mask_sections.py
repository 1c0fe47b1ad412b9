"""Sagittal sections of a vertebra label mask, so that the measuring code of the images measures expert masks too.

Masks are NIfTI with the labels of VerSe (Sekuboyina et al. 2021): 1-7 = C1-C7, 8-19 = T1-T12, 20-25 = L1-L6, 28 = T13.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from pipelines.steps.facts import FloatArray
from pipelines.steps.measure import BodyMeasure, measure_planes
from pipelines.steps.section import Bools, Floats
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.spine import Level, Point3

MM_PER_PIXEL = 0.4
PLANES_MM = (-4.0, -2.0, 0.0, 2.0, 4.0)
HALF_SIZE_MM = 40.0
LEAST_VOLUME_MM3 = 1500.0
FARTHEST_NEIGHBOUR_MM = 60.0
CORE = 0.6
MARGIN_VOXELS = 3
BORDER_VOXELS = 0.5
CUT_SHARE = 0.08

RAS_TO_LPS = np.array([-1.0, -1.0, 1.0])

LEVEL_OF_LABEL: Mapping[int, Level] = {
    **{number: Level(f"C{number}") for number in range(1, 8)},
    **{number + 7: Level(f"T{number}") for number in range(1, 13)},
    **{number + 19: Level(f"L{number}") for number in range(1, 7)},
    28: Level.T13,
}
HEAD_TO_FOOT_LABELS = tuple(sorted(LEVEL_OF_LABEL, key=lambda label: 19.5 if label == 28 else label))


@dataclass(frozen=True)
class MaskMeasure:
    """One labelled body: where its centre is (LPS, mm), what was measured (None where nothing could be), and whether
    the border of the image cuts it."""

    centre_mm: Point3
    body: BodyMeasure | None
    cut: bool


@dataclass(frozen=True)
class LabelMask:
    """A label mask in closest RAS voxel order: `labels` [i, j, k], voxel edges `spacing` (mm), and voxel -> RAS mm."""

    labels: NDArray[np.int16]
    spacing: Floats
    affine: Floats


@dataclass(frozen=True)
class _Labelled:
    """One vertebra's own voxels in a crop at `offset`; `centre` in voxels of the crop; `place` and `whole` (body centre
    and centroid of the whole vertebra) in mm along the voxel axes."""

    voxels: Bools
    offset: NDArray[np.int_]
    centre: Floats
    place: Floats
    whole: Floats


@dataclass(frozen=True)
class _Axes:
    """Unit vectors of a vertebra's own frame: to the head, to posterior, and across."""

    head: Floats
    posterior: Floats
    across: Floats


def measure_label_mask(path: Path) -> dict[Level, MaskMeasure]:
    """Measure every vertebral body of a label mask with the measuring code of the images.

    Vertebrae of less than 1,500 mm3 are left out. Raises `Unreadable` when the file is no NIfTI image.
    """
    mask = read_label_mask(path)
    found = _labelled(mask)
    order = [label for label in HEAD_TO_FOOT_LABELS if label in found]
    return {LEVEL_OF_LABEL[label]: _measured(mask, found, order, label) for label in order}


def read_label_mask(path: Path) -> LabelMask:
    """A label mask from a NIfTI file; raises `Unreadable` when it is none."""
    try:
        image = nib.as_closest_canonical(nib.load(path))
        labels = np.round(np.asanyarray(image.dataobj)).astype(np.int16)
    except (nib.filebasedimages.ImageFileError, OSError, EOFError, ValueError) as error:
        raise Unreadable(f"{path.name} is not a readable NIfTI image.") from error
    return LabelMask(labels, np.array(image.header.get_zooms()[:3], float), np.asarray(image.affine, float))


def _labelled(mask: LabelMask) -> dict[int, _Labelled]:
    boxes = enumerate(ndi.find_objects(mask.labels), start=1)
    found = {label: _one(mask, label, box) for label, box in boxes if box is not None and label in LEVEL_OF_LABEL}
    return {label: one for label, one in found.items() if one is not None}


def _one(mask: LabelMask, label: int, box: tuple[slice, ...]) -> _Labelled | None:
    crop = tuple(
        slice(max(0, side.start - MARGIN_VOXELS), min(size, side.stop + MARGIN_VOXELS))
        for side, size in zip(box, mask.labels.shape, strict=True)
    )
    voxels = mask.labels[crop] == label
    if voxels.sum() * np.prod(mask.spacing) < LEAST_VOLUME_MM3:
        return None
    voxels = _largest_part(voxels)
    offset = np.array([side.start for side in crop])
    centre = body_centre(voxels, mask.spacing)
    whole = (np.argwhere(voxels).mean(axis=0) + offset) * mask.spacing
    return _Labelled(voxels, offset, centre, (centre + offset) * mask.spacing, whole)


def _largest_part(voxels: Bools) -> Bools:
    parts, count = ndi.label(voxels)
    return voxels if count < 2 else np.asarray(parts == np.bincount(parts[parts > 0]).argmax(), np.bool_)


def body_centre(voxels: Bools, spacing: Floats) -> Floats:
    """Depth-weighted centroid (voxels) of the deepest part of a vertebra: always in the body, never in the arch."""
    depth = ndi.distance_transform_edt(np.pad(voxels, 1), sampling=spacing)[1:-1, 1:-1, 1:-1]
    parts, _ = ndi.label(depth > CORE * depth.max())
    deepest = np.unravel_index(depth.argmax(), depth.shape)
    weight = depth * (parts == parts[deepest])
    where = np.argwhere(weight > 0)
    return np.asarray((where * weight[weight > 0][:, None]).sum(axis=0) / weight.sum(), np.float64)


def _measured(mask: LabelMask, found: Mapping[int, _Labelled], order: list[int], label: int) -> MaskMeasure:
    here, axes = found[label], _axes(found, order, label)
    voxel = here.centre + here.offset
    ras = mask.affine[:3, :3] @ voxel + mask.affine[:3, 3]
    lps = ras * RAS_TO_LPS
    middle = HALF_SIZE_MM / MM_PER_PIXEL
    sections = _sections(_softened(here.voxels, mask.spacing), mask.spacing, here.centre, axes)
    body = measure_planes(sections, MM_PER_PIXEL, (middle, middle))
    cut = body is not None and _is_cut(mask, here, axes, body)
    return MaskMeasure((float(lps[0]), float(lps[1]), float(lps[2])), body, cut)


def _axes(found: Mapping[int, _Labelled], order: list[int], label: int) -> _Axes:
    """Head: the chord between neighbouring bodies; posterior: from the body to the middle of the whole vertebra."""
    here, at = found[label], order.index(label)
    above, below = _place(found, order, at - 1, here), _place(found, order, at + 1, here)
    head = _unit(above - below) if np.any(above != below) else np.array([0.0, 0.0, 1.0])
    back = here.whole - here.place
    back = back if np.linalg.norm(back) >= 3 else np.array([0.0, -1.0, 0.0])
    posterior = _unit(back - head * back.dot(head))
    return _Axes(head, posterior, np.cross(posterior, head))


def _place(found: Mapping[int, _Labelled], order: list[int], at: int, here: _Labelled) -> Floats:
    """Where the neighbour is, or the vertebra itself where there is none within reach."""
    if not 0 <= at < len(order):
        return here.place
    there = found[order[at]].place
    return there if np.linalg.norm(there - here.place) <= FARTHEST_NEIGHBOUR_MM else here.place


def _unit(vector: Floats) -> Floats:
    return np.asarray(vector / (np.linalg.norm(vector) + 1e-9), np.float64)


def _softened(voxels: Bools, spacing: Floats) -> FloatArray:
    """A blur of 0.4 mm along finely sampled axes: a label's staircase is not anatomy."""
    blur = [0.4 / max(edge, 0.3) if edge < 1.2 else 0.0 for edge in spacing]
    return np.asarray(ndi.gaussian_filter(voxels.astype(np.float32), blur), np.float32)


def _grid(spacing: Floats, centre: Floats, axes: _Axes, plane_mm: float) -> Floats:
    """Voxel positions [3, row, col] of one sagittal section: rows to the feet, columns to posterior."""
    reach = np.arange(-HALF_SIZE_MM, HALF_SIZE_MM + 1e-6, MM_PER_PIXEL)
    rows, cols = reach[:, None, None] * -axes.head, reach[None, :, None] * axes.posterior
    return np.asarray(((centre * spacing + rows + cols + plane_mm * axes.across) / spacing).transpose(2, 0, 1))


def _sections(soft: FloatArray, spacing: Floats, centre: Floats, axes: _Axes) -> FloatArray:
    planes = [ndi.map_coordinates(soft, _grid(spacing, centre, axes, at), order=1) for at in PLANES_MM]
    return np.asarray(planes, np.float32)


def _is_cut(mask: LabelMask, here: _Labelled, axes: _Axes, body: BodyMeasure) -> bool:
    """Whether the body's outline runs along the border of the image for more than a few per cent of its points."""
    grid = _grid(mask.spacing, here.centre + here.offset, axes, 0.0)
    col, row = np.clip(np.round(np.array(body.drawing.outline)), 0, grid.shape[1] - 1).astype(int).T
    voxel, last = grid[:, row, col], np.array(mask.labels.shape)[:, None] - 1
    at_border = ((voxel < BORDER_VOXELS) | (voxel > last - BORDER_VOXELS)).any(axis=0)
    return bool(at_border.mean() > CUT_SHARE)
