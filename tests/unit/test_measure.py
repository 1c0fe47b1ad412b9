"""Heights of drawn bodies whose heights are known, as they come: tilted, bridged, crushed, cut, and noisy."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.steps.facts import Body, Look, SagittalStack
from pipelines.steps.measure import BodyMeasure, measure_body, measure_planes, measure_section
from tests.support.bodies import Drawn, box, section
from vfx_finder.domain.spine import Heights

MIDDLE = (50.0, 50.0)


def measured(drawn: Drawn, mm_per_pixel: float = 0.8, middle: tuple[float, float] = MIDDLE) -> Heights:
    mask = section([drawn.outline()], mm_per_pixel, 100, middle)
    result = measure_section(mask, mm_per_pixel, middle)
    assert result is not None
    return result.heights


def close(heights: Heights, drawn: Drawn, within: float) -> None:
    assert heights.anterior == pytest.approx(drawn.anterior, abs=within)
    assert heights.middle == pytest.approx(drawn.middle, abs=within)
    assert heights.posterior == pytest.approx(drawn.posterior, abs=within)


@pytest.mark.parametrize("mm_per_pixel", [0.5, 0.8, 1.0])
def test_heights_are_right_to_a_fraction_of_a_pixel(mm_per_pixel: float) -> None:
    close(measured(Drawn(), mm_per_pixel), Drawn(), within=0.35 * mm_per_pixel)


@given(st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
@settings(max_examples=15)
def test_where_the_pixel_grid_falls_does_not_matter(rows: float, cols: float) -> None:
    close(measured(Drawn(), middle=(50 + rows, 50 + cols)), Drawn(), within=0.4)


@pytest.mark.parametrize("degrees", [-45, -30, -10, -1, 1, 10, 30, 45])
def test_a_tilted_body_is_measured_along_its_own_axis(degrees: float) -> None:
    drawn = Drawn(tilt_degrees=degrees)
    close(measured(drawn), drawn, within=0.7)
    mask = section([drawn.outline()], 0.8, 100, MIDDLE)
    result = measure_section(mask, 0.8, MIDDLE)
    assert result is not None
    assert np.rad2deg(result.tilt) == pytest.approx(degrees, abs=2.0)


def test_one_degree_of_tilt_changes_the_ratio_by_less_than_a_hundredth() -> None:
    ratios = [measured(Drawn(18, 17, 26, tilt_degrees=tilt)).min_max for tilt in (9.0, 10.0, 11.0)]
    assert max(ratios) - min(ratios) < 0.01


def test_a_start_off_centre_finds_the_same_body() -> None:
    mask = section([Drawn().outline()], 0.8, 100, MIDDLE)
    off = measure_section(mask, 0.8, (45.0, 58.0))
    assert off is not None
    close(off.heights, Drawn(), within=0.4)


def test_a_pedicle_bridge_to_posterior_bone_is_cut() -> None:
    bone = [Drawn().outline(), box(15, 26, 2, 6), box(24, 33, -20, 16)]
    result = measure_section(section(bone, 0.8, 100, MIDDLE), 0.8, MIDDLE)
    assert result is not None
    close(result.heights, Drawn(), within=0.6)
    assert result.depth_mm == pytest.approx(Drawn().depth, abs=3.5)


def test_the_next_vertebra_is_not_part_of_this_one() -> None:
    next_one = np.array([0.0, 32.0])
    bone = [Drawn().outline(), Drawn().outline() + next_one, Drawn().outline() - next_one]
    result = measure_section(section(bone, 0.8, 100, MIDDLE), 0.8, MIDDLE)
    assert result is not None
    close(result.heights, Drawn(), within=0.4)


def test_a_body_crushed_to_a_quarter_is_still_one_body() -> None:
    crushed = Drawn(12.0, 6.0, 14.0)
    close(measured(crushed, 0.6), crushed, within=0.7)


def test_nothing_and_specks_are_no_body() -> None:
    assert measure_section(np.zeros((80, 80), np.float32), 0.8, (40, 40)) is None
    assert measure_section(section([box(-2, 2, -2, 2)], 0.8, 80, (40, 40)), 0.8, (40, 40)) is None


@given(st.floats(0.35, 1.0), st.floats(0.35, 1.0))
@settings(max_examples=15)
def test_a_lower_rim_gives_a_lower_height_and_never_another_order(one: float, two: float) -> None:
    low, high = sorted((one, two))
    lower, higher = (measured(Drawn(26 * share, 24 * share, 27.0)) for share in (low, high))
    assert lower.anterior <= higher.anterior + 0.3
    assert lower.min_max <= higher.min_max + 0.02


def test_the_drawing_lies_on_the_body() -> None:
    mask = section([Drawn().outline()], 0.8, 100, MIDDLE)
    result = measure_section(mask, 0.8, MIDDLE)
    assert result is not None
    for upper, lower in result.lines:
        assert upper[0] < lower[0]
    lengths = [0.8 * np.hypot(upper[0] - lower[0], upper[1] - lower[1]) for upper, lower in result.lines]
    expected = (result.heights.anterior, result.heights.middle, result.heights.posterior)
    assert lengths == pytest.approx(expected, abs=0.05)
    anterior, middle, posterior = (line[0][1] for line in result.lines)
    assert anterior < middle < posterior
    rows, cols = np.array(result.outline).T
    area = 0.5 * abs(np.dot(rows, np.roll(cols, 1)) - np.dot(cols, np.roll(rows, 1))) * 0.8**2
    assert area == pytest.approx(result.area_mm2, rel=0.03)
    assert result.centre == pytest.approx(MIDDLE, abs=0.7)


def stack_of(planes: int, size: int = 160, mm_per_pixel: float = 0.8) -> SagittalStack:
    empty = np.zeros((planes, size, size), np.float32)
    return SagittalStack(
        hu=empty,
        body=empty,
        offsets_mm=tuple(4.0 * (plane - planes // 2) for plane in range(planes)),
        mm_per_pixel=mm_per_pixel,
        row_lps=np.zeros((size, 3)),
        column_lps=np.array([0.0, mm_per_pixel, 0.0]),
        left_lps=np.array([1.0, 0.0, 0.0]),
    )


def body_of(shapes: list[Drawn], corner: tuple[int, int] = (20, 30)) -> Body:
    mask = np.stack([section([drawn.outline()], 0.8, 100, MIDDLE) for drawn in shapes])
    return Body(mask=mask, corner=corner, centre=(MIDDLE[0] + corner[0], MIDDLE[1] + corner[1]), score=0.9)


def test_one_plane_that_leaked_into_a_vessel_does_not_decide() -> None:
    leaked = Drawn(anterior=36.0)
    result = measure_body(body_of([Drawn(), Drawn(), leaked, Drawn(), Drawn()]), stack_of(5))
    assert result is not None
    close(result.heights, Drawn(), within=0.4)
    assert "planes-disagree" not in result.flags
    assert result.area_jump > 0.1


def test_planes_that_disagree_are_flagged() -> None:
    shapes = [Drawn(anterior=height) for height in (14.0, 17.0, 20.0, 23.0, 26.0)]
    result = measure_body(body_of(shapes), stack_of(5))
    assert result is not None
    assert "planes-disagree" in result.flags
    assert result.spread_mm[0] > 3


def test_planes_that_show_different_bodies_are_told_apart_from_noisy_ones() -> None:
    """One plane whose body is twice as large: the median holds, but nobody knows of what."""
    shapes = [Drawn()] * 4 + [Drawn(anterior=40.0, middle=40.0, posterior=40.0, depth=36.0)]
    result = measure_body(body_of(shapes), stack_of(5))
    assert result is not None
    assert "planes-unlike" in result.flags


def test_where_the_second_look_differs_from_the_first_the_difference_is_the_uncertainty() -> None:
    """The three planes of a second look hardly differ; what the first one saw says how sure it can be."""
    patch = np.stack([section([Drawn(anterior=18.0).outline()], 0.8, 80, (39.5, 39.5))] * 3)
    body = replace(body_of([Drawn()] * 5), look=Look(patch, (70.0, 80.0), 0.0, 0.8))
    first, second = measure_body(replace(body, look=None), stack_of(5)), measure_body(body, stack_of(5))
    assert first is not None
    assert second is not None
    close(second.heights, Drawn(anterior=18.0), within=1.2)
    apart = first.heights.min_max - second.heights.min_max
    assert first.ratio_spread < 0.01
    assert second.ratio_spread == pytest.approx(apart / np.sqrt(2))
    assert "planes-disagree" in second.flags


def test_a_body_seen_in_one_plane_only_says_so() -> None:
    body = body_of([Drawn()] * 5)
    body.mask[1:] = 0
    result = measure_body(body, stack_of(5))
    assert result is not None
    assert result.planes == 1
    assert "few-planes" in result.flags


def test_a_body_in_no_plane_is_not_measured() -> None:
    assert measure_planes(np.zeros((5, 60, 60), np.float32), 0.8, (30, 30)) is None


def test_the_drawing_of_a_body_is_in_pixels_of_the_stack_as_column_and_row() -> None:
    at_origin = measure_body(body_of([Drawn()] * 3, corner=(0, 0)), stack_of(3))
    shifted = measure_body(body_of([Drawn()] * 3, corner=(20, 30)), stack_of(3))
    assert isinstance(at_origin, BodyMeasure)
    assert isinstance(shifted, BodyMeasure)
    moved = np.array(shifted.drawing.outline) - np.array(at_origin.drawing.outline)
    assert np.allclose(moved, [30, 20])
    assert shifted.centre == pytest.approx((70, 80), abs=0.7)
    (upper_col, upper_row), (_, lower_row) = shifted.drawing.height_lines[0]
    assert upper_row < lower_row
    assert upper_col < 80
