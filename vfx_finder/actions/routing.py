"""The routing table, and what it decides of a study: how soon it is analysed, or which rule leaves it out."""

from dataclasses import asdict
from datetime import datetime

from django.db import transaction
from django.db.models import F, Max

from vfx_finder.actions._trail import Act, note, tell
from vfx_finder.actions.jobs import ask_for_analysis, ask_no_more
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.flow import CaseState, move_case
from vfx_finder.domain.retention import SEND_AGAIN
from vfx_finder.domain.roles import Permission
from vfx_finder.domain.routing import BY_HAND, PULLED, Priority, Rule, Verdict
from vfx_finder.domain.study import Reason
from vfx_finder.ledger import routing as table
from vfx_finder.ledger.locks import in_turn
from vfx_finder.ledger.models import Case, RoutingRule, SweptStudy

TABLE = "routing-table"
"""Whoever changes the table does so in turn: rules depend on each other's places and names."""
_MOVED_ASIDE = 1_000_000
"""Positions are unique at every moment: rows that change places go past all others first."""


def keep_rule(
    rule: Rule, actor: Actor, now: datetime, rule_id: int | None = None, *, in_force: bool = True
) -> RoutingRule:
    """Write a rule: a new one, asked last, or the new wording of the one with this id.

    A new one that is not `in_force` can be tried and decides nothing until it is switched on; one that is there stays
    as it is switched.

    Raises `WrongState` for a name that is empty, taken or begins with a bracket, for ages the wrong way round, and
    for a rule that would leave out every study.
    """
    actor.must(Permission.SET_UP_NETWORK)
    with transaction.atomic():
        in_turn(TABLE)
        row = _locked(rule_id) if rule_id else RoutingRule(position=_last() + 1, enabled=in_force)
        _check(rule, row)
        for name, value in asdict(rule).items():
            setattr(row, name, value)
        row.save()
        told = {"rule": row.pk, **asdict(rule), "position": row.position, "in_force": row.enabled}
        note(Act(actor, now), "rule-kept", told)
    return row


def move_rule(rule_id: int, position: int, actor: Actor, now: datetime) -> None:
    """Have a rule asked at this place, 1 being the first; the others close up. Places beyond the last mean the last."""
    actor.must(Permission.SET_UP_NETWORK)
    with transaction.atomic():
        in_turn(TABLE)
        row = _locked(rule_id)
        others = [pk for pk in RoutingRule.objects.values_list("pk", flat=True) if pk != row.pk]
        place = max(1, min(position, len(others) + 1))
        _number([*others[: place - 1], row.pk, *others[place - 1 :]])
        note(Act(actor, now), "rule-moved", {"rule": row.pk, "position": place})


def enable_rule(rule_id: int, actor: Actor, now: datetime) -> None:
    """Have a rule asked again."""
    _switch(rule_id, True, actor, now)


def disable_rule(rule_id: int, actor: Actor, now: datetime) -> None:
    """Have a rule asked no more; it keeps its place."""
    _switch(rule_id, False, actor, now)


def remove_rule(rule_id: int, actor: Actor, now: datetime) -> None:
    """Take a rule off the table. Studies that it routed keep its name."""
    actor.must(Permission.SET_UP_NETWORK)
    with transaction.atomic():
        in_turn(TABLE)
        row = _locked(rule_id)
        note(Act(actor, now), "rule-removed", {"rule": row.pk, **asdict(table.rule_of(row))})
        row.delete()


def analyse_now(case_id: int, actor: Actor, now: datetime) -> Case:
    """Analyse one study before all others, whatever the rules say of it; they are not asked about it again.

    Raises `WrongState` for a study that is still arriving (settle it first), that is signed, or whose instances name
    different patients.
    """
    actor.must(Permission.RETRY_STUDY)
    act = Act(actor, now)
    with transaction.atomic():
        case = Case.objects.select_for_update().get(pk=case_id)
        if case.patient_conflict:
            raise WrongState("The instances of this study name different patients; it cannot be analysed.")
        if case.state == CaseState.RECEIVING:
            raise WrongState("This study is still arriving; settle it first.")
        was = case.state
        if was == CaseState.SETTLED:
            ask_no_more(case)
        else:
            begin_again(case, now)
        case.priority, case.routed_by = Priority.URGENT, BY_HAND
        case.save()
        tell(act, "analysed-by-hand", case, {"was": was, "generation": case.generation})
        ask_for_analysis(case)
    return case


