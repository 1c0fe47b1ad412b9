"""Finding one study among many: by whatever reference a person holds in hand, or by leafing through."""

from dataclasses import dataclass

from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from vfx_finder.ledger.models import Case, StoredInstance

LEAF = 100
"""Studies on one page of the list."""
SHORTEST_REFERENCE = 6
"""Digits of a correlation id that are worth a search; the lists show eight."""
SHORTEST_NUMBER = 3
"""Characters of a patient number before it may be the beginning of several."""


def find_studies(words: str, limit: int = 100) -> QuerySet[Case]:
    """Studies with this correlation id (or its beginning), accession number, patient number (or its beginning), or
    Study, Series or SOP Instance UID; newest first. Nothing for nothing."""
    wanted = words.strip()
    found = Case.objects.filter(_matches(wanted)) if wanted else Case.objects.none()
    return with_instance_count(found).order_by("-received_at", "-pk")[:limit]


@dataclass(frozen=True)
class Leaf:
    """Some studies out of many, newest first, with `instance_count`; `number` counts from 1, `last` is the last one."""

    studies: tuple[Case, ...]
    number: int
    last: int
    total: int


def leaf(state: str, number: int) -> Leaf:
    """One leaf of every study, or of those in one state; a number beyond the last means the last."""
    every = Case.objects.filter(state=state) if state else Case.objects.all()
    total = every.count()
    last = max(1, -(-total // LEAF))
    here = min(max(1, number), last)
    newest_first = with_instance_count(every).order_by("-received_at", "-pk")
    return Leaf(tuple(newest_first[(here - 1) * LEAF : here * LEAF]), here, last, total)


def with_instance_count(cases: QuerySet[Case]) -> QuerySet[Case]:
    """These studies with `instance_count`, counted for those that are taken of them and not for all that there are."""
    counted = StoredInstance.objects.filter(case=OuterRef("pk")).order_by().values("case").annotate(n=Count("pk"))
    number = Coalesce(Subquery(counted.values("n"), output_field=IntegerField()), 0)
    return cases.annotate(instance_count=number)


def _matches(wanted: str) -> Q:
    named = Q(AccessionNumber__iexact=wanted) | Q(PatientID__iexact=wanted) | Q(StudyInstanceUID=wanted)
    if "." in wanted:  # the instances are many: they are asked only for what can be a UID
        named |= Q(pk__in=_of_instance(wanted))
    if len(wanted) >= SHORTEST_NUMBER:
        named |= Q(PatientID__istartswith=wanted)
    if len(wanted) >= SHORTEST_REFERENCE:
        named |= Q(correlation_id__startswith=wanted.lower())
    return named


def _of_instance(uid: str) -> QuerySet[StoredInstance, int]:
    """The studies that hold this instance, or this series."""
    held = StoredInstance.objects.filter(Q(SOPInstanceUID=uid) | Q(SeriesInstanceUID=uid))
    return held.values_list("case_id", flat=True)
