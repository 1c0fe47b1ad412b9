"""Synthetic spines: exact truth, the same again from the same seed, and fractures that are what they are called."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.synthesis.blocks import CLASSES as COARSE_CLASSES
from models.synthesis.fractures import KINDS, fracture
from models.synthesis.norms import NORMS, LevelNorm
from models.synthesis.render import Painter
from models.synthesis.sample import draw_sample
from models.synthesis.sections import CLASSES as FINE_CLASSES
from models.synthesis.shapes import BodyShape, body_depth
from models.synthesis.spine import SpineOptions, draw_shape
from models.synthesis.trunk import draw_trunk
from models.synthesis.volumes import true_heights
from models.training.samples import Task, draw_samples
from pipelines.steps.measure import measure_section
from vfx_finder.domain.spine import GRADED_LEVELS

LUMBAR = next(norm for norm in NORMS if norm.name == "L2")


def sound(norm: LevelNorm, seed: int) -> BodyShape:
    return draw_shape(norm, 1.0, np.random.default_rng(seed))


def section(shape: BodyShape, pixel: float = 0.5) -> np.ndarray:
    """The body's own mid-sagittal section, rows to the feet, columns to posterior, averaged over +-5 mm."""
    side = torch.arange(-30, 30, pixel)
    z, y = torch.meshgrid(-side, side, indexing="ij")
    planes = [body_depth(shape, (torch.full_like(y, float(x)), y, z))[0] for x in range(-5, 6, 2)]
    return torch.stack([(0.5 + p / pixel).clamp(0, 1) for p in planes]).mean(0).numpy().astype(np.float32)


def test_the_truth_of_a_shape_is_what_the_measuring_code_finds_on_it() -> None:
    """Exact min/max of synthetic bodies and the product's measurement of their sections differ by 0.02 on average."""
    errors = []
    for seed, norm in enumerate(n for n in NORMS * 3 if n.name in GRADED_LEVELS):
        shape = sound(norm, seed)
        exact = true_heights(shape)
        measured = measure_section(section(shape), 0.5, (60.0, 60.0))
        assert measured is not None
        errors.append(measured.heights.min_max - min(exact) / max(exact))
    assert np.mean(np.abs(errors)) <= 0.02
    assert np.max(np.abs(errors)) <= 0.08


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(KINDS), loss=st.floats(0.1, 0.5))
def test_a_deeper_fracture_is_lower(seed: int, kind: str, loss: float) -> None:
    """More loss never leaves a taller vertebra: its lowest height falls as the fracture deepens."""
    shape = sound(LUMBAR, seed)
    heights = [min(true_heights(fracture(shape, kind, part, np.random.default_rng(1)))) for part in (loss, loss + 0.1)]
    assert heights[1] < heights[0] < min(true_heights(shape))


def test_a_wedge_is_lower_in_front_and_a_crush_everywhere() -> None:
    """A wedge keeps its posterior height; a crush loses all three."""
    shape, rng = sound(LUMBAR, 3), np.random.default_rng(0)
    front, _, back = true_heights(shape)
    wedge = true_heights(fracture(shape, "wedge", 0.4, rng))
    crush = true_heights(fracture(shape, "crush", 0.4, rng))
    assert wedge[0] < 0.75 * front
    assert wedge[2] > 0.9 * back
    assert max(crush) < 0.8 * min(front, back)


def test_the_same_seed_draws_the_same_ct() -> None:
    """The sample's generator gives the same volume twice, but for what rounding of another processor may change."""
    first, second = draw_sample()[2], draw_sample()[2]
    assert np.array_equal(first, second)


def test_every_point_belongs_to_tissues_that_sum_to_at_most_one() -> None:
    """Tissue shares are never negative, and body, disc and other bone never claim one place twice."""
    trunk = draw_trunk(np.random.default_rng(5), SpineOptions())
    centre = next(v.centre for v in trunk.spine.vertebrae if v.name == "L3")
    offsets = torch.as_tensor(np.random.default_rng(1).uniform(-60, 60, (4000, 3)), dtype=torch.float32)
    painted = Painter(trunk, 1.0, np.random.default_rng(2)).paint(
        torch.as_tensor(centre, dtype=torch.float32) + offsets
    )
    body, disc = painted.share["body"], painted.share["disc"]
    assert all(bool((share >= 0).all()) and bool((share <= 1).all()) for share in painted.share.values())
    assert float((body + disc).max()) <= 1.001
    assert float(body.mean()) > 0.01


@pytest.mark.parametrize(("kind", "classes"), [("section", FINE_CLASSES), ("block", COARSE_CLASSES)])
def test_samples_carry_whole_targets(kind: str, classes: tuple[str, ...]) -> None:
    """Each training sample has tissue shares that sum to one at every pixel, and a heat between 0 and 1."""
    for sample in draw_samples(Task(kind, seed=7), 3):
        assert sample["tissue"].shape[0] == len(classes)
        assert torch.allclose(sample["tissue"].float().sum(0), torch.ones(()), atol=0.01)
        assert 0 <= float(sample["heat"].min()) <= float(sample["heat"].max()) <= 1


def test_sample_number_n_depends_on_seed_and_n_alone() -> None:
    """A training that resumes sees what it would have seen: sample n is the same whenever it is drawn."""
    first = draw_samples(Task("section", seed=7), 4)[0]["image"]
    draw_samples(Task("section", seed=7), 9)
    assert torch.equal(first, draw_samples(Task("section", seed=7), 4)[0]["image"])
    assert not torch.equal(first, draw_samples(Task("section", seed=8), 4)[0]["image"])
