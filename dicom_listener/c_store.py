"""C-STORE: one instance is checked, kept, recorded, and only then acknowledged.

File first, row second, status third. A crash in between leaves a file without a row, never a row without a file,
and never an acknowledged instance that is gone. Nothing is decoded beyond the header: work here makes senders
time out.
"""

from typing import cast

import structlog
from pydicom.dataset import Dataset
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event

from dicom_listener.statuses import CANNOT_UNDERSTAND, SUCCESS, comment_of, status_of
from vfx_finder.actions.keeping import Keeper, keep_and_record
from vfx_finder.dicom.part10 import Announced
from vfx_finder.dicom.whole import DoesNotMatch, checked
from vfx_finder.domain.errors import VfxError

log = structlog.get_logger(__name__)

C_STORE_RQ = 0x0001
"""Command Field (0000,0100) of a C-STORE request, DICOM PS3.7 annex E.1."""


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
    request = cast(C_STORE, event.request)
    if request.AffectedSOPClassUID != event.context.abstract_syntax:
        raise DoesNotMatch("Dataset, request and presentation context differ in SOP Class.")
    announced = Announced(
        str(request.AffectedSOPClassUID), str(request.AffectedSOPInstanceUID), str(event.context.transfer_syntax)
    )
    header, content = checked(announced, event.encoded_dataset(include_meta=False))
    keep_and_record(keeper, header, content, calling=str(event.assoc.requestor.ae_title).strip())


def _answer(status: int, comment: str = "") -> Dataset:
    response = Dataset()
    response.Status = status
    if comment:
        response.ErrorComment = comment
    return response
