"""One association from its first byte to its last, in a thread of its own (PS3.8 section 9.2, the acceptor's side)."""

import queue
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import SimpleNamespace

import structlog
from pydicom.dataset import Dataset
from pynetdicom.presentation import PresentationContext

from dicom_listener import pdu, services
from dicom_listener.associations import Doorkeeper, rejection
from dicom_listener.c_store import Answer, Arrival
from dicom_listener.dimse import (
    AFFECTED_CLASS,
    AFFECTED_INSTANCE,
    C_CANCEL_RQ,
    C_ECHO_RQ,
    C_STORE_RQ,
    FIELD,
    RESPONDED_TO,
    RESPONSE,
    Assembler,
    Message,
    response_to,
)
from dicom_listener.negotiation import Proposal, agree, proposal_of
from dicom_listener.pdu import Ended, Wire
from dicom_listener.refusals import Refusals
from dicom_listener.services import Handlers
from vfx_finder.dicom.part10 import Announced
from vfx_finder.dicom.statuses import SUCCESS
from vfx_finder.domain.sender import Refused

log = structlog.get_logger(__name__)

SLOWEST = 1000.0
"""Bytes a second. A sender that is slower over a whole message holds a place that others need."""
MOST_ANSWERS = 4
"""Of the peer to what was asked of it, and not looked at yet."""
_NO_TLS = {"WRONG_VERSION_NUMBER": Refused.PLAIN, "HTTP_REQUEST": Refused.NOT_DICOM}
"""OpenSSL's reasons where the first bytes were no TLS at all: those of plain DICOM, and a web browser's."""
GOODBYE_S = 2.0
"""How long a peer has to close its side after we said our last word (the ARTIM timer of PS3.8 section 9.1.5)."""


@dataclass(frozen=True)
class House:
    """What all associations of a listener share."""

    keeper: Doorkeeper
    refusals: Refusals
    store: Callable[[Arrival], Answer]
    contexts: tuple[PresentationContext, ...]
    handlers: Handlers
    heard: Callable[[str], object]


