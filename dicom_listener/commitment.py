"""Storage commitment as its provider (DICOM PS3.4 annex J): a peer asks, is answered at once, and told the result.

The result goes back on the peer's own association where that is still open after a moment, and as long as it stays
open; never before the response to the question went out. Otherwise it goes by an association to the host that asked and
the port that an operator has set for that sender: by TLS where senders have to use it, or as the destination says that
is the same peer. What cannot be told is tried again, in this process or another, until the peer has heard it.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol, cast

import structlog
from pydicom.dataset import Dataset
from pynetdicom.dimse_primitives import N_ACTION
from pynetdicom.events import Event
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
)

from dicom_listener.calling_back import Callback, call_back
from dicom_listener.tls import Calling
from vfx_finder.actions import commitment
from vfx_finder.actions.commitment import Claimed, Peer
from vfx_finder.dicom.commitment import asked_of, report
from vfx_finder.dicom.statuses import PROCESSING_FAILURE, SUCCESS
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.commitment import Report
from vfx_finder.domain.errors import Retry, Unreadable, VfxError, WrongState
from vfx_finder.spool import Spool

log = structlog.get_logger(__name__)

NO_SUCH_INSTANCE, INVALID_ARGUMENT, NO_SUCH_ACTION, RESOURCE_LIMITATION = 0x0112, 0x0115, 0x0123, 0x0213
"""N-ACTION failures, DICOM PS3.7 section 10.1.4.1.10."""
REQUEST_COMMITMENT = 1
"""Action Type ID, PS3.4 table J.3-1."""
ALL_COMMITTED, FAILURES_EXIST = 1, 2
"""Event Type ID, PS3.4 table J.3-2."""

MOMENT_S = 1.0
"""A peer that means to hang up after its question has done so by then; the result is not sent into its goodbye."""
LOOK_EVERY_S = 2.0
AT_ONCE = 4
"""Peers that are told at the same time, each by a thread of its own: one that hangs holds up nobody else."""
STATUS_OF = {Unreadable: INVALID_ARGUMENT, WrongState: INVALID_ARGUMENT, Retry: RESOURCE_LIMITATION}


class Link(Protocol):
    """The peer's own association, as far as a result needs it."""

    is_established: bool

    def send_n_event_report(
        self, dataset: Dataset, event_type: int, class_uid: str, instance_uid: str, msg_id: int = 1
    ) -> tuple[Dataset, object]:
        """The peer's response, empty where none came."""
        ...


class Line(Link, Protocol):
    """The same while its request is being answered."""

    def afterwards(self, act: Callable[[], object]) -> None:
        """Do this once the response has been handed to the connection."""
        ...


@dataclass(frozen=True)
class Question:
    """A request that was heard, the association that it came on, and when its result may be told there."""

    request_id: int
    calling: str
    link: Link
    due_at: datetime


