"""Whatever way a scanner writes its slices, a bone lies where it lay in the patient."""

from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import uid

from pipelines.steps.choose import NiftiFile, choose
from pipelines.steps.facts import Volume
from pipelines.steps.stack import Slice, Stack, arrange, thinned
from pipelines.steps.volume import read_volume
from tests.support.ct_series import LANDMARK, TRUNK, found_landmark, landmark_hu, landmark_series, volume_of
from tests.support.dicom import AIR_HU, Grid, Order, enhanced_ct, recoded
from tests.support.real_data import real_data
from vfx_finder.dicom.geometry import Plane
from vfx_finder.domain.study import Reason, Unsuitable

CLOSE_MM = 0.7


def assert_canonical(volume: Volume | Unsuitable) -> Volume:
    assert isinstance(volume, Volume), volume
    assert volume.hu.dtype == np.int16
    assert (np.argmax(np.abs(volume.affine[:3, :3]), axis=0) == [0, 1, 2]).all()
    assert (np.diag(volume.affine[:3, :3]) > 0).all(), "axes must run Left, Posterior, Superior"
    return volume


PRONE = Grid(41, 48, 48, (2.0, 2.0), (-1.0, 0, 0, 0, -1.0, 0), (46.0, 46.0, 0.0), (0, 0, 2.0))
HEAD_FIRST_DOWN = replace(TRUNK, origin=(-48.0, -48.0, 80.0), step=(0.0, 0.0, -2.0))
DECUBITUS = Grid(41, 48, 48, (2.0, 2.0), (0, 1.0, 0, -1.0, 0, 0), (46.0, -48.0, 0.0), (0, 0, 2.0))
OBLONG = Grid(41, 40, 60, (2.5, 1.5), origin=(-44.0, -50.0, 0.0), step=(0, 0, 2.0))


@pytest.mark.parametrize(
    "grid", [TRUNK, PRONE, HEAD_FIRST_DOWN, DECUBITUS, OBLONG], ids=["supine", "prone", "downwards", "turned", "oblong"]
)
def test_a_bone_keeps_its_place_however_the_patient_lay(grid: Grid, tmp_path: Path) -> None:
    volume = assert_canonical(volume_of(landmark_series(grid), tmp_path))
    assert found_landmark(volume) == pytest.approx(LANDMARK, abs=CLOSE_MM)
    assert volume.slice_mm == pytest.approx(2.0)


def test_slices_are_ordered_by_place_and_not_by_name_or_number(tmp_path: Path) -> None:
    datasets = landmark_series()
    shuffled = [datasets[n] for n in np.random.default_rng(3).permutation(len(datasets))]
    for dataset in shuffled:
        dataset.SliceLocation = "7"  # a lie many writers tell
    volume = assert_canonical(volume_of(shuffled, tmp_path))
    assert found_landmark(volume) == pytest.approx(LANDMARK, abs=CLOSE_MM)


@pytest.mark.parametrize("degrees", [-18.0, 12.0, 25.0])
def test_a_tilted_gantry_leaves_no_shear(degrees: float, tmp_path: Path) -> None:
    tilt = np.radians(degrees)
    down = (0.0, float(np.cos(tilt)), float(np.sin(tilt)))
    grid = Grid(41, 48, 48, (2.0, 2.0), (1.0, 0, 0, *down), (-48.0, -48.0, 0.0), (0, 0, 2.0))
    volume = assert_canonical(volume_of(landmark_series(grid), tmp_path))
    axes = volume.affine[:3, :3] / volume.spacing
    assert axes.T @ axes == pytest.approx(np.eye(3), abs=1e-6)
    assert volume.spacing[2] == pytest.approx(2.0 * np.cos(tilt), abs=1e-6)
    assert found_landmark(volume) == pytest.approx(LANDMARK, abs=CLOSE_MM)


def test_one_missing_slice_of_a_thin_series_is_interpolated(tmp_path: Path) -> None:
    whole = landmark_series()
    volume = assert_canonical(volume_of(whole[:20] + whole[21:], tmp_path))
    assert volume.hu.shape[2] == 41
    assert volume.interpolated == (20,)
    neighbours = (volume.hu[:, :, 19].astype(int) + volume.hu[:, :, 21]) / 2
    assert np.abs(volume.hu[:, :, 20] - neighbours).max() <= 1
    assert found_landmark(volume) == pytest.approx(LANDMARK, abs=CLOSE_MM)


