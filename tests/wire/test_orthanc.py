"""Orthanc, the archive that half the world tries first: it sends here by C-STORE and STOW-RS, and asks for proof."""

from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom import uid

from tests.support import dicom
from tests.support.orthanc import Orthanc, orthanc
from tests.wire.conftest import Ear

SYNTAXES = (uid.ExplicitVRLittleEndian, uid.JPEGLSLossless, uid.JPEG2000Lossless, uid.RLELossless)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """One Orthanc for this file; each test brings its own study."""
    with orthanc(tmp_path_factory.mktemp("archive")) as running:
        yield running


def mixed_study(name: str) -> list[bytes]:
    """One study as an archive holds it: CT slices in several transfer syntaxes, a film and a screenshot."""
    order = dicom.Order(name=name)
    slices = [
        dicom.recoded(dicom.ct_slice(order, number), SYNTAXES[number % len(SYNTAXES)])
        for number in range(2 * len(SYNTAXES))
    ]
    return [dicom.encoded(image) for image in (*slices, dicom.radiograph(order), dicom.secondary_capture(order))]


def test_orthanc_stores_a_study_here(archive: Orthanc, ear: Ear, tmp_path: Path):
    """Every instance of a mixed study arrives in the transfer syntax it lay in, pixel data byte for byte."""
    sent = [archive.upload(file) for file in mixed_study("stored")]
    archive.knows("ear", "VFXFINDER", ear.port)
    assert archive.ask("/modalities/ear/echo", "POST", {}) == {}
    answer = archive.ask("/modalities/ear/store", "POST", {"Resources": sent, "Synchronous": True})
    assert answer["FailedInstancesCount"] == 0
    assert len(ear.rows) == len(sent)
    kept = {row.SOPInstanceUID: ear.spool.path_of(row.path) for row in ear.rows}
    for instance in sent:
        original = pydicom.dcmread(_written(archive.file(instance), tmp_path))
        here = pydicom.dcmread(kept[original.SOPInstanceUID])
        assert here.file_meta.TransferSyntaxUID == original.file_meta.TransferSyntaxUID
        assert here.PixelData == original.PixelData


def _written(file: bytes, folder: Path) -> Path:
    path = folder / "of-the-archive.dcm"
    path.write_bytes(file)
    return path
