"""C-STORE: one instance is checked, kept, recorded, and only then acknowledged.

File first, row second, status third. A crash in between leaves a file without a row, never a row without a file,
and never an acknowledged instance that is gone. Nothing is decoded beyond the header: work here makes senders
time out.
"""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import cast

import structlog
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event

from dicom_listener.completeness import check_inflates, check_pixels
from dicom_listener.part10 import file_of
from dicom_listener.statuses import CANNOT_UNDERSTAND, SUCCESS, DoesNotMatch, comment_of, status_of
from vfx_finder.dicom.headers import Header, header_of, read_dataset, read_header
from vfx_finder.domain.errors import VfxError
from vfx_finder.domain.identity import Uid
from vfx_finder.domain.study import Instance
from vfx_finder.spool import Spool

log = structlog.get_logger(__name__)

C_STORE_RQ = 0x0001
"""Command Field (0000,0100) of a C-STORE request, DICOM PS3.7 annex E.1."""

Receive = Callable[[Instance], object]
"""Makes the row of an instance; done when it returns, to be tried again by the sender when it raises."""


@dataclass(frozen=True)
class Keeper:
    """Where instances go: their bytes to the spool, their row to `receive`."""

    spool: Spool
    receive: Receive


def on_c_store(event: Event, keeper: Keeper) -> Dataset:
    """The C-STORE response (DICOM PS3.4 annex B) to this request. Never raises: one bad instance stops nobody."""
    try:
        _keep_and_record(event, keeper)
    except VfxError as error:
        log.warning("instance-refused", why=str(error), status=f"0x{status_of(error):04X}")
        return _answer(status_of(error), comment_of(error))
    except Exception as error:  # noqa: BLE001 - one of the four edges where nothing may escape
        # Only the kind: a message of a library may quote the dataset.
        log.error("instance-failed", kind=type(error).__name__, status=f"0x{status_of(error):04X}")
        return _answer(status_of(error), comment_of(error))
    return _answer(SUCCESS)


def on_incomplete_request(event: Event) -> None:
    """Answer a C-STORE request without the UIDs it must have (DICOM PS3.7 table 9.3-1).

    pynetdicom drops such a request without a word, and the sender would wait for ever. Called for every message.
    """
    message = event.message
    command = message.command_set
    if command.get("CommandField") != C_STORE_RQ or not command.get("MessageID"):
        return
    if command.get("AffectedSOPClassUID") and command.get("AffectedSOPInstanceUID"):
        return
    context = message.context_id
    if context is None:  # only a message that is being sent has none yet
        return
    answer = C_STORE()
    answer.MessageIDBeingRespondedTo = command.MessageID
    answer.Status = CANNOT_UNDERSTAND
    log.warning("request-without-uid", status=f"0x{CANNOT_UNDERSTAND:04X}")
    event.assoc.dimse.send_msg(answer, context)


def _keep_and_record(event: Event, keeper: Keeper) -> None:
    content = file_of(event)
    header = _checked_header(event, content)
    kept = keeper.spool.keep(Uid(header.SOPInstanceUID), content)
    calling = str(event.assoc.requestor.ae_title).strip()
    if kept.differs:
        log.warning("other-bytes-for-a-kept-instance", path=kept.path)
        first = read_header(keeper.spool.path_of(kept.path))
        keeper.receive(first.received(path=kept.path, sha256=kept.sha256, calling=calling))
    # After a difference the ledger hears what was offered, and notes it; it keeps its row of the first.
    keeper.receive(header.received(path=kept.path, sha256=kept.offered, calling=calling))


def _checked_header(event: Event, content: bytes) -> Header:
    """The header of a whole dataset that is the announced instance; otherwise raise `Unreadable`."""
    transfer_syntax = str(event.context.transfer_syntax)
    deflated = transfer_syntax == DeflatedExplicitVRLittleEndian
    if deflated:
        check_inflates(event.encoded_dataset(include_meta=False))
    stream = BytesIO(content)
    header = header_of(read_dataset(stream))
    if not deflated:
        check_pixels(stream, transfer_syntax)
    announced = cast(C_STORE, event.request)
    if not header.SOPClassUID == announced.AffectedSOPClassUID == event.context.abstract_syntax:
        raise DoesNotMatch("Dataset, request and presentation context differ in SOP Class.")
    if header.SOPInstanceUID != announced.AffectedSOPInstanceUID:
        raise DoesNotMatch("The dataset is another instance than the request.")
    return header


def _answer(status: int, comment: str = "") -> Dataset:
    response = Dataset()
    response.Status = status
    if comment:
        response.ErrorComment = comment
    return response
