"""The most recent earlier study of the same patient that was analysed, as it was left: read or not."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.db.models import F

from vfx_finder.domain.age import parse_date
from vfx_finder.domain.seen import SeenVertebra, seen
from vfx_finder.ledger.documents import analysis_of, decisions_of
from vfx_finder.ledger.identities import of_patient
from vfx_finder.ledger.models import AnalysisRecord, Case


@dataclass(frozen=True)
class EarlierStudy:
    """An earlier study: `vertebrae` as signed where `is_signed`, else as the software found them. `models` are the
    names and versions of the networks that found them."""

    case_id: int
    taken_on: date
    vertebrae: tuple[SeenVertebra, ...]
    is_signed: bool
    models: frozenset[tuple[str, str]]


def earlier_study(case: Case) -> EarlierStudy | None:
    """The study of the same patient, also under a merged number, and of the same modality, with the latest earlier
    StudyDate of those whose present analysis found a spine.

    None without a PatientID or a StudyDate, and where the images of either study name different patients: nobody is
    compared with somebody else.
    """
    today = parse_date(case.StudyDate)
    if today is None or not case.PatientID or case.patient_conflict:
        return None
    for pk, taken_on in _newest_first(case, today):
        record = _present_analysis(pk)
        if record is not None:
            return _left(record, taken_on)
    return None


def model_names(record: AnalysisRecord) -> frozenset[tuple[str, str]]:
    """Name and version of every network of an analysis."""
    return frozenset((model["name"], model["version"]) for model in record.model_versions)


def _newest_first(case: Case, today: date) -> Iterable[tuple[int, date]]:
    mine = of_patient(case.PatientID, case.IssuerOfPatientID)
    same = Case.objects.filter(mine, Modality=case.Modality, patient_conflict=False)
    dated = ((pk, parse_date(sent)) for pk, sent in same.exclude(pk=case.pk).values_list("pk", "StudyDate"))
    before = [(taken_on, pk) for pk, taken_on in dated if taken_on and taken_on < today]
    return ((pk, taken_on) for taken_on, pk in sorted(before, reverse=True))


def _present_analysis(case_id: int) -> AnalysisRecord | None:
    """The analysis that still stands, if it found a spine that could be graded."""
    records = AnalysisRecord.objects.filter(case_id=case_id, generation=F("case__generation"))
    record = records.select_related("case__review").defer("picture_png", "reformat").first()
    return record if record is not None and record.document["patient"] else None


def _left(record: AnalysisRecord, taken_on: date) -> EarlierStudy:
    review = getattr(record.case, "review", None)
    decisions = decisions_of(review.document) if review else ()
    return EarlierStudy(
        case_id=record.case_id,
        taken_on=taken_on,
        vertebrae=seen(analysis_of(record.document, None).findings, decisions),
        is_signed=review is not None,
        models=model_names(record),
    )
