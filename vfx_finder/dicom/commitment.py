"""Storage commitment: the two datasets of DICOM PS3.4 annex J, from and to plain facts."""

from collections.abc import Iterable

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from vfx_finder.domain.commitment import Asked, Reference, Report
from vfx_finder.domain.delivery import Proof
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.identity import Uid

FAILURE_REASONS = {
    0x0110: "processing failure",
    0x0112: "no such object instance",
    0x0119: "class and instance do not belong together",
    0x0122: "SOP Class not supported",
    0x0131: "duplicate transaction UID",
    0x0213: "resource limitation",
}
"""Failure Reason (0008,1197), DICOM PS3.3 section C.14.1.1."""


def reason_words(reason: int) -> str:
    """A Failure Reason in words with its number."""
    return f"{FAILURE_REASONS.get(reason, 'reason not in the standard')} (0x{reason:04X})"


def request(TransactionUID: str, instances: Iterable[tuple[str, str]]) -> Dataset:
    """The Action Information of an N-ACTION request (PS3.4 table J.3-1) for pairs of SOP Class and Instance UID."""
    asked = Dataset()
    asked.TransactionUID = TransactionUID
    asked.ReferencedSOPSequence = Sequence([_reference(*pair) for pair in instances])
    return asked


def proof_of(report: Dataset) -> Proof:
    """What the Event Information of an N-EVENT-REPORT says (PS3.4 table J.3-2).

    Raises `Unreadable` for one without a valid Transaction UID, or an item that names no instance.
    """
    try:
        transaction = str(Uid(str(report.get("TransactionUID", ""))))
        committed = frozenset(_instance(item) for item in report.get("ReferencedSOPSequence", None) or ())
        failed = tuple(
            (_instance(item), int(item.get("FailureReason", 0x0110)))
            for item in report.get("FailedSOPSequence", None) or ()
        )
    except (AttributeError, TypeError, ValueError):
        raise Unreadable("A storage commitment result is malformed.") from None
    return Proof(transaction, committed - {uid for uid, _ in failed}, failed)


def asked_of(request: Dataset) -> Asked:
    """What the Action Information of an N-ACTION request asks for (PS3.4 table J.3-1), each instance once.

    Raises `Unreadable` for one without a valid Transaction UID, without instances, or with a malformed UID.
    """
    try:
        transaction = str(Uid(str(request.get("TransactionUID", ""))))
        items = request.get("ReferencedSOPSequence", None) or ()
        references = tuple(dict.fromkeys(Reference(_class(item), _instance(item)) for item in items))
    except (AttributeError, TypeError, ValueError):
        raise Unreadable("A storage commitment request is malformed.") from None
    if not references:
        raise Unreadable("A storage commitment request names no instance.")
    return Asked(transaction, references)


def report(told: Report) -> Dataset:
    """The Event Information of an N-EVENT-REPORT request (PS3.4 table J.3-2); an empty sequence is left out."""
    event = Dataset()
    event.TransactionUID = told.TransactionUID
    if told.committed:
        kept = [_reference(one.SOPClassUID, one.SOPInstanceUID) for one in told.committed]
        event.ReferencedSOPSequence = Sequence(kept)
    if told.failed:
        items = [_reference(one.SOPClassUID, one.SOPInstanceUID) for one, _ in told.failed]
        for item, (_, reason) in zip(items, told.failed, strict=True):
            item.FailureReason = int(reason)
        event.FailedSOPSequence = Sequence(items)
    return event


def _class(item: Dataset) -> str:
    return str(Uid(str(item.get("ReferencedSOPClassUID", ""))))


def _reference(SOPClassUID: str, SOPInstanceUID: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = SOPClassUID
    item.ReferencedSOPInstanceUID = SOPInstanceUID
    return item


def _instance(item: Dataset) -> str:
    return str(Uid(str(item.get("ReferencedSOPInstanceUID", ""))))
