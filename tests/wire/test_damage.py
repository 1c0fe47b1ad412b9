"""Damaged, cut, forged and random datasets: each gets a status, none becomes a row without a file, the ear lives."""

import hashlib
import socket
import struct
import time
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import uid
from pydicom.dataset import FileDataset
from pydicom.uid import UID, generate_uid
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE

from dicom_listener.associations import Door
from dicom_listener.emulator import associated
from tests.support import dicom
from tests.support.mutants import SYNTAXES, damaged_datasets, damaged_streams, sound_stream
from tests.wire.conftest import LOOPBACK, PEERS_VANISH, Ear, eventually
from vfx_finder.dicom import whole

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:pydicom"),  # pydicom also warns of what it then refuses
    PEERS_VANISH,
]

CANNOT_UNDERSTAND = 0xC000
DOES_NOT_MATCH = 0xA900
FAILURES = {CANNOT_UNDERSTAND, DOES_NOT_MATCH}
CT_CONTEXT = (str(uid.CTImageStorage), str(uid.ExplicitVRLittleEndian))
MUTANTS_A_SYNTAX = 30
STREAMS = 200


def damaged(folder: Path, change, syntax: UID = uid.ExplicitVRLittleEndian, name: str = "damaged.dcm") -> Path:
    """A CT slice whose dataset, not its file meta information, went through `change`."""
    file = dicom.encoded(dicom.recoded(dicom.ct_slice(), syntax))
    dataset = dicom.dataset_bytes(file)
    path = folder / name
    path.write_bytes(file[: len(file) - len(dataset)] + change(dataset))
    return path


def status_of(ear: Ear, *images) -> list[int | None]:
    return [one.status for one in ear.send(*images).sent]


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.keyword)
def test_an_instance_cut_short_is_refused_wherever_the_cut_lies(ear: Ear, tmp_path: Path, syntax: UID):
    """A success for half an image would be the sender's leave to delete the only whole one."""
    whole = len(dicom.dataset_bytes(dicom.encoded(dicom.recoded(dicom.ct_slice(), syntax))))
    cuts = np.linspace(8, whole - 9, 12).astype(int)
    paths = [damaged(tmp_path, lambda data, at=at: data[:at], syntax, f"{at}.dcm") for at in cuts]
    assert status_of(ear, *paths) == [CANNOT_UNDERSTAND] * len(paths)
    assert ear.rows == []
    assert ear.files == set()
    assert status_of(ear, damaged(tmp_path, lambda data: data, syntax)) == [0]


@pytest.mark.parametrize("keyword", ["SOPInstanceUID", "SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID"])
def test_a_missing_or_malformed_uid_is_refused(ear: Ear, tmp_path: Path, keyword: str):
    """An image that says not which one it is, or of whom, cannot be put anywhere."""
    bad = (None, "", "not a uid", "1.2.3.04", "1." * 40 + "1", "../../../etc/passwd")
    paths = [dicom.write(_with(keyword, value), tmp_path, f"{number}.dcm") for number, value in enumerate(bad)]
    assert status_of(ear, *paths) == [CANNOT_UNDERSTAND] * len(bad)
    assert ear.files == set()


@pytest.mark.parametrize("missing", ["AffectedSOPInstanceUID", "AffectedSOPClassUID"])
def test_a_request_without_its_uids_is_answered(ear: Ear, missing: str):
    """Also a broken request gets its status, so that its sender does not wait for ever."""
    with associated(ear.address(), [CT_CONTEXT]) as link:
        request = store_request()
        setattr(request, missing, None)
        assert ask(link, request).Status == CANNOT_UNDERSTAND
        assert ask(link, store_request()).Status == 0
    assert len(ear.rows) == 1


def test_an_mr_smuggled_in_under_a_ct_context_is_refused(ear: Ear):
    """What was not negotiated is not taken, whatever the request says."""
    image = dicom.mr_slice()
    with associated(ear.address(), [CT_CONTEXT]) as link:
        assert ask(link, store_request(image)).Status == DOES_NOT_MATCH
    assert ear.files == set()


def test_no_pixels_is_no_image(ear: Ear):
    """Every accepted kind is an image; a header alone is refused with that reason."""
    (refused,) = ear.send(dicom.ct_slice(PixelData=None)).refused
    assert (refused.status, refused.comment) == (CANNOT_UNDERSTAND, "The dataset ends before its pixel data.")


def test_a_dataset_that_is_not_the_announced_instance_is_refused(ear: Ear, tmp_path: Path):
    """Request and dataset must name the same instance (DICOM PS3.4 table B.2-1, A9xx)."""
    other_instance, other_class = dicom.ct_slice(), dicom.ct_slice(number=1)
    other_instance.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    other_class.file_meta.MediaStorageSOPClassUID = uid.EnhancedCTImageStorage
    paths = [dicom.write(other_instance, tmp_path, "a.dcm"), dicom.write(other_class, tmp_path, "b.dcm")]
    assert status_of(ear, *paths) == [DOES_NOT_MATCH] * 2
    assert ear.rows == []


