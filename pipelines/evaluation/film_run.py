"""Evaluate every film of some annotation files: take up what is kept, read the rest, keep each as it comes."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipelines.evaluation.carry_out import Crew, Failed, carry_out
from pipelines.evaluation.cases import Excluded
from pipelines.evaluation.film_set import left_out
from pipelines.evaluation.films import BodyResult, FilmResult, FilmTruth, StrayResult, film_result, film_truths
from pipelines.evaluation.journal import Journal, Key, sha256_of_files
from pipelines.evaluation.names import named_apart
from pipelines.evaluation.record import Analyser
from pipelines.evaluation.run import Plan, Told
from vfx_finder.domain.spine import Level, Point

FILM = "film"
PICTURE_END = ".jpg"


@dataclass(frozen=True)
class FilmTask:
    """One film to read; `source` is the annotations file that tells of it, `key` what its result is kept under."""

    source: Path
    truth: FilmTruth
    key: Key


@dataclass(frozen=True)
class FilmResults:
    """What was said of the films of each annotations file, in its order. `excluded`: pictures and annotations that were
    not evaluated, and films that were refused, with why. `taken_up` counts results kept from an earlier call,
    `outdated` those there that other weights or code made. `pictures` are files, by the number of the film in its set.
    """

    of_file: Mapping[Path, tuple[FilmResult, ...]]
    excluded: tuple[Excluded, ...]
    taken_up: int = 0
    outdated: int = 0
    pictures: Mapping[Path, Mapping[int, Path]] = field(default_factory=dict)

    @property
    def names(self) -> dict[Path, str]:
        """A name for each annotations file: that of its folder."""
        named = named_apart(file.parent for file in self.of_file)
        return {file: named[file.parent] for file in self.of_file}


def run_films(files: Sequence[Path], plan: Plan, told: Told = lambda *_: None) -> FilmResults:
    """Every film of these annotations files; one that fails is an exclusion, never an end. Raises `Unreadable` for a
    file without corners in the COCO layout."""
    tasks = _tasks(files, plan, told)
    journal = Journal(plan.folder, plan.version, (FILM,), PICTURE_END) if plan.folder else None
    kept = {task.key: document for task in tasks if journal and (document := journal.kept(task.key))}
    documents: dict[Key, dict[str, Any]] = dict(kept)
    failed: dict[Path, list[Excluded]] = {file: [] for file in files}
    waiting = [task for task in tasks if task.key not in kept]
    told("", 0, len(waiting))
    for done, (task, outcome) in enumerate(carry_out(waiting, Crew(work, plan.workshop, plan.jobs)), start=1):
        name = task.truth.film.name
        told(name, done, len(waiting))
        if isinstance(outcome, Failed):
            failed[task.source].append(Excluded(name, f"not evaluated: {outcome.reason}"))
            continue
        document, picture = outcome
        documents[task.key] = document
        if journal:
            journal.keep(task.key, document, picture)
    read = {file: [task for task in tasks if task.source == file and task.key in documents] for file in files}
    results = {file: tuple(from_document(documents[task.key]) for task in ones) for file, ones in read.items()}
    return FilmResults(
        results,
        _told_apart({file: [*_refused(results[file]), *failed[file], *left_out(file)] for file in files}),
        len(kept),
        journal.earlier if journal else 0,
        {file: _pictures(ones, journal) for file, ones in read.items()} if journal else {},
    )


def _pictures(tasks: Sequence[FilmTask], journal: Journal) -> dict[int, Path]:
    """Those that are there, by the number of the film."""
    files = {at: journal.picture(task.key) for at, task in enumerate(tasks)}
    return {at: file for at, file in files.items() if file.exists()}


def _refused(results: Sequence[FilmResult]) -> list[Excluded]:
    """Films that no body was sought on; they stand in every figure all the same."""
    return [
        Excluded(one.film, f"refused ({one.unsuitable}): counts, with its bodies as missed")
        for one in results
        if one.unsuitable
    ]


def _told_apart(excluded: Mapping[Path, Sequence[Excluded]]) -> tuple[Excluded, ...]:
    """All of them; with the folder of their annotations where there are several."""
    named = named_apart(file.parent for file in excluded)
    folder = {file: f"{named[file.parent]}/" if len(excluded) > 1 else "" for file in excluded}
    return tuple(Excluded(f"{folder[file]}{one.name}", one.reason) for file, ones in excluded.items() for one in ones)


def work(task: FilmTask, analyse: Analyser | None) -> tuple[dict[str, Any], bytes | None]:
    """Read one film; its result as plain data, and its picture."""
    if analyse is None:
        raise ValueError("A film needs an analyser.")
    result, picture = film_result(task.truth, analyse)
    return to_document(result), picture


def to_document(result: FilmResult) -> dict[str, Any]:
    """The result as plain JSON values."""
    return asdict(result)


def from_document(told: Mapping[str, Any]) -> FilmResult:
    """The result such a document tells of. Raises KeyError, TypeError or ValueError for one of another layout."""
    row = dict(told)
    bodies, strays, picture = (row.pop(name) for name in ("bodies", "strays", "picture"))
    return FilmResult(
        **row,
        bodies=tuple(_body(one) for one in bodies),
        strays=tuple(_stray(one) for one in strays),
        picture=(picture[0], picture[1]) if picture else None,
    )


def _body(told: Mapping[str, Any]) -> BodyResult:
    row = dict(told)
    called, ratio = row.pop("called"), row.pop("ratio")
    return BodyResult(
        row.pop("film"),
        Level(row.pop("level")),
        outline=_outline(row.pop("outline")),
        true_outline=_outline(row.pop("true_outline")),
        **row,
        called=Level(called) if called else None,
        ratio=(ratio[0], ratio[1]) if ratio else None,
    )


def _stray(told: Mapping[str, Any]) -> StrayResult:
    return StrayResult(**{**told, "called": Level(told["called"]), "outline": _outline(told["outline"])})


def _outline(told: Sequence[Sequence[float]]) -> tuple[Point, ...]:
    return tuple((col, row) for col, row in told)


def _tasks(files: Sequence[Path], plan: Plan, told: Told) -> list[FilmTask]:
    tasks: list[FilmTask] = []
    for file in files:
        truths = film_truths(file)
        for at, truth in enumerate(truths):
            told("Reading files", at, len(truths))
            tasks.append(FilmTask(file, truth, _key(truth, plan)))
    return tasks


def _key(truth: FilmTruth, plan: Plan) -> Key:
    """Corners and grades are part of what a result belongs to, as the film is."""
    known = {level: [corners.tolist(), truth.grades.get(level)] for level, corners in truth.corners.items()}
    corners = hashlib.sha256(json.dumps(known).encode()).hexdigest()
    film = sha256_of_files([truth.film])[truth.film]
    return Key(f"{FILM}:{truth.film.name}", f"{film[:32]}{corners[:32]}", plan.version)
