"""What arrives: every acknowledged instance has its row, and a study that has gone quiet is given to the worker."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from django.db import transaction

from vfx_finder.actions import _arrivals
from vfx_finder.actions._trail import Act, tell
from vfx_finder.actions.jobs import ask_for_analysis
from vfx_finder.actions.routing import route
from vfx_finder.dicom.headers import read_header
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.errors import Unreadable, WrongState
from vfx_finder.domain.flow import CaseState, move_case
from vfx_finder.domain.identity import Uid
from vfx_finder.domain.roles import Permission
from vfx_finder.domain.sender import FOUND
from vfx_finder.domain.study import Instance, Reason
from vfx_finder.ledger import queries, retention
from vfx_finder.ledger.models import Case, StoredInstance
from vfx_finder.spool import Spool


class Receipt(StrEnum):
    """What became of a received instance. All three are success for the sender."""

    NEW = "new"
    DUPLICATE = "duplicate"
    AFTER_REVIEW = "after-review"


def receive(instance: Instance, actor: Actor, now: datetime, settle_seconds: float) -> Receipt:
    """Write the row of one instance whose bytes already lie in the spool; otherwise as `receive_many`."""
    return receive_many((instance,), actor, now, settle_seconds)[0]


def receive_many(
    instances: Sequence[Instance], actor: Actor, now: datetime, settle_seconds: float
) -> tuple[Receipt, ...]:
    """Write the rows of instances whose bytes already lie in the spool, all of them or none; what became of each.

    The first instance of a study opens its case. A late one re-opens a finished case, unless a person has signed it:
    then the instance is kept and listed, and a human decides. An instance that is already there changes nothing. A
    study must be quiet for the time its sender's row names, else for `settle_seconds`. Safe in many processes at once.
    Raises `NotAllowed` for an actor who may not receive, `Unreadable` for a malformed UID.
    """
    actor.must(Permission.RECEIVE)
    for instance in instances:
        for uid in (instance.StudyInstanceUID, instance.SeriesInstanceUID, instance.SOPInstanceUID):
            Uid(uid)
    if not instances:
        return ()
    taken = _arrivals.take_in(_arrivals.Arrivals(instances, Act(actor, now), settle_seconds))
    fresh = set(taken.stored)
    return tuple(_receipt(instance, fresh, taken.signed) for instance in instances)


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


def settle_now(case_id: int, actor: Actor, now: datetime) -> Case:
    """Take a study as complete though its settle time has not passed. A late instance opens it again all the same.

    Raises `WrongState` for a study that is not arriving any more.
    """
    actor.must(Permission.RETRY_STUDY)
    with transaction.atomic():
        case = Case.objects.select_for_update().get(pk=case_id)
        if case.state != CaseState.RECEIVING:
            raise WrongState("This study is not arriving any more.")
        _settle(case, Act(actor, now))
    return case


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
    return sum(_revive(case.pk, act) for case in queries.stranded())


@transaction.atomic
def _revive(case_id: int, act: Act) -> bool:
    """Looked at again with the row in hand: it may have settled a moment ago, or another process was faster."""
    here = Case.objects.select_for_update(skip_locked=True).filter(pk=case_id, state=CaseState.SETTLED)
    case = here.first()
    if case is None or queries.is_asked_for(case):
        return False
    tell(act, "revived", case, {"generation": case.generation})
    ask_for_analysis(case)
    return True


def _receipt(instance: Instance, fresh: set[str], signed: frozenset[str]) -> Receipt:
    if instance.SOPInstanceUID not in fresh:
        return Receipt.DUPLICATE
    fresh.remove(instance.SOPInstanceUID)
    return Receipt.AFTER_REVIEW if instance.StudyInstanceUID in signed else Receipt.NEW


def _adopt(spool: Spool, path: str, how: tuple[Actor, datetime, float]) -> bool:
    file = spool.path_of(path)
    try:
        header = read_header(file)
    except Unreadable:
        return False
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    receive(header.received(path=path, sha256=sha256, calling=spool.sender_of(path) or FOUND), *how)
    return True


def _settle(case: Case, act: Act) -> None:
    """The case complete and routed, its job beside it; a mixture of patients is for a person."""
    case.state = move_case(CaseState(case.state), CaseState.SETTLED)
    case.settle_due_at, case.settled_at, case.asked_at = None, act.now, case.last_instance_at
    instances = StoredInstance.objects.filter(case=case).count()
    quiet_s = max(0, round((act.now - case.last_instance_at).total_seconds()))
    tell(act, "settled", case, {"generation": case.generation, "instances": instances, "quiet_s": quiet_s})
    lacking = retention.lacking(case)
    if case.patient_conflict:
        _refuse(case, Reason.PATIENT_CONFLICT, "Its instances name different patients; nothing was analysed.", act)
    elif lacking:
        words = f"{lacking} of its images were removed and have not come again; nothing was analysed."
        _refuse(case, Reason.IMAGES_REMOVED, words, act)
    else:
        route(case, act)
    case.save()
    if case.state == CaseState.SETTLED:
        ask_for_analysis(case)


def _refuse(case: Case, reason: Reason, words: str, act: Act) -> None:
    case.state = move_case(CaseState(case.state), CaseState.UNSUITABLE)
    case.finished_at = act.now
    case.reason, case.detail = reason, words
    tell(act, "unsuitable", case, {"reason": case.reason})
