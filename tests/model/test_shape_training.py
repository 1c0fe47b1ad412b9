"""The trees learn from synthetic patients as the installed networks measure them, and go on where they stood."""

import json
import shutil
from collections.abc import Callable
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
from pipelines.shape_training import _is_broken, _lesson, learn
from pipelines.steps.shape_facts import FACTS
from tests.support import spines
from vfx_finder.cli import _shapes, learn_shapes
from vfx_finder.domain.spine import Level

PATIENTS = 3
AMONG_THEM_BROKEN = 43
"""From here on the first three patients show 26 graded vertebrae, of which four are broken."""


def silent(done: int, of: int) -> None:
    assert 0 <= done <= of


def test_trees_learn_from_measured_patients_and_a_later_call_draws_none_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SETTINGS, "min_samples_leaf", 2)
    monkeypatch.setattr(shape_training, "FIRST", AMONG_THEM_BROKEN)
    trees = learn(tmp_path, PATIENTS, silent)
    lessons = [dict(np.load(path)) for path in sorted(tmp_path.rglob("*.npz"))]
    assert len(lessons) == PATIENTS
    facts = np.concatenate([one["facts"] for one in lessons])
    is_broken = np.concatenate([one["is_broken"] for one in lessons])
    assert facts.shape == (len(is_broken), len(FACTS))
    assert 2 < is_broken.sum() < len(is_broken) / 2
    said = trees.probability(facts)
    assert said[is_broken].mean() > 0.5 > 0.2 > said[~is_broken].mean()
    monkeypatch.setattr(shape_training, "write_patient", None)
    assert np.array_equal(learn(tmp_path, PATIENTS, silent).probability(facts), said)


def test_two_processes_measure_what_one_measures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SETTINGS, "min_samples_leaf", 2)
    told: list[int] = []
    learn(tmp_path, PATIENTS, lambda done, _: told.append(done), jobs=2)
    assert told == [1, 2, 3]
    kept = sorted(tmp_path.rglob("*.npz"))[0]
    alone = _lesson(FIRST, load())
    assert np.allclose(np.load(kept)["facts"], alone.facts, atol=1e-3, equal_nan=True)


def test_some_lumbar_spines_lost_height_evenly_or_behind() -> None:
    ordered = {
        n: options for n in range(FIRST, FIRST + 200) if (options := shape_options(shape_patient(n))) is not None
    }
    assert 5 < len(ordered) < 25
    kinds = {kind for options in ordered.values() for kind, _ in (options.fractures or {}).values()}
    levels = {level for options in ordered.values() for level in options.fractures or {}}
    assert kinds == {"crush", "posterior"}
    assert levels == {"L2", "L3", "L4", "L5"}
    assert not any(len(shape_patient(n).acquisitions) > 1 for n in ordered)
    assert all(shape_patient(n).view in ("lumbar", "abdomen", "whole") for n in ordered)


def test_no_patient_of_the_frozen_set_teaches() -> None:
    assert SEED != FROZEN
    assert patient(FIRST, SEED) != patient(FIRST)


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
