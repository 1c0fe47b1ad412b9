"""Storage commitment: a PACS may forget what we have confirmed, so only what is really here is confirmed."""

import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydicom import uid
from pydicom.dataset import Dataset
from pynetdicom import AE, evt
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance

from dicom_listener import calling_back
from dicom_listener.associations import Door
from dicom_listener.commitment import Desk, Question, on_commitment_request
from dicom_listener.conversation import Conversation
from dicom_listener.server import Around, listening
from tests.support import dicom
from tests.wire.conftest import LOOPBACK, PEERS_VANISH
from tests.wire.test_restart import House
from vfx_finder.actions import commitment, intake
from vfx_finder.actions.commitment import Claimed, Peer
from vfx_finder.actions.keeping import Keeper, keep_and_record
from vfx_finder.dicom.commitment import proof_of, request
from vfx_finder.dicom.part10 import taken_apart
from vfx_finder.dicom.turns import take_turns
from vfx_finder.dicom.whole import checked
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.commitment import GIVEN_UP_AFTER, MOST_REFERENCES, ROWS_FOLLOW, Asked, FailureReason, Reference
from vfx_finder.domain.delivery import Proof
from vfx_finder.domain.errors import Retry, WrongState
from vfx_finder.ledger.models import CommitmentRequest, Destination, Sender, StoredInstance
from vfx_finder.spool import Spool

pytestmark = [pytest.mark.django_db(transaction=True), PEERS_VANISH]

CT = str(uid.CTImageStorage)
LISTENER = Actor.process("listener")
NOW = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
LATER = NOW + ROWS_FOLLOW
SUCCESS, PROCESSING_FAILURE = 0x0000, 0x0110


@dataclass
class Pacs:
    """A PACS that asks, and hears the results."""

    port: int
    heard: list[Proof] = field(default_factory=list)
    types: list[int] = field(default_factory=list)
    answer: int = SUCCESS
    refused_at_first: int = 0
    slow_s: float = 0.0
    tls: ssl.SSLContext | None = None
    on_the_line: threading.Lock = field(default_factory=threading.Lock)

    def on_result(self, event: evt.Event) -> tuple[int, None]:
        self.types.append(event.request.EventTypeID)
        self.heard.append(proof_of(event.event_information))
        time.sleep(self.slow_s)
        return (self.answer if len(self.heard) > self.refused_at_first else PROCESSING_FAILURE), None

    def ask(self, asked: Dataset, stay: Callable[[], bool] | None = None, **over: object) -> int | None:
        """Send an N-ACTION and hang up when `stay` is true, or at once; the status that was answered."""
        if stay is not None:
            return self._ask(asked, stay, over)
        with self.on_the_line:
            return self._ask(asked, lambda: True, over)

    def hangs_up_first(self, monkeypatch: pytest.MonkeyPatch) -> "Pacs":
        """Who hangs up at once has done so before its result is looked for, however busy the machine is."""
        judge = commitment.judge

        def judge_afterwards(*arguments: object) -> object:
            with self.on_the_line:
                return judge(*arguments)

        monkeypatch.setattr(commitment, "judge", judge_afterwards)
        return self

    def _ask(self, asked: Dataset, stay: Callable[[], bool], over: dict[str, object]) -> int | None:
        entity = AE(ae_title="PACS")
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 120
        entity.add_requested_context(StorageCommitmentPushModel)
        link = entity.associate(
            LOOPBACK,
            self.port,
            ae_title="VFXFINDER",
            bind_address=(LOOPBACK, 0),
            evt_handlers=[(evt.EVT_N_EVENT_REPORT, self.on_result)],
            tls_args=(self.tls, LOOPBACK) if self.tls else None,
        )
        assert link.is_established
        take_turns(link)
        words = {
            "action_type": 1,
            "class_uid": StorageCommitmentPushModel,
            "instance_uid": StorageCommitmentPushModelInstance,
        }
        status, _ = link.send_n_action(asked, **(words | over))
        assert until(stay)
        link.release()
        return status.get("Status")


def row_when(true: Callable[[CommitmentRequest], object]) -> CommitmentRequest:
    """The one request as it stood when this became true of it: a later try may change it again."""
    seen: list[CommitmentRequest] = []

    def looked() -> bool:
        seen[:] = CommitmentRequest.objects.all()
        return bool(true(seen[0]))

    assert until(looked)
    return seen[0]


