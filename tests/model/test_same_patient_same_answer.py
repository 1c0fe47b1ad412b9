"""However a scan was stored, oriented or laid on the table, the same patient gets the same answer."""

import random
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
from scipy import ndimage as ndi

from models import catalogue
from models.synthesis.dicom_series import SyntheticPatient, write_series
from models.synthesis.volumes import FieldOfView
from pipelines.study import analyse
from vfx_finder.domain.finding import Analysis, Finding

SAMPLE = Path(__file__).resolve().parents[2] / "data" / "synthetic" / "lumbar-wedge.nii.gz"
SAME_MM = 0.05
"""Storage changes nothing but rounding."""

TILTED_RATIO = 0.035
TILTED_MM = 3.0
"""One degree of tilt resamples every voxel: heights may then differ by as much as two readers do."""


@pytest.fixture(scope="module")
def shelf() -> catalogue.Models:
    return catalogue.load("cpu")


@pytest.fixture(scope="module")
def plain(shelf: catalogue.Models) -> Analysis:
    return analyse([SAMPLE], shelf)


def heights(finding: Finding) -> tuple[float, float, float]:
    measured = finding.vertebra.heights
    assert measured is not None, finding.vertebra.level
    return measured.anterior, measured.middle, measured.posterior


def assert_same(first: Analysis, second: Analysis) -> None:
    """The same levels at the same places with the same heights and grades."""
    assert [f.vertebra.level.level for f in first.findings] == [f.vertebra.level.level for f in second.findings]
    assert [f.grade for f in first.findings] == [f.grade for f in second.findings]
    for one, other in zip(first.findings, second.findings, strict=True):
        assert np.allclose(one.vertebra.centre_mm, other.vertebra.centre_mm, atol=SAME_MM)
        assert np.allclose(heights(one), heights(other), atol=SAME_MM)


@pytest.mark.parametrize("axes", ["LAS", "RPS", "LPI", "PIR", "ASL", "SRA"])
def test_the_order_and_direction_of_stored_axes_change_nothing(
    axes: str, plain: Analysis, shelf: catalogue.Models, tmp_path: Path
) -> None:
    """A volume stored flipped or with its axes in another order gives the very same answer."""
    image = nib.load(SAMPLE)
    turn = nib.orientations.ornt_transform(nib.io_orientation(image.affine), nib.orientations.axcodes2ornt(axes))
    path = tmp_path / f"{axes}.nii.gz"
    nib.save(image.as_reoriented(turn), path)
    assert_same(plain, analyse([path], shelf))


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Path]:
    """The sample as a DICOM series, supine and head first."""
    image = nib.load(SAMPLE)
    volume = np.asarray(image.dataobj, np.int16)
    x, y, z = (float(v) for v in image.header.get_zooms())
    corner = image.affine[:3, 3] * np.array([-1, -1, 1])
    centre = corner + (np.array(volume.shape) - 1) / 2 * np.array([x, y, z])
    field = FieldOfView((centre[0], centre[1], centre[2]), volume.shape, x, z)
    patient = SyntheticPatient("SYN-00001", "SYNTHETIC^ONE", "F", "070Y", "19560101", "20260105", "SYNTHETIC")
    return write_series(tmp_path_factory.mktemp("series"), patient, volume, field)


def test_the_order_in_which_slices_arrive_changes_nothing(series: Sequence[Path], shelf: catalogue.Models) -> None:
    """Slices in any order give the same answer as slices in theirs."""
    shuffled = list(series)
    random.Random(3).shuffle(shuffled)
    assert_same(analyse(series, shelf), analyse(shuffled, shelf))


def test_a_prone_feet_first_patient_gets_the_same_answer(
    series: Sequence[Path], shelf: catalogue.Models, tmp_path: Path
) -> None:
    """Prone and feet first the rows run the other way, and so do the slices; the patient is the same."""
    turned = [_prone(path, tmp_path, len(series) - n) for n, path in enumerate(series)]
    assert_same(analyse(series, shelf), analyse(turned, shelf))


def _prone(path: Path, folder: Path, number: int) -> Path:
    """The slice as a prone, feet-first acquisition stores it: rows and columns reversed, the geometry saying so."""
    dataset = pydicom.dcmread(path)
    pixels = dataset.pixel_array[::-1, ::-1]
    rows, columns = pixels.shape
    step_y, step_x = (float(v) for v in dataset.PixelSpacing)
    x, y, z = (float(v) for v in dataset.ImagePositionPatient)
    dataset.ImagePositionPatient = [x + (columns - 1) * step_x, y + (rows - 1) * step_y, z]
    dataset.ImageOrientationPatient = [-1, 0, 0, 0, -1, 0]
    dataset.PatientPosition, dataset.InstanceNumber = "FFP", number
    dataset.PixelData = np.ascontiguousarray(pixels).tobytes()
    out = folder / path.name
    dataset.save_as(out)
    return out


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_one_degree_of_tilt_changes_little(axis: int, plain: Analysis, shelf: catalogue.Models, tmp_path: Path) -> None:
    """A patient who lies a degree askew keeps levels and fracture; heights change less than readers differ."""
    image = nib.load(SAMPLE)
    volume = np.asarray(image.dataobj, np.float32)
    turn = _about(axis, 1.0)
    to_world, middle = image.affine[:3, :3], (np.array(volume.shape) - 1) / 2
    matrix = np.linalg.inv(to_world) @ turn @ to_world
    tilted = ndi.affine_transform(volume, matrix, middle - matrix @ middle, order=1, cval=40.0)
    path = tmp_path / "tilted.nii.gz"
    nib.save(nib.Nifti1Image(np.rint(tilted).astype(np.int16), image.affine), path)
    answer = {f.vertebra.level.level: f for f in analyse([path], shelf).findings}
    for finding in plain.findings:
        level = finding.vertebra.level.level
        if finding.vertebra.heights is None or answer[level].vertebra.heights is None:
            continue
        before, after = heights(finding), heights(answer[level])
        assert abs(min(before) / max(before) - min(after) / max(after)) < TILTED_RATIO, level
        assert np.allclose(before, after, atol=TILTED_MM), level
    flagged = [f.vertebra.level.level for f in plain.findings if (f.grade or 0) >= 2]
    assert flagged == [level for level, f in answer.items() if (f.grade or 0) >= 2]


def _about(axis: int, degrees: float) -> np.ndarray:
    sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    first, second = (a for a in range(3) if a != axis)
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = cosine
    matrix[first, second], matrix[second, first] = -sine, sine
    return matrix
