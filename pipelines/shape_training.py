"""How `ct_spine` learns which shapes are broken ones: by measuring synthetic patients as it measures any other.

Drawn shapes alone would teach too much: what counts is how the networks outline them. So patients of their own seed are
drawn, scanned and analysed, and what is measured of each vertebra is kept with what it was drawn as.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models import synthesis
from models.catalogue import OF_SHAPES, Models, card, load
from models.synthesis.shape_patients import FIRST, shape_options, shape_patient
from models.synthesis.validation import write_patient
from models.training import trees
from models.trees import Trees
from pipelines import study
from pipelines.evaluation.analysing_code import code_that_analyses
from pipelines.evaluation.journal import sha256_of_code
from pipelines.evaluation.processes import processes
from pipelines.steps.shape_facts import FACTS, RISING, Floats
from vfx_finder.domain import genant
from vfx_finder.domain.finding import Finding

_WORKSHOP = Path(synthesis.__path__[0])
SAME_BODY_MM = 15.0
BROKEN_FROM = 2


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
    with processes(jobs) as crew:
        yield from crew.map(_kept, paths, numbers)


def _taught_by() -> str:
    """A name for what is measured of patients so drawn: a lesson by other networks or other code is not taken up."""
    networks = {name: known for name, known in card("ct_spine")["sha256"].items() if name != OF_SHAPES}
    code = code_that_analyses("study.py", Path(__file__).name)
    return hashlib.sha256(json.dumps([networks, code, _drawing()]).encode()).hexdigest()[:16]


def _drawing() -> str:
    return sha256_of_code(file for file in sorted(_WORKSHOP.glob("*.py")) if not file.name.startswith("film"))


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
    one = shape_patient(number)
    if one.contents != "none":
        with TemporaryDirectory() as folder:
            parts += [_of_scan(image, shelf) for image in write_patient(one, Path(folder), shape_options(one))]
    return Lesson(np.concatenate([p.facts for p in parts]), np.concatenate([p.is_broken for p in parts]))


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
