"""What the hospital says of a patient, applied to open referrals: merged, died, corrected."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from django.db.models import Q, QuerySet

from vfx_finder.actions._trail import Act, Detail, tell
from vfx_finder.domain.age import age_at_study
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.hospital import Merge, PersonTold, Remark
from vfx_finder.domain.identity import PatientRef
from vfx_finder.domain.referral import CloseReason, Eligibility, Hold, NotForFlsReason, eligibility
from vfx_finder.domain.study import Patient
from vfx_finder.ledger.hospital import death_of
from vfx_finder.ledger.identities import NOBODY, any_of, numbers_of_each, plain, surviving
from vfx_finder.ledger.models import AuditEvent, Case, HospitalMessage, PatientChange, Referral
from vfx_finder.ledger.models.referral import OPEN

Remarks = tuple[Remark, ...]
"""Empty: applied, with nothing to remark."""

_DETAILS = {"PatientName": "name", "PatientBirthDate": "birth date", "PatientSex": "sex"}


def summed(done: Iterable[Remarks | None]) -> Remarks:
    """What several parts of one message come to: what a person must see first, applied where anything was, else why
    nothing was. A part that had nothing to say is None."""
    parts = [part for part in done if part is not None]
    remarks = [remark for part in parts for remark in part]
    listed = [remark for remark in remarks if remark.outcome == "listed"]
    if listed or () in parts:
        return tuple(listed)
    return tuple(remarks) or (Remark.OTHER_KIND,)


def is_known(told: PersonTold) -> bool:
    """A study or referral of this patient is here."""
    mine = _rows_of(told.identifiers)
    return Case.objects.filter(mine).exists() or Referral.objects.filter(mine).exists()


def death(told: PersonTold, row: HospitalMessage, act: Act) -> Remarks | None:
    """Keep that the patient has died, or that the death is taken back. The nurse sees it at once; she closes."""
    if told.is_dead is None:
        return None
    _must_name(told)
    known = [death_of(ref.PatientID, ref.IssuerOfPatientID) for ref in told.identifiers]
    if not told.is_dead:
        return _taken_back(told, row, act) if any(known) or _has_said("alive", told, row) else None
    is_again = _has_said("died", told, row)
    if not is_again and all(one is not None and one.on == told.deceased_on for one in known):
        return (Remark.NOTHING_CHANGED,)
    if not is_again:
        _keep(told, "died", row)
    said: Detail = {"deceased_on": f"{told.deceased_on:%Y%m%d}" if told.deceased_on else None}
    for referral in _open_referrals(told.identifiers):
        if not (is_again and AuditEvent.objects.filter(referral=referral, verb="patient-died").exists()):
            tell(act, "patient-died", referral.case, said, referral=referral)
    return (Remark.DEATH_CONTRADICTED,) if told.contradicts_itself else issuer_remark(told.identifiers)


def _taken_back(told: PersonTold, row: HospitalMessage, act: Act) -> Remarks:
    if not _has_said("alive", told, row):
        _keep(told, "alive", row)
        for referral in _open_referrals(told.identifiers):
            tell(act, "patient-alive", referral.case, referral=referral)
    closed_for_it = Q(ended_reason__in=[CloseReason.DECEASED, NotForFlsReason.DECEASED])
    was_closed = Referral.objects.filter(_rows_of(told.identifiers)).filter(closed_for_it).exists()
    return (Remark.DEATH_TAKEN_BACK,) if was_closed else ()


def merge(pairs: Sequence[Merge], told: Sequence[PersonTold], how: tuple[HospitalMessage, Act]) -> Remarks:
    """Join the patients of each pair: their one open referral goes to the surviving number. Two open ones are left as
    they are, for the nurse to close one as a duplicate."""
    row, act = how
    if not all(one.identifiers for one in told):
        raise Unreadable("PID-3 names no surviving patient.")
    if not pairs:
        return (Remark.NOTHING_CHANGED,)
    news = {ref: _still_news(one, row) for one in told for ref in one.identifiers}
    return summed(_join(pair, news[pair.surviving], row, act) for pair in pairs)


def _join(pair: Merge, told: PersonTold, row: HospitalMessage, act: Act) -> Remarks:
    earlier = {"earlier_id": pair.earlier.PatientID, "earlier_issuer": pair.earlier.IssuerOfPatientID}
    if not PatientChange.objects.filter(message=row, kind="merged", **earlier).exists():
        if plain(surviving(pair.earlier.PatientID, pair.earlier.IssuerOfPatientID)) == plain(pair.surviving):
            return (Remark.NOTHING_CHANGED,)
        PatientChange.objects.create(**_change(pair.surviving, told, row), kind="merged", **earlier)
    going = _open_referrals((pair.surviving,))
    if len(going) > 1:
        for referral in going:
            tell(act, "merged-two-open", referral.case, referral=referral)
        return (Remark.TWO_OPEN_REFERRALS,)
    remarks = tuple(remark for referral in going for remark in _move(referral, told, act))
    return remarks or issuer_remark((pair.surviving, pair.earlier))


def _move(referral: Referral, told: PersonTold, act: Act) -> Remarks:
    now = surviving(referral.PatientID, referral.IssuerOfPatientID)
    referral.PatientID, referral.IssuerOfPatientID = now.PatientID, now.IssuerOfPatientID
    _, remarks = _take_over(referral, told)
    referral.save()
    tell(act, "patient-merged", referral.case, referral=referral)
    return remarks


def unmerge(told: PersonTold) -> Remarks:
    """Nothing is split by a machine: a person looks at the referrals of a patient who is known here."""
    if is_known(told):
        return (Remark.UNMERGED,)
    return issuer_remark(told.identifiers) or (Remark.NOT_KNOWN,)


def correction(told: PersonTold, row: HospitalMessage, act: Act) -> Remarks:
    """Correct name, birth date and sex of the patient's open referral; what is not said stays."""
    _must_name(told)
    if not is_known(told):
        return issuer_remark(told.identifiers) or (Remark.NOT_KNOWN,)
    told = _still_news(told, row)
    going = [one for one in _open_referrals(told.identifiers) if _differing(one, told)]
    if not going and not _is_news(told):
        return (Remark.NOTHING_CHANGED,)
    _keep(told, "corrected", row)
    return tuple(remark for referral in going for remark in _correct(referral, told, act))


