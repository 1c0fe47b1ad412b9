"""What arrives: every acknowledged instance has its row, and a study that has gone quiet is given to the worker."""

import hashlib
import uuid
from datetime import datetime, timedelta
from enum import StrEnum

from django.db import transaction

from vfx_finder.actions._trail import Act, tell
from vfx_finder.actions.jobs import ask_for_analysis
from vfx_finder.dicom.headers import read_header
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.flow import CaseState, move_case
from vfx_finder.domain.identity import Uid
from vfx_finder.domain.roles import Permission
from vfx_finder.domain.study import Instance, Reason
from vfx_finder.ledger import queries
from vfx_finder.ledger.models import Case, StoredInstance
from vfx_finder.spool import Spool

PATIENT_HEADERS = ("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex", "PatientAge")
STUDY_HEADERS = ("StudyDate", "StudyDescription", "AccessionNumber", "ReferringPhysicianName", "Modality")

LONGEST = {
    "PatientID": 256,
    "IssuerOfPatientID": 256,
    "PatientName": 512,
    "PatientBirthDate": 32,
    "PatientSex": 32,
    "PatientAge": 32,
    "StudyDate": 32,
    "StudyDescription": 256,
    "SeriesDescription": 256,
    "AccessionNumber": 64,
    "ReferringPhysicianName": 512,
    "Modality": 32,
}
"""Characters that a row holds; DICOM allows fewer (PS3.5 section 6.2)."""


class Receipt(StrEnum):
    """What became of a received instance. All three are success for the sender."""

    NEW = "new"
    DUPLICATE = "duplicate"
    AFTER_REVIEW = "after-review"


def receive(instance: Instance, actor: Actor, now: datetime, settle_seconds: float) -> Receipt:
    """Write the row of one instance whose bytes already lie in the spool.

    The first instance of a study opens its case. A late one re-opens a finished case, unless a person has signed it:
    then the instance is kept and listed, and a human decides. An instance that is already there changes nothing.
    Raises `NotAllowed` for an actor who may not receive, `Unreadable` for a malformed UID.
    """
    actor.must(Permission.RECEIVE)
    for uid in (instance.StudyInstanceUID, instance.SeriesInstanceUID, instance.SOPInstanceUID):
        Uid(uid)
    act = Act(actor, now)
    with transaction.atomic():
        case = _case_of(instance, act, settle_seconds)
        known = StoredInstance.objects.filter(SOPInstanceUID=instance.SOPInstanceUID).first()
        if known is not None:
            if known.sha256 != instance.sha256:
                tell(act, "duplicate-with-other-bytes", case, {"instance": known.pk, "sha256": instance.sha256})
            return Receipt.DUPLICATE
        _store(instance, case, now)
        return _note_arrival(case, act, settle_seconds)


def settle_due(now: datetime, actor: Actor | None = None) -> int:
    """Settle every study that has been quiet long enough, its analysis asked for in the same transaction.

    Returns how many. Safe to run in several processes at once: each study is settled by one of them.
    """
    act = Act(actor or Actor.process("settler"), now)
    act.actor.must(Permission.RECEIVE)
    with transaction.atomic():
        due = Case.objects.select_for_update(skip_locked=True).filter(state=CaseState.RECEIVING, settle_due_at__lte=now)
        cases = list(due.order_by("settle_due_at"))
        for case in cases:
            _settle(case, act)
    return len(cases)


def sweep_orphans(spool: Spool, before: datetime, now: datetime, settle_seconds: float) -> int:
    """Give a row to every file kept before this moment that has none: its listener died between file and row.

    Returns how many. A file that is no DICOM stays where it is and is not counted; it was never acknowledged.
    """
    sweeper = Actor.process("sweeper")
    return sum(
        _adopt(spool, path, (sweeper, now, settle_seconds)) for path in spool.orphans(queries.known_paths, before)
    )


def revive_stranded(now: datetime) -> int:
    """Ask again for the analysis of every settled study that has no job any more; returns how many."""
    act = Act(Actor.process("sweeper"), now)
    stranded = queries.stranded()
    for case in stranded:
        with transaction.atomic():
            tell(act, "revived", case, {"generation": case.generation})
            ask_for_analysis(case)
    return len(stranded)


