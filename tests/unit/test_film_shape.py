"""Which shape a loss on a film is of: sure where the heights are, shared out where they are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.steps.film_shape import shapes
from vfx_finder.domain.finding import Deformity
from vfx_finder.domain.genant import NORMAL_SHAPE
from vfx_finder.domain.spine import Heights, Level

BESIDE = (Level.T11, Level.T12, Level.L2, Level.L3)
NEIGHBOURS = {level: Heights(*(30 * part for part in NORMAL_SHAPE[level])) for level in BESIDE}


def lost(anterior: float = 0.0, middle: float = 0.0, posterior: float = 0.0) -> Heights:
    front, waist, back = (30 * part for part in NORMAL_SHAPE[Level.L1])
    return Heights(front * (1 - anterior), waist * (1 - middle), back * (1 - posterior))


@pytest.mark.parametrize(
    ("heights", "shape"),
    [
        (lost(anterior=0.4, middle=0.2), Deformity.WEDGE),
        (lost(middle=0.4), Deformity.BICONCAVE),
        (lost(0.4, 0.4, 0.4), Deformity.CRUSH),
    ],
)
def test_a_plain_shape_measured_surely_is_that_shape_alone(heights: Heights, shape: Deformity) -> None:
    assert shapes(Level.L1, heights, (0.0, 0.0, 0.0), NEIGHBOURS) == {shape: pytest.approx(1.0)}


def test_a_shape_between_two_is_told_as_both() -> None:
    told = shapes(Level.L1, lost(anterior=0.3, middle=0.36), (2.0, 2.0, 1.0), NEIGHBOURS)
    assert {Deformity.WEDGE, Deformity.BICONCAVE} <= set(told)
    assert max(told.values()) < 0.95
    assert list(told.values()) == sorted(told.values(), reverse=True)


@given(st.tuples(*[st.floats(0.0, 0.7)] * 3), st.tuples(*[st.floats(0.0, 8.0)] * 3))
def test_shares_are_whole_however_unsure_the_heights(
    loss: tuple[float, float, float], spreads: tuple[float, float, float]
) -> None:
    told = shapes(Level.L1, lost(*loss), spreads, NEIGHBOURS)
    assert sum(told.values()) == pytest.approx(1.0)
