"""The routing table, and which rule fits a study that was received. Writes through `actions.routing`."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from vfx_finder.actions import routing as actions
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.routing import PATTERNS, Rule, Tried, Verdict, told
from vfx_finder.domain.written import whole_number
from vfx_finder.ledger import queries
from vfx_finder.ledger import routing as table
from vfx_finder.ledger.models import RoutingRule
from vfx_finder.ledger.search import find_studies
from vfx_finder.web.operations.forms import VERDICT_WORDS, RuleForm
from vfx_finder.web.operations.sheet import Sheet, actor_of, answered

_PATTERNS = "Conditions have * for anything and ? for one character; capitals do not count, empty fits all."
_IN_FORCE = "The rule is kept and in force; studies that settle from now on are put to it."
_TO_BE_TRIED = "The rule is kept and not in force: try it on studies that were received, then put it in force."


@require_safe
def rules(request: HttpRequest) -> HttpResponse:
    """The table in the order in which it is asked."""
    rows = list(table.table())
    listed = [
        {"row": row, "conditions": conditions(table.rule_of(row)), "verdict": VERDICT_WORDS[Verdict(row.verdict)]}
        for row in rows
    ]
    return render(request, "operations/rules.html", {"rows": listed, "last": len(rows)})


def conditions(rule: Rule) -> list[str]:
    """What a rule asks for, in words; empty where it fits every study."""
    asked = [f"{words} {getattr(rule, name)}" for name, words in PATTERNS.items() if getattr(rule, name)]
    if rule.youngest is not None:
        asked.append(f"{rule.youngest} years or older")
    if rule.oldest is not None:
        asked.append(f"{rule.oldest} years or younger")
    return asked


@require_http_methods(["GET", "HEAD", "POST"])
def add(request: HttpRequest) -> HttpResponse:
    """A new rule, asked last; switched off, to be tried first, unless the person puts it in force at once."""
    at_once = "at_once" in request.POST

    def keep(rule: Rule, actor: Actor, now: datetime) -> str:
        actions.keep_rule(rule, actor, now, in_force=at_once)
        return _IN_FORCE if at_once else _TO_BE_TRIED

    sheet = Sheet(
        form=RuleForm,
        start={},
        keep=keep,
        back="rules",
        heading="A new rule",
        explained=_PATTERNS,
        save="Save and try",
        besides={"at_once": "Save and put in force"},
        then=None if at_once else _to_trial,
    )
    return answered(request, sheet)


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, rule_id: int) -> HttpResponse:
    """Another wording of a rule; of one in force it acts at once."""
    row = _row(rule_id)

    def keep(rule: Rule, actor: Actor, now: datetime) -> str:
        kept = actions.keep_rule(rule, actor, now, row.pk)
        return _IN_FORCE if kept.enabled else _TO_BE_TRIED

    sheet = Sheet(
        form=RuleForm,
        start=asdict(table.rule_of(row)),
        keep=keep,
        back="rules",
        heading=f"Rule {row.position}",
        explained=_PATTERNS,
        warning="This rule is in force: a change acts at once. Switch it off first to try it." if row.enabled else "",
        save="Save" if row.enabled else "Save and try",
        then=None if row.enabled else _to_trial,
    )
    return answered(request, sheet)


def _to_trial() -> HttpResponse:
    newest = table.newest_to_try()
    return redirect("rules") if newest is None else redirect("rules-trial", newest)


@require_POST
def move(request: HttpRequest, rule_id: int) -> HttpResponse:
    """Have a rule asked earlier or later."""
    _row(rule_id)
    place = whole_number(request.POST.get("place", ""))
    if place is not None:
        actions.move_rule(rule_id, place, actor_of(request), timezone.now())
    return redirect("rules")


@require_POST
def switch(request: HttpRequest, rule_id: int) -> HttpResponse:
    """On or off; it keeps its place. From a trial, back to that trial."""
    row = _row(rule_id)
    off = row.enabled and "on" not in request.POST  # a trial that stood open asks for "on", whatever is true by now
    change = actions.disable_rule if off else actions.enable_rule
    change(rule_id, actor_of(request), timezone.now())
    return _to_tried(request)


@require_POST
def remove(request: HttpRequest, rule_id: int) -> HttpResponse:
    """Off the table."""
    row = _row(rule_id)
    actions.remove_rule(rule_id, actor_of(request), timezone.now())
    messages.success(request, f"The rule “{row.name}” is gone.", extra_tags="good")
    return redirect("rules")


@require_POST
def find(request: HttpRequest) -> HttpResponse:
    """From a reference to the trial of that study; the newest where several have it."""
    case = find_studies(request.POST.get("words", ""), limit=1).first()
    if case is None:
        messages.error(request, "No study has this reference.", extra_tags="ask")
        return _to_tried(request)
    return redirect("rules-trial", case.pk)


@require_safe
def trial(request: HttpRequest, case_id: int) -> HttpResponse:
    """Every rule put to a received study: which decides, why each other does not, and what one that is switched off
    would do if it were in force. Changes nothing."""
    file = queries.study(case_id)
    if file is None:
        raise Http404
    traits = table.traits(file.case)
    tried = table.trial(case_id)
    decided = next((one.rule for one in tried if one.decides and one.in_force), None)
    numbers = {row.name: row.pk for row in table.table()}
    shown = [(words, told(getattr(traits, name))) for name, words in PATTERNS.items()]
    words = {
        "case": file.case,
        "traits": [*shown, ("age", traits.age)],
        "tried": [_line(one, numbers.get(one.rule.name)) for one in tried],
        "decided": decided,
        "verdict": VERDICT_WORDS[decided.verdict if decided else Verdict.NORMAL],
    }
    return render(request, "operations/trial.html", words)


def _line(one: Tried, rule_id: int | None) -> dict[str, Any]:
    verdict = VERDICT_WORDS[one.rule.verdict]
    return {"one": one, "id": rule_id, "conditions": conditions(one.rule), "verdict": verdict}


def _to_tried(request: HttpRequest) -> HttpResponse:
    """To the trial that was on the screen, or else the list."""
    case_id = whole_number(request.POST.get("case", ""))
    if case_id is not None:
        return redirect("rules-trial", case_id)
    return redirect("rules")


def _row(rule_id: int) -> RoutingRule:
    found = next((row for row in table.table() if row.pk == rule_id), None)
    if found is None:
        raise Http404
    return found
