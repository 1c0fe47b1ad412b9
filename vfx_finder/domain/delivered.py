"""What is sent back to the archive: kinds of result object, and whether a person stands behind one."""

from collections.abc import Collection
from enum import StrEnum

PRODUCT = "vfx_finder"
"""ManufacturerModelName of everything we make, and of nothing else: how our own results are known when they return."""


class Kind(StrEnum):
    """One kind of result object; each is switched on or off per destination (docs/results-in-pacs.md)."""

    REFORMAT = "reformat"
    """The sagittal reformat series; the first to be sent, because others lie on it."""
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
    PDF = "pdf"
    """Encapsulated PDF report."""


class Stage(StrEnum):
    """Before or after a radiologist's signature."""

    PRELIMINARY = "preliminary"
    """Nobody has confirmed it: marked so, and UNVERIFIED."""
    FINAL = "final"
    """Signed by a radiologist: VERIFIED; takes the place of the preliminary one."""


_LIES_ON_THE_REFORMAT = frozenset({Kind.SEG, Kind.GSPS})


def with_needed(kinds: Collection[Kind]) -> frozenset[Kind]:
    """These kinds and those that they cannot be shown without: SEG and GSPS bring the reformat along."""
    wanted = frozenset(kinds)
    return wanted | {Kind.REFORMAT} if wanted & _LIES_ON_THE_REFORMAT else wanted
