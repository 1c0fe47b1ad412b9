"""What resembles a mimic is told by name; a fracture and a normal vertebra resemble none."""

import numpy as np
import pytest

from pipelines.steps.likeness import Measured, likenesses
from tests.support.end_plates import F, Plate, plates, spine
from vfx_finder.domain.mimic import Mimic, mimics_in
from vfx_finder.domain.spine import Level


def told(level: Level, upper: Plate, lower: Plate) -> tuple[Mimic, ...]:
    """What this one vertebra resembles in an otherwise normal spine."""
    chain = spine({level: (upper, lower)})
    return likenesses(chain)[[one.level for one in chain].index(level)]


def pit(at: float, width: float, depth_mm: float) -> Plate:
    return np.asarray(depth_mm * np.sqrt(np.clip(1 - ((F - at) / (width / 2)) ** 2, 0, 1)))


def test_a_normal_spine_resembles_nothing() -> None:
    assert likenesses(spine({})) == ((),) * 12


@pytest.mark.parametrize("kept", [(0.7, 0.8, 1.0), (0.95, 0.65, 0.98), (0.55, 0.6, 0.98), (0.98, 0.55, 0.98)])
@pytest.mark.parametrize("level", [Level.T8, Level.T12, Level.L1, Level.L4])
def test_a_plain_fracture_resembles_nothing(level: Level, kept: tuple[float, float, float]) -> None:
    assert told(level, *plates(level, kept)) == ()


@pytest.mark.parametrize("at", [0.35, 0.5, 0.65])
@pytest.mark.parametrize("side", ["upper", "lower"])
def test_a_narrow_pit_in_one_end_plate_resembles_a_schmorl_node(at: float, side: str) -> None:
    upper, lower = plates(Level.L1)
    hole = pit(at, 0.25, 4.0)
    assert told(Level.L1, *((upper - hole, lower) if side == "upper" else (upper, lower - hole))) == (
        Mimic.SCHMORL_NODE,
    )


def test_three_wedged_uneven_vertebrae_in_a_row_resemble_scheuermann_and_two_do_not() -> None:
    wave = 1.0 * np.sin(14 * F)

    def rough(level: Level) -> tuple[Plate, Plate]:
        upper, lower = plates(level, (0.80, 0.9, 1.0))
        return upper + wave, lower + wave

    three = likenesses(spine({level: rough(level) for level in (Level.T8, Level.T9, Level.T10)}))
    two = likenesses(spine({level: rough(level) for level in (Level.T8, Level.T9)}))
    assert [Mimic.SCHEUERMANN in kinds for kinds in three[1:6]] == [False, True, True, True, False]
    assert not any(Mimic.SCHEUERMANN in kinds for kinds in two)


def test_waves_as_a_network_smooths_them_still_resemble_scheuermann_but_straight_wedges_do_not() -> None:
    def wedged(level: Level, wave_mm: float) -> tuple[Plate, Plate]:
        upper, lower = plates(level, (0.84, 0.92, 1.0))
        return upper + wave_mm * np.sin(14 * F), lower + wave_mm * np.sin(14 * F)

    levels = (Level.T8, Level.T9, Level.T10)
    for wave_mm, is_told in ((0.35, True), (0.05, False)):
        answers = likenesses(spine({level: wedged(level, wave_mm) for level in levels}))
        assert all((Mimic.SCHEUERMANN in kinds) is is_told for kinds in answers[2:5])


def test_wedging_that_the_neighbours_share_is_physiological_and_alone_it_is_not() -> None:
    shared = {level: plates(level, (0.90, 0.95, 1.0)) for level in (Level.T10, Level.T11, Level.T12)}
    assert Mimic.PHYSIOLOGICAL_WEDGING in likenesses(spine(shared))[5]
    assert Mimic.PHYSIOLOGICAL_WEDGING not in likenesses(spine({Level.T11: shared[Level.T11]}))[5]


def test_a_low_body_with_its_end_plates_intact_resembles_short_vertebral_height() -> None:
    upper, lower = plates(Level.L2)
    assert told(Level.L2, 0.84 * upper, 0.84 * lower) == (Mimic.SHORT_VERTEBRAL_HEIGHT,)
    assert Mimic.SHORT_VERTEBRAL_HEIGHT not in told(Level.L2, *plates(Level.L2, (0.84, 0.7, 0.84)))


def test_a_dish_at_the_back_of_a_lower_lumbar_end_plate_resembles_a_cupids_bow() -> None:
    bow = 2.5 * np.exp(-(((F - 0.66) / 0.22) ** 2))
    for level, is_bow in ((Level.L4, True), (Level.L1, False)):
        upper, lower = plates(level)
        flat = (upper.mean() + np.zeros(len(F)), lower - bow)
        assert (Mimic.CUPIDS_BOW in told(level, *flat)) is is_bow


def test_a_missing_front_upper_corner_resembles_a_limbus_vertebra() -> None:
    upper, lower = plates(Level.L3)
    chip = 5.0 * np.clip(1 - F / 0.25, 0, 1)
    assert told(Level.L3, upper - chip, lower) == (Mimic.LIMBUS,)
    assert Mimic.LIMBUS not in told(Level.L3, upper - chip, lower - chip)


def test_a_rim_that_stands_out_above_all_neighbours_is_told_as_a_lip() -> None:
    upper, lower = plates(Level.L1)
    lip = 5.0 * np.clip((F - 0.8) / 0.15, 0, 1)
    assert told(Level.L1, upper, lower + lip) == (Mimic.RIM_LIP,)


def test_what_was_not_measured_resembles_nothing_and_hides_no_neighbour() -> None:
    upper, lower = plates(Level.L1)
    chain: list[Measured | None] = [*spine({Level.L1: (upper - pit(0.5, 0.25, 4.0), lower)})]
    chain[0] = chain[8] = None
    answers = likenesses(chain)
    assert answers[0] == answers[8] == ()
    assert answers[7] == (Mimic.SCHMORL_NODE,)


def test_flags_and_names_go_together() -> None:
    assert mimics_in(["thick-slices", "resembles-cupids-bow"]) == (Mimic.CUPIDS_BOW,)
    assert Mimic.SCHMORL_NODE.words == "resembles a Schmorl node"
    assert not Mimic.LYTIC_LESION.lowers_certainty
