"""What is accepted on an association: the SOP Classes and transfer syntaxes that this system takes in, and C-ECHO."""

from pynetdicom import build_context
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import Verification  # type: ignore[attr-defined]

from vfx_finder.dicom.accepted import STORAGE_CLASSES, TRANSFER_SYNTAXES


def accepted_contexts() -> list[PresentationContext]:
    """Every presentation context this listener supports, C-ECHO's included."""
    storage = [build_context(sop_class, list(TRANSFER_SYNTAXES)) for sop_class in STORAGE_CLASSES]
    return [build_context(Verification), *storage]
