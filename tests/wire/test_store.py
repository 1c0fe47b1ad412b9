"""What a PACS sends is kept, byte for byte, before it is acknowledged."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

import pydicom
import pytest
from pydicom import uid

from tests.support import dicom
from tests.wire.conftest import PEERS_VANISH, Ear
from vfx_finder.dicom.accepted import STORAGE_CLASSES, TRANSFER_SYNTAXES
from vfx_finder.domain.errors import Retry

pytestmark = PEERS_VANISH

SYNTAXES = (
    uid.ExplicitVRLittleEndian,
    uid.ImplicitVRLittleEndian,
    uid.DeflatedExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.RLELossless,
    uid.JPEGLSLossless,
    uid.JPEG2000Lossless,
)

KINDS = {
    "CT": dicom.ct_slice,
    "Enhanced CT": dicom.enhanced_ct,
    "CR": lambda: dicom.radiograph(sop_class=uid.ComputedRadiographyImageStorage),
    "DX": dicom.radiograph,
    "DX for processing": lambda: dicom.radiograph(sop_class=uid.DigitalXRayImageStorageForProcessing),
    "screenshot": dicom.secondary_capture,
}


def test_an_echo_is_answered(ear: Ear):
    """A PACS administrator's first question."""
    assert ear.echoes()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_image_is_taken(ear: Ear, kind: str):
    """CT, Enhanced CT, CR, DX and secondary captures are received and get a row with their identity."""
    image = KINDS[kind]()
    assert ear.send(image).accepted == (image.SOPInstanceUID,)
    row = ear.rows[0]
    assert (row.SOPInstanceUID, row.SOPClassUID, row.Modality) == (
        image.SOPInstanceUID,
        image.SOPClassUID,
        image.Modality,
    )
    assert (row.StudyInstanceUID, row.patient.PatientID) == (image.StudyInstanceUID, image.PatientID)
    assert row.calling == "CT_SCANNER"


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.keyword)
def test_bytes_are_kept_exactly_as_they_were_sent(ear: Ear, syntax: uid.UID, tmp_path):
    """Nothing is decoded, corrected or compressed anew: the dataset in the spool is the dataset on the wire."""
    image = dicom.recoded(dicom.ct_slice(), syntax)
    path = dicom.write(image, tmp_path)
    assert ear.send(path).accepted == (image.SOPInstanceUID,)
    assert dicom.dataset_bytes(ear.kept()) == dicom.dataset_bytes(path.read_bytes())
    assert ear.rows[0].sha256 == hashlib.sha256(ear.kept()).hexdigest()


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.keyword)
def test_what_is_kept_is_a_dicom_file(ear: Ear, syntax: uid.UID):
    """Preamble, prefix and file meta information are there, so every DICOM program opens it, pixels included."""
    original = dicom.ct_slice().pixel_array
    ear.send(dicom.recoded(dicom.ct_slice(), syntax))
    file = pydicom.dcmread(ear.spool.path_of(ear.rows[0].path))
    assert ear.kept()[128:132] == b"DICM"
    assert file.file_meta.TransferSyntaxUID == syntax
    assert file.file_meta.MediaStorageSOPClassUID == file.SOPClassUID
    assert file.file_meta.MediaStorageSOPInstanceUID == file.SOPInstanceUID
    assert (file.pixel_array == original).all()


def test_every_promised_transfer_syntax_can_be_decoded():
    """A syntax is accepted only if an installed codec opens it: no image that nobody here can read."""
    from pydicom.pixels.decoders.base import _PIXEL_DATA_DECODERS

    readable = {syntax for syntax, (decoder, _) in _PIXEL_DATA_DECODERS.items() if decoder.is_available}
    assert set(TRANSFER_SYNTAXES) <= readable
    assert len(STORAGE_CLASSES) == len(set(STORAGE_CLASSES))


def test_a_study_sent_twice_is_success_twice(ear: Ear):
    """A PACS that repeats itself is no error, and the spool holds one file an instance."""
    series = dicom.ct_series()
    first, again = ear.send(*series), ear.send(*series)
    assert len(first.accepted) == len(again.accepted) == len(series)
    assert len(ear.files) == len(series)
    assert {row.sha256 for row in ear.rows[: len(series)]} == {row.sha256 for row in ear.rows[len(series) :]}


def test_other_pixels_under_a_known_uid_leave_the_first(ear: Ear):
    """Success for the sender, the first bytes stay, and the ledger is told what else was offered."""
    ear.send(dicom.ct_slice())
    first = ear.kept()
    changed = dicom.ct_slice()
    changed.PixelData = bytes(len(changed.PixelData))
    changed.StudyDescription = "Another story"
    assert len(ear.send(changed).accepted) == 1
    assert ear.kept() == first
    of_first, offered = ear.rows[1:]
    assert (of_first.sha256, of_first.StudyDescription) == (hashlib.sha256(first).hexdigest(), "CT thorax")
    assert offered.path == of_first.path
    assert offered.sha256 != of_first.sha256


def test_without_a_row_there_is_no_success_and_the_next_try_heals_it(open_ear):
    """The database is away: the sender is asked to come again; its file is kept; the next delivery writes the row."""
    away = [True]
    rows = []

    def receive(instance):
        if away[0]:
            raise Retry("The ledger does not answer.")
        rows.append(instance)

    with open_ear(receive=receive) as ear:
        refused = ear.send(dicom.ct_slice()).refused
        assert [(one.status, one.comment) for one in refused] == [(0xA700, "The ledger does not answer.")]
        assert len(ear.files) == 1
        away[0] = False
        assert not ear.send(dicom.ct_slice()).refused
        assert len(ear.files) == len(rows) == 1


def test_a_defect_behind_the_listener_becomes_a_status(open_ear):
    """Whatever goes wrong while the row is written, the sender gets an answer and the listener lives."""

    def receive(_instance):
        raise ZeroDivisionError("SYNTH-0001 must not be told to the peer")

    with open_ear(receive=receive) as ear:
        (refused,) = ear.send(dicom.ct_slice()).refused
        assert refused.status == 0x0110
        assert "SYNTH" not in refused.comment
        assert ear.echoes()


def test_a_full_disk_is_refused_with_out_of_resources(ear: Ear, monkeypatch: pytest.MonkeyPatch):
    """The sender learns that it is our disk, keeps its copy, and echoes are still answered."""

    def full(*_):
        raise Retry("The spool is out of space.")

    with monkeypatch.context() as patch:
        patch.setattr("vfx_finder.spool.Spool.keep", full)
        (refused,) = ear.send(dicom.ct_slice()).refused
        assert refused.status == 0xA700
        assert ear.echoes()
    assert ear.rows == []
    assert not ear.send(dicom.ct_slice()).refused


def test_many_senders_at_once(ear: Ear):
    """Eight associations, eight studies: every instance is there, none is mixed up."""
    studies = [dicom.ct_series(dicom.Order(name=f"study {number}")) for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        reports = list(pool.map(lambda study: ear.send(*study), studies))
    assert all(not report.refused for report in reports)
    sent = {(image.StudyInstanceUID, image.SOPInstanceUID) for study in studies for image in study}
    assert {(row.StudyInstanceUID, row.SOPInstanceUID) for row in ear.rows} == sent
    assert len(ear.files) == len(sent)
    for row in ear.rows:
        assert hashlib.sha256(ear.spool.read(row.path)).hexdigest() == row.sha256