def until(true: Callable[[], bool], within_s: float = 120) -> bool:
    """Whether it becomes true within this time."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


@pytest.fixture
def brought(committed_db: None, spool: Spool) -> Callable[..., list[Reference]]:
    """Keep some slices of a study as if they had come by C-STORE."""

    def bring(name: str, count: int = 3) -> list[Reference]:
        keeper = Keeper(spool, lambda instance: intake.receive(instance, LISTENER, NOW, 60))
        references = []
        for number in range(count):
            header, content = checked(*taken_apart(dicom.encoded(dicom.ct_slice(dicom.Order(name=name), number))))
            keep_and_record(keeper, header, content, "PACS")
            references.append(Reference(CT, header.SOPInstanceUID))
        return references

    return bring


@pytest.fixture
def pacs(spool: Spool, committed_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pacs]:
    """A PACS in front of a listener that keeps its rows in the real ledger."""
    from django.db import connections

    desk = Desk(spool, "VFXFINDER", hang_up=connections.close_all)
    around = Around(handlers={evt.EVT_N_ACTION: (on_commitment_request, [desk])}, leave=connections.close_all)
    keeper = Keeper(spool, lambda instance: intake.receive(instance, LISTENER, NOW, 60))
    with listening((LOOPBACK, 0), keeper, Door(), around) as here, desk.attended():
        yield Pacs(here.port).hangs_up_first(monkeypatch)


@contextmanager
def own_port(
    pacs: Pacs, *, takes_roles: bool = True, tls: ssl.SSLContext | None = None, patience_s: float = 60
) -> Iterator[int]:
    """The PACS listens too, for results that come by an association of their own."""
    entity = AE(ae_title="PACS")
    entity.acse_timeout = patience_s
    roles = {"scu_role": True, "scp_role": True} if takes_roles else {}
    entity.add_supported_context(StorageCommitmentPushModel, **roles)
    heard = [(evt.EVT_N_EVENT_REPORT, pacs.on_result)]
    server = entity.start_server((LOOPBACK, 0), block=False, evt_handlers=heard, ssl_context=tls)
    try:
        yield server.server_address[1]
    finally:
        assert until(lambda: not entity.active_associations), "whoever called has had its answer"
        entity.shutdown()


def asking(transaction: str, references: list[Reference]) -> Dataset:
    return request(transaction, [(one.SOPClassUID, one.SOPInstanceUID) for one in references])


def uids(references: list[Reference]) -> set[str]:
    return {one.SOPInstanceUID for one in references}


def test_a_study_is_confirmed_on_the_same_association(pacs: Pacs, brought: Callable[..., list[Reference]]) -> None:
    """A PACS that stays is told there: all instances, event type 1; the row says what was asked and answered."""
    references = brought("same")
    assert pacs.ask(asking("1.2.3.1", references), stay=lambda: bool(pacs.heard)) == SUCCESS
    assert (pacs.heard[0].TransactionUID, pacs.heard[0].committed, pacs.types) == ("1.2.3.1", uids(references), [1])
    row = row_when(lambda row: row.answered_at)
    assert (row.calling, row.host, row.next_at, row.problem) == ("PACS", LOOPBACK, None, "")
    assert len(row.answer["committed"]) == len(row.asked) == 3
    assert row.answer["failed"] == []


@pytest.mark.parametrize("takes_roles", [True, False])
def test_a_pacs_that_hangs_up_is_called_back(
    pacs: Pacs, brought: Callable[..., list[Reference]], takes_roles: bool
) -> None:
    """Its host, the port that an operator set, our AE title; also where it does not answer role negotiation."""
    references = brought("called back")
    with own_port(pacs, takes_roles=takes_roles) as port:
        Sender.objects.create(AETitle="PACS", port=port)
        assert pacs.ask(asking("1.2.3.2", references)) == SUCCESS
        assert until(lambda: bool(pacs.heard))
    assert pacs.heard[0].committed == uids(references)


def test_what_is_not_here_is_not_confirmed(
    pacs: Pacs, brought: Callable[..., list[Reference]], spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unknown instance, a damaged file, a file that is gone, another SOP Class, a class never taken: each fails."""
    monkeypatch.setattr(commitment, "ROWS_FOLLOW", timedelta(0))
    good, damaged, gone, other = brought("failures", 4)
    path_of = dict(StoredInstance.objects.values_list("SOPInstanceUID", "path"))
    spool.path_of(path_of[damaged.SOPInstanceUID]).write_bytes(b"damaged")
    spool.path_of(path_of[gone.SOPInstanceUID]).unlink()
    asked = [
        good,
        damaged,
        gone,
        Reference(str(uid.EnhancedCTImageStorage), other.SOPInstanceUID),
        Reference(CT, "1.2.3.4.5"),
        Reference(str(uid.MRImageStorage), "1.2.3.4.6"),
    ]
    pacs.ask(asking("1.2.3.3", asked), stay=lambda: bool(pacs.heard))
    assert (pacs.heard[0].committed, pacs.types) == ({good.SOPInstanceUID}, [2])
    assert [reason for _, reason in pacs.heard[0].failed] == [0x0110, 0x0110, 0x0119, 0x0112, 0x0122]


