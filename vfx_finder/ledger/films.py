"""Radiographs among the analyses: what a list says of them, for they have no grades."""

from collections.abc import Iterable

from django.db.models import F

from vfx_finder.domain.finding import FILM_SUSPECTED
from vfx_finder.domain.study import Modality
from vfx_finder.ledger.documents import level_of
from vfx_finder.ledger.models import AnalysisRecord


def suspected_on_films(case_ids: Iterable[int]) -> dict[int, tuple[str, ...]]:
    """By study whose present analysis is of a radiograph: how each level is told that calls for a look."""
    records = AnalysisRecord.objects.filter(
        case_id__in=list(case_ids),
        generation=F("case__generation"),
        document__modality__in=[Modality.CR.value, Modality.DX.value],
    )
    return {
        case_id: tuple(
            level_of(row["vertebra"]["level"]).words for row in rows if FILM_SUSPECTED in row["vertebra"]["flags"]
        )
        for case_id, rows in records.values_list("case_id", "document__findings")
    }
