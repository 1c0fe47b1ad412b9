"""Who is referred to the Fracture Liaison Service (FLS), in which order, by when, and why not."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, timedelta
from enum import StrEnum

from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.flow import ReferralState, move_referral
from vfx_finder.domain.review import ReviewOutcome
from vfx_finder.domain.spine import Level

MIN_AGE = 50
"""Years. Age 50 and over: FLS-DB methodology (2016), BOAST FLS (2014), ADOPT; younger people go to a specialist
(NICE NG259 1.1.3 and 1.7.5, 2026)."""

REFERRED_FROM_GRADE = 2
"""Genant grade. The default flag: HealthOST at a 20 % cut had specificity 53 %, at 25 % 94 % (Diagnostics 2025
15:1530), and mild fractures add no non-vertebral risk (Johansson meta-analysis, RR 1.08 ns)."""


class Eligibility(StrEnum):
    """Whether this person is one the fracture liaison service takes, by age alone."""

    ELIGIBLE = "eligible"
    TOO_YOUNG = "too-young"
    AGE_UNKNOWN = "age-unknown"


def eligibility(age: int | None) -> Eligibility:
    """Eligible from 50 years; younger is for a specialist; an unknown age is asked about, never dropped."""
    if age is None:
        return Eligibility.AGE_UNKNOWN
    return Eligibility.ELIGIBLE if age >= MIN_AGE else Eligibility.TOO_YOUNG


class Route(StrEnum):
    """Where a signed study goes next."""

    FLS = "fls"
    SPECIALIST = "specialist"
    ONCOLOGY = "oncology"
    NOWHERE = "nowhere"

    @property
    def label(self) -> str:
        """What a person reads."""
        return _ROUTE_LABELS[self]


_ROUTE_LABELS: dict[Route, str] = {
    Route.FLS: "Fracture Liaison Service",
    Route.SPECIALIST: "Under 50: specialist advice, not the FLS queue",
    Route.ONCOLOGY: "Suspected pathological fracture: oncology pathway, not the FLS queue",
    Route.NOWHERE: "No referral",
}


class Hold(StrEnum):
    """What must be found out before a referral that already stands in the queue may be accepted."""

    AGE_UNKNOWN = "age-unknown"

    @property
    def label(self) -> str:
        """The question that is put to the nurse."""
        return "Age not known: ask before accepting (50 and over for FLS)"


@dataclass(frozen=True)
class Routing:
    """Where a signed study goes; `hold` is only ever set on the way to FLS."""

    route: Route
    hold: Hold | None = None


def route(outcome: ReviewOutcome, eligible: Eligibility) -> Routing:
    """Where a signed study goes.

    A suspected pathological fracture never goes to FLS, whatever else was confirmed, because it needs oncology first
    (NG259 names cancer history as a reason for further imaging). Otherwise grade 2 and above is referred; grade 1 is
    shown and never queued by itself. An unknown age makes a referral with a hold, so that nobody is lost.
    """
    if outcome.pathological_suspected:
        return Routing(Route.ONCOLOGY)
    if outcome.max_grade < REFERRED_FROM_GRADE:
        return Routing(Route.NOWHERE)
    if eligible is Eligibility.TOO_YOUNG:
        return Routing(Route.SPECIALIST)
    return Routing(Route.FLS, Hold.AGE_UNKNOWN if eligible is Eligibility.AGE_UNKNOWN else None)


class Tier(StrEnum):
    """Priority in the nurse's queue; A comes first."""

    A = "A"
    B = "B"
    C = "C"


@dataclass(frozen=True)
class Circumstances:
    """What is known about the patient beside the images; None where nobody has asked yet.

    `new_within_24_months`: not there on imaging of the last 24 months. `prednisolone_mg_per_day`: systemic
    glucocorticoid dose as prednisolone. `fracture_on_treatment`: broke while on a bone drug.
    """

    new_within_24_months: bool | None = None
    prednisolone_mg_per_day: float | None = None
    fracture_on_treatment: bool | None = None
    hip_fracture: bool | None = None

    @property
    def unknown(self) -> tuple[str, ...]:
        """Names of the facts nobody has asked about yet."""
        return tuple(fact.name for fact in fields(self) if getattr(self, fact.name) is None)


VERY_HIGH_DOSE_MG = 7.5
"""Prednisolone mg a day: a very-high-risk criterion of NOGG 2024 section 4 (read as coded by two implementations)."""

MULTIPLE = 2
"""Vertebral fractures: two or more ever is a very-high-risk criterion of NOGG 2024 section 4 (read likewise)."""

SEVERE = 3
"""Genant grade: 28 % had a new vertebral fracture in 21 months (Gallagher 2005, JCEM 90:1583)."""

NOTHING_KNOWN = Circumstances()

