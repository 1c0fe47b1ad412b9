"""The rows of many instances at once, in as few statements as one takes: the hot path of everything that receives.

Locks are always taken in the same order, new studies before known ones and each by its UID, so that processes that
receive the same studies wait for one another and never in a circle.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.db import connection, transaction
from django.db.models import OuterRef, Subquery

from vfx_finder.actions._images_again import Back, is_late, take_back
from vfx_finder.actions._other_content import note_other_content
from vfx_finder.actions._trail import Act, tell
from vfx_finder.domain.flow import CaseState, move_case
from vfx_finder.domain.routing import gathered
from vfx_finder.domain.sender import FOUND
from vfx_finder.domain.study import Instance, Reason
from vfx_finder.ledger.models import Case, Sender, StoredInstance

PATIENT_HEADERS = ("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex", "PatientAge")
STUDY_HEADERS = (
    "StudyDate", "StudyDescription", "AccessionNumber", "ReferringPhysicianName", "Modality", "BodyPartExamined",
    "StationName",
)  # fmt: skip

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
    "BodyPartExamined": 64,
    "StationName": 64,
}
"""Characters that a row holds; DICOM allows fewer (PS3.5 section 6.2)."""

_INSERT = """
INSERT INTO ledger_storedinstance (
    case_id, "SOPInstanceUID", "SOPClassUID", "SeriesInstanceUID", "SeriesDescription", "Modality", path, sha256,
    calling, late, received_at
)
SELECT *, %s::timestamptz
FROM unnest(
    %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
    %s::boolean[]
)
ON CONFLICT DO NOTHING
RETURNING "SOPInstanceUID"
"""

_ARRIVAL = (
    "last_instance_at", "settle_due_at", "instances_after_review", "patient_conflict", "BodyPartExamined",
    "StationName", "calling", "images_removed_at",
)  # fmt: skip
"""What the arrival of an instance may change of a case that it does not open again."""


@dataclass(frozen=True)
class Arrivals:
    """Instances that arrived together: by whom and when, and how long their studies must then be quiet."""

    instances: Sequence[Instance]
    act: Act
    settle_seconds: float

    @cached_property
    def studies(self) -> dict[str, list[Instance]]:
        """The instances by StudyInstanceUID, studies in the order of their UIDs."""
        found: dict[str, list[Instance]] = {}
        for instance in sorted(self.instances, key=lambda one: one.StudyInstanceUID):
            found.setdefault(instance.StudyInstanceUID, []).append(instance)
        return found


@dataclass(frozen=True)
class Stored:
    """SOPInstanceUIDs that have their row, or their bytes again, since now.

    `again`: those among them whose images had been removed, and that came back with the same bytes.
    """

    uids: frozenset[str]
    again: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Taken:
    """What became of the arrivals: the instances that have a row since now, the studies that were signed before."""

    stored: frozenset[str]
    signed: frozenset[str]


def take_in(arrivals: Arrivals) -> Taken:
    """Write the rows in one transaction: instances, their cases, and what the audit trail says of them."""
    studies = arrivals.studies
    with transaction.atomic():
        cases = _locked(studies)
        if len(cases) == len(studies):
            return _written(arrivals, cases)
    # Nothing is locked here: a study is opened before any other is held.
    with transaction.atomic():
        _open(arrivals, studies)
        return _written(arrivals, _locked(studies))


def fitting(headers: Mapping[str, str]) -> dict[str, str]:
    """Header values as sent, but without NUL (PostgreSQL has none) and cut where a sender breaks DICOM's own limits."""
    return {name: value.replace("\x00", "")[: LONGEST[name]] for name, value in headers.items()}


def _locked(studies: Iterable[str]) -> dict[str, Case]:
    """The cases of these studies that exist, locked; each knows the settle time of the sender that opened it."""
    own = Sender.objects.filter(AETitle=OuterRef("calling"), enabled=True).values("settle_seconds")
    locked = Case.objects.select_for_update(of=("self",)).annotate(own_settle=Subquery(own))
    found = locked.filter(StudyInstanceUID__in=list(studies)).order_by("StudyInstanceUID")
    return {case.StudyInstanceUID: case for case in found}


