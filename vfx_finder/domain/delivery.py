"""Sending results out: how a destination is spoken to, and where one delivery stands."""

from enum import StrEnum

from vfx_finder.domain.errors import WrongState


class Protocol(StrEnum):
    """How a destination is spoken to."""

    DICOM = "dicom"
    STOW = "stow-rs"
    HL7 = "hl7-mllp"
    FHIR = "fhir-r4"


class DeliveryState(StrEnum):
    """Where one delivery stands. Only what the peer answered moves it on."""

    WAITING = "waiting"
    """To be sent, now or at `next_at`."""
    SENT = "sent"
    """Every object was answered with success; the proof (storage commitment) is still asked for."""
    PROVEN = "proven"
    """The peer took responsibility, or answered as finally as its protocol can."""
    DEAD = "dead-letter"
    """Given up: a person looks at the reason and resends."""
    SUPERSEDED = "superseded"
    """A newer result of the same study goes instead."""


DELIVERY_TRANSITIONS: dict[DeliveryState, frozenset[DeliveryState]] = {
    DeliveryState.WAITING: frozenset(
        {DeliveryState.SENT, DeliveryState.PROVEN, DeliveryState.DEAD, DeliveryState.SUPERSEDED}
    ),
    DeliveryState.SENT: frozenset({DeliveryState.PROVEN, DeliveryState.WAITING, DeliveryState.DEAD}),
    DeliveryState.PROVEN: frozenset({DeliveryState.WAITING}),
    DeliveryState.DEAD: frozenset({DeliveryState.WAITING, DeliveryState.SUPERSEDED}),
    DeliveryState.SUPERSEDED: frozenset(),
}
"""`-> WAITING` from an ended state is an operator's resend; from SENT it is a refused commitment."""


def move_delivery(here: DeliveryState, there: DeliveryState) -> DeliveryState:
    """`there`, if a delivery may go there from `here`; otherwise raise `WrongState`."""
    if there not in DELIVERY_TRANSITIONS[here]:
        raise WrongState(f"A delivery that is {here} cannot become {there}.")
    return there
