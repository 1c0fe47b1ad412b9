"""How old a patient was on the day of the study, from what the DICOM headers say."""

import re
from datetime import date

from vfx_finder.domain.study import Patient

_DATE = re.compile(r"^(\d{4})\.?(\d{2})\.?(\d{2})$", re.ASCII)
_AGE = re.compile(r"^(\d{3})([DWMY])$", re.ASCII)
_DAYS_IN = {"D": 1.0, "W": 7.0, "M": 30.4375, "Y": 365.25}
_OLDEST = 120
_MAY_DIFFER = 1


def age_at_study(patient: Patient, StudyDate: str) -> int | None:
    """Whole years on the day of the study, or None where the headers do not say, or do not agree.

    Counted from PatientBirthDate to StudyDate (DA, PS3.5 section 6.2), else taken from PatientAge (AS, "049Y").
    Malformed, impossible (before birth, over 120) and contradicting (more than a year apart) values give None: the
    age is asked about then, never guessed.
    """
    counted = _years_between(parse_date(patient.PatientBirthDate), parse_date(StudyDate))
    stated = parse_age(patient.PatientAge)
    if counted is None or stated is None:
        return stated if counted is None else counted
    return counted if abs(counted - stated) <= _MAY_DIFFER else None


def parse_date(text: str) -> date | None:
    """A DICOM date (YYYYMMDD, or YYYY.MM.DD of the older standard), None where missing or malformed."""
    found = _DATE.match(text.strip())
    if found is None:
        return None
    year, month, day = (int(part) for part in found.groups())
    try:
        return date(year, month, day)
    except ValueError:
        return None


def parse_age(text: str) -> int | None:
    """Whole years from a DICOM age string (nnnD, nnnW, nnnM or nnnY, PS3.5 section 6.2), None where not one."""
    found = _AGE.match(text.strip())
    if found is None:
        return None
    number, unit = int(found.group(1)), found.group(2)
    years = number if unit == "Y" else int(number * _DAYS_IN[unit] / _DAYS_IN["Y"])
    return years if years <= _OLDEST else None


def _years_between(birth: date | None, study: date | None) -> int | None:
    if birth is None or study is None:
        return None
    before_birthday = (study.month, study.day) < (birth.month, birth.day)
    years = study.year - birth.year - before_birthday
    return years if 0 <= years <= _OLDEST else None
