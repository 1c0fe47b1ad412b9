"""Radiology reports as their system sends them (HL7 v2.5.1 chapter 7, ORU^R01)."""

from collections.abc import Iterator, Sequence
from itertools import takewhile

from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.hospital import ReportTold
from vfx_finder.domain.identity import PatientRef, Uid
from vfx_finder.interop.hl7 import Message, Segment
from vfx_finder.interop.patient import moment, numbers

IMAGING = frozenset({"", "RAD", "RX", "CT", "XRC", "RUS", "OUS", "NMR", "NMS", "RT", "VUS", "CUS", "DX", "CR", "MR"})
"""OBR-24 (table 0074, and modalities as some send them) of a department of imaging; empty is taken to be one."""

_TEXT_TYPES = ("TX", "FT", "ST", "")
_STUDY_UID = ("113014", "DICOM Study")
"""OBX-3 of a StudyInstanceUID: DCM 113014 (IHE RAD, Results Distribution)."""
_LONGEST_NUMBER = 64


def reports(message: Message) -> tuple[ReportTold, ...]:
    """Every report of imaging in a message, one for each OBR; `text` is empty where it has none."""
    found = []
    for pid, *following in message.groups("PID"):
        who = numbers(pid, 3)
        found += [_report(who, order, group) for order, group in _orders(following)]
    return tuple(one for one in found if one is not None)


def _orders(segments: Sequence[Segment]) -> Iterator[tuple[Segment | None, Sequence[Segment]]]:
    """Each OBR with what belongs to it, and the ORC before it."""
    order = None
    for at, segment in enumerate(segments):
        order = segment if segment.name == "ORC" else order
        if segment.name == "OBR":
            following = takewhile(lambda one: one.name not in ("OBR", "ORC"), segments[at + 1 :])
            yield order, (segment, *following)


def _report(who: tuple[PatientRef, ...], order: Segment | None, group: Sequence[Segment]) -> ReportTold | None:
    obr, *following = group
    if obr.text(24).upper() not in IMAGING:
        return None
    results = [one for one in following if one.name == "OBX"]
    return ReportTold(
        identifiers=who,
        accessions=_accessions(obr, order, following),
        StudyInstanceUID=_study(results, following),
        status=obr.text(25).upper()[:8],
        reported_at=moment(obr.text(22)) or moment(obr.text(7)),
        text="\n".join(_lines(results)).strip(),
    )


def _accessions(obr: Segment, order: Segment | None, following: Sequence[Segment]) -> tuple[str, ...]:
    """OBR-18 and IPC-1 as IHE RAD says, then filler and placer order numbers, where many departments put it."""
    procedure = next((one for one in following if one.name == "IPC"), None)
    found = [obr.text(18), procedure.text(1) if procedure else "", obr.text(3)]
    found += [order.text(3) if order else "", obr.text(2), order.text(2) if order else ""]
    if any(len(one) > _LONGEST_NUMBER for one in found):
        raise Unreadable("An order number is longer than any.")
    return tuple(dict.fromkeys(one for one in found if one))


def _study(results: Sequence[Segment], following: Sequence[Segment]) -> str:
    told = [one.text(5) for one in results if one.text(3, 1) == _STUDY_UID[0] or one.text(3, 2) == _STUDY_UID[1]]
    told += [one.text(1) for one in following if one.name == "ZDS"]
    return next((uid for uid in told if _is_uid(uid)), "")


def _is_uid(text: str) -> bool:
    try:
        Uid(text)
    except Unreadable:
        return False
    return True


def _lines(results: Sequence[Segment]) -> list[str]:
    texts = [one for one in results if one.text(2).upper() in _TEXT_TYPES and one.text(3, 1) != _STUDY_UID[0]]
    # A repeated text field is one line after another (7.4.2.5).
    return ["\n".join(_repeated(one)) for one in texts]


def _repeated(obx: Segment) -> list[str]:
    parts = obx.raw(5).split(obx.delimiters.repetition)
    return [Segment("OBX", ("OBX", part), obx.delimiters, obx.codec).whole(1) for part in parts]
