"""Trees as arrays say what the library that fitted them says, and no file of theirs can run code."""

from pathlib import Path

import numpy as np
import pytest

from models.catalogue import OF_SHAPES, SHELF
from models.training.trees import fit
from models.trees import Trees
from pipelines.steps.shape_facts import FACTS, shape_facts
from tests.support.end_plates import plates, spine
from vfx_finder.domain.operating_point import BALANCED
from vfx_finder.domain.spine import Level

RISING = (True, False, False)


@pytest.fixture(scope="module")
def table() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(11)
    facts = rng.normal(size=(600, 3))
    is_so = facts[:, 0] + 0.5 * (facts[:, 1] > 0) + 0.3 * rng.normal(size=600) > 0.6
    facts[rng.random(facts.shape) < 0.1] = np.nan
    return facts, is_so


@pytest.fixture(scope="module")
def trees(table: tuple[np.ndarray, np.ndarray]) -> Trees:
    return fit(*table, RISING)


def test_what_was_learnt_is_told_apart(trees: Trees, table: tuple[np.ndarray, np.ndarray]) -> None:
    said = trees.probability(table[0])
    assert ((said > 0) & (said < 1)).all()
    assert said[table[1]].mean() > 0.7 > 0.3 > said[~table[1]].mean()


def test_a_file_holds_all_that_is_said(trees: Trees, table: tuple[np.ndarray, np.ndarray], tmp_path: Path) -> None:
    trees.save(tmp_path / "trees.safetensors")
    again = Trees.load(tmp_path / "trees.safetensors")
    assert np.array_equal(again.probability(table[0]), trees.probability(table[0]))


def test_a_fact_that_may_only_raise_the_probability_never_lowers_it(trees: Trees) -> None:
    rng = np.random.default_rng(12)
    rows = rng.normal(size=(200, 3))
    higher = rows + np.array([1.0, 0.0, 0.0])
    assert (trees.probability(higher) >= trees.probability(rows) - 1e-12).all()


def test_an_unknown_fact_is_answered_and_no_rows_have_no_answer(trees: Trees) -> None:
    assert 0 < trees.probability(np.full((1, 3), np.nan))[0] < 1
    assert trees.probability(np.empty((0, 3))).shape == (0,)


def test_the_shipped_trees_ask_the_facts_that_are_measured_and_know_a_plain_wedge() -> None:
    """Trees of other facts would load all the same: what they say of a sound and of a wedged spine would not fit."""
    shape = Trees.load(SHELF / "ct_spine" / "models" / OF_SHAPES)
    assert shape.feature.max() < len(FACTS)
    sound = spine({})
    wedged = spine({Level.L1: plates(Level.L1, (0.6, 0.8, 1.0))})
    at = [one.level for one in sound].index(Level.L1)
    assert shape.probability(shape_facts(sound, 1.5)).max() < 0.05
    said = shape.probability(shape_facts(wedged, 1.5))
    assert said[at] > 0.8 > 0.1 > np.delete(said, at).max()


@pytest.mark.parametrize("level", [Level.L3, Level.L4, Level.L5])
@pytest.mark.parametrize("share_left", [(0.72, 0.72, 0.72), (0.92, 0.78, 0.72)], ids=["even", "posterior"])
def test_the_shipped_trees_see_losses_of_the_lower_lumbar_spine_that_no_wedge_shows(
    level: Level, share_left: tuple[float, float, float]
) -> None:
    """Those of 0.4.0 said 0.14 to 0.47 of them, for few such fractures had been drawn. Asked: what "balanced" flags."""
    shipped = Trees.load(SHELF / "ct_spine" / "models" / OF_SHAPES)
    chain = list(spine({level: plates(level, share_left)}))
    at = next(n for n, one in enumerate(chain) if one.level is level)
    assert shipped.probability(shape_facts(chain, 1.5)[at : at + 1])[0] > BALANCED.threshold
