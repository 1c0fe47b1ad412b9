"""A settled study is put to the rules: how soon it is analysed, or which rule leaves it out; a person may overrule."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from pipelines.worker import Hands, attempt
from tests.support import intake as given
from tests.support.forms import Words, plain
from tests.support.spines import analysis as spine
from vfx_finder.accounts.models import User
from vfx_finder.actions import analysis, intake, operations, routing
from vfx_finder.actions.intake import Receipt
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.errors import NotAllowed, WrongState
from vfx_finder.domain.flow import CaseState
from vfx_finder.domain.hours import WHOLE_DAY, Hours
from vfx_finder.domain.routing import BY_HAND, Priority, Rule, Verdict
from vfx_finder.domain.sender import FOUND
from vfx_finder.domain.spine import Level
from vfx_finder.domain.study import Reason
from vfx_finder.ledger import queries
from vfx_finder.ledger import routing as table
from vfx_finder.ledger.models import AuditEvent, Case, RoutingRule, Sender, StoredInstance
from vfx_finder.ledger.operations import waiting as waiting_long

pytestmark = pytest.mark.django_db

HEADS = Rule("no heads", Verdict.LEAVE_OUT, BodyPartExamined="*HEAD*")
OLD = Rule("old bones first", Verdict.URGENT, youngest=65)
NIGHT = Rule("the rest at night", Verdict.OFF_PEAK)


@pytest.fixture
def rules(operator: Actor) -> list[int]:
    return [routing.keep_rule(rule, operator, given.NOW).pk for rule in (HEADS, OLD, NIGHT)]


def settled(number: int = 1, part: str = "LSPINE", age: str = "049Y") -> Case:
    """A study of one slice that has settled."""
    who = given.patient(f"P{number}", age)
    intake.receive(
        replace(given.instance(1, number, who), BodyPartExamined=part), given.LISTENER, given.NOW, given.SETTLE
    )
    intake.settle_due(given.later(60))
    return Case.objects.get(StudyInstanceUID=f"{given.ROOT}.{number}")


def waiting() -> list[tuple[int, int]]:
    """Study and priority of every waiting job, in the order in which they are done."""
    jobs = ProcrastinateJob.objects.filter(status="todo").order_by("-priority", "pk")
    return [(job.args["case_id"], job.priority) for job in jobs]


@pytest.mark.django_db(transaction=True)
def test_two_operators_change_the_table_at_the_same_moment(rules: list[int], operator: Actor, monkeypatch) -> None:
    """One goes first, whichever; nobody meets the other half way, and none of their changes is lost."""
    half_way = threading.Barrier(2)
    locked, last = routing._locked, routing._last

    def met(step: Callable[..., object]) -> Callable[..., object]:
        def stepped(*given: object) -> object:
            found = step(*given)
            with suppress(threading.BrokenBarrierError):
                half_way.wait(1)
            return found

        return stepped

    monkeypatch.setattr(routing, "_locked", met(locked))
    monkeypatch.setattr(routing, "_last", met(last))

    def at_once(*changes: Callable[[], object]) -> list[object]:
        half_way.reset()
        with ThreadPoolExecutor(len(changes)) as pool:
            return [one.result() for one in [pool.submit(_and_hang_up, change) for change in changes]]

    first, _, third = rules
    at_once(
        lambda: routing.move_rule(first, 3, operator, given.NOW),
        lambda: routing.move_rule(third, 1, operator, given.NOW),
    )
    assert list(RoutingRule.objects.values_list("position", flat=True)) == [1, 2, 3]
    at_once(
        *(lambda name=name: routing.keep_rule(Rule(name, Verdict.URGENT), operator, given.NOW) for name in ("a", "b"))
    )
    assert sorted(RoutingRule.objects.values_list("position", "name")[3:]) in (
        [(4, "a"), (5, "b")],
        [(4, "b"), (5, "a")],
    )


def _and_hang_up(change: Callable[[], object]) -> object:
    try:
        return change()
    finally:
        connection.close()


def test_rules_decide_how_soon(rules: list[int]) -> None:
    night, old, middle = settled(1), settled(2, age="080Y"), settled(3, "CHEST")
    assert [case.priority for case in (night, old, middle)] == ["off-peak", "urgent", "off-peak"]
    assert (night.routed_by, old.routed_by) == (NIGHT.name, OLD.name)
    assert waiting() == [(old.pk, 10), (night.pk, -10), (middle.pk, -10)]


def test_without_rules_every_study_is_analysed_as_normal() -> None:
    case = settled()
    assert (case.priority, case.routed_by, waiting()) == (Priority.NORMAL, "", [(case.pk, 0)])


def test_a_study_left_out_is_listed_with_the_rule_and_no_job(rules: list[int]) -> None:
    """Nothing that is received is lost in silence."""
    case = settled(part="HEAD")
    assert (case.state, case.reason, case.routed_by) == (CaseState.UNSUITABLE, Reason.LEFT_OUT, HEADS.name)
    assert HEADS.name in case.detail
    assert list(queries.not_analysed()) == [case]
    assert waiting() == []
    assert list(AuditEvent.objects.filter(case=case).values_list("verb", flat=True)) == [
        "received", "settled", "routed", "unsuitable",
    ]  # fmt: skip


def test_a_head_whose_chest_comes_later_is_opened_again_and_analysed(rules: list[int]) -> None:
    case = settled(part="HEAD")
    later = replace(given.instance(2, 1, given.patient("P1", "049Y")), BodyPartExamined="CHEST")
    intake.receive(later, given.LISTENER, given.later(70), given.SETTLE)
    intake.settle_due(given.later(130))
    case.refresh_from_db()
    assert (case.state, case.BodyPartExamined, case.routed_by) == (CaseState.SETTLED, "HEAD\\CHEST", NIGHT.name)


def test_an_operator_overrules_for_one_study_and_for_good(rules: list[int], operator: Actor) -> None:
    """Left out, analysed all the same before all others; a late image does not put it to the rules again."""
    other, case = settled(2), settled(part="HEAD")
    routing.analyse_now(case.pk, operator, given.later(70))
    case.refresh_from_db()
    assert (case.state, case.priority, case.routed_by, case.reason) == (CaseState.SETTLED, "urgent", BY_HAND, "")
    assert waiting() == [(case.pk, 10), (other.pk, -10)]
    late = replace(given.instance(2, 1, given.patient("P1", "049Y")), BodyPartExamined="HEAD")
    intake.receive(late, given.LISTENER, given.later(80), given.SETTLE)
    intake.settle_due(given.later(200))
    case.refresh_from_db()
    assert (case.state, case.routed_by) == (CaseState.SETTLED, BY_HAND)


def test_a_study_that_waits_for_the_night_is_analysed_now_by_one_job(rules: list[int], operator: Actor) -> None:
    case = settled()
    routing.analyse_now(case.pk, operator, given.later(70))
    assert waiting() == [(case.pk, 10)]
    routing.analyse_now(case.pk, operator, given.later(71))
    assert waiting() == [(case.pk, 10)]


def test_what_cannot_be_analysed_now(rules: list[int], operator: Actor, radiologist: Actor, analysed, sign) -> None:
    case = settled()
    with pytest.raises(NotAllowed):
        routing.analyse_now(case.pk, radiologist, given.later(70))
    Case.objects.filter(pk=case.pk).update(patient_conflict=True)
    with pytest.raises(WrongState):
        routing.analyse_now(case.pk, operator, given.later(70))
    intake.receive(given.instance(1, 7), given.LISTENER, given.NOW, given.SETTLE)
    with pytest.raises(WrongState):
        routing.analyse_now(Case.objects.get(StudyInstanceUID=f"{given.ROOT}.7").pk, operator, given.later(1))


def test_an_analysed_study_is_analysed_again_at_once(operator: Actor, analysed) -> None:
    pk = analysed({Level.L1: 2})
    case = routing.analyse_now(pk, operator, given.later(100))
    assert (case.state, case.generation, case.max_grade) == (CaseState.SETTLED, 2, None)


def test_an_operator_settles_a_study_before_its_time(operator: Actor) -> None:
    intake.receive(given.instance(), given.LISTENER, given.NOW, given.SETTLE)
    case = Case.objects.get()
    intake.settle_now(case.pk, operator, given.later(1))
    assert waiting() == [(case.pk, 0)]
    with pytest.raises(WrongState):
        intake.settle_now(case.pk, operator, given.later(2))
    assert AuditEvent.objects.get(verb="settled").name == operator.name


def test_a_sender_has_its_own_settle_time() -> None:
    Sender.objects.create(AETitle="CT_SCANNER", settle_seconds=300)
    intake.receive(given.instance(), given.LISTENER, given.NOW, given.SETTLE)
    assert intake.settle_due(given.later(299)) == 0
    intake.receive(given.instance(2), given.LISTENER, given.later(200), given.SETTLE)
    assert intake.settle_due(given.later(499)) == 0
    assert intake.settle_due(given.later(500)) == 1


def test_a_study_found_in_the_spool_takes_its_sender_from_the_next_delivery(operator: Actor) -> None:
    """Its listener died before the rows: sent again, it waits as long as its sender's studies do."""
    Sender.objects.create(AETitle="CT_SCANNER", settle_seconds=300)
    intake.receive(replace(given.instance(), calling=FOUND), given.LISTENER, given.NOW, given.SETTLE)
    assert intake.receive(given.instance(), given.LISTENER, given.later(30), given.SETTLE) is Receipt.DUPLICATE
    assert (Case.objects.get().calling, StoredInstance.objects.get().calling) == ("CT_SCANNER", "CT_SCANNER")
    assert intake.settle_due(given.later(329)) == 0
    assert intake.settle_due(given.later(330)) == 1
    intake.receive(replace(given.instance(), calling="ANOTHER"), given.LISTENER, given.later(331), given.SETTLE)
    assert (Case.objects.get().calling, Case.objects.get().state) == ("CT_SCANNER", CaseState.SETTLED)


