"""Which SOP Classes each kind of result object is stored as, so that an archive can be asked whether it takes them."""

from collections.abc import Mapping

from pydicom import uid

from vfx_finder.domain.delivered import Kind

_SOP_CLASS: Mapping[Kind, uid.UID] = {
    Kind.SC: uid.SecondaryCaptureImageStorage,
    Kind.SR: uid.Comprehensive3DSRStorage,
    Kind.SR_COMPREHENSIVE: uid.ComprehensiveSRStorage,
    Kind.SEG: uid.SegmentationStorage,
    Kind.GSPS: uid.GrayscaleSoftcopyPresentationStateStorage,
    Kind.REFORMAT: uid.CTImageStorage,
    Kind.PDF: uid.EncapsulatedPDFStorage,
}
"""DICOM PS3.4 table B.5-1."""


def sop_class_of(kind: Kind) -> str:
    """The UID of the Storage SOP Class of this kind."""
    return str(_SOP_CLASS[kind])
