"""CT series of a body with a known landmark in it, written with whatever geometry a test asks for."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import FileDataset

from pipelines.steps.choose import Choice, choose
from pipelines.steps.facts import Volume
from pipelines.steps.volume import read_volume
from tests.support.dicom import AIR_HU, Grid, ct_series, write_series
from vfx_finder.domain.study import Unsuitable

BONE_HU = 700
LANDMARK = (7.0, -5.0, 40.0)
"""LPS mm of the landmark: left of the middle, in front of it, nearer the feet."""

TRUNK = Grid(slices=41, rows=48, columns=48, spacing=(2.0, 2.0), origin=(-48.0, -48.0, 0.0), step=(0.0, 0.0, 2.0))


def landmark_hu(grid: Grid, radius_mm: float = 6.0) -> NDArray[np.int16]:
    """Soft tissue in air with one round bone around `LANDMARK`, sampled where the grid's voxels really lie."""
    points = voxel_positions(grid)
    hu = np.full(points.shape[:3], float(AIR_HU))
    hu[np.abs(points[..., 1]) < 30] = 40.0
    distance = np.linalg.norm(points - np.array(LANDMARK), axis=-1)
    hu = np.where(distance < radius_mm, BONE_HU, hu)
    return hu.astype(np.int16)


def voxel_positions(grid: Grid) -> NDArray[np.float64]:
    """LPS [slice, row, column, 3] of every voxel, from the definition in PS3.3 C.7.6.2.1.1."""
    slices, rows, columns = np.ogrid[: grid.slices, : grid.rows, : grid.columns]
    along_row, along_column = np.array(grid.orientation[:3]), np.array(grid.orientation[3:])
    row_mm, column_mm = grid.spacing
    return (
        np.array(grid.origin)
        + slices[..., None] * np.array(grid.step)
        + columns[..., None] * column_mm * along_row
        + rows[..., None] * row_mm * along_column
    )


def landmark_series(grid: Grid = TRUNK, series: str = "axial", **headers: object) -> list[FileDataset]:
    """The body above as CT slices."""
    return ct_series(None, grid, landmark_hu(grid), series=series, **headers)


def written(datasets: list[FileDataset], folder: Path) -> list[Path]:
    """Files of these datasets."""
    return write_series(datasets, folder)


def chosen(datasets: list[FileDataset], folder: Path) -> Choice:
    """What `choose` says of these datasets."""
    return choose(written(datasets, folder))


def volume_of(datasets: list[FileDataset], folder: Path) -> Volume | Unsuitable:
    """The volume of the chosen series, or why there is none."""
    choice = chosen(datasets, folder)
    return choice.unsuitable or read_volume(choice.candidates[0])


def found_landmark(volume: Volume) -> NDArray[np.float64]:
    """LPS mm of the centre of gravity of all bone in the volume."""
    bone = np.argwhere(volume.hu > BONE_HU / 2).mean(axis=0)
    return np.asarray(volume.affine[:3, :3] @ bone + volume.affine[:3, 3])
