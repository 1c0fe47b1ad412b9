"""Voltage and contrast as stated, and never a "no" that no header said."""

from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from pipelines.steps.choose import choose
from pipelines.steps.eligible import CtSeries
from pipelines.steps.volume import read_volume
from tests.support.ct_series import landmark_series, written
from tests.support.dicom import enhanced_ct
from vfx_finder.dicom.exposure import exposure_of, exposure_of_series
from vfx_finder.domain.bone_density import NOT_STATED, Contrast, Exposure
from vfx_finder.domain.study import Unsuitable


def headers(**said: object) -> Dataset:
    dataset = Dataset()
    for keyword, value in said.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize(
    ("said", "contrast"),
    [
        ({}, Contrast.UNKNOWN),
        ({"ContrastBolusAgent": ""}, Contrast.UNKNOWN),
        ({"ContrastBolusAgent": "OMNIPAQUE 350"}, Contrast.YES),
        ({"ContrastBolusAgent": "APPLIED"}, Contrast.YES),
        ({"ContrastBolusAgent": "NONE"}, Contrast.NO),
        ({"ContrastBolusAgent": "without contrast"}, Contrast.NO),
        ({"ContrastBolusAgent": "Oral & rectal"}, Contrast.UNKNOWN),
        ({"ContrastBolusAgent": "GASTROGRAFIN", "ContrastBolusRoute": "ORAL"}, Contrast.UNKNOWN),
        ({"ContrastBolusAgent": "NONIONIC IODINE"}, Contrast.YES),
        ({"ContrastBolusAgent": "ORAL + IV ULTRAVIST", "ContrastBolusRoute": "IV"}, Contrast.YES),
        ({"ContrastBolusAgentSequence": [Dataset()]}, Contrast.YES),
    ],
)
def test_contrast_is_what_the_header_says(said: dict[str, object], contrast: Contrast) -> None:
    assert exposure_of(headers(**said)).contrast is contrast


@pytest.mark.parametrize(("value", "kvp"), [("120", 120.0), ("0", None), ("", None), ("120000", None)])
def test_a_voltage_that_no_tube_has_is_not_stated(value: str, kvp: float | None) -> None:
    assert exposure_of(headers(KVP=value)).kvp == kvp


def test_an_enhanced_ct_keeps_its_voltage_in_its_frames() -> None:
    dataset = enhanced_ct()
    details = headers(KVP="100")
    dataset.SharedFunctionalGroupsSequence[0].CTXRayDetailsSequence = [details]
    assert exposure_of(dataset).kvp == 100.0


def test_a_series_of_two_voltages_states_none() -> None:
    low, high = Exposure(100.0, Contrast.NO), Exposure(140.0, Contrast.NO)
    assert exposure_of_series([low, high]) == Exposure(None, Contrast.NO)
    assert exposure_of_series([low, low]).kvp == 100.0


def test_contrast_that_one_image_states_counts_and_a_no_must_be_said_by_all() -> None:
    yes, no = Exposure(120.0, Contrast.YES), Exposure(120.0, Contrast.NO)
    silent = Exposure(120.0)
    assert exposure_of_series([silent, yes, no]).contrast is Contrast.YES
    assert exposure_of_series([silent, no]).contrast is Contrast.UNKNOWN
    assert exposure_of_series([]) == NOT_STATED


def test_the_volume_carries_what_its_series_states(tmp_path: Path) -> None:
    series = landmark_series()
    for dataset in series:
        dataset.KVP, dataset.ContrastBolusAgent = "100", "ULTRAVIST"
    (chosen,) = choose(written(series, tmp_path)).candidates
    assert isinstance(chosen, CtSeries)
    volume = read_volume(chosen)
    assert not isinstance(volume, Unsuitable)
    assert volume.exposure == Exposure(100.0, Contrast.YES)