def _adopt(spool: Spool, path: str, how: tuple[Actor, datetime, float]) -> bool:
    file = spool.path_of(path)
    try:
        header = read_header(file)
    except Unreadable:
        return False
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    receive(header.received(path=path, sha256=sha256, calling="(found in the spool)"), *how)
    return True


def _settle(case: Case, act: Act) -> None:
    """The case complete; its job beside it, unless its instances name different patients: that is for a person."""
    case.state = move_case(CaseState(case.state), CaseState.SETTLED)
    case.settle_due_at, case.settled_at = None, act.now
    instances = StoredInstance.objects.filter(case=case).count()
    tell(act, "settled", case, {"generation": case.generation, "instances": instances})
    if case.patient_conflict:
        case.state = move_case(CaseState(case.state), CaseState.UNSUITABLE)
        case.finished_at = act.now
        case.reason, case.detail = (
            Reason.PATIENT_CONFLICT,
            "Its instances name different patients; nothing was analysed.",
        )
        tell(act, "unsuitable", case, {"reason": case.reason})
    case.save()
    if case.state == CaseState.SETTLED:
        ask_for_analysis(case)


def _case_of(instance: Instance, act: Act, settle_seconds: float) -> Case:
    """The locked case of this instance's study, opened now if this is its first instance."""
    headers = {name: getattr(instance.patient, name) for name in PATIENT_HEADERS}
    headers |= {name: getattr(instance, name) for name in STUDY_HEADERS}
    defaults = _fitting(headers) | {
        "correlation_id": uuid.uuid4().hex,
        "calling": instance.calling,
        "received_at": act.now,
        "last_instance_at": act.now,
        "settle_due_at": act.now + timedelta(seconds=settle_seconds),
    }
    case, opened = Case.objects.select_for_update().get_or_create(
        StudyInstanceUID=instance.StudyInstanceUID, defaults=defaults
    )
    if opened:
        tell(act, "received", case, {"calling": instance.calling, "modality": case.Modality})
    elif not case.patient_conflict and _names_somebody_else(case, instance):
        case.patient_conflict = True
        case.save(update_fields=["patient_conflict"])
        tell(act, "patient-conflict", case, {"calling": instance.calling})
    return case


def _fitting(headers: dict[str, str]) -> dict[str, str]:
    """Header values as sent, but without NUL (PostgreSQL has none) and cut where a sender breaks DICOM's own limits."""
    return {name: value.replace("\x00", "")[: LONGEST[name]] for name, value in headers.items()}


def _names_somebody_else(case: Case, instance: Instance) -> bool:
    """Another PatientID, or another issuer where both name one."""
    sent = _fitting({name: getattr(instance.patient, name) for name in ("PatientID", "IssuerOfPatientID")})
    issuers = {case.IssuerOfPatientID, sent["IssuerOfPatientID"]} - {""}
    return case.PatientID != sent["PatientID"] or len(issuers) > 1


def _store(instance: Instance, case: Case, now: datetime) -> None:
    StoredInstance.objects.create(
        case=case,
        SOPInstanceUID=instance.SOPInstanceUID,
        SOPClassUID=instance.SOPClassUID,
        SeriesInstanceUID=instance.SeriesInstanceUID,
        SeriesDescription=_fitting({"SeriesDescription": instance.SeriesDescription})["SeriesDescription"],
        Modality=_fitting({"Modality": instance.Modality})["Modality"],
        path=instance.path,
        sha256=instance.sha256,
        calling=instance.calling,
        received_at=now,
    )


def _note_arrival(case: Case, act: Act, settle_seconds: float) -> Receipt:
    """The case after one more instance: its clock starts anew, unless its review has been signed."""
    case.last_instance_at = max(act.now, case.last_instance_at)
    if case.state == CaseState.REVIEWED:
        case.instances_after_review += 1
        case.save(update_fields=["last_instance_at", "instances_after_review"])
        tell(act, "instance-after-review", case, {"count": case.instances_after_review})
        return Receipt.AFTER_REVIEW
    if case.state != CaseState.RECEIVING:
        _reopen(case, act)
    case.settle_due_at = act.now + timedelta(seconds=settle_seconds)
    case.save()
    return Receipt.NEW


def _reopen(case: Case, act: Act) -> None:
    was = case.state
    case.state = move_case(CaseState(was), CaseState.RECEIVING)
    case.generation += 1
    case.forget_result()
    tell(act, "reopened", case, {"was": was, "generation": case.generation})
