"""Who is spoken to by DICOM, and what the numbers mean that it answers with."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.steps.line import USUAL, Patience

SUCCESS = 0x0000


@dataclass(frozen=True)
class Peer:
    """One DICOM application: where it is, the titles it is called by and with, and TLS where it asks for it."""

    host: str
    port: int
    called: str
    calling: str
    tls: ssl.SSLContext | None = None
    patience: Patience = USUAL


DUPLICATE = 0x0111
OUT_OF_RESOURCES = range(0xA700, 0xA800)
MISMATCH = range(0xA900, 0xAA00)
CANNOT_UNDERSTAND = range(0xC000, 0xD000)
WARNING = range(0xB000, 0xC000)

MEANING: Mapping[int, str] = {
    SUCCESS: "stored",
    0x0105: "no such attribute",
    0x0106: "invalid attribute value",
    0x0110: "processing failure",
    DUPLICATE: "an object with this UID is there already",
    0x0117: "invalid object instance",
    0x0122: "SOP Class not supported",
    0x0124: "not authorised",
    0x0210: "duplicate invocation",
    0x0211: "unrecognised operation",
    0x0212: "mistyped argument",
    0xB000: "stored, some values changed",
    0xB006: "stored, some elements left out",
    0xB007: "stored, though it does not match its SOP Class",
}
"""DICOM PS3.7 annex C and PS3.4 table B.2-1."""

HOPELESS = frozenset({0x0105, 0x0106, 0x0117, 0x0122, 0x0211, 0x0212})


def is_stored(status: int) -> bool:
    """Whether the peer has the object now: success, a warning, or that it had it before (UIDs here never mean two)."""
    return status in {SUCCESS, DUPLICATE} or status in WARNING


def is_hopeless(status: int) -> bool:
    """Whether the same object would be refused again."""
    return status in HOPELESS or status in MISMATCH or status in CANNOT_UNDERSTAND


def words_for(status: int) -> str:
    """A C-STORE status in words with its number."""
    return f"{_meaning(status)} (0x{status:04X})"


def _meaning(status: int) -> str:
    if status in MEANING:
        return MEANING[status]
    if status in OUT_OF_RESOURCES:
        return "out of resources"
    if status in MISMATCH:
        return "data set does not match its SOP Class"
    if status in CANNOT_UNDERSTAND:
        return "cannot understand the object"
    return "stored, with a warning" if status in WARNING else "refused"
