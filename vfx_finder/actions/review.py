"""Signing: the reading, where the patient goes from it, the referral, and what is sent out, in one transaction."""

from datetime import datetime

from django.db import transaction

from vfx_finder.actions import _episodes
from vfx_finder.actions._episodes import Arrival
from vfx_finder.actions._since import since_earlier
from vfx_finder.actions._trail import Act, Detail, tell
from vfx_finder.actions.delivery import expect_final
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.errors import NotAllowed, WrongState
from vfx_finder.domain.flow import CaseState, move_case
from vfx_finder.domain.referral import Route, Routing, eligibility, route
from vfx_finder.domain.review import Review, ReviewOutcome, outcome
from vfx_finder.domain.roles import Permission
from vfx_finder.ledger.documents import review_document
from vfx_finder.ledger.hospital import age_now
from vfx_finder.ledger.models import AnalysisRecord, Case, SignedReview


def sign(case_id: int, review: Review, actor: Actor, now: datetime, *, analysis_id: int | None = None) -> SignedReview:
    """Sign a study's review and let follow what the rules say: a referral, an escalation of an open one, or neither.

    The signed result is asked to be sent to every destination.

    `analysis_id` is the analysis that was on the screen. Raises `NotAllowed` for anybody but a signed-in radiologist
    signing in their own name, `WrongState` where the study is not awaiting review or has another analysis by now.
    """
    actor.must(Permission.SIGN_REVIEW)
    if review.signed_by != actor.name:
        raise NotAllowed("A review is signed in one's own name.")
    with transaction.atomic():
        case = Case.objects.select_for_update().get(pk=case_id)
        state = move_case(CaseState(case.state), CaseState.REVIEWED)
        analysis = _analysis_on_screen(case, analysis_id)
        reached = outcome(review)
        patient_age = age_now(case)
        routing = route(reached, eligibility(patient_age))
        act = Act(actor, now)
        signed = _write(analysis, review, (reached, routing), act)
        case.state = state
        case.save(update_fields=["state"])
        since = since_earlier(analysis, review.vertebrae)
        said: Detail = {"decision": reached.decision, "max_grade": reached.max_grade, "route": routing.route}
        tell(act, "signed", case, said | since.detail)
        if routing.route is Route.FLS:
            arrival = Arrival(patient_age, routing.hold, since.circumstances)
            _episodes.open_or_join(signed, reached, arrival, act)
        expect_final(signed, act)
    return signed


def _analysis_on_screen(case: Case, analysis_id: int | None) -> AnalysisRecord:
    analysis = AnalysisRecord.objects.get(case=case, generation=case.generation)
    if analysis_id is not None and analysis.pk != analysis_id:
        raise WrongState("This study was analysed again after the page was opened.")
    return analysis


def _write(analysis: AnalysisRecord, review: Review, end: tuple[ReviewOutcome, Routing], act: Act) -> SignedReview:
    reached, routing = end
    return SignedReview.objects.create(
        case_id=analysis.case_id,
        analysis=analysis,
        signed_by_id=act.actor.user_id,
        signed_name=review.signed_by,
        signed_at=review.signed_at,
        document=review_document(review),
        grades={level.value: grade for level, grade in reached.grades.items()},
        decision=reached.decision,
        max_grade=reached.max_grade,
        fracture_count=reached.fracture_count,
        spinal_deformity_index=reached.spinal_deformity_index,
        pathological_suspected=reached.pathological_suspected,
        route=routing.route,
    )