def _open(arrivals: Arrivals, studies: Mapping[str, Sequence[Instance]]) -> None:
    """A case for each of these studies that has none; whoever else opens one at this moment is waited for."""
    act = arrivals.act
    known = set(Case.objects.filter(StudyInstanceUID__in=list(studies)).values_list("StudyInstanceUID", flat=True))
    fresh = [_case_of(sent[0], arrivals) for uid, sent in studies.items() if uid not in known]
    Case.objects.bulk_create(fresh, ignore_conflicts=True)
    ours = Case.objects.filter(correlation_id__in=[case.correlation_id for case in fresh])
    for case in ours.order_by("StudyInstanceUID"):
        tell(act, "received", case, {"calling": case.calling, "modality": case.Modality})


def _case_of(instance: Instance, arrivals: Arrivals) -> Case:
    headers = {name: getattr(instance.patient, name) for name in PATIENT_HEADERS}
    headers |= {name: getattr(instance, name) for name in STUDY_HEADERS}
    now = arrivals.act.now
    return Case(
        StudyInstanceUID=instance.StudyInstanceUID,
        correlation_id=uuid.uuid4().hex,
        calling=instance.calling,
        received_at=now,
        last_instance_at=now,
        settle_due_at=now + timedelta(seconds=arrivals.settle_seconds),
        **fitting(headers),
    )


def _written(arrivals: Arrivals, cases: Mapping[str, Case]) -> Taken:
    stored = _store(arrivals, cases)
    _compare_duplicates(arrivals, cases, stored.uids)
    for uid, sent in arrivals.studies.items():
        _note(cases[uid], sent, stored, arrivals)
    return Taken(stored.uids, frozenset(uid for uid, case in cases.items() if case.state == CaseState.REVIEWED))


def _store(arrivals: Arrivals, cases: Mapping[str, Case]) -> Stored:
    """Rows for those instances that have none, or whose image was removed. Of two with one UID the first is kept."""
    new = _insert(arrivals, cases)
    known = [one for one in arrivals.instances if one.SOPInstanceUID not in new]
    back = take_back(known, cases, arrivals.act) if known else Back()
    return Stored(new | back.uids, back.same)


def _insert(arrivals: Arrivals, cases: Mapping[str, Case]) -> frozenset[str]:
    ordered = sorted(arrivals.instances, key=lambda one: one.SOPInstanceUID)
    rows = [_row(instance, cases[instance.StudyInstanceUID]) for instance in ordered]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [arrivals.act.now, *(list(column) for column in zip(*rows, strict=True))])
        return frozenset(uid for (uid,) in cursor.fetchall())


def _row(instance: Instance, case: Case) -> tuple[Any, ...]:
    texts = fitting({"SeriesDescription": instance.SeriesDescription, "Modality": instance.Modality})
    return (
        case.pk,
        instance.SOPInstanceUID,
        instance.SOPClassUID,
        instance.SeriesInstanceUID,
        texts["SeriesDescription"],
        texts["Modality"],
        instance.path,
        instance.sha256,
        instance.calling,
        is_late(instance, case),
    )


def _compare_duplicates(arrivals: Arrivals, cases: Mapping[str, Case], stored: frozenset[str]) -> None:
    """Other bytes under a known UID are noted; the first ones stay."""
    fresh = {one.SOPInstanceUID: one.sha256 for one in reversed(arrivals.instances) if one.SOPInstanceUID in stored}
    doubted = [one for one in arrivals.instances if fresh.get(one.SOPInstanceUID) != one.sha256]
    if not doubted:
        return
    uids = [one.SOPInstanceUID for one in doubted]
    known = {row.SOPInstanceUID: row for row in StoredInstance.objects.filter(SOPInstanceUID__in=uids)}
    differing = [
        (cases[one.StudyInstanceUID], known[one.SOPInstanceUID], one)
        for one in doubted
        if one.SOPInstanceUID in known and known[one.SOPInstanceUID].sha256 != one.sha256
    ]
    note_other_content(differing, arrivals.act)


