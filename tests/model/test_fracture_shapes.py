"""What kind of fracture was drawn, and what kind its exact heights are called: no picture, no network between."""

from collections import Counter

import numpy as np
import pytest

from models.synthesis.spine import Spine, SpineOptions, draw_spine
from models.synthesis.volumes import true_heights
from vfx_finder.domain import genant
from vfx_finder.domain.finding import Deformity
from vfx_finder.domain.spine import Heights, Level

SPINES = 90
OPTIONS = SpineOptions(variant_rate=0.0, fracture_rate=0.25, scheuermann_rate=0.0, hardware_rate=0.0)


@pytest.fixture(scope="module")
def called() -> Counter[tuple[str, Deformity]]:
    """How often each kind drawn (T4 to L4, grade 1 and above) is called each shape."""
    spines = (draw_spine(np.random.default_rng([50623, seed]), OPTIONS) for seed in range(SPINES))
    return Counter(pair for spine in spines for pair in _pairs(spine))


def _pairs(spine: Spine) -> list[tuple[str, Deformity]]:
    heights = {
        Level(one.name): Heights(*true_heights(one.shape))
        for one in spine.vertebrae
        if one.kind == "body" and Level(one.name) in genant.NORMAL_SHAPE
    }
    broken = {Level(one.name): one.fracture[0] for one in spine.vertebrae if one.fracture}
    return [
        (broken[level], genant.deformity(level, here, _others(heights, level)))
        for level, here in heights.items()
        if level in broken and level in genant.OWN_LOSS_LEVELS and _is_broken(level, heights)
    ]


def _others(heights: dict[Level, Heights], here: Level) -> dict[Level, Heights]:
    return {level: one for level, one in heights.items() if level is not here}


def _is_broken(level: Level, heights: dict[Level, Heights]) -> bool:
    loss = genant.loss_of(level, heights[level], _others(heights, level))
    return genant.grade(genant.severity(level, loss)) >= 1


def _share(called: Counter[tuple[str, Deformity]], kinds: tuple[str, ...], shape: Deformity) -> float:
    of_kind = {pair: count for pair, count in called.items() if pair[0] in kinds}
    return sum(count for pair, count in of_kind.items() if pair[1] is shape) / sum(of_kind.values())


def test_a_drawn_crush_is_called_a_crush(called: Counter[tuple[str, Deformity]]) -> None:
    """Its posterior wall loses 85 % of what the front loses, give or take what chance adds: seven of eight are told."""
    assert _share(called, ("crush",), Deformity.CRUSH) >= 0.75


def test_what_kept_its_posterior_wall_is_no_crush(called: Counter[tuple[str, Deformity]]) -> None:
    assert _share(called, ("wedge", "biconcave", "upper", "lower"), Deformity.CRUSH) <= 0.03


def test_wedges_and_biconcave_fractures_are_called_so(called: Counter[tuple[str, Deformity]]) -> None:
    assert _share(called, ("wedge",), Deformity.WEDGE) >= 0.65
    assert _share(called, ("biconcave",), Deformity.BICONCAVE) >= 0.90
