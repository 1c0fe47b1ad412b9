"""Out to an archive by DICOM: store objects, ask for storage commitment, try the line. Nothing here knows a row.

Every call ends: each wait has a limit, and a peer that stops reading in mid-object has its connection cut.
"""

import logging
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, _config, evt
from pynetdicom.association import Association
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
    Verification,
)

from pipelines.steps.dicom_peer import OUT_OF_RESOURCES, SUCCESS, Peer, is_hopeless, is_stored, words_for
from pipelines.steps.line import cut_after, reason_of
from vfx_finder.dicom.commitment import proof_of, request
from vfx_finder.domain.delivery import Answer, PeerAway, Proof
from vfx_finder.domain.errors import Retry, Unreadable

MAX_PDU_BYTES = 131_072
UNCOMPRESSED = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
REQUEST_COMMITMENT = 1
"""Action Type ID, DICOM PS3.4 section J.3.2."""
GRACE_S = 5.0
"""Beyond a limit that pynetdicom keeps itself, before the connection is cut."""

Handlers = list[evt.EventHandlerType]


class Sendable(Protocol):
    """One object that can be stored: what kind of result it is, its identity, and its data set with file meta."""

    @property
    def kind(self) -> str:
        """The kind of result, `domain.delivered.Kind`."""

    @property
    def SOPClassUID(self) -> str:
        """Its SOP Class."""

    @property
    def SOPInstanceUID(self) -> str:
        """Its identity, always the same for the same result."""

    @property
    def dataset(self) -> Dataset:
        """What is sent."""


def store(peer: Peer, objects: Sequence[Sendable]) -> tuple[Answer, ...]:
    """C-STORE these objects; one answer for each, in their order.

    An object that makes the peer break off the association does not keep the others back: they go by another one.
    A peer that is out of space is asked no further. Raises `PeerAway` where nobody lets us in at the first try.
    """
    answers = _store_by_one_association(peer, objects)
    left = objects[len(answers) :]
    if left and not _is_full(answers[-1]):
        try:
            answers += _store_by_one_association(peer, left)
        except PeerAway as error:
            left, why = objects[len(answers) :], str(error)
            return (*answers, *(_unsent(one, why) for one in left))
    left = objects[len(answers) :]
    return (*answers, *(_unsent(one, "not tried after the one before it") for one in left))


def ask_commitment(
    peer: Peer, TransactionUID: str, instances: Sequence[tuple[str, str]], linger_s: float
) -> Proof | None:
    """Ask the peer to take responsibility for instances (pairs of SOP Class and Instance UID; DICOM PS3.4 annex J).

    The result where it comes by the same association within `linger_s` seconds, otherwise None: it then comes to our
    listener. Raises `PeerAway`, or `Retry` where the peer offers no storage commitment or refuses the request.
    """
    heard: list[Proof] = []
    came = threading.Event()

    def on_report(event: evt.Event) -> tuple[int, None]:
        try:
            heard.append(proof_of(event.event_information))
        except Unreadable:
            return 0x0115, None
        came.set()
        return SUCCESS, None

    contexts = [(str(StorageCommitmentPushModel), UNCOMPRESSED)]
    with _associated(peer, contexts, peer.patience.answer_s, [(evt.EVT_N_EVENT_REPORT, on_report)]) as association:
        if not association.accepted_contexts:
            raise Retry("The archive does not offer storage commitment.")
        with _cut_after(association, peer.patience.answer_s + GRACE_S):
            answer, _ = association.send_n_action(
                request(TransactionUID, instances),
                REQUEST_COMMITMENT,
                StorageCommitmentPushModel,
                StorageCommitmentPushModelInstance,
            )
        if "Status" not in answer:
            raise Retry("The archive did not answer the request for storage commitment.")
        if answer.Status != SUCCESS:
            raise Retry(f"The archive refused the request for storage commitment: {words_for(answer.Status)}.")
        came.wait(linger_s)
    return next((proof for proof in heard if proof.TransactionUID == TransactionUID), None)


def try_out(peer: Peer, wanted: Sequence[tuple[str, str]], *, commitment: bool) -> str:
    """C-ECHO, and what the peer would take: `wanted` are pairs of a name and a SOP Class. Returns it in words.

    Raises `PeerAway`, or `Retry` where the echo fails or something that is wanted would be refused.
    """
    classes = [(str(Verification), UNCOMPRESSED)]
    classes += [(uid, UNCOMPRESSED) for uid in sorted({uid for _, uid in wanted})]
    classes += [(str(StorageCommitmentPushModel), UNCOMPRESSED)] if commitment else []
    began = time.monotonic()
    with _associated(peer, classes, peer.patience.answer_s) as association:
        taken = {str(one.abstract_syntax) for one in association.accepted_contexts}
        echo = _echo(association, peer.patience.answer_s) if str(Verification) in taken else "does not offer C-ECHO"
    took = f"{(time.monotonic() - began) * 1000:.0f} ms"
    lacking = [name for name, uid in wanted if uid not in taken]
    complaints = [echo] if echo else []
    complaints += [f"does not take {', '.join(lacking)}"] if lacking else []
    if commitment and str(StorageCommitmentPushModel) not in taken:
        complaints.append("offers no storage commitment")
    if complaints:
        raise Retry(f"It lets us in, but {', and '.join(complaints)}.")
    return f"Answered in {took}; takes everything that is sent to it."


def _echo(association: Association, limit_s: float) -> str:
    """What is wrong with its C-ECHO, empty for nothing."""
    with _cut_after(association, limit_s + GRACE_S):
        answer = association.send_c_echo()
    if "Status" not in answer:
        return "does not answer C-ECHO"
    return "" if answer.Status == SUCCESS else f"answers C-ECHO with 0x{answer.Status:04X}"


