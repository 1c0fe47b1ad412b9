"""Images that come after the signature, or again with other content: told once, seen to by somebody, told again."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.support import intake as given
from tests.support.reviews import confirmed
from vfx_finder.actions import intake, seeing_to
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.errors import NotAllowed, WrongState
from vfx_finder.domain.flow import CaseState
from vfx_finder.domain.late import LateAnswer, LateKind, LateWord, WhyNothing
from vfx_finder.domain.spine import Level
from vfx_finder.domain.study import Instance
from vfx_finder.figures.story import story
from vfx_finder.ledger import operations, queries, unseen
from vfx_finder.ledger.late import late_series
from vfx_finder.ledger.models import AuditEvent, Case, OtherContent, SignedReview

pytestmark = pytest.mark.django_db

MANY = 140
READ_ELSEWHERE = LateWord(LateAnswer.READ_ELSEWHERE)
NOTHING_NEW = LateWord(LateAnswer.NOTHING_NEW, WhyNothing.REBUILT)


def receive(*instances: Instance, at: float) -> None:
    intake.receive_many(instances, given.LISTENER, given.later(at), given.SETTLE)


def alarms() -> tuple[int, int]:
    """Studies with late images, and with other content, that nobody has seen to."""
    found = operations.troubles(given.NOW)
    return found.late, found.other_content


def story_of(case: Case) -> list[str]:
    return [line.words for line in story(queries.study(case.pk).events)]


class TestLateImages:
    @pytest.fixture
    def signed(self, analysed: Callable[..., int], sign: Callable[..., object]) -> Case:
        case_id = analysed({Level.L1: 2})
        sign(case_id, confirmed(Level.L1, 2))
        receive(given.instance(2), given.instance(3), at=300)
        return Case.objects.get(pk=case_id)

    @pytest.mark.parametrize("who", ["operator", "radiologist"])
    def test_somebody_sees_to_them_and_the_alarm_ends(
        self, who: str, signed: Case, request: pytest.FixtureRequest
    ) -> None:
        """The signed reading stays as it is; who said what, and when, is on record."""
        before = SignedReview.objects.values().get()
        assert alarms() == (1, 0)
        person = request.getfixturevalue(who)
        seeing_to.see_to_late_images(signed.pk, 2, READ_ELSEWHERE, person, given.later(400))
        assert alarms() == (0, 0)
        assert not queries.late_after_review().exists()
        told = AuditEvent.objects.get(verb="late-images-seen")
        assert (told.name, told.at) == (person.name, given.later(400))
        assert told.detail == {"count": 2, "answer": "read-again-in-pacs"}
        assert story_of(signed)[0] == "Images after signing seen to: 2 images, read again in PACS"
        signed.refresh_from_db()
        assert (signed.state, SignedReview.objects.values().get()) == (CaseState.REVIEWED, before)

    def test_why_no_new_reading_is_needed_is_on_record(self, signed: Case, operator: Actor) -> None:
        word = LateWord(LateAnswer.NOTHING_NEW, WhyNothing.OTHER, " the phantom of the morning ")
        seeing_to.see_to_late_images(signed.pk, 2, word, operator, given.later(400))
        detail = AuditEvent.objects.get(verb="late-images-seen").detail
        assert detail == {"count": 2, "answer": "no-new-reading-needed", "why": "other", "remark": word.remark.strip()}
        said = "2 images, no new reading needed, another reason, “the phantom of the morning”"
        assert story_of(signed)[0] == f"Images after signing seen to: {said}"

    @pytest.mark.parametrize("odd", [{"why": None}, {"why": WhyNothing.OTHER}, {"why": None, "remark": "x" * 201}])
    def test_without_a_reason_nothing_is_said(self, odd: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=r"\.$"):
            LateWord(LateAnswer.NOTHING_NEW, **odd)

    def test_they_are_named_one_by_one(self, signed: Case) -> None:
        """A late slice of a series that was read, a series that was not there, and one that came with other bytes."""
        new = [replace(given.instance(number), SeriesInstanceUID="1.2.3.9", calling="PACS") for number in (8, 7)]
        receive(*new, at=400)
        receive(given.instance(1, sha256="f" * 64), at=500)
        receive(replace(given.instance(9), made_here=True), at=510)
        late, series, changed = late_series(signed.pk)
        assert [one.SOPInstanceUID for one in late.images] == [
            given.instance(number).SOPInstanceUID for number in (2, 3)
        ]
        assert (late.first.kind, late.first.calling, late.first.at) == (LateKind.LATE, "CT_SCANNER", given.later(300))
        assert (series.first.kind, series.first.calling, len(series.images)) == (LateKind.NEW_SERIES, "PACS", 2)
        assert series.first.SeriesInstanceUID == "1.2.3.9"
        assert (changed.first.kind, changed.last_at) == (LateKind.CHANGED, given.later(500))
        signed.refresh_from_db()
        counted = sum(len(one.images) for one in (late, series))
        assert counted == signed.instances_after_review == 4, "our own result on its way back is neither"

    def test_a_further_one_raises_the_alarm_again(self, signed: Case, operator: Actor) -> None:
        seeing_to.see_to_late_images(signed.pk, 2, NOTHING_NEW, operator, given.later(400))
        receive(given.instance(4), at=500)
        assert alarms() == (1, 0)
        assert [case.pk for case in queries.late_after_review()] == [signed.pk]

    def test_one_that_came_while_the_page_was_open_goes_on_being_an_alarm(self, signed: Case, operator: Actor) -> None:
        receive(given.instance(4), at=310)
        seeing_to.see_to_late_images(signed.pk, 2, NOTHING_NEW, operator, given.later(400))
        assert alarms() == (1, 0)

    def test_nobody_sees_to_what_is_not_there_or_was_seen_to(self, signed: Case, operator: Actor, nurse: Actor) -> None:
        with pytest.raises(NotAllowed):
            seeing_to.see_to_late_images(signed.pk, 2, NOTHING_NEW, nurse, given.later(400))
        seeing_to.see_to_late_images(signed.pk, 99, NOTHING_NEW, operator, given.later(400))
        with pytest.raises(WrongState):
            seeing_to.see_to_late_images(signed.pk, 2, NOTHING_NEW, operator, given.later(401))
        receive(given.instance(4), at=500)
        assert alarms() == (1, 0), "a number that the page never showed is no licence for what comes"


class TestOtherContent:
    @pytest.fixture
    def slices(self) -> Sequence[Instance]:
        kept = [given.instance(number) for number in range(MANY)]
        receive(*kept, at=0)
        return [given.instance(number, sha256=f"{number:060x}beef") for number in range(MANY)]

    def test_a_study_that_came_again_is_one_line_and_one_alarm(self, slices: Sequence[Instance]) -> None:
        for number, one in enumerate(slices):
            receive(one, at=100 + number)
        case = Case.objects.get()
        assert alarms() == (0, 1)
        line, received = story(queries.study(case.pk).events)
        assert line.words == "140 times an image came again with other content; the first was kept"
        assert (line.since, line.at, received.since) == (given.later(100), given.later(239), None)
        found = unseen.other_content_of(case.pk)
        assert (found.other_images, found.other_since, found.other_until) == (MANY, given.later(100), given.later(239))

    def test_the_log_names_the_study_by_its_reference(self, slices: Sequence[Instance]) -> None:
        with capture_logs() as logs:
            receive(*slices, at=100)
        case = Case.objects.get()
        assert logs == [
            {
                "event": "other-bytes-for-kept-instances",
                "log_level": "warning",
                "correlation_id": case.correlation_id,
                "images": MANY,
            }
        ]

    def test_the_same_bytes_once_more_count_up_and_raise_no_new_alarm(
        self, slices: Sequence[Instance], operator: Actor
    ) -> None:
        receive(*slices, at=100)
        case = Case.objects.get()
        newest = unseen.other_content_of(case.pk).other_up_to
        assert seeing_to.see_to_other_content(case.pk, newest, operator, given.later(200)) == MANY
        assert (alarms(), unseen.other_content_of(case.pk)) == ((0, 0), None)
        receive(*slices, at=300)
        assert alarms() == (0, 0)
        assert set(OtherContent.objects.values_list("times", "last_at")) == {(2, given.later(300))}
        receive(given.instance(5, sha256="f" * 64), at=400)
        assert alarms() == (0, 1), "yet other bytes are news"

    def test_what_came_while_the_page_was_open_is_not_seen_to(
        self, slices: Sequence[Instance], operator: Actor, nurse: Actor
    ) -> None:
        receive(*slices[:3], at=100)
        case = Case.objects.get()
        newest = unseen.other_content_of(case.pk).other_up_to
        receive(slices[3], at=110)
        with pytest.raises(NotAllowed):
            seeing_to.see_to_other_content(case.pk, newest, nurse, given.later(200))
        assert seeing_to.see_to_other_content(case.pk, newest, operator, given.later(200)) == 3
        assert unseen.other_content_of(case.pk).other_images == 1
        with pytest.raises(WrongState):
            seeing_to.see_to_other_content(case.pk, newest, operator, given.later(201))
