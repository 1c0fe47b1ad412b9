"""What is accepted on an association: the SOP Classes and transfer syntaxes that this system takes in, C-ECHO, and
storage commitment."""

from pynetdicom import build_context
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import StorageCommitmentPushModel, Verification  # type: ignore[attr-defined]

from vfx_finder.dicom.accepted import STORAGE_CLASSES, TRANSFER_SYNTAXES


def accepted_contexts() -> list[PresentationContext]:
    """Every presentation context this listener supports, C-ECHO's included."""
    storage = [build_context(sop_class, list(TRANSFER_SYNTAXES)) for sop_class in STORAGE_CLASSES]
    commitment = build_context(StorageCommitmentPushModel)
    # A caller may be its user, who asks us, or its provider, who answers what we asked (PS3.4 section J.3.3).
    commitment.scu_role = commitment.scp_role = True
    return [build_context(Verification), *storage, commitment]
