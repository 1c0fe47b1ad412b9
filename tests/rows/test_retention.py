"""Images leave the disk after their time, and nothing else does; what somebody may still need stays, and says why."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import pytest
import typer
from django.db import connection
from django.test import Client
from django.urls import reverse
from typer.testing import CliRunner

from tests.support import intake as given
from tests.support import spines
from tests.support.forms import Words, say
from tests.support.kept_images import LATE, RULE, SLICES, Sender, no_jobs, retention_actor
from tests.support.reviews import confirmed
from vfx_finder.actions import analysis, commitment, delivery, intake, operations, retention, seeing_to, sending_later
from vfx_finder.actions.commitment import Peer
from vfx_finder.actions.retention import Gone
from vfx_finder.cli import retention as command
from vfx_finder.config import Settings
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.commitment import Asked, FailureReason, Reference
from vfx_finder.domain.delivered import Kind
from vfx_finder.domain.delivery import DestinationFacts, Protocol
from vfx_finder.domain.errors import NotAllowed, WrongState
from vfx_finder.domain.flow import CaseState
from vfx_finder.domain.hours import Hours
from vfx_finder.domain.late import LateAnswer, LateWord
from vfx_finder.domain.retention import Rule, Stays
from vfx_finder.domain.retrieval import AskedState
from vfx_finder.domain.spine import Level
from vfx_finder.domain.study import Reason
from vfx_finder.ledger import lacking, queries
from vfx_finder.ledger import retention as asked
from vfx_finder.ledger.models import (
    AnalysisRecord,
    Archive,
    AuditEvent,
    Case,
    Delivery,
    ImagesRemoval,
    OtherContent,
    SignedReview,
    StoredInstance,
    Sweep,
    SweptStudy,
)
from vfx_finder.spool import Spool

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).resolve().parents[2]
NOW = given.later(LATE)
CLEANER = retention_actor()
CT = "1.2.840.10008.5.1.4.1.1.2"
PACS = DestinationFacts("PACS", Protocol.DICOM, "PACS", "10.0.0.1", 104, kinds=frozenset({Kind.SC}))


@pytest.fixture
def sender(tmp_path: Path) -> Sender:
    return Sender(Spool(tmp_path / "data" / "spool"))


@pytest.fixture
def clear(sender: Sender) -> int:
    """A study that was analysed and not flagged, forty days ago."""
    return sender.finished("clear")


@pytest.fixture
def remove(sender: Sender) -> Callable[..., object]:
    def removing(case_id: int, rule: Rule = RULE, at: float = LATE) -> object:
        return retention.remove_images(case_id, sender.spool, rule, CLEANER, given.later(at))

    return removing


def row(case_id: int) -> Case:
    return Case.objects.get(pk=case_id)


def uids(case_id: int) -> list[str]:
    return list(StoredInstance.objects.filter(case=case_id).order_by("pk").values_list("SOPInstanceUID", flat=True))


class TestWhatGoes:
    def test_the_files_go_and_what_was_found_stays(
        self, sender: Sender, clear: int, remove: Callable[..., object]
    ) -> None:
        """Rows, digests, the analysis with its picture and the audit trail are as they were, and one line more."""
        digests = set(StoredInstance.objects.values_list("SOPInstanceUID", "sha256"))
        size = sum(sender.spool.size_of(path) for path in sender.files())
        record = AnalysisRecord.objects.values().get()
        assert remove(clear) == Gone(SLICES, size)
        assert sender.files() == set()
        assert set(StoredInstance.objects.values_list("SOPInstanceUID", "sha256")) == digests
        assert AnalysisRecord.objects.values().get() == record
        told = AuditEvent.objects.filter(case=clear).last()
        assert (told.verb, told.name) == ("images-removed", "retention")
        assert told.detail == {"images": SLICES, "bytes": size, "kept_days": 30, "also_committed": False}
        assert (row(clear).state, row(clear).images_removed_at) == (CaseState.ANALYSED_CLEAR, NOW)
        assert asked.removed_so_far() == asked.Removed(1, SLICES, size)
        assert not list(asked.old_enough(RULE, NOW)), "and nothing is left to go"
        assert retention.finish(sender.spool, CLEANER, NOW) == 0

    def test_a_signed_study_goes_when_its_result_is_proven(
        self, sender: Sender, sign: Callable[..., object], remove: Callable[..., object]
    ) -> None:
        case_id = sender.finished("signed", flagged=True)
        sign(case_id, confirmed(Level.L1, 2))
        signed = SignedReview.objects.values().get()
        assert isinstance(remove(case_id), Gone)
        assert SignedReview.objects.values().get() == signed

    def test_not_before_its_time(self, sender: Sender, clear: int, remove: Callable[..., object]) -> None:
        assert remove(clear, at=29 * 86_400) is None
        assert len(sender.files()) == SLICES

    def test_nobody_else_may(self, sender: Sender, clear: int, operator: Actor) -> None:
        with pytest.raises(NotAllowed):
            retention.remove_images(clear, sender.spool, RULE, operator, NOW)
        with pytest.raises(NotAllowed):
            retention.finish(sender.spool, operator, NOW)

    def test_the_rule_has_a_day_at_least(self) -> None:
        with pytest.raises(ValueError, match="a day"):
            Rule(0)


class TestWhatStays:
    @pytest.fixture(autouse=True)
    def nothing_leaves(self, sender: Sender) -> object:
        yield
        assert len(sender.files()) >= SLICES
        assert not ImagesRemoval.objects.exists()

    def test_what_is_not_finished(self, sender: Sender, remove: Callable[..., object]) -> None:
        sender.send("arriving")
        case = Case.objects.get()
        assert remove(case.pk) is Stays.NOT_FINISHED
        intake.settle_due(given.later(60))
        assert remove(case.pk) is Stays.NOT_FINISHED
        analysis.record(case.pk, 1, spines.analysis({Level.L1: 2}), given.later(90))
        assert remove(case.pk) is Stays.NOT_FINISHED, "a radiologist has not read it"

    def test_what_was_not_analysed_until_somebody_has_seen_that(
        self, sender: Sender, remove: Callable[..., object], operator: Actor
    ) -> None:
        sender.send("broken")
        intake.settle_due(given.later(60))
        case_id = Case.objects.get().pk
        analysis.fail(case_id, 1, analysis.Failure.BROKEN, "ValueError", given.later(90))
        no_jobs()
        assert remove(case_id) is Stays.NOT_SEEN
        seeing_to.see_to_not_analysed(case_id, operator, given.later(100))
        assert asked.what_keeps([row(case_id)], RULE) == {}

    def test_late_images_and_other_content_until_somebody_has_seen_them(
        self, sender: Sender, sign: Callable[..., object], remove: Callable[..., object]
    ) -> None:
        case_id = sender.finished("signed", flagged=True)
        sign(case_id, confirmed(Level.L1, 2))
        sender.send("signed", [SLICES], at=200)
        assert remove(case_id) is Stays.LATE_IMAGES
        Case.objects.update(late_seen=1)
        sender.send("signed", [0], at=300, SeriesDescription="mended")
        assert OtherContent.objects.count() == 1
        assert remove(case_id) is Stays.OTHER_CONTENT

    def test_while_an_analysis_waits(self, clear: int, remove: Callable[..., object]) -> None:
        from vfx_finder.actions.jobs import ask_for_analysis

        ask_for_analysis(row(clear))
        assert remove(clear) is Stays.JOB

    @pytest.mark.parametrize("state", ["waiting", "sent", "dead-letter"])
    def test_until_every_result_has_arrived(
        self,
        state: str,
        sender: Sender,
        sign: Callable[..., object],
        remove: Callable[..., object],
        operator: Actor,
    ) -> None:
        delivery.keep_destination(PACS, operator, given.NOW)
        case_id = sender.finished("signed", flagged=True)
        sign(case_id, confirmed(Level.L1, 2))
        Delivery.objects.update(state=state, next_at=None if state == "dead-letter" else NOW)
        assert remove(case_id) is Stays.DELIVERY
        Delivery.objects.update(state="proven", next_at=None)
        assert asked.what_keeps([row(case_id)], RULE) == {}

    def test_while_an_archive_is_asked_for_it(self, clear: int, remove: Callable[..., object]) -> None:
        archive = Archive.objects.create(name="PACS", AETitle="PACS", host="10.0.0.1", port=104)
        days = {"first_day": "2026-11-01", "last_day": "2026-11-02"}
        sweep = Sweep.objects.create(archive=archive, started_at=given.NOW, moved_at=given.NOW, **days)
        study = SweptStudy.objects.create(
            sweep=sweep, StudyInstanceUID=row(clear).StudyInstanceUID, moved_at=given.NOW, state=AskedState.ASKED
        )
        assert remove(clear) is Stays.ASKED_FOR
        SweptStudy.objects.filter(pk=study.pk).update(state=AskedState.RECEIVED)
        assert asked.what_keeps([row(clear)], RULE) == {}

    def test_while_another_study_of_the_patient_is_not_read(
        self, sender: Sender, clear: int, remove: Callable[..., object]
    ) -> None:
        """It may be the only prior of what a radiologist has before them."""
        sender.patients["today"] = "P-clear"
        sender.send("today", at=LATE)
        assert remove(clear) is Stays.BEING_READ
        sender.send("somebody else", at=LATE)
        Case.objects.filter(pk=Case.objects.order_by("pk")[1].pk).update(PatientID="P-9")
        assert asked.what_keeps([row(clear)], RULE) == {}


class TestPromises:
    """A system that was told by storage commitment that we keep an image may have deleted its own."""

    def ask(self, case_id: int) -> int:
        references = tuple(Reference(CT, uid) for uid in uids(case_id)[:1])
        return commitment.ask(Asked("1.2.3.9", references), Peer("PACS", "127.0.0.1"), given.LISTENER, given.later(100))

    def answer(self, spool: Spool, at: float = 150) -> object:
        claimed = commitment.claim(given.later(at))
        report = commitment.judge(claimed, spool, given.later(at))
        commitment.told(claimed.id, report, given.later(at))
        return report

    def test_what_was_promised_stays(self, sender: Sender, clear: int, remove: Callable[..., object]) -> None:
        """One image is enough, and an answer that may not have been heard too."""
        self.ask(clear)
        assert remove(clear) is Stays.COMMITTED, "it is being answered"
        assert len(self.answer(sender.spool).committed) == 1
        assert remove(clear) is Stays.COMMITTED
        assert StoredInstance.objects.filter(promised_at=given.later(150)).count() == 1
        assert len(sender.files()) == SLICES

    def test_unless_a_person_says_so_and_then_no_such_promise_is_made_again(
        self, sender: Sender, clear: int, remove: Callable[..., object]
    ) -> None:
        self.ask(clear)
        self.answer(sender.spool)
        assert isinstance(remove(clear, Rule(30, also_committed=True)), Gone)
        assert AuditEvent.objects.get(verb="images-removed").detail["also_committed"] is True
        self.ask(clear)
        failed = self.answer(sender.spool, at=LATE).failed
        assert [reason for _, reason in failed] == [FailureReason.NO_SUCH_INSTANCE]

    def test_what_could_not_be_told_counts_as_told(
        self, sender: Sender, clear: int, remove: Callable[..., object]
    ) -> None:
        self.ask(clear)
        claimed = commitment.claim(given.later(150))
        commitment.not_told(claimed, commitment.judge(claimed, sender.spool, given.later(150)), "hung up", NOW)
        assert remove(clear) is Stays.COMMITTED

    def test_a_promise_made_while_it_was_being_removed_is_kept(
        self, sender: Sender, clear: int, monkeypatch: pytest.MonkeyPatch, remove: Callable[..., object]
    ) -> None:
        """Asked and judged after the study was weighed, before its rows said removed: that image stays."""
        tell = retention.tell

        def meanwhile(*words: object) -> None:
            StoredInstance.objects.filter(SOPInstanceUID=uids(clear)[0]).update(promised_at=NOW)
            tell(*words)

        monkeypatch.setattr(retention, "tell", meanwhile)
        gone = remove(clear)
        assert gone.images == SLICES - 1
        assert len(sender.files()) == 1
        here = StoredInstance.objects.get(removed_at=None)
        assert (here.SOPInstanceUID, sender.spool.size_of(here.path) > 0) == (uids(clear)[0], True)
        assert [case.pk for case in asked.old_enough(RULE, NOW)] == [clear], "it is still looked after"
        assert remove(clear) is Stays.COMMITTED


class TestSentAgain:
    @pytest.fixture
    def removed(self, clear: int, remove: Callable[..., object]) -> int:
        assert isinstance(remove(clear), Gone)
        return clear

    def test_the_whole_study_is_received_anew_and_analysed(self, sender: Sender, removed: int) -> None:
        before = set(StoredInstance.objects.values_list("pk", "sha256"))
        sender.send("clear", at=LATE + 10)
        assert len(sender.files()) == SLICES
        assert set(StoredInstance.objects.filter(removed_at=None).values_list("pk", "sha256")) == before
        case = row(removed)
        assert (case.state, case.generation, case.images_removed_at) == (CaseState.RECEIVING, 2, None)
        assert intake.settle_due(given.later(LATE + 100)) == 1
        assert row(removed).state == CaseState.SETTLED
        assert len(queries.spool_paths(removed)) == SLICES
        assert not OtherContent.objects.exists()
        assert list(sender.spool.waiting(given.later(2 * LATE))) == []

    def test_a_part_of_it_is_not_taken_for_the_whole(
        self, sender: Sender, removed: int, operator: Actor, ops: Client
    ) -> None:
        """Two slices of four could look sound: a person decides, or the rest comes."""
        sender.send("clear", [0, 1], at=LATE + 10)
        intake.settle_due(given.later(LATE + 100))
        case = row(removed)
        assert (case.state, case.reason) == (CaseState.UNSUITABLE, Reason.IMAGES_REMOVED)
        assert case.detail == "2 of its images were removed and have not come again; nothing was analysed."
        assert "2 of the images were removed on" in say(ops, "operations-search", words=case.correlation_id)
        operations.retry(removed, operator, given.later(LATE + 200))
        assert row(removed).state == CaseState.SETTLED
        assert len(queries.spool_paths(removed)) == 2

    def test_other_bytes_than_those_removed_are_no_other_content(self, sender: Sender, removed: int) -> None:
        """There is nothing here any more that they could differ from."""
        sender.send("clear", at=LATE + 10, SeriesDescription="recoded")
        assert not OtherContent.objects.exists()
        for one in StoredInstance.objects.all():
            assert one.sha256 == sender.spool.keep(given_uid(one), b"").sha256

    def test_a_signed_study_gets_its_images_back_without_an_alarm(
        self, sender: Sender, sign: Callable[..., object], remove: Callable[..., object]
    ) -> None:
        case_id = sender.finished("signed", flagged=True)
        sign(case_id, confirmed(Level.L1, 2))
        remove(case_id)
        sender.send("signed", at=LATE + 10)
        case = row(case_id)
        assert (case.state, case.instances_after_review, case.images_removed_at) == (CaseState.REVIEWED, 0, None)
        assert not StoredInstance.objects.filter(late=True).exists()
        assert remove(case_id, at=LATE + 86_400) is None, "their time begins anew"
        sender.send("signed", [SLICES], at=LATE + 20)
        assert row(case_id).instances_after_review == 1, "one that was never here is news"

    def test_changed_images_of_a_signed_study_are_an_alarm(
        self, sender: Sender, sign: Callable[..., object], remove: Callable[..., object]
    ) -> None:
        case_id = sender.finished("signed", flagged=True)
        sign(case_id, confirmed(Level.L1, 2))
        remove(case_id)
        sender.send("signed", [0], at=LATE + 10, SeriesDescription="mended")
        assert row(case_id).instances_after_review == 1
        assert StoredInstance.objects.filter(late=True).count() == 1

    def test_one_that_is_offered_while_the_files_leave_is_kept(
        self, sender: Sender, clear: int, remove: Callable[..., object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its listener has answered, and writes its row when the removal is done: nothing acknowledged is lost."""
        first = StoredInstance.objects.order_by("pk").first()
        content = sender.spool.read(first.path)
        tell = retention.tell

        def meanwhile(*words: object) -> None:
            assert sender.spool.keep(given_uid(first), content).duplicate
            tell(*words)

        with monkeypatch.context() as at_once:
            at_once.setattr(retention, "tell", meanwhile)
            remove(clear)
        assert sender.files() == {first.path}
        assert list(sender.spool.waiting(given.later(2 * LATE))) == [first.path], "a listener writes its row"
        sender.send("clear", [0], at=LATE + 10)
        assert StoredInstance.objects.get(removed_at=None) == first
        assert sender.spool.read(first.path) == content

    def test_a_file_whose_row_was_not_written_is_found_by_the_sweep(self, sender: Sender, removed: int) -> None:
        """The row says removed, but the file is there: it was sent again, and its listener died."""
        content = bytes_of(sender, "clear", 2)
        uid = StoredInstance.objects.order_by("pk")[2]
        kept = sender.spool.keep(given_uid(uid), content)
        sender.spool.recorded([kept.path])
        count = intake.sweep_orphans(sender.spool, given.later(10 * 365 * 86_400), given.later(LATE + 10), given.SETTLE)
        assert count == 1
        assert StoredInstance.objects.get(removed_at=None).path == kept.path
        assert row(removed).state == CaseState.RECEIVING


