"""Peers that are not ours: Debian's DCMTK, which half the world's PACS are tested with."""

import os
import subprocess
from pathlib import Path

import pydicom
import pytest
from pydicom import uid

from dicom_listener.associations import Door
from tests.support import dicom
from tests.support.peers import peer
from tests.support.real_data import real_data
from tests.wire.conftest import LOOPBACK, Ear

# Without it DCMTK waits 45 ms for each image (Nagle's algorithm against delayed acknowledgements).
ENVIRONMENT = os.environ | {"TCP_NODELAY": "1"}


def run(
    program: str, ear: Ear, *arguments: str | Path, calling: str = "CT_SCANNER"
) -> subprocess.CompletedProcess[str]:
    """Call this DCMTK program at the listener."""
    titles = ["-aet", calling, "-aec", "VFXFINDER"]
    options = [argument for argument in arguments if str(argument).startswith(("-", "+"))]
    files = [argument for argument in arguments if argument not in options]
    command = [peer(program), *titles, *options, LOOPBACK, str(ear.port), *files]
    return subprocess.run(
        [str(word) for word in command], env=ENVIRONMENT, capture_output=True, text=True, timeout=600, check=False
    )


def test_echoscu_is_answered_and_a_stranger_is_not(open_ear):
    """Verification works for those on the accept list; others see the reason."""
    with open_ear(Door(calling=("CT_SCANNER",))) as ear:
        assert run("echoscu", ear).returncode == 0
        stranger = run("echoscu", ear, calling="STRANGER")
        assert stranger.returncode != 0
        assert "Calling AE Title Not Recognized" in stranger.stdout + stranger.stderr


def test_storescu_sends_a_series(ear: Ear, tmp_path: Path):
    """Every slice arrives, its dataset as it was in the file; sent twice, it is success twice."""
    paths = dicom.write_series(dicom.ct_series(), tmp_path)
    for _ in range(2):
        done = run("storescu", ear, "-xe", *paths)
        assert done.returncode == 0, done.stderr
    assert len(ear.files) == len(paths)
    sent = {dicom.dataset_bytes(path.read_bytes()) for path in paths}
    assert {dicom.dataset_bytes(ear.spool.read(path)) for path in ear.files} == sent


OPTION_OF = {
    uid.ExplicitVRLittleEndian: "-xe",
    uid.ImplicitVRLittleEndian: "-xi",
    uid.ExplicitVRBigEndian: "-xb",
    uid.DeflatedExplicitVRLittleEndian: "-xd",
    uid.RLELossless: "-xr",
    uid.JPEGLSLossless: "-xt",
    uid.JPEG2000Lossless: "-xv",
}
"""What makes storescu propose this transfer syntax."""


@pytest.mark.parametrize("syntax", OPTION_OF, ids=lambda syntax: syntax.keyword)
def test_storescu_sends_in_every_transfer_syntax_it_knows(ear: Ear, tmp_path: Path, syntax: uid.UID):
    """DCMTK negotiates it, and the pixels that arrive are those that were sent."""
    image = dicom.ct_slice()
    pixels = image.pixel_array.copy()
    done = run("storescu", ear, OPTION_OF[syntax], dicom.write(dicom.recoded(image, syntax), tmp_path))
    assert done.returncode == 0, done.stderr
    kept = pydicom.dcmread(ear.spool.path_of(ear.rows[0].path))
    assert kept.file_meta.TransferSyntaxUID == syntax
    assert (kept.pixel_array == pixels).all()


def test_dcmsend_sends_a_mixed_folder_and_reports_what_was_not_taken(ear: Ear, tmp_path: Path):
    """CT, DX, CR, screenshots and an Enhanced CT in four transfer syntaxes are kept; the MR between them is not."""
    images = [
        dicom.ct_slice(),
        dicom.recoded(dicom.ct_slice(number=1), uid.JPEGLSLossless),
        dicom.recoded(dicom.ct_slice(number=2), uid.JPEG2000Lossless),
        dicom.recoded(dicom.ct_slice(number=3), uid.RLELossless),
        dicom.radiograph(),
        dicom.radiograph(sop_class=uid.ComputedRadiographyImageStorage),
        dicom.secondary_capture(),
        dicom.enhanced_ct(),
    ]
    for image in (*images, dicom.mr_slice()):
        dicom.write(image, tmp_path)
    done = run("dcmsend", ear, "-v", "-nh", "--decompress-never", "+sd", tmp_path)
    assert {row.SOPInstanceUID for row in ear.rows} == {image.SOPInstanceUID for image in images}
    assert "with status SUCCESS  : 8" in done.stdout + done.stderr


def test_a_refused_instance_does_not_stop_the_rest(ear: Ear, tmp_path: Path):
    """DCMTK shows our status for a slice without a study, and the next slice is kept."""
    bad, good = dicom.ct_slice(StudyInstanceUID=None), dicom.ct_slice(number=1)
    paths = [dicom.write(bad, tmp_path, "bad.dcm"), dicom.write(good, tmp_path, "good.dcm")]
    done = run("storescu", ear, "-nh", "-v", *paths)
    assert "Error: CannotUnderstand" in done.stderr
    assert [row.SOPInstanceUID for row in ear.rows] == [good.SOPInstanceUID]


@pytest.mark.parametrize("scan", ["acrin_001", "cmb_crc_chest"])
def test_a_real_study_arrives_whole(ear: Ear, scan: str):
    """A real CT series pushed by dcmsend is kept slice for slice, pixels unchanged."""
    paths = sorted(real_data("ct", scan, "dicom").glob("*.dcm"))
    done = run("dcmsend", ear, "-v", *paths)
    assert done.returncode == 0, done.stderr
    assert len(ear.rows) == len(ear.files) == len(paths)
    path_of = {row.SOPInstanceUID: row.path for row in ear.rows}
    for path in paths[:: len(paths) // 5]:
        sent = pydicom.dcmread(path)
        kept = pydicom.dcmread(ear.spool.path_of(path_of[sent.SOPInstanceUID]))
        assert kept.PixelData == sent.PixelData