class Conversation:
    """An association with one peer. Looks like pynetdicom's `Association` to the handlers of `services`."""

    def __init__(self, wire: Wire, host: str, house: House) -> None:
        self.wire, self.host, self.house = wire, host, house
        self.calling = ""
        self.contexts: dict[int, PresentationContext] = {}
        self.is_established = False
        self._most = 0
        self._afterwards: list[Callable[[], object]] = []
        self._answers: queue.Queue[Message | None] = queue.Queue(MOST_ANSWERS)
        self._sending = threading.Lock()

    @property
    def requestor(self) -> SimpleNamespace:
        """Who called, under the names that pynetdicom gives it."""
        return SimpleNamespace(ae_title=self.calling, address=self.host)

    def afterwards(self, act: Callable[[], object]) -> None:
        """For the handler of a request: do this once its response has been handed to the connection."""
        self._afterwards.append(act)

    def hold(self) -> None:
        """Talk until either side ends it. Never raises."""
        try:
            self._talk()
        except Ended as end:
            self._part(end)
        except Exception as error:  # noqa: BLE001 - one of the four edges where nothing may escape
            log.error("association-failed", calling=self.calling, kind=type(error).__name__)
            self._last_word(pdu.abort_pdu(pdu.BY_USER))
        finally:
            self.is_established = False
            self._pass_on(None)  # no answer comes any more
            self.wire.close()

    def send_n_event_report(
        self, dataset: Dataset, event_type: int, class_uid: str, instance_uid: str, msg_id: int = 1
    ) -> tuple[Dataset, None]:
        """Tell the peer something on this association, as pynetdicom's method of this name does; for other threads.

        Returns the response's command set, empty where none came. Raises `ValueError` where no context was agreed.
        """
        agreed = [(number, one) for number, one in self.contexts.items() if one.abstract_syntax == class_uid]
        if not agreed:
            raise ValueError("no presentation context was agreed for this")
        context_id, context = agreed[0]
        command = services.event_report(msg_id, event_type, class_uid, instance_uid)
        try:
            self._say(context_id, command, services.encoded(dataset, context))
            answer = self._answers.get(timeout=self.house.keeper.door.patience_s)
            return (services.answer_in(answer) if answer else Dataset()), None
        except (Ended, queue.Empty):
            return Dataset(), None

    def _talk(self) -> None:
        keeper = self.house.keeper
        try:
            proposal = self._listen_first()
        finally:
            keeper.known(self.host)
        with keeper.place() as there_is_one:
            refused = keeper.objection(proposal, self.host) or (None if there_is_one else Refused.TOO_MANY)
            if refused is None:
                self._open(proposal)
                self._serve()
        if refused is not None:
            self._turn_away(refused, proposal.called if refused is Refused.WRONG_CALLED_TITLE else "")

    def _listen_first(self) -> Proposal:
        handshake_s = self.house.keeper.door.handshake_s
        try:
            if isinstance(self.wire.socket, ssl.SSLSocket):
                self._shake_hands(self.wire.socket, handshake_s)
            kind, content = self.wire.read(handshake_s, pdu.MAX_REQUEST_BYTES)
        except Ended as end:
            if end.how == "silent":
                end.refused = Refused.SILENT
            raise
        if kind != pdu.ASSOCIATE_RQ:
            raise Ended("no-dicom", pdu.abort_pdu(pdu.BY_PROVIDER, pdu.UNEXPECTED_PDU), Refused.NOT_DICOM)
        proposal = proposal_of(content)
        self.calling = proposal.calling
        return proposal

    def _shake_hands(self, secure: ssl.SSLSocket, patience_s: float) -> None:
        secure.settimeout(patience_s)
        try:
            secure.do_handshake()
        except (OSError, ValueError) as error:
            refused = _NO_TLS.get(getattr(error, "reason", None) or "", Refused.TLS)
            self.house.refusals.note(refused, self.host, detail=_tls_words(error) if refused is Refused.TLS else "")
            raise Ended("no-tls") from error

    def _turn_away(self, refused: Refused, detail: str = "") -> None:
        self.house.refusals.note(refused, self.host, self.calling, detail)
        self._last_word(rejection(refused))

    def _open(self, proposal: Proposal) -> None:
        agreement = agree(proposal, self.house.contexts)
        self.contexts, self._most = agreement.contexts, proposal.most
        self.wire.send(agreement.answer, self.house.keeper.door.patience_s)
        self.is_established = True
        self.house.heard(self.calling)
        if agreement.in_vain:
            self.house.refusals.note(Refused.NOTHING_TAKEN, self.host, self.calling, ", ".join(agreement.refused))
        else:
            self.house.refusals.note_classes(self.host, self.calling, agreement.refused)
        counted = {"contexts": len(self.contexts), "not_taken": len(agreement.refused)}
        log.info("association-opened", calling=self.calling, peer=self.host, **counted)

    def _serve(self) -> None:
        door = self.house.keeper.door
        assembler = Assembler(door.most_bytes)
        began = 0.0
        while True:
            kind, content = self.wire.read(door.patience_s, 2 * pdu.MAX_PDU_BYTES)
            if kind != pdu.P_DATA:
                return self._leave(kind)
            if not assembler.size:
                began = time.monotonic()
            for message in assembler.feed(content):
                self._answer(message)
                began = time.monotonic()
            lasted = time.monotonic() - began
            if assembler.size and lasted > door.patience_s and assembler.size < SLOWEST * lasted:
                raise Ended("slow", pdu.abort_pdu(pdu.BY_USER), Refused.TOO_SLOW)

    def _leave(self, kind: int) -> None:
        if kind == pdu.ABORT:
            raise Ended("aborted")
        if kind != pdu.RELEASE_RQ:
            raise Ended("unexpected", pdu.abort_pdu(pdu.BY_PROVIDER, pdu.UNEXPECTED_PDU), Refused.NOT_DICOM)
        self._last_word(pdu.release_pdu())
        log.info("association-closed", calling=self.calling)

    def _answer(self, message: Message) -> None:
        context = self.contexts.get(message.context_id)
        field = message.command.number(FIELD)
        if context is None or field is None:
            raise pdu.malformed()
        if field == C_CANCEL_RQ:
            return
        if field & RESPONSE:
            if message.command.number(RESPONDED_TO) is not None:
                self._pass_on(message)
            return
        answer = self._status_for(message, field, context)
        self._say(message.context_id, response_to(message.command, answer.status, answer.comment))
        while self._afterwards:
            self._afterwards.pop(0)()

    def _pass_on(self, answer: Message | None) -> None:
        """To whoever waits for it; answers that nobody asked for do not pile up."""
        with suppress(queue.Full):
            self._answers.put_nowait(answer)

    def _status_for(self, message: Message, field: int, context: PresentationContext) -> Answer:
        if field == C_ECHO_RQ:
            return Answer(SUCCESS)
        if field != C_STORE_RQ:
            return Answer(services.serve(message, context, self, self.house.handlers))
        answer = self.house.store(self._arrival(message, context))
        if answer.refused is not None:
            self.house.refusals.note(answer.refused, self.host, self.calling, answer.comment)
        return answer

    def _arrival(self, message: Message, context: PresentationContext) -> Arrival:
        command = message.command
        announced = Announced(
            command.text(AFFECTED_CLASS), command.text(AFFECTED_INSTANCE), str(context.transfer_syntax[0])
        )
        kept = message.size <= self.house.keeper.door.most_bytes
        return Arrival(announced, str(context.abstract_syntax), message.dataset if kept else None, self.calling)

    def _say(self, context_id: int, command: bytes, dataset: bytes = b"") -> None:
        parts = [pdu.data_pdus(context_id, command, self._most, is_command=True)]
        if dataset:
            parts.append(pdu.data_pdus(context_id, dataset, self._most, is_command=False))
        with self._sending:
            self.wire.send(b"".join(parts), self.house.keeper.door.patience_s)

    def _part(self, end: Ended) -> None:
        # Whoever leaves without a word only looked whether somebody is here; what is counted is logged there.
        say = log.warning if self.calling and end.refused is None else log.debug
        say("association-broken", calling=self.calling, peer=self.host, how=end.how)
        if end.refused is not None:
            self.house.refusals.note(end.refused, self.host, self.calling)
        if end.abort:
            self._last_word(end.abort)

    def _last_word(self, last: bytes) -> None:
        """Say it and let the peer close first: closing over unread bytes would take the word back on its way."""
        with suppress(Ended):
            self.wire.send(last, GOODBYE_S)
            self.wire.wait_for_close(GOODBYE_S)


def _tls_words(error: Exception) -> str:
    """Why a TLS handshake failed, in OpenSSL's words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        return (error.reason or "").lower().replace("_", " ")
    return "the peer did not finish the handshake"
