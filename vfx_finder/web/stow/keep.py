"""One file that came by STOW-RS: checked and kept as if it had come by C-STORE. Never raises for one bad file."""

from dataclasses import dataclass

import structlog

from vfx_finder.actions.keeping import Keeper, keep_and_record
from vfx_finder.dicom.accepted import STORAGE_CLASSES, TRANSFER_SYNTAXES
from vfx_finder.dicom.part10 import Announced, taken_apart
from vfx_finder.dicom.statuses import (
    OUT_OF_RESOURCES,
    SOP_CLASS_NOT_SUPPORTED,
    SUCCESS,
    TRANSFER_SYNTAX_NOT_SUPPORTED,
    status_of,
)
from vfx_finder.dicom.whole import DoesNotMatch, checked
from vfx_finder.domain.errors import Unreadable, VfxError
from vfx_finder.domain.identity import Uid

log = structlog.get_logger(__name__)

NOTHING = Announced("", "", "")


@dataclass(frozen=True)
class Outcome:
    """What became of one file. `announced` is empty where it does not say what it is; `reason` 0 = kept."""

    announced: Announced
    reason: int

    @property
    def kept(self) -> bool:
        """Whether the sender may forget it."""
        return self.reason == SUCCESS


@dataclass(frozen=True)
class Delivery:
    """How the files of one request are kept: for whom, and of which study where the address names one."""

    keeper: Keeper
    calling: str
    study: str = ""


class _NotTaken(Unreadable):
    def __init__(self, reason: int) -> None:
        super().__init__("This kind of object or transfer syntax is not taken.")
        self.reason = reason


def keep(file: bytes | None, delivery: Delivery) -> Outcome:
    """Keep one DICOM file and make its row. None = it was larger than this system takes."""
    if file is None:
        return Outcome(NOTHING, OUT_OF_RESOURCES)
    announced = NOTHING
    try:
        announced, dataset = taken_apart(file)
        _keep(announced, dataset, delivery)
    except VfxError as error:
        reason = error.reason if isinstance(error, _NotTaken) else status_of(error)
        log.warning("instance-refused", why=str(error), status=f"0x{reason:04X}")
        return Outcome(_named(announced), reason)
    except Exception as error:  # noqa: BLE001 - the edge of the web process: one bad file stops nobody
        # Only the kind: a message of a library may quote the dataset.
        log.error("instance-failed", kind=type(error).__name__)
        return Outcome(_named(announced), status_of(error))
    return Outcome(announced, SUCCESS)


def _keep(announced: Announced, dataset: bytes, delivery: Delivery) -> None:
    if announced.SOPClassUID not in STORAGE_CLASSES:
        raise _NotTaken(SOP_CLASS_NOT_SUPPORTED)
    if announced.TransferSyntaxUID not in TRANSFER_SYNTAXES:
        raise _NotTaken(TRANSFER_SYNTAX_NOT_SUPPORTED)
    header, content = checked(announced, dataset)
    if delivery.study and header.StudyInstanceUID != delivery.study:
        raise DoesNotMatch("The instance belongs to another study than the address.")
    keep_and_record(delivery.keeper, header, content, calling=delivery.calling)


def _named(announced: Announced) -> Announced:
    """The same where its UIDs are some, else nothing: what a response repeats is well formed."""
    try:
        Uid(announced.SOPClassUID), Uid(announced.SOPInstanceUID)
    except VfxError:
        return NOTHING
    return announced
