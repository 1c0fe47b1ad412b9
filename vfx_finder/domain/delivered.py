"""What is sent back to the archive: kinds of result object, and whether a person stands behind one."""

from enum import StrEnum


class Kind(StrEnum):
    """One kind of result object; each is switched on or off per destination (docs/results-in-pacs.md)."""

    SC = "sc"
    """Secondary Capture key image: the sagittal picture with levels, heights and grades burned in."""
    SR = "sr"
    """Comprehensive 3D SR, TID 1500: measurements and findings for machines."""
    SR_COMPREHENSIVE = "sr-comprehensive"
    """The same as Comprehensive SR, for archives that do not take Comprehensive 3D."""
    SEG = "seg"
    """Segmentation (BINARY) of the vertebral bodies, on the sagittal reformat."""
    GSPS = "gsps"
    """Grayscale Softcopy Presentation State: the same drawing, switchable, on the sagittal reformat."""
    REFORMAT = "reformat"
    """The sagittal reformat series."""
    PDF = "pdf"
    """Encapsulated PDF report."""


class Stage(StrEnum):
    """Before or after a radiologist's signature."""

    PRELIMINARY = "preliminary"
    """Nobody has confirmed it: marked so, and UNVERIFIED."""
    FINAL = "final"
    """Signed by a radiologist: VERIFIED; takes the place of the preliminary one."""