def given_uid(one: StoredInstance) -> object:
    from vfx_finder.domain.identity import Uid

    return Uid(one.SOPInstanceUID)


def bytes_of(sender: Sender, name: str, number: int) -> bytes:
    """A slice as it is kept."""
    from tests.support import dicom
    from vfx_finder.dicom.part10 import taken_apart
    from vfx_finder.dicom.whole import checked

    order = dicom.Order(name=name, person=dicom.Person(PatientID=f"P-{name}"))
    return bytes(checked(*taken_apart(dicom.encoded(dicom.ct_slice(order, number))))[1])


class TestKilled:
    """kill -9 between row and file: rows say it first, so the next one goes on."""

    @pytest.mark.parametrize("death", [0, 2, SLICES])
    def test_another_process_brings_it_to_its_end(
        self, death: int, tmp_path: Path, database_url: str, transactional_db: None
    ) -> None:
        sender = Sender(Spool(tmp_path / "data" / "spool"))
        case_id = sender.finished("clear")
        environment = os.environ | {
            "VFX_DATABASE_URL": database_url,
            "VFX_DATA_DIR": str(tmp_path / "data"),
            "NOW": NOW.isoformat(),
        }
        command = [sys.executable, "-m", "tests.support.kept_images", str(case_id), str(death)]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
        assert len(sender.files()) == SLICES - death
        assert StoredInstance.objects.filter(removed_at=None).count() == 0
        long_after = given.later(10 * 365 * 86_400)
        assert intake.sweep_orphans(sender.spool, long_after, NOW, given.SETTLE) == 0, "what is to go is not lost"
        assert retention.finish(sender.spool, CLEANER, given.later(LATE + 5)) == 1
        assert sender.files() == set()
        assert ImagesRemoval.objects.get().finished_at == given.later(LATE + 5)
        assert retention.finish(sender.spool, CLEANER, NOW) == 0
        assert asked.removed_so_far().images == SLICES
        assert intake.sweep_orphans(sender.spool, long_after, NOW, given.SETTLE) == 0
        assert row(case_id).state == CaseState.ANALYSED_CLEAR

    def test_what_was_sent_again_before_the_end_stays(
        self, sender: Sender, clear: int, monkeypatch: pytest.MonkeyPatch, remove: Callable[..., object]
    ) -> None:
        with monkeypatch.context() as dying, pytest.raises(KeyboardInterrupt):
            dying.setattr(retention, "_finished", interrupted)
            remove(clear)
        sender.send("clear", [1], at=LATE + 1)
        assert retention.finish(sender.spool, CLEANER, given.later(LATE + 5)) == 1
        assert sender.files() == {StoredInstance.objects.get(removed_at=None).path}


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


