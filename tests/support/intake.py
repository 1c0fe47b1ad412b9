"""Received instances, short to write."""

from datetime import UTC, datetime, timedelta

from vfx_finder.domain.actor import Actor
from vfx_finder.domain.roles import Role
from vfx_finder.domain.study import Instance, Patient

NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
LISTENER = Actor.process("listener")
ROOT = "1.2.826.0.1.3680043.10.1"
SETTLE = 60.0


def later(seconds: float) -> datetime:
    """This many seconds after the tests' morning."""
    return NOW + timedelta(seconds=seconds)


def patient(PatientID: str = "P1", PatientAge: str = "071Y") -> Patient:
    """Somebody made up."""
    return Patient(PatientID, PatientName="Test^Patient", PatientSex="F", PatientAge=PatientAge)


def instance(number: int = 1, study: int = 1, who: Patient | None = None, sha256: str = "") -> Instance:
    """One CT slice of a study."""
    return Instance(
        patient=who or patient(),
        StudyInstanceUID=f"{ROOT}.{study}",
        SeriesInstanceUID=f"{ROOT}.{study}.1",
        SOPInstanceUID=f"{ROOT}.{study}.1.{number}",
        SOPClassUID="1.2.840.10008.5.1.4.1.1.2",
        Modality="CT",
        path=f"{study:02x}/{number:064x}.dcm",
        sha256=sha256 or f"{number:064x}",
        calling="CT_SCANNER",
        StudyDate="20261120",
    )


def process(role: Role) -> Actor:
    """A person with this role who needs no row of a user."""
    return Actor(role, f"a {role}", 1)
