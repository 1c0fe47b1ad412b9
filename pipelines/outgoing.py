"""From a destination's row to the call that speaks to it: by DICOM, DICOMweb, HL7 or FHIR."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipelines.our_tls import OurTls
from pipelines.steps import send, stow
from pipelines.steps import tell as messages
from pipelines.steps.dicom_peer import Peer
from pipelines.steps.line import Patience
from pipelines.steps.send import Sendable
from pipelines.steps.tell import MllpPeer
from pipelines.steps.web_peer import WebPeer
from vfx_finder.config import Settings
from vfx_finder.dicom.sop_classes import sop_class_of
from vfx_finder.domain.delivered import Kind
from vfx_finder.domain.delivery import Answer, Proof, Protocol
from vfx_finder.interop.result_bundle import result_bundle
from vfx_finder.interop.result_message import NOWHERE, Routing, result_message
from vfx_finder.ledger.models import Delivery, Destination
from vfx_finder.ledger.results import result_of


@dataclass(frozen=True)
class Station:
    """How this installation speaks: its AE title, its TLS where a destination asks for it, and its patience.

    `routing` stands in the header of HL7 messages, as far as a destination has no receiver of its own.
    `tls` makes the context of each new connection; `linger_s`: how long a storage commitment is waited for by the same
    association.
    """

    ae_title: str
    tls: OurTls = field(default_factory=OurTls)
    patience: Patience = field(default_factory=Patience)
    linger_s: float = 2.0
    routing: Routing = NOWHERE


def station_of(settings: Settings) -> Station:
    """How this installation speaks, by its settings."""
    authorities = settings.tls_peer_authorities or settings.tls_client_authorities
    tls = OurTls(settings.tls_certificate, settings.tls_key, authorities)
    receiver = settings.hl7_receiving_application, settings.hl7_receiving_facility
    return Station(settings.ae_title, tls, routing=Routing(settings.hl7_facility, *receiver))


def store(station: Station, destination: Destination, objects: Sequence[Sendable]) -> tuple[Answer, ...]:
    """Send these objects by C-STORE or STOW-RS; one answer for each. Raises `PeerAway`."""
    if destination.protocol == Protocol.STOW:
        return stow.store(_web_peer(station, destination), objects)
    return send.store(_peer(station, destination), objects)


def ask_commitment(station: Station, row: Delivery, instances: Sequence[tuple[str, str]]) -> Proof | None:
    """Ask for the storage commitment of what was stored; None where the answer comes later. Raises `Retry`."""
    return send.ask_commitment(_peer(station, row.destination), row.TransactionUID, instances, station.linger_s)


def tell(station: Station, row: Delivery) -> tuple[Answer, ...]:
    """Send the result as a message, by HL7 or FHIR; one answer. Raises `PeerAway`."""
    result = result_of(row)
    if row.destination.protocol == Protocol.FHIR:
        return (messages.tell_fhir(_web_peer(station, row.destination), result_bundle(result)),)
    message = result_message(result, _routing(station, row.destination))
    return (messages.tell_hl7(_mllp_peer(station, row.destination), message, result.control_id),)


def try_out(station: Station, destination: Destination) -> str:
    """C-ECHO or its like, in words. Raises `Retry`, or its kind `PeerAway`."""
    if destination.protocol == Protocol.STOW:
        return stow.try_out(_web_peer(station, destination))
    if destination.protocol == Protocol.FHIR:
        return messages.try_fhir(_web_peer(station, destination))
    if destination.protocol == Protocol.HL7:
        return messages.try_mllp(_mllp_peer(station, destination))
    wanted = [(kind, sop_class_of(Kind(kind))) for kind in destination.kinds]
    return send.try_out(_peer(station, destination), wanted, commitment=destination.commitment)


def _routing(station: Station, destination: Destination) -> Routing:
    usual = station.routing
    return Routing(
        usual.facility,
        destination.receiving_application or usual.receiving_application,
        destination.receiving_facility or usual.receiving_facility,
    )


def _peer(station: Station, destination: Destination) -> Peer:
    return Peer(
        host=destination.host,
        port=destination.port or 0,
        called=destination.AETitle,
        calling=station.ae_title,
        tls=station.tls.context() if destination.use_tls else None,
        patience=station.patience,
    )


def _mllp_peer(station: Station, destination: Destination) -> MllpPeer:
    tls = station.tls.context() if destination.use_tls else None
    return MllpPeer(destination.host, destination.port or 0, tls, station.patience)


def _web_peer(station: Station, destination: Destination) -> WebPeer:
    secure = destination.url.startswith("https://")
    tls = station.tls.context(named=True) if secure else None
    return WebPeer(destination.url, destination.token, tls, station.patience)
