"""Films that are no lateral spines are drawn as what they are, and as training meets them."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from models.synthesis.film import Film, draw_film
from models.synthesis.film_limbs import LIMBS, draw_limb
from models.synthesis.film_others import FROM_FRONT, FROM_SIDE, KINDS, draw_other, other_frame
from models.synthesis.film_views import TAUGHT_LIMBS, draw_views, lateral_frame
from models.synthesis.spine import ordered
from models.synthesis.trunk import draw_trunk
from models.training.train import Plan, train
from models.view_net import SIDE_PX, VIEWS, ViewNet, boxed


@pytest.fixture(scope="module")
def side() -> Film:
    return draw_film(draw_trunk(np.random.default_rng(4), ordered({}, variation=0.0)), np.random.default_rng(4))


@pytest.fixture(scope="module")
def front() -> Film:
    return draw_film(draw_trunk(np.random.default_rng(4), ordered({}, variation=0.0)), np.random.default_rng(4), True)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_film_is_drawn_and_is_the_same_again(kind: str, side: Film, front: Film) -> None:
    source = front if kind in FROM_FRONT else side if kind in FROM_SIDE else None
    pictures = [draw_other(kind, source, np.random.default_rng(6))[0] for _ in range(2)]
    assert torch.equal(*pictures)
    assert min(pictures[0].shape) > 100
    assert float(pictures[0].std()) > 0.02


@pytest.mark.parametrize("kind", LIMBS)
def test_a_limb_has_bone_inside_its_flesh_and_no_vertebra(kind: str) -> None:
    limb = draw_limb(kind, np.random.default_rng(2))
    soft, bone = limb.layers[0], limb.layers[2]
    assert limb.vertebrae == ()
    assert float(bone.max()) > 3
    assert float((soft[bone > 2] > 0).float().mean()) > 0.9
    assert 0.02 < float((bone > 2).float().mean()) < 0.6


@pytest.mark.parametrize("seed", range(4))
def test_a_chest_from_the_side_shows_more_before_the_spine_than_a_lateral_film_of_it(side: Film, seed: int) -> None:
    """What tells them apart, for both show thoracic bodies: a film of the spine is collimated to it."""
    chest = other_frame("chest-lateral", side, np.random.default_rng(seed))
    t7 = next(v.centre for v in side.vertebrae if v.name == "T7")
    before = chest.into(t7[None])[0, 1] * side.pixel_mm
    assert before > 180
    assert chest.size[0] * side.pixel_mm < 480


@pytest.mark.parametrize("seed", range(12))
def test_a_lateral_film_shows_five_bodies_whole_at_least(side: Film, seed: int) -> None:
    frame = lateral_frame(side, np.random.default_rng(seed))
    inside = [
        v.name
        for v in side.vertebrae
        if v.kind == "body"
        and (frame.into(v.outline) > 0).all()
        and (frame.into(v.outline) < np.array(frame.size) - 1).all()
    ]
    assert len(inside) >= 5


def test_samples_tell_what_they_are_and_whether_they_are_upright(side: Film, front: Film) -> None:
    drawn = [one for seed in range(4) for one in draw_views(side, front, np.random.default_rng(seed))]
    assert {int(one.view) for one in drawn} == set(range(len(VIEWS)))
    assert all(one.image.shape == (3, SIDE_PX, SIDE_PX) for one in drawn)
    lateral = [one for one in drawn if one.lateral]
    assert all(int(one.view) == VIEWS.index("lateral") for one in lateral)
    assert 0.2 < np.mean([float(one.upright) for one in lateral]) < 0.8


def test_feet_are_kept_from_training() -> None:
    assert set(LIMBS) - set(TAUGHT_LIMBS) == {"foot"}


def test_a_small_film_stands_in_the_middle_of_its_square_and_is_marked() -> None:
    channels = boxed(torch.rand(SIDE_PX, 50))
    assert float(channels[2].sum()) == SIDE_PX * 50
    assert float(channels[2, :, 39:89].min()) == 1.0
    assert float(channels[:2, :, :39].abs().max()) == 0.0
    assert ViewNet()(channels[None]).shape == (1, len(VIEWS) + 1)


def test_the_network_of_views_learns(tmp_path: Path) -> None:
    """A few steps on a few films lower its loss."""
    told: list[float] = []
    plan = Plan("view", steps=14, batch=7, fresh=0, buffer=14, rate=1e-2, workers=0)
    train(plan, tmp_path, lambda step, loss: told.append(loss))
    with (tmp_path / "view.curve.csv").open() as file:
        losses = [float(row["view"]) for row in csv.DictReader(file)]
    assert len(told) == len(losses) == 14
    assert sum(losses[-5:]) < 0.85 * sum(losses[:5])
