"""Films are read as hospitals write them: either polarity, any depth, with or without a scale."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom.data
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.dataset import Dataset, FileDataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit

from pipelines.film import is_film
from pipelines.steps.film_image import SURE_SCALES, FilmImage, as_film, is_picture, position_of, read_film, scale_of
from tests.support.dicom import radiograph, recoded, write
from vfx_finder.domain.study import Reason, Unsuitable

BRIGHT_LEFT = np.tile(np.linspace(255, 0, 300, dtype=np.float32), (400, 1))


def header(**elements: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize(("dtype", "factor"), [(np.uint8, 1), (np.uint16, 200)])
def test_an_8_and_a_16_bit_png_of_one_film_are_the_same_picture(dtype: type, factor: int, tmp_path: Path) -> None:
    path = tmp_path / "film.png"
    Image.fromarray((BRIGHT_LEFT.astype(np.uint8).astype(np.uint32) * factor).astype(dtype)).save(path)
    film = read_film(path)
    assert isinstance(film, FilmImage)
    assert film.grey.shape == (400, 300)
    assert film.grey[0, 5] > 0.95
    assert film.grey[0, -5] < 0.05
    assert film.mm_per_pixel is None


def test_a_jpeg_is_a_film_too(tmp_path: Path) -> None:
    path = tmp_path / "FILM.JPG"
    Image.fromarray(BRIGHT_LEFT.astype(np.uint8)).save(path)
    assert is_picture(path)
    assert isinstance(read_film(path), FilmImage)


ANATOMY = np.random.default_rng(8).normal(0, 1, (40, 30)).repeat(8, 0).repeat(8, 1).cumsum(0)
TWELVE_BITS = np.rint((ANATOMY - ANATOMY.min()) / np.ptp(ANATOMY) * 3000 + 400).astype(np.uint16)


def sent(stored: np.ndarray, **elements: object) -> FileDataset:
    """A film of 12 bits as a detector sends it."""
    dataset = radiograph()
    dataset.Rows, dataset.Columns = stored.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelData = stored.astype("<u2").tobytes()
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    return dataset


def grey_of(dataset: FileDataset, folder: Path) -> np.ndarray:
    film = read_film(write(dataset, folder))
    assert isinstance(film, FilmImage)
    return film.grey


@pytest.mark.parametrize(
    "elements",
    [
        {"WindowCenter": 40, "WindowWidth": 1},
        {"WindowCenter": [2000, -500], "WindowWidth": [4095, 80]},
        {"RescaleSlope": 1, "RescaleIntercept": -1024, "RescaleType": "US"},
    ],
)
def test_odd_windows_do_not_change_what_is_measured(elements: dict[str, object], tmp_path: Path) -> None:
    assert grey_of(sent(TWELVE_BITS, **elements), tmp_path) == pytest.approx(grey_of(sent(TWELVE_BITS), tmp_path))


@pytest.mark.parametrize(
    "elements", [{"PhotometricInterpretation": "MONOCHROME1"}, {"PresentationLUTShape": "INVERSE"}], ids=str
)
def test_a_film_whose_lowest_value_is_white_is_turned_bone_bright(elements: dict[str, object], tmp_path: Path) -> None:
    twin = sent(4095 - TWELVE_BITS, **elements)
    assert grey_of(twin, tmp_path) == pytest.approx(grey_of(sent(TWELVE_BITS), tmp_path), abs=2e-2)
    assert np.corrcoef(grey_of(twin, tmp_path).ravel(), TWELVE_BITS.ravel())[0, 1] > 0.97


def test_a_film_that_is_compressed_without_loss_is_the_same(tmp_path: Path) -> None:
    packed = recoded(sent(TWELVE_BITS), JPEG2000Lossless)
    assert grey_of(packed, tmp_path) == pytest.approx(grey_of(sent(TWELVE_BITS), tmp_path))


def test_a_film_that_is_compressed_with_loss_is_nearly_the_same(tmp_path: Path) -> None:
    eight, packed = (TWELVE_BITS >> 4).astype(np.uint8), BytesIO()
    Image.fromarray(eight).save(packed, "JPEG", quality=85)
    dataset = sent(TWELVE_BITS, BitsAllocated=8, BitsStored=8, HighBit=7, LossyImageCompression="01")
    dataset.PixelData = encapsulate([packed.getvalue()])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    away = np.abs(grey_of(dataset, tmp_path) - grey_of(sent(TWELVE_BITS), tmp_path))
    assert float(away.mean()) < 0.02


@settings(max_examples=25, deadline=None)
@given(gain=st.floats(0.05, 9.0), black=st.integers(0, 20000))
def test_brightness_and_contrast_of_the_stored_values_do_not_matter(gain: float, black: int) -> None:
    plain, other = _film(TWELVE_BITS.astype(np.float32)), _film(TWELVE_BITS.astype(np.float32) * gain + black)
    assert isinstance(plain, FilmImage)
    assert isinstance(other, FilmImage)
    assert np.abs(plain.grey - other.grey).max() < 0.01


def _film(stored: np.ndarray) -> FilmImage | Unsuitable:
    return as_film(stored, None, "", "")


@pytest.mark.parametrize("content", [b"", b"no picture at all", b"\x89PNG\r\n\x1a\n broken"])
def test_what_is_no_picture_is_unreadable_and_no_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "film.png"
    path.write_bytes(content)
    film = read_film(path)
    assert isinstance(film, Unsuitable)
    assert film.reason is Reason.UNREADABLE


@pytest.mark.parametrize("picture", [np.full((400, 300), 7, np.uint8), np.zeros((64, 64), np.uint8)])
def test_an_icon_or_a_blank_film_holds_no_spine(picture: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "film.png"
    Image.fromarray(picture).save(path)
    film = read_film(path)
    assert isinstance(film, Unsuitable)
    assert film.reason is Reason.NO_SPINE


@pytest.mark.parametrize(
    ("elements", "scale", "words"),
    [
        ({"PixelSpacing": [0.3, 0.3], "PixelSpacingCalibrationType": "FIDUCIAL"}, 0.3, "calibrated"),
        (
            {"ImagerPixelSpacing": [0.15, 0.15], "EstimatedRadiographicMagnificationFactor": "1.2"},
            0.125,
            "magnification",
        ),
        (
            {"ImagerPixelSpacing": [0.2, 0.2], "DistanceSourceToDetector": "1150", "DistanceSourceToPatient": "920"},
            0.16,
            "magnification",
        ),
        ({"ImagerPixelSpacing": [0.2, 0.2]}, 0.2, "magnification unknown"),
        ({"PixelSpacing": [0.4, 0.4]}, 0.4, "header"),
        ({}, None, "no scale"),
        ({"ImagerPixelSpacing": [7.0, 7.0]}, None, "no scale"),
    ],
)
def test_the_scale_is_that_of_the_patient_where_the_header_allows(
    elements: dict[str, object], scale: float | None, words: str
) -> None:
    found, said = scale_of(header(**elements))
    assert found == (None if scale is None else pytest.approx(scale))
    assert words in said
    assert (said in SURE_SCALES) == (words in ("calibrated", "magnification")), "mm are told at the patient alone"


def test_the_view_is_told_by_its_tag_before_any_description() -> None:
    assert position_of(header(ViewPosition="LL", SeriesDescription="L-Spine AP")) == "LL"
    assert "AP" in position_of(header(SeriesDescription="L-Spine AP"))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("chrJapMulti.dcm", Reason.UNREADABLE),
        ("chrJapMultiExplicitIR6.dcm", Reason.UNREADABLE),
        ("chrKoreanMulti.dcm", Reason.UNREADABLE),
        ("77654033/CR1/6154", Reason.NO_SPINE),
        ("77654033/CR2/6247", Reason.NO_SPINE),
        ("77654033/CR3/6278", Reason.NO_SPINE),
    ],
)
def test_the_radiographs_that_come_with_pydicom_are_refused_for_what_they_are(name: str, reason: Reason) -> None:
    """Chests without pixel data, and cervical spines of 16 x 16 pixels."""
    file = next(Path(pydicom.data.__file__).parent.rglob(name))
    assert is_film(file)
    refused = read_film(file)
    assert isinstance(refused, Unsuitable)
    assert refused.reason is reason
