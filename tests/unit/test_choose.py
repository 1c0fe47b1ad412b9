"""One series of a study is analysed; every other, and every file, has its reason."""

from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import FileDataset

from pipelines.steps.choose import choose
from pipelines.steps.eligible import CtSeries
from pipelines.steps.rank import is_sharp
from tests.support.ct_series import TRUNK, chosen, written
from tests.support.dicom import (
    CORONAL,
    SAGITTAL,
    Grid,
    Order,
    ct_series,
    mr_slice,
    radiograph,
    secondary_capture,
)
from tests.support.real_data import real_data
from vfx_finder.domain.study import Reason, SeriesVerdict, Unsuitable

SMALL = replace(TRUNK, rows=8, columns=8, spacing=(12.0, 12.0))


def plain(grid: Grid = SMALL, series: str = "axial", **headers: object) -> list[FileDataset]:
    return ct_series(None, grid, series=series, **headers)


def reasons(datasets: list[FileDataset], folder: Path) -> dict[str, Reason | None]:
    """Reason by series description; None for the chosen one."""
    verdicts = chosen(datasets, folder).verdicts
    return {v.SeriesDescription: v.unsuitable.reason if v.unsuitable else None for v in verdicts}


SIDE_SERIES = {
    "localizer": (plain(series="topo", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]), Reason.LOCALIZER),
    "scout by name": (plain(replace(SMALL, slices=2), series="Scout 0.6"), Reason.LOCALIZER),
    "sagittal": (plain(replace(SMALL, orientation=SAGITTAL, step=(2.0, 0, 0)), "sag"), Reason.REFORMAT),
    "coronal": (plain(replace(SMALL, orientation=CORONAL, step=(0, 2.0, 0)), "cor"), Reason.REFORMAT),
    "mpr": (plain(series="mpr", ImageType=["DERIVED", "PRIMARY", "MPR"]), Reason.REFORMAT),
    "reformatted": (plain(series="r", ImageType=["DERIVED", "SECONDARY", "REFORMATTED", "AVERAGE"]), Reason.REFORMAT),
    "secondary": (plain(series="s", ImageType=["DERIVED", "SECONDARY", "AXIAL"]), Reason.DERIVED),
    "dose screen": (plain(series="d", ImageType=["ORIGINAL", "SECONDARY", "SCREEN SAVE"]), Reason.DOSE_SCREEN),
    "dose by name": (plain(replace(SMALL, slices=1), "Dose Report"), Reason.DOSE_SCREEN),
    "few": (plain(replace(SMALL, slices=5), "few"), Reason.TOO_FEW_SLICES),
    "short": (plain(replace(SMALL, slices=25), "short"), Reason.TOO_SHORT),
    "far apart": (plain(replace(SMALL, slices=12, step=(0, 0, 8.0)), "far"), Reason.SLICES_TOO_THICK),
    "thick": (plain(series="thick", SliceThickness="10"), Reason.SLICES_TOO_THICK),
    "no position": (plain(series="nowhere", ImagePositionPatient=None), Reason.NO_GEOMETRY),
    "no rescale": (plain(series="raw", RescaleSlope=None), Reason.NOT_HOUNSFIELD),
    "iodine": (plain(series="iodine", RescaleType="MGML"), Reason.NOT_HOUNSFIELD),
}


@pytest.mark.parametrize("name", SIDE_SERIES)
def test_a_series_that_is_no_axial_ct_says_why(name: str, tmp_path: Path) -> None:
    datasets, reason = SIDE_SERIES[name]
    description = datasets[0].SeriesDescription
    both = reasons([*plain(series="wanted"), *datasets], tmp_path)
    assert both == {"wanted": None, description: reason}


def test_lossy_compressed_axial_slices_are_derived_and_still_analysed(tmp_path: Path) -> None:
    assert reasons(plain(ImageType=["DERIVED", "PRIMARY", "AXIAL"]), tmp_path) == {"axial": None}


def test_a_soft_kernel_is_preferred_to_a_sharp_one(tmp_path: Path) -> None:
    datasets = [*plain(series="lung", ConvolutionKernel="B70f"), *plain(series="soft", ConvolutionKernel="B31f")]
    assert reasons(datasets, tmp_path) == {"lung": Reason.BETTER_SERIES, "soft": None}


def test_thin_slices_are_preferred_even_with_a_sharp_kernel_when_the_others_are_thick(tmp_path: Path) -> None:
    thick = plain(replace(SMALL, slices=17, step=(0, 0, 5.0)), "thick")
    thin = plain(series="thin bone", ConvolutionKernel="BONE")
    assert reasons([*thick, *thin], tmp_path) == {"thick": Reason.BETTER_SERIES, "thin bone": None}


def test_more_of_the_spine_comes_before_finer_slices_and_what_is_left_out_is_told(tmp_path: Path) -> None:
    short = plain(replace(SMALL, slices=80, step=(0, 0, 1.0), origin=(-48, -48, 300.0)), "thin and short")
    long = plain(replace(SMALL, slices=100, step=(0, 0, 3.0)), "long")
    choice = chosen([*short, *long], tmp_path)
    by_name = {v.SeriesDescription: v.unsuitable for v in choice.verdicts}
    assert by_name["long"] is None
    told = by_name["thin and short"]
    assert told is not None
    assert told.reason is Reason.BETTER_SERIES
    assert "79 mm of the body that the analysed one does not" in told.detail
    assert isinstance(choice.candidates[1], CtSeries)