def _store_by_one_association(peer: Peer, objects: Sequence[Sendable]) -> tuple[Answer, ...]:
    """Answers until the association ends or the peer is full; fewer than objects then, but at least one."""
    answers: list[Answer] = []
    contexts = [(uid, _syntaxes(objects, uid)) for uid in sorted({one.SOPClassUID for one in objects})]
    longest = max(peer.patience.for_bytes(_weight(one.dataset)) for one in objects)
    with _associated(peer, contexts, longest) as association:
        if not association.accepted_contexts:
            return tuple(_untaken(one) for one in objects)
        for one in objects:
            answers.append(_store_one(association, one, peer.patience.for_bytes(_weight(one.dataset))))
            if _is_full(answers[-1]) or not association.is_established:
                break
    return tuple(answers)


def _store_one(association: Association, one: Sendable, limit_s: float) -> Answer:
    if one.SOPClassUID not in {str(context.abstract_syntax) for context in association.accepted_contexts}:
        return _untaken(one)
    try:
        with _cut_after(association, limit_s + GRACE_S):
            answer = association.send_c_store(one.dataset)
    except (ValueError, AttributeError):
        return _unsent(one, "could not be encoded as the archive takes it", hopeless=True)
    except RuntimeError:
        return _unsent(one, "the association was broken off")
    if "Status" not in answer:
        return _unsent(one, "no answer came, or the association was broken off")
    status = int(answer.Status)
    return Answer(
        one.kind,
        one.SOPInstanceUID,
        status,
        words_for(status),
        accepted=is_stored(status),
        hopeless=is_hopeless(status),
        SOPClassUID=one.SOPClassUID,
    )


def _untaken(one: Sendable) -> Answer:
    return _unsent(one, "the archive does not take this kind of object (SOP Class not negotiated)", hopeless=True)


def _unsent(one: Sendable, words: str, *, hopeless: bool = False) -> Answer:
    return Answer(one.kind, one.SOPInstanceUID, None, words, False, hopeless, one.SOPClassUID)


def _is_full(answer: Answer) -> bool:
    return answer.status is not None and answer.status in OUT_OF_RESOURCES


def _syntaxes(objects: Sequence[Sendable], SOPClassUID: str) -> list[str]:
    """How objects of this class may travel: uncompressed ones either way, compressed ones as they are."""
    own = {str(one.dataset.file_meta.TransferSyntaxUID) for one in objects if one.SOPClassUID == SOPClassUID}
    plain = {str(each) for each in UNCOMPRESSED}
    return sorted(own - plain) + [str(each) for each in UNCOMPRESSED]


def _weight(dataset: Dataset) -> int:
    """About how many bytes it has."""
    return sum(len(dataset[name].value) for name in ("PixelData", "EncapsulatedDocument") if name in dataset)


@contextmanager
def _associated(
    peer: Peer, contexts: Sequence[tuple[str, Sequence[str]]], answer_s: float, handlers: Handlers | None = None
) -> Iterator[Association]:
    """An open association, released at the end of the block; it may have no accepted context.

    Raises `PeerAway`, with the reason in words, where there is none to be had.
    """
    entity = _entity(peer, contexts, answer_s)
    association = _open(entity, peer, handlers)
    if not association.is_established and not association.rejected_contexts:
        raise PeerAway(_why_not_let_in(association, peer))
    try:
        yield association
    finally:
        if association.is_established:
            with _cut_after(association, peer.patience.connect_s + GRACE_S):
                association.release()


def _entity(peer: Peer, contexts: Sequence[tuple[str, Sequence[str]]], answer_s: float) -> AE:
    _quieten_library()
    entity = AE(ae_title=peer.calling)
    entity.connection_timeout = entity.acse_timeout = peer.patience.connect_s
    entity.dimse_timeout = entity.network_timeout = answer_s
    for sop_class, syntaxes in contexts:
        # One context for each syntax: an acceptor picks one of a context, and we may need either.
        for syntax in syntaxes:
            entity.add_requested_context(sop_class, [syntax])
    return entity


def _open(entity: AE, peer: Peer, handlers: Handlers | None) -> Association:
    try:
        return entity.associate(
            peer.host,
            peer.port,
            ae_title=peer.called,
            max_pdu=MAX_PDU_BYTES,
            evt_handlers=handlers or [],
            tls_args=(peer.tls, peer.host) if peer.tls else None,
        )
    except OSError as error:
        raise PeerAway(f"The archive cannot be reached: {reason_of(error)}.") from None


def _why_not_let_in(association: Association, peer: Peer) -> str:
    if association.is_rejected:
        said = getattr(association.acceptor.primitive, "reason_str", "") or "no reason given"
        return f"The archive rejected the association: {said[:1].lower()}{said[1:]}."
    return _diagnosis(peer)


def _diagnosis(peer: Peer) -> str:
    """Why a connection came to nothing, found by knocking once more: pynetdicom keeps the reason to itself."""
    limit = peer.patience.connect_s
    try:
        with socket.create_connection((peer.host, peer.port), timeout=limit) as line:
            if peer.tls:
                peer.tls.wrap_socket(line, server_hostname=peer.host).close()
    except OSError as error:
        return f"The archive cannot be reached: {reason_of(error)}."
    return "The archive took the connection, but did not answer the request for an association."


def _cut_after(association: Association, seconds: float) -> AbstractContextManager[None]:
    return cut_after(seconds, lambda: getattr(association.dul.socket, "socket", None))


def _quieten_library() -> None:
    """What it logs may quote data sets, that is patients."""
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = _config.LOG_RESPONSE_IDENTIFIERS = False
    library = logging.getLogger("pynetdicom")
    library.setLevel(logging.CRITICAL)
    library.propagate = False
