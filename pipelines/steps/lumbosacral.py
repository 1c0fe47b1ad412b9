"""One bone, one name: a last lumbar body that the network calls partly sacrum is made whole again."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from pipelines.steps.facts import FloatArray
from pipelines.steps.instances import Sections
from pipelines.steps.straighten import PIXEL_MM

BODY_SHARE = (0.12, 0.97)
"""Below the first a bone is sacrum, above the second a body; between them the picture was read both ways. On the
development scans a sacrum's share of body is at most 0.06, that of a last lumbar body read both ways 0.15 to 0.7."""

USUAL = (0.4, 1.5)
"""A bone of less than the first share of the usual body's area is a fragment at the edge, one of more than the second
is a body and the sacrum grown together: both are left as they are."""

_BRIDGE_PX = 2


def undivided(sections: Sections, sacrum: FloatArray) -> Sections:
    """The sections with every bone that is partly body called body throughout, its pixels pointing to its centre.

    sacrum: [plane, row, col] probability, beside `sections.body`. All planes are judged together.
    """
    column = sections.body + sacrum
    bones = _divided(sections.body.mean(0), column.mean(0))
    if not bones:
        return sections
    body, offset = sections.body.copy(), sections.offset.copy()
    for bone in bones:
        where = ndi.binary_dilation(bone, iterations=_BRIDGE_PX) & (column > 0.5)
        body[where] = column[where]
        rows, cols = np.nonzero(bone)
        planes, to_row, to_col = np.nonzero(where)
        offset[planes, 0, to_row, to_col] = (rows.mean() - to_row) * PIXEL_MM
        offset[planes, 1, to_row, to_col] = (cols.mean() - to_col) * PIXEL_MM
    return Sections(body, sections.heat, offset)


def _divided(body: FloatArray, column: FloatArray) -> list[NDArray[np.bool_]]:
    """The bones that were read both ways: more body than any sacrum is."""
    bones = _bones(column)
    shares = [float(body[bone].sum() / column[bone].sum()) for bone in bones]
    sizes = [int(bone.sum()) for bone, share in zip(bones, shares, strict=True) if share > BODY_SHARE[1]]
    usual = float(np.median(sizes)) if sizes else 0.0
    return [
        bone
        for bone, share in zip(bones, shares, strict=True)
        if BODY_SHARE[0] <= share <= BODY_SHARE[1] and USUAL[0] * usual <= bone.sum() <= USUAL[1] * usual
    ]


def _bones(column: FloatArray) -> list[NDArray[np.bool_]]:
    """Pieces of bone, thin bridges between them cut."""
    bone = column > 0.5
    pieces, count = ndi.label(ndi.binary_erosion(bone, iterations=_BRIDGE_PX))
    return [ndi.binary_dilation(pieces == n, iterations=_BRIDGE_PX) & bone for n in range(1, count + 1)]
