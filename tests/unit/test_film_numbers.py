"""Films: under the shoulders two bodies may be seen as one, and levels are read surer than millimetres."""

from dataclasses import replace
from itertools import pairwise

import pytest

from pipelines.steps.label import number
from pipelines.steps.level_rank import RANK
from pipelines.steps.picture_error import ON_CT, on_film
from tests.support.chains import Anchor, chain, straight
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
    told = number(bodies, stack, replace(on_film(20.0), scale_log_sd=0.15))
    assert [one.level for one, level in zip(told.levels, true, strict=True) if level] == [*UPPER, *LOWER]
    assert sum(MISSING_ABOVE in flags for flags in told.flags) == 1
    as_on_ct = number(bodies, stack, replace(ON_CT, scale_log_sd=0.15, gaps_tell=False))
    assert Level.T12 not in [one.level for one in as_on_ct.levels]


def test_levels_read_off_part_of_a_spine_are_taken_for_too_high_ones() -> None:
    """T4 to T11 without an anchor: a reading half-way between two numberings speaks for the lower one."""
    true = LOWER[:8]
    seen: list[Anchor] = [{"rank": RANK[level] - 0.6} for level in true]
    bodies, stack = chain(straight(true), seen)
    part, whole = (number(bodies, stack, replace(error, scale_log_sd=0.15)) for error in (on_film(10.0), on_film(20.0)))
    assert [one.level for one in part.levels] == list(true)
    at_t11 = [told.levels[-1] for told in (part, whole)]
    sure = [one.confidence if one.level is Level.T11 else one.alternatives.get(Level.T11, 0.0) for one in at_t11]
    assert sure[0] > 1.5 * sure[1]


def test_a_copy_of_a_film_that_shows_a_hair_more_is_not_read_another_way() -> None:
    read = [on_film(levels / 10).rank.mean for levels in range(100, 230)]
    assert max(abs(after - before) for before, after in pairwise(read)) < 0.02
    assert (read[0], read[-1]) == pytest.approx((-0.65, 0.15))
