"""The file around received bytes never changes: the same dataset gives the same file, whichever way it came."""

from contextlib import suppress
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread, uid
from pydicom.dataset import FileMetaDataset
from pydicom.filewriter import write_file_meta_info

from vfx_finder.dicom.part10 import IMPLEMENTATION_NAME, IMPLEMENTATION_UID, Announced, file_of, taken_apart
from vfx_finder.domain.errors import Unreadable

UIDS = st.from_regex(r"[1-9][0-9]{0,8}(\.[1-9][0-9]{0,8}){1,6}", fullmatch=True)


def by_pydicom(announced: Announced) -> bytes:
    """The same file meta information as an independent writer makes it."""
    meta = FileMetaDataset()
    meta.FileMetaInformationGroupLength, meta.FileMetaInformationVersion = 0, b"\x00\x01"
    meta.MediaStorageSOPClassUID = announced.SOPClassUID
    meta.MediaStorageSOPInstanceUID = announced.SOPInstanceUID
    meta.TransferSyntaxUID = announced.TransferSyntaxUID
    meta.ImplementationClassUID, meta.ImplementationVersionName = IMPLEMENTATION_UID, IMPLEMENTATION_NAME
    buffer = BytesIO()
    write_file_meta_info(buffer, meta)
    return bytes(128) + b"DICM" + buffer.getvalue()


@given(instance=UIDS, syntax=st.sampled_from([uid.ExplicitVRLittleEndian, uid.JPEG2000, uid.HTJ2K]))
def test_the_file_is_what_pydicom_writes(instance: str, syntax: uid.UID):
    """Byte for byte, for UIDs of odd and even length; the dataset follows untouched."""
    announced = Announced(str(uid.CTImageStorage), instance, str(syntax))
    assert file_of(announced, b"dataset") == by_pydicom(announced) + b"dataset"


def test_the_file_can_be_read():
    """A DICOM program finds what was announced."""
    meta = dcmread(BytesIO(file_of(Announced("1.2.3", "1.2.4", uid.ExplicitVRLittleEndian), b""))).file_meta
    assert (meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID) == ("1.2.3", "1.2.4")


def test_a_uid_that_is_no_ascii_is_refused():
    """It could not be written, and is no UID."""
    with pytest.raises(Unreadable):
        file_of(Announced("1.2.3", "1.2.é", "1.2"), b"")


@given(instance=UIDS, dataset=st.binary(max_size=100))
def test_a_file_is_taken_apart_again(instance: str, dataset: bytes):
    """What STOW-RS brings is split where C-STORE's parts were joined."""
    announced = Announced(str(uid.CTImageStorage), instance, str(uid.JPEG2000))
    assert taken_apart(file_of(announced, dataset)) == (announced, dataset)


@given(st.binary(max_size=300), st.integers(0, 300))
def test_any_other_bytes_are_refused_in_words(noise: bytes, at: int):
    """Never another error than the one that becomes a status."""
    file = file_of(Announced("1.2.3", "1.2.4", "1.2.5"), b"")
    for broken in (noise, file[:at], file[:132] + noise, file[:at] + noise + file[at:]):
        with suppress(Unreadable):
            taken_apart(broken)
