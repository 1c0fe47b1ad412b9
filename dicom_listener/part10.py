"""The DICOM file around a received dataset: the dataset's bytes exactly as sent, after our file meta information."""

from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID
from pynetdicom.dsutils import encode_file_meta
from pynetdicom.events import Event

IMPLEMENTATION_UID = UID("2.25.148337067261612507663886660178134837089")
IMPLEMENTATION_NAME = "VFX_FINDER"
"""Who wrote the file meta information (DICOM PS3.7 annex D.3.3.2). Never changed: the same dataset must give the same
file for ever, or a study sent again after an upgrade would look like another one."""

_PREAMBLE = b"\x00" * 128 + b"DICM"


def file_of(event: Event) -> bytes:
    """A file (DICOM PS3.10 section 7.1) of the dataset in this C-STORE request, which is not decoded."""
    return b"".join((_PREAMBLE, encode_file_meta(_meta_of(event)), event.encoded_dataset(include_meta=False)))


def _meta_of(event: Event) -> FileMetaDataset:
    """As announced by the request and the presentation context it came in."""
    meta: FileMetaDataset = event.file_meta
    meta.ImplementationClassUID = IMPLEMENTATION_UID
    meta.ImplementationVersionName = IMPLEMENTATION_NAME
    return meta
