"""Cement where a vertebra was not found is told: it may be why, and nobody may read past it."""

import numpy as np
import pytest

from pipelines.steps.bright_gaps import flags_with_bright_gaps, is_bright_between
from pipelines.steps.label import Numbering
from tests.support.locating import bodies_of
from vfx_finder.domain.numbering import BRIGHT_GAP, MISSING_ABOVE, NO_VERTEBRA, WIDE_GAP, numbering_remarks
from vfx_finder.domain.spine import Level, LevelEstimate, Vertebra

T1, T3 = LevelEstimate(Level.T1, 0.99, {}), LevelEstimate(Level.T3, 0.99, {})


def with_a_gap(brightest: float = 300.0, columns_away: int = 0):
    """Bodies above and below one that was not found, whose place holds a blob of so many HU."""
    located = bodies_of([(24, 24), (24, 24), (24, 24)])
    above, missed, below = located.bodies
    hu = np.zeros_like(located.stack.hu) + np.float32(100.0)
    row, col = (round(at) for at in missed.centre)
    hu[:, row - 4 : row + 4, col - 4 + columns_away : col + 4 + columns_away] = brightest
    located.stack.hu[:] = hu
    return above, missed, below, located.stack


@pytest.mark.parametrize(("hu", "told"), [(300.0, False), (1400.0, False), (1700.0, True), (3071.0, True)])
def test_what_is_denser_than_bone_on_the_way_is_seen(hu: float, told: bool) -> None:
    above, _, below, stack = with_a_gap(hu)
    assert is_bright_between(above, below, stack) is told


def test_a_rod_behind_the_bodies_is_not_in_the_way() -> None:
    above, _, below, stack = with_a_gap(3071.0, columns_away=18)
    assert not is_bright_between(above, below, stack)


@pytest.mark.parametrize(("flags", "told"), [((MISSING_ABOVE,), True), ((WIDE_GAP,), True), ((), False)])
def test_only_a_gap_that_hides_a_body_is_looked_at(flags: tuple[str, ...], told: bool) -> None:
    above, _, below, stack = with_a_gap(1700.0)
    answer = flags_with_bright_gaps((above, below), Numbering((T1, T3), ((), flags)), stack)
    assert answer == [(), (*flags, BRIGHT_GAP) if told else flags]


def test_half_a_body_outlined_in_the_cement_does_not_hide_it() -> None:
    above, missed, below, stack = with_a_gap(1700.0)
    numbering = Numbering((T1, T1, T3), ((), (NO_VERTEBRA,), (MISSING_ABOVE,)))
    assert BRIGHT_GAP in flags_with_bright_gaps((above, missed, below), numbering, stack)[2]


def test_it_is_said_in_words() -> None:
    found = [
        Vertebra(level, (0.0, 0.0, 0.0), None, flags, None)
        for level, flags in ((T1, ()), (T3, (MISSING_ABOVE, BRIGHT_GAP)))
    ]
    assert numbering_remarks(found) == (
        "A vertebra above T3 was not found.",
        "Something as dense as cement or metal lies in the gap above T3.",
    )
