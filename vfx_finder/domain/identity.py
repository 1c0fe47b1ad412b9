"""Identifiers that are validated once and never empty."""

import re
from dataclasses import dataclass

from vfx_finder.domain.errors import Unreadable

_UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+", re.ASCII)
_UID_MAX = 64


@dataclass(frozen=True, order=True)
class Uid:
    """A DICOM unique identifier (PS3.5 section 9.1): digits and dots, at most 64 characters, no leading zeros.

    Raises `Unreadable` for anything else.
    """

    value: str

    def __post_init__(self) -> None:
        if len(self.value) > _UID_MAX or not _UID.fullmatch(self.value):
            raise Unreadable("A UID is missing or malformed.")

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class PatientRef:
    """Who a study belongs to: PatientID together with its issuer (PS3.3 C.2.1). PatientID is never empty.

    Raises `Unreadable` when PatientID is empty.
    """

    PatientID: str
    IssuerOfPatientID: str = ""

    def __post_init__(self) -> None:
        if not self.PatientID.strip():
            raise Unreadable("PatientID is missing.")
