"""What every result object has in common: whose it is, what made it, which UIDs it gets, and at which stage."""

import hashlib
import json
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Final

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from vfx_finder import __version__
from vfx_finder.dicom import codes
from vfx_finder.dicom.sagittal import Reformat
from vfx_finder.dicom.source import SourceStudy
from vfx_finder.dicom.uids import IMPLEMENTATION_CLASS_UID, UUID_ROOT, uid_for
from vfx_finder.domain.delivered import PRODUCT, Kind, Stage
from vfx_finder.domain.finding import Analysis
from vfx_finder.domain.review import Review
from vfx_finder.domain.told import Told

UNCONFIRMED: Final = "AI, unconfirmed"
RESEARCH: Final = "RESEARCH"
"""ContentQualification (0018,9004), PS3.3 C.8.13.2.1.2: not for diagnosis until the software is validated."""

_SERIES: Final[dict[Kind, tuple[int, str]]] = {
    Kind.SC: (9801, "Vertebrae: key images"),
    Kind.SR: (9802, "Vertebrae: measurements"),
    Kind.SR_COMPREHENSIVE: (9803, "Vertebrae: measurements (Comprehensive SR)"),
    Kind.SEG: (9804, "Vertebrae: segmentation"),
    Kind.GSPS: (9805, "Vertebrae: annotations"),
    Kind.REFORMAT: (9806, "Sagittal reformat of the spine"),
    Kind.PDF: (9807, "Vertebrae: report"),
}
"""SeriesNumber and description. High numbers sort behind what the scanner made."""

NAMES: Final = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime", "ReferringPhysicianName",
    "StudyID", "AccessionNumber",
)  # fmt: skip
"""Patient and study elements of type 2 (PS3.3 C.7.1.1, C.7.2.1)."""

_FINAL_OFFSET = 50
_OF_BOTH_STAGES = frozenset({Kind.REFORMAT})
"""A reformat claims nothing about the patient, so a signature does not change it."""


@dataclass(frozen=True)
class Making:
    """What is not in the analysis: when it was made (with its time zone), and whose machine made it.

    `uid_root`: the hospital's own UID root, or 2.25. `institution` is the organisation that a signature is given for.
    `device_serial_number` tells installations apart. `supersedes`: the preliminary result was sent to the same place.
    `age`: the patient's on the day of the study where more is known than the headers say, else None.
    Raises `ValueError` for a time without zone.
    """

    at: datetime
    uid_root: str = UUID_ROOT
    institution: str = ""
    device_serial_number: str = "1"
    supersedes: bool = False
    age: int | None = None

    def __post_init__(self) -> None:
        if self.at.utcoffset() is None:
            raise ValueError("The time of an analysis carries its time zone.")


@dataclass(frozen=True)
class Result:
    """All that the objects of one result are made of. `review` is there exactly when the stage is final.

    `vertebrae` are in the order of the analysis's findings; `reformat` is None where there is none (radiographs).
    """

    source: SourceStudy
    analysis: Analysis
    vertebrae: tuple[Told, ...]
    review: Review | None
    making: Making
    reformat: Reformat | None = None

    @property
    def stage(self) -> Stage:
        """Final once it is signed."""
        return Stage.PRELIMINARY if self.review is None else Stage.FINAL

    @property
    def at(self) -> datetime:
        """When what it says was said: at the signature, else at the analysis."""
        return self.review.signed_at if self.review else self.making.at

    @property
    def status_words(self) -> str:
        """Who stands behind it, as it is burned into pictures."""
        if self.review is None:
            return UNCONFIRMED
        if any(said.is_fracture for said in self.review.vertebrae):
            return f"Confirmed by {self.review.signed_by}"
        return f"Read by {self.review.signed_by}: no fracture confirmed"

    @property
    def before(self) -> "Result":
        """The same result at the stage before the signature, for its UIDs."""
        return replace(self, review=None)

    def uid(self, *words: object) -> str:
        """A UID of this analysis, the same at both stages."""
        return uid_for(self.making.uid_root, self._fingerprint, *words)

    def series_uid(self, kind: Kind) -> str:
        """SeriesInstanceUID of everything of this kind at this stage."""
        return self.uid("series", kind.value, self._stage_key(kind))

    def instance_uid(self, kind: Kind, number: int = 1) -> str:
        """SOPInstanceUID of the n-th object of this kind at this stage."""
        return self.uid("instance", kind.value, self._stage_key(kind), number)

    def tracking_uid(self, index: int) -> str:
        """Of one vertebra in every object and at both stages, so that readers of objects can follow it."""
        return self.uid("vertebra", index)

    def series_number(self, kind: Kind) -> int:
        """SeriesNumber of this kind at this stage."""
        is_final = self.review is not None and kind not in _OF_BOTH_STAGES
        return _SERIES[kind][0] + (_FINAL_OFFSET if is_final else 0)

    def series_description(self, kind: Kind) -> str:
        """SeriesDescription, which says whether anybody has confirmed it."""
        words = _SERIES[kind][1]
        if kind in _OF_BOTH_STAGES:
            return words
        return f"{words}, signed" if self.review else f"{words}, {UNCONFIRMED}"

    @cached_property
    def _fingerprint(self) -> str:
        """Of what the analysis says, of which series, told by which version of this software.

        What became of the other series is no part of it: our own results may be among them by the next analysis.
        """
        said = asdict(replace(self.analysis, seconds={}, series=(), picture=None, reformat=None))
        about = (self.source.StudyInstanceUID, self.source.SeriesInstanceUID, __version__, said)
        return hashlib.sha256(json.dumps(about, sort_keys=True, default=str).encode()).hexdigest()

    def _stage_key(self, kind: Kind) -> str:
        if self.review is None or kind in _OF_BOTH_STAGES:
            return Stage.PRELIMINARY.value
        said = json.dumps(asdict(self.review), sort_keys=True, default=str)
        return f"{Stage.FINAL} {self.making.supersedes} {said}"


