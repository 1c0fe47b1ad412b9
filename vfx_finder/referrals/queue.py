"""The nurse's queue: those to ask about first, then tier by tier, each line ready for the template."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from vfx_finder.domain.flow import ReferralState
from vfx_finder.domain.referral import Tier, due_date
from vfx_finder.domain.spine import Level
from vfx_finder.figures.clock import Clock, clock
from vfx_finder.figures.people import Person, patient_of, person_aged, plain_date
from vfx_finder.figures.strip import Strip, in_words, strip
from vfx_finder.ledger.models import Referral
from vfx_finder.ledger.queries import Queued
from vfx_finder.referrals.wording import STATE, TIER

BEFORE_ASSESSMENT = (ReferralState.NEW, ReferralState.ACCEPTED, ReferralState.CONTACTED)
"""States in which the 90-day clock still runs."""

_SOON = 30


@dataclass(frozen=True)
class QueueRow:
    """One referral: `clock` while the assessment is still to come, else `next_due` in words."""

    id: int
    patient: Person
    found: str
    strip: Strip
    sdi: int
    state: str
    clock: Clock | None
    next_due: str
    tier_now: str


@dataclass(frozen=True)
class TierRows:
    """One priority tier with its rows."""

    name: str
    words: str
    rows: tuple[QueueRow, ...]


@dataclass(frozen=True)
class Queue:
    """The whole page."""

    count: int
    holds: tuple[QueueRow, ...]
    tiers: tuple[TierRows, ...]
    soon: int
    late: int


def queue_of(queued: Sequence[Queued]) -> Queue:
    """Sort the open referrals into holds and tiers; the order inside each is the order given."""
    holds = tuple(_row(one) for one in queued if one.referral.hold)
    tiers = [
        TierRows(tier, TIER[tier], tuple(_row(one) for one in queued if _in_tier(one.referral, tier))) for tier in Tier
    ]
    running = [one.days_left for one in queued if ReferralState(one.referral.state) in BEFORE_ASSESSMENT]
    return Queue(
        count=len(queued),
        holds=holds,
        tiers=tuple(tier for tier in tiers if tier.rows),
        soon=sum(0 <= left <= _SOON for left in running),
        late=sum(left < 0 for left in running),
    )


def next_due(state: ReferralState, diagnosed: date) -> str:
    """When the next timed step of the pathway is due, in words; empty where none is left."""
    order = list(ReferralState)
    for later in order[order.index(state) + 1 :]:
        due = due_date(later, diagnosed)
        if due:
            return f"{STATE[later]} by {plain_date(due)}"
    return ""


def _in_tier(referral: Referral, tier: Tier) -> bool:
    return not referral.hold and referral.tier == tier


def _row(queued: Queued) -> QueueRow:
    referral, state = queued.referral, ReferralState(queued.referral.state)
    grades = {Level(name): grade for name, grade in referral.grades.items()}
    is_running = state in BEFORE_ASSESSMENT
    return QueueRow(
        id=referral.pk,
        patient=person_aged(patient_of(referral), referral.age),
        found=in_words(grades),
        strip=strip(grades),
        sdi=referral.spinal_deformity_index,
        state=STATE[state],
        clock=clock(queued.days_left) if is_running else None,
        next_due="" if is_running else next_due(state, referral.diagnosed_on),
        tier_now=referral.tier if referral.hold else "",
    )
