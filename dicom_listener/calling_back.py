"""An association that the listener opens itself, to tell a peer what it asked for: in the role of the provider."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from pynetdicom import AE, build_role
from pynetdicom.association import Association

from vfx_finder.dicom.own_side import own_side
from vfx_finder.dicom.part10 import IMPLEMENTATION_NAME, IMPLEMENTATION_UID
from vfx_finder.dicom.turns import AssociationEnded, take_turns
from vfx_finder.domain.errors import NotAllowed, Retry, VfxError

CONNECT_S = 10.0
ANSWER_S = 30.0


@dataclass(frozen=True)
class Callback:
    """Whom to call: address, its AE title and ours; `tls` for a peer that is spoken to by TLS, otherwise None."""

    host: str
    port: int
    called: str
    calling: str
    tls: ssl.SSLContext | None = None


@contextmanager
def call_back(to: Callback, sop_class: str) -> Iterator[Association]:
    """An association for this SOP Class in which we are its provider (SCP role, DICOM PS3.7 annex D.3.3.4).

    Raises `Retry` where nobody answers, `NotAllowed` where the peer refuses the association or the SOP Class.
    """
    entity = AE(ae_title=to.calling)
    entity.implementation_class_uid, entity.implementation_version_name = IMPLEMENTATION_UID, IMPLEMENTATION_NAME
    entity.connection_timeout = CONNECT_S
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = ANSWER_S
    entity.add_requested_context(sop_class)
    association = entity.associate(
        to.host,
        to.port,
        ae_title=to.called,
        ext_neg=[build_role(sop_class, scp_role=True)],
        bind_address=_own_side(to),
        tls_args=(to.tls, to.host) if to.tls else None,
    )
    take_turns(association)
    try:
        if association.is_rejected:
            raise NotAllowed("It refused the association.")
        if not association.is_established:
            raise _not_let_in(association, to)
        yield association
    finally:
        if association.is_established:
            with suppress(AssociationEnded):
                association.release()


def _not_let_in(association: Association, to: Callback) -> VfxError:
    if association.rejected_contexts:
        return NotAllowed("It does not take storage commitment results.")
    if to.tls:
        return Retry("It did not answer the call by TLS: it may speak none, or one side rejects the certificate.")
    return Retry("It did not answer the call.")


def _own_side(to: Callback) -> tuple[str, int]:
    try:
        return own_side(to.host, to.port)
    except OSError as error:
        raise Retry("It cannot be reached.") from error
