"""Who is turned away, what is not taken, and that neither disturbs the others."""

import socket
import threading

import pytest
from pydicom import uid
from structlog.testing import capture_logs

from dicom_listener import emulator
from dicom_listener.associations import Door
from dicom_listener.emulator import associated
from dicom_listener.server import listening
from tests.support import dicom
from tests.support.ports import free_port
from tests.wire.conftest import LOOPBACK, PEERS_VANISH, Ear, eventually
from vfx_finder.actions.keeping import Keeper
from vfx_finder.domain.errors import Broken, NotAllowed, Retry

pytestmark = PEERS_VANISH

ECHO = [("1.2.840.10008.1.1", str(uid.ImplicitVRLittleEndian))]


def test_an_unknown_caller_is_refused_when_there_is_an_accept_list(open_ear):
    """Only the named modalities may send; a stranger's association is rejected before any image."""
    with open_ear(Door(calling=("CT_SCANNER", "PACS"))) as ear:
        assert not ear.send(dicom.ct_slice()).refused
        assert ear.echoes("PACS")
        with pytest.raises(NotAllowed):
            ear.send(dicom.ct_slice(), calling="STRANGER")
        with pytest.raises(NotAllowed):
            ear.echoes("STRANGER")
        assert len(ear.rows) == 1


def test_a_caller_who_wants_somebody_else_is_refused_where_that_is_asked_for(open_ear):
    """The called AE title is checked on request: a misrouted study does not land here."""
    with open_ear(Door(ae_title="VFXFINDER", only_called=True)) as ear:
        assert ear.echoes()
        with pytest.raises(NotAllowed), associated(ear.address(called="ARCHIVE"), ECHO):
            pass


def test_too_many_associations_are_refused_for_now(open_ear):
    """The limit holds, and a place is free again when one leaves."""
    with open_ear(Door(at_once=1)) as ear:
        with associated(ear.address(), ECHO), pytest.raises(NotAllowed):
            ear.echoes()
        assert eventually(lambda: _echoes(ear))


def test_an_mr_finds_no_presentation_context(ear: Ear):
    """What is not analysed is not taken: the sender is told, image by image; a CT beside it is kept."""
    report = ear.send(dicom.mr_slice(), dicom.ct_slice())
    assert [one.comment for one in report.refused] == ["The receiver does not take this kind of image."]
    assert [row.Modality for row in ear.rows] == ["CT"]
    assert [one.status for one in ear.send(dicom.mr_slice()).sent] == [None]
    assert len(ear.rows) == 1


def test_a_video_transfer_syntax_is_not_taken(ear: Ear):
    """Only what an installed codec opens is accepted; the sender may then offer another syntax."""
    with associated(ear.address(), [(uid.CTImageStorage, uid.MPEG2MPML), (uid.CTImageStorage, uid.JPEG2000)]) as link:
        assert [context.transfer_syntax[0] for context in link.accepted_contexts] == [uid.JPEG2000]


def test_an_echo_is_answered_while_another_association_is_stuck(open_ear):
    """One sender waits for a slow database; a peer that said half a word stays; echo answers."""
    stuck, free = threading.Event(), threading.Event()

    def receive(_instance):
        stuck.set()
        free.wait(600)

    with open_ear(receive=receive) as ear, socket.create_connection((LOOPBACK, ear.port)) as half_open:
        half_open.sendall(b"\x01\x00\x00\x00\x01\x00")
        sender = threading.Thread(target=ear.send, args=(dicom.ct_slice(),))
        sender.start()
        try:
            assert stuck.wait(60)
            assert ear.echoes()
            assert sender.is_alive(), "it is stuck no longer, so nothing was shown"
        finally:
            free.set()
            sender.join()


def test_bytes_that_are_no_dicom_at_all(ear: Ear):
    """A port scanner or a web browser on the port is cut off, and the listener goes on."""
    for noise in (b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 64, b"\x01\x00\xff\xff\xff\xff", bytes(range(256))):
        with socket.create_connection((LOOPBACK, ear.port)) as stranger:
            stranger.sendall(noise)
    assert ear.echoes()
    assert not ear.send(dicom.ct_slice()).refused


def test_a_peer_that_vanishes_in_the_middle_of_an_instance(ear: Ear):
    """Half an instance is no instance: nothing is kept, nothing is recorded, the next one is welcome."""
    context = [(str(uid.CTImageStorage), str(uid.ExplicitVRLittleEndian))]
    with associated(ear.address(), context) as link:
        sock = link.dul.socket.socket
        # A P-DATA-TF that announces 2000 bytes, followed by 100 of them.
        sock.sendall(b"\x04\x00" + (2000).to_bytes(4, "big") + bytes(100))
        sock.close()
        link.kill()
    assert ear.echoes()
    assert ear.files == set()
    assert ear.rows == []


def test_a_taken_port_is_one_clear_error(ear: Ear, open_ear):
    """Starting twice says which port, instead of a traceback."""
    keeper = Keeper(ear.spool, ear.rows.append)
    with pytest.raises(Broken, match=str(ear.port)), listening((LOOPBACK, ear.port), keeper):
        pass


def test_nobody_there():
    """The emulated modality names a dead peer instead of hanging."""
    with pytest.raises(Retry):
        emulator.send([dicom.ct_slice()], LOOPBACK, free_port(), "CT_SCANNER", "VFXFINDER")


def test_no_log_line_names_a_patient_or_an_image(ear: Ear, capfd: pytest.CaptureFixture[str]):
    """Kept, refused and broken instances alike leave no identifier in any log."""
    image = dicom.ct_slice()
    no_study = dicom.ct_slice(number=1, StudyInstanceUID=None)
    with capture_logs() as logs:
        ear.send(image, no_study)
        image.PixelData = bytes(len(image.PixelData))
        ear.send(image, dicom.mr_slice())
    said = str(logs) + "".join(capfd.readouterr())
    assert "instance-refused" in said
    for secret in (image.PatientID, str(image.PatientName), "Synthetic", image.AccessionNumber, image.PatientBirthDate):
        assert secret not in said
    for identifier in (image.SOPInstanceUID, no_study.SOPInstanceUID, image.StudyInstanceUID, image.SeriesInstanceUID):
        assert identifier not in said


def _echoes(ear: Ear) -> bool:
    try:
        return ear.echoes()
    except (NotAllowed, Retry):
        return False
