"""Who handles the messages that are neither images nor echoes, in a listener that has its ledger."""

from datetime import UTC, datetime

from pynetdicom import evt

from dicom_listener.commitment import Desk, on_commitment_request
from dicom_listener.commitment_result import on_commitment_result
from dicom_listener.rows import reconnecting
from dicom_listener.services import Handlers
from vfx_finder.actions import dispatch
from vfx_finder.config import Settings
from vfx_finder.domain.delivery import Proof


def handlers_of(settings: Settings, desk: Desk) -> Handlers:
    """By pynetdicom's event. Requests for storage commitment are laid on `desk`."""

    def heard(proof: Proof) -> object:
        return dispatch.proven(proof, settings.pace, datetime.now(UTC))

    return {
        evt.EVT_N_ACTION: (on_commitment_request, [desk]),
        evt.EVT_N_EVENT_REPORT: (on_commitment_result, [reconnecting(heard)]),
    }