def test_one_missing_slice_of_a_thick_series_is_a_listed_reason(tmp_path: Path) -> None:
    thick = replace(TRUNK, slices=21, step=(0.0, 0.0, 4.25))
    whole = landmark_series(thick)
    answer = volume_of(whole[:9] + whole[10:], tmp_path)
    assert isinstance(answer, Unsuitable)
    assert answer.reason is Reason.MISSING_SLICES
    assert "1 of 21" in answer.detail
    assert "8.5 mm" in answer.detail


def test_many_missing_thin_slices_make_the_series_a_thicker_one(tmp_path: Path) -> None:
    whole = landmark_series(replace(TRUNK, slices=81, step=(0.0, 0.0, 1.0)))
    volume = assert_canonical(volume_of([d for n, d in enumerate(whole) if n % 5 != 2], tmp_path))
    assert volume.slice_mm == pytest.approx(2.0)
    assert found_landmark(volume) == pytest.approx(LANDMARK, abs=1.0)


def test_unequal_spacing_is_interpolated_where_slices_are_close(tmp_path: Path) -> None:
    fine = landmark_series(replace(TRUNK, slices=81, step=(0.0, 0.0, 1.0)))
    places = [*range(0, 30, 2), *range(30, 60, 3), *range(60, 81, 2)]
    volume = assert_canonical(volume_of([fine[p] for p in places], tmp_path))
    assert found_landmark(volume) == pytest.approx(LANDMARK, abs=1.0)
    assert volume.slice_mm == pytest.approx(3.0)


def test_unequal_spacing_beyond_the_limit_is_a_listed_reason(tmp_path: Path) -> None:
    fine = landmark_series(replace(TRUNK, slices=121, step=(0.0, 0.0, 1.0)))
    places = [*range(0, 40, 2), *[43, 46, 50, 57, 64, 71.0, 76, 83], *range(90, 121, 2)]
    answer = volume_of([fine[int(p)] for p in places], tmp_path)
    assert isinstance(answer, Unsuitable)
    assert answer.reason is Reason.UNEQUAL_SPACING


def test_a_slice_with_cut_pixels_counts_as_missing(tmp_path: Path) -> None:
    datasets = landmark_series()
    datasets[10].PixelData = datasets[10].PixelData[:100]
    volume = assert_canonical(volume_of(datasets, tmp_path / "thin"))
    assert volume.hu.shape[2] == 41
    for dataset in datasets[4:30:2]:
        dataset.PixelData = dataset.PixelData[:100]
    answer = volume_of(datasets, tmp_path / "many")
    assert isinstance(answer, Unsuitable)
    assert answer.reason is Reason.UNREADABLE


@pytest.mark.parametrize("spacing", ["equal", "unequal"])
def test_cut_slices_at_the_ends_only_make_the_volume_shorter(spacing: str, tmp_path: Path) -> None:
    datasets = landmark_series()
    if spacing == "unequal":
        datasets = datasets[:25] + [d for d in landmark_series(replace(TRUNK, slices=81, step=(0, 0, 1.0)))[51:] if d]
    for dataset in (datasets[0], datasets[1], datasets[-1]):
        dataset.PixelData = dataset.PixelData[:100]
    for number, dataset in enumerate(datasets):
        dataset.SOPInstanceUID = f"1.2.3.{number + 1}"
    volume = assert_canonical(volume_of(datasets, tmp_path))
    assert volume.affine[2, 3] == pytest.approx(4.0)
    assert found_landmark(volume) == pytest.approx(LANDMARK, abs=1.0)


def test_the_same_slice_sent_twice_counts_once(tmp_path: Path) -> None:
    datasets = landmark_series()
    volume = assert_canonical(volume_of([*datasets, *datasets[3:9]], tmp_path))
    assert volume.hu.shape[2] == 41


def test_a_scout_inside_the_series_is_left_out(tmp_path: Path) -> None:
    scout = landmark_series(Grid(1, 48, 48, (2.0, 2.0), (1.0, 0, 0, 0, 0, -1.0), (-48.0, 0.0, 80.0)))
    scout[0].SOPInstanceUID = "1.2.3.4"
    volume = assert_canonical(volume_of([*scout, *landmark_series()], tmp_path))
    assert volume.hu.shape == (48, 48, 41)