def test_a_study_left_out_for_its_unknown_sender_is_put_to_the_rules_again(operator: Actor) -> None:
    """A rule about who sends must not be passed by, nor shut the study out, because a listener died."""
    routing.keep_rule(Rule("the scanner first", Verdict.URGENT, calling="CT_SCANNER"), operator, given.NOW)
    routing.keep_rule(Rule("found ones never", Verdict.LEAVE_OUT, calling="(found*"), operator, given.NOW)
    intake.receive(replace(given.instance(), calling=FOUND), given.LISTENER, given.NOW, given.SETTLE)
    intake.settle_due(given.later(60))
    assert Case.objects.get().reason == Reason.LEFT_OUT
    intake.receive(given.instance(), given.LISTENER, given.later(70), given.SETTLE)
    intake.settle_due(given.later(130))
    case = Case.objects.get()
    assert (case.state, case.priority, case.routed_by) == (CaseState.SETTLED, "urgent", "the scanner first")


def test_the_pages_say_until_when_an_off_peak_study_waits(
    rules: list[int], words: Words, settings, radiologist: Actor, client: Client
) -> None:
    """In local time, and only while it waits for its hours: an urgent one, or one within them, waits for nothing."""
    case, urgent = settled(), settled(2, age="080Y")
    hour = timezone.localtime().hour
    night = Hours((hour + 2) % 24, (hour + 3) % 24)  # not now, even if the clock strikes meanwhile
    settings.VFX = settings.VFX.model_copy(update={"off_peak": str(night)})
    until = f"waits until {night.first:02d}:00"
    assert until in words("operations-study", case.pk)
    assert words("operations").count(until) == 1
    assert until not in words("operations-study", urgent.pk)
    client.force_login(User.objects.get(pk=radiologist.user_id), backend="django.contrib.auth.backends.ModelBackend")
    assert f"Waiting until {night.first:02d}:00" in plain(client.get(reverse("study", args=[case.pk])).content.decode())
    settings.VFX = settings.VFX.model_copy(update={"off_peak": "0-0"})
    assert "waits until" not in words("operations-study", case.pk)


