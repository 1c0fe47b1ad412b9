"""Which part of the spine a film shows, as a radiographer names it."""

from collections.abc import Sequence

from vfx_finder.domain.spine import HEAD_TO_FOOT, Level

WHOLE = "whole-spine"
_NAMES = {
    "C": "cervical",
    "CT": "cervicothoracic",
    "T": "thoracic",
    "TL": "thoracolumbar",
    "L": "lumbar",
    "CTL": WHOLE,
}
_LEAST = {"C": 3, "T": 6, "L": 3}
"""Levels of a region from which it is shown and not only grazed: half of C3 to C7, of T1 to T12, of L1 to L5."""

_HIGH, _LOW = Level.T4, Level.L5
"""Bodies under the shoulders are often missed, so a film of the whole spine need not show one above T4."""

_ABOVE_SACRUM = Level.L3
"""Where the sacrum is in view this level or a lower one must have been found too: a sacrum alone may be none."""


def part_in_view(levels: Sequence[Level], *, has_sacrum: bool) -> str:
    """Cervical, cervicothoracic, thoracic, thoracolumbar, lumbar or whole-spine, by the uppermost and the lowest of the
    levels found; what lies between counts as shown.

    Whole is what reaches from T4 or above to L5, or to the sacrum, or shows at least half of all three regions; all
    other films are named after the regions of which they show at least half, or after the one they show most of.
    Raises `ValueError` without a level.
    """
    places = [HEAD_TO_FOOT.index(level) for level in levels]
    first, last = min(places), max(places)
    lowest = HEAD_TO_FOOT.index(_ABOVE_SACRUM if has_sacrum else _LOW)
    if first <= HEAD_TO_FOOT.index(_HIGH) and last >= lowest:
        return WHOLE
    shown = "".join(level[0] for level in HEAD_TO_FOOT[first : last + 1] if level not in (Level.T13, Level.L6))
    regions = [region for region, least in _LEAST.items() if shown.count(region) >= least]
    return _NAMES["".join(regions) or max(_LEAST, key=lambda region: shown.count(region) / _LEAST[region])]
