"""A body that was skipped is told: two neighbours in number are never silently two spacings apart."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from pipelines.steps.label import MISSING_ABOVE, UNCERTAIN, WIDE_GAP, Numbering, number
from pipelines.steps.picture_error import ON_CT
from pipelines.steps.spacing_prior import spacing
from pipelines.steps.wide_gaps import HIDDEN, WIDE, wide_gaps, with_hidden
from tests.support.chains import Anchor, chain, straight
from tests.support.vid import LABELLED, Scan, kept_apart, scans
from vfx_finder.domain.numbering import numbering_remarks
from vfx_finder.domain.spine import HEAD_TO_FOOT, Level, Vertebra

ORDINARY = tuple(level for level in HEAD_TO_FOOT if level not in (Level.C1, Level.T13, Level.L6, Level.S1))


def run(first: Level, last: Level) -> tuple[Level, ...]:
    return ORDINARY[ORDINARY.index(first) : ORDINARY.index(last) + 1]


CEMENTED_T2_MM = (
    (5.5, -5.7, 318.8),
    (3.6, 4.1, 275.4),
    (3.6, 10.1, 250.5),
    (3.4, 15.7, 226.0),
    (3.5, 18.1, 202.4),
    (4.0, 19.5, 177.5),
    (4.3, 19.4, 152.1),
    (2.9, 18.7, 124.8),
    (2.6, 16.3, 96.6),
    (3.0, 12.1, 62.7),
    (0.2, 7.5, 35.7),
)
"""T1, cut by the upper edge, and T3 to T12 as found in a frozen synthetic scan: T2 is full of cement."""


def cemented_t2() -> Numbering:
    seen: list[Anchor] = [{"rib": 0.7, "cut": n == 0} for n in range(len(CEMENTED_T2_MM))]
    return number(*chain(CEMENTED_T2_MM, seen))


def test_a_cemented_body_under_one_that_the_picture_cuts_is_missed_and_told() -> None:
    answer = cemented_t2()
    assert MISSING_ABOVE in answer.flags[1]
    above, below = answer.levels[0].level, answer.levels[1].level
    assert ORDINARY.index(below) - ORDINARY.index(above) == 2
    assert not any(MISSING_ABOVE in flags for n, flags in enumerate(answer.flags) if n != 1)


def test_on_a_film_a_wide_gap_moves_no_number() -> None:
    """Bodies under the shoulders are missed, or placed half a body off: what was measured on CT does not hold there."""
    seen: list[Anchor] = [{"rib": 0.7, "cut": n == 0} for n in range(len(CEMENTED_T2_MM))]
    answer = number(*chain(CEMENTED_T2_MM, seen), replace(ON_CT, gaps_tell=False))
    assert answer.levels != cemented_t2().levels
    assert not any(WIDE_GAP in flags or MISSING_ABOVE in flags for flags in answer.flags)


def test_where_no_numbering_fits_a_body_in_between_the_gap_is_told_in_words_and_no_level_is_sure() -> None:
    """C4 and C6 lie unseen in cement: each gap makes the other look usual."""
    levels = run(Level.C3, Level.L5)
    missed = (Level.C4, Level.C6)
    found = [(level, at) for level, at in zip(levels, straight(levels), strict=True) if level not in missed]
    seen: list[Anchor] = [*({} for _ in found[1:]), {"sacrum_below": 0.98}]
    answer = number(*chain([at for _, at in found], seen))
    gaps = [n for n, flags in enumerate(answer.flags) if MISSING_ABOVE in flags or WIDE_GAP in flags]
    assert gaps == [1, 2]
    assert WIDE_GAP in answer.flags[1]
    assert all(UNCERTAIN in flags for flags in answer.flags)
    assert max(one.confidence for one in answer.levels) <= 0.5
    vertebrae = [
        Vertebra(level, (0.0, 0.0, 0.0), None, flags, None)
        for level, flags in zip(answer.levels, answer.flags, strict=True)
    ]
    below = answer.levels[1].level
    words = f"The gap above {below} is as wide as two: look for a vertebra there that was not found; the numbers may be"
    assert any(sentence.startswith(words) for sentence in numbering_remarks(vertebrae))


def test_a_tall_patient_has_no_wide_gaps() -> None:
    levels = run(Level.C3, Level.L5)
    answer = number(*chain(straight(levels, scale=1.25), [*({} for _ in levels[1:]), {"sacrum_below": 0.98}]))
    assert not any({WIDE_GAP, MISSING_ABOVE} & set(flags) for flags in answer.flags)


def test_a_crushed_neighbour_makes_no_gap_wide() -> None:
    distances, expected = np.array([22.0, 14.0, 30.0, 25.0]), np.array([22.0, 22.5, 23.0, 24.0])
    assert wide_gaps(distances, expected, np.arange(5)) == []


@pytest.mark.parametrize(("distance", "told"), [(23.0 * WIDE - 0.1, []), (23.0 * WIDE + 0.1, [1])])
def test_the_bound_is_that_of_the_page(distance: float, told: list[int]) -> None:
    expected = np.array([22.0, 23.0, 24.0])
    assert wide_gaps(np.array([22.0, distance, 24.0]), expected, np.arange(4)) == told
    assert wide_gaps(np.array([22.0, distance, 24.0]), expected, np.array([0, 1, 3, 4])) == []


def test_only_numberings_that_leave_a_level_free_gain_and_the_whole_stays_one() -> None:
    chances = np.array([0.7, 0.2, 0.1])
    raised = with_hidden(chances, [np.array([False, False, True])])
    assert raised.tolist() == pytest.approx([0.1 * 7 / 9, 0.1 * 2 / 9, HIDDEN])
    assert with_hidden(chances, [np.zeros(3, bool)]) is chances


def wide_in(scan: Scan, left_out: Level | None) -> list[Level]:
    """Where the bound is reached when the bodies of a real scan, one left out, are taken for neighbours."""
    levels = [level for level in scan if level not in (Level.C1, left_out)]
    distances = np.array([np.linalg.norm(np.subtract(scan[one], scan[other])) for one, other in pairwise(levels)])
    nexts = [LABELLED[LABELLED.index(level) + 1] for level in levels[:-1]]
    expected = np.array([spacing(one, other).mm for one, other in zip(levels, nexts, strict=False)])
    return [levels[at] for at in wide_gaps(distances, expected, np.arange(len(levels)))]


def test_on_real_spines_neighbours_are_hardly_ever_so_far_apart_and_across_a_missed_body_nearly_always() -> None:
    apart = [scan for name, scan in scans().items() if kept_apart(name) and len(scan) > 4]
    assert sum(bool(wide_in(scan, None)) for scan in apart) <= 0.01 * len(apart)
    missed = [(scan, level) for scan in apart for level in list(scan)[2:-2:3] if level is not Level.C1]
    found = [bool(wide_in(scan, level)) for scan, level in missed]
    assert len(found) > 500
    assert np.mean(found) > 0.98
