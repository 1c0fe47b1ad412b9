"""Patient administration: which patients a message merges, and what it says of one (HL7 v2.5.1 chapter 3)."""

from vfx_finder.domain.hospital import Merge
from vfx_finder.domain.identity import PatientRef
from vfx_finder.interop.hl7 import Message, Segment
from vfx_finder.interop.patient import numbers

CORRECTS = frozenset({"A08", "A31"})
"""Update of a patient's or a person's information."""
MERGES = frozenset({"A18", "A30", "A34", "A36", "A39", "A40", "A47"})
"""Merge of patients or persons, and change of a patient's numbers: the numbers in MRG become those in PID."""
UNMERGES = frozenset({"A24", "A37"})
"""Link and unlink of patients: never done by a machine here."""


def merges(message: Message) -> tuple[Merge, ...]:
    """Every pair of a surviving and an earlier number, PID with the MRG that follows it."""
    found: list[Merge] = []
    for pid, *following in message.groups("PID"):
        surviving = numbers(pid, 3)
        for merged in (segment for segment in following if segment.name == "MRG"):
            found += _pairs(surviving, merged)
    return tuple(dict.fromkeys(found))


def _pairs(surviving: tuple[PatientRef, ...], merged: Segment) -> list[Merge]:
    """Each earlier number goes to the surviving one of the same issuer, else to the first."""
    if not surviving:
        return []
    by_issuer = {ref.IssuerOfPatientID: ref for ref in reversed(surviving)}
    pairs = [Merge(by_issuer.get(earlier.IssuerOfPatientID, surviving[0]), earlier) for earlier in numbers(merged, 1)]
    return [pair for pair in pairs if pair.surviving != pair.earlier]
