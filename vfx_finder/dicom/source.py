"""What result objects take over from the study they are about: its headers, and which images were used."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydicom import config
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from vfx_finder.dicom.geometry import Plane, planes_of
from vfx_finder.dicom.headers import read_dataset, text
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.spine import Point3

_HEAD = (
    "PatientName", "PatientID", "IssuerOfPatientID", "IssuerOfPatientIDQualifiersSequence", "PatientBirthDate",
    "PatientSex", "PatientAge", "PatientSize", "PatientWeight",
    "StudyInstanceUID", "StudyDate", "StudyTime", "ReferringPhysicianName", "StudyID", "AccessionNumber",
    "IssuerOfAccessionNumberSequence", "StudyDescription",
)  # fmt: skip
"""Patient, Patient Study and General Study modules (PS3.3 C.7.1.1, C.7.2.2, C.7.2.1), as far as they name and date."""

_NEVER_ABSENT = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "ReferringPhysicianName",
    "StudyID", "AccessionNumber",
)  # fmt: skip
_EQUIPMENT = ("Manufacturer", "ManufacturerModelName", "StationName", "DeviceSerialNumber", "SoftwareVersions",
              "InstitutionName", "InstitutionalDepartmentName")  # fmt: skip
_OF_SERIES = ("FrameOfReferenceUID", "PositionReferenceIndicator", "PatientPosition", "KVP", "BodyPartExamined")


@dataclass(frozen=True)
class SourceImage:
    """One image of the analysed series; `planes` is empty where it does not say where it lies."""

    SOPClassUID: str
    SOPInstanceUID: str
    planes: tuple[Plane, ...]


@dataclass(frozen=True)
class SourceStudy:
    """The study that a result is about.

    `head` holds patient and study elements exactly as sent, decoded. `equipment` names the scanner, `series` what all
    images of the analysed series say alike. `images` are those of the analysed series in the order of their UIDs.
    """

    head: Dataset
    equipment: Dataset
    series: Dataset
    SeriesInstanceUID: str
    Modality: str
    images: tuple[SourceImage, ...]

    @property
    def StudyInstanceUID(self) -> str:
        """Of the source study, and of everything made of it."""
        return str(self.head.StudyInstanceUID)

    @property
    def FrameOfReferenceUID(self) -> str:
        """Empty for images without a place in the patient, such as radiographs."""
        return text(self.series, "FrameOfReferenceUID")

    def nearest(self, place: Point3) -> SourceImage:
        """The image whose plane runs nearest to a place (LPS mm); the first where none says where it lies."""
        return min(self.images, key=lambda image: min((_away(plane, place) for plane in image.planes), default=1e9))


def read_source(files: Sequence[Path], SeriesInstanceUID: str) -> SourceStudy:
    """Read the headers of one series among the files of a study; files that cannot be read are passed over.

    Raises `Unreadable` where no image of that series is there any more.
    """
    found = [dataset for dataset in _headers(files) if text(dataset, "SeriesInstanceUID") == SeriesInstanceUID]
    if not found:
        raise Unreadable("The images that were analysed are no longer there.")
    found.sort(key=lambda dataset: text(dataset, "SOPInstanceUID"))
    first = found[0]
    return SourceStudy(
        head=_head(first),
        equipment=copied(first, _EQUIPMENT),
        series=copied(first, _OF_SERIES),
        SeriesInstanceUID=SeriesInstanceUID,
        Modality=text(first, "Modality"),
        images=tuple(
            SourceImage(text(one, "SOPClassUID"), text(one, "SOPInstanceUID"), planes_of(one)) for one in found
        ),
    )


def copied(source: Dataset, keywords: Sequence[str]) -> Dataset:
    """Those of the elements that are there and not empty, unchanged: what a scanner wrote is not ours to judge."""
    taken = Dataset()
    for keyword in keywords:
        if keyword in source and not source[keyword].is_empty:
            taken.add(_verbatim(source[keyword]))
    return taken


def _headers(files: Sequence[Path]) -> list[Dataset]:
    read: list[Dataset] = []
    for file in files:
        try:
            read.append(read_dataset(file))
        except Unreadable:
            continue
    return read


def _head(dataset: Dataset) -> Dataset:
    head = copied(dataset, _HEAD)
    for keyword in _NEVER_ABSENT:
        if keyword not in head:
            setattr(head, keyword, None)
    return head


def _verbatim(element: DataElement) -> DataElement:
    """The element with names as plain text, so that they are written in our own character set."""
    value = str(element.value) if element.VR == "PN" else element.value
    return DataElement(element.tag, element.VR, value, validation_mode=config.IGNORE)


def _away(plane: Plane, place: Point3) -> float:
    offset = [at - start for at, start in zip(place, plane.position, strict=True)]
    return abs(float(plane.normal @ offset))