RECENT_DAYS = 731
"""24 months, one of them of a leap year: how recent imaging without a fracture makes that fracture new (see `tier`)."""


def is_recent(earlier: date, study: date | None) -> bool:
    """Whether imaging of `earlier` lies within the 24 months before a study."""
    return study is not None and timedelta(0) <= study - earlier <= timedelta(days=RECENT_DAYS)


def tier(outcome: ReviewOutcome, known: Circumstances = NOTHING_KNOWN) -> Tier:
    """Priority tier: a design choice of this project built on risk data, not a guideline.

    A: two or more vertebral fractures, or any grade 3, or new within 24 months, or 7.5 mg prednisolone a day or more,
    or a fracture on treatment, or a hip fracture as well. B: otherwise at least one grade 2. C: grade 1 only.
    Known facts can only raise the tier, so a missing one never lowers it. Sources: Gallagher 2005, Kerkeni 2009,
    Johansson 2017, NOGG 2024 very-high-risk criteria.
    """
    dose = known.prednisolone_mg_per_day
    raised = (
        outcome.fracture_count >= MULTIPLE,
        outcome.max_grade >= SEVERE,
        known.new_within_24_months is True,
        dose is not None and dose >= VERY_HIGH_DOSE_MG,
        known.fracture_on_treatment is True,
        known.hip_fracture is True,
    )
    if any(raised):
        return Tier.A
    return Tier.B if outcome.max_grade >= REFERRED_FROM_GRADE else Tier.C


SortKey = tuple[str, int, int, float]


def sort_key(tier: Tier, spinal_deformity_index: int, days_left: int, age: int | None) -> SortKey:
    """Ascending order of the nurse's queue: tier, then highest spinal deformity index, then nearest to the 90-day
    limit, then oldest. An unknown age stands before every known one of otherwise equal rank."""
    return (tier.value, -spinal_deformity_index, days_left, -math.inf if age is None else -age)


DEADLINES: dict[ReferralState, timedelta] = {
    ReferralState.ASSESSED: timedelta(days=90),
    ReferralState.FOLLOWED_UP_16W: timedelta(weeks=16),
    ReferralState.FOLLOWED_UP_52W: timedelta(weeks=56),
}
"""Counted from the date of diagnosis: assessed within 90 days (FLS-DB KPI 4), followed up by 16 weeks (KPI 9),
adherence confirmed at 48 to 56 weeks (KPI 11)."""


def due_date(state: ReferralState, diagnosed: date) -> date | None:
    """Last day on which reaching `state` is still in time, None where no limit exists.

    `diagnosed` is the date the review was signed: FLS-DB field 1.09 counts from the diagnosis of the index fracture,
    and for a fracture found by chance that is the confirmed report, not the unknown day it broke.
    """
    limit = DEADLINES.get(state)
    return None if limit is None else diagnosed + limit


def days_left(diagnosed: date, today: date) -> int:
    """Days until the 90-day assessment limit (FLS-DB KPI 4); 0 on its last day, negative once it is missed."""
    return (diagnosed + DEADLINES[ReferralState.ASSESSED] - today).days


class NotForFlsReason(StrEnum):
    """Why a new referral is not taken on.

    Read in a source (Nottingham FLS, Ong 2021, and FLS-DB methodology): under 50, end of life, dependency, already
    under care, on treatment and reviewed, cancer, mild only, known, duplicate, quality. From practice, without a
    checked source: deceased, declined, out of area, high-energy trauma.
    """

    UNDER_50 = "under-50"
    PATHOLOGICAL_SUSPECTED = "pathological-suspected"
    ACTIVE_CANCER = "active-cancer"
    END_OF_LIFE = "end-of-life"
    DEPENDENCY = "significant-dependency"
    ALREADY_UNDER_FLS = "already-under-fls"
    ON_TREATMENT_REVIEWED = "on-treatment-and-reviewed"
    KNOWN_NO_NEW_FRACTURE = "known-no-new-fracture"
    MILD_ONLY = "mild-only"
    DUPLICATE = "duplicate"
    IMAGE_QUALITY = "image-quality"
    DECEASED = "deceased"
    DECLINED = "declined"
    OUT_OF_AREA = "out-of-area"
    HIGH_ENERGY_TRAUMA = "high-energy-trauma"

    @property
    def label(self) -> str:
        """What a person reads and picks."""
        return _NOT_FOR_FLS_LABELS[self]