def _correct(referral: Referral, told: PersonTold, act: Act) -> Remarks:
    wrong, remarks = _take_over(referral, told)
    referral.save()
    said: Detail = {"fields": ", ".join(_DETAILS[name] for name in wrong)}
    tell(act, "patient-corrected", referral.case, said, referral=referral)
    return remarks


def _take_over(referral: Referral, told: PersonTold) -> tuple[list[str], Remarks]:
    """Put the details as told, without saving: which were otherwise, and what a person must know of it."""
    wrong = _differing(referral, told)
    for name in wrong:
        setattr(referral, name, getattr(told, name))
    return wrong, _count_age(referral) if "PatientBirthDate" in wrong else ()


def _count_age(referral: Referral) -> Remarks:
    """The age by the corrected birth date. It may answer the question that holds a referral, never end one."""
    patient = Patient(PatientID=referral.PatientID, PatientBirthDate=referral.PatientBirthDate)
    age = age_at_study(patient, referral.case.StudyDate)
    if age is None:
        return ()
    referral.age = age
    if eligibility(age) is Eligibility.TOO_YOUNG:
        return (Remark.NOW_UNDER_50,)
    if referral.hold == Hold.AGE_UNKNOWN:
        referral.hold = ""
    return ()


def _is_news(told: PersonTold) -> bool:
    """A study here says it otherwise, and the last correction did too."""
    mine = _rows_of(told.identifiers)
    if not any(_differing(case, told) for case in Case.objects.filter(mine)):
        return False
    last = PatientChange.objects.filter(mine, kind="corrected").order_by("received_at", "pk").last()
    return last is None or bool(_differing(last, told))


def _differing(row: Referral | Case | PatientChange, told: PersonTold) -> list[str]:
    """Which details a row has otherwise; capitals and empty name components make no difference."""
    return [
        name for name in _DETAILS if getattr(told, name) and _same(getattr(row, name)) != _same(getattr(told, name))
    ]


def _same(value: str) -> str:
    return value.strip().rstrip("^").casefold()


def _must_name(told: PersonTold) -> None:
    if not told.identifiers:
        raise Unreadable("PID-3 names no patient.")


def _rows_of(refs: Iterable[PatientRef]) -> Q:
    numbers = numbers_of_each(refs)
    return any_of({form for several in numbers.values() for form in several}) if numbers else NOBODY


def _open_referrals(refs: Iterable[PatientRef]) -> list[Referral]:
    found: QuerySet[Referral] = Referral.objects.filter(OPEN).filter(_rows_of(refs))
    return list(found.select_related("case").select_for_update(of=("self",)).order_by("pk"))


def issuer_remark(refs: Sequence[PatientRef]) -> Remarks:
    """Nobody is known by these very numbers, but somebody by the same number without or with an issuer."""
    if Case.objects.filter(_rows_of(refs)).exists():
        return ()
    ids, unnamed = {ref.PatientID for ref in refs}, any(not ref.IssuerOfPatientID for ref in refs)
    alike = Case.objects.filter(PatientID__in=ids)
    alike = alike if unnamed else alike.filter(IssuerOfPatientID="")
    return (Remark.OTHER_ISSUER,) if alike.exists() else ()


def _has_said(kind: str, told: PersonTold, row: HospitalMessage) -> bool:
    """This very message was taken in before: it is applied again, and is no news by itself."""
    return PatientChange.objects.filter(_rows_of(told.identifiers), message=row, kind=kind).exists()


def _still_news(told: PersonTold, row: HospitalMessage) -> PersonTold:
    """Without what messages that came later have corrected: one that is applied late undoes none of it."""
    mine = PatientChange.objects.filter(_rows_of(told.identifiers), kind="corrected")
    later = list(mine.filter(received_at__gt=row.received_at))
    newer: dict[str, Any] = {name: "" for name in _DETAILS if any(getattr(one, name) for one in later)}
    return replace(told, **newer)


def _keep(told: PersonTold, kind: str, row: HospitalMessage) -> None:
    """One row for every number of the patient: which of them the images carry is not known."""
    for ref in told.identifiers:
        PatientChange.objects.create(**_change(ref, told, row), kind=kind, deceased_on=told.deceased_on)


def _change(ref: PatientRef, told: PersonTold, row: HospitalMessage) -> dict[str, Any]:
    """As told when the message came, also where it is applied later: what came after it is newer."""
    return {
        "message": row,
        "PatientID": ref.PatientID,
        "IssuerOfPatientID": ref.IssuerOfPatientID,
        "PatientName": told.PatientName,
        "PatientBirthDate": told.PatientBirthDate,
        "PatientSex": told.PatientSex,
        "received_at": row.received_at,
    }
