"""What the headers of one DICOM file say, as facts. Pixels are never touched here."""

import logging
import struct
import warnings
import zlib
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from pydicom import config, dcmread
from pydicom.dataelem import RawDataElement, convert_raw_data_element
from pydicom.dataset import Dataset, FileDataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_dataset as parse_dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID

from vfx_finder.domain.delivered import PRODUCT
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.identity import Uid
from vfx_finder.domain.study import Instance, Patient

# pydicom's warnings quote the offending value, which may be a patient's name: they go nowhere.
config.settings.reading_validation_mode = config.IGNORE
logging.getLogger("pydicom").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", category=UserWarning, module="pydicom")

Source = Path | bytes | BinaryIO

BROKEN_BYTES: tuple[type[Exception], ...] = (
    InvalidDicomError, BytesLengthException, OSError, EOFError, ValueError, TypeError,
    LookupError, AttributeError,
    NotImplementedError, OverflowError, RecursionError, struct.error, zlib.error,
)  # fmt: skip
"""All that pydicom was seen to raise on bytes that are not what they claim to be."""

_ASKED_FOR: list[BaseTag | int] = [
    Tag(keyword)
    for keyword in (
        "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "PatientID", "IssuerOfPatientID",
        "PatientName", "PatientBirthDate", "PatientSex", "PatientAge", "Modality", "StudyDate", "StudyDescription",
        "SeriesDescription", "AccessionNumber", "ReferringPhysicianName", "BodyPartExamined", "StationName",
        "ManufacturerModelName",
    )
]  # fmt: skip
"""The elements of a `Header`."""

_SHORT_VALUE = 1024
"""Bytes; a longer value than any that is asked for here is not remembered."""

_PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})

_BARE_STARTS = (b"\x02\x00", b"\x08\x00")
"""A file without preamble begins with group 0002 or 0008, little endian; anything else is not tried."""


@dataclass(frozen=True)
class Header:
    """The identity of one SOP Instance; texts are as sent without padding, empty where absent.

    The three instance UIDs and SOPClassUID are well formed. PatientID may be empty (type 2, PS3.3 C.7.1.1):
    whoever keeps the instance decides what that means. `made_here`: this software made it.
    """

    patient: Patient
    StudyInstanceUID: str
    SeriesInstanceUID: str
    SOPInstanceUID: str
    SOPClassUID: str
    Modality: str
    StudyDate: str = ""
    StudyDescription: str = ""
    SeriesDescription: str = ""
    AccessionNumber: str = ""
    ReferringPhysicianName: str = ""
    BodyPartExamined: str = ""
    StationName: str = ""
    made_here: bool = False

    def received(self, *, path: str, sha256: str, calling: str) -> Instance:
        """This header as a received instance, its untouched bytes at `path` (relative to the spool)."""
        return Instance(
            patient=self.patient,
            StudyInstanceUID=self.StudyInstanceUID,
            SeriesInstanceUID=self.SeriesInstanceUID,
            SOPInstanceUID=self.SOPInstanceUID,
            SOPClassUID=self.SOPClassUID,
            Modality=self.Modality,
            path=path,
            sha256=sha256,
            calling=calling,
            StudyDate=self.StudyDate,
            StudyDescription=self.StudyDescription,
            SeriesDescription=self.SeriesDescription,
            AccessionNumber=self.AccessionNumber,
            ReferringPhysicianName=self.ReferringPhysicianName,
            BodyPartExamined=self.BodyPartExamined,
            StationName=self.StationName,
            made_here=self.made_here,
        )


def read_header(source: Source) -> Header:
    """The header facts of a DICOM file (PS3.10), given as path, bytes or open file; pixels are not read.

    Raises `Unreadable`, without any value of the file in its text, for bytes that are not DICOM, a header cut
    short, or a missing or malformed UID.
    """
    return header_of(read_dataset(source))


def read_dataset(source: Source, *, pixels: bool = False) -> FileDataset:
    """The dataset of a DICOM file, up to its pixels unless `pixels`. Raises `Unreadable`."""
    try:
        return _parse(source, pixels)
    except BROKEN_BYTES:
        raise Unreadable("This is not a readable DICOM file.") from None


