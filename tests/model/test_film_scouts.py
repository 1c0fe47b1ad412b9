"""Synthetic scout views of CT show lying patients without tone, with their truth."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from models.synthesis.film_scouts import draw_scout, scout_exposure, write_scouts
from models.synthesis.spine import ordered
from models.synthesis.trunk import Trunk, draw_trunk


@pytest.fixture(scope="module")
def trunk() -> Trunk:
    return draw_trunk(np.random.default_rng(11), ordered({}, variation=0.0))


def test_rays_are_parallel_so_that_a_scout_magnifies_nothing(trunk: Trunk) -> None:
    scout = draw_scout(trunk, np.random.default_rng(2))
    seen = {v.name: v.centre for v in scout.vertebrae}
    true = {v.name: v.centre for v in trunk.spine.vertebrae}
    for upper, lower in (("T4", "T8"), ("L1", "L4")):
        shown = np.linalg.norm(seen[lower] - seen[upper]) * scout.pixel_mm
        assert shown == pytest.approx(np.linalg.norm((true[lower] - true[upper])[1:]), rel=0.02)


def test_the_table_lies_behind_the_patient(trunk: Trunk) -> None:
    """Beside the neck, which is thinner than the trunk, there is air, then the table, then air again."""
    scout = draw_scout(trunk, np.random.default_rng(2))
    row, col = next(v.centre for v in scout.vertebrae if v.name == "C5").round().astype(int)
    beside = scout.layers[0][row, col + 90 :]
    table = (beside > 30).nonzero()[:, 0]
    assert 6 <= len(table) <= 20
    assert int(table.max() - table.min()) == len(table) - 1
    assert float(beside[-1]) == 0.0


def test_scouts_are_noisier_than_films_and_have_hardly_any_scatter() -> None:
    drawn = [scout_exposure(np.random.default_rng(seed)) for seed in range(30)]
    assert max(one.scatter for one in drawn) <= 0.08
    assert max(one.photons for one in drawn) <= 3e5
    assert {one.knee for one in drawn} == {0.01}


def test_a_frozen_scout_is_written_with_its_corners_on_it(tmp_path: Path) -> None:
    written = write_scouts([3], tmp_path)
    picture = np.asarray(Image.open(tmp_path / "images" / "0003.png"))
    points = np.array(json.loads(written.read_text())["annotations"][0]["keypoints"]).reshape(-1, 3)
    seen = points[points[:, 2] > 0]
    assert len(seen) >= 20
    assert (seen[:, :2] >= 0).all()
    assert (seen[:, 0] < picture.shape[1]).all()
    assert (seen[:, 1] < picture.shape[0]).all()
    assert (tmp_path / "frontal" / "0003.png").exists()
