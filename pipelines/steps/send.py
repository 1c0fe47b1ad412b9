"""Out to an archive by DICOM: store objects, ask for storage commitment, try the line. Nothing here knows a row.

Every call ends: each wait has a limit, and a peer that stops reading in mid-object has its connection cut.
"""

import threading
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Protocol

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_context, evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StorageCommitmentPushModel,
    StorageCommitmentPushModelInstance,
    Verification,
)

from pipelines.steps.association import GRACE_S, associated, connection_of
from pipelines.steps.dicom_peer import OUT_OF_RESOURCES, SUCCESS, Peer, is_hopeless, is_stored, words_for
from pipelines.steps.line import cut_after
from vfx_finder.dicom.commitment import proof_of, request
from vfx_finder.domain.delivery import Answer, PeerAway, Proof
from vfx_finder.domain.errors import Retry, Unreadable

PLAIN = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))
"""The transfer syntaxes that everybody converts between."""

REQUEST_COMMITMENT = 1
"""Action Type ID, DICOM PS3.4 section J.3.2."""
INVALID_ARGUMENT = 0x0115
"""DICOM PS3.7 annex C.5.10."""


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
    report = _Report()
    contexts = _offered(StorageCommitmentPushModel, PLAIN)
    handlers: list[evt.EventHandlerType] = [(evt.EVT_N_EVENT_REPORT, report.take)]
    with associated(peer, contexts, handlers) as association:
        if not association.accepted_contexts:
            raise Retry("The archive offers no storage commitment: switch that off for this destination.")
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
        report.came.wait(linger_s)
    return next((proof for proof in report.heard if proof.TransactionUID == TransactionUID), None)


@dataclass(frozen=True)
class _Report:
    """What an archive reports by the association that asked it, and that it has done so."""

    heard: list[Proof] = field(default_factory=list)
    came: threading.Event = field(default_factory=threading.Event)

    def take(self, event: evt.Event) -> tuple[int, None]:
        try:
            self.heard.append(proof_of(event.event_information))
        except Unreadable:
            return INVALID_ARGUMENT, None
        self.came.set()
        return SUCCESS, None


def try_out(peer: Peer, wanted: Sequence[tuple[str, str]], *, commitment: bool) -> str:
    """C-ECHO, and what the peer would take: `wanted` are pairs of a name and a SOP Class. Returns it in words.

    Raises `PeerAway`, or `Retry` where the echo fails or something that is wanted would be refused.
    """
    classes = [str(Verification), *sorted({uid for _, uid in wanted})]
    classes += [str(StorageCommitmentPushModel)] if commitment else []
    contexts = [context for uid in classes for context in _offered(uid, PLAIN)]
    began = time.monotonic()
    with associated(peer, contexts) as association:
        taken = {str(one.abstract_syntax) for one in association.accepted_contexts}
        echo = _echo(association, peer.patience.answer_s) if str(Verification) in taken else "does not offer C-ECHO"
    took = f"{(time.monotonic() - began) * 1000:.0f} ms"
    lacking = [name for name, uid in wanted if uid not in taken]
    complaints = [echo] if echo else []
    complaints += [f"does not take {', '.join(lacking)}"] if lacking else []
    if commitment and str(StorageCommitmentPushModel) not in taken:
        complaints.append("offers no storage commitment: switch that off for this destination")
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
    classes = sorted({one.SOPClassUID for one in objects})
    contexts = [context for uid in classes for context in _offered(uid, _syntaxes(objects, uid))]
    longest = max(peer.patience.for_bytes(_weight(one.dataset)) for one in objects)
    with associated(_patient(peer, longest), contexts) as association:
        if not association.accepted_contexts:
            return tuple(_untaken(one) for one in objects)
        for one in objects:
            answers.append(_store_one(association, one, peer.patience.for_bytes(_weight(one.dataset))))
            if _is_full(answers[-1]) or _is_over(answers[-1]):
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


def _is_over(answer: Answer) -> bool:
    """Whether no answer came: the association is gone, or will be in a moment."""
    return answer.status is None and not answer.hopeless


def _syntaxes(objects: Sequence[Sendable], SOPClassUID: str) -> list[str]:
    """How objects of this class may travel: uncompressed ones either way, compressed ones as they are."""
    own = {str(one.dataset.file_meta.TransferSyntaxUID) for one in objects if one.SOPClassUID == SOPClassUID}
    return [*sorted(own - set(PLAIN)), *PLAIN]


def _weight(dataset: Dataset) -> int:
    """About how many bytes it has."""
    return sum(len(dataset[name].value) for name in ("PixelData", "EncapsulatedDocument") if name in dataset)


def _offered(SOPClassUID: str, syntaxes: Sequence[str]) -> list[PresentationContext]:
    """One context for each syntax: an acceptor picks one of a context, and we may need either."""
    return [build_context(SOPClassUID, syntax) for syntax in syntaxes]


def _patient(peer: Peer, answer_s: float) -> Peer:
    return replace(peer, patience=replace(peer.patience, answer_s=answer_s))


def _cut_after(association: Association, seconds: float) -> AbstractContextManager[None]:
    return cut_after(seconds, connection_of(association))
