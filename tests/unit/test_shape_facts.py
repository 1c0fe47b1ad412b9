"""What a vertebra is judged by, beside its severity."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.steps.likeness import Measured
from pipelines.steps.shape_facts import FACTS, RISING, shape_facts
from tests.support.end_plates import DISH, F, Plate, body, plates, spine
from vfx_finder.domain.spine import Level

SLICE_MM = 1.5


def facts_of(level: Level, chain: list[Measured | None]) -> dict[str, float]:
    at = next(n for n, one in enumerate(chain) if one is not None and one.level is level)
    return dict(zip(FACTS, shape_facts(chain, SLICE_MM)[at].tolist(), strict=True))


def one_changed(level: Level, drawn: tuple[Plate, Plate]) -> list[Measured | None]:
    return list(spine({level: drawn}))


def test_a_sound_vertebra_stands_out_from_nothing() -> None:
    told = facts_of(Level.L1, list(spine({})))
    assert told["severity"] < 0.2
    assert abs(told["severity_beyond_median"]) < 0.05
    assert abs(told["sag_beyond_neighbours"]) < 0.05
    assert (told["share_mild"], told["neighbours"], told["slice_mm"]) == (0.0, 6.0, SLICE_MM)
    assert told["depth_of_neighbours"] == pytest.approx(1.0)


def test_a_wedge_is_told_by_its_angle_and_by_what_its_neighbours_lack() -> None:
    told = facts_of(Level.L1, one_changed(Level.L1, plates(Level.L1, (0.65, 0.8, 1.0))))
    sound = facts_of(Level.L1, list(spine({})))
    assert told["severity"] > told["severity_most"] + 0.1
    assert told["wedge_degrees"] > sound["wedge_degrees"] + 5
    assert told["anterior_posterior"] < 0.75 * sound["anterior_posterior"]
    below = facts_of(Level.L2, one_changed(Level.L1, plates(Level.L1, (0.65, 0.8, 1.0))))
    assert below["severity_above"] == told["severity"]
    assert told["rank"] == 0.0 < below["rank"]


def test_a_dish_says_in_which_end_plate_and_how_far_back_it_lies() -> None:
    upper, lower = plates(Level.L4)
    bowed = lower - 3.0 * np.exp(-(((F - 0.7) / 0.15) ** 2))
    told, sound = (facts_of(Level.L4, chain) for chain in (one_changed(Level.L4, (upper, bowed)), list(spine({}))))
    assert told["sag_lower"] > told["sag_upper"] + 0.05
    assert told["sag_upper"] == pytest.approx(sound["sag_upper"])
    assert told["sag_lower_at"] == pytest.approx(0.7, abs=0.05)


def test_a_pit_is_told_in_the_plate_it_lies_in() -> None:
    upper, lower = plates(Level.L2)
    pitted = upper - 4.0 * np.sqrt(np.clip(1 - ((F - 0.5) / 0.1) ** 2, 0, 1))
    told = facts_of(Level.L2, one_changed(Level.L2, (pitted, lower)))
    assert told["pit_upper_mm"] > 1.0 > told["pit_lower_mm"]


def test_what_was_not_measured_has_no_facts_and_is_nobodys_neighbour() -> None:
    chain: list[Measured | None] = list(spine({Level.L1: plates(Level.L1, (0.5, 0.5, 0.5))}))
    at = [one.level for one in chain if one].index(Level.L1)
    chain[at] = None
    rows = shape_facts(chain, SLICE_MM)
    assert np.isnan(rows[at]).all()
    below = dict(zip(FACTS, rows[at + 1].tolist(), strict=True))
    assert np.isnan(below["severity_above"])
    assert below["share_mild"] == 0.0


def test_a_level_without_a_normal_shape_of_its_own_has_no_facts() -> None:
    rows = shape_facts([Measured(Level.L6, body(*plates(Level.L5))), *spine({})], SLICE_MM)
    assert np.isnan(rows[0]).all()
    assert np.isfinite(rows[1][0])


def test_a_vertebra_alone_is_told_by_itself() -> None:
    (row,) = shape_facts([Measured(Level.L1, body(*plates(Level.L1)))], SLICE_MM)
    told = dict(zip(FACTS, row.tolist(), strict=True))
    assert told["neighbours"] == 0.0
    assert np.isfinite(told["severity"])
    assert np.isnan(told["severity_median"])


def test_nothing_found_has_no_facts() -> None:
    assert shape_facts([], SLICE_MM).shape == (0, len(FACTS))


def test_what_may_only_raise_the_probability_is_asked() -> None:
    assert set(FACTS) > RISING


@given(st.floats(0.7, 1.4), st.floats(0.2, 4.0))
def test_a_larger_patient_has_the_same_shape(scale: float, dish_mm: float) -> None:
    """Ratios do not change with size; what is in millimetres grows with it."""
    upper, lower = plates(Level.L3)
    dished = upper - dish_mm * DISH

    def told(by: float) -> dict[str, float]:
        chain = one_changed(Level.L3, (dished, lower))
        grown = [
            Measured(one.level, body(by * one.measure.upper, -by * one.measure.lower, by * 33.0))
            for one in chain
            if one
        ]
        return facts_of(Level.L3, list(grown))

    one, other = told(1.0), told(scale)
    in_mm = {name for name in FACTS if name.endswith("_mm")} - {"slice_mm"}
    for name in FACTS:
        assert other[name] == pytest.approx(one[name] * (scale if name in in_mm else 1.0), abs=1e-6, rel=1e-6), name
