"""How a patient and a study are written on a page, from header values as sent."""

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from vfx_finder.domain.age import parse_date
from vfx_finder.domain.study import Patient

_SEX = {"F": "woman", "M": "man"}


@dataclass(frozen=True)
class Person:
    """A patient as a reader sees them: family name first, then number, age and sex."""

    name: str
    number: str
    age: int | None
    age_sex: str

    @property
    def age_unknown(self) -> bool:
        """The headers do not say, or contradict each other."""
        return self.age is None


class PatientHeaders(Protocol):
    """Anything that carries a patient's headers as sent: a study's row, a referral's row."""

    PatientID: str
    IssuerOfPatientID: str
    PatientName: str
    PatientBirthDate: str
    PatientSex: str


def patient_of(row: PatientHeaders) -> Patient:
    """The patient that a row speaks of; a row without PatientAge has none."""
    return Patient(
        PatientID=row.PatientID,
        IssuerOfPatientID=row.IssuerOfPatientID,
        PatientName=row.PatientName,
        PatientBirthDate=row.PatientBirthDate,
        PatientSex=row.PatientSex,
        PatientAge=getattr(row, "PatientAge", ""),
    )


def person_aged(patient: Patient, age: int | None) -> Person:
    """Name (PN, PS3.5 section 6.2.1: components split by ^), PatientID, and an age that was worked out."""
    years = f"{age} y" if age is not None else "age ?"
    sex = _SEX.get(patient.PatientSex.strip().upper(), "sex not stated")
    return Person(written_name(patient.PatientName) or patient.PatientID, patient.PatientID, age, f"{years}, {sex}")


def written_name(PatientName: str) -> str:
    """ "DOE^JANE^^DR" as "DOE, Jane": family name as sent, given names with capitals, no ideographic groups."""
    family, _, rest = PatientName.split("=", maxsplit=1)[0].partition("^")
    given = " ".join(part for part in rest.split("^")[:2] if part.strip())
    given = given.title() if given.isupper() else given
    return ", ".join(part.strip() for part in (family, given) if part.strip())


def written_date(DA: str) -> str:
    """A DICOM date as "12 Nov 2026"; as sent where it is none."""
    day = parse_date(DA)
    return plain_date(day) if day else DA


class Death(Protocol):
    """The hospital's word that somebody has died, perhaps with the day."""

    @property
    def on(self) -> date | None:
        """The day, None where it was not said."""


def died_words(death: Death | None) -> str:
    """ "has died on 12 Nov 2026"; empty where the hospital does not say so."""
    if death is None:
        return ""
    return f"has died on {plain_date(death.on)}" if death.on else "has died"


def plain_date(day: date) -> str:
    """ "12 Nov 2026"."""
    return f"{day.day} {day:%b %Y}"
