"""What is done with a message that is neither an image nor an echo: N-ACTION and N-EVENT-REPORT, by their handlers.

Handlers are written as pynetdicom's are: they get its `Event` (with `.request`, `.context`, `.action_information`,
`.assoc.requestor`) and return a status, or a status and a dataset.
"""

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import structlog
from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.dimse_messages import DIMSEMessage
from pynetdicom.dimse_primitives import N_ACTION, N_EVENT_REPORT
from pynetdicom.dsutils import decode, encode
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.presentation import PresentationContext

from dicom_listener.dimse import (
    AFFECTED_CLASS,
    AFFECTED_INSTANCE,
    DATASET_TYPE,
    EVENT_TYPE,
    FIELD,
    MESSAGE_ID,
    N_ACTION_RQ,
    N_EVENT_REPORT_RQ,
    NO_DATASET,
    Message,
    command_set,
    number,
    text,
)
from vfx_finder.dicom.statuses import PROCESSING_FAILURE, UNRECOGNISED_OPERATION
from vfx_finder.domain.errors import VfxError

log = structlog.get_logger(__name__)

Handler = tuple[Callable[..., Any], list[Any]]
Handlers = Mapping[Any, Handler]
"""By pynetdicom's event: the handler, and what it gets after the event."""

EVENT_OF = {N_ACTION_RQ: evt.EVT_N_ACTION, N_EVENT_REPORT_RQ: evt.EVT_N_EVENT_REPORT}
_HAS_DATASET = 0x0001


def serve(message: Message, context: PresentationContext, link: Any, handlers: Handlers) -> int:
    """The status that answers this request; `link` becomes the event's `assoc`. Never raises."""
    field = message.command.number(FIELD)
    event = EVENT_OF.get(field) if field is not None else None
    if event is None or event not in handlers:
        return UNRECOGNISED_OPERATION
    handler, arguments = handlers[event]
    try:
        request = _primitive_of(message)
        answer = handler(evt.Event(link, event, {"request": request, "context": context.as_tuple}), *arguments)
    except Exception as error:  # noqa: BLE001 - one of the four edges where nothing may escape
        kind = str(error) if isinstance(error, VfxError) else type(error).__name__
        log.error("service-failed", service=event.name, kind=kind)
        return PROCESSING_FAILURE
    return _status_in(answer)


def event_report(message_id: int, event_type: int, sop_class: str, instance: str) -> bytes:
    """The command set of an N-EVENT-REPORT request with a dataset (PS3.7 section 10.3.1.1)."""
    return command_set(
        {
            AFFECTED_CLASS: text(sop_class),
            FIELD: number(N_EVENT_REPORT_RQ),
            MESSAGE_ID: number(message_id),
            DATASET_TYPE: number(_HAS_DATASET),
            AFFECTED_INSTANCE: text(instance),
            EVENT_TYPE: number(event_type),
        }
    )


def encoded(dataset: Dataset, context: PresentationContext) -> bytes:
    """A dataset in the transfer syntax that was agreed. Raises `ValueError` for one that cannot be encoded."""
    syntax = context.transfer_syntax[0]
    content = encode(dataset, syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated)
    if content is None:
        raise ValueError("a dataset cannot be encoded")
    return content


def answer_in(message: Message) -> Dataset:
    """The command set of a response, as pynetdicom's senders return it."""
    return decode(BytesIO(message.command.encoded), True, True)


def _primitive_of(message: Message) -> N_ACTION | N_EVENT_REPORT:
    pieces = P_DATA()
    # Appended: the property's setter refuses the pairs that its type asks for.
    pieces.presentation_data_value_list.append((message.context_id, b"\x03" + message.command.encoded))
    if message.command.number(DATASET_TYPE) != NO_DATASET:
        pieces.presentation_data_value_list.append((message.context_id, b"\x02" + b"".join(message.dataset)))
    whole = DIMSEMessage()
    whole.decode_msg(pieces)
    primitive = whole.message_to_primitive()
    assert isinstance(primitive, N_ACTION | N_EVENT_REPORT)
    return primitive


def _status_in(answer: Any) -> int:
    status = answer[0] if isinstance(answer, tuple) else answer
    return int(status.Status) if isinstance(status, Dataset) else int(status)
