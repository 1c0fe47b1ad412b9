"""The one table from what went wrong to the DICOM status that the sender sees, by C-STORE and by STOW-RS alike."""

from vfx_finder.dicom.whole import DoesNotMatch
from vfx_finder.domain.errors import Broken, NotAllowed, Retry, Unreadable, VfxError, WrongState

SUCCESS = 0x0000

OUT_OF_RESOURCES = 0xA700
DOES_NOT_MATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000
"""C-STORE failures of DICOM PS3.4 table B.2-1; STOW-RS gives the same as Failure Reason (PS3.18 annex I)."""

PROCESSING_FAILURE = 0x0110
NOT_AUTHORIZED = 0x0124
UNRECOGNISED_OPERATION = 0x0211
"""Failures any service may answer, DICOM PS3.7 annex C.5."""

SOP_CLASS_NOT_SUPPORTED = 0x0122
TRANSFER_SYNTAX_NOT_SUPPORTED = 0xC122
"""Failure Reasons of STOW-RS, where no presentation context was negotiated before (PS3.18 table I.2-2)."""

_COMMENT_MAX = 64
"""Error Comment (0000,0902) is an LO, DICOM PS3.5 table 6.2-1."""


STATUS_OF: tuple[tuple[type[VfxError], int], ...] = (
    (DoesNotMatch, DOES_NOT_MATCH),
    (Unreadable, CANNOT_UNDERSTAND),
    (Retry, OUT_OF_RESOURCES),
    (NotAllowed, NOT_AUTHORIZED),
    (WrongState, PROCESSING_FAILURE),
    (Broken, PROCESSING_FAILURE),
)
"""First match wins, so the narrower type stands first."""


def status_of(error: BaseException) -> int:
    """The status for this error; what has no name here is a processing failure, so that the sender tries again."""
    return next((status for kind, status in STATUS_OF if isinstance(error, kind)), PROCESSING_FAILURE)


def comment_of(error: BaseException) -> str:
    """One line for the sender's log. Only errors that this system names say anything about themselves."""
    return str(error)[:_COMMENT_MAX] if isinstance(error, VfxError) else "Internal error, see the receiver's log."
