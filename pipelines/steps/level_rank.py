"""What the level map of the coarse network is worth: how far a whole chain is read too high or too low.

Ranks count levels from C3 = 0 to L5 = 21, as the network was taught (`models.synthesis.blocks`); how they err is told
in `picture_error`.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pipelines.steps.picture_error import ON_CT, RankError
from vfx_finder.domain.spine import HEAD_TO_FOOT, Level

Floats = NDArray[np.float64]

RANK: Mapping[Level, float] = {
    level: float(at) for at, level in enumerate(one for one in HEAD_TO_FOOT if one not in (Level.T13, Level.L6))
}
RANK = {level: rank - RANK[Level.C3] for level, rank in RANK.items()} | {Level.T13: 16.5, Level.L6: 21.5}

_WILD_DENSITY = 1.0 / 22.0


def log_odds_of_shift(shift: Floats, bodies: int, error: RankError = ON_CT.rank) -> Floats:
    """Log-likelihood that a chain of so many bodies is read `shift` levels too low (above 0) or too high.

    The share of wild readings bounds what it may say: to about 3.5 (log-odds) on CT.
    """
    sd = float(np.hypot(error.chain_sd, error.body_sd / np.sqrt(bodies)))
    usual = np.exp(-0.5 * ((shift - error.mean) / sd) ** 2) / (sd * np.sqrt(2 * np.pi))
    return np.asarray(np.log((1 - error.wild_share) * usual + error.wild_share * _WILD_DENSITY))
