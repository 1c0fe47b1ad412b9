"""The trees learn from synthetic patients as the installed networks measure them, and go on where they stood."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from models import catalogue
from models.catalogue import load
from models.synthesis.shape_patients import FIRST, SEED, shape_options, shape_patient
from models.synthesis.validation import SEED as FROZEN
from models.synthesis.validation import patient
from models.training import export
from models.training.trees import SETTINGS
from models.trees import Trees
from pipelines import shape_training
from pipelines.shape_training import _is_broken, _lesson, _lessons, learn
from pipelines.steps.shape_facts import FACTS
from tests.support import spines
from vfx_finder.cli import _shapes, learn_shapes
from vfx_finder.domain.spine import Level

PATIENTS = 3
AMONG_THEM_BROKEN = 43
"""From here on the first three patients show 26 graded vertebrae, of which four are broken."""


def test_a_later_call_draws_no_patient_again_and_learns_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SETTINGS, "min_samples_leaf", 2)
    monkeypatch.setattr(shape_training, "FIRST", AMONG_THEM_BROKEN)
    told: list[tuple[int, int]] = []
    trees = learn(tmp_path, PATIENTS, lambda *done: told.append(done))
    lessons = [dict(np.load(path)) for path in sorted(tmp_path.rglob("*.npz"))]
    assert len(lessons) == PATIENTS
    facts = np.concatenate([one["facts"] for one in lessons])
    is_broken = np.concatenate([one["is_broken"] for one in lessons])
    assert facts.shape == (len(is_broken), len(FACTS))
    assert 0 < is_broken.sum() < len(is_broken) / 2
    assert told == [(1, PATIENTS), (2, PATIENTS), (3, PATIENTS)]
    monkeypatch.setattr(shape_training, "write_patient", None)
    again = learn(tmp_path, PATIENTS, lambda *_: None)
    assert np.array_equal(again.probability(facts), trees.probability(facts))


def test_two_processes_measure_what_one_measures(tmp_path: Path) -> None:
    numbers = [AMONG_THEM_BROKEN + 1, AMONG_THEM_BROKEN + 2]
    kept = list(_lessons(tmp_path, numbers, jobs=2))
    alone = _lesson(numbers[0], load())
    assert len(alone.facts) > 0
    assert np.allclose(kept[0].facts, alone.facts, atol=1e-3, equal_nan=True)
    assert np.array_equal(kept[0].is_broken, alone.is_broken)


def test_some_lumbar_spines_lost_height_evenly_or_behind() -> None:
    ordered = {
        n: options for n in range(FIRST, FIRST + 200) if (options := shape_options(shape_patient(n))) is not None
    }
    assert 5 < len(ordered) < 25
    kinds = {kind for options in ordered.values() for kind, _ in (options.fractures or {}).values()}
    levels = {level for options in ordered.values() for level in options.fractures or {}}
    assert kinds == {"crush", "posterior"}
    assert levels == {"L2", "L3", "L4", "L5"}
    assert all(shape_patient(n).view in ("lumbar", "abdomen", "whole") for n in ordered)


def test_thick_slices_tell_nothing_of_which_losses_there_are() -> None:
    numbers = range(FIRST, FIRST + 640)
    is_thick = {n: any(one.slice_mm == 5.0 for one in shape_patient(n).acquisitions[1:]) for n in numbers}
    ordered = [is_thick[n] for n in numbers if n % 8 == 2]
    others = [is_thick[n] for n in numbers if n % 8 != 2]
    assert np.mean(ordered) == pytest.approx(0.25)
    assert np.mean(others) == pytest.approx(2 / 7, abs=0.01)


def test_no_patient_of_the_frozen_set_teaches() -> None:
    assert SEED != FROZEN
    assert all(replace(patient(n, SEED), seed=FROZEN) != patient(n) for n in range(FIRST, FIRST + 20))


def test_what_was_found_beside_the_spine_was_not_drawn_broken() -> None:
    found = spines.analysis({Level.L1: 2}).findings[0]
    there = {"centre_mm": list(found.vertebra.centre_mm), "grade": 2}
    away = {**there, "centre_mm": [value + 20.0 for value in found.vertebra.centre_mm]}
    assert _is_broken(found, [away, there])
    assert not _is_broken(found, [json.loads(json.dumps({**there, "grade": 1})), away])
    assert not _is_broken(found, [away])
    assert not _is_broken(found, [])


def test_shapes_learnt_alone_go_into_the_bundle_with_a_card_that_claims_nothing_measured_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Path, int, int]] = []
    installed = Trees.load(catalogue.SHELF / "ct_spine" / "models" / catalogue.OF_SHAPES)

    def learnt(folder: Path, patients: int, told: Callable[[int, int], None], jobs: int) -> Trees:
        asked.append((folder, patients, jobs))
        return installed

    shelf = tmp_path / "shelf"
    (shelf / "ct_spine" / "models").mkdir(parents=True)
    shutil.copytree(catalogue.SHELF / "ct_spine" / "configs", shelf / "ct_spine" / "configs")
    monkeypatch.setattr(catalogue, "SHELF", shelf)
    monkeypatch.setattr(export, "SHELF", shelf)
    monkeypatch.setattr(shape_training, "learn", learnt)
    app = typer.Typer()
    learn_shapes.register(app)
    done = CliRunner().invoke(app, ["--folder", str(tmp_path), "--version", "9.9.9", "--jobs", "2"])
    assert done.exit_code == 0
    assert asked == [(tmp_path / "shapes", _shapes.PATIENTS, 2)]
    card = catalogue.card("ct_spine")
    written = shelf / "ct_spine" / "models" / catalogue.OF_SHAPES
    assert card["sha256"][written.name] == catalogue.sha256(written)
    assert card["training"]["shape"] == {"patients": _shapes.PATIENTS, "seed": SEED}
    assert (card["version"], "operating_points" in card) == ("9.9.9", False)
    assert written.stat().st_mode & 0o044 == 0o044


@pytest.mark.parametrize("stands", ["1.2.3", "1.2.3+retrained", "1.2.3, shapes not yet learnt"])
def test_a_bundle_made_anew_says_so_once_and_no_longer_that_its_shapes_are_to_be_learnt(
    monkeypatch: pytest.MonkeyPatch, stands: str
) -> None:
    monkeypatch.setattr(catalogue, "card", lambda _: {"version": stands})
    assert _shapes.retrained("ct_spine") == "1.2.3+retrained"


def test_lessons_of_other_networks_or_another_drawing_bear_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, card = shape_training._taught_by(), catalogue.card("ct_spine")
    trees_anew = {**card, "sha256": {**card["sha256"], catalogue.OF_SHAPES: "0"}}
    network_anew = {**card, "sha256": {**card["sha256"], "look.safetensors": "0"}}
    names = []
    for told in (trees_anew, network_anew):
        monkeypatch.setattr(shape_training, "card", lambda _, told=told: told)
        names.append(shape_training._taught_by())
    monkeypatch.setattr(shape_training, "card", lambda _: card)
    (tmp_path / "spine.py").write_text("HEIGHT = 1\n")
    monkeypatch.setattr(shape_training, "_WORKSHOP", tmp_path)
    names.append(shape_training._taught_by())
    assert [name == now for name in names] == [True, False, False]
