"""Look-alikes and the frozen validation set: each mimic is what its name says, and every patient is the same again."""

import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from models.synthesis.metal import draw_hardware, streaks
from models.synthesis.mimics import INCLUSIONS, mimic_for, scheuermann, shaped, wedged
from models.synthesis.norms import NORMS
from models.synthesis.render import Painter
from models.synthesis.spine import SpineOptions, draw_shape, draw_spine, rimmed
from models.synthesis.trunk import draw_trunk
from models.synthesis.validation import PAIRED, SEED, STUDIES, patient, readers_grade, write_patient
from models.synthesis.volumes import true_heights
from models.training.train import PLANS

T9 = next(norm for norm in NORMS if norm.name == "T9")
L3 = next(norm for norm in NORMS if norm.name == "L3")
QUIET = SpineOptions(fracture_rate=0, mimic_rate=0, scheuermann_rate=0, bridging_rate=0, hardware_rate=0)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("seed", range(8))
def test_a_scheuermann_body_is_wedged_by_five_degrees_and_more(seed: int) -> None:
    """Sorensen's criterion holds for each body: its end-plates meet at five degrees or more beyond its own shape."""
    shape = draw_shape(T9, 1.0, rng(seed), variation=0.0)
    rough = scheuermann(shape, rng(seed))
    front = shape.upper.anterior + shape.lower.anterior - rough.upper.anterior - rough.lower.anterior
    assert np.degrees(np.arctan2(front, shape.depth)) >= 4.99


def test_a_limbus_vertebra_lacks_its_front_upper_corner_only() -> None:
    """The corner is lower at the front, and the middle and the back are as before."""
    shape = draw_shape(L3, 1.0, rng())
    chipped = shaped(shape, "limbus", rng(1))
    before, after = true_heights(shape), true_heights(chipped)
    assert after[1:] == pytest.approx(before[1:], abs=1e-3)
    assert after[0] <= before[0]
    assert chipped.upper.chip is not None


@pytest.mark.parametrize("mimic", INCLUSIONS)
def test_what_is_only_inside_a_body_leaves_its_shape(mimic: str) -> None:
    """A lesion or cement changes no height."""
    shape = draw_shape(L3, 1.0, rng())
    assert shaped(shape, mimic, rng(1)) is shape


def test_standing_rims_make_the_corners_higher_and_nothing_else() -> None:
    """Rims add height in front and behind; the middle of the end-plate stays."""
    shape = draw_shape(L3, 1.0, rng(), variation=0.0)
    front, middle, back = (
        now - before for now, before in zip(true_heights(rimmed(shape, 2.4, rng(2))), true_heights(shape), strict=True)
    )
    assert front > 0.1
    assert back > 0.05
    assert abs(middle) < 0.05


def test_cupids_bow_is_a_lumbar_finding() -> None:
    """Cupid's bow is drawn at L3 to L5 and nowhere else."""
    drawn = {norm.name for norm in NORMS for seed in range(60) if mimic_for(norm, rng(seed)) == "cupids-bow"}
    assert drawn == {"L3", "L4", "L5"}


def test_cement_is_bright_where_it_lies() -> None:
    """Painted cement is far brighter than any bone, and only within its own body."""
    from models.synthesis.inclusions import Inclusion

    trunk = draw_trunk(rng(3), replace(QUIET, fractures={}))
    vertebrae = list(trunk.spine.vertebrae)
    at = next(n for n, v in enumerate(vertebrae) if v.name == "L2")
    vertebrae[at] = replace(vertebrae[at], inside=(Inclusion((0.0, 0.0, 0.0), 5.0, 2500.0),))
    trunk = replace(trunk, spine=replace(trunk.spine, vertebrae=tuple(vertebrae)))
    points = torch.as_tensor(np.stack([v.centre for v in vertebrae if v.kind == "body"]), dtype=torch.float32)
    hu = Painter(trunk, 1.0, rng()).paint(points).hu.numpy()
    names = [v.name for v in vertebrae if v.kind == "body"]
    assert hu[names.index("L2")] > 2000
    assert max(value for name, value in zip(names, hu, strict=True) if name != "L2") < 900


def test_streaks_are_strong_beside_metal_and_gone_far_from_it() -> None:
    """Streaks fade with distance in the slice and across slices."""
    hardware = draw_hardware(draw_spine(rng(1), QUIET), rng(2))
    source = torch.as_tensor(hardware.sources[0], dtype=torch.float32)
    ring = torch.stack([torch.tensor([np.cos(a), np.sin(a), 0.0]) for a in np.linspace(0, 6.2, 60)]).float()
    near, far = (streaks(source + ring * radius, hardware).abs().max() for radius in (8.0, 200.0))
    above = streaks(source + ring * 8.0 + torch.tensor([0.0, 0.0, 150.0]), hardware).abs().max()
    assert near > 0.3 * hardware.strength
    assert far < 0.05 * hardware.strength
    assert above < 0.05 * hardware.strength


def test_the_validation_set_is_large_frozen_and_apart_from_training() -> None:
    """At least 400 patients, the same at every call, from a seed that no training plan uses."""
    assert STUDIES >= 400
    assert SEED not in {plan.seed for plan in PLANS.values()}
    assert [patient(n) for n in (1, 50, 400)] == [patient(n) for n in (1, 50, 400)]
    contents = [patient(n).contents for n in range(1, STUDIES + 1)]
    assert contents.count("fractures") > 150
    assert contents.count("mimics") > 90
    assert contents.count("none") > 8
    assert all(len(patient(n).acquisitions) == 3 for n in range(1, PAIRED + 1) if patient(n).contents != "none")


def test_a_validation_study_is_written_with_its_answer(tmp_path: Path) -> None:
    """A study is a NIfTI file and a key that holds heights, true loss and the readers' grade of every body in view."""
    number = next(n for n in range(PAIRED + 1, STUDIES) if patient(n).contents == "none" and patient(n).view == "empty")
    (image,) = write_patient(patient(number), tmp_path)
    key = json.loads(image.with_name(image.name.replace(".nii.gz", ".truth.json")).read_text())
    assert key["synthetic"] is True
    assert key["vertebrae"] == []
    assert np.asarray(nib.load(image).dataobj).max() < 0


def test_readers_grade_a_true_loss_by_what_they_see() -> None:
    """11, 17 and 33 % of a vertebra's own height are what readers call mild, moderate and severe."""
    assert [readers_grade(loss) for loss in (0.0, 0.10, 0.12, 0.16, 0.17, 0.32, 0.34)] == [0, 0, 1, 1, 2, 2, 3]


def test_a_wedge_keeps_its_back() -> None:
    """Wedging lowers the front alone."""
    shape = draw_shape(T9, 1.0, rng())
    thin = wedged(shape, 0.1)
    assert thin.upper.posterior == shape.upper.posterior
    assert thin.upper.anterior == pytest.approx(0.9 * shape.upper.anterior)
