"""Who is let in, and one log line when a peer comes and when it goes. AE titles are no patient's identifiers."""

from dataclasses import dataclass

import structlog
from pynetdicom import AE
from pynetdicom.events import Event

log = structlog.get_logger(__name__)

MAX_PDU_BYTES = 131_072
"""Measured: twice as fast as the usual 16 kB, and no slower than without a limit."""


@dataclass(frozen=True)
class Door:
    """Who may open an association.

    `ae_title`: the title this listener answers to. `calling`: the AE titles that may call, all of them if empty.
    `only_called`: refuse callers that ask for another title. `at_once`: open associations, each of which holds a
    database connection. Times in seconds: `patience_s` for an idle peer, `handshake_s` for one that opens a socket
    and says nothing.
    """

    ae_title: str = "VFXFINDER"
    calling: tuple[str, ...] = ()
    only_called: bool = False
    at_once: int = 25
    patience_s: float = 60
    handshake_s: float = 30


def entity_behind(door: Door) -> AE:
    """The application entity that keeps this door. Strangers get an A-ASSOCIATE-RJ (DICOM PS3.8 section 9.3.4)."""
    entity = AE(ae_title=door.ae_title)
    entity.require_calling_aet = list(door.calling)
    entity.require_called_aet = door.only_called
    entity.maximum_associations = door.at_once
    entity.maximum_pdu_size = MAX_PDU_BYTES
    entity.network_timeout = door.patience_s
    entity.dimse_timeout = door.patience_s
    entity.acse_timeout = door.handshake_s
    return entity


def on_accepted(event: Event) -> None:
    """Note who came."""
    log.info("association-opened", calling=_calling(event), contexts=len(event.assoc.accepted_contexts))


def on_rejected(event: Event) -> None:
    """Note who was turned away."""
    log.warning("association-refused", calling=_calling(event), peer=event.assoc.requestor.address)


def on_released(event: Event) -> None:
    """Note who left."""
    log.info("association-closed", calling=_calling(event))


def on_aborted(event: Event) -> None:
    """Note who broke off."""
    log.warning("association-broken", calling=_calling(event))


def _calling(event: Event) -> str:
    return str(event.assoc.requestor.ae_title).strip()
