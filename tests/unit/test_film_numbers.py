"""Films: under the shoulders two bodies may be seen as one, and levels are read surer than millimetres."""

from dataclasses import replace

from pipelines.steps.label import number
from pipelines.steps.level_rank import RANK, log_odds_of_shift
from pipelines.steps.picture_error import ON_CT, PART_FILM, WHOLE_FILM
from tests.support.chains import Anchor, chain
from vfx_finder.domain.numbering import MISSING_ABOVE
from vfx_finder.domain.spine import Level

UPPER = (Level.C4, Level.C5, Level.C6, Level.C7, Level.T1)
LOWER = (*(Level(f"T{n}") for n in range(4, 13)), *(Level(f"L{n}") for n in range(1, 6)))
DEPTHS_MM = (0.0, 17.1, 35.1, 50.8, 72.2, 102.6, 132.6, 152.8, 174.6, 198.4, 222.4, 247.3, 270.0, 294.9, 327.4, 361.7,
             401.1, 439.8, 474.3, 513.7)  # fmt: skip
"""C4 to L5 with usual noise; between T1 and T4 one body was found where T2 and T3 are, half way between them."""

READ_TOO_LOW = 0.3


def test_two_bodies_seen_as_one_do_not_make_eleven_thoracic_ones() -> None:
    true = (*UPPER, None, *LOWER)
    assert len(true) == len(DEPTHS_MM)
    seen: list[Anchor] = [{"rank": RANK[level] + READ_TOO_LOW} if level else {} for level in true]
    seen[-1]["sacrum_below"] = 0.95
    bodies, stack = chain([(0.0, 0.0, -depth) for depth in DEPTHS_MM], seen)
    told = number(bodies, stack, replace(WHOLE_FILM, scale_log_sd=0.15))
    assert [one.level for one, level in zip(told.levels, true, strict=True) if level] == [*UPPER, *LOWER]
    assert sum(MISSING_ABOVE in flags for flags in told.flags) == 1
    as_on_ct = number(bodies, stack, replace(ON_CT, scale_log_sd=0.15, gaps_tell=False))
    assert Level.T12 not in [one.level for one in as_on_ct.levels]


def test_levels_read_off_part_of_a_film_are_expected_too_high_and_off_a_whole_one_about_right() -> None:
    low, right, high = 0.65, 0.0, -0.65
    part = [float(log_odds_of_shift(shift, 8, PART_FILM.rank)) for shift in (low, right, high)]
    whole = [float(log_odds_of_shift(shift, 18, WHOLE_FILM.rank)) for shift in (low, right, high)]
    assert part == sorted(part)
    assert max(whole) == whole[1]
    assert float(log_odds_of_shift(0.0, 18, WHOLE_FILM.rank)) - float(log_odds_of_shift(2.0, 18, WHOLE_FILM.rank)) > 3.0