@pytest.mark.parametrize(
    ("kernel", "description", "sharp"),
    [
        ("STANDARD", "", False), ("SOFT", "", False), ("LUNG", "", True), ("BONEPLUS", "", True), ("B31f", "", False),
        ("B60s", "", True), ("Br40d", "", False), ("Bl57f", "", True), ("I70f", "", True), ("FC08", "", False),
        ("FC18-H", "", False), ("FC51", "", True), ("B", "", False), ("YC", "", True), ("", "thorax lung 1 mm", True),
        ("", "abdomen 5 mm", False), ("STANDARD", "lung bases", False),
    ],
)  # fmt: skip
def test_vendor_names_of_sharp_kernels(kernel: str, description: str, sharp: bool) -> None:
    assert is_sharp(kernel, description) is sharp


@pytest.mark.parametrize(
    ("datasets", "modality", "reason"),
    [
        ([radiograph()], "DX", Reason.NO_XRAY_MODEL),
        ([mr_slice()], "MR", Reason.MODALITY),
        ([secondary_capture()], "OT", Reason.MODALITY),
        ([*SIDE_SERIES["localizer"][0], secondary_capture()], "CT", Reason.NO_SUITABLE_SERIES),
        ([*SIDE_SERIES["localizer"][0], *SIDE_SERIES["short"][0]], "CT", Reason.TOO_SHORT),
        ([*SIDE_SERIES["sagittal"][0], *SIDE_SERIES["short"][0]], "CT", Reason.NO_SUITABLE_SERIES),
    ],
    ids=["film", "mr", "screen", "scout only", "scout and short", "two reasons"],
)
def test_a_study_without_a_usable_series_says_why(
    datasets: list[FileDataset], modality: str, reason: Reason, tmp_path: Path
) -> None:
    choice = chosen(datasets, tmp_path)
    assert choice.candidates == ()
    assert choice.unsuitable is not None
    assert (choice.modality, choice.unsuitable.reason) == (modality, reason)
    assert choice.unsuitable.detail


def test_files_that_are_no_dicom_are_counted_and_do_not_stop_the_rest(tmp_path: Path) -> None:
    files = written(plain(), tmp_path)
    for name in ("README.md", "text.dcm"):
        (tmp_path / name).write_text("Dear colleague")
    choice = choose([*files, tmp_path / "README.md", tmp_path / "text.dcm"])
    assert len(choice.candidates) == 1
    assert [(v.instances, v.unsuitable) for v in choice.verdicts if v.unsuitable] == [
        (2, Unsuitable(Reason.UNREADABLE, "2 files are not readable DICOM: README.md, text.dcm."))
    ]


def test_of_many_files_that_are_no_dicom_the_first_are_named(tmp_path: Path) -> None:
    files = written(plain(), tmp_path)
    strangers = [tmp_path / f"{letter}.txt" for letter in "ecadb"]
    for stranger in strangers:
        stranger.write_text("Dear colleague")
    told = [v.unsuitable.detail for v in choose([*files, *strangers]).verdicts if v.unsuitable]
    assert told == ["5 files are not readable DICOM: a.txt, b.txt, c.txt and 2 more."]


def test_nothing_and_nothing_readable_are_two_reasons(tmp_path: Path) -> None:
    (tmp_path / "text.dcm").write_text("Dear colleague")
    nothing, text = choose([]), choose([tmp_path / "text.dcm"])
    assert nothing.unsuitable is not None
    assert text.unsuitable is not None
    assert (nothing.unsuitable.reason, text.unsuitable.reason) == (Reason.NO_IMAGES, Reason.UNREADABLE)


def test_two_studies_are_never_mixed(tmp_path: Path) -> None:
    other = ct_series(Order("other"), SMALL)
    choice = chosen([*plain(), *other], tmp_path)
    assert choice.unsuitable is not None
    assert choice.unsuitable.reason is Reason.SEVERAL_STUDIES


@settings(max_examples=4)
@given(st.permutations(range(len(SIDE_SERIES) + 1)))
def test_the_order_of_files_never_matters(tmp_path_factory: pytest.TempPathFactory, order: list[int]) -> None:
    folder = tmp_path_factory.mktemp("c")
    groups = [plain(series="wanted"), *(datasets[:14] for datasets, _ in SIDE_SERIES.values())]
    small = [group[: 40 if n == 0 else 2] for n, group in enumerate(groups)]
    datasets = [dataset for n in order for dataset in small[n]]
    verdicts = chosen(datasets, folder).verdicts
    assert [v.SeriesDescription for v in verdicts if v.unsuitable is None] == ["wanted"]
    assert sum(v.instances for v in verdicts) == len(datasets)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_no_file_from_the_wild_breaks_the_choice() -> None:
    """The files that pydicom ships for its own tests: odd, old, broken."""
    files = [file for file in (Path(pydicom.__file__).parent / "data" / "test_files").rglob("*") if file.is_file()]
    assert len(files) > 50
    for file in files:
        choice = choose([file])
        assert choice.unsuitable is not None
        assert choice.unsuitable.detail


def test_real_series_are_chosen() -> None:
    for folder in ("acrin_001", "cmb_crc_chest"):
        choice = choose(sorted(real_data("ct", folder, "dicom").iterdir()))
        used = [v for v in choice.verdicts if v.unsuitable is None]
        assert len(used) == 1
        assert isinstance(used[0], SeriesVerdict)
        assert choice.modality == "CT"