@dataclass
class Desk:
    """Where requests are laid down by associations and taken up by the threads that answer them.

    `ae_title` is our own. `hang_up` is called where a thread ends that has used the database. `tls`: how peers are
    called by TLS, and whether they usually are.
    """

    spool: Spool
    ae_title: str
    hang_up: Callable[[], object] = lambda: None
    tls: Calling = field(default_factory=Calling)
    _questions: dict[int, Question] = field(default_factory=dict)
    _busy: set[str] = field(default_factory=set)
    _places: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(AT_ONCE))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)

    def lay_down(self, question: Question) -> None:
        """Answer this when it is due. Asked once more, it is answered where it was asked last."""
        with self._lock:
            self._questions[question.request_id] = question

    @contextmanager
    def attended(self) -> Iterator[None]:
        """Answer what is due while the block runs. What is under way at its end has a moment to be recorded.

        What that is too short for, the next listener tells again.
        """
        thread = threading.Thread(target=self._rounds, name="commitment", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join(LOOK_EVERY_S)
            self._await_answers(time.monotonic() + LOOK_EVERY_S)

    def _await_answers(self, until: float) -> None:
        taken = 0
        while taken < AT_ONCE and self._places.acquire(timeout=max(0.0, until - time.monotonic())):
            taken += 1
        for _ in range(taken):
            self._places.release()

    def _rounds(self) -> None:
        looked = datetime.min.replace(tzinfo=UTC)
        while not self._stop.wait(MOMENT_S / 4):
            now = _now()
            looks = (now - looked).total_seconds() >= LOOK_EVERY_S
            looked = now if looks else looked
            try:
                for question in self._due_questions(now):
                    self._ask_for(question, now)
                while looks and self._take_up(commitment.claim(now, self._busy_titles())):
                    pass
            except Exception as error:  # noqa: BLE001 - the database may be away; what is due stays due
                log.warning("commitment-waits", kind=type(error).__name__)
                self.hang_up()
                self._stop.wait(LOOK_EVERY_S)
        self.hang_up()

    def _due_questions(self, now: datetime) -> list[Question]:
        """One of each peer that is not being told anything; the others stay until that is done."""
        with self._lock:
            old = sorted((one for one in self._questions.values() if one.due_at <= now), key=lambda one: one.due_at)
            return list({one.calling: one for one in reversed(old) if one.calling not in self._busy}.values())

    def _ask_for(self, question: Question, now: datetime) -> None:
        """Take this up; what somebody else has in hand is looked at again while the peer stays on the line."""
        if self._take_up(commitment.claim(now, request_id=question.request_id)):
            return
        self._put_away(question)
        if question.link.is_established and commitment.is_owed(question.request_id):
            self._lay_back(question, now + timedelta(seconds=LOOK_EVERY_S))

    def _put_away(self, question: Question) -> None:
        with self._lock:
            if self._questions.get(question.request_id) is question:
                del self._questions[question.request_id]

    def _lay_back(self, question: Question, due_at: datetime) -> None:
        """Keep the peer's line for a later try, unless it has asked anew meanwhile."""
        with self._lock:
            self._questions.setdefault(question.request_id, replace(question, due_at=due_at))

    def _busy_titles(self) -> frozenset[str]:
        with self._lock:
            return frozenset(self._busy)

    def _take_up(self, claimed: Claimed | None) -> bool:
        """Answer this in a thread of its own; False where there is nothing to do."""
        if claimed is None:
            return False
        self._places.acquire()
        with self._lock:
            question = self._questions.pop(claimed.id, None)
            self._busy.add(claimed.peer.calling)
        threading.Thread(target=self._answer, args=(claimed, question), name="commitment result", daemon=True).start()
        return True

    def _answer(self, claimed: Claimed, question: Question | None) -> None:
        again: datetime | None = _now() + commitment.IN_HAND
        try:
            again = self._judge_and_tell(claimed, question.link if question else None)
        except Exception as error:  # noqa: BLE001 - the claim runs out by itself, and another takes it up
            log.error("commitment-failed", kind=type(error).__name__)
        finally:
            self.hang_up()
            if question is not None and again is not None and question.link.is_established:
                self._lay_back(question, again)
            with self._lock:
                self._busy.discard(claimed.peer.calling)
            self._places.release()

    def _judge_and_tell(self, claimed: Claimed, link: Link | None) -> datetime | None:
        """When to try again; None where the peer has heard it, or nobody will try any more."""
        result = commitment.judge(claimed, self.spool, _now())
        if result is None:
            commitment.postpone(claimed.id, _now())
            return _in_a_moment()
        problem = _told_on(link, result)
        if problem and claimed.port is not None:
            problem = self._told_anew(claimed, claimed.port, result)
        elif problem:
            problem += " Its own port is not set (Network, Sources)."
        if problem:
            log.warning("commitment-not-told", calling=claimed.peer.calling, why=problem)
            return commitment.not_told(claimed, result, problem, _now())
        commitment.told(claimed.id, result, _now())
        log.info(
            "commitment-told", calling=claimed.peer.calling, committed=len(result.committed), failed=len(result.failed)
        )
        return None

    def _told_anew(self, claimed: Claimed, port: int, result: Report) -> str:
        """What went wrong on an association of our own, empty where the peer answered with success."""
        peer = claimed.peer
        by_tls = self.tls.usually if claimed.by_tls is None else claimed.by_tls
        try:
            context = self.tls.context() if by_tls else None
            to = Callback(peer.host, port, peer.calling, self.ae_title, context)
            with call_back(to, StorageCommitmentPushModel) as link:
                return _told_on(link, result)
        except VfxError as error:
            return str(error)


def on_commitment_request(event: Event, desk: Desk) -> int:
    """The status of the N-ACTION response: success means that a result will follow, not what it is."""
    request = cast(N_ACTION, event.request)
    if request.RequestedSOPInstanceUID != StorageCommitmentPushModelInstance:
        return NO_SUCH_INSTANCE
    if request.ActionTypeID != REQUEST_COMMITMENT:
        return NO_SUCH_ACTION
    peer = Peer(str(event.assoc.requestor.ae_title).strip(), str(event.assoc.requestor.address))
    try:
        asked = asked_of(_action_information(event))
        request_id = commitment.ask(asked, peer, Actor.process("listener"), _now())
    except VfxError as error:
        status = next((code for kind, code in STATUS_OF.items() if isinstance(error, kind)), PROCESSING_FAILURE)
        log.warning("commitment-refused", calling=peer.calling, why=str(error), status=f"0x{status:04X}")
        return status
    except Exception as error:  # noqa: BLE001 - the database may be away: the peer is asked to come again
        log.error("commitment-not-kept", kind=type(error).__name__)
        desk.hang_up()
        return RESOURCE_LIMITATION
    line = cast(Line, event.assoc)
    # A result that overtakes the response would be taken for it.
    line.afterwards(lambda: desk.lay_down(Question(request_id, peer.calling, line, _in_a_moment())))
    log.info("commitment-asked", calling=peer.calling, instances=len(asked.references))
    return SUCCESS


def _action_information(event: Event) -> Dataset:
    try:
        return event.action_information
    except Exception:  # noqa: BLE001 - pydicom raises whatever the bytes lead it to
        raise Unreadable("A storage commitment request is malformed.") from None


def _told_on(link: Link | None, result: Report) -> str:
    """What went wrong in telling it on this association, empty where the peer answered with success."""
    if link is None or not link.is_established:
        return "It has hung up."
    event_type = FAILURES_EXIST if result.failed else ALL_COMMITTED
    answer = Dataset()
    # The association may end at any moment, and then either of these is raised.
    with suppress(RuntimeError, ValueError, OSError):
        answer, _ = link.send_n_event_report(
            report(result), event_type, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
        )
    status = answer.get("Status")
    if status is None:
        return "It did not answer the result."
    return "" if status == SUCCESS else f"It answered the result with 0x{status:04X}."


def _in_a_moment() -> datetime:
    return _now() + timedelta(seconds=MOMENT_S)


def _now() -> datetime:
    return datetime.now(UTC)
