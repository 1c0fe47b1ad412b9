"""Who has a study in hand, and what decided of it, in plain words."""

from typing import Final

from django.conf import settings
from django.utils import timezone

from vfx_finder.domain.flow import CASE_OWNER, REFERRAL_OWNER, CaseState
from vfx_finder.domain.referral import Route
from vfx_finder.domain.routing import BY_HAND, PULLED, Priority
from vfx_finder.domain.study import Reason
from vfx_finder.figures.waiting import held_until
from vfx_finder.ledger.models import Case
from vfx_finder.ledger.whereabouts import Whereabouts

PRIORITY_WORDS: Final[dict[Priority, str]] = {
    Priority.URGENT: "before all others",
    Priority.NORMAL: "in its turn",
    Priority.OFF_PEAK: "in the off-peak hours",
}

_WITHOUT_REFERRAL: Final[dict[Route, str]] = {
    Route.FLS: "nobody: signed; the patient was referred before",
    Route.SPECIALIST: "nobody here: signed, for a specialist (under 50)",
    Route.ONCOLOGY: "nobody here: signed, for the oncology pathway",
    Route.NOWHERE: "nobody: signed, no referral",
}


def in_hands(case: Case, went: Whereabouts | None) -> str:
    """Who acts next; where nobody does, why not. `went` is None for a study that is not signed."""
    state = CaseState(case.state)
    if state is CaseState.REVIEWED and went is not None:
        return _after_signing(went)
    if state is CaseState.ANALYSED_CLEAR:
        return "nobody: not flagged, not read here"
    if state is CaseState.UNSUITABLE and case.reason == Reason.LEFT_OUT:
        return "nobody: left out by a rule"
    if case.reason_seen_at is not None:
        return "nobody: seen to"
    until = held_until(case, settings.VFX.off_peak_hours, timezone.now())
    return f"{CASE_OWNER[state]}: waits until {until}" if until else CASE_OWNER[state]


def _after_signing(went: Whereabouts) -> str:
    if went.referral is None:
        return _WITHOUT_REFERRAL[went.route]
    stands = f"referral {went.referral.replace('-', ' ')}"
    return f"nobody: {stands}" if REFERRAL_OWNER[went.referral] != "nurse" else f"FLS nurse: {stands}"


def routed(case: Case) -> str:
    """What the routing rules, or a person, decided of this study."""
    if case.state == CaseState.RECEIVING:
        return "not yet: the rules are asked when the study is complete"
    if case.reason == Reason.PATIENT_CONFLICT:
        return "the rules were not asked"
    if case.reason == Reason.LEFT_OUT:
        return f"left out by rule “{case.routed_by}”"
    soon = PRIORITY_WORDS[Priority(case.priority)]
    if case.routed_by == BY_HAND:
        return f"{soon}, as a person asked"
    if case.routed_by == PULLED:
        return f"{soon}, as it was asked for from an archive"
    return f"{soon}, by rule “{case.routed_by}”" if case.routed_by else f"{soon}, no rule fitted"
