"""Radiology reports of the hospital's own system, kept beside the studies that they are of."""

from collections.abc import Sequence

from django.db.models import Q

from vfx_finder.actions._hospital_patients import Remarks, issuer_remark, summed
from vfx_finder.actions._trail import Act, tell
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.hospital import Remark, ReportTold
from vfx_finder.domain.identity import PatientRef
from vfx_finder.interop.hl7 import Message
from vfx_finder.interop.oru import reports
from vfx_finder.ledger.identities import numbers_of_each
from vfx_finder.ledger.models import Case, HospitalMessage, RadiologyReport

WITHDRAWN = ("X", "D")
"""OBR-25 and OBX-11 of a report that no longer stands (tables 0123, 0085)."""


def keep_reports(message: Message, row: HospitalMessage, act: Act) -> Remarks:
    """Keep every report of a message. Raises `Unreadable` where one names no patient."""
    found = reports(message)
    RadiologyReport.objects.filter(message=row).delete()  # where it is applied again, each report is kept once
    return summed([_keep(report, row, act) for report in found]) if found else (Remark.OTHER_DEPARTMENT,)


def _keep(report: ReportTold, row: HospitalMessage, act: Act) -> Remarks:
    if not report.identifiers:
        raise Unreadable("PID-3 names no patient.")
    if not report.text and report.status not in WITHDRAWN:
        return (Remark.NO_TEXT,)
    numbers = numbers_of_each(report.identifiers)
    named = _cases_named(report)
    mine = [(ref, case) for ref in report.identifiers for case in named if _ref_of(case) in numbers[ref]]
    ref, case = mine[0] if mine else (report.identifiers[0], None)
    _write(report, (ref, case), row)
    if case is not None:
        tell(act, "report-received", case, {"status": report.status})
        return ()
    return (issuer_remark(report.identifiers) or (Remark.OTHER_PATIENT,)) if named else ()


def _cases_named(report: ReportTold) -> Sequence[Case]:
    """Studies with the report's StudyInstanceUID or one of its order numbers, whoever the patient is."""
    named = Q(AccessionNumber__in=report.accessions)
    if report.StudyInstanceUID:
        named |= Q(StudyInstanceUID=report.StudyInstanceUID)
    return list(Case.objects.filter(named))


def _ref_of(case: Case) -> PatientRef | None:
    return PatientRef(case.PatientID, case.IssuerOfPatientID) if case.PatientID.strip() else None


def _write(report: ReportTold, found: tuple[PatientRef, Case | None], row: HospitalMessage) -> None:
    ref, case = found
    ours = case.AccessionNumber if case is not None else ""
    accession = ours if ours in report.accessions else next(iter(report.accessions), "")
    RadiologyReport.objects.create(
        message=row,
        PatientID=ref.PatientID,
        IssuerOfPatientID=ref.IssuerOfPatientID,
        AccessionNumber=accession,
        StudyInstanceUID=report.StudyInstanceUID,
        status=report.status,
        reported_at=report.reported_at,
        received_at=row.received_at,
        text=report.text,
    )
