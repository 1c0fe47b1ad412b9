"""What the hospital's other systems tell: patients merged, died, corrected, reported; what waits for a person."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from vfx_finder.domain.identity import PatientRef


class Outcome(StrEnum):
    """What was done with a message; every message is kept as received."""

    APPLIED = "applied"
    LISTED = "listed"
    """A person must look."""
    NOT_USED = "not-used"


class Remark(StrEnum):
    """Why a message is listed for a person, or was not used."""

    # listed
    UNREADABLE = "unreadable"
    COULD_NOT_APPLY = "could-not-apply"
    TWO_OPEN_REFERRALS = "two-open-referrals"
    UNMERGED = "unmerged"
    DEATH_CONTRADICTED = "death-contradicted"
    DEATH_TAKEN_BACK = "death-taken-back"
    OTHER_ISSUER = "other-issuer"
    NOW_UNDER_50 = "now-under-50"
    OTHER_PATIENT = "other-patient"
    NO_TEXT = "no-text"
    # not used
    OTHER_KIND = "other-kind"
    TRAINING = "training"
    OUR_OWN = "our-own"
    NOT_KNOWN = "patient-not-known"
    NOTHING_CHANGED = "nothing-changed"
    OTHER_DEPARTMENT = "other-department"

    @property
    def outcome(self) -> Outcome:
        """What became of a message with this remark."""
        return Outcome.NOT_USED if self in _NOT_USED else Outcome.LISTED

    @property
    def may_go_away(self) -> bool:
        """Applying the same message again may help, once what stood in its way was mended here."""
        return self in _MENDED_HERE

    @property
    def label(self) -> str:
        """What an operator reads."""
        return _LABELS[self]


_NOT_USED = frozenset(
    {
        Remark.OTHER_KIND,
        Remark.TRAINING,
        Remark.OUR_OWN,
        Remark.NOT_KNOWN,
        Remark.NOTHING_CHANGED,
        Remark.OTHER_DEPARTMENT,
    }
)

_MENDED_HERE = frozenset({Remark.COULD_NOT_APPLY, Remark.TWO_OPEN_REFERRALS, Remark.OTHER_ISSUER, Remark.OTHER_PATIENT})

_LABELS: dict[Remark, str] = {
    Remark.UNREADABLE: "Could not be read: have the sender mend it",
    Remark.COULD_NOT_APPLY: "Could not be applied: try again; if that fails, it is a defect",
    Remark.TWO_OPEN_REFERRALS: "Merged patients both have an open referral: the nurse closes one as a duplicate",
    Remark.UNMERGED: "Takes a merge back or links patients: check the referrals of both by hand",
    Remark.DEATH_CONTRADICTED: "Gives a date of death and says that the patient lives: ask the sender",
    Remark.DEATH_TAKEN_BACK: "Takes a death back after a referral was closed for it: tell the nurse",
    Remark.OTHER_ISSUER: "Its number is known without an issuer: set VFX_ISSUER_OF_PATIENT_ID, restart, apply again",
    Remark.NOW_UNDER_50: "Corrected birth date: a referred patient is under 50",
    Remark.OTHER_PATIENT: "The report's accession number or study belongs to another patient",
    Remark.NO_TEXT: "A report without text",
    Remark.OTHER_KIND: "Nothing here needs this kind of message",
    Remark.TRAINING: "Marked as training or debugging",
    Remark.OUR_OWN: "Our own result, sent back to us",
    Remark.NOT_KNOWN: "About a patient with no study here",
    Remark.NOTHING_CHANGED: "It changed nothing",
    Remark.OTHER_DEPARTMENT: "Not from radiology",
}


@dataclass(frozen=True)
class PersonTold:
    """What a message says of one patient. `identifiers` are all numbers given, none empty.

    `PatientName` is in DICOM order (PN), the birth date YYYYMMDD, the sex M, F or O; empty where not said.
    `is_dead` None where nothing is said of it.
    """

    identifiers: tuple[PatientRef, ...]
    PatientName: str = ""
    PatientBirthDate: str = ""
    PatientSex: str = ""
    is_dead: bool | None = None
    deceased_on: date | None = None
    contradicts_itself: bool = False
    """It says that the patient lives and when they died."""


@dataclass(frozen=True)
class Merge:
    """The patient known as `earlier` is the one known as `surviving` from now on."""

    surviving: PatientRef
    earlier: PatientRef


@dataclass(frozen=True)
class ReportTold:
    """One radiology report. `accessions` are the order numbers that may be the study's accession number, best first.

    `status` is OBR-25 (HL7 table 0123): P preliminary, F final, C corrected, X withdrawn.
    """

    identifiers: tuple[PatientRef, ...]
    accessions: tuple[str, ...]
    StudyInstanceUID: str
    status: str
    reported_at: datetime | None
    text: str
