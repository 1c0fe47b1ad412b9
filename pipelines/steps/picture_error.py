"""How what is measured on one kind of picture errs, as far as numbering goes: on CT, and on films."""

from dataclasses import dataclass, replace


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

_PART_OF_A_SPINE, _MOST_OF_A_SPINE = 15.0, 20.0
"""Levels in view (of the 21 from C3 to L5) up to which a film is read as part of a spine, and from which on as most of
one. In between its error goes over from one to the other, so that a copy of a film is not read another way."""

_PART_READ, _MOST_READ = -0.65, 0.15
_ON_FILMS = PictureError(centre_log_sd=0.06, outlier_share=0.1, gap=1.1, gaps_tell=False)
"""Half of the distances on twelve real films are told within 0.06 of their logarithm, with wild ones under the
shoulders (SD 0.10 above T12 in all): there bodies are missed, or placed half a body off, so that a gap need not be as
wide as two to hide one, and says less."""


def on_film(levels_in_view: float) -> PictureError:
    """The errors of a film that shows so many levels.

    Levels read: median and spread of the shifts on 154 synthetic films of another seed than the frozen ones (whole
    spines 0.15 too low, SD 0.4; parts 0.65 too high, SD 0.6; three read wildly), the spread of whole spines widened to
    what twelve real ones show (0.3 too low, SD 0.5).
    """
    share = (levels_in_view - _PART_OF_A_SPINE) / (_MOST_OF_A_SPINE - _PART_OF_A_SPINE)
    mean = _PART_READ + min(1.0, max(0.0, share)) * (_MOST_READ - _PART_READ)
    return replace(_ON_FILMS, rank=RankError(mean=mean, chain_sd=0.6, wild_share=0.05))
