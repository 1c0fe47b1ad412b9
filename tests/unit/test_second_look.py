"""The second look: the same body, turned level and alone, measured there and drawn where it really is."""

from dataclasses import replace

import numpy as np
import pytest

from pipelines.steps.facts import Body, FloatArray, Look, SagittalStack, Volume
from pipelines.steps.measure import measure_body
from pipelines.steps.second_look import LOOK_MM, LOOK_PX, LOOKS_DISAGREE, patch, patch_places, second_look
from pipelines.steps.section import Stance
from pipelines.steps.straighten import Sheet

BONE_HU, REST_HU = 300, 40
DEPTH_MM, HEIGHT_MM = 34.0, 26.0
MIDDLE = (60.0, 58.0)


def inside(row: np.ndarray, col: np.ndarray, tilt: float) -> np.ndarray:
    """Where a box of 34 x 26 mm, turned by `tilt` radian round (60, 58), covers a 1 mm section."""
    down, back = row - MIDDLE[0], col - MIDDLE[1]
    along = back * np.cos(tilt) + down * np.sin(tilt)
    across = down * np.cos(tilt) - back * np.sin(tilt)
    return (np.abs(along) < DEPTH_MM / 2) & (np.abs(across) < HEIGHT_MM / 2)


def scan(tilt: float) -> tuple[Volume, Sheet]:
    """A volume of 1 mm voxels in which every sagittal section holds that box; head at the highest k."""
    z, y = 119 - np.arange(120.0), np.arange(120.0)
    rows, cols = np.meshgrid(np.arange(120.0), np.arange(120.0), indexing="ij")
    section = np.where(inside(rows, cols, tilt), BONE_HU, REST_HU).astype(np.int16)
    hu = np.repeat(section[::-1].T[None], 40, axis=0)
    return Volume(hu, np.eye(4), 1.0), Sheet(z, np.full(120, 20.0), y)


def body_of(tilt: float) -> Body:
    rows, cols = np.meshgrid(np.arange(120.0), np.arange(120.0), indexing="ij")
    mask = np.repeat(inside(rows, cols, tilt)[None], 5, axis=0).astype(np.float32)
    return Body(mask, (0, 0), MIDDLE, 0.9)


class ByBrightness:
    """Calls everything bright the body, smaller by `eroded` pixels on each side."""

    def __init__(self, eroded: int = 0) -> None:
        self.eroded = eroded

    def look(self, hu: FloatArray) -> FloatArray:
        seen = (hu > (BONE_HU + REST_HU) / 2).astype(np.float32)
        rows = np.abs(np.arange(LOOK_PX) - (LOOK_PX - 1) / 2)
        half = HEIGHT_MM / 2 / LOOK_MM - self.eroded
        return seen * (rows < half)[None, None, :, None] if self.eroded else seen


def stack() -> SagittalStack:
    empty = np.zeros((5, 120, 120), np.float32)
    rows = np.stack([np.zeros(120), np.zeros(120), 119 - np.arange(120.0)], -1)
    left = np.array([1.0, 0, 0])
    return SagittalStack(empty, empty, (-6.0, -3.0, 0.0, 3.0, 6.0), 1.0, rows, np.array([0.0, 1.0, 0.0]), left)


@pytest.mark.parametrize("tilt", [-0.45, -0.3, -0.1, 0.0, 0.2, 0.35, 0.45])
def test_a_tilted_body_is_measured_level(tilt: float) -> None:
    """However a body leans, its three heights are the box's own within a millimetre."""
    volume, sheet = scan(tilt)
    (body,) = second_look(volume, sheet, [body_of(tilt)], ByBrightness())
    assert body.look is not None
    assert body.look.tilt == pytest.approx(tilt, abs=0.06)
    measure = measure_body(body, stack())
    assert measure is not None
    heights = (measure.heights.anterior, measure.heights.middle, measure.heights.posterior)
    assert heights == pytest.approx((HEIGHT_MM,) * 3, abs=1.2)
    assert measure.centre == pytest.approx(MIDDLE, abs=1.5)


def test_what_is_drawn_lies_on_the_body() -> None:
    """The outline of a leaning body is carried back onto the section it was found in."""
    volume, sheet = scan(0.4)
    (body,) = second_look(volume, sheet, [body_of(0.4)], ByBrightness())
    measure = measure_body(body, stack())
    assert measure is not None
    points = np.array(measure.drawing.outline)
    shrunk = MIDDLE[::-1] + (points - MIDDLE[::-1]) * 0.9
    grown = MIDDLE[::-1] + (points - MIDDLE[::-1]) * 1.1
    assert inside(shrunk[:, 1], shrunk[:, 0], 0.4).all()
    assert not inside(grown[:, 1], grown[:, 0], 0.4).any()


def test_the_patch_shows_the_body_level_with_its_front_left() -> None:
    """In the patch of a leaning body its upper end-plate is a row, and anterior lies to the left."""
    volume, sheet = scan(-0.35)
    seen = patch(volume, sheet, Stance(MIDDLE, -0.35))[1] > (BONE_HU + REST_HU) / 2
    heights = seen.sum(axis=0)[seen.any(axis=0)][2:-2] * LOOK_MM
    assert np.ptp(heights) < 3 * LOOK_MM
    row, col = patch_places(Stance(MIDDLE, -0.35))
    assert col[40, 0] < col[40, -1]
    assert row[0, 40] < row[-1, 40]


def test_a_second_look_that_sees_something_else_is_not_believed() -> None:
    """Where the second look finds less than four tenths of the first look's body, the first one stands and says so."""
    volume, sheet = scan(0.0)
    (body,) = second_look(volume, sheet, [body_of(0.0)], ByBrightness(eroded=10))
    assert body.look is None
    assert LOOKS_DISAGREE in body.flags


def test_a_point_goes_to_the_stack_and_back() -> None:
    """The middle of the patch is the centre of the body, and a pixel to the right lies along the turned depth axis."""
    look = Look(np.zeros((3, 80, 80), np.float32), (50.0, 40.0), 0.3, LOOK_MM)
    assert look.to_stack((39.5, 39.5), 1.0) == pytest.approx((50.0, 40.0))
    beside = look.to_stack((39.5, 49.5), 1.0)
    assert beside == pytest.approx((50 + 8 * np.sin(0.3), 40 + 8 * np.cos(0.3)))
    assert replace(look, tilt=0.0).to_stack((49.5, 39.5), 1.0) == pytest.approx((58.0, 40.0))
