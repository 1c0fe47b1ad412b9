"""What an operator does about a study that did not come through."""

from datetime import datetime

from django.db import transaction

from vfx_finder.actions._trail import Act, tell
from vfx_finder.actions.jobs import ask_for_analysis
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.flow import CaseState, move_case
from vfx_finder.domain.roles import Permission
from vfx_finder.ledger.models import Case
from vfx_finder.ledger.models.case import NOT_ANALYSED

AT_ONCE = 500
"""Studies retried by one request, so that it is answered within seconds."""


def retry_all(reason: str, actor: Actor, now: datetime) -> int:
    """Have the studies that were not analysed for this reason analysed again, the oldest `AT_ONCE`; returns how many.

    One that has moved on meanwhile, or names different patients, is passed over.
    """
    actor.must(Permission.RETRY_STUDY)
    listed = Case.objects.filter(NOT_ANALYSED, reason=reason, patient_conflict=False)
    oldest = listed.order_by("pk").values_list("pk", flat=True)[:AT_ONCE]
    return sum(_retried(case_id, actor, now) for case_id in oldest)


def _retried(case_id: int, actor: Actor, now: datetime) -> bool:
    try:
        retry(case_id, actor, now)
    except WrongState:
        return False
    return True


def retry(case_id: int, actor: Actor, now: datetime) -> Case:
    """Have a finished, unsigned study analysed again.

    Raises `WrongState` for one that is still arriving, already waiting, or signed, and for one whose instances name
    different patients: analysing it would put one patient's bones under another's name.
    """
    actor.must(Permission.RETRY_STUDY)
    act = Act(actor, now)
    with transaction.atomic():
        case = Case.objects.select_for_update().get(pk=case_id)
        if case.state == CaseState.RECEIVING:
            raise WrongState("This study is still arriving; it is analysed when it has been quiet.")
        if case.patient_conflict:
            raise WrongState("The instances of this study name different patients; it cannot be analysed.")
        was = case.state
        case.state = move_case(CaseState(was), CaseState.SETTLED)
        case.generation += 1
        case.forget_result()
        case.settled_at = now
        case.save()
        tell(act, "retried", case, {"was": was, "generation": case.generation})
        ask_for_analysis(case)
    return case
