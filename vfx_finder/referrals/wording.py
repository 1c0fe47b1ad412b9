"""How the pathway is told to a nurse: what each state means and what each step is called."""

from typing import Final

from vfx_finder.domain.flow import REFERRAL_TRANSITIONS, ReferralState
from vfx_finder.domain.referral import CloseReason, NotForFlsReason, Tier

STATE: Final[dict[ReferralState, str]] = {
    ReferralState.NEW: "New",
    ReferralState.ACCEPTED: "Accepted",
    ReferralState.CONTACTED: "Contacted",
    ReferralState.ASSESSED: "Assessed",
    ReferralState.TREATMENT_DECIDED: "Treatment decided",
    ReferralState.FOLLOWED_UP_16W: "16-week follow-up",
    ReferralState.FOLLOWED_UP_52W: "52-week follow-up",
    ReferralState.CLOSED: "Closed",
    ReferralState.NOT_FOR_FLS: "Not for FLS",
}

STEP: Final[dict[ReferralState, str]] = {
    ReferralState.ACCEPTED: "Accept this referral",
    ReferralState.CONTACTED: "Patient contacted",
    ReferralState.ASSESSED: "Assessment done",
    ReferralState.TREATMENT_DECIDED: "Treatment decided",
    ReferralState.FOLLOWED_UP_16W: "16-week follow-up done",
    ReferralState.FOLLOWED_UP_52W: "52-week follow-up done",
    ReferralState.CLOSED: "Close this referral",
    ReferralState.NOT_FOR_FLS: "Not for FLS",
}
"""The words on the button that moves a referral to this state."""

TIMED: Final[dict[ReferralState, str]] = {
    ReferralState.ASSESSED: "Assessment",
    ReferralState.FOLLOWED_UP_16W: "16-week follow-up",
    ReferralState.FOLLOWED_UP_52W: "52-week follow-up",
}
"""What is due, for the states that have a date."""

ENDS: Final = (ReferralState.CLOSED, ReferralState.NOT_FOR_FLS)

TIER: Final[dict[Tier, str]] = {
    Tier.A: "Two or more fractures, a grade 3, or a stated high-risk fact",
    Tier.B: "A single grade 2",
    Tier.C: "Grade 1 only",
}

PATHWAY: Final = tuple(state for state in ReferralState if state is not ReferralState.NOT_FOR_FLS)


def onward(here: ReferralState) -> tuple[ReferralState, ...]:
    """The next steps along the pathway, without the ends."""
    return tuple(state for state in ReferralState if state in REFERRAL_TRANSITIONS[here] and state not in ENDS)


def ends(here: ReferralState) -> tuple[ReferralState, ...]:
    """The ways in which a referral may end from here."""
    return tuple(state for state in ENDS if state in REFERRAL_TRANSITIONS[here])


def reasons(end: ReferralState) -> tuple[tuple[str, str], ...]:
    """Code and label of every reason that may be given for this end."""
    kind = CloseReason if end is ReferralState.CLOSED else NotForFlsReason
    return tuple((reason.value, reason.label) for reason in kind)
