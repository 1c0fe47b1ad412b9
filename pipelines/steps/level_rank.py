"""What the level map of the coarse network is worth: how far a whole chain is read too high or too low.

Ranks count levels from C3 = 0 to L5 = 21, as the network was taught (`models.synthesis.blocks`). The constants are
checked on synthetic trunks by `benchmarks/level_evidence.py`, to be run again with every new coarse network, and kept
about twice as wide as it says, because real scans differ: synthetic scans were read 0.7 too low on average (SD 0.5, 28
scans), the five development scans 0.9 too high to 0.2 too low.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from vfx_finder.domain.spine import HEAD_TO_FOOT, Level

Floats = NDArray[np.float64]

RANK: Mapping[Level, float] = {
    level: float(at) for at, level in enumerate(one for one in HEAD_TO_FOOT if one not in (Level.T13, Level.L6))
}
RANK = {level: rank - RANK[Level.C3] for level, rank in RANK.items()} | {Level.T13: 16.5, Level.L6: 21.5}

CHAIN_SD = 1.0
"""SD (levels) of the shift that all bodies of one scan share."""
BODY_SD = 1.0
"""SD (levels) of what one body adds to it."""
WILD_SHARE = 0.15
"""Share of scans whose map is worth nothing: bounds what it may say to about 3.5 (log-odds)."""

_WILD_DENSITY = 1.0 / 22.0


def log_odds_of_shift(shift: Floats, bodies: int) -> Floats:
    """Log-likelihood that a chain of so many bodies is read `shift` levels too low (above 0) or too high."""
    sd = float(np.hypot(CHAIN_SD, BODY_SD / np.sqrt(bodies)))
    usual = np.exp(-0.5 * (shift / sd) ** 2) / (sd * np.sqrt(2 * np.pi))
    return np.asarray(np.log((1 - WILD_SHARE) * usual + WILD_SHARE * _WILD_DENSITY))
