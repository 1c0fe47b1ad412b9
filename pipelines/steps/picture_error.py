"""How what is measured on one kind of picture errs, as far as numbering goes: on CT, and on films."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RankError:
    """How far off (levels) a whole chain is read by the network of levels: the common shift's `mean`, its SD
    (`chain_sd`), what one body adds (`body_sd`), and the share of pictures whose reading is worth nothing."""

    mean: float = 0.0
    chain_sd: float = 1.0
    body_sd: float = 1.0
    wild_share: float = 0.15


@dataclass(frozen=True)
class PictureError:
    """What bounds the trust in distances and levels read.

    `scale_log_sd`: how unsure the millimetres are (SD of their logarithm). `centre_log_sd`: noise of found centres in
    the logarithm of a distance, and `outlier_share`: how often a distance is a wild one. `gap`: a distance this many
    times its neighbours' may hide a missed body; the distances then decide how many. `gaps_tell`: whether a gap as wide
    as two is held to hide one (`wide_gaps`). `rank`: how levels read err.
    """

    scale_log_sd: float = 0.0
    centre_log_sd: float = 0.03
    outlier_share: float = 0.03
    gap: float = 1.4
    gaps_tell: bool = True
    rank: RankError = RankError()


ON_CT = PictureError()
"""Levels read: checked on synthetic trunks by `benchmarks/level_evidence.py`, to be run again with every new coarse
network, and kept about twice as wide as it says, because real scans differ: synthetic scans were read 0.7 too low on
average (SD 0.5, 28 scans), the five development scans 0.9 too high to 0.2 too low. Distances decide how many bodies a
gap hides, which turns over near 1.5 times its neighbours'; looking from 1.4 on leaves that to them."""

WHOLE_FILM = PictureError(0.0, 0.06, 0.1, 1.1, gaps_tell=False, rank=RankError(0.15, 0.5, 1.0, 0.03))
PART_FILM = PictureError(0.0, 0.06, 0.1, 1.1, gaps_tell=False, rank=RankError(-0.65, 0.5, 1.0, 0.03))
"""Films that show most of a spine, and part of it. Under the shoulders bodies are missed, or placed half a body off:
there a gap need not be as wide as two to hide one, and says less. Levels read: median and spread of the shifts on 154
synthetic films of another seed than the frozen ones (whole spines 0.15 too low, SD 0.4; parts 0.65 too high, SD 0.6;
three read wildly)."""
