"""What an operator does about a study that did not come through."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, Q

from vfx_finder.actions._trail import Act, tell
from vfx_finder.actions.jobs import ask_for_analysis
from vfx_finder.actions.routing import begin_again, route
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.flow import CaseState
from vfx_finder.domain.roles import Permission
from vfx_finder.domain.routing import BY_HAND, Priority, Verdict
from vfx_finder.domain.study import Reason
from vfx_finder.ledger import routing as table
from vfx_finder.ledger.models import Case
from vfx_finder.ledger.models.case import NOT_ANALYSED_UNSEEN

AT_ONCE = 500
"""Studies retried by one request, so that it is answered within seconds."""


class StillLeftOut(WrongState):
    """The rules leave this study out as they stand now."""

    def __init__(self, rule: str) -> None:
        self.rule = rule
        super().__init__(f"The rule “{rule}” leaves this study out.")


@dataclass(frozen=True)
class Retried:
    """Of many studies: how many are analysed again, and how many a rule still leaves out."""

    again: int
    left_out: int


def retry_all(reason: str, actor: Actor, now: datetime) -> Retried:
    """Have the studies that were not analysed for this reason analysed again, the oldest `AT_ONCE`.

    Those that somebody has seen to are left as they are; those that a rule in force left out come last. One that has
    moved on meanwhile, or names different patients, is passed over.
    """
    actor.must(Permission.RETRY_STUDY)
    listed = Case.objects.filter(NOT_ANALYSED_UNSEEN, reason=reason, patient_conflict=False)
    in_force = [rule.name for rule in table.rules() if rule.verdict is Verdict.LEAVE_OUT]
    hopeless = [ExpressionWrapper(Q(routed_by__in=in_force), output_field=BooleanField())] if in_force else []
    oldest = listed.order_by(*hopeless, "pk").values_list("pk", flat=True)[:AT_ONCE]
    ends = [_retried(case_id, actor, now) for case_id in oldest]
    return Retried(ends.count("again"), ends.count("left-out"))


def _retried(case_id: int, actor: Actor, now: datetime) -> str:
    try:
        retry(case_id, actor, now)
    except StillLeftOut:
        return "left-out"
    except WrongState:
        return "moved-on"
    return "again"


def retry(case_id: int, actor: Actor, now: datetime) -> Case:
    """Have a finished, unsigned study analysed again; the routing rules are asked about it again.

    Raises `StillLeftOut`, and changes nothing, where they leave it out; `WrongState` for one that is still arriving,
    already waiting, or signed, and for one whose instances name different patients: analysing it would put one
    patient's bones under another's name.
    """
    actor.must(Permission.RETRY_STUDY)
    act = Act(actor, now)
    with transaction.atomic():
        case = _finished(case_id)
        was = case.state
        begin_again(case, now)
        against = table.left_out_by(case)
        if against is not None:
            raise StillLeftOut(against.name)
        tell(act, "retried", case, {"was": was, "generation": case.generation})
        route(case, act)
        case.save()
        ask_for_analysis(case)
    return case


def analyse_all_the_same(case_id: int, actor: Actor, now: datetime) -> Case:
    """Have one study analysed that a routing rule left out, in its turn; the rules are not asked about it again.

    Raises `WrongState` for a study that no rule left out, and none would leave out now.
    """
    actor.must(Permission.RETRY_STUDY)
    with transaction.atomic():
        case = _finished(case_id)
        rule = table.left_out_by(case)
        if case.reason != Reason.LEFT_OUT and rule is None:
            raise WrongState("No rule leaves this study out.")
        against = rule.name if rule else case.routed_by
        begin_again(case, now)
        case.priority, case.routed_by = Priority.NORMAL, BY_HAND
        case.save()
        tell(Act(actor, now), "analysed-all-the-same", case, {"against": against, "generation": case.generation})
        ask_for_analysis(case)
    return case


def _finished(case_id: int) -> Case:
    case = Case.objects.select_for_update().get(pk=case_id)
    if case.state == CaseState.RECEIVING:
        raise WrongState("This study is still arriving; it is analysed when it has been quiet.")
    if case.patient_conflict:
        raise WrongState("The instances of this study name different patients; it cannot be analysed.")
    return case
