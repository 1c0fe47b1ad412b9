"""Asking an archive for studies: at what pace, how often, and which earlier studies are worth asking for."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from vfx_finder.domain.age import parse_date
from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.hours import Hours

MOST_PRIORS = 3
"""Earlier studies that are asked for when a study is flagged; the newest. House decision."""

MOST_ATTEMPTS = 3
"""A study that came to nothing this often is listed as failed; a person may have it asked for again."""

WAITS = (timedelta(minutes=5), timedelta(minutes=30))
"""Before the second and the third attempt."""

WILDCARDS = frozenset("*?\\")
"""They would make a PatientID match other patients (DICOM PS3.4 section C.2.2.2)."""


class SweepState(StrEnum):
    """Where a sweep stands."""

    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    DONE = "done"


class AskedState(StrEnum):
    """What became of one study that an archive listed."""

    LISTED = "listed"
    ASKED = "asked"
    RECEIVED = "received"
    HERE = "here-already"
    LEFT_OUT = "left-out"
    FAILED = "failed"


OPEN = (AskedState.LISTED, AskedState.ASKED)


class Method(StrEnum):
    """How an archive hands studies over (DICOM PS3.4 annex C)."""

    MOVE = "C-MOVE"
    GET = "C-GET"


@dataclass(frozen=True)
class ArchiveFacts:
    """What an operator says of an archive. `hours` is the window of sweeps, None for any time.

    Raises `WrongState` for what cannot be an archive.
    """

    name: str
    AETitle: str
    host: str
    port: int
    use_tls: bool = False
    method: Method = Method.MOVE
    studies_per_hour: int = 60
    hours: Hours | None = None
    fetch_priors: bool = False

    def __post_init__(self) -> None:
        if not self.name.strip() or not self.host.strip():
            raise WrongState("An archive has a name and a host.")
        if not 1 <= len(self.AETitle.strip()) <= 16 or not self.AETitle.isascii() or "\\" in self.AETitle:
            raise WrongState("An AE title has 1 to 16 plain characters.")
        if not 1 <= self.port <= 65535:
            raise WrongState("A port is a number from 1 to 65535.")
        if not 1 <= self.studies_per_hour <= 3600:
            raise WrongState("The pace is 1 to 3600 studies an hour.")

    @property
    def pause(self) -> timedelta:
        """Between two studies that are asked for."""
        return pause_at(self.studies_per_hour)


@dataclass(frozen=True)
class Listed:
    """One study as an archive lists it (DICOM PS3.4 section C.6.2.1.3); `age` in whole years where it can be told."""

    StudyInstanceUID: str
    StudyDate: str = ""
    StudyDescription: str = ""
    ModalitiesInStudy: str = ""
    PatientID: str = ""
    IssuerOfPatientID: str = ""
    age: int | None = None


@dataclass(frozen=True)
class Fetched:
    """What an archive said it handed over, in images; `words` where that is not all, never a patient's."""

    completed: int
    failed: int = 0
    words: str = ""


@dataclass(frozen=True)
class Wanted:
    """Whose earlier studies are looked for: before which day, of which modality."""

    PatientID: str
    IssuerOfPatientID: str
    Modality: str
    before: date


def pause_at(studies_per_hour: int) -> timedelta:
    """Between two studies at this pace."""
    return timedelta(hours=1) / studies_per_hour


def next_attempt(attempts: int, now: datetime) -> datetime | None:
    """When a study that came to nothing this often is asked for again; None for never."""
    return None if attempts >= MOST_ATTEMPTS else now + WAITS[min(attempts, len(WAITS)) - 1]


def can_be_asked_for(PatientID: str) -> bool:
    """Whether a query for this PatientID finds this patient and nobody else."""
    return bool(PatientID.strip()) and not WILDCARDS & set(PatientID)


def worth_asking(found: tuple[Listed, ...], wanted: Wanted) -> tuple[Listed, ...]:
    """The newest earlier studies of exactly this patient, at most `MOST_PRIORS`.

    An archive may match more loosely than asked: what it lists is compared again, letter for letter. Another issuer
    is another patient where both name one.
    """
    dated = [(parse_date(one.StudyDate), one) for one in found if _is_of(one, wanted)]
    earlier = [(day, one) for day, one in dated if day is not None and day < wanted.before]
    newest = sorted(earlier, key=lambda pair: (pair[0], pair[1].StudyInstanceUID), reverse=True)
    return tuple(one for _, one in newest[:MOST_PRIORS])


def _is_of(one: Listed, wanted: Wanted) -> bool:
    issuers = {one.IssuerOfPatientID, wanted.IssuerOfPatientID} - {""}
    modalities = one.ModalitiesInStudy.split("\\") if one.ModalitiesInStudy else [wanted.Modality]
    return one.PatientID == wanted.PatientID and len(issuers) < 2 and wanted.Modality in modalities
