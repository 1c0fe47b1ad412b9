"""Finding one study among many, by whatever reference a person holds in hand."""

from django.db.models import Count, Q, QuerySet

from vfx_finder.ledger.models import Case, StoredInstance

SHORTEST_REFERENCE = 6
"""Digits of a correlation id that are worth a search; the lists show eight."""
SHORTEST_NUMBER = 3
"""Characters of a patient number before it may be the beginning of several."""


def find_studies(words: str, limit: int = 100) -> QuerySet[Case]:
    """Studies with this correlation id (or its beginning), accession number, patient number (or its beginning), or
    Study, Series or SOP Instance UID; newest first. Nothing for nothing."""
    wanted = words.strip()
    found = Case.objects.filter(_matches(wanted)) if wanted else Case.objects.none()
    return found.annotate(instance_count=Count("instances")).order_by("-received_at", "-pk")[:limit]


def _matches(wanted: str) -> Q:
    by_uid = Q(StudyInstanceUID=wanted) | Q(pk__in=_of_instance(wanted))
    named = by_uid | Q(AccessionNumber__iexact=wanted) | Q(PatientID__iexact=wanted)
    if len(wanted) >= SHORTEST_NUMBER:
        named |= Q(PatientID__istartswith=wanted)
    if len(wanted) >= SHORTEST_REFERENCE:
        named |= Q(correlation_id__startswith=wanted.lower())
    return named


def _of_instance(uid: str) -> QuerySet[StoredInstance, int]:
    """The studies that hold this instance, or this series."""
    held = StoredInstance.objects.filter(Q(SOPInstanceUID=uid) | Q(SeriesInstanceUID=uid))
    return held.values_list("case_id", flat=True)
