"""The six studies of the demonstration are what their names say, and are drawn as a scanner would show them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from models.synthesis.demo import DEMO, Story
from models.synthesis.spine import ordered
from models.synthesis.trunk import Trunk, draw_trunk
from models.synthesis.validation import readers_grade
from models.synthesis.volumes import FieldOfView, render_volume, true_loss

GRADES: dict[str, dict[str, int]] = {
    "normal": {},
    "grade-1": {"L1": 1},
    "grade-2-wedge": {"T12": 2},
    "grade-3-crush": {"L2": 3},
    "two-moderate": {"T11": 2, "L3": 2},
}
NEAR_A_BOUND = 0.01


def trunk_of(story: Story) -> Trunk:
    return draw_trunk(np.random.default_rng([20260105, story.seed]), ordered(story.fractures or {}))


@pytest.mark.parametrize("story", [story for story in DEMO if story.fractures is not None], ids=lambda one: one.name)
def test_each_story_holds_the_grades_of_its_name(story: Story) -> None:
    """By the loss that the drawn fracture really took, and not on the edge of another grade."""
    losses = {one.name: true_loss(one) for one in trunk_of(story).spine.vertebrae if one.fracture}
    for shift in (-NEAR_A_BOUND, 0.0, NEAR_A_BOUND):
        assert {level: readers_grade(loss + shift) for level, loss in losses.items()} == GRADES[story.name]


def test_a_thick_slice_is_the_mean_of_the_thin_ones_it_holds() -> None:
    """What differs from slice to slice stays in the picture as less contrast: an end-plate does not come and go."""
    trunk = trunk_of(DEMO[3])
    centre = next(one.centre for one in trunk.spine.vertebrae if one.name == "L2")
    at = (float(centre[0]), float(centre[1]), float(centre[2]))
    thick = brightness(trunk, FieldOfView(at, (24, 24, 12), 1.5, 4.5))
    thin = brightness(trunk, FieldOfView(at, (24, 24, 36), 1.5, 1.5)).reshape(12, 3)
    assert np.abs(thick - thin.mean(axis=1)).max() < 5.0
    assert np.abs(thick - thin[:, 1]).max() > 20.0


def brightness(trunk: Trunk, field: FieldOfView) -> NDArray[np.float64]:
    """Mean of each slice (HU): the noise of single pixels does not count."""
    return np.asarray(render_volume(trunk, field, np.random.default_rng(1)).mean(axis=(0, 1)), np.float64)
