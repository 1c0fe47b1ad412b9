"""Is it whole, and is it what was announced? A dataset cut short is refused: the sender still holds the only copy."""

import struct
import zlib
from io import BytesIO
from typing import BinaryIO

from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from vfx_finder.dicom.headers import Header, header_of, read_dataset, read_encoded
from vfx_finder.dicom.part10 import Announced, file_of
from vfx_finder.domain.errors import Unreadable

_UNDEFINED = 0xFFFFFFFF
_ITEM = (0xFFFE, 0xE000)
_END_OF_SEQUENCE = (0xFFFE, 0xE0DD)
_PIXELS = frozenset({(0x7FE0, 0x0008), (0x7FE0, 0x0009), (0x7FE0, 0x0010)})

MAX_INFLATED = 2**30
"""Bytes to which a deflated dataset may grow: far above any CT or X-ray, far below what stops a machine."""

_PIECE = 2**20


class DoesNotMatch(Unreadable):
    """The dataset is not the instance that was announced."""


def checked(announced: Announced, *dataset: bytes) -> tuple[Header, bytes]:
    """The header of a whole encoded dataset (in one or more pieces) that is the announced instance, and its file.

    Nothing but the header is decoded. Raises `Unreadable` for bytes that are no DICOM or were cut short,
    `DoesNotMatch` where dataset and announcement name different instances.
    """
    deflated = announced.TransferSyntaxUID == DeflatedExplicitVRLittleEndian
    if deflated:
        check_inflates(b"".join(dataset))
    content = file_of(announced, *dataset)
    stream = BytesIO(content)
    if deflated:
        header = header_of(read_dataset(stream))
    else:
        stream.seek(len(content) - sum(len(piece) for piece in dataset))
        header = header_of(read_encoded(stream, announced.TransferSyntaxUID))
        check_pixels(stream, announced.TransferSyntaxUID)
    if header.SOPClassUID != announced.SOPClassUID:
        raise DoesNotMatch("Dataset, request and presentation context differ in SOP Class.")
    if header.SOPInstanceUID != announced.SOPInstanceUID:
        raise DoesNotMatch("The dataset is another instance than the request.")
    return header, content


def check_pixels(stream: BinaryIO, transfer_syntax: str) -> None:
    """Raise `Unreadable` unless a whole pixel element (DICOM PS3.5 section 7.1 and annex A.4) begins here.

    `stream` stands where the header ended. Every accepted SOP Class is an image, so no pixels at all is also wrong.
    """
    order = ">" if transfer_syntax == ExplicitVRBigEndian else "<"
    tag = stream.read(4)
    if len(tag) < 4 or struct.unpack(f"{order}HH", tag) not in _PIXELS:
        raise Unreadable("The dataset ends before its pixel data.")
    if transfer_syntax != ImplicitVRLittleEndian:
        _read(stream, "<HH")
    (length,) = _read(stream, f"{order}I")
    if length == _UNDEFINED:
        _check_fragments(stream)
    else:
        _skip(stream, length)


def check_inflates(dataset: bytes) -> None:
    """Raise `Unreadable` for a deflated dataset (PS3.5 annex A.5) that is cut short or grows beyond `MAX_INFLATED`."""
    inflate = zlib.decompressobj(-zlib.MAX_WBITS)
    grown, rest = 0, dataset
    try:
        while not inflate.eof and grown <= MAX_INFLATED:
            piece = inflate.decompress(rest, _PIECE)
            rest = inflate.unconsumed_tail
            grown += len(piece)
            if not piece and not rest:
                break
    except zlib.error:
        raise Unreadable("The deflated dataset is damaged.") from None
    if not inflate.eof or grown > MAX_INFLATED:
        raise Unreadable("The deflated dataset is cut short or too large.")


def _check_fragments(stream: BinaryIO) -> None:
    while True:
        group, element, length = _read(stream, "<HHI")
        if (group, element) == _END_OF_SEQUENCE:
            return
        if (group, element) != _ITEM:
            raise Unreadable("The compressed pixel data are damaged.")
        _skip(stream, length)


def _skip(stream: BinaryIO, length: int) -> None:
    here = stream.tell()
    end = stream.seek(0, 2)
    if here + length > end:
        raise Unreadable("The dataset is cut short.")
    stream.seek(here + length)


def _read(stream: BinaryIO, layout: str) -> tuple[int, ...]:
    size = struct.calcsize(layout)
    raw = stream.read(size)
    if len(raw) < size:
        raise Unreadable("The dataset is cut short.")
    return struct.unpack(layout, raw)