def software_versions(analysis: Analysis) -> list[str]:
    """Ours and those of the networks, each at most 64 characters (LO)."""
    return [f"{PRODUCT} {__version__}", *(f"{model.name} {model.version}"[:64] for model in analysis.models)]


def dress(dataset: Dataset, result: Result, kind: Kind, number: int = 1) -> Dataset:
    """Give an object its identity, patient, study, series and equipment, whoever built the rest; returns it.

    Patient and study headers are those of the source study, verbatim. The same result gives the same bytes.
    """
    uid, at = result.instance_uid(kind, number), (result.making.at if kind in _OF_BOTH_STAGES else result.at)
    dataset.update(deepcopy(result.source.head))
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID = uid, result.series_uid(kind)
    dataset.SeriesNumber, dataset.InstanceNumber = result.series_number(kind), number
    dataset.SeriesDescription = result.series_description(kind)
    _equip(dataset, result)
    for name in ("InstanceCreation", "Content", "Series"):
        setattr(dataset, f"{name}Date", at.strftime("%Y%m%d"))
        setattr(dataset, f"{name}Time", at.strftime("%H%M%S"))
    dataset.CodingSchemeIdentificationSequence = [_private_scheme(), _radelement()]
    dataset.preamble = bytes(128)
    dataset.file_meta = _file_meta(str(dataset.SOPClassUID), uid)
    return dataset


def nameless(dataset: Dataset) -> Dataset:
    """A shallow copy without patient or study headers but for the study's UID.

    highdicom judges what it copies, and what a scanner wrote may not pass: it gets this, and `dress` puts it back.
    """
    copy = Dataset()
    copy.update(dataset)
    for keyword in (*NAMES, "PatientAge", "PatientSize", "PatientWeight", "IssuerOfPatientID", "StudyDescription"):
        copy.pop(keyword, None)
    with_type_2(copy, NAMES)
    copy.file_meta = _file_meta(str(copy.SOPClassUID), str(copy.SOPInstanceUID))
    return copy


def with_type_2(dataset: Dataset, keywords: Sequence[str]) -> Dataset:
    """Add as empty what must be present and is not known (type 2, PS3.5 section 7.4.3); returns the dataset."""
    for keyword in keywords:
        if keyword not in dataset:
            setattr(dataset, keyword, None)
    return dataset


def _equip(dataset: Dataset, result: Result) -> None:
    dataset.Manufacturer = dataset.ManufacturerModelName = PRODUCT
    dataset.SoftwareVersions = software_versions(result.analysis)
    dataset.DeviceSerialNumber = result.making.device_serial_number
    if result.making.institution:
        dataset.InstitutionName = result.making.institution[:64]
    scanner = deepcopy(result.source.equipment)
    scanner.PurposeOfReferenceCodeSequence = [codes.ACQUISITION_EQUIPMENT.item]
    with_type_2(scanner, ["Manufacturer"])
    ours = Dataset()
    ours.Manufacturer = ours.ManufacturerModelName = PRODUCT
    ours.SoftwareVersions = software_versions(result.analysis)
    ours.PurposeOfReferenceCodeSequence = [codes.PROCESSING_EQUIPMENT.item]
    ours.ContributionDateTime = result.making.at.strftime("%Y%m%d%H%M%S")
    ours.ContributionDescription = "Found and measured vertebrae. Research software."
    dataset.ContributingEquipmentSequence = [ours, *([scanner] if scanner.Manufacturer else [])]


def _private_scheme() -> Dataset:
    item = Dataset()
    item.CodingSchemeDesignator, item.CodingSchemeName = codes.PRIVATE_SCHEME, "vfx_finder private codes"
    item.CodingSchemeResponsibleOrganization = PRODUCT
    return item


def _radelement() -> Dataset:
    item = Dataset()
    item.CodingSchemeDesignator, item.CodingSchemeName = codes.GENANT.scheme, "RadElement common data elements"
    item.CodingSchemeResponsibleOrganization = "ACR and RSNA"
    return item


def _file_meta(SOPClassUID: str, SOPInstanceUID: str) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = UID(SOPClassUID), UID(SOPInstanceUID)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = PRODUCT.upper()
    return meta