def _note(case: Case, sent: Sequence[Instance], stored: Stored, arrivals: Arrivals) -> None:
    """The case after these instances: its clock starts anew, unless its review has been signed."""
    act = arrivals.act
    # Our own results that an archive sent back are kept, and are nothing new to look at.
    taken = {one.SOPInstanceUID: one for one in sent if one.SOPInstanceUID in stored.uids}
    fresh = {uid: one for uid, one in taken.items() if not one.made_here}
    stranger = next((one for one in sent if _names_somebody_else(case, one)), None)
    if stranger is not None and not case.patient_conflict:
        case.patient_conflict = True
        tell(act, "patient-conflict", case, {"calling": stranger.calling})
    is_learned = case.calling == FOUND and _learn_sender(case, sent, act)
    if fresh:
        _gather(case, fresh.values())
        case.last_instance_at = max(act.now, case.last_instance_at)
        _restart_clock(case, len(fresh.keys() - stored.again), arrivals)
    elif is_learned and (case.reason == Reason.LEFT_OUT or case.state in (CaseState.RECEIVING, CaseState.SETTLED)):
        _restart_clock(case, 0, arrivals)  # the rules may say otherwise of this sender
    if taken:
        case.images_removed_at = None
    if taken or stranger is not None or is_learned:
        case.save(update_fields=_ARRIVAL)


def _learn_sender(case: Case, sent: Sequence[Instance], act: Act) -> bool:
    """Who sent a study that was found in the spool: whoever sends an image of it from now on, a known one too.

    Our own results that come back from an archive tell nothing.
    """
    known = [one for one in sent if one.calling != FOUND and not one.made_here]
    if not known:
        return False
    case.calling = known[0].calling
    own = Sender.objects.filter(AETitle=case.calling, enabled=True).values_list("settle_seconds", flat=True)
    case.own_settle = own.first()  # type: ignore[attr-defined] # as `_locked` does
    for one in known:
        StoredInstance.objects.filter(case=case, SOPInstanceUID=one.SOPInstanceUID, calling=FOUND).update(
            calling=one.calling
        )
    tell(act, "sender-learned", case, {"calling": case.calling})
    return True


def _restart_clock(case: Case, count: int, arrivals: Arrivals) -> None:
    if case.state == CaseState.REVIEWED and not count:
        return  # nothing but images that it was signed by, and that had been removed since
    if case.state == CaseState.REVIEWED:
        case.instances_after_review += count
        tell(arrivals.act, "instance-after-review", case, {"count": case.instances_after_review})
        return
    case.settle_due_at = _due(case, arrivals)
    if case.state != CaseState.RECEIVING:
        _reopen(case, arrivals.act)


def _due(case: Case, arrivals: Arrivals) -> datetime:
    own: float | None = case.own_settle  # type: ignore[attr-defined] # annotated by `_locked`
    return arrivals.act.now + timedelta(seconds=own or arrivals.settle_seconds)


def _reopen(case: Case, act: Act) -> None:
    was = case.state
    case.state = move_case(CaseState(was), CaseState.RECEIVING)
    case.generation += 1
    case.forget_result()
    case.save()
    tell(act, "reopened", case, {"was": was, "generation": case.generation})


def _gather(case: Case, fresh: Iterable[Instance]) -> None:
    """Every body part that the study's images name, and the first station."""
    for one in fresh:
        if one.BodyPartExamined and one.BodyPartExamined != case.BodyPartExamined:
            case.BodyPartExamined = gathered(
                case.BodyPartExamined, *fitting({"BodyPartExamined": one.BodyPartExamined}).values()
            )
        if one.StationName and not case.StationName:
            case.StationName = fitting({"StationName": one.StationName})["StationName"]


def _names_somebody_else(case: Case, instance: Instance) -> bool:
    """Another PatientID, or another issuer where both name one."""
    who = instance.patient
    if case.PatientID == who.PatientID and case.IssuerOfPatientID == who.IssuerOfPatientID:
        return False
    sent = fitting({name: getattr(who, name) for name in ("PatientID", "IssuerOfPatientID")})
    issuers = {case.IssuerOfPatientID, sent["IssuerOfPatientID"]} - {""}
    return case.PatientID != sent["PatientID"] or len(issuers) > 1
