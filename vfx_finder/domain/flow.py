"""The two state machines, each with one table of transitions and one owner per state; docs/states.md shows them."""

from enum import StrEnum
from itertools import pairwise

from vfx_finder.domain.errors import WrongState


class CaseState(StrEnum):
    """Where a received study stands."""

    RECEIVING = "receiving"
    SETTLED = "settled"
    ANALYSED_CLEAR = "analysed-clear"
    AWAITING_REVIEW = "awaiting-review"
    REVIEWED = "reviewed"
    UNSUITABLE = "unsuitable"
    FAILED = "failed"


CASE_TRANSITIONS: dict[CaseState, frozenset[CaseState]] = {
    CaseState.RECEIVING: frozenset({CaseState.SETTLED}),
    CaseState.SETTLED: frozenset(
        {
            CaseState.ANALYSED_CLEAR,
            CaseState.AWAITING_REVIEW,
            CaseState.UNSUITABLE,
            CaseState.FAILED,
            CaseState.RECEIVING,
        }
    ),
    CaseState.ANALYSED_CLEAR: frozenset({CaseState.RECEIVING, CaseState.SETTLED}),
    CaseState.AWAITING_REVIEW: frozenset({CaseState.REVIEWED, CaseState.RECEIVING, CaseState.SETTLED}),
    CaseState.REVIEWED: frozenset(),
    CaseState.UNSUITABLE: frozenset({CaseState.RECEIVING, CaseState.SETTLED}),
    CaseState.FAILED: frozenset({CaseState.SETTLED, CaseState.RECEIVING}),
}
"""`-> RECEIVING` is a late instance; `-> SETTLED` from a finished state is an operator's retry."""

CASE_OWNER: dict[CaseState, str] = {
    CaseState.RECEIVING: "listener",
    CaseState.SETTLED: "worker",
    CaseState.ANALYSED_CLEAR: "nobody: closed",
    CaseState.AWAITING_REVIEW: "radiologist",
    CaseState.REVIEWED: "nobody: closed",
    CaseState.UNSUITABLE: "operator",
    CaseState.FAILED: "operator",
}


class ReferralState(StrEnum):
    """Where a patient stands on the fracture liaison pathway."""

    NEW = "new"
    ACCEPTED = "accepted"
    CONTACTED = "contacted"
    ASSESSED = "assessed"
    TREATMENT_DECIDED = "treatment-decided"
    FOLLOWED_UP_16W = "followed-up-16w"
    FOLLOWED_UP_52W = "followed-up-52w"
    CLOSED = "closed"
    NOT_FOR_FLS = "not-for-fls"


_PATHWAY = (
    ReferralState.NEW,
    ReferralState.ACCEPTED,
    ReferralState.CONTACTED,
    ReferralState.ASSESSED,
    ReferralState.TREATMENT_DECIDED,
    ReferralState.FOLLOWED_UP_16W,
    ReferralState.FOLLOWED_UP_52W,
    ReferralState.CLOSED,
)

REFERRAL_TRANSITIONS: dict[ReferralState, frozenset[ReferralState]] = {
    here: frozenset({after, ReferralState.CLOSED}) for here, after in pairwise(_PATHWAY)
} | {
    ReferralState.NEW: frozenset({ReferralState.ACCEPTED, ReferralState.CLOSED, ReferralState.NOT_FOR_FLS}),
    ReferralState.CLOSED: frozenset(),
    ReferralState.NOT_FOR_FLS: frozenset(),
}
"""Every open state may also be closed with a reason."""

REFERRAL_OWNER: dict[ReferralState, str] = {
    state: "nobody: closed" if not REFERRAL_TRANSITIONS[state] else "nurse" for state in ReferralState
}


def move_case(here: CaseState, there: CaseState) -> CaseState:
    """`there`, if a case may go there from `here`; otherwise raise `WrongState`."""
    if there not in CASE_TRANSITIONS[here]:
        raise WrongState(f"A study that is {here} cannot become {there}.")
    return there


def move_referral(here: ReferralState, there: ReferralState) -> ReferralState:
    """`there`, if a referral may go there from `here`; otherwise raise `WrongState`."""
    if there not in REFERRAL_TRANSITIONS[here]:
        raise WrongState(f"A referral that is {here} cannot become {there}.")
    return there
