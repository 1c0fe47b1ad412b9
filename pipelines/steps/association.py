"""Being let in by a DICOM application, or the reason why not. No wait here is without a limit."""

import logging
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from pynetdicom import AE, _config, evt
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext

from pipelines.steps.dicom_peer import Peer
from pipelines.steps.line import Line, cut_after, reason_of
from vfx_finder.dicom.own_side import own_side
from vfx_finder.dicom.turns import AssociationEnded, take_turns
from vfx_finder.domain.delivery import PeerAway

MAX_PDU_BYTES = 131_072
GRACE_S = 5.0
"""Beyond a limit that pynetdicom keeps itself, before the connection is cut."""

QUICKLY_S = 1.0

Handlers = Sequence[evt.EventHandlerType]
Roles = Sequence[SCP_SCU_RoleSelectionNegotiation]


@contextmanager
def associated(
    peer: Peer, contexts: Sequence[PresentationContext], handlers: Handlers = (), roles: Roles = ()
) -> Iterator[Association]:
    """An open association, released at the end of the block; it may have no accepted context.

    Raises `PeerAway`, with the reason in words, where there is none to be had, and where the block asks something of
    one that the archive has ended.
    """
    began = time.monotonic()
    association = _open(peer, contexts, (handlers, roles))
    if _hung_up_on(association) and time.monotonic() - began < QUICKLY_S:
        # pynetdicom may miss a rejection where the peer closes at once behind it: ask again, to know why.
        _hang_up(association)
        association = _open(peer, contexts, (handlers, roles))
    if _failed(association):
        _hang_up(association)
        raise PeerAway(_why_not_let_in(association, peer))
    take_turns(association)
    try:
        yield association
    except RuntimeError:
        if association.is_established:
            raise
        raise PeerAway("The archive ended the association.") from None
    finally:
        _release(association, peer)
        _hang_up(association)


def _failed(association: Association) -> bool:
    """Nobody let us in; a peer that takes none of the contexts still does."""
    return not association.is_established and not association.rejected_contexts


def _hung_up_on(association: Association) -> bool:
    return _failed(association) and not association.is_rejected


def _release(association: Association, peer: Peer) -> None:
    if association.is_established:
        with cut_after(peer.patience.connect_s + GRACE_S, connection_of(association)), suppress(AssociationEnded):
            association.release()


def connection_of(association: Association) -> Line:
    """The connection of an association, for whoever may have to cut it."""
    return lambda: getattr(association.dul.socket, "socket", None)


def _hang_up(association: Association) -> None:
    """Close what pynetdicom leaves open where an association did not end in peace."""
    line = connection_of(association)()
    if line is not None:
        line.close()


def _open(peer: Peer, contexts: Sequence[PresentationContext], more: tuple[Handlers, Roles]) -> Association:
    _quieten_library()
    handlers, roles = more
    entity = AE(ae_title=peer.calling)
    entity.connection_timeout = entity.acse_timeout = peer.patience.connect_s
    entity.dimse_timeout = entity.network_timeout = peer.patience.answer_s
    try:
        return entity.associate(
            peer.host,
            peer.port,
            contexts=list(contexts),
            ae_title=peer.called,
            max_pdu=MAX_PDU_BYTES,
            evt_handlers=list(handlers),
            ext_neg=list(roles),
            tls_args=(peer.tls, peer.host) if peer.tls else None,
            bind_address=own_side(peer.host, peer.port),
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


def _quieten_library() -> None:
    """What it logs may quote data sets, that is patients."""
    _config.LOG_HANDLER_LEVEL = "none"
    _config.LOG_REQUEST_IDENTIFIERS = _config.LOG_RESPONSE_IDENTIFIERS = False
    library = logging.getLogger("pynetdicom")
    library.setLevel(logging.CRITICAL)
    library.propagate = False
