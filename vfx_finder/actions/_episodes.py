"""One patient, one open referral: what a signed review means for the episodes that this patient already has."""

from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils import timezone

from vfx_finder.actions._trail import Act, tell
from vfx_finder.domain.referral import NOTHING_KNOWN, Circumstances, Hold, Route, Tier, is_new, tier
from vfx_finder.domain.review import ConfirmedFracture, ReviewOutcome
from vfx_finder.domain.spine import Level
from vfx_finder.ledger.first_contact import latest_answers
from vfx_finder.ledger.hospital import patient_now
from vfx_finder.ledger.identities import of_patient
from vfx_finder.ledger.models import Case, Referral, SignedReview
from vfx_finder.ledger.models.referral import OPEN

Grades = dict[Level, int]

_PERSON = ("PatientID", "IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex")


@dataclass(frozen=True)
class Arrival:
    """What is known of a patient as they arrive, beside the review."""

    age: int | None
    hold: Hold | None = None
    known: Circumstances = NOTHING_KNOWN


def open_or_join(signed: SignedReview, reached: ReviewOutcome, arrival: Arrival, act: Act) -> Referral | None:
    """The referral that this review opens or escalates; None where everything was known and referred before.

    A patient without PatientID cannot be recognised again, so each study of theirs opens its own.
    """
    case = signed.case
    known = _referred_before(case, signed)
    if not is_new(reached.grades, known):
        tell(act, "known-no-new-referral", case, {"max_grade": reached.max_grade})
        return None
    going = _referrals_of(case).filter(OPEN).select_for_update().first()
    if going is not None:
        return _escalate(going, signed, reached, (arrival.known, act))
    return _open(signed, reached, arrival, act)


def _same_patient(case: Case) -> Q:
    """Under any of the numbers that the hospital has merged; nobody without a number."""
    return of_patient(case.PatientID, case.IssuerOfPatientID)


def _referrals_of(case: Case) -> QuerySet[Referral]:
    return Referral.objects.filter(_same_patient(case))


def _referred_before(case: Case, signed: SignedReview) -> Grades:
    """The highest grade by level over all earlier reviews of this patient that went to FLS."""
    if not case.PatientID:
        return {}
    others = Case.objects.filter(_same_patient(case))
    reviews = SignedReview.objects.filter(case__in=others, route=Route.FLS).exclude(pk=signed.pk)
    known: Grades = {}
    for grades in reviews.values_list("grades", flat=True):
        known = _highest(known, {Level(name): grade for name, grade in grades.items()})
    return known


def _highest(first: Grades, second: Grades) -> Grades:
    return {level: max(first.get(level, 0), second.get(level, 0)) for level in first | second}


def _open(signed: SignedReview, reached: ReviewOutcome, arrival: Arrival, act: Act) -> Referral:
    case = signed.case
    referral = Referral.objects.create(
        case=case,
        review=signed,
        earlier=_referrals_of(case).order_by("-opened_at").first(),
        **_person(case),
        age=arrival.age,
        tier=tier(reached, arrival.known),
        hold=arrival.hold or "",
        diagnosed_on=timezone.localdate(act.now),
        opened_at=act.now,
        moved_at=act.now,
        **_burden(reached),
    )
    tell(act, "referred", case, {"tier": referral.tier, "hold": referral.hold}, referral=referral)
    return referral


def _person(case: Case) -> dict[str, str]:
    """Who the patient is by the study's headers and what the hospital has said since: number, name, birth date, sex."""
    now = patient_now(case)
    return {name: getattr(now, name) for name in _PERSON}


def _escalate(
    referral: Referral, signed: SignedReview, reached: ReviewOutcome, how: tuple[Circumstances, Act]
) -> Referral:
    """Add what is new to the open referral; its tier only ever rises. What the patient said keeps its say."""
    known, act = how
    before = {Level(name): grade for name, grade in referral.grades.items()}
    together = ReviewOutcome(
        tuple(ConfirmedFracture(level, grade, None) for level, grade in _highest(before, reached.grades).items())
    )
    for name, value in _burden(together).items():
        setattr(referral, name, value)
    was = referral.tier
    by_images = min(Tier(referral.imaging_tier or was), tier(together, known))
    referral.imaging_tier = by_images if referral.imaging_tier else ""
    referral.tier = min(by_images, tier(together, latest_answers(referral.pk).circumstances))
    referral.save()
    tell(act, "escalated", signed.case, {"was": was, "tier": referral.tier}, referral=referral)
    return referral


def _burden(reached: ReviewOutcome) -> dict[str, object]:
    return {
        "grades": {level.value: grade for level, grade in reached.grades.items()},
        "max_grade": reached.max_grade,
        "fracture_count": reached.fracture_count,
        "spinal_deformity_index": reached.spinal_deformity_index,
    }
