"""What is no spine, seen by the real networks: never called free of fracture, always listed with a reason."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from models import catalogue
from pipelines.study import analyse
from vfx_finder.domain.finding import Analysis
from vfx_finder.domain.study import Reason

SHAPE = (88, 104, 80)
SPACING_MM = 2.0


@pytest.fixture(scope="module")
def shelf() -> catalogue.Models:
    return catalogue.load("cpu")


def grid() -> list[NDArray[np.float64]]:
    """Left, posterior, superior of every voxel, mm from the middle."""
    return [axis * SPACING_MM for axis in np.meshgrid(*[np.arange(n) - n / 2 for n in SHAPE], indexing="ij")]


def head() -> NDArray[np.float64]:
    """Brain in a skull in skin in air, with the dense base of the skull and air-filled sinuses; no neck."""
    left, back, up = grid()
    radius = np.sqrt((left / 72) ** 2 + (back / 90) ** 2 + ((up + 10) / 85) ** 2)
    hu = np.select([radius < 0.85, radius < 0.93, radius < 1.0], [35.0, 900.0, 30.0], -1000.0)
    hu[(radius < 0.9) & (np.abs(up + 55) < 5)] = 700
    hu[np.sqrt(left**2 + (back + 62) ** 2 + (up + 40) ** 2) < 14] = -900
    return hu


def trunk_without_bones() -> NDArray[np.float64]:
    """A soft tissue cylinder with two lungs, and a dense round implant."""
    left, back, up = grid()
    hu = np.where((left / 80) ** 2 + (back / 70) ** 2 < 1, 40.0, -1000.0)
    for side in (-38, 38):
        hu[((left - side) / 26) ** 2 + (back / 45) ** 2 + (up / 70) ** 2 < 1] = -850
    hu[np.sqrt((left - 20) ** 2 + (back - 50) ** 2 + up**2) < 8] = 1500
    return hu


def thighs() -> NDArray[np.float64]:
    """Two legs with a long bone each: dense, upright, continuous, and no spine."""
    left, back, _up = grid()
    hu = np.full(SHAPE, -1000.0)
    for side in (-42, 42):
        radius = np.hypot(left - side, back)
        hu[radius < 38] = 45
        hu[radius < 14] = 1100
        hu[radius < 8] = -20
    return hu


def noise() -> NDArray[np.float64]:
    return np.random.default_rng(7).normal(100, 400, SHAPE)


def analysed(hu: NDArray[np.float64], folder: Path, shelf: catalogue.Models) -> Analysis:
    """This volume with 12 HU of noise, through the whole pipeline."""
    noisy = hu + np.random.default_rng(1).normal(0, 12, hu.shape)
    path = folder / "volume.nii.gz"
    affine = np.diag([-SPACING_MM, -SPACING_MM, SPACING_MM, 1.0])
    nib.Nifti1Image(np.clip(noisy, -1024, 3000).astype(np.int16), affine).to_filename(path)
    return analyse([path], shelf)


@pytest.mark.parametrize("volume", [head, trunk_without_bones, thighs, noise])
def test_a_ct_without_a_spine_is_listed(
    volume: "type[NDArray[np.float64]]", tmp_path: Path, shelf: catalogue.Models
) -> None:
    analysis = analysed(volume(), tmp_path, shelf)
    assert analysis.patient is None, "no spine must never read as no fracture"
    assert analysis.unsuitable is not None
    assert analysis.unsuitable.reason in {Reason.NO_SPINE, Reason.OUTSIDE_GRADED_LEVELS, Reason.NOT_MEASURABLE}
    assert analysis.models == (shelf.ct_spine.version,)


def test_an_mr_is_listed_before_any_network_sees_it(tmp_path: Path, shelf: catalogue.Models) -> None:
    analysis = analysed(np.abs(head()) + 100, tmp_path, shelf)
    assert analysis.unsuitable is not None
    assert analysis.unsuitable.reason is Reason.NOT_HOUNSFIELD
    assert analysis.models == ()


def test_air_alone_is_listed(tmp_path: Path, shelf: catalogue.Models) -> None:
    analysis = analysed(np.full(SHAPE, -1000.0), tmp_path, shelf)
    assert analysis.unsuitable is not None
    assert analysis.unsuitable.reason is Reason.NOT_HOUNSFIELD