def test_off_peak_waits_for_its_hours_and_is_then_analysed(rules: list[int]) -> None:
    """The worker takes the job by day, puts it off, and does it at night; nobody thinks it stranded meanwhile."""
    case = settled()
    read: list[int] = []

    def analyse(files):
        read.append(len(files))
        return spine({Level.L1: 2})

    class Nowhere:
        def path_of(self, path: str) -> str:
            return path

    (job,) = ProcrastinateJob.objects.filter(status="todo")
    with_job_begun(job.pk)
    never = Hours(*_hours_without_now())
    assert attempt(Hands(Nowhere(), analyse, never), case.pk, 1, is_last=False) == "put off to the off-peak hours"
    (put_off,) = ProcrastinateJob.objects.filter(status="todo")
    assert put_off.scheduled_at.astimezone().hour == never.first
    assert (read, queries.stranded()) == ([], [])
    assert waiting_long(given.later(600)).oldest is None, "it waits for the night, not for a worker"
    assert attempt(Hands(Nowhere(), analyse, WHOLE_DAY), case.pk, 1, is_last=False) == CaseState.AWAITING_REVIEW
    assert read == [1]


def test_the_operators_table(rules: list[int], operator: Actor) -> None:
    def names() -> list[str]:
        return [rule.name for rule in table.rules()]

    routing.move_rule(rules[2], 1, operator, given.NOW)
    assert names() == [NIGHT.name, HEADS.name, OLD.name]
    routing.move_rule(rules[2], 99, operator, given.NOW)
    assert names() == [HEADS.name, OLD.name, NIGHT.name]
    routing.disable_rule(rules[1], operator, given.NOW)
    assert names() == [HEADS.name, NIGHT.name]
    routing.enable_rule(rules[1], operator, given.NOW)
    routing.remove_rule(rules[0], operator, given.NOW)
    assert names() == [OLD.name, NIGHT.name]
    changed = replace(OLD, youngest=70)
    assert routing.keep_rule(changed, operator, given.NOW, rules[1]).pk == rules[1]
    assert table.rules()[0] == changed
    assert AuditEvent.objects.filter(verb__startswith="rule-").count() == 3 + 2 + 2 + 1 + 1
    with pytest.raises(WrongState):
        routing.disable_rule(rules[0], operator, given.NOW)


