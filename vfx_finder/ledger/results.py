"""What a delivery tells other systems by HL7 or FHIR. Nothing here writes."""

from vfx_finder.domain.age import age_at_study
from vfx_finder.domain.told import told
from vfx_finder.interop.result import Result, Study
from vfx_finder.ledger.deliveries import content
from vfx_finder.ledger.documents import analysis_of
from vfx_finder.ledger.hospital import patient_now
from vfx_finder.ledger.models import AnalysisRecord, Case, DeliveredObject, Delivery


def result_of(delivery: Delivery) -> Result:
    """The result that this delivery tells of, the same at every try as long as the hospital says the same of the
    patient: the number that survives a merge, and corrected details, go out; the study's own headers stay."""
    said = content(delivery)
    return Result(
        study=_study(delivery.case),
        analysis=said.analysis,
        review=said.review,
        at=said.review.signed_at if said.review else said.analysed_at,
        key=f"{_key(delivery.analysis)}-{delivery.stage}-{delivery.destination_id}",
        key_of_analysis=_key(delivery.analysis),
        withdrawn=tuple((_key(one), _vertebrae(one)) for one in _told_before(delivery)),
    )


def _study(case: Case) -> Study:
    patient = patient_now(case)
    return Study(
        PatientID=patient.PatientID,
        IssuerOfPatientID=patient.IssuerOfPatientID,
        PatientName=patient.PatientName,
        PatientBirthDate=patient.PatientBirthDate,
        PatientSex=patient.PatientSex,
        StudyInstanceUID=case.StudyInstanceUID,
        AccessionNumber=case.AccessionNumber,
        StudyDate=case.StudyDate,
        Modality=case.Modality,
        ReferringPhysicianName=case.ReferringPhysicianName,
        age=age_at_study(patient, case.StudyDate),
    )


def _key(record: AnalysisRecord) -> str:
    return f"{record.case.correlation_id}-{record.generation}"


def _told_before(delivery: Delivery) -> list[AnalysisRecord]:
    """Analyses of older images that this destination took."""
    taken = DeliveredObject.objects.filter(
        delivery__destination_id=delivery.destination_id, delivery__case_id=delivery.case_id, stored_at__isnull=False
    )
    older = taken.exclude(delivery__analysis_id=delivery.analysis_id).values("delivery__analysis_id")
    return list(AnalysisRecord.objects.filter(pk__in=older).select_related("case").order_by("generation"))


def _vertebrae(record: AnalysisRecord) -> int:
    return sum(one.is_vertebra for one in told(analysis_of(record.document, None), None))
