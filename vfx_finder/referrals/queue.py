"""The nurse's queue: those to ask about first, then tier by tier, each line ready for the template."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from vfx_finder.domain.flow import ReferralState
from vfx_finder.domain.referral import Tier, due_date
from vfx_finder.domain.spine import Level
from vfx_finder.figures.clock import Clock, clock
from vfx_finder.figures.people import Death, Person, died_words, patient_of, person_aged, plain_date
from vfx_finder.figures.strip import Strip, in_words, strip
from vfx_finder.ledger.documents import decisions_of
from vfx_finder.ledger.queries import Queued
from vfx_finder.referrals.wording import STATE, TIER, TIMED

BEFORE_ASSESSMENT = (ReferralState.NEW, ReferralState.ACCEPTED, ReferralState.CONTACTED)
"""States in which the 90-day clock still runs."""

_SOON = 30


@dataclass(frozen=True)
class QueueRow:
    """One referral: `clock` while the assessment is still to come, else what is `due` next."""

    id: int
    patient: Person
    found: str
    strip: Strip
    sdi: int
    state: str
    clock: Clock | None
    due: "Due | None"
    tier: str
    hold: bool
    died: str = ""
    """What the hospital reports; nobody is contacted then."""


@dataclass(frozen=True)
class Due:
    """The next timed step of the pathway, in words."""

    words: str
    late: bool


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
    died: tuple[QueueRow, ...]
    holds: tuple[QueueRow, ...]
    tiers: tuple[TierRows, ...]
    soon: int
    late: int


def queue_of(queued: Sequence[Queued], today: date, deaths: Mapping[int, Death] | None = None) -> Queue:
    """Sort the open referrals into reported deaths, holds and tiers; the order inside each is the order given.

    `deaths` are those that the hospital reports, by referral.
    """
    told = deaths or {}
    every = [replace(_row(one, today), died=died_words(told.get(one.referral.pk))) for one in queued]
    rows = [row for row in every if not row.died]
    tiers = [
        TierRows(tier, TIER[tier], tuple(row for row in rows if row.tier == tier and not row.hold)) for tier in Tier
    ]
    return Queue(
        count=len(every),
        died=tuple(row for row in every if row.died),
        holds=tuple(row for row in rows if row.hold),
        tiers=tuple(tier for tier in tiers if tier.rows),
        soon=sum(row.clock is not None and row.clock.pace == "soon" for row in rows),
        late=sum(_is_late(row) for row in rows),
    )


def next_due(state: ReferralState, diagnosed: date, today: date) -> Due | None:
    """When the next timed step of the pathway is due; None where none is left."""
    order = list(ReferralState)
    for later in order[order.index(state) + 1 :]:
        due = due_date(later, diagnosed)
        if due:
            is_late = due < today
            return Due(f"{TIMED[later]} {'was ' if is_late else ''}due {plain_date(due)}", is_late)
    return None


def _is_late(row: QueueRow) -> bool:
    return (row.clock is not None and row.clock.left < 0) or (row.due is not None and row.due.late)


def _row(queued: Queued, today: date) -> QueueRow:
    referral, state = queued.referral, ReferralState(queued.referral.state)
    grades = {Level(name): grade for name, grade in referral.grades.items()}
    seen = {decision.level for decision in decisions_of(referral.review.document)}
    is_running = state in BEFORE_ASSESSMENT
    return QueueRow(
        id=referral.pk,
        patient=person_aged(patient_of(referral), referral.age),
        found=in_words(grades),
        strip=strip(grades, seen),
        sdi=referral.spinal_deformity_index,
        state=STATE[state],
        clock=clock(queued.days_left) if is_running else None,
        due=None if is_running else next_due(state, referral.diagnosed_on, today),
        tier=referral.tier,
        hold=bool(referral.hold),
    )