@pytest.mark.parametrize(
    "wrong",
    [
        Rule("", Verdict.URGENT),
        Rule("(by hand)", Verdict.URGENT),
        Rule("no heads", Verdict.URGENT),
        Rule("ages", Verdict.URGENT, youngest=70, oldest=60),
        Rule("everything", Verdict.LEAVE_OUT),
        Rule("everything", Verdict.LEAVE_OUT, Modality="*"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(rules: list[int], operator: Actor, wrong: Rule) -> None:
    with pytest.raises(WrongState):
        routing.keep_rule(wrong, operator, given.NOW)
    assert RoutingRule.objects.count() == 3


def test_only_an_operator_touches_the_table(rules: list[int], radiologist: Actor) -> None:
    for act in (
        lambda: routing.keep_rule(replace(NIGHT, name="mine"), radiologist, given.NOW),
        lambda: routing.move_rule(rules[0], 2, radiologist, given.NOW),
        lambda: routing.disable_rule(rules[0], radiologist, given.NOW),
        lambda: routing.remove_rule(rules[0], radiologist, given.NOW),
    ):
        with pytest.raises(NotAllowed):
            act()


def test_a_received_study_is_tried_without_being_changed(rules: list[int]) -> None:
    case = settled(part="LSPINE", age="080Y")
    trial = table.trial(case.pk)
    assert [one.rule.name for one in trial if one.decides] == [OLD.name]
    assert "body part “LSPINE”" in trial[0].why_not[0]
    case.refresh_from_db()
    assert case.priority == Priority.URGENT


def test_the_modalities_of_all_its_series_are_asked_about(operator: Actor) -> None:
    """A study that begins with a screenshot is a CT all the same."""
    routing.keep_rule(Rule("ct", Verdict.URGENT, Modality="CT"), operator, given.NOW)
    first = replace(given.instance(1), Modality="OT")
    intake.receive_many([first, given.instance(2)], given.LISTENER, given.NOW, given.SETTLE)
    intake.settle_due(given.later(60))
    assert Case.objects.get().priority == Priority.URGENT


def test_a_retry_asks_the_rules_again(rules: list[int], operator: Actor) -> None:
    case = settled(part="HEAD")
    with pytest.raises(operations.StillLeftOut):
        operations.retry(case.pk, operator, given.later(90))
    assert waiting() == []
    routing.disable_rule(rules[0], operator, given.later(95))
    operations.retry(case.pk, operator, given.later(100))
    assert [pk for pk, _ in waiting()] == [case.pk]
    assert analysis.claim(case.pk, 2).state == CaseState.SETTLED


def with_job_begun(pk: int) -> None:
    """As a worker has it that is doing this job."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE procrastinate_jobs SET status = 'doing' WHERE id = %s", [pk])


def _hours_without_now() -> tuple[int, int]:
    """Two hours of the day that are not this one."""
    hour = datetime.now(UTC).astimezone().hour
    return (hour + 3) % 24, (hour + 5) % 24