class TestPages:
    @pytest.fixture
    def removed(self, clear: int, remove: Callable[..., object]) -> int:
        remove(clear)
        return clear

    WORDS = "The images were removed on 31 Dec 2026 (kept 30 days); findings and pictures are kept."

    def test_the_study_says_so_and_why_it_cannot_be_analysed_again(
        self, removed: int, words: Words, ops: Client
    ) -> None:
        said = words("operations-study", removed)
        assert self.WORDS in said
        assert "cannot be analysed again" in said
        assert "Analyse again" not in said
        assert "Analyse now" not in said
        assert "Images removed after their time: 4 images, 0.0 MB, kept 30 days retention (system)" in said
        answer = ops.post(reverse("operations-retry", args=[removed]))
        assert (answer.status_code, b"send it again from PACS first" in answer.content) == (409, True)

    def test_the_radiologists_page_and_its_picture_are_whole(
        self, sender: Sender, sign: Callable[..., object], remove: Callable[..., object]
    ) -> None:
        from tests.support import busy_day
        from vfx_finder.domain.roles import Role

        case_id = sender.finished("signed", flagged=True)
        sign(case_id, confirmed(Level.L1, 2))
        reader = Client()
        people = busy_day.people(password=None)
        reader.force_login(people[Role.RADIOLOGIST], backend="django.contrib.auth.backends.ModelBackend")
        picture = reader.get(reverse("study-picture", args=[case_id]))
        remove(case_id)
        page = reader.get(reverse("study", args=[case_id]))
        assert page.status_code == 200
        assert "The images were removed on" in page.content.decode()
        assert reader.get(reverse("study-picture", args=[case_id])).content == picture.content

    def test_objects_are_not_offered_to_another_archive_and_messages_are(
        self, sender: Sender, sign: Callable[..., object], remove: Callable[..., object], operator: Actor
    ) -> None:
        delivery.keep_destination(PACS, operator, given.NOW)
        case_id = sender.finished("signed", flagged=True)
        sign(case_id, confirmed(Level.L1, 2))
        sent = Delivery.objects.get()
        Delivery.objects.update(state="proven", next_at=None)
        remove(case_id)
        other = DestinationFacts("Other", Protocol.DICOM, "OTHER", "10.0.0.2", 104, kinds=frozenset({Kind.SC}))
        added = delivery.keep_destination(other, operator, NOW)
        engine = delivery.keep_destination(
            DestinationFacts("Engine", Protocol.HL7, host="10.0.0.3", port=2575), operator, NOW
        )
        assert lacking.destinations(row(case_id)) == [engine]
        with pytest.raises(WrongState):
            sending_later.send_to(case_id, added.pk, operator, NOW)
        with pytest.raises(WrongState, match="send it again"):
            delivery.resend(sent.pk, operator, NOW)

    def test_overview_and_metric_say_how_much_was_removed(self, removed: int, words: Words) -> None:
        size = asked.removed_so_far().bytes
        assert "of 1 study removed so far" in words("system-health")
        assert f"vfx_removed_bytes {size}\n" in Client().get(reverse("metrics")).content.decode()
        assert "images are kept for ever" in words("system-health")