def route(case: Case, act: Act) -> None:
    """Put a case that has just settled to the rules: its priority, or its end where a rule leaves it out.

    Changes the case without saving it. A study that a person sent on, by `analyse_now`, is not asked about again.
    """
    if case.routed_by == BY_HAND:
        return
    rule = table.deciding(case)
    if rule is None:
        case.priority, case.routed_by = _without_rule(case)
        return
    case.routed_by = rule.name
    tell(act, "routed", case, {"rule": rule.name, "verdict": rule.verdict})
    if rule.verdict is Verdict.LEAVE_OUT:
        _leave_out(case, rule, act)
    else:
        case.priority = Priority(rule.verdict)


def begin_again(case: Case, now: datetime) -> None:
    """A finished, unsigned case to be analysed anew: its result emptied, without saving it.

    Raises `WrongState`, also for one whose images were removed.
    """
    if case.images_removed_at is not None:
        raise WrongState(SEND_AGAIN)
    case.state = move_case(CaseState(case.state), CaseState.SETTLED)
    case.generation += 1
    case.forget_result()
    case.settled_at = case.asked_at = now


def _leave_out(case: Case, rule: Rule, act: Act) -> None:
    case.state = move_case(CaseState(case.state), CaseState.UNSUITABLE)
    case.finished_at = act.now
    case.reason, case.detail = Reason.LEFT_OUT, f"Left out by the rule “{rule.name}”."
    tell(act, "unsuitable", case, {"reason": case.reason})


def _without_rule(case: Case) -> tuple[Priority, str]:
    """A study of a sweep over the past waits for the night; an earlier study of a flagged patient does not."""
    asked = SweptStudy.objects.filter(StudyInstanceUID=case.StudyInstanceUID)
    wanted = list(asked.values_list("sweep_id", flat=True))
    if not wanted:
        return Priority.NORMAL, ""
    return (Priority.NORMAL if None in wanted else Priority.OFF_PEAK), PULLED


def _switch(rule_id: int, enabled: bool, actor: Actor, now: datetime) -> None:
    actor.must(Permission.SET_UP_NETWORK)
    with transaction.atomic():
        in_turn(TABLE)
        row = _locked(rule_id)
        row.enabled = enabled
        row.save(update_fields=["enabled"])
        note(Act(actor, now), "rule-enabled" if enabled else "rule-disabled", {"rule": row.pk})


def _locked(rule_id: int) -> RoutingRule:
    row = RoutingRule.objects.select_for_update().filter(pk=rule_id).first()
    if row is None:
        raise WrongState("This rule is not there any more.")
    return row


def _last() -> int:
    return RoutingRule.objects.aggregate(last=Max("position"))["last"] or 0


def _number(order: list[int]) -> None:
    RoutingRule.objects.update(position=F("position") + _MOVED_ASIDE)
    for position, pk in enumerate(order, start=1):
        RoutingRule.objects.filter(pk=pk).update(position=position)


def _check(rule: Rule, row: RoutingRule) -> None:
    if not rule.name.strip() or rule.name.startswith("("):
        raise WrongState("A rule needs a name, and not one that begins with a bracket.")
    if RoutingRule.objects.filter(name=rule.name).exclude(pk=row.pk).exists():
        raise WrongState("There is a rule of this name already.")
    if rule.youngest is not None and rule.oldest is not None and rule.youngest > rule.oldest:
        raise WrongState("The youngest age is above the oldest.")
    conditions = {name: value for name, value in asdict(rule).items() if name not in ("name", "verdict")}
    if rule.verdict is Verdict.LEAVE_OUT and all(value in ("", "*", None) for value in conditions.values()):
        raise WrongState("This rule would leave out every study; give it a condition.")
