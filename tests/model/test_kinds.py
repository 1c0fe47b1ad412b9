"""Crops of single vertebrae: labelled by what is drawn, and learned from within a few steps."""

import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.networks import KIND_CLASSES, KIND_SHAPE
from models.synthesis import kinds as drawn
from models.synthesis.bones import Capsules
from models.synthesis.spine import SpineOptions
from models.synthesis.trunk import Trunk, draw_trunk
from models.synthesis.varied import ribs_of, with_varied_ribs
from models.training.samples import PER_TRUNK, Task, draw_samples
from models.training.train import Plan, train
from pipelines.steps import kinds as asked

SEED = 31


def trunk(seed: int, variants: float = 0.0) -> Trunk:
    options = SpineOptions(variant_rate=variants, scoliosis_deg=2.0, hardware_rate=0.0)
    return draw_trunk(np.random.default_rng(seed), options)


def test_what_is_taught_is_what_is_asked() -> None:
    """The generator and the pipeline mean the same kinds, crops and frequencies."""
    assert drawn.KINDS == asked.KINDS
    assert len(drawn.KINDS) == KIND_CLASSES
    assert drawn.SHAPE == asked.CROP_SHAPE == KIND_SHAPE
    assert (drawn.VOXEL_MM, drawn.BEHIND_MM) == (asked.CROP_MM, asked.BEHIND_MM)
    samples = draw_samples(Task("kind", seed=SEED), 0)
    many = Counter(drawn.KINDS[int(one["kind"])] for one in samples)
    usual = drawn.kinds_of(trunk(SEED).spine)
    often = Counter(usual[name] for name in usual if name not in ("S3", "S4", "S5"))
    taught = [often[kind] * (2 if kind in drawn.AGAIN else 1) for kind in drawn.KINDS]
    assert tuple(taught) == asked.TAUGHT
    assert many["last rib"] == 4
    assert abs(len(samples) - PER_TRUNK["kind"]) <= 4


@pytest.mark.parametrize("seed", range(6))
def test_a_kind_follows_the_ribs_and_the_sacrum_whatever_the_name(seed: int) -> None:
    """With eleven to thirteen thoracic and four to six lumbar bodies."""
    spine = trunk(seed, variants=1.0).spine
    kinds = drawn.kinds_of(spine)
    names = [v.name for v in spine.vertebrae]
    first = next(n for n, name in enumerate(names) if kinds[name] == "first lumbar")
    assert [kinds[name] for name in names[first - 2 : first]] == ["last rib but one", "last rib"]
    assert [kinds[name] for name in names[names.index("S1") - 1 :][:2]] == ["last lumbar", "S1"]


def test_ribs_are_told_as_they_are_drawn() -> None:
    """Last ribs are whole, stubs, on one side or missing; all others stay as they are."""
    one, fates = trunk(SEED), Counter[int]()
    for seed in range(200):
        ribs = ribs_of(with_varied_ribs(one, np.random.default_rng(seed)))
        assert len([rib for rib in ribs if rib[0] != "T12"]) == 22
        fates[len([rib for rib in ribs if rib[0] == "T12"])] += 1
    assert fates[2] > fates[1] > fates[0] > 0


def test_bone_beside_the_last_thoracic_body_lies_where_a_rib_is_told() -> None:
    """With the right rib of T12 away, what lies to its left is brighter."""
    whole = trunk(SEED)
    at = next(v.centre for v in whole.spine.vertebrae if v.name == "T12")
    kept = [bone for bone in whole.bones if not (_is_rib(bone, "T12") and float(bone.ends[0, 0, 0]) < at[0])]
    halved = replace(whole, bones=tuple(kept))
    assert ("T12", 1.0) in ribs_of(halved)
    assert ("T12", -1.0) not in ribs_of(halved)
    band = drawn.paint_band(halved, np.random.default_rng(1))
    back, up, sides = np.meshgrid(np.arange(0, 45, 3), np.arange(-24, 9, 3), (1, -1), indexing="ij")
    brightest = band.at(at + np.stack([45.0 * sides, back, up], -1)).amax((0, 1))
    assert float(brightest[0]) > float(brightest[1]) + 60


def _is_rib(bone: Capsules, owner: str) -> bool:
    return bone.tissue == "rib" and bone.owner == owner


def test_crops_are_the_same_again_and_their_middle_is_the_body() -> None:
    first, again = (draw_samples(Task("kind", seed=7), 2) for _ in range(2))
    assert all(torch.equal(a["image"], b["image"]) for a, b in zip(first, again, strict=True))
    assert all(torch.isfinite(one["image"]).all() for one in first)
    assert all(tuple(one["image"].shape) == (1, *KIND_SHAPE) for one in first)


def test_kinds_are_learned(tmp_path: Path) -> None:
    """A few steps from nothing lower the loss of the kinds."""
    plan = Plan("kind", steps=24, batch=8, fresh=2, buffer=64, rate=4e-3, workers=0)
    train(plan, tmp_path, lambda step, loss: None)
    with (tmp_path / "kind.curve.csv").open() as file:
        losses = [float(row["kind"]) for row in csv.DictReader(file)]
    assert sum(losses[-5:]) < 0.85 * sum(losses[:5])
