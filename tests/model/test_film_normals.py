"""What normal ratios would be on films: bodies are measured as CT does, and standing rims change the answer."""

import numpy as np
import pytest

from benchmarks.film_normals import on_ct, smoothed, transfer
from models.synthesis.norms import NORMS
from models.synthesis.spine import draw_shape
from models.synthesis.volumes import true_heights
from vfx_finder.domain.genant import NORMAL_SHAPE
from vfx_finder.domain.spine import Level


def test_a_body_is_measured_on_its_voxels_as_it_is() -> None:
    """Voxels of 1 mm take a few hundredths off the corners, and nothing else."""
    shape = draw_shape(next(norm for norm in NORMS if norm.name == "L2"), 1.0, np.random.default_rng(3))
    measured = on_ct(shape, np.random.default_rng(0))
    assert measured == pytest.approx(true_heights(shape), rel=0.06)


def test_the_higher_rims_stand_in_front_the_higher_a_film_shows_the_front() -> None:
    """So a transfer from CT to films hangs on rims, which is why none is used (docs/evidence/xray_spine.md)."""
    without, standing = (smoothed(transfer(1, 5, rim)) for rim in (0.0, 2.4))
    assert set(without) == set(NORMAL_SHAPE)
    assert standing[Level.T7][0] > without[Level.T7][0] + 0.01
