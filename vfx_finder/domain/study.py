"""Studies as PACS sends them, and the reasons why one, or a part of one, was not analysed."""

from dataclasses import dataclass
from enum import StrEnum


class Modality(StrEnum):
    """Modality (0008,0060) values that are received."""

    CT = "CT"
    CR = "CR"
    DX = "DX"
    OT = "OT"


FILMS = frozenset({Modality.CR, Modality.DX})
"""Modalities of radiographs."""


class Reason(StrEnum):
    """Why a study, a series or a vertebra was not analysed. Every exclusion is data and stands on a list."""

    # a whole study or file set
    NO_IMAGES = "no-images"
    NO_XRAY_MODEL = "no-xray-model-installed"
    MODALITY = "modality-not-analysed"
    NO_SUITABLE_SERIES = "no-suitable-series"
    NO_SPINE = "no-spine-found"
    NOT_LATERAL_SPINE = "film-not-lateral-spine"
    FILM_FROM_FRONT = "film-from-the-front"
    FILM_OF_CHEST = "film-of-the-chest"
    UNREADABLE = "unreadable"
    PATIENT_CONFLICT = "instances-of-different-patients"
    SEVERAL_STUDIES = "several-studies"
    LEFT_OUT = "left-out-by-a-rule"
    IMAGES_REMOVED = "images-removed"
    # a series
    LOCALIZER = "localizer"
    REFORMAT = "reformat-not-axial"
    DERIVED = "derived-or-secondary"
    DOSE_SCREEN = "dose-screen"
    TOO_FEW_SLICES = "too-few-slices"
    TOO_SHORT = "too-little-of-the-body"
    SLICES_TOO_THICK = "slices-too-thick"
    MISSING_SLICES = "missing-slices"
    UNEQUAL_SPACING = "unequal-spacing"
    DUPLICATE_POSITIONS = "duplicate-positions"
    INCONSISTENT_GEOMETRY = "inconsistent-geometry"
    NO_GEOMETRY = "geometry-missing"
    NOT_HOUNSFIELD = "not-hounsfield-units"
    BETTER_SERIES = "better-series-in-study"
    # a vertebra
    CUT_BY_FIELD_OF_VIEW = "cut-by-field-of-view"
    NOT_MEASURABLE = "not-measurable"
    OUTSIDE_GRADED_LEVELS = "outside-graded-levels"
    NOT_A_VERTEBRA = "probably-no-vertebra"
    PLANES_DISAGREE = "planes-disagree-strongly"
    FILM_NOT_GRADED = "films-are-not-graded"
    METAL = "metal"
    CEMENT = "cement"
    TOO_THICK_FOR_MILD = "slices-too-thick-for-grade-1"


@dataclass(frozen=True)
class Unsuitable:
    """A result, not an error: what was not analysed and why, in words a person can act on."""

    reason: Reason
    detail: str = ""


@dataclass(frozen=True)
class SeriesVerdict:
    """One series of a study, and whether it was analysed: `unsuitable` is None for the chosen one."""

    SeriesInstanceUID: str
    SeriesDescription: str
    instances: int
    unsuitable: Unsuitable | None


@dataclass(frozen=True)
class Patient:
    """What the headers say about the patient, as sent; empty strings where a header was absent.

    `PatientBirthDate` and `StudyDate` are DICOM dates (YYYYMMDD), `PatientAge` a DICOM age string ("049Y").
    """

    PatientID: str
    IssuerOfPatientID: str = ""
    PatientName: str = ""
    PatientBirthDate: str = ""
    PatientSex: str = ""
    PatientAge: str = ""


@dataclass(frozen=True)
class Instance:
    """One received SOP Instance: the header facts a row needs, and where its untouched bytes lie in the spool.

    `path` is relative to the spool; `sha256` is of the file. `calling` is the sender's AE title. `made_here`: one of
    our own results, which an archive sent back.
    """

    patient: Patient
    StudyInstanceUID: str
    SeriesInstanceUID: str
    SOPInstanceUID: str
    SOPClassUID: str
    Modality: str
    path: str
    sha256: str
    calling: str
    StudyDate: str = ""
    StudyDescription: str = ""
    SeriesDescription: str = ""
    AccessionNumber: str = ""
    ReferringPhysicianName: str = ""
    BodyPartExamined: str = ""
    StationName: str = ""
    made_here: bool = False
