"""The lines of the operator's lists."""

from dataclasses import dataclass
from datetime import datetime

from vfx_finder.domain.flow import CASE_OWNER, CASE_TRANSITIONS, CaseState
from vfx_finder.figures.people import written_date
from vfx_finder.ledger.models import Case
from vfx_finder.web.operations.reasons import Advice, advice

STATE_WORDS: dict[CaseState, str] = {
    CaseState.RECEIVING: "Receiving",
    CaseState.SETTLED: "Waiting for analysis",
    CaseState.ANALYSED_CLEAR: "Analysed, not flagged",
    CaseState.AWAITING_REVIEW: "Awaiting radiologist",
    CaseState.REVIEWED: "Signed",
    CaseState.UNSUITABLE: "Not analysed",
    CaseState.FAILED: "Failed",
}

STATE_MARK: dict[CaseState, str] = {
    CaseState.UNSUITABLE: "ask",
    CaseState.FAILED: "bad",
    CaseState.REVIEWED: "good",
    CaseState.ANALYSED_CLEAR: "good",
}


@dataclass(frozen=True)
class StudyRow:
    """One received study, where it is, and who has it in hand."""

    id: int
    number: str
    accession: str
    description: str
    study_date: str
    modality: str
    instances: int
    sender: str
    received_at: datetime
    last_instance_at: datetime
    state: str
    mark: str
    owner: str
    correlation_id: str
    advice: Advice | None
    detail: str
    may_retry: bool
    may_hurry: bool
    conflict: bool
    late: int
    seconds_to_answer: int | None


def study_row(case: Case, instances: int) -> StudyRow:
    """The line of one study; `advice` only where it was not analysed."""
    state = CaseState(case.state)
    return StudyRow(
        id=case.pk,
        number=case.PatientID or "no PatientID",
        accession=case.AccessionNumber,
        description=case.StudyDescription or "no description",
        study_date=written_date(case.StudyDate),
        modality=case.Modality,
        instances=instances,
        sender=case.calling,
        received_at=case.received_at,
        last_instance_at=case.last_instance_at,
        state=STATE_WORDS[state],
        mark=STATE_MARK.get(state, ""),
        owner=CASE_OWNER[state],
        correlation_id=case.correlation_id,
        advice=advice(case.reason) if case.reason else None,
        detail=case.detail,
        may_retry=may_retry(case),
        may_hurry=may_retry(case) or (state is CaseState.SETTLED and not case.patient_conflict),
        conflict=case.patient_conflict,
        late=case.instances_after_review,
        seconds_to_answer=_seconds_to_answer(case),
    )


def may_retry(case: Case) -> bool:
    """Whether an operator may have this study analysed again (the rule itself stands in `actions.operations`)."""
    state = CaseState(case.state)
    may_go = CaseState.SETTLED in CASE_TRANSITIONS[state]
    return may_go and state is not CaseState.RECEIVING and not case.patient_conflict


def _seconds_to_answer(case: Case) -> int | None:
    if case.finished_at is None:
        return None
    return round((case.finished_at - case.last_instance_at).total_seconds())
