"""The lines of the operator's lists."""

from dataclasses import dataclass
from datetime import datetime

from vfx_finder.domain.flow import CASE_TRANSITIONS, CaseState
from vfx_finder.domain.study import Reason
from vfx_finder.figures.people import written_date
from vfx_finder.ledger.models import Case
from vfx_finder.ledger.whereabouts import Whereabouts
from vfx_finder.web.operations.hands import in_hands
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
    """One received study, where it is, and who has it in hand; `late` of its images came after signing, `unseen` of
    them nobody has seen to."""

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
    left_out: bool
    conflict: bool
    late: int
    unseen: int
    seconds_to_answer: int | None
    answered_after: str


def study_row(case: Case, instances: int, went: Whereabouts | None = None) -> StudyRow:
    """The line of one study; `advice` only where it was not analysed, `went` only where it is signed."""
    state = CaseState(case.state)
    seconds = case.seconds_to_answer
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
        owner=in_hands(case, went),
        correlation_id=case.correlation_id,
        advice=advice(case.reason) if case.reason else None,
        detail=case.detail,
        may_retry=may_retry(case),
        may_hurry=may_retry(case) or (state is CaseState.SETTLED and not case.patient_conflict),
        left_out=case.reason == Reason.LEFT_OUT,
        conflict=case.patient_conflict,
        late=case.instances_after_review,
        unseen=case.instances_after_review - case.late_seen,
        seconds_to_answer=None if seconds is None else round(seconds),
        answered_after=_answered_after(case),
    )


def _answered_after(case: Case) -> str:
    """ "90 s from the last image"; empty where there is no answer."""
    if case.seconds_to_answer is None:
        return ""
    start = "when it was asked for again" if case.asked_by_hand else "the last image"
    return f"{case.seconds_to_answer:.0f} s from {start}"


def may_retry(case: Case) -> bool:
    """Whether an operator may have this study analysed again (the rule itself stands in `actions.operations`)."""
    state = CaseState(case.state)
    may_go = CaseState.SETTLED in CASE_TRANSITIONS[state] and case.images_removed_at is None
    return may_go and state is not CaseState.RECEIVING and not case.patient_conflict