def test_two_passes_over_the_same_places_need_an_acquisition_number(tmp_path: Path) -> None:
    first, second = landmark_series(), landmark_series(series="axial", SOPInstanceUID="1.2.3")
    for number, dataset in enumerate(second):
        dataset.SOPInstanceUID = f"1.2.3.{number + 1}"
    answer = volume_of([*first, *second], tmp_path / "unknown")
    assert isinstance(answer, Unsuitable)
    assert answer.reason is Reason.DUPLICATE_POSITIONS
    for dataset in second:
        dataset.AcquisitionNumber = 2
    assert_canonical(volume_of([*first, *second], tmp_path / "told"))


def test_radial_reformats_are_inconsistent() -> None:
    def plane(degrees: float) -> Plane:
        turn = np.radians(degrees)
        return Plane((0, 0, 0), (float(np.cos(turn)), float(np.sin(turn)), 0.0), (0, 0, -1.0), 1, 1, 8, 8)

    answer = arrange([Slice(Path(str(n)), plane(10.0 * n)) for n in range(18)])
    assert isinstance(answer, Unsuitable)
    assert answer.reason is Reason.INCONSISTENT_GEOMETRY


def test_rescale_and_padding_become_hounsfield_units(tmp_path: Path) -> None:
    datasets = landmark_series()
    truth = landmark_hu(TRUNK).astype(int)
    for dataset, hu in zip(datasets, truth, strict=True):
        stored = ((hu + 1024) * 2).astype(np.int16)
        stored[:3] = -2000
        dataset.PixelData = stored.tobytes()
        dataset.RescaleSlope, dataset.RescaleIntercept = "0.5", "-1024"
        dataset.add_new(0x00280120, "US", 63536)  # -2000, written unsigned as GE does
    volume = assert_canonical(volume_of(datasets, tmp_path))
    assert (volume.hu[:, :3] == AIR_HU - 24).all(), "padding is air"
    assert (volume.hu[:, 3:].transpose(2, 1, 0) == truth[:, 3:]).all()


@pytest.mark.parametrize(
    "syntax",
    [
        uid.ImplicitVRLittleEndian,
        uid.DeflatedExplicitVRLittleEndian,
        uid.RLELossless,
        uid.JPEGLSLossless,
        uid.JPEG2000Lossless,
    ],
)
def test_values_are_exact_in_every_lossless_transfer_syntax(syntax: uid.UID, tmp_path: Path) -> None:
    volume = assert_canonical(volume_of([recoded(d, syntax) for d in landmark_series()], tmp_path))
    assert (volume.hu.transpose(2, 1, 0) == landmark_hu(TRUNK)).all()


def test_an_enhanced_ct_is_one_volume(tmp_path: Path) -> None:
    image = enhanced_ct(Order(), TRUNK, landmark_hu(TRUNK))
    volume = assert_canonical(volume_of([image], tmp_path))
    assert found_landmark(volume) == pytest.approx(LANDMARK, abs=CLOSE_MM)


def test_a_large_matrix_is_averaged_and_stays_in_place(tmp_path: Path) -> None:
    fine = Grid(12, 160, 1024, (0.5, 0.1), origin=(-51.15, -39.75, 20.0), step=(0, 0, 6.0))
    volume = assert_canonical(volume_of(landmark_series(fine), tmp_path))
    assert volume.hu.shape[:2] == (512, 80)
    assert found_landmark(volume)[:2] == pytest.approx(LANDMARK[:2], abs=0.2)


def nifti(path: Path, hu: np.ndarray, affine: np.ndarray) -> NiftiFile:
    nib.Nifti1Image(hu, affine).to_filename(path)
    return NiftiFile(path)


def without_codes(source: NiftiFile) -> NiftiFile:
    """The file with qform_code and sform_code (bytes 252 to 255 of the header) set to zero."""
    content = bytearray(source.path.read_bytes())
    content[252:256] = bytes(4)
    source.path.write_bytes(bytes(content))
    return source


RAS = np.array([[-2.0, 0, 0, 48], [0, -2, 0, 48], [0, 0, 2, 0], [0, 0, 0, 1]])


@settings(max_examples=15)
@given(order=st.permutations([0, 1, 2]), flips=st.tuples(*[st.booleans()] * 3))
def test_a_nifti_in_any_axis_order_is_the_same_volume(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], flips: tuple[bool, bool, bool]
) -> None:
    hu, affine = landmark_hu(TRUNK).transpose(2, 1, 0), RAS.copy()
    for axis in np.flatnonzero(flips):
        affine[:3, 3] += affine[:3, axis] * (hu.shape[axis] - 1)
        affine[:3, axis] *= -1
        hu = np.flip(hu, axis)
    source = nifti(tmp_path_factory.mktemp("n") / "a.nii", hu.transpose(order), affine[:, [*order, 3]])
    volume = assert_canonical(read_volume(source))
    assert (volume.hu.transpose(2, 1, 0) == landmark_hu(TRUNK)).all()
    assert found_landmark(volume) == pytest.approx(LANDMARK, abs=CLOSE_MM)


