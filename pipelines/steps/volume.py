"""Slices of the chosen series to one volume in Hounsfield units with right geometry."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.steps.choose import NiftiFile
from pipelines.steps.eligible import CtSeries
from pipelines.steps.facts import Volume
from pipelines.steps.nifti import read_nifti
from pipelines.steps.placing import Placing, fill_gaps, on_regular_places
from pipelines.steps.stack import MAX_MISSING, MAX_SLICE_MM, Stack, thinned
from pipelines.steps.two_at_a_time import two_at_a_time
from vfx_finder.dicom.pixels import hounsfield_frames
from vfx_finder.domain.bone_density import NOT_STATED
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.study import Reason, Unsuitable

_MOST_SLICES = 2000
"""2,000 slices of 512 x 512 voxels are 1 GB as int16; longer series lose every second slice."""
_AIR_OR_LUNG_HU = -200
_BONE_HU = 200
_LEAST_BONE = 1e-4  # share of voxels


def read_volume(source: CtSeries | NiftiFile) -> Volume | Unsuitable:
    """The volume [i Left, j Posterior, k Superior] with its voxel -> LPS affine, or why it cannot be built.

    Handled: any slice order, feet first, prone or turned patients (canonical axes), gantry tilt (slices are moved
    back over one another), a few missing or undecodable slices and unequal spacing (interpolated up to
    `MAX_SLICE_MM`). The result is int16 and is filled in place, one slice at a time.
    """
    volume = read_nifti(source.path) if isinstance(source, NiftiFile) else _from_stack(source.stack)
    if isinstance(volume, Unsuitable):
        return volume
    exposure = NOT_STATED if isinstance(source, NiftiFile) else source.exposure
    return not_hounsfield(volume.hu) or replace(volume, exposure=exposure)


def not_hounsfield(hu: NDArray[np.int16]) -> Unsuitable | None:
    """Why values do not look like CT: no air, lung or bowel gas below -200 HU, or no bone above 200 HU.

    MR, masks and CT stored without its offset have no negative values. Looks at every fourth voxel.
    """
    sample = hu[::2, ::2, :]
    if sample.min() > _AIR_OR_LUNG_HU:
        return Unsuitable(Reason.NOT_HOUNSFIELD, f"The lowest value is {sample.min()}; a CT holds air at about -1000.")
    if np.count_nonzero(sample > _BONE_HU) < _LEAST_BONE * sample.size:
        return Unsuitable(Reason.NOT_HOUNSFIELD, f"Hardly a value lies above {_BONE_HU}, where bone would be.")
    return None


def _from_stack(whole: Stack) -> Volume | Unsuitable:
    stack = thinned(whole, _MOST_SLICES)
    placing = Placing(stack)
    grid = stack.grid if stack.grid is not None else np.arange(len(stack.slices))
    block = np.empty((int(grid[-1]) + 1, *placing.size), np.int16)
    filled = _decode(stack, placing, block, grid)
    gap = _gap_verdict(filled, stack)
    if gap:
        return gap
    if stack.grid is None:
        places = stack.places_mm[filled]
        block, start_mm = on_regular_places(block[filled], places - places[0], stack.step_mm), float(places[0])
        return Volume(block.transpose(2, 1, 0), placing.affine(stack.step_mm, start_mm), stack.slice_mm)
    first, *_, last = np.flatnonzero(filled)
    block, filled = block[first : last + 1], filled[first : last + 1]
    fill_gaps(block, filled)
    affine = placing.affine(stack.step_mm, float(first * stack.step_mm))
    gaps = tuple(int(k) for k in np.flatnonzero(~filled))
    return Volume(block.transpose(2, 1, 0), affine, stack.slice_mm, interpolated=gaps)


def _decode(stack: Stack, placing: Placing, block: NDArray[np.int16], grid: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Put every slice that can be decoded at its grid place; true where a slice is now filled."""
    wanted: dict[Path, dict[int, int]] = defaultdict(dict)
    for index, item in enumerate(stack.slices):
        wanted[item.path][item.plane.frame] = index
    filled = np.zeros(len(block), np.bool_)

    def fill(path: Path) -> None:
        for index, frame in _readable_frames(path, wanted[path]):
            block[grid[index]] = placing.place(frame, index)
            filled[grid[index]] = True

    two_at_a_time(fill, wanted)
    return filled


def _readable_frames(path: Path, wanted: dict[int, int]) -> Iterator[tuple[int, NDArray[np.int16]]]:
    """Frames of one file up to the first that cannot be decoded, each with its index in the stack."""
    frames = enumerate(hounsfield_frames(path))
    while True:
        try:
            number, frame = next(frames)
        except (StopIteration, Unreadable):
            return
        if number in wanted:
            yield wanted[number], frame


def _gap_verdict(filled: NDArray[np.bool_], stack: Stack) -> Unsuitable | None:
    """Slices that could not be decoded are missing slices: too many, or too wide a gap, and there is no volume.

    At the ends they only make the volume shorter.
    """
    lost = len(stack.slices) - int(filled.sum())
    if not lost:
        return None
    widest = _widest_mm(filled, stack)
    if lost <= MAX_MISSING * len(filled) and widest <= MAX_SLICE_MM:
        return None
    return Unsuitable(Reason.UNREADABLE, f"The pixels of {lost} of {len(stack.slices)} slices cannot be decoded.")


def _widest_mm(filled: NDArray[np.bool_], stack: Stack) -> float:
    places = stack.places_mm if stack.grid is None else np.arange(len(filled)) * stack.step_mm
    known = places[filled]
    return float(np.diff(known).max()) if len(known) > 1 else float("inf")