def read_encoded(stream: BinaryIO, transfer_syntax: str) -> Dataset:
    """What a `Header` needs of the dataset that begins here in this transfer syntax (not deflated).

    Leaves `stream` before the pixels. The same parser as `read_dataset`, without the file meta information and the
    elements that are not asked for: a sixth of the time. Raises `Unreadable`.
    """
    syntax = UID(transfer_syntax)
    encoding = (syntax.is_implicit_VR, syntax.is_little_endian)
    try:
        return parse_dataset(stream, *encoding, stop_when=_is_pixels, specific_tags=_ASKED_FOR)
    except BROKEN_BYTES:
        raise Unreadable("This is not a readable DICOM file.") from None


def header_of(dataset: Dataset) -> Header:
    """The header facts of a dataset. Raises `Unreadable` for a missing or malformed UID."""
    try:
        return _facts(dataset)
    except BROKEN_BYTES:
        raise Unreadable("A DICOM header is damaged.") from None


def text(dataset: Dataset, keyword: str) -> str:
    """An element's value as text: no padding, no control characters, several values joined by a backslash."""
    tag = _tag_of(keyword)
    element: object = dataset.get_item(tag) if tag in dataset else None
    if not isinstance(element, RawDataElement) or not element.value or len(element.value) > _SHORT_VALUE:
        return _printable(dataset.get(keyword))
    return _text_of(element._replace(value_tell=0), _encodings(dataset))


@lru_cache(None)
def _tag_of(keyword: str) -> BaseTag:
    return Tag(keyword)


def _encodings(dataset: Dataset) -> tuple[str, ...]:
    named = dataset.original_character_set
    return (named,) if isinstance(named, str) else tuple(named)


@lru_cache(4096)
def _text_of(element: RawDataElement, encodings: tuple[str, ...]) -> str:
    """Remembered, since the images of a study say the same of patient and study a thousand times over."""
    return _printable(convert_raw_data_element(element, encoding=list(encodings)).value)


def _printable(value: object) -> str:
    if value is None:
        return ""
    parts = value if isinstance(value, MultiValue) else [value]
    joined = "\\".join(str(part) for part in parts)
    printable = joined if joined.isprintable() else "".join(char for char in joined if char.isprintable())
    return printable.strip()


def _is_pixels(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return tag in _PIXELS


def _parse(source: Source, pixels: bool) -> FileDataset:
    if isinstance(source, Path):
        with source.open("rb") as file:
            return _parse_stream(file, pixels)
    return _parse_stream(BytesIO(source) if isinstance(source, bytes) else source, pixels)


def _parse_stream(stream: BinaryIO, pixels: bool) -> FileDataset:
    start = stream.read(132)
    stream.seek(0)
    has_preamble = start[128:132] == b"DICM"
    if not has_preamble and start[:2] not in _BARE_STARTS:
        raise InvalidDicomError
    return dcmread(stream, stop_before_pixels=not pixels, force=not has_preamble)


def _facts(dataset: Dataset) -> Header:
    uids = {
        name: str(Uid(text(dataset, name)))
        for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
    }
    patient = Patient(
        PatientID=text(dataset, "PatientID"),
        IssuerOfPatientID=text(dataset, "IssuerOfPatientID"),
        PatientName=text(dataset, "PatientName"),
        PatientBirthDate=text(dataset, "PatientBirthDate"),
        PatientSex=text(dataset, "PatientSex"),
        PatientAge=text(dataset, "PatientAge"),
    )
    return Header(
        patient=patient,
        **uids,
        Modality=text(dataset, "Modality"),
        StudyDate=text(dataset, "StudyDate"),
        StudyDescription=text(dataset, "StudyDescription"),
        SeriesDescription=text(dataset, "SeriesDescription"),
        AccessionNumber=text(dataset, "AccessionNumber"),
        ReferringPhysicianName=text(dataset, "ReferringPhysicianName"),
        BodyPartExamined=text(dataset, "BodyPartExamined"),
        StationName=text(dataset, "StationName"),
        made_here=text(dataset, "ManufacturerModelName") == PRODUCT,
    )
