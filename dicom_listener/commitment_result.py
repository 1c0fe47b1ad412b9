"""Storage commitment as its user: the archive tells, by an association of its own, what it took responsibility for."""

from collections.abc import Callable

import structlog
from pynetdicom.events import Event

from vfx_finder.dicom.commitment import proof_of
from vfx_finder.dicom.statuses import SUCCESS
from vfx_finder.domain.delivery import Proof
from vfx_finder.domain.errors import Unreadable

log = structlog.get_logger(__name__)

INVALID_ARGUMENT = 0x0115
"""DICOM PS3.7 annex C.5.10."""

Heard = Callable[[Proof], object]
"""Records a result; its answer is None where nobody waits for it."""


def on_commitment_result(event: Event, heard: Heard) -> tuple[int, None]:
    """The N-EVENT-REPORT response (DICOM PS3.4 section J.3.3) to this report.

    A result that nobody waits for any more is answered with success: telling it again would change nothing.
    """
    try:
        proof = proof_of(event.event_information)
    except Unreadable as error:
        log.warning("commitment-result-unreadable", why=str(error))
        return INVALID_ARGUMENT, None
    state = heard(proof)
    log.info(
        "commitment-result", committed=len(proof.committed), failed=len(proof.failed), waited_for=state is not None
    )
    return SUCCESS, None
