"""The DICOM file around a dataset: the dataset's bytes exactly as sent, after our own file meta information."""

import struct
from dataclasses import dataclass

from vfx_finder.domain.errors import Unreadable

IMPLEMENTATION_UID = "2.25.148337067261612507663886660178134837089"
IMPLEMENTATION_NAME = "VFX_FINDER"
"""Who wrote the file meta information (DICOM PS3.7 annex D.3.3.2). Never changed: the same dataset must give the same
file for ever, or a study sent again after an upgrade would look like another one."""

_PREFIX = b"DICM"
_START = b"\x00" * 128 + _PREFIX
_META_GROUP = b"\x02\x00"
_LONG_VRS = frozenset({b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
"""VRs with two reserved bytes and a length of four, PS3.5 section 7.1.2."""
_GROUP_LENGTH = b"\x02\x00\x00\x00UL\x04\x00"
_VERSION = b"\x02\x00\x01\x00OB\x00\x00\x02\x00\x00\x00\x00\x01"


@dataclass(frozen=True)
class Announced:
    """What a sender says an instance is, outside the dataset: by C-STORE in the request, by STOW-RS in its file."""

    SOPClassUID: str
    SOPInstanceUID: str
    TransferSyntaxUID: str


def file_of(announced: Announced, *dataset: bytes) -> bytes:
    """A file (DICOM PS3.10 section 7.1) of this encoded dataset, given in one or more pieces and not decoded.

    The same dataset gives the same file whichever way it came. Raises `Unreadable` for a UID that is no ASCII.
    """
    meta = b"".join(
        (
            _VERSION,
            _short(0x0002, b"UI", announced.SOPClassUID, b"\x00"),
            _short(0x0003, b"UI", announced.SOPInstanceUID, b"\x00"),
            _short(0x0010, b"UI", announced.TransferSyntaxUID, b"\x00"),
            _short(0x0012, b"UI", IMPLEMENTATION_UID, b"\x00"),
            _short(0x0013, b"SH", IMPLEMENTATION_NAME, b" "),
        )
    )
    return b"".join((_START, _GROUP_LENGTH, struct.pack("<I", len(meta)), meta, *dataset))


def taken_apart(file: bytes) -> tuple[Announced, bytes]:
    """What the meta information of a DICOM file announces, and its encoded dataset: the other way round of `file_of`.

    Raises `Unreadable` for anything else than a file of PS3.10 section 7.1 that says what it is.
    """
    if file[len(_START) - len(_PREFIX) : len(_START)] != _PREFIX:
        raise Unreadable("This is not a DICOM file.")
    values, at = {}, len(_START)
    while file[at : at + 2] == _META_GROUP:
        element, start, end = _element_at(file, at)
        values[element] = file[start:end]
        at = end
    announced = Announced(*(_text(values.get(element, b"")) for element in (0x0002, 0x0003, 0x0010)))
    if not (announced.SOPClassUID and announced.SOPInstanceUID and announced.TransferSyntaxUID):
        raise Unreadable("The file meta information does not say what the file is.")
    return announced, file[at:]


def _element_at(file: bytes, at: int) -> tuple[int, int, int]:
    """Number of the element of group 0002 that begins here, and where its value begins and ends."""
    try:
        element, vr, length = struct.unpack_from("<H2sH", file, at + 2)
        start = at + 8
        if vr in _LONG_VRS:
            (length,) = struct.unpack_from("<I", file, start)
            start += 4
    except struct.error:
        raise Unreadable("The file meta information is cut short.") from None
    if start + length > len(file):
        raise Unreadable("The file meta information is cut short.")
    return element, start, start + length


def _text(value: bytes) -> str:
    return value.decode("ascii", "replace").strip(" \0")


def _short(element: int, vr: bytes, value: str, padding: bytes) -> bytes:
    """One element of group 0002 in explicit VR little endian, padded to even length (PS3.5 sections 6.2 and 7.1.2)."""
    if not value.isascii():
        raise Unreadable("A UID is malformed.")
    raw = value.encode("ascii")
    raw += padding * (len(raw) % 2)
    return struct.pack("<HH2sH", 0x0002, element, vr, len(raw)) + raw
