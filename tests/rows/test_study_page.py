"""What an administrator reads of one study and may do about it: plain words, and against no rule by accident."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse

from tests.support import busy_day, spines
from tests.support import intake as given
from tests.support.forms import Words, plain, say
from tests.support.reviews import confirmed
from vfx_finder.actions import analysis, delivery, intake, operations, routing
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.delivered import Kind
from vfx_finder.domain.delivery import DestinationFacts, Protocol
from vfx_finder.domain.errors import NotAllowed, WrongState
from vfx_finder.domain.roles import Role
from vfx_finder.domain.routing import BY_HAND, Rule, Verdict
from vfx_finder.domain.spine import Level
from vfx_finder.domain.study import Reason
from vfx_finder.ledger import lacking
from vfx_finder.ledger import operations as asked
from vfx_finder.ledger.models import AuditEvent, Case, Delivery, Destination

pytestmark = pytest.mark.django_db

HEADS = Rule("no heads", Verdict.LEAVE_OUT, BodyPartExamined="*HEAD*")
NOW = datetime.now(UTC)


@pytest.fixture
def rule_id(operator: Actor) -> int:
    return routing.keep_rule(HEADS, operator, given.NOW).pk


def a_head(number: int = 1) -> Case:
    """A study of a head that has settled."""
    one = replace(given.instance(1, number, given.patient(f"P{number}")), BodyPartExamined="HEAD")
    intake.receive(one, given.LISTENER, given.NOW, given.SETTLE)
    intake.settle_due(given.later(60))
    return Case.objects.get(StudyInstanceUID=one.StudyInstanceUID)


class TestLeftOut:
    def test_retry_asks_the_rules_again_and_changes_nothing_where_they_stand(self, rule_id: int, ops: Client) -> None:
        case = a_head()
        said = say(ops, "operations-retry", case.pk)
        assert "The rule “no heads” leaves this study out, so nothing was changed." in said
        assert "Analyse all the same" in said
        assert "left out by rule “no heads”" in said
        assert "In the hands of nobody: left out by a rule" in said
        case.refresh_from_db()
        assert (case.state, case.generation) == ("unsuitable", 1)
        assert not AuditEvent.objects.filter(verb="retried").exists()

    def test_retry_analyses_it_once_the_rule_is_gone(self, rule_id: int, ops: Client, operator: Actor) -> None:
        case = a_head()
        routing.disable_rule(rule_id, operator, given.NOW)
        assert "none leaves it out" in say(ops, "operations-search", words=case.correlation_id)
        assert "is being analysed again" in say(ops, "operations-retry", case.pk)
        case.refresh_from_db()
        assert (case.state, case.routed_by, case.priority) == ("settled", "", "normal")

    def test_a_person_goes_against_the_rule_by_name_and_for_good(self, rule_id: int, ops: Client) -> None:
        case = a_head()
        said = say(ops, "operations-all-the-same", case.pk)
        assert "Routed in its turn, as a person asked" in said
        assert "Analysis asked for against a routing rule: against “no heads” Omar Paz (operator)" in said
        case.refresh_from_db()
        assert (case.state, case.routed_by, case.priority) == ("settled", BY_HAND, "normal")
        late = replace(given.instance(2, 1, given.patient("P1")), BodyPartExamined="HEAD")
        intake.receive(late, given.LISTENER, given.later(80), given.SETTLE)
        intake.settle_due(given.later(200))
        case.refresh_from_db()
        assert case.state == "settled", "a late image does not put it to the rules again"

    def test_a_result_is_not_lost_to_a_rule_that_came_later(
        self, analysed: Callable[..., int], operator: Actor, ops: Client
    ) -> None:
        case_id = analysed({Level.L1: 2})
        routing.keep_rule(Rule("no CT", Verdict.LEAVE_OUT, Modality="CT"), operator, given.NOW)
        assert "“no CT” leaves this study out, so nothing was changed" in say(ops, "operations-retry", case_id)
        assert Case.objects.get(pk=case_id).max_grade == 2
        say(ops, "operations-all-the-same", case_id)
        assert AuditEvent.objects.get(verb="analysed-all-the-same").detail["against"] == "no CT"

    def test_of_many_those_that_a_rule_still_leaves_out_are_counted_and_come_last(
        self, rule_id: int, ops: Client, operator: Actor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stays, goes = a_head(1), a_head(2)
        Case.objects.filter(pk=goes.pk).update(routed_by="another rule", BodyPartExamined="CHEST")
        said = say(ops, "operations-retry-all", reason=Reason.LEFT_OUT.value)
        assert "1 study is being analysed again. 1 study is still left out by a rule in force." in said
        assert say(ops, "operations-retry-all", reason=Reason.LEFT_OUT.value).count("1 study is still left out") == 1
        Case.objects.filter(pk=goes.pk).update(state="unsuitable", reason=Reason.LEFT_OUT, BodyPartExamined="CHEST")
        Case.objects.filter(pk=goes.pk).update(routed_by="another rule")
        monkeypatch.setattr("vfx_finder.actions.operations.AT_ONCE", 1)
        ended = operations.retry_all(Reason.LEFT_OUT, operator, given.later(300))
        assert (ended.again, ended.left_out) == (1, 0), "the one that stays does not stand in its way"
        stays.refresh_from_db()
        assert stays.state == "unsuitable"

    def test_only_what_a_rule_leaves_out_and_only_by_an_operator(
        self, analysed: Callable[..., int], operator: Actor, radiologist: Actor
    ) -> None:
        case_id = analysed({Level.L1: 2})
        with pytest.raises(WrongState):
            operations.analyse_all_the_same(case_id, operator, given.later(300))
        with pytest.raises(NotAllowed):
            operations.analyse_all_the_same(case_id, radiologist, given.later(300))


class TestFacts:
    def test_the_work_is_told_in_its_order_and_only_what_is_flagged_says_by_what(
        self, analysed: Callable[..., int], words: Words
    ) -> None:
        flagged = words("operations-study", analysed({Level.L1: 2}))
        assert "Read 0.8 s Locate 9.1 s Measure 0.4 s Total 10.3 s" in flagged
        assert "Flagged by" in flagged
        assert "Flagged by" not in words("operations-study", analysed({Level.L1: 0}, 2))


class TestTimeToAnswer:
    def test_a_study_that_was_left_out_has_no_time_to_answer(self, rule_id: int, words: Words) -> None:
        case = a_head()
        assert asked.seconds_to_answer(given.NOW) == []
        assert "Answer after" not in words("operations-study", case.pk)

    def test_nor_has_one_that_failed_or_mixes_patients(self, words: Words) -> None:
        broken = a_head()
        analysis.fail(broken.pk, 1, analysis.Failure.BROKEN, "ValueError", given.later(90))
        mixed = a_head(2)
        Case.objects.filter(pk=mixed.pk).update(
            state="unsuitable", reason=Reason.PATIENT_CONFLICT, finished_at=given.later(90)
        )
        assert asked.seconds_to_answer(given.NOW) == []
        assert "Answer after" not in words("operations-study", broken.pk)
        assert "the rules were not asked" in words("operations-study", mixed.pk)

    def test_an_image_after_the_signature_changes_nothing_of_it(
        self, analysed: Callable[..., int], sign: Callable[..., object], words: Words
    ) -> None:
        case_id = analysed({Level.L1: 2})
        assert asked.seconds_to_answer(given.NOW) == [90]
        assert "Answer after 90 s from the last image" in words("operations-study", case_id)
        sign(case_id, confirmed(Level.L1, 2))
        intake.receive(given.instance(2), given.LISTENER, given.later(547), given.SETTLE)
        assert "Answer after 90 s from the last image" in words("operations-study", case_id)
        assert asked.seconds_to_answer(given.NOW) == [90]

    def test_the_hours_until_a_person_asks_again_are_not_counted(self, operator: Actor, words: Words) -> None:
        """A study that failed at night and is mended in the morning was not slow."""
        case = a_head()
        analysis.fail(case.pk, 1, analysis.Failure.BROKEN, "ValueError", given.later(90))
        operations.retry(case.pk, operator, given.later(36_000))
        analysis.record(case.pk, 2, spines.analysis({Level.L1: 2}), given.later(36_040))
        assert asked.seconds_to_answer(given.NOW) == [40]
        assert "Answer after 40 s from when it was asked for again" in words("operations-study", case.pk)
        late = replace(given.instance(2, 1, given.patient("P1")), BodyPartExamined="HEAD")
        intake.receive(late, given.LISTENER, given.later(37_000), given.SETTLE)
        intake.settle_due(given.later(37_100))
        analysis.record(case.pk, 3, spines.analysis({Level.L1: 2}), given.later(37_130))
        assert "Answer after 130 s from the last image" in words("operations-study", case.pk)


class TestInWhoseHands:
    def test_a_signed_study_says_where_its_patient_stands(
        self, analysed: Callable[..., int], sign: Callable[..., object], words: Words, nurse: Actor
    ) -> None:
        from vfx_finder.actions import referral
        from vfx_finder.domain.flow import ReferralState
        from vfx_finder.ledger.models import Referral

        case_id = analysed({Level.L1: 2})
        assert "In the hands of radiologist" in words("operations-study", case_id)
        sign(case_id, confirmed(Level.L1, 2))
        assert "In the hands of FLS nurse: referral new" in words("operations-study", case_id)
        referral.move(Referral.objects.get().pk, ReferralState.ACCEPTED, nurse, given.later(200))
        assert "FLS nurse: referral accepted" in words("operations")
        again = analysed({Level.L1: 2}, study=2)
        sign(again, confirmed(Level.L1, 2))
        assert "nobody: signed; the patient was referred before" in words("operations-study", again)
        worse = analysed({Level.L1: 3}, study=3)
        sign(worse, confirmed(Level.L1, 3))
        assert "FLS nurse: referral accepted" in words("operations-study", worse)
        clear = analysed({}, study=4)
        assert "nobody: not flagged, not read here" in words("operations-study", clear)
        mild = analysed({Level.L1: 2}, study=5)
        sign(mild, confirmed(Level.L1, 1, original_grade=2))
        assert "nobody: signed, no referral" in words("operations-study", mild)
        assert "closed" not in words("operations")


class TestSendingLater:
    PACS = DestinationFacts("PACS", Protocol.DICOM, "PACS", "10.0.0.1", 104, kinds=frozenset({Kind.SC}))

    @pytest.fixture
    def signed(self, analysed: Callable[..., int], sign: Callable[..., object], operator: Actor) -> int:
        delivery.keep_destination(self.PACS, operator, given.NOW)
        case_id = analysed({Level.L1: 2})
        sign(case_id, confirmed(Level.L1, 2))
        return case_id

    def test_an_old_result_goes_to_a_destination_that_is_new(self, signed: int, ops: Client, operator: Actor) -> None:
        first = Delivery.objects.get()
        assert lacking.destinations(Case.objects.get()) == []
        added = delivery.keep_destination(replace(self.PACS, name="Research archive"), operator, given.later(500))
        page = ops.get(reverse("operations-study", args=[signed])).content.decode()
        assert "Send the results to Research archive" in page
        assert "Send the results to PACS" not in page
        said = say(ops, "operations-send", signed, destination=added.pk)
        assert "The result goes to Research archive." in said
        late = Delivery.objects.get(destination=added)
        same = ("case_id", "analysis_id", "review_id", "stage", "state", "attempts")
        assert [getattr(late, name) for name in same] == [getattr(first, name) for name in same]
        assert late.next_at is not None
        told = AuditEvent.objects.filter(verb="delivery-asked").latest("pk")
        assert (told.name, told.detail["destinations"]) == ("Omar Paz", 1)
        assert "Send the results to" not in said
        assert ops.post(reverse("operations-send", args=[signed]), {"destination": added.pk}).status_code == 409
        assert Delivery.objects.count() == 2

    def test_nothing_goes_out_before_sign_off_where_that_is_not_wanted(
        self, analysed: Callable[..., int], ops: Client, operator: Actor
    ) -> None:
        case_id = analysed({Level.L1: 2})
        after = delivery.keep_destination(self.PACS, operator, given.later(500))
        before = delivery.keep_destination(
            replace(self.PACS, name="Viewer", before_sign_off=True), operator, given.later(500)
        )
        page = ops.get(reverse("operations-study", args=[case_id])).content.decode()
        assert "Send the results to PACS" not in page
        assert ops.post(reverse("operations-send", args=[case_id]), {"destination": after.pk}).status_code == 409
        say(ops, "operations-send", case_id, destination=before.pk)
        assert Delivery.objects.get().stage == "preliminary"

    @pytest.mark.parametrize("odd", ["", "x", "9" * 40])
    def test_an_odd_destination_is_none(self, odd: str, signed: int, ops: Client) -> None:
        assert ops.post(reverse("operations-send", args=[signed]), {"destination": odd}).status_code == 404

    def test_one_that_is_switched_off_gets_nothing(self, signed: int, operator: Actor) -> None:
        other = delivery.keep_destination(replace(self.PACS, name="Off", enabled=False), operator, given.later(500))
        assert other not in lacking.destinations(Case.objects.get())
        assert Destination.objects.count() == 2


class TestLateImages:
    def test_they_are_seen_to_from_the_list_and_the_alarm_ends(
        self, analysed: Callable[..., int], sign: Callable[..., object], ops: Client, words: Words
    ) -> None:
        case_id = analysed({Level.L1: 2})
        sign(case_id, confirmed(Level.L1, 2))
        intake.receive(given.instance(2), given.LISTENER, given.later(300), given.SETTLE)
        assert "1 signed study received more images after signing." in words("system-health")
        assert "Images came after signing" in words("not-analysed")
        form = {"up_to": 1, "answer": "no-new-reading-needed", "back": "list"}
        said = say(ops, "late-images-seen", case_id, **form)
        assert "choose a reason. Nothing was noted." in said
        assert "Images came after signing" in said
        said = say(ops, "late-images-seen", case_id, **form, why="same-images-again", remark="PACS was moved")
        assert "Noted with your name: no new reading needed." in said
        assert "Images came after signing" not in said
        assert "after signing" not in words("system-health")
        why = "no new reading needed, the same images, sent again or recoded, “PACS was moved” Omar Paz (operator)"
        assert f"1 image, {why}" in words("operations-study", case_id)
        assert "2 (1 after signing)" in words("operations-study", case_id), "it is told for good"

    def test_the_radiologist_says_so_on_the_signed_study(
        self, analysed: Callable[..., int], sign: Callable[..., object]
    ) -> None:
        case_id = analysed({Level.L1: 2})
        sign(case_id, confirmed(Level.L1, 2))
        intake.receive(given.instance(2), given.LISTENER, given.later(300), given.SETTLE)
        reader = Client()
        people = busy_day.people(password=None)
        reader.force_login(people[Role.RADIOLOGIST], backend="django.contrib.auth.backends.ModelBackend")
        page = plain(reader.get(reverse("study", args=[case_id])).content.decode())
        assert "1 image came after signing." in page
        assert "Late: 1 image from CT_SCANNER" in page
        said = say(reader, "late-images-seen", case_id, up_to=1, answer="read-again-in-pacs")
        assert "Noted with your name: read again in PACS." in said
        assert "came after signing" not in said
        assert "Images after signing seen to: 1 image, read again in PACS" in said, "it stays on the page"

    def test_a_series_that_came_late_stands_among_the_series(
        self, analysed: Callable[..., int], sign: Callable[..., object], words: Words
    ) -> None:
        case_id = analysed({Level.L1: 2})
        before = words("operations-study", case_id)
        assert "Late and changed images" not in before
        sign(case_id, confirmed(Level.L1, 2))
        new = replace(given.instance(2), SeriesInstanceUID="1.2.3.9", SeriesDescription="THORAX 1.0", calling="PACS")
        intake.receive(new, given.LISTENER, given.later(300), given.SETTLE)
        said = words("operations-study", case_id)
        assert "THORAX 1.0 1 after signing came after signing What is signed stays as it is" in said
        assert "THORAX 1.0 1.2.3.9 new series PACS 21 Nov 2026" in said
        assert new.SOPInstanceUID in said

    @pytest.mark.parametrize("odd", [{}, {"up_to": "x", "answer": "read-again-in-pacs"}, {"up_to": "1", "answer": "?"}])
    def test_an_odd_answer_changes_nothing(
        self, odd: dict[str, str], analysed: Callable[..., int], ops: Client
    ) -> None:
        assert ops.post(reverse("late-images-seen", args=[analysed({Level.L1: 2})]), odd).status_code == 404


def test_images_that_came_with_other_content_are_listed_until_somebody_has_seen_to_them(
    ops: Client, words: Words
) -> None:
    case = busy_day.received(busy_day.WAITING[0][0], NOW - timedelta(hours=1), settled=True)
    kept = case.instances.all()
    for row in kept:
        again = replace(given.instance(), StudyInstanceUID=case.StudyInstanceUID, SOPInstanceUID=row.SOPInstanceUID)
        again = replace(again, patient=busy_day.WAITING[0][0].patient, sha256="f" * 64)
        intake.receive(again, given.LISTENER, NOW, given.SETTLE)
    assert "Images of 1 study came again with other content." in words("system-health")
    listed = words("not-analysed")
    assert "3 images came again with other content; the first were kept" in listed
    up_to = case.other_contents.latest("pk").pk
    assert "3 images came again" in words("operations-study", case.pk)
    said = say(ops, "other-content-seen", case.pk, up_to=up_to, back="list")
    assert "seen to. The first images stay." in said
    assert "came again" not in said
    assert "came again" not in words("system-health")
    assert "Images with other content seen to: 3 images" in words("operations-study", case.pk)


def test_a_result_that_was_given_up_is_an_alarm_of_today_on_page_metric_and_in_the_docs(
    analysed: Callable[..., int], sign: Callable[..., object], operator: Actor, ops: Client
) -> None:
    """After all its tries nobody gets it until a person acts."""
    from tests.house.test_docs import DOCS

    def bad() -> int:
        text = Client().get(reverse("metrics")).content.decode()
        return int(text.split('vfx_alarms{level="bad"} ')[1].split()[0])

    delivery.keep_destination(TestSendingLater.PACS, operator, given.NOW)
    sign(analysed({Level.L1: 2}), confirmed(Level.L1, 2))
    before = bad()
    Delivery.objects.update(state="dead-letter", next_at=None)
    assert bad() == before + 1
    markup = ops.get(reverse("system-health")).content.decode()
    line = next(part for part in markup.split("<li ") if "1 result was given up" in part)
    assert line.startswith('class="note bad"')
    page = " ".join((DOCS / "monitoring.md").read_text().split())
    assert "studies or results stand still until a person acts" in page
    assert "A result that was given up is among them" in page
