"""Synthetic films show what their truth says: lengths of rays, corners, heights, and every film the same again."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from models.synthesis.film import LAYERS, Film, FilmVertebra, draw_film
from models.synthesis.film_detector import Exposed, draw_exposure
from models.synthesis.film_rays import View, ball_chord, lateral_turn, tube_chords
from models.synthesis.film_samples import Frame, draw_strip, draw_whole, filled
from models.synthesis.film_validation import write_films
from models.synthesis.spine import ordered
from models.synthesis.trunk import draw_trunk


@pytest.fixture(scope="module")
def film() -> Film:
    rng = np.random.default_rng(11)
    return draw_film(draw_trunk(rng, ordered({"L1": ("wedge", 0.45)}, variation=0.0)), rng)


def view(turn: np.ndarray) -> View:
    return View(turn, 1e7, (0.0, 0.0), (-50.0, 50.0), (201, 201), 0.5)


def named(film: Film, level: str) -> FilmVertebra:
    return next(v for v in film.vertebrae if v.name == level)


def test_a_ray_through_the_middle_of_a_ball_is_as_long_as_the_ball_is_wide() -> None:
    rays = view(lateral_turn(0, 0)).box(np.zeros((1, 3)), 30.0)
    assert rays is not None
    chord = ball_chord(rays, torch.zeros(3), torch.tensor([12.0, 20.0, 20.0]))
    assert float(chord.max()) == pytest.approx(24.0, rel=1e-3)


@pytest.mark.parametrize("slope", [0.0, 0.6, 2.0])
def test_a_ray_crosses_a_tilted_tube_at_the_length_that_trigonometry_says(slope: float) -> None:
    ends = np.array([[-20.0 * slope, 0.0, -20.0], [20.0 * slope, 0.0, 20.0]])
    rays = view(lateral_turn(0, 0)).box(ends, 10.0)
    assert rays is not None
    outer, inner = tube_chords(rays, torch.tensor(ends, dtype=torch.float32), (4.0, 2.0))
    across = np.sin(np.arctan2(1.0, slope))
    middle = tuple(n // 2 for n in outer.shape)
    assert float(outer[middle]) == pytest.approx(8.0 / across, rel=0.01)
    assert float(inner[middle]) == pytest.approx(4.0 / across, rel=0.01)


def test_the_outline_lies_round_the_bone_that_was_projected(film: Film) -> None:
    body = film.layers[LAYERS.index("body")]
    for level in ("T8", "L2", "L4"):
        v = named(film, level)
        depth = np.ptp(v.outline[:, 1])
        inside = filled(v.outline, tuple(body.shape)) > 0.99
        before = filled(v.outline - np.array([0.0, 1.15 * depth]), tuple(body.shape)) > 0.99
        assert float(body[inside].mean()) > 3.0
        assert float(body[before].mean()) < 0.2


def test_heights_between_the_corners_are_the_heights_of_the_truth(film: Film) -> None:
    for v in (named(film, "T10"), named(film, "L3")):
        front, back = (np.linalg.norm(v.upper[at] - v.lower[at]) * film.pixel_mm for at in (1, 11))
        assert front / back == pytest.approx(v.heights_mm[0] / v.heights_mm[2], abs=0.05)


def test_a_wedge_is_a_wedge_on_the_film(film: Film) -> None:
    v = named(film, "L1")
    front, back = (np.linalg.norm(v.upper[at] - v.lower[at]) for at in (1, 11))
    assert front / back < 0.72
    assert v.loss > 0.3


def test_a_grid_and_its_film_agree_on_every_point() -> None:
    frame = Frame((40.0, 70.0), 1.7, 0.3, (33, 21))
    rows, cols = frame.points()
    at = frame.into(np.array([[float(rows[5, 9]), float(cols[5, 9])]]))[0]
    assert at == pytest.approx([5, 9], abs=1e-3)


def test_samples_hold_what_the_networks_are_taught(film: Film) -> None:
    rng = np.random.default_rng(3)
    exposed = Exposed(film, draw_exposure(rng))
    whole, strip = draw_whole(exposed, rng), draw_strip(exposed, rng)
    assert torch.allclose(whole.tissue.sum(0), torch.ones(whole.tissue.shape[1:]), atol=1e-4)
    assert torch.allclose(strip.tissue.sum(0), torch.ones(strip.tissue.shape[1:]), atol=1e-4)
    assert float(strip.inside.sum()) > 100
    assert float(whole.rank[whole.inside > 0].max()) <= 1.0
    assert torch.isfinite(strip.image).all()


def test_an_exposure_is_the_same_whole_and_in_part(film: Film) -> None:
    exposed = Exposed(film, draw_exposure(np.random.default_rng(5)))
    assert 0.0 <= float(exposed.coarse.min()) <= float(exposed.coarse.max()) <= 1.0
    part = exposed.patch(*Frame((500.0, 250.0), 3.0, 0.0, (60, 60)).points(), 2.4)
    same = exposed.coarse[137:197, 53:113]
    assert float(torch.corrcoef(torch.stack([part.flatten(), same.flatten()]))[0, 1]) > 0.85


def test_a_frozen_film_is_the_same_again_and_its_corners_lie_on_it(tmp_path: Path) -> None:
    first, second = write_films([2], tmp_path / "a"), write_films([2], tmp_path / "b")
    assert first.read_text() == second.read_text()
    pictures = [np.asarray(Image.open(file.parent / "images" / "0002.png")) for file in (first, second)]
    assert np.array_equal(*pictures)
    document = json.loads(first.read_text())
    row = document["annotations"][0]
    points = np.array(row["keypoints"]).reshape(-1, 3)
    seen = points[points[:, 2] > 0]
    assert len(seen) == 4 * len(row["grades"])
    assert (seen[:, 0] < pictures[0].shape[1]).all()
    assert (seen[:, 1] < pictures[0].shape[0]).all()
