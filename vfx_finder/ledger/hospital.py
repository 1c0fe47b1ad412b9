"""Named questions about what the hospital's other systems told us. Nothing here writes."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Q, QuerySet
from django.db.models.functions import Left

from vfx_finder.domain.age import age_at_study
from vfx_finder.domain.hospital import Outcome, Remark
from vfx_finder.domain.identity import PatientRef
from vfx_finder.domain.study import Patient
from vfx_finder.ledger.identities import numbers_of_each, of_patient, surviving
from vfx_finder.ledger.models import Case, HospitalMessage, PatientChange, RadiologyReport, Referral
from vfx_finder.ledger.models.referral import OPEN

LIFE = ("died", "alive")
BEGINNING = 4000
"""Characters of a message that a page looks at: its header, and whom it is about."""
_DETAILS = ("PatientName", "PatientBirthDate", "PatientSex")


@dataclass(frozen=True)
class Death:
    """The hospital's word that a patient has died. `on` is the day, None where it did not say."""

    on: date | None
    told: PatientChange


def death_of(PatientID: str, IssuerOfPatientID: str = "") -> Death | None:
    """What the hospital last said of this patient's death, under any of their numbers; None where they live."""
    said = PatientChange.objects.filter(of_patient(PatientID, IssuerOfPatientID), kind__in=LIFE)
    newest = said.order_by("received_at", "pk").last()
    return Death(newest.deceased_on, newest) if newest is not None and newest.kind == "died" else None


def reported_dead(referrals: Iterable[Referral]) -> dict[int, Death]:
    """By referral: those whose patient the hospital says has died."""
    refs = {row.pk: PatientRef(row.PatientID, row.IssuerOfPatientID) for row in referrals if row.PatientID}
    numbers = numbers_of_each(refs.values())
    every = [number.PatientID for several in numbers.values() for number in several]
    said = PatientChange.objects.filter(PatientID__in=every, kind__in=LIFE).order_by("received_at", "pk")
    told = [(PatientRef(one.PatientID, one.IssuerOfPatientID), one) for one in said]
    newest = {pk: [one for ref, one in told if ref in numbers[mine]][-1:] for pk, mine in refs.items()}
    return {pk: Death(one.deceased_on, one) for pk, last in newest.items() for one in last if one.kind == "died"}


def other_open(referral: Referral) -> Referral | None:
    """Another open referral of the same patient: a merge brought two together, and a person must close one."""
    mine = of_patient(referral.PatientID, referral.IssuerOfPatientID)
    return Referral.objects.filter(OPEN).filter(mine).exclude(pk=referral.pk).first()


def reports_of(case: Case) -> list[RadiologyReport]:
    """The radiology department's reports of this study, newest first: of the same patient, and by StudyInstanceUID or
    accession number. Another patient's report is never among them."""
    by_number = Q(AccessionNumber=case.AccessionNumber) if case.AccessionNumber else Q(pk__in=())
    found = RadiologyReport.objects.filter(Q(StudyInstanceUID=case.StudyInstanceUID) | by_number)
    mine = found.filter(of_patient(case.PatientID, case.IssuerOfPatientID))
    return list(mine.order_by("-received_at", "-pk"))


def messages_to_look_at(limit: int = 500) -> QuerySet[HospitalMessage]:
    """Messages that wait for a person, newest first, each with its `beginning` instead of its content."""
    return without_content(_waiting())[:limit]


def messages_since(since: datetime, limit: int = 50) -> QuerySet[HospitalMessage]:
    """Hospital messages of this time, newest first, each with its `beginning` instead of its content."""
    return without_content(HospitalMessage.objects.filter(received_at__gte=since))[:limit]


def messages_listed(remark: Remark) -> QuerySet[HospitalMessage]:
    """Those of them that wait for this reason."""
    return _waiting().filter(reason__regex=f"^{remark}(:|$)")


def _waiting() -> QuerySet[HospitalMessage]:
    return HospitalMessage.objects.filter(outcome=Outcome.LISTED, looked_at__isnull=True)


def without_content(rows: QuerySet[HospitalMessage]) -> QuerySet[HospitalMessage]:
    """With `beginning`, the first characters of the content, which may be megabytes."""
    return rows.defer("content").annotate(beginning=Left("content", BEGINNING))


def patient_now(case: Case) -> Patient:
    """A study's patient by its headers and what the hospital has said since it began to arrive: the number that
    survives a merge, and the newest name, birth date and sex of any correction. A corrected birth date outweighs the
    age that the headers state."""
    number, issuer = case.PatientID, case.IssuerOfPatientID
    if number.strip():
        now = surviving(number, issuer)
        number, issuer = now.PatientID, now.IssuerOfPatientID
    mine = of_patient(case.PatientID, case.IssuerOfPatientID)
    said = PatientChange.objects.filter(mine, kind="corrected").order_by("received_at", "pk")
    return _patient(case, (number, issuer), said)


def age_now(case: Case) -> int | None:
    """The age of `patient_now` on the day of the study in whole years, None where it is not known for sure."""
    return age_at_study(patient_now(case), case.StudyDate)


def ages_now(cases: Iterable[Case]) -> dict[int, int | None]:
    """By study: the same for a whole list, with few questions to the database."""
    every = list(cases)
    refs = {one.pk: PatientRef(one.PatientID, one.IssuerOfPatientID) for one in every if one.PatientID.strip()}
    numbers = numbers_of_each(set(refs.values()))
    mentioned = {number.PatientID for several in numbers.values() for number in several}
    corrected = PatientChange.objects.filter(kind="corrected", PatientID__in=mentioned)
    said = [(PatientRef(one.PatientID, one.IssuerOfPatientID), one) for one in corrected.order_by("received_at", "pk")]

    def age(case: Case) -> int | None:
        mine = numbers[refs[case.pk]] if case.pk in refs else frozenset()
        who = _patient(case, (case.PatientID, case.IssuerOfPatientID), [one for of, one in said if of in mine])
        return age_at_study(who, case.StudyDate)

    return {case.pk: age(case) for case in every}


def _patient(case: Case, number: tuple[str, str], corrections: Iterable[PatientChange]) -> Patient:
    """Under this number, with what these corrections (oldest first) said last of each detail since the study began to
    arrive; what one leaves out, an earlier one has said."""
    since = [one for one in corrections if one.received_at > case.received_at]
    said = {name: getattr(one, name) for one in since for name in _DETAILS if getattr(one, name)}
    details = {name: getattr(case, name) for name in _DETAILS} | said
    stated = case.PatientAge if details["PatientBirthDate"] == case.PatientBirthDate else ""
    return Patient(*number, **details, PatientAge=stated)
