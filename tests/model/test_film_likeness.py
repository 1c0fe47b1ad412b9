"""Synthetic films look as lateral films do: lungs behind the spine, arms without joints, tone, wires."""

import numpy as np
import pytest
import torch
from torch import Tensor

from models.synthesis.film import draw_view
from models.synthesis.film_arms import RAISED_RATE, arms, draw_pose
from models.synthesis.film_chest import inside_chest, lungs
from models.synthesis.film_detector import draw_exposure, graticule, marked, toned
from models.synthesis.film_rays import View
from models.synthesis.film_samples import UPRIGHT_DEG, Frame
from models.synthesis.film_solids import Solid, union
from models.synthesis.spine import Array, ordered
from models.synthesis.trunk import Trunk, draw_trunk


@pytest.fixture(scope="module")
def trunk() -> Trunk:
    return draw_trunk(np.random.default_rng(11), ordered({}, variation=0.0))


def side_view(trunk: Trunk, frontal: bool = False) -> View:
    return draw_view(trunk, np.random.default_rng(5), frontal)


def at(picture: Tensor, view: View, trunk: Trunk, level: str, away: tuple[float, float, float] = (0, 0, 0)) -> float:
    """What the picture holds `away` (mm) from the middle of a body."""
    centre: Array = next(v.centre for v in trunk.spine.vertebrae if v.name == level)
    row, col = np.rint(view.pixels((centre + np.array(away))[None])[0]).astype(int)
    return float(picture[row, col])


@pytest.mark.parametrize("seed", range(3))
def test_lungs_lie_over_the_thoracic_bodies_and_end_behind_them(trunk: Trunk, seed: int) -> None:
    view = side_view(trunk)
    air = lungs(trunk, view, np.random.default_rng(seed))
    for level in ("T5", "T7", "T9"):
        assert at(air, view, trunk, level) < -25
        assert at(air, view, trunk, level, (0, 80, 0)) == 0
    for level in ("C5", "L3", "L5"):
        assert at(air, view, trunk, level) == 0


@pytest.mark.parametrize("seed", range(3))
def test_the_diaphragm_lies_lower_at_the_back_than_at_its_dome(trunk: Trunk, seed: int) -> None:
    view = side_view(trunk)
    air = lungs(trunk, view, np.random.default_rng(seed))
    t8 = next(v.centre for v in trunk.spine.vertebrae if v.name == "T8")
    spine, dome = (view.pixels((t8 + np.array([0, y, 0.0]))[None])[0, 1].round().astype(int) for y in (20, -90))
    lowest = {col: int(torch.nonzero(air[:, col] < -5).max()) for col in (spine, dome)}
    assert lowest[spine] > lowest[dome]


def test_from_the_front_the_lungs_lie_beside_the_spine(trunk: Trunk) -> None:
    view = side_view(trunk, frontal=True)
    air = lungs(trunk, view, np.random.default_rng(1), frontal=True)
    assert at(air, view, trunk, "T8") == 0
    assert at(air, view, trunk, "T8", (60, 0, 0)) < -50
    assert at(air, view, trunk, "T8", (-60, 0, 0)) < -50


def test_flesh_that_overlaps_counts_once(trunk: Trunk) -> None:
    view = side_view(trunk)
    ball = Solid(np.zeros((1, 3)), 0.0, 1.0, np.array([20.0, 30.0, 30.0]))
    assert torch.equal(union([ball, ball], view), union([ball], view))
    assert float(union([ball], view).max()) == pytest.approx(40, rel=0.05)


def test_arms_lie_before_the_lumbar_spine_and_blades_over_the_thoracic(trunk: Trunk) -> None:
    view = side_view(trunk)
    crossed = 0
    for seed in range(4):
        drawn = arms(trunk, view, np.random.default_rng(seed))
        assert at(drawn, view, trunk, "L3") == 0
        crossed += any(at(drawn, view, trunk, f"T{n}", (0, y, 0)) > 0.5 for n in range(2, 8) for y in (-10, 0, 10))
    assert crossed >= 3


def test_most_arms_hang_forward() -> None:
    rng = np.random.default_rng(2)
    raised = [draw_pose(rng).hang < -30 for _ in range(400)]
    assert np.mean(raised) == pytest.approx(RAISED_RATE, abs=0.06)


def test_what_the_chest_holds_is_the_same_again(trunk: Trunk) -> None:
    view = side_view(trunk)
    first, second = (inside_chest(trunk, view, np.random.default_rng(8)) for _ in range(2))
    assert torch.equal(first, second)
    assert float(first.max()) > 5


def test_tone_keeps_the_order_of_densities_and_ends_at_its_ceiling() -> None:
    level = torch.linspace(0, 1, 101)
    for seed in range(20):
        exposure = draw_exposure(np.random.default_rng(seed))
        shown = toned(level, exposure)
        assert bool((shown.diff() > 0).all())
        assert float(shown[0]) == 0.0
        assert float(shown[-1]) == pytest.approx(exposure.ceiling, rel=1e-3)


@pytest.mark.parametrize("pixel", [1.0, 3.75])
def test_wires_are_unbroken_however_coarse_the_picture(pixel: float) -> None:
    frame = Frame((300.0, 200.0), pixel, 0.0, (120, 80))
    lined = graticule(torch.zeros(120, 80), *frame.points(), 0.8, np.random.default_rng(3))
    crossing = torch.nonzero(lined.amin(0) > 0).flatten()
    assert len(crossing) >= 1
    assert float(lined[:, crossing].max(0).values.max()) > 0.01
    assert float((lined == 0).float().mean()) > 0.5


def test_marks_leave_most_of_a_picture_as_it_was() -> None:
    kept = []
    for seed in range(40):
        picture = torch.full((160, 100), 0.5)
        kept.append(float((marked(picture, 3.0, np.random.default_rng(seed)) == picture).float().mean()))
    assert np.median(kept) > 0.7
    assert min(kept) < 0.7


def test_parts_are_turned_so_that_the_patient_stands_upright() -> None:
    stooped = np.array([[100.0, 100.0], [500.0, 142.0]])
    top, foot = Frame((300.0, 120.0), 1.0, float(np.radians(UPRIGHT_DEG)), (600, 300)).into(stooped)
    assert -6 < np.degrees(np.arctan2(foot[1] - top[1], foot[0] - top[0])) < 0