def test_a_result_is_answered_before_the_one_who_heard_it_hangs_up(
    pacs: Pacs, brought: Callable[..., list[Reference]]
) -> None:
    """However long it takes over its answer, and although it means to hang up at once."""
    pacs.slow_s = 0.5
    pacs.ask(asking("1.2.3.5", brought("slow")), stay=lambda: bool(pacs.heard))
    assert until(lambda: CommitmentRequest.objects.get().answered_at is not None)
    assert len(pacs.heard) == 1


def test_a_result_never_overtakes_the_response(
    pacs: Pacs, brought: Callable[..., list[Reference]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody may tell it before the peer knows that it will be told, however long our answer takes to go out."""
    order: list[str] = []
    say, lay_down = Conversation._say, Desk.lay_down

    def slowly(self: Conversation, *words: object) -> None:
        time.sleep(0.2)
        say(self, *words)
        order.append("said")

    def noted(self: Desk, question: Question) -> None:
        order.append("laid down")
        lay_down(self, question)

    monkeypatch.setattr(Conversation, "_say", slowly)
    monkeypatch.setattr(Desk, "lay_down", noted)
    pacs.ask(asking("1.2.3.11", brought("slow answer")), stay=lambda: bool(pacs.heard))
    assert order[:2] == ["said", "laid down"]
    assert order.count("laid down") == 1


def test_several_questions_of_a_pacs_without_a_port_are_all_answered(
    pacs: Pacs, brought: Callable[..., list[Reference]]
) -> None:
    """Asked on associations that are open side by side, due together: each is told on its own, one after the other."""
    references = brought("together")
    together = threading.Barrier(3)
    others = [Pacs(pacs.port) for _ in range(3)]

    def ask(number: int) -> None:
        one = others[number]
        one.slow_s = 0.2
        asked: list[int] = []

        def told() -> bool:
            if not asked:
                asked.append(together.wait(300))
            return bool(one.heard)

        one.ask(asking(f"1.2.3.12.{number}", references), stay=told)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.heard[0].TransactionUID for one in others] == [f"1.2.3.12.{number}" for number in range(3)]
    assert until(lambda: CommitmentRequest.objects.filter(answered_at__isnull=False).count() == 3)


def test_the_line_is_kept_while_the_result_is_in_another_hand(
    pacs: Pacs, brought: Callable[..., list[Reference]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process has it, and cannot call a PACS without a port: it is told where it asked, once it is due."""
    claim, taken = commitment.claim, threading.Event()

    def taken_first(now: datetime, busy: Iterable[str] = (), request_id: int | None = None) -> Claimed | None:
        if request_id and not taken.is_set():
            CommitmentRequest.objects.filter(pk=request_id).update(next_at=now + commitment.IN_HAND)
        claimed = claim(now, busy, request_id)
        if request_id and not taken.is_set():
            taken.set()
            assert claimed is None
        return claimed

    monkeypatch.setattr(commitment, "claim", taken_first)

    def heard() -> bool:
        if taken.is_set() and not pacs.heard:
            CommitmentRequest.objects.filter(next_at__gt=datetime.now(UTC) + commitment.LEFT_ALONE).update(next_at=NOW)
        return bool(pacs.heard)

    pacs.ask(asking("1.2.3.13", brought("in hand")), stay=heard)
    assert pacs.types == [1]


def test_a_pacs_that_refuses_a_result_and_stays_is_told_again_there(
    pacs: Pacs, brought: Callable[..., list[Reference]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its line is kept until it has taken the result, with the same pauses as any other try."""
    monkeypatch.setattr(commitment, "pause_after", lambda _: timedelta(seconds=1))
    pacs.refused_at_first = 1
    pacs.ask(asking("1.2.3.14", brought("stays")), stay=lambda: len(pacs.heard) > 1)
    assert until(lambda: CommitmentRequest.objects.get().answered_at is not None)
    assert CommitmentRequest.objects.get().attempts == 1


MALFORMED: dict[str, tuple[Callable[[], Dataset], dict[str, object], int]] = {
    "no transaction": (lambda: asking("", [Reference(CT, "1.2")]), {}, 0x0115),
    "no instance": (lambda: asking("1.2.3.4", []), {}, 0x0115),
    "another action": (lambda: asking("1.2.3.4", [Reference(CT, "1.2")]), {"action_type": 2}, 0x0123),
    "another object": (lambda: asking("1.2.3.4", [Reference(CT, "1.2")]), {"instance_uid": "1.2.3"}, 0x0112),
}


@pytest.mark.parametrize("how", MALFORMED)
def test_a_malformed_request_has_its_status(pacs: Pacs, how: str) -> None:
    """Refused at once with a reason; nothing is kept, and the next request is welcome."""
    made, over, status = MALFORMED[how]
    assert pacs.ask(made(), **over) == status
    assert not CommitmentRequest.objects.exists()


def test_a_pacs_that_cannot_be_called_is_told_when_it_can(
    pacs: Pacs, brought: Callable[..., list[Reference]], spool: Spool
) -> None:
    """Without a port the row says what to do; later the same request is told by whichever process looks."""
    references = brought("later")
    assert pacs.ask(asking("1.2.3.5", references)) == SUCCESS
    row = row_when(lambda row: "port is not set" in row.problem)
    assert (row.attempts, row.answered_at) == (1, None)
    assert row.next_at > row.asked_at
    with own_port(pacs) as port:
        Sender.objects.create(AETitle="PACS", port=port)
        CommitmentRequest.objects.update(next_at=row.asked_at)
        assert until(lambda: bool(pacs.heard))
    assert until(lambda: CommitmentRequest.objects.get().answered_at is not None)
    assert CommitmentRequest.objects.get().problem == ""


def test_a_result_that_is_refused_is_not_told(pacs: Pacs, brought: Callable[..., list[Reference]]) -> None:
    """What counts is the PACS's answer, not that it was sent: it is told again, and its status stands in the row."""
    pacs.answer = PROCESSING_FAILURE
    pacs.ask(asking("1.2.3.7", brought("refused")), stay=lambda: bool(pacs.heard))
    row = row_when(lambda row: row.problem)
    assert (row.answered_at, row.attempts) == (None, 1)
    assert row.problem.startswith("It answered the result with 0x0110.")


def test_a_hung_pacs_holds_up_nobody(
    pacs: Pacs, brought: Callable[..., list[Reference]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One peer takes the call and says nothing; another is told meanwhile."""
    import socket

    monkeypatch.setattr(calling_back, "ANSWER_S", 300.0)
    references = brought("hung")
    with socket.create_server((LOOPBACK, 0)) as silent, own_port(pacs) as port:
        Sender.objects.create(AETitle="HUNG", port=silent.getsockname()[1])
        Sender.objects.create(AETitle="PACS", port=port)
        for number, title in enumerate(("HUNG", "HUNG", "HUNG", "HUNG", "HUNG", "PACS")):
            asked = Asked(f"1.2.3.6.{number}", tuple(references))
            request_id = commitment.ask(asked, Peer(title, LOOPBACK), LISTENER, NOW)
            CommitmentRequest.objects.filter(pk=request_id).update(next_at=NOW)
        assert until(lambda: bool(pacs.heard))


@pytest.mark.slow
def test_the_listener_of_an_installation_answers(database_url: str, tmp_path: Path) -> None:
    """Two processes behind one socket, rows that follow their files: what was just sent is committed all the same."""
    series = dicom.ct_series(dicom.Order(name="installation"))
    with House(tmp_path, database_url).listener(VFX_LISTENER_PROCESSES="2", VFX_KEEP_FREE_MB="0") as listener:
        assert not listener.send(series).refused
        pacs = Pacs(listener.port)
        asked = asking("1.2.3.8", [Reference(CT, image.SOPInstanceUID) for image in series])
        assert pacs.ask(asked, stay=lambda: bool(pacs.heard)) == SUCCESS
    assert pacs.heard[0].committed == {image.SOPInstanceUID for image in series}


# The rules behind it, without a wire.


def asked_for(references: list[Reference], transaction: str = "1.2.3.9") -> int:
    return commitment.ask(Asked(transaction, tuple(references)), Peer("PACS", LOOPBACK), LISTENER, NOW)


def test_the_row_of_an_acknowledged_instance_may_follow(brought: Callable[..., list[Reference]], spool: Spool) -> None:
    """Within moments of the request an unknown instance is looked for again; then it is called unknown."""
    asked_for([*brought("follows"), Reference(CT, "1.2.3.4.7")])
    claimed = commitment.claim(LATER)
    assert claimed is not None
    assert commitment.judge(claimed, spool, NOW) is None
    commitment.postpone(claimed.id, NOW)
    result = commitment.judge(claimed, spool, LATER)
    assert result is not None
    assert [reason for _, reason in result.failed] == [FailureReason.NO_SUCH_INSTANCE]


def test_the_port_of_a_destination_of_the_same_title_is_called_where_the_sender_has_none(
    brought: Callable[..., list[Reference]],
) -> None:
    """The same PACS twice on the pages; what its own line says goes first."""
    asked_for(brought("port"))
    later = iter(LATER + number * commitment.IN_HAND for number in range(4))
    assert commitment.claim(next(later)).port is None
    here = {"name": "PACS", "protocol": "dicom", "AETitle": "PACS", "host": LOOPBACK, "port": 4242, "use_tls": True}
    Destination.objects.create(**here)
    sender = Sender.objects.create(AETitle="PACS")
    claimed = commitment.claim(next(later))
    assert (claimed.port, claimed.by_tls) == (4242, True)
    Sender.objects.filter(pk=sender.pk).update(port=104)
    claimed = commitment.claim(next(later))
    assert (claimed.port, claimed.by_tls) == (104, None)


def test_a_request_is_in_one_hand_at_a_time(brought: Callable[..., list[Reference]]) -> None:
    """Who has it keeps it for a while; a busy peer is passed over; what was told is never due again."""
    asked_for(brought("hand"))
    assert commitment.claim(NOW) is None, "left to the process that heard it"
    assert commitment.claim(LATER, busy=["PACS"]) is None
    first = commitment.claim(LATER)
    assert first is not None
    assert commitment.claim(LATER) is None
    again = commitment.claim(LATER + commitment.IN_HAND)
    assert again is not None
    assert again.id == first.id


def test_a_result_is_tried_for_a_day_and_stays_on_the_list(
    brought: Callable[..., list[Reference]], spool: Spool
) -> None:
    """Each failure is stated; after a day nothing is due, and the problem stands there."""
    asked_for(brought("a day"))
    claimed = commitment.claim(LATER)
    assert claimed is not None
    result = commitment.judge(claimed, spool, LATER)
    assert result is not None
    commitment.not_told(claimed, result, "It did not answer the call.", LATER)
    assert CommitmentRequest.objects.get().next_at == LATER + timedelta(seconds=10)
    commitment.not_told(claimed, result, "It did not answer the call.", NOW + GIVEN_UP_AFTER)
    row = CommitmentRequest.objects.get()
    assert (row.next_at, row.attempts, row.problem) == (None, 2, "It did not answer the call.")


def test_the_same_question_is_answered_again_and_another_under_its_name_is_refused(
    brought: Callable[..., list[Reference]], spool: Spool
) -> None:
    """A PACS that lost the answer may ask again; a Transaction UID stands for one set of instances."""
    references = brought("again")
    first = asked_for(references)
    claimed = commitment.claim(LATER)
    assert claimed is not None
    result = commitment.judge(claimed, spool, LATER)
    assert result is not None
    commitment.told(first, result, LATER)
    assert asked_for(references) == first
    assert CommitmentRequest.objects.get().answered_at is None
    with pytest.raises(WrongState):
        asked_for(references[:1])


def test_more_than_can_be_judged_at_once_is_refused(committed_db: None) -> None:
    """A bound on what one request may cost."""
    with pytest.raises(Retry):
        asked_for([Reference(CT, f"1.2.{number}") for number in range(1, MOST_REFERENCES + 2)])
