"""Cement or metal in a gap where a vertebral body was not found: often that is why it was not."""

from collections.abc import Sequence

import numpy as np

from pipelines.steps.facts import Body, SagittalStack
from pipelines.steps.label import Numbering
from pipelines.steps.material import BRIGHT_HU
from vfx_finder.domain.numbering import BRIGHT_GAP, MISSING_ABOVE, WIDE_GAP

STRIP_MM = 16.0
"""About as deep as the smallest body: the arch and what lies before the spine stay outside."""

STRIP_SHARE = 0.01
"""Of the strip, which holds discs too. Chosen on gaps of the frozen synthetic scans: cement filled 1.2 % and more."""

_MIDDLE = (0.25, 0.75)


def flags_with_bright_gaps(bodies: Sequence[Body], numbering: Numbering, stack: SagittalStack) -> list[tuple[str, ...]]:
    """The flags of the numbering, and beside them where something dense lies in a gap that hides a body."""
    told: list[tuple[str, ...]] = []
    above: Body | None = None
    for n, (body, flags) in enumerate(zip(bodies, numbering.flags, strict=True)):
        hides = bool({MISSING_ABOVE, WIDE_GAP} & set(flags))
        bright = hides and above is not None and is_bright_between(above, body, stack)
        told.append((*flags, BRIGHT_GAP) if bright else flags)
        above = above if n in numbering.left_out else body
    return told


def is_bright_between(above: Body, below: Body, stack: SagittalStack) -> bool:
    """Whether something as dense as cement or metal lies in the middle half of the way from one body to the next."""
    (first, left), (last, right) = above.centre, below.centre
    rows = np.arange(*(round(first + share * (last - first)) for share in _MIDDLE))
    columns = np.interp(rows, (first, last), (left, right)).round().astype(int)
    half = round(STRIP_MM / 2 / stack.mm_per_pixel)
    across = np.clip(columns[:, None] + np.arange(-half, half + 1), 0, stack.hu.shape[2] - 1)
    strip = stack.hu[:, rows[:, None], across]
    return bool(strip.size) and float((strip > BRIGHT_HU).mean()) > STRIP_SHARE
