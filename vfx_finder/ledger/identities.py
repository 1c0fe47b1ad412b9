"""One patient with several numbers: those that the hospital merged, and a number with and without its issuer.

Studies keep their headers as sent; which of them are of one patient is worked out here, each time it is asked.
"""

from collections.abc import Iterable

from django.conf import settings
from django.db.models import Q

from vfx_finder.domain.identity import PatientRef
from vfx_finder.ledger.models import PatientChange

Edge = tuple[PatientRef, PatientRef]
NOBODY = Q(pk__in=())


def numbers_of(PatientID: str, IssuerOfPatientID: str = "") -> frozenset[PatientRef]:
    """Every identity of the patient with this number, itself included; none for an empty number."""
    if not PatientID.strip():
        return frozenset()
    asked = PatientRef(PatientID, IssuerOfPatientID)
    return numbers_of_each((asked,))[asked]


def numbers_of_each(refs: Iterable[PatientRef]) -> dict[PatientRef, frozenset[PatientRef]]:
    """The same for many patients with few questions to the database."""
    asked = {ref: plain(ref) for ref in refs}
    edges = _merges(set(asked.values()))
    return {
        ref: frozenset(form for one in _joined(start, edges) for form in _forms(one)) for ref, start in asked.items()
    }


def of_patient(PatientID: str, IssuerOfPatientID: str = "") -> Q:
    """Rows with PatientID and IssuerOfPatientID that are of the patient with this number; none for an empty one."""
    return any_of(numbers_of(PatientID, IssuerOfPatientID))


def any_of(refs: Iterable[PatientRef]) -> Q:
    """Rows with one of these very identities."""
    wanted = NOBODY
    for ref in refs:
        wanted |= Q(PatientID=ref.PatientID, IssuerOfPatientID=ref.IssuerOfPatientID)
    return wanted


def surviving(PatientID: str, IssuerOfPatientID: str = "") -> PatientRef:
    """The identity under which the hospital keeps this patient now: where the newest merge, and any that it was
    itself merged by, leads. Raises `Unreadable` for an empty number."""
    start = PatientRef(PatientID, IssuerOfPatientID)
    mine = numbers_of(PatientID, IssuerOfPatientID)
    edges = [edge for edge in _merges({plain(start)}) if edge[0] in mine]
    if not edges:
        return start
    passed, here = edges[-1]
    seen = {passed, here}
    while onward := [there for earlier, there in edges if earlier == here and there not in seen]:
        here = onward[-1]
        seen.add(here)
    return start if plain(start) == here else here


def plain(ref: PatientRef) -> PatientRef:
    """The identity without its issuer where that is the one meant when none is named."""
    own = settings.VFX.issuer_of_patient_id
    return PatientRef(ref.PatientID) if own and ref.IssuerOfPatientID == own else ref


def _forms(ref: PatientRef) -> tuple[PatientRef, ...]:
    own = settings.VFX.issuer_of_patient_id
    return (ref, PatientRef(ref.PatientID, own)) if own and not ref.IssuerOfPatientID else (ref,)


def _merges(starts: Iterable[PatientRef]) -> list[Edge]:
    """Every merge that these identities hang together with, earlier -> surviving, oldest first."""
    known, asked = set(starts), set[PatientRef]()
    found: dict[int, Edge] = {}
    while frontier := known - asked:
        asked |= frontier
        for row in PatientChange.objects.filter(_touching(frontier), kind="merged"):
            earlier = plain(PatientRef(row.earlier_id, row.earlier_issuer))
            edge = (earlier, plain(PatientRef(row.PatientID, row.IssuerOfPatientID)))
            if not frontier.isdisjoint(edge):
                found[row.pk] = edge
                known |= set(edge)
    return [found[pk] for pk in sorted(found)]


def _joined(start: PatientRef, edges: Iterable[Edge]) -> set[PatientRef]:
    joined, more = {start}, True
    while more:
        touching = {ref for edge in edges if not joined.isdisjoint(edge) for ref in edge}
        more = not touching <= joined
        joined |= touching
    return joined


def _touching(refs: Iterable[PatientRef]) -> Q:
    """Merges that may touch one of these; number and issuer are matched one by one afterwards."""
    forms = [form for ref in refs for form in _forms(ref)]
    ids, issuers = {form.PatientID for form in forms}, {form.IssuerOfPatientID for form in forms}
    surviving_one = Q(PatientID__in=ids, IssuerOfPatientID__in=issuers)
    return surviving_one | Q(earlier_id__in=ids, earlier_issuer__in=issuers)