class TestCommand:
    @pytest.fixture
    def run(self, sender: Sender, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
        """The command on this spool, long after."""
        home = sender.spool.root.parent
        monkeypatch.setattr("vfx_finder.config.load", lambda: Settings(data_dir=home, keep_images_days=self.days))
        monkeypatch.setattr(command.console, "width", 300)
        long_ago = datetime.now(UTC) - timedelta(seconds=LATE)
        Case.objects.update(last_instance_at=long_ago, received_at=long_ago)
        app = typer.Typer()
        command.register(app)

        def running(*words: str) -> str:
            done = CliRunner().invoke(app, list(words))
            assert done.exit_code == 0, done.output
            return done.output

        return running

    days = 30

    @pytest.fixture
    def two(self, sender: Sender) -> tuple[int, int]:
        """One that may go and one that a radiologist has not read."""
        return sender.finished("clear"), sender.finished("waiting", flagged=True)

    def test_it_shows_what_would_go_and_what_keeps_the_rest(
        self, two: tuple[int, int], run: Callable[..., str], sender: Sender
    ) -> None:
        said = run()
        assert f"Would be removed: 1 study, {SLICES} images, 0.00 GB." in said
        assert f"Old enough, but must stay: 1 study, {SLICES} images" in said
        assert f"1  {Stays.NOT_FINISHED.words}" in said
        line = next(line for line in said.splitlines() if row(two[1]).correlation_id in line)
        assert "not-finished" in line
        assert "P-" not in said, "no patient stands in it"
        assert "Nothing was removed." in said
        assert len(sender.files()) == 2 * SLICES

    def test_it_removes_them(self, two: tuple[int, int], run: Callable[..., str], sender: Sender) -> None:
        assert f"Removed: 1 study, {SLICES} images" in run("--remove")
        assert len(sender.files()) == SLICES
        assert "Would be removed: 0 studies" in run()
        assert AuditEvent.objects.get(verb="images-removed").name == "command-line"

    def test_without_a_limit_nothing_is_asked(
        self, two: tuple[int, int], run: Callable[..., str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(TestCommand, "days", 0)
        assert "kept for ever" in run("--remove")
        assert "Would be removed: 1 study" in run("--days", "30")
        assert not ImagesRemoval.objects.exists()

    def test_what_was_promised_goes_only_when_a_person_says_so(
        self, two: tuple[int, int], run: Callable[..., str]
    ) -> None:
        StoredInstance.objects.filter(case=two[0]).update(promised_at=given.NOW)
        assert "Removed: 0 studies" in run("--remove")
        assert f"1  {Stays.COMMITTED.words}" in run()
        assert "Removed: 1 study" in run("--remove", "--also-committed")


class TestNights:
    """The worker does it by itself, at night, some at a time."""

    NIGHT = NOW.replace(hour=22)

    def nights(self, sender: Sender, rule: Rule | None = RULE) -> object:
        from pipelines.retention import Nights

        return Nights(sender.spool, rule, Hours(20, 6))

    def test_a_few_at_a_time_and_once_a_night(self, sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("pipelines.retention.PORTION", 2)
        for name in ("one", "two", "three"):
            sender.finished(name)
        waiting = sender.finished("waiting", flagged=True)
        nights = self.nights(sender)
        assert nights.step(NOW.replace(hour=12)) == 0, "not by day"
        assert [nights.step(self.NIGHT) for _ in range(3)] == [2, 1, 0]
        assert set(Case.objects.filter(images_removed_at=None).values_list("pk", flat=True)) == {waiting}
        sender.finished("four")
        assert nights.step(self.NIGHT + timedelta(hours=1)) == 0, "it has been round for tonight"
        assert nights.step(self.NIGHT + timedelta(days=1)) == 1

    def test_nothing_without_a_limit_but_what_was_begun_is_ended(
        self, sender: Sender, clear: int, monkeypatch: pytest.MonkeyPatch, remove: Callable[..., object]
    ) -> None:
        nights = self.nights(sender, rule=None)
        assert nights.step(self.NIGHT) == 0
        with monkeypatch.context() as dying, pytest.raises(KeyboardInterrupt):
            dying.setattr(retention, "_finished", interrupted)
            remove(clear)
        assert nights.step(NOW.replace(hour=12)) == 1
        assert sender.files() == set()


def test_late_images_that_were_seen_to_do_not_keep_a_study(
    sender: Sender, sign: Callable[..., object], operator: Actor, remove: Callable[..., object]
) -> None:
    case_id = sender.finished("signed", flagged=True)
    sign(case_id, confirmed(Level.L1, 2))
    sender.send("signed", [SLICES], at=200)
    seeing_to.see_to_late_images(case_id, 1, LateWord(LateAnswer.READ_ELSEWHERE), operator, given.later(300))
    assert remove(case_id) == Gone(SLICES + 1, asked.removed_so_far().bytes)


def test_rows_from_before_are_filled_in(
    sender: Sender, sign: Callable[..., object], operator: Actor, remove: Callable[..., object]
) -> None:
    """An installation that is brought up to date knows what it promised, what came late, and how long answers took."""
    case_id = sender.finished("signed", flagged=True)
    TestPromises().ask(case_id)
    TestPromises().answer(sender.spool)
    sign(case_id, confirmed(Level.L1, 2))
    sender.send("signed", [SLICES], at=200)
    before = list(StoredInstance.objects.order_by("pk").values("late", "promised_at"))
    StoredInstance.objects.update(late=False, promised_at=None)
    Case.objects.update(asked_at=None, last_instance_at=given.NOW)
    migration = import_module("vfx_finder.ledger.migrations.0004_kept_images")
    with connection.cursor() as cursor:
        for words in (migration.ASKED, migration.LATE, migration.PROMISED):
            cursor.execute(words)
    assert list(StoredInstance.objects.order_by("pk").values("late", "promised_at")) == before
    assert [one["late"] for one in before] == [False] * SLICES + [True]
    assert row(case_id).seconds_to_answer == 90
