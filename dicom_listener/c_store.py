"""C-STORE: one instance is checked, kept, recorded, and only then acknowledged.

File first, row second, status third. A crash in between leaves a file without a row, never a row without a file,
and never an acknowledged instance that is gone. Nothing is decoded beyond the header: work here makes senders
time out.
"""

from dataclasses import dataclass

import structlog

from vfx_finder.actions.keeping import Keeper, keep_and_record
from vfx_finder.dicom.part10 import Announced
from vfx_finder.dicom.statuses import SUCCESS, comment_of, status_of
from vfx_finder.dicom.whole import DoesNotMatch, checked
from vfx_finder.domain.errors import Retry, Unreadable, VfxError
from vfx_finder.domain.sender import Refused

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Arrival:
    """One instance as it was sent: what the request announced, the presentation context, the encoded dataset in pieces.

    `dataset` is None where it was too large and not kept.
    """

    announced: Announced
    abstract_syntax: str
    dataset: tuple[bytes, ...] | None
    calling: str


@dataclass(frozen=True)
class Answer:
    """The status of a response, what the sender may read about it, and what an operator should see counted."""

    status: int
    comment: str = ""
    refused: Refused | None = None


def on_c_store(arrival: Arrival, keeper: Keeper) -> Answer:
    """The C-STORE response (DICOM PS3.4 annex B) to this request. Never raises: one bad instance stops nobody."""
    try:
        _keep_and_record(arrival, keeper)
    except VfxError as error:
        status = status_of(error)
        log.warning("instance-refused", why=str(error), status=f"0x{status:04X}")
        return Answer(status, comment_of(error), _counted_as(error))
    except Exception as error:  # noqa: BLE001 - one of the four edges where nothing may escape
        # Only the kind: a message of a library may quote the dataset.
        log.error("instance-failed", kind=type(error).__name__, status=f"0x{status_of(error):04X}")
        return Answer(status_of(error), comment_of(error))
    return Answer(SUCCESS)


def _keep_and_record(arrival: Arrival, keeper: Keeper) -> None:
    announced = arrival.announced
    if not announced.SOPClassUID or not announced.SOPInstanceUID:  # PS3.7 table 9.3-1: both are mandatory
        raise Unreadable("The request does not say which instance it is.")
    if arrival.dataset is None:
        raise TooLarge("The instance is larger than this system takes.")
    if announced.SOPClassUID != arrival.abstract_syntax:
        raise DoesNotMatch("Dataset, request and presentation context differ in SOP Class.")
    header, content = checked(announced, *arrival.dataset)
    keep_and_record(keeper, header, content, calling=arrival.calling)


class TooLarge(Retry):
    """More bytes than the settings allow: out of resources, as far as the sender is concerned."""


def _counted_as(error: VfxError) -> Refused | None:
    if isinstance(error, TooLarge):
        return Refused.TOO_LARGE
    if isinstance(error, Unreadable):
        return Refused.DAMAGED
    return Refused.NO_SPACE if isinstance(error, Retry) else None
