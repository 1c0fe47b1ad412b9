"""How `ct_spine` learns which shapes are broken ones: by measuring synthetic patients as it measures any other.

Drawn shapes alone would teach too much: what counts is how the networks outline them. So patients of their own seed are
drawn, scanned and analysed, and what is measured of each vertebra is kept with what it was drawn as.
"""

import hashlib
import json
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.catalogue import OF_SHAPES, Models, card, load
from models.synthesis.spine import SpineOptions
from models.synthesis.validation import Acquisition, Patient, patient, write_patient
from models.training import trees
from models.trees import Trees
from pipelines import study
from pipelines.steps.shape_facts import FACTS, RISING, Floats
from vfx_finder.domain import genant
from vfx_finder.domain.finding import Finding

SEED = 20271111
FIRST, PATIENTS = 41, 560
SAME_BODY_MM = 15.0
BROKEN_FROM = 2
_THICKENED = 0.15
_ALSO_THICK = 4
"""Every so many patients are scanned at 5 mm as well: thick slices are where sound bodies are measured too low."""
_EVENLY_LOST = 8
"""Every so many lumbar spines lost height evenly or behind, at one or two of these levels: chance draws few such."""
_LOWER_LUMBAR = ("L2", "L3", "L4", "L5")
_LUMBAR_VIEWS = ("lumbar", "abdomen", "whole")


@dataclass(frozen=True)
class Lesson:
    """What was measured of the vertebrae of some scans: facts [n, len(FACTS)], and whether each was drawn with a loss
    that readers call grade 2 or 3 [n]."""

    facts: Floats
    is_broken: NDArray[np.bool_]


class _Listening:
    """The installed model for CT, which keeps the facts it was asked about and says nothing of them."""

    def __init__(self, model: study.SpineModel) -> None:
        self._model = model
        self.heard = np.empty((0, len(FACTS)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def broken(self, facts: Floats) -> Floats:
        self.heard = facts
        return np.full(len(facts), np.nan)


@dataclass(frozen=True)
class _Shelf:
    ct_spine: Any
    xray_spine: None = None


def learn(folder: Path, patients: int, told: Callable[[int, int], None], jobs: int = 1) -> Trees:
    """The trees that say "broken" from what is measured on so many synthetic patients; a later call goes on there.

    `folder` keeps the lesson of each patient; `jobs` processes measure at the same time. Raises `ValueError` where none
    of the patients shows a fracture, or all do.
    """
    folder = folder / _taught_by()
    folder.mkdir(parents=True, exist_ok=True)
    lessons = []
    for lesson in _lessons(folder, range(FIRST, FIRST + patients), jobs):
        lessons.append(lesson)
        told(len(lessons), patients)
    facts, is_broken = (np.concatenate([getattr(one, part) for one in lessons]) for part in ("facts", "is_broken"))
    if is_broken.all() or not is_broken.any():
        raise ValueError("These patients show nothing to tell apart: take more of them.")
    return trees.fit(facts, is_broken, tuple(fact in RISING for fact in FACTS))


def _lessons(folder: Path, numbers: Sequence[int], jobs: int) -> Iterator[Lesson]:
    paths = [folder / f"{number:05d}.npz" for number in numbers]
    if jobs == 1:
        yield from map(_kept, paths, numbers)
        return
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as crew:
        yield from crew.map(_kept, paths, numbers)


def _taught_by() -> str:
    """A name for what the installed networks measure of these facts: lessons of others are not taken up."""
    networks = {name: known for name, known in card("ct_spine")["sha256"].items() if name != OF_SHAPES}
    return hashlib.sha256(json.dumps([networks, FACTS]).encode()).hexdigest()[:16]


def _kept(path: Path, number: int) -> Lesson:
    if not path.exists():
        lesson = _lesson(number, _shelf())
        partial = path.with_suffix(".part.npz")
        np.savez(partial, facts=lesson.facts, is_broken=lesson.is_broken)
        partial.replace(path)
    with np.load(path) as saved:
        return Lesson(saved["facts"], saved["is_broken"])


@cache
def _shelf() -> Models:
    return load()


def _lesson(number: int, shelf: Models) -> Lesson:
    parts = [Lesson(np.empty((0, len(FACTS))), np.empty(0, bool))]
    one = _patient(number)
    if one.contents != "none":
        with TemporaryDirectory() as folder:
            parts += [_of_scan(image, shelf) for image in write_patient(one, Path(folder), _options(one))]
    return Lesson(np.concatenate([p.facts for p in parts]), np.concatenate([p.is_broken for p in parts]))


def _patient(number: int) -> Patient:
    """A patient like those of the frozen set, of another seed, with more thick slices."""
    one = patient(number, SEED)
    rng = np.random.default_rng([SEED, number, 9])
    first = one.acquisitions[0]
    if first.slice_mm <= 3.0 and rng.random() < _THICKENED:
        first = replace(first, slice_mm=round(float(rng.uniform(3, 5)), 2))
    thick = (Acquisition("thick5", 5.0, "soft"),) if number % _ALSO_THICK == 0 else ()
    return replace(one, acquisitions=(first, *thick))


def _options(one: Patient) -> SpineOptions | None:
    """Ordered fractures for some lumbar spines, None (as the contents say) for all others."""
    if one.number % _EVENLY_LOST or one.contents == "none" or one.view not in _LUMBAR_VIEWS:
        return None
    rng = np.random.default_rng([SEED, one.number, 10])
    levels = rng.choice(_LOWER_LUMBAR, int(rng.integers(1, 3)), replace=False)
    ordered = {
        str(level): (str(rng.choice(("crush", "posterior"))), float(rng.uniform(0.12, 0.45))) for level in levels
    }
    return SpineOptions(fractures=ordered, rim_mm=0)


def _of_scan(image: Path, shelf: Models) -> Lesson:
    listening = _Listening(shelf.ct_spine)
    findings = study.analyse([image], _Shelf(listening)).findings
    truth = json.loads(image.with_name(image.name.replace(".nii.gz", ".truth.json")).read_text())["vertebrae"]
    asked = [
        (facts, _is_broken(finding, truth))
        for facts, finding in zip(listening.heard, findings, strict=True)
        if not np.isnan(facts[0]) and finding.vertebra.level.level in genant.LEVELS_WITH_GRADE
    ]
    return Lesson(np.array([f for f, _ in asked]).reshape(-1, len(FACTS)), np.array([b for _, b in asked], bool))


def _is_broken(finding: Finding, truth: Sequence[Mapping[str, Any]]) -> bool:
    """Whether what was found was drawn with a grade 2 or 3; something that is no vertebra was not."""
    away = [float(np.linalg.norm(np.subtract(one["centre_mm"], finding.vertebra.centre_mm))) for one in truth]
    nearest = int(np.argmin(away)) if away else None
    if nearest is None or away[nearest] > SAME_BODY_MM:
        return False
    return bool(truth[nearest]["grade"] >= BROKEN_FROM)
