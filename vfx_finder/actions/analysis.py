"""What the worker hands back: one answer for each generation of a study, or the reason why there is none."""

from datetime import datetime
from enum import StrEnum

from django.db import transaction

from vfx_finder.actions._trail import Act, tell
from vfx_finder.actions.delivery import expect_preliminary
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.finding import Analysis
from vfx_finder.domain.flow import CaseState, move_case
from vfx_finder.domain.roles import Permission
from vfx_finder.ledger.documents import analysis_document
from vfx_finder.ledger.models import AnalysisRecord, Case


class Failure(StrEnum):
    """Why a study that should have been analysed was not: an operator looks, mends, and retries."""

    BROKEN = "analysis-failed"
    WORKER_LOST = "worker-lost-repeatedly"
    KEPT_RETRYING = "retried-too-often"


def claim(case_id: int, generation: int) -> Case:
    """The case, if this generation of it is still waiting to be analysed; otherwise raise `WrongState`."""
    case = Case.objects.filter(pk=case_id).first()
    if case is None:
        raise WrongState("This study is not there.")
    _still_wanted(case, generation)
    return case


def record(case_id: int, generation: int, analysis: Analysis, now: datetime) -> CaseState:
    """Write the answer and move the case on: awaiting review where its operating point flags a
    vertebra, clear where it flags none, or unsuitable with its reason. Destinations that want results before
    sign-off are asked to get it.

    Raises `WrongState` for an answer that nobody waits for any more: the study has changed since, or has its answer.
    """
    act = Act(Actor.process("worker"), now)
    act.actor.must(Permission.RECORD_ANALYSIS)
    with transaction.atomic():
        case = _locked(case_id, generation)
        written = _write(case, analysis, now)
        case.state = move_case(CaseState(case.state), _state_after(analysis))
        case.finished_at = now
        _summarise(case, analysis)
        case.save()
        told = {"state": case.state, "max_grade": case.max_grade, "operating_point": analysis.operating_point.name}
        tell(act, "analysed", case, {**told, "generation": generation})
        if analysis.patient is not None:
            expect_preliminary(written, act, flagged=bool(analysis.flagged))
    return CaseState(case.state)


def fail(case_id: int, generation: int, failure: Failure, detail: str, now: datetime) -> None:
    """List the study as failed, with words for the operator (never a patient's). Raises `WrongState` as `record`."""
    act = Act(Actor.process("worker"), now)
    act.actor.must(Permission.RECORD_ANALYSIS)
    with transaction.atomic():
        case = _locked(case_id, generation)
        case.state = move_case(CaseState(case.state), CaseState.FAILED)
        case.finished_at = now
        case.reason, case.detail = failure, detail
        case.save()
        tell(act, "failed", case, {"reason": failure, "generation": generation})


def _locked(case_id: int, generation: int) -> Case:
    case = Case.objects.select_for_update().get(pk=case_id)
    _still_wanted(case, generation)
    return case


def _still_wanted(case: Case, generation: int) -> None:
    if case.state != CaseState.SETTLED or case.generation != generation:
        raise WrongState("This study is not waiting for this analysis any more.")


def _write(case: Case, analysis: Analysis, now: datetime) -> AnalysisRecord:
    document = analysis_document(analysis)
    return AnalysisRecord.objects.create(
        case=case,
        generation=case.generation,
        created_at=now,
        document=document,
        model_versions=document["models"],
        seconds=analysis.seconds,
        picture_png=analysis.picture.png if analysis.picture else None,
        reformat=analysis.reformat,
    )


def _state_after(analysis: Analysis) -> CaseState:
    if analysis.patient is None:
        return CaseState.UNSUITABLE
    return CaseState.AWAITING_REVIEW if analysis.flagged else CaseState.ANALYSED_CLEAR


def _summarise(case: Case, analysis: Analysis) -> None:
    if analysis.unsuitable is not None:
        case.reason, case.detail = analysis.unsuitable.reason, analysis.unsuitable.detail
    if analysis.patient is not None:
        case.max_grade = analysis.patient.max_grade
        case.fracture_count = analysis.patient.fracture_count
        case.spinal_deformity_index = analysis.patient.spinal_deformity_index
        case.probability_grade2plus = analysis.patient.probability_grade2plus
