"""Synthetic studies go into real archives: what differs in a pixel never shares a UID, what is the same always does."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest

from models.synthesis import demo
from models.synthesis.dicom_series import SyntheticPatient, write_series
from models.synthesis.volumes import FieldOfView

PATIENT = SyntheticPatient("SYN-00001", "SYNTHETIC^ONE", "F", "070Y", "19560101", "20260105", "SYNTHETIC CT")
FIELD = FieldOfView((0.0, 0.0, 100.0), (4, 4, 2), 1.5, 3.0)
VOLUME = np.zeros((4, 4, 2), np.int16)
KEYWORDS = ("StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "SOPInstanceUID")


def uids(folder: Path, patient: SyntheticPatient, volume: np.ndarray, field: FieldOfView) -> set[str]:
    """Every UID of the written series."""
    files = [pydicom.dcmread(path) for path in write_series(folder, patient, volume, field)]
    return {str(file[keyword].value) for file in files for keyword in KEYWORDS}


def test_the_same_study_written_twice_is_the_same_study(tmp_path: Path) -> None:
    first = uids(tmp_path / "a", PATIENT, VOLUME, FIELD)
    assert uids(tmp_path / "b", PATIENT, VOLUME, FIELD) == first
    assert len(first) == 3 + VOLUME.shape[2]


@pytest.mark.parametrize("changed", ["pixel", "place", "spacing", "patient"])
def test_another_content_has_no_uid_in_common(changed: str, tmp_path: Path) -> None:
    """An archive keeps the first bytes of a UID: the others would be lost in it."""
    volume, field, patient = VOLUME.copy(), FIELD, PATIENT
    volume[3, 3, 1] = 1 if changed == "pixel" else 0
    field = replace(FIELD, centre=(0.0, 0.0, 101.0)) if changed == "place" else field
    field = replace(FIELD, pixel_mm=1.4) if changed == "spacing" else field
    patient = replace(PATIENT, PatientAge="071Y") if changed == "patient" else patient
    other = uids(tmp_path / "b", patient, volume, field)
    assert not other & uids(tmp_path / "a", PATIENT, VOLUME, FIELD)


def test_the_patients_of_two_seeds_are_different_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One number for two people would make the second a later study of the first."""
    drawn: list[SyntheticPatient] = []
    monkeypatch.setattr(demo, "_render", lambda story, *_: drawn.append(demo._patient(story)))
    for seed in (0, 1, 2):
        demo.write_random_studies(tmp_path, 2, seed)
    shown = {f"SYN-{story.seed:05d}" for story in demo.DEMO}
    assert len({one.PatientID for one in drawn} - shown) == 6
