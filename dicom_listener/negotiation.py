"""What a caller proposes when it opens an association, and what it is answered (PS3.8 section 9.3.2, PS3.7 annex D)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydicom._uid_dict import UID_dictionary
from pydicom.uid import UID
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
)
from pynetdicom.presentation import PresentationContext, negotiate_as_acceptor
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from dicom_listener.pdu import ASSOCIATE_RQ, MAX_PDU_BYTES, malformed
from vfx_finder.dicom.part10 import IMPLEMENTATION_NAME, IMPLEMENTATION_UID

APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
"""DICOM Application Context Name, PS3.7 annex A.2.1."""
_SYNTAXES_REFUSED = 0x04
"""Result of a presentation context whose transfer syntaxes are not supported, PS3.8 table 9-18."""


@dataclass(frozen=True)
class Proposal:
    """An association request. `most`: bytes the caller takes in one P-DATA-TF, 0 = any."""

    calling: str
    called: str
    most: int
    request: A_ASSOCIATE


@dataclass(frozen=True)
class Agreement:
    """What was agreed: the accepted presentation contexts by their id, and the A-ASSOCIATE-AC that says so.

    `refused`: the SOP Classes that were offered and are not taken, in words. `in_vain`: nothing but an echo is taken.
    """

    contexts: dict[int, PresentationContext]
    answer: bytes
    refused: tuple[str, ...] = ()
    in_vain: bool = False


def proposal_of(content: memoryview) -> Proposal:
    """What this A-ASSOCIATE-RQ (without its first six bytes) says. Raises `Ended` for one that cannot be read."""
    pdu = A_ASSOCIATE_RQ()
    try:
        pdu.decode(bytes((ASSOCIATE_RQ, 0)) + len(content).to_bytes(4, "big") + bytes(content))
        request = pdu.to_primitive()
        most = next((item.maximum_length_received for item in _items(request, MaximumLengthNotification)), 0)
        calling, called = (str(title).strip() for title in (request.calling_ae_title, request.called_ae_title))
        return Proposal(calling, called, max(most, 64) if most else 0, request)
    except Exception as error:  # pynetdicom's decoder raises whatever the bytes lead it to
        raise malformed() from error


def agree(proposal: Proposal, supported: Sequence[PresentationContext]) -> Agreement:
    """The answer that accepts this proposal as far as it is supported. Raises `Ended` where it cannot be answered."""
    request = proposal.request
    roles = {
        item.sop_class_uid: (item.scu_role, item.scp_role) for item in _items(request, SCP_SCU_RoleSelectionNegotiation)
    }
    try:
        contexts, role_items = negotiate_as_acceptor(
            request.presentation_context_definition_list, list(supported), roles
        )
        answer = A_ASSOCIATE()
        answer.application_context_name = UID(APPLICATION_CONTEXT)
        answer.calling_ae_title, answer.called_ae_title = request.calling_ae_title, request.called_ae_title
        answer.result, answer.result_source = 0x00, 0x01
        answer.presentation_context_definition_results_list = contexts
        answer.user_information = [*_about_us(), *role_items]
        pdu = A_ASSOCIATE_AC()
        pdu.from_primitive(answer)
        accepted = {int(one.context_id or 0): one for one in contexts if one.result == 0x00}
        refused = _refused(contexts)
        taken = any(one.abstract_syntax != Verification for one in accepted.values())
        return Agreement(accepted, pdu.encode(), refused, in_vain=bool(refused) and not taken)
    except Exception as error:
        raise malformed() from error


def _refused(contexts: Sequence[PresentationContext]) -> tuple[str, ...]:
    """A class that was offered several times, with a transfer syntax each, is refused where none of them was taken."""
    taken = {one.abstract_syntax for one in contexts if one.result == 0x00}
    return tuple(sorted({_named(one) for one in contexts if one.abstract_syntax not in taken}))


def _named(refused: PresentationContext) -> str:
    """The name of a SOP Class, and whether only its transfer syntaxes were refused; no text of the caller's own."""
    sop_class = UID(refused.abstract_syntax or "")
    name = sop_class.name if sop_class in UID_dictionary else "a private SOP Class"
    return f"{name} in another transfer syntax" if refused.result == _SYNTAXES_REFUSED else name


def _about_us() -> list[Any]:
    length = MaximumLengthNotification()
    length.maximum_length_received = MAX_PDU_BYTES
    implementation = ImplementationClassUIDNotification()
    implementation.implementation_class_uid = UID(IMPLEMENTATION_UID)
    version = ImplementationVersionNameNotification()
    version.implementation_version_name = IMPLEMENTATION_NAME
    return [length, implementation, version]


def _items(request: A_ASSOCIATE, kind: type) -> list[Any]:
    return [item for item in request.user_information if isinstance(item, kind)]
