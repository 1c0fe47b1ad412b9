"""What is asked of archives and what came of it, in the rows: at its pace, in its hours, resumable, never silent."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from pipelines.retrieval import Asker
from pipelines.steps import ask
from tests.support import intake as given
from vfx_finder.actions import asking, intake, retrieval, routing
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.errors import NotAllowed, WrongState
from vfx_finder.domain.hours import Hours
from vfx_finder.domain.retrieval import ArchiveFacts, AskedState, Fetched, Listed, Method
from vfx_finder.domain.routing import Priority, Rule, Verdict
from vfx_finder.domain.spine import Level
from vfx_finder.ledger import retrieval as asked
from vfx_finder.ledger.models import Archive, AuditEvent, Case, PriorSearch, Sweep, SweptStudy
from vfx_finder.spool import Spool

pytestmark = pytest.mark.django_db

MARCH = (date(2026, 3, 1), date(2026, 3, 3))
FACTS = ArchiveFacts("PACS", "PACS_SCP", "pacs.example.org", 104, hours=Hours(20, 6))
MINUTE = timedelta(minutes=1)


def listed(number: int, day: str = "20260301", **more: str) -> Listed:
    return Listed(f"{given.ROOT}.{number}", StudyDate=day, ModalitiesInStudy="CT", **more)


@pytest.fixture
def archive(operator: Actor) -> Archive:
    return retrieval.keep_archive(FACTS, operator, given.NOW)


@pytest.fixture
def sweep(archive: Archive, operator: Actor) -> Sweep:
    return retrieval.start_sweep(archive.pk, MARCH, operator, given.NOW)


def claim(archive: Archive, minutes: float = 0) -> str | None:
    """The study that is asked for so much later."""
    one = asking.claim(archive.pk, given.NOW + minutes * MINUTE, with_sweeps=True)
    return one.StudyInstanceUID.rsplit(".", 1)[1] if one else None


def states() -> dict[str, str]:
    rows = SweptStudy.objects.values_list("StudyInstanceUID", "state")
    return {uid.rsplit(".", 1)[1]: state for uid, state in rows}


def receive(study: int, images: int = 1) -> None:
    slices = [given.instance(number, study) for number in range(images)]
    intake.receive_many(slices, given.LISTENER, given.NOW, given.SETTLE)


def test_days_are_listed_one_after_another_and_studies_asked_for_at_the_pace(archive: Archive, sweep: Sweep) -> None:
    assert asked.next_day(archive.pk) == (sweep, MARCH[0])
    asking.list_day(sweep.pk, MARCH[0], [listed(2), listed(1)], given.NOW)
    assert asked.next_day(archive.pk)[1] == date(2026, 3, 2)
    assert claim(archive) == "2"
    assert claim(archive, 0.9) is None, "sixty an hour is one a minute"
    receive(2)
    sweep_row = SweptStudy.objects.get(state="asked")
    assert asking.record(asking.Asked(sweep_row.pk, sweep_row.StudyInstanceUID), Fetched(1), given.NOW) == "received"
    assert claim(archive, 1) == "1"


def test_a_killed_worker_leaves_a_study_that_is_asked_for_again_until_it_has_been_often_enough(archive, sweep) -> None:
    """Whoever asks next finds it as asked, and asks again: three times, then it is listed as failed."""
    asking.list_day(sweep.pk, MARCH[1], [listed(1)], given.NOW)
    assert [claim(archive, minute) for minute in (0, 1, 2, 3, 4)] == ["1", "1", "1", None, None]
    assert states() == {"1": "failed"}
    assert asked.finished(archive.pk) == [sweep.pk]


def test_a_study_that_kills_its_worker_does_not_hold_up_the_others(archive: Archive, sweep: Sweep) -> None:
    asking.list_day(sweep.pk, MARCH[1], [listed(1), listed(2)], given.NOW)
    assert [claim(archive, minute) for minute in range(7)] == ["1", "2", "1", "2", "1", "2", None]


def test_what_a_day_listed_is_said_in_words(archive: Archive, sweep: Sweep, tmp_path: Path, monkeypatch) -> None:
    """A day without a study is no list of 0 studies, and one study is not several."""
    Archive.objects.update(from_hour=None, until_hour=None)
    archive.refresh_from_db()
    days = iter([(), (listed(1),), (listed(2), listed(3))])
    monkeypatch.setattr(ask, "studies_of_day", lambda *_: next(days))
    asker = Asker("VFXFINDER", Spool(tmp_path), 60, now=lambda: given.NOW)
    said = []
    for _ in range(3):
        asker._list(archive)
        said.append(Archive.objects.get().last_answer)
    assert said == [
        "Listed 1 Mar 2026: no study of CT.",
        "Listed 2 Mar 2026: 1 study of CT.",
        "Listed 3 Mar 2026: 2 studies of CT.",
    ]


def test_listing_a_day_twice_asks_for_nothing_twice(archive: Archive, sweep: Sweep) -> None:
    """Killed between the answer and its rows."""
    for _ in range(2):
        asking.list_day(sweep.pk, MARCH[0], [listed(1)], given.NOW)
    assert SweptStudy.objects.count() == 1


def test_what_is_here_or_comes_meanwhile_is_not_asked_for(archive: Archive, sweep: Sweep) -> None:
    receive(1)
    asking.list_day(sweep.pk, MARCH[1], [listed(1), listed(2), listed(3)], given.NOW)
    receive(2)
    assert claim(archive) == "3"
    assert states() == {"1": "here-already", "2": "here-already", "3": "asked"}


def test_received_is_what_is_here_and_not_what_the_archive_says(archive: Archive, sweep: Sweep) -> None:
    asking.list_day(sweep.pk, MARCH[1], [listed(1)], given.NOW)
    one = asking.claim(archive.pk, given.NOW, with_sweeps=True)
    receive(1, images=2)
    assert asking.record(one, Fetched(3), given.NOW) == AskedState.LISTED
    assert "it sent 3 images; 2 arrived" in SweptStudy.objects.get().reason
    assert claim(archive, 4) is None, "tried again after five minutes"
    assert claim(archive, 5) == "1"
    receive(1, images=3)
    assert asking.record(one, Fetched(3), given.NOW) == AskedState.RECEIVED
    assert SweptStudy.objects.get().reason == ""


@pytest.mark.parametrize("fetched", [Fetched(2, 1, "1 of 3 images were not handed over."), Fetched(0)])
def test_a_study_that_came_in_part_or_not_at_all_is_tried_again(archive, sweep, fetched: Fetched) -> None:
    asking.list_day(sweep.pk, MARCH[1], [listed(1)], given.NOW)
    for minutes, then in ((0, "listed"), (10, "listed"), (50, "failed")):
        now = given.NOW + minutes * MINUTE
        one = asking.claim(archive.pk, now, with_sweeps=True)
        receive(1, images=fetched.completed)
        assert asking.record(one, fetched, now) == then
    assert SweptStudy.objects.get().reason == (fetched.words or "The archive sent nothing.")


def test_an_archive_that_is_away_costs_no_attempt(archive: Archive, sweep: Sweep) -> None:
    asking.list_day(sweep.pk, MARCH[1], [listed(1)], given.NOW)
    one = asking.claim(archive.pk, given.NOW, with_sweeps=True)
    asking.give_back(one, given.NOW)
    asking.note_answer(archive.pk, "The archive cannot be reached.", given.NOW, well=False)
    row = SweptStudy.objects.get()
    sweep.refresh_from_db()
    assert (row.state, row.attempts, sweep.problem) == ("listed", 0, "The archive cannot be reached.")
    asking.note_answer(archive.pk, "Handed over 3 images.", given.later(60), well=True)
    sweep.refresh_from_db()
    assert sweep.problem == ""


def test_pause_resume_cancel(archive: Archive, sweep: Sweep, operator: Actor) -> None:
    asking.list_day(sweep.pk, MARCH[0], [listed(1)], given.NOW)
    retrieval.pause_sweep(sweep.pk, operator, given.NOW)
    assert claim(archive) is None
    assert asked.next_day(archive.pk) is None
    with pytest.raises(WrongState):
        retrieval.pause_sweep(sweep.pk, operator, given.NOW)
    retrieval.resume_sweep(sweep.pk, operator, given.NOW)
    assert claim(archive) == "1"
    retrieval.cancel_sweep(sweep.pk, operator, given.NOW)
    with pytest.raises(WrongState):
        retrieval.resume_sweep(sweep.pk, operator, given.NOW)
    assert asked.archives_with_work(given.NOW) == []


def test_a_disabled_archive_is_asked_for_nothing(archive: Archive, sweep: Sweep, operator: Actor) -> None:
    asking.list_day(sweep.pk, MARCH[0], [listed(1)], given.NOW)
    assert asked.archives_with_work(given.NOW) == [archive.pk]
    retrieval.disable_archive(archive.pk, operator, given.NOW)
    assert asked.archives_with_work(given.NOW) == []
    assert claim(archive) is None
    with pytest.raises(WrongState):
        retrieval.start_sweep(archive.pk, (MARCH[1], MARCH[1]), operator, given.NOW)
    retrieval.enable_archive(archive.pk, operator, given.NOW)
    assert claim(archive) == "1"


def test_a_sweep_is_done_when_all_is_known_and_failures_are_asked_for_again(archive, sweep, operator) -> None:
    asking.list_day(sweep.pk, MARCH[1], [listed(1), listed(2)], given.NOW)
    SweptStudy.objects.filter(StudyInstanceUID=f"{given.ROOT}.1").update(state="failed", attempts=3, reason="No.")
    assert asking.finish_sweeps(archive.pk, given.NOW) == 0
    SweptStudy.objects.filter(state="listed").update(state="received")
    assert asking.finish_sweeps(archive.pk, given.NOW) == 1
    assert [row.reason for row in asked.not_received(sweep.pk)] == ["No."]
    assert retrieval.ask_again(sweep.pk, operator, given.NOW) == 1
    sweep.refresh_from_db()
    assert (sweep.state, claim(archive)) == ("running", "1")


def test_two_archives_of_one_name_are_refused(archive: Archive, operator: Actor) -> None:
    """Also where one was typed with a space."""
    with pytest.raises(WrongState, match="archive of this name"):
        retrieval.keep_archive(replace(FACTS, name=f"{FACTS.name} "), operator, given.NOW)


def test_the_first_failures_of_every_sweep_are_asked_for_by_one_question(
    archive: Archive, sweep: Sweep, operator: Actor, django_assert_num_queries
) -> None:
    other = retrieval.start_sweep(archive.pk, (MARCH[0], MARCH[0]), operator, given.NOW)
    for one, numbers in ((sweep, (3, 1, 2)), (other, (4,))):
        asking.list_day(one.pk, MARCH[0], [listed(number, f"2026030{number}") for number in numbers], given.NOW)
    SweptStudy.objects.update(state="failed", attempts=3)
    with django_assert_num_queries(1):
        found = asked.first_not_received((sweep, other), each=2)
    days = {key: [row.StudyDate[-1] for row in rows] for key, rows in found.items()}
    assert days == {sweep.pk: ["1", "2"], other.pk: ["4"]}


def test_progress_is_counted(archive: Archive, sweep: Sweep) -> None:
    asking.list_day(sweep.pk, MARCH[0], [listed(1), listed(2), listed(3)], given.NOW)
    claim(archive)
    (progress,) = asked.progress(asked.sweeps())
    assert (progress.days, progress.days_listed, progress.total, progress.open, progress.ended) == (3, 1, 3, 3, 0)
    assert progress.left == timedelta(minutes=3)


def test_a_rule_that_is_certain_keeps_a_study_from_being_asked_for(archive, sweep, operator: Actor) -> None:
    routing.keep_rule(Rule("heads", Verdict.LEAVE_OUT, StudyDescription="*head*"), operator, given.NOW)
    found = [listed(1, StudyDescription="CT head"), listed(2, StudyDescription="CT thorax")]
    assert asking.list_day(sweep.pk, MARCH[0], found, given.NOW) == 1
    assert states() == {"1": "left-out", "2": "listed"}
    assert "heads" in SweptStudy.objects.get(state="left-out").reason


@pytest.mark.parametrize(
    "days",
    [
        (date(2026, 3, 2), date(2026, 3, 1)),
        (date(2026, 3, 1), date(2099, 1, 1)),
        (date(2010, 1, 1), date(2026, 1, 1)),
        MARCH,
    ],
)
def test_a_sweep_that_cannot_be_meant_is_refused(archive, sweep, operator: Actor, days: tuple[date, date]) -> None:
    with pytest.raises(WrongState):
        retrieval.start_sweep(archive.pk, days, operator, given.NOW)


def test_a_sweep_goes_as_far_as_today_in_the_hospital(archive: Archive, operator: Actor) -> None:
    """West of Greenwich it is still yesterday, east of it tomorrow already."""
    today = given.NOW.date()
    with timezone.override("Pacific/Pago_Pago"), pytest.raises(WrongState):
        retrieval.start_sweep(archive.pk, (today, today), operator, given.NOW)
    tomorrow = today + timedelta(days=1)
    with timezone.override("Pacific/Kiritimati"):
        retrieval.start_sweep(archive.pk, (tomorrow, tomorrow), operator, given.later(3 * 3600))


def test_who_may_ask(archive: Archive, radiologist: Actor) -> None:
    for actor in (radiologist, Actor.process("worker")):
        with pytest.raises(NotAllowed):
            retrieval.start_sweep(archive.pk, MARCH, actor, given.NOW)
        with pytest.raises(NotAllowed):
            retrieval.keep_archive(FACTS, actor, given.NOW)
    retrieval.start_sweep(archive.pk, MARCH, retrieval.COMMAND_LINE, given.NOW)
    assert AuditEvent.objects.get(verb="sweep-started").name == "command-line"


def test_an_archive_is_kept_and_changed_by_name(archive: Archive, operator: Actor) -> None:
    with pytest.raises(WrongState):
        retrieval.keep_archive(FACTS, operator, given.NOW)
    facts = replace(FACTS, method=Method.GET, hours=None, studies_per_hour=10)
    row = retrieval.keep_archive(facts, operator, given.NOW, archive.pk)
    assert (row.pk, row.method, row.studies_per_hour) == (archive.pk, "C-GET", 10)
    assert (asked.hours_of(archive), asked.hours_of(row)) == (Hours(20, 6), None)


def test_an_echo_is_wanted_until_it_is_answered(archive: Archive, operator: Actor) -> None:
    retrieval.ask_echo(archive.pk, operator, given.NOW)
    assert asked.archives_with_work(given.NOW) == [archive.pk]
    asking.note_answer(archive.pk, "Answered in 3 ms.", given.later(1), well=True)
    archive.refresh_from_db()
    assert (archive.last_ok_at, archive.echo_wanted_at) == (given.later(1), None)


class TestPriors:
    """Earlier studies of a flagged patient: found, bounded, nobody else's, analysed soon."""

    @pytest.fixture
    def archive(self, operator: Actor) -> Archive:
        return retrieval.keep_archive(replace(FACTS, fetch_priors=True), operator, given.NOW)

    def search(self) -> PriorSearch:
        assert asking.want_priors(given.NOW) == 1
        return PriorSearch.objects.get()

    def test_a_flagged_study_is_searched_for_once_and_a_clear_one_never(self, archive, analysed) -> None:
        analysed({Level.L1: 0}, study=2, who=given.patient("P2"))
        pk = analysed({Level.L1: 2})
        search = self.search()
        assert (search.case_id, search.state) == (pk, "waiting")
        assert asking.want_priors(given.NOW) == 0
        wanted = asking.wanted_of(search)
        assert (wanted.PatientID, wanted.Modality, wanted.before) == ("P1", "CT", date(2026, 11, 20))

    def test_the_newest_three_are_asked_for_before_any_sweep_and_by_day(self, archive, sweep, analysed) -> None:
        pk = analysed({Level.L1: 2})
        search = self.search()
        asking.list_day(sweep.pk, MARCH[0], [listed(99)], given.NOW)
        found = [listed(10 + year, f"{2000 + year}0101", PatientID="P1") for year in range(20, 26)]
        assert asking.record_search(search.pk, asking.wanted_of(search), found, given.NOW) == 3
        one = asking.claim(archive.pk, given.NOW, with_sweeps=False)
        assert SweptStudy.objects.get(pk=one.row_id).search_id == search.pk
        assert [row.StudyDate for row in asked.priors_of(pk)] == ["20250101", "20240101", "20230101"]

    def test_a_prior_draws_no_further_priors(self, archive: Archive, analysed) -> None:
        """Or one flagged patient would draw a whole archive."""
        analysed({Level.L1: 2})
        search = self.search()
        prior = listed(2, "20250101", PatientID="P1")
        asking.record_search(search.pk, asking.wanted_of(search), [prior], given.NOW)
        analysed({Level.L1: 2}, study=2)
        assert asking.want_priors(given.NOW) == 0

    @pytest.mark.parametrize("PatientID", ["", "P*", "P?1"])
    def test_a_patient_number_with_wildcards_is_never_asked_for(self, archive, analysed, PatientID: str) -> None:
        """Hazard: every patient whose number begins with a P."""
        analysed({Level.L1: 2}, who=given.patient(PatientID))
        assert (self.search().state, asked.archives_with_work(given.NOW)) == ("failed", [])

    def test_a_search_that_is_refused_is_tried_three_times(self, archive: Archive, analysed) -> None:
        analysed({Level.L1: 2})
        search = self.search()
        for minutes in (0, 10, 60):
            assert asked.next_search(archive.pk, given.NOW + minutes * MINUTE) == search
            asking.fail_search(search.pk, "The archive refuses the query with 0xA900.", given.NOW + minutes * MINUTE)
        search.refresh_from_db()
        assert (search.state, search.attempts) == ("failed", 3)
        assert asked.next_search(archive.pk, given.NOW + timedelta(days=9)) is None

    def test_a_prior_is_analysed_as_normal_and_a_swept_study_at_night(self, archive, sweep, analysed) -> None:
        analysed({Level.L1: 2})
        search = self.search()
        prior = listed(2, "20250101", PatientID="P1")
        asking.record_search(search.pk, asking.wanted_of(search), [prior], given.NOW)
        asking.list_day(sweep.pk, MARCH[0], [listed(3)], given.NOW)
        for study in (2, 3, 4):
            receive(study)
        intake.settle_due(given.later(60))
        cases = {case.StudyInstanceUID.rsplit(".", 1)[1]: case.priority for case in Case.objects.all()}
        assert {name: cases[name] for name in "234"} == {
            "2": Priority.NORMAL,
            "3": Priority.OFF_PEAK,
            "4": Priority.NORMAL,
        }


def test_hours_of_the_archive_hold_back_sweeps_alone(archive: Archive, sweep: Sweep) -> None:
    asking.list_day(sweep.pk, MARCH[0], [listed(1)], given.NOW)
    assert asking.claim(archive.pk, datetime(2026, 11, 21, 12, tzinfo=UTC), with_sweeps=False) is None
    assert claim(archive) == "1"