def test_text_and_noise_are_refused(ear: Ear, tmp_path: Path):
    """A letter to the editor, zeros, and random bytes where a dataset should be."""
    noise = np.random.default_rng(7).bytes(3000)
    contents = (b"To whom it may concern, " * 40, bytes(2048), noise, b"\x00", b"\xff" * 600)
    paths = [damaged(tmp_path, lambda _, new=new: new, name=f"{n}.dcm") for n, new in enumerate(contents)]
    assert status_of(ear, *paths) == [CANNOT_UNDERSTAND] * len(paths)
    assert not ear.send(dicom.ct_slice()).refused


def test_a_deflated_bomb_does_not_fill_the_memory(ear: Ear, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A small dataset that inflates without end is refused at a limit."""
    monkeypatch.setattr(whole, "MAX_INFLATED", 1000)
    path = damaged(tmp_path, lambda data: data, uid.DeflatedExplicitVRLittleEndian)
    assert status_of(ear, path) == [CANNOT_UNDERSTAND]
    assert ear.files == set()


def test_deeply_nested_sequences_do_not_exhaust_the_stack(ear: Ear, tmp_path: Path):
    """Fifty thousand sequences inside each other are an attack, not an image."""
    deep = struct.pack("<HH2sHI", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF) + struct.pack(
        "<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF
    )
    path = damaged(tmp_path, lambda data: deep * 50_000 + data)
    assert status_of(ear, path) == [CANNOT_UNDERSTAND]
    assert ear.echoes()


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.keyword)
def test_mutated_datasets_always_get_an_answer(ear: Ear, tmp_path: Path, syntax: UID):
    """Bytes flipped, cut, doubled, overwritten: a status for each, a whole file behind every row."""
    random = np.random.default_rng(20261121)
    paths = list(damaged_datasets(tmp_path / "mutants", syntax, MUTANTS_A_SYNTAX, random))
    report = ear.send(*paths)
    statuses = [one.status for one in report.sent]
    assert None not in statuses, [one for one in report.sent if one.status is None]
    assert set(statuses) <= FAILURES | {0}
    assert FAILURES & set(statuses), "the mutations are too gentle to mean anything"
    assert len(ear.rows) >= statuses.count(0)
    for row in ear.rows:
        assert ear.spool.path_of(row.path).is_file()
    assert {row.path for row in ear.rows} == ear.files
    assert {hashlib.sha256(ear.spool.read(path)).hexdigest() for path in ear.files} <= {row.sha256 for row in ear.rows}
    assert ear.echoes()


def test_damaged_streams_always_end(open_ear):
    """Whatever a broken peer says over a whole association, its connection is closed, and the ear hears the next."""
    random = np.random.default_rng(20261122)
    with open_ear(Door(patience_s=600, handshake_s=600)) as ear:
        for number, stream in enumerate([sound_stream(), *damaged_streams(STREAMS, random)]):
            with socket.create_connection((LOOPBACK, ear.port)) as peer:
                assert stream_ends(peer, stream), f"stream {number} hangs"
        assert ear.echoes()
        assert len(ear.rows) >= 1, "not even the sound stream was understood"
        # Whoever hung up in mid-stream may have left an instance whose row is just being written.
        assert eventually(lambda: {row.path for row in ear.rows} == ear.files)


def stream_ends(peer: socket.socket, stream: bytes) -> bool:
    """Whether the listener closes the connection after these bytes."""
    peer.settimeout(120)
    try:
        peer.sendall(stream)
        peer.shutdown(socket.SHUT_WR)
        while peer.recv(65_536):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def store_request(image: FileDataset | None = None) -> C_STORE:
    """A C-STORE request for this image (a CT slice), to be spoiled by the test."""
    image = image or dicom.ct_slice()
    request = C_STORE()
    request.MessageID, request.Priority = 1, 2
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = image.SOPClassUID, image.SOPInstanceUID
    request.DataSet = BytesIO(dicom.dataset_bytes(dicom.encoded(image)))
    return request


def ask(link: Association, request: C_STORE) -> C_STORE:
    """Send the request as it is and wait for the answer; pynetdicom's own sender would not send a broken one."""
    link.dimse_timeout = 60
    link._reactor_checkpoint.clear()
    while not link._is_paused:
        time.sleep(0.01)
    link.dimse.send_msg(request, link.accepted_contexts[0].context_id)
    _, answer = link.dimse.get_msg(block=True)
    link._reactor_checkpoint.set()
    return answer


def _with(keyword: str, value: str | None) -> FileDataset:
    """A CT slice with this value, whatever its VR allows; its file meta information stays right."""
    image = dicom.ct_slice()
    tag = image.data_element(keyword).tag
    del image[tag]
    if value is not None:
        image.add_new(tag, "LO", value)
    return image