_NOT_FOR_FLS_LABELS: dict[NotForFlsReason, str] = {
    NotForFlsReason.UNDER_50: "Under 50: specialist advice instead",
    NotForFlsReason.PATHOLOGICAL_SUSPECTED: "Suspected pathological fracture: oncology pathway",
    NotForFlsReason.ACTIVE_CANCER: "Scanned for cancer assessment or treatment: oncology team informed",
    NotForFlsReason.END_OF_LIFE: "Terminal illness or life expectancy under 12 months",
    NotForFlsReason.DEPENDENCY: "Significant dependency in daily living",
    NotForFlsReason.ALREADY_UNDER_FLS: "Already under FLS or a bone specialist",
    NotForFlsReason.ON_TREATMENT_REVIEWED: "On bone treatment and recently reviewed: team informed",
    NotForFlsReason.KNOWN_NO_NEW_FRACTURE: "Fractures already known, none new or worse",
    NotForFlsReason.MILD_ONLY: "Mild fractures only",
    NotForFlsReason.DUPLICATE: "Duplicate of an open referral",
    NotForFlsReason.IMAGE_QUALITY: "Images too poor to act on",
    NotForFlsReason.DECEASED: "Deceased",
    NotForFlsReason.DECLINED: "Patient declined",
    NotForFlsReason.OUT_OF_AREA: "Out of area: forwarded to the local service",
    NotForFlsReason.HIGH_ENERGY_TRAUMA: "High-energy trauma",
}


class CloseReason(StrEnum):
    """Why an open referral ended. `COMPLETED` is the end of the pathway; the others may come at any step."""

    COMPLETED = "completed"
    DECLINED = "declined"
    DECEASED = "deceased"
    END_OF_LIFE = "end-of-life"
    NO_CONTACT = "no-contact"
    OUT_OF_AREA = "out-of-area"
    ALREADY_UNDER_FLS = "already-under-fls"
    ON_TREATMENT_REVIEWED = "on-treatment-and-reviewed"
    SPECIALIST = "to-specialist"
    PATHOLOGICAL = "pathological"
    HIGH_ENERGY_TRAUMA = "high-energy-trauma"
    DUPLICATE = "duplicate"
    KNOWN_NO_NEW_FRACTURE = "known-no-new-fracture"

    @property
    def label(self) -> str:
        """What a person reads and picks."""
        return _CLOSE_LABELS[self]


_CLOSE_LABELS: dict[CloseReason, str] = {
    CloseReason.COMPLETED: "Pathway completed",
    CloseReason.DECLINED: "Patient declined",
    CloseReason.DECEASED: "Deceased",
    CloseReason.END_OF_LIFE: "Terminal illness or life expectancy under 12 months",
    CloseReason.NO_CONTACT: "Could not be reached",
    CloseReason.OUT_OF_AREA: "Out of area: forwarded to the local service",
    CloseReason.ALREADY_UNDER_FLS: "Already under FLS or a bone specialist",
    CloseReason.ON_TREATMENT_REVIEWED: "On bone treatment and recently reviewed: team informed",
    CloseReason.SPECIALIST: "Referred on to a specialist",
    CloseReason.PATHOLOGICAL: "Pathological fracture: oncology pathway",
    CloseReason.HIGH_ENERGY_TRAUMA: "High-energy trauma",
    CloseReason.DUPLICATE: "Duplicate of an open referral",
    CloseReason.KNOWN_NO_NEW_FRACTURE: "Fractures already known, none new or worse",
}

EndReason = CloseReason | NotForFlsReason

_REASON_TYPE: dict[ReferralState, type[CloseReason] | type[NotForFlsReason]] = {
    ReferralState.CLOSED: CloseReason,
    ReferralState.NOT_FOR_FLS: NotForFlsReason,
}


def check_move(
    here: ReferralState, there: ReferralState, hold: Hold | None = None, reason: EndReason | None = None
) -> ReferralState:
    """`there`, if this referral may go there now.

    Raises `WrongState` where the pathway has no such step, where a hold is still open (only an end is possible then),
    or where an end lacks its reason, has one of the other kind, or a step that is no end has one.
    """
    move_referral(here, there)
    kind = _REASON_TYPE.get(there)
    if kind is None and reason is not None:
        raise WrongState("Only the end of a referral has a reason.")
    if kind is not None and not isinstance(reason, kind):
        raise WrongState(f"A referral that becomes {there} needs one of its reasons.")
    if kind is None and hold is not None:
        raise WrongState(hold.label)
    return there


def is_new(confirmed: Mapping[Level, int], earlier_confirmed: Mapping[Level, int]) -> bool:
    """Whether something new was confirmed: a level not confirmed before, or a higher grade at a known one.

    Both map level to Genant grade; grade 0 is no fracture. Not new means "known: logged, no new referral"; new means
    that the open referral is escalated or a closed one re-opened as a new one (de-duplication rule of this project).
    A fracture numbered one level differently than before counts as new: an extra look is the safer error.
    """
    return any(grade > earlier_confirmed.get(level, 0) for level, grade in confirmed.items())
