"""Whatever happens to a study in whatever order: it is never lost, never analysed twice, and every step is audited."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from procrastinate.contrib.django.models import ProcrastinateJob

from tests.support import intake as made
from tests.support import spines
from tests.support.reviews import confirmed
from vfx_finder.actions import analysis, intake, operations, review
from vfx_finder.actions.analysis import Failure
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.flow import CASE_OWNER, CASE_TRANSITIONS, CaseState
from vfx_finder.domain.review import Review
from vfx_finder.domain.spine import Level
from vfx_finder.domain.study import Reason
from vfx_finder.ledger import queries
from vfx_finder.ledger.models import AnalysisRecord, AuditEvent, Case, SignedReview, StoredInstance

pytestmark = pytest.mark.django_db

ANSWERS = {grade: spines.analysis({Level.L1: grade}) for grade in (0, 2)}
STEP_SECONDS = 100.0
MOVING_VERBS = ("received", "reopened", "settled", "unsuitable", "analysed", "failed", "signed", "retried")


class Life:
    """One study and what may happen to it; time goes on with every step."""

    def __init__(self, radiologist: Actor, operator: Actor) -> None:
        self.radiologist, self.operator = radiologist, operator
        self.clock = 0.0
        self.sent = 0
        self.arrive()

    @property
    def now(self):
        return made.later(self.clock)

    @property
    def case(self) -> Case:
        return Case.objects.get()

    def arrive(self) -> None:
        self.sent += 1
        intake.receive(made.instance(self.sent), made.LISTENER, self.now, made.SETTLE)

    def arrive_again(self) -> None:
        intake.receive(made.instance(self.sent), made.LISTENER, self.now, made.SETTLE)

    def settle(self) -> None:
        intake.settle_due(self.now)

    def answer(self, grade: int) -> None:
        analysis.record(self.case.pk, self.case.generation, ANSWERS[grade], self.now)

    def answer_late(self) -> None:
        with pytest.raises(WrongState):
            analysis.record(self.case.pk, self.case.generation - 1, ANSWERS[2], self.now)

    def no_spine(self) -> None:
        answer = spines.not_analysed(Reason.NO_SPINE, "none")
        analysis.record(self.case.pk, self.case.generation, answer, self.now)

    def fail(self) -> None:
        analysis.fail(self.case.pk, self.case.generation, Failure.BROKEN, "defect", self.now)

    def sign(self) -> None:
        signed = Review((confirmed(Level.L1, 2),), self.radiologist.name, self.now)
        review.sign(self.case.pk, signed, self.radiologist, self.now)

    def retry(self) -> None:
        operations.retry(self.case.pk, self.operator, self.now)

    def check(self, before: str) -> None:
        case = self.case
        state = CaseState(case.state)
        assert state in {CaseState(before)} | CASE_TRANSITIONS[CaseState(before)]
        assert StoredInstance.objects.count() == self.sent, "every acknowledged instance is kept"
        assert AnalysisRecord.objects.count() <= case.generation, "no generation is answered twice"
        assert (SignedReview.objects.count() == 1) == (state is CaseState.REVIEWED)
        assert CASE_OWNER[state]
        wanted = ProcrastinateJob.objects.filter(args={"case_id": case.pk, "generation": case.generation})
        assert wanted.count() == (0 if state is CaseState.RECEIVING else 1), "each generation is asked for once"
        assert queries.stranded() == []
        assert set(AuditEvent.objects.values_list("correlation_id", flat=True)) == {case.correlation_id}


STEPS: dict[str, Callable[[Life], None]] = {
    "arrive": Life.arrive,
    "arrive again": Life.arrive_again,
    "settle": Life.settle,
    "answer 0": lambda life: life.answer(0),
    "answer 2": lambda life: life.answer(2),
    "answer late": Life.answer_late,
    "no spine": Life.no_spine,
    "fail": Life.fail,
    "sign": Life.sign,
    "retry": Life.retry,
}


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(st.sampled_from(sorted(STEPS)), max_size=14))
def test_no_order_of_events_loses_a_study(names: list[str], radiologist: Actor, operator: Actor) -> None:
    with transaction.atomic():
        life = Life(radiologist, operator)
        for name in ["settle", *names]:
            life.clock += STEP_SECONDS
            before, told = life.case.state, AuditEvent.objects.filter(verb__in=MOVING_VERBS).count()
            with suppress(WrongState), transaction.atomic():
                STEPS[name](life)
            life.check(before)
            moves = AuditEvent.objects.filter(verb__in=MOVING_VERBS).count() - told
            assert moves == (life.case.state != before), "one audit row for every move, none without"
        transaction.set_rollback(True)