def test_a_nifti_mr_a_mask_and_an_unplaced_image_have_their_reasons(tmp_path: Path) -> None:
    hu = landmark_hu(TRUNK).transpose(2, 1, 0)
    mr = read_volume(nifti(tmp_path / "mr.nii.gz", np.abs(hu), RAS))
    mask = read_volume(nifti(tmp_path / "mask.nii.gz", (hu > 100).astype(np.uint8), RAS))
    unplaced = read_volume(without_codes(nifti(tmp_path / "u.nii", hu, RAS)))
    short = read_volume(nifti(tmp_path / "s.nii", hu[:, :, :20], RAS))
    reasons = [answer.reason for answer in (mr, mask, unplaced, short) if isinstance(answer, Unsuitable)]
    assert reasons == [Reason.NOT_HOUNSFIELD, Reason.NOT_HOUNSFIELD, Reason.NO_GEOMETRY, Reason.TOO_SHORT]


@settings(max_examples=15)
@given(st.integers(0, 5000))
def test_a_nifti_cut_short_is_unreadable(tmp_path_factory: pytest.TempPathFactory, keep: int) -> None:
    path = tmp_path_factory.mktemp("n") / "a.nii.gz"
    nifti(path, landmark_hu(TRUNK).transpose(2, 1, 0), RAS)
    path.write_bytes(path.read_bytes()[: min(keep, path.stat().st_size - 30)])
    answer = read_volume(NiftiFile(path))
    assert isinstance(answer, Unsuitable)
    assert answer.reason is Reason.UNREADABLE


@given(
    places=st.lists(st.floats(0, 300), min_size=2, max_size=40),
    offset=st.floats(-500, 500),
)
def test_any_places_give_a_stack_in_order_or_a_reason(places: list[float], offset: float) -> None:
    planes = [Plane((0.0, 0.0, offset + p), (1.0, 0, 0), (0, 1.0, 0), 1, 1, 8, 8) for p in places]
    answer = arrange([Slice(Path(str(n)), plane) for n, plane in enumerate(planes)])
    if isinstance(answer, Stack):
        assert (np.diff(answer.places_mm) > 0).all()
        assert answer.grid is None or (np.diff(answer.grid) > 0).all()
        assert answer.left_out + len(answer.slices) == len(places)
    else:
        assert answer.detail


def test_real_dicom_series_become_upright_volumes() -> None:
    for folder, slice_mm, count in (("acrin_001", 4.25, 99), ("cmb_crc_chest", 2.5, 100)):
        choice = choose(sorted(real_data("ct", folder, "dicom").glob("*.dcm")))
        volume = assert_canonical(read_volume(choice.candidates[0]))
        assert volume.hu.shape == (512, 512, count)
        assert volume.slice_mm == pytest.approx(slice_mm)
        assert volume.hu[256, :, count // 2].max() > 200
        assert (volume.hu[:, :128] > 100).mean() < (volume.hu[:, 256:] > 100).mean(), "bone lies behind"


def test_a_series_too_long_for_memory_loses_every_second_slice() -> None:
    planes = [Plane((0.0, 0.0, 0.5 * n), (1.0, 0, 0), (0, 1.0, 0), 1, 1, 8, 8) for n in range(101) if n != 50]
    whole = arrange([Slice(Path(str(n)), plane) for n, plane in enumerate(planes)])
    assert isinstance(whole, Stack)
    half = thinned(whole, most=60)
    assert (half.step_mm, len(half.slices)) == (1.0, 50)
    assert half.grid is not None
    assert half.places_mm == pytest.approx(half.grid * half.step_mm)
    assert thinned(whole, most=200) is whole


def test_a_long_series_of_thick_slices_is_left_as_it_is() -> None:
    planes = [Plane((0.0, 0.0, 2.0 * n), (1.0, 0, 0), (0, 1.0, 0), 1, 1, 8, 8) for n in range(100)]
    whole = arrange([Slice(Path(str(n)), plane) for n, plane in enumerate(planes)])
    assert isinstance(whole, Stack)
    assert thinned(whole, most=60) is whole
