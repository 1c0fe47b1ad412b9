"""Evaluate every case in some paths: find them, take up what is kept, work through the rest, keep each as it comes."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipelines.evaluation.carry_out import Crew, Failed, Workshop, carry_out
from pipelines.evaluation.cases import Case, Excluded, find_cases
from pipelines.evaluation.grading import Graded, grade_mask
from pipelines.evaluation.journal import Journal, Key, Version, sha256_of_files
from pipelines.evaluation.record import Analyser, ImageRecord, from_document, image_record, to_document
from pipelines.evaluation.truth import read_truth
from vfx_finder.domain.errors import Unreadable
from vfx_finder.domain.spine import Level

IMAGE, MASK = KINDS = ("image", "mask")

Told = Callable[[str, int, int], None]
"""Told what was done last, how many tasks are done, and how many there are."""


@dataclass(frozen=True)
class Task:
    """One thing to do with a case: analyse its image, or judge its mask; `key` is what its result is kept under."""

    kind: str
    case: Case
    key: Key


@dataclass(frozen=True)
class Plan:
    """How to evaluate. Without `workshop` only masks are judged. `folder` keeps results; None keeps nothing.

    `version` says which weights and code analyse.
    """

    workshop: Workshop | None
    folder: Path | None = None
    jobs: int = 1
    version: Version = field(default_factory=lambda: Version("", ""))


@dataclass(frozen=True)
class Results:
    """Every case's raw result, and what has none, with why. `pictures` are files, by the number of the image.
    `taken_up` counts results kept from an earlier call, `outdated` those there that other weights or code made."""

    images: tuple[ImageRecord, ...]
    pictures: dict[int, Path]
    graded: tuple[Graded, ...]
    excluded: tuple[Excluded, ...]
    taken_up: int = 0
    outdated: int = 0


@dataclass(frozen=True)
class _Done:
    """What a worker hands back: the record as plain data, and the picture."""

    document: dict[str, Any]
    png: bytes | None = None


def run(paths: Iterable[Path], plan: Plan, told: Told = lambda *_: None) -> Results:
    """The raw results of every case in these paths; a case that fails is an exclusion, never an end."""
    cases, excluded = find_cases(paths)
    tasks, refused = _tasks(cases, plan, told)
    journal = Journal(plan.folder, plan.version, KINDS) if plan.folder else None
    kept = {task.key: document for task in tasks if journal and (document := journal.kept(task.key))}
    documents, failed = dict(kept), []
    waiting = [task for task in tasks if task.key not in kept]
    told("", 0, len(waiting))
    crew = Crew(work, plan.workshop, plan.jobs)
    for done, (task, outcome) in enumerate(carry_out(waiting, crew), start=1):
        told(task.case.subject, done, len(waiting))
        if isinstance(outcome, Failed):
            failed.append(Excluded(task.key.task.partition(":")[2], f"{task.kind} not evaluated: {outcome.reason}"))
            continue
        documents[task.key] = outcome.document
        if journal:
            journal.keep(task.key, outcome.document, outcome.png)
    found = _Found([task for task in tasks if task.key in documents], documents, journal)
    return found.results([*excluded, *refused, *failed], len(kept))


def work(task: Task, analyse: Analyser | None) -> _Done:
    """Do one task."""
    if task.kind == MASK:
        rows, excluded = grade_mask(task.case)
        return _Done({"graded": [asdict(row) for row in rows], "excluded": [asdict(one) for one in excluded]})
    if analyse is None:
        raise ValueError("An image needs an analyser.")
    record, png = image_record(task.case, analyse)
    return _Done(to_document(record), png)


@dataclass(frozen=True)
class _Found:
    tasks: Sequence[Task]
    documents: dict[Key, dict[str, Any]]
    journal: Journal | None

    def results(self, excluded: Sequence[Excluded], taken_up: int) -> Results:
        images = [task for task in self.tasks if task.kind == IMAGE]
        masks = [self.documents[task.key] for task in self.tasks if task.kind == MASK]
        pictures = {at: self.journal.picture(task.key) for at, task in enumerate(images) if self.journal}
        return Results(
            images=tuple(from_document(self.documents[task.key]) for task in images),
            pictures={at: file for at, file in pictures.items() if file.exists()},
            graded=tuple(_graded(row) for mask in masks for row in mask["graded"]),
            excluded=(*excluded, *(Excluded(**one) for mask in masks for one in mask["excluded"])),
            taken_up=taken_up,
            outdated=self.journal.earlier if self.journal else 0,
        )


def _graded(row: dict[str, Any]) -> Graded:
    return Graded(**{**row, "level": Level(row["level"])})


def _tasks(cases: Sequence[Case], plan: Plan, told: Told) -> tuple[list[Task], list[Excluded]]:
    """What to do with each case; an image that no network looks at, or whose truth does not fit it, is refused."""
    tasks: list[Task] = []
    refused: list[Excluded] = []
    for at, case in enumerate(cases):
        told("Reading files", at, len(cases))
        sums = sha256_of_files(case.files)
        if case.ct:
            why = _why_not(case, sums[case.ct], plan)
            if why:
                refused.append(Excluded(case.ct.name, why))
            else:
                tasks.append(_task(IMAGE, case, sums, plan.version))
        if case.mask and case.grades:
            tasks.append(_task(MASK, case, sums, plan.version))
    return tasks, refused


def _task(kind: str, case: Case, sums: dict[Path, str], version: Version) -> Task:
    """Published grades are part of what a result belongs to, as the files are."""
    grades = ",".join(f"{level}{grade}" for level, grade in case.grades.items())
    files = [sums[file] for file in case.files if kind == IMAGE or file == case.mask]
    return Task(kind, case, Key(f"{kind}:{case.subject}", "-".join([_short(files), grades]), version))


def _short(sums: Sequence[str]) -> str:
    return "".join(one[: 64 // len(sums)] for one in sums)


def _why_not(case: Case, image_sha256: str, plan: Plan) -> str | None:
    if plan.workshop is None:
        return "no network is run, so the image was not analysed"
    if case.truth is None:
        return None
    try:
        expected = read_truth(case.truth).image_sha256
    except Unreadable as error:
        return str(error)
    return "the image is not the one its truth file speaks of (sha256)" if expected not in ("", image_sha256) else None
