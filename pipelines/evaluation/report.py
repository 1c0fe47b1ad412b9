"""An evaluation as a whole: run over all cases, summed up, and written as JSON."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.evaluation.cases import Excluded, find_cases
from pipelines.evaluation.grading import Graded, GradingScore, core_levels, grade_mask, score
from pipelines.evaluation.images import Analyser, BodyResult, ImageResult, evaluate_image
from pipelines.evaluation.statistics import Estimate, Rows, by_subject, share_by_subject
from vfx_finder.domain.spine import HEAD_TO_FOOT

SCHEMA = "vfx-finder/evaluation/1"
NEAR_MM = 5.0

Progress = Callable[[str, int, int], None]
"""Told what is being done, how many cases are done, and how many there are."""


@dataclass(frozen=True)
class ImagesScore:
    """All CTs together. `ratio_error` is the mean absolute difference of lowest over highest height between image and
    expert mask, over bodies the image border does not cut; `ratio_bias` its mean with sign."""

    images: int
    analysed: int
    bodies: int
    found: Estimate
    within_5_mm: Estimate
    false_in_span: int
    beyond_span: int
    centre_error_median_mm: float | None
    level_right: Estimate
    level_within_one: Estimate
    ratio_error: Estimate
    ratio_bias: float | None
    uncut_found_not_measured: int
    seconds_mean: float


@dataclass(frozen=True)
class Evaluation:
    """Everything one run of `vfx-finder evaluate` says. `grading` covers all graded levels, `grading_t4_l4` the
    conventional ones; each part is None where no case speaks of it."""

    images: ImagesScore | None
    image_results: tuple[ImageResult, ...]
    grading: GradingScore | None
    grading_t4_l4: GradingScore | None
    graded: tuple[Graded, ...]
    excluded: tuple[Excluded, ...]


def evaluate(paths: Iterable[Path], analyse: Analyser | None, progress: Progress = lambda *_: None) -> Evaluation:
    """Evaluate every case in these paths; without `analyse`, CTs are excluded and only masks are judged."""
    cases, excluded = find_cases(paths)
    images: list[ImageResult] = []
    graded: list[Graded] = []
    notes = list(excluded)
    for done, case in enumerate(cases):
        progress(case.subject, done, len(cases))
        if case.ct and analyse:
            images.append(evaluate_image(case, analyse))
        elif case.ct:
            notes.append(Excluded(case.ct.name, "no network is installed, so the image was not analysed"))
        rows, refused = grade_mask(case) if case.grades else ((), ())
        graded.extend(rows)
        notes.extend(refused)
    progress("", len(cases), len(cases))
    core = core_levels(graded)
    return Evaluation(
        images=images_score(images) if images else None,
        image_results=tuple(images),
        grading=score(graded) if graded else None,
        grading_t4_l4=score(core) if core else None,
        graded=tuple(graded),
        excluded=tuple(notes),
    )


def images_score(results: Sequence[ImageResult]) -> ImagesScore:
    """The CTs summed up; intervals resample subjects."""
    rows = [(result.subject, body) for result in results for body in result.bodies]
    found = [(subject, body) for subject, body in rows if body.found]
    errors = [(subject, body.ratio_error) for subject, body in rows if body.ratio_error is not None]
    centres = [body.centre_error_mm for _, body in found if body.centre_error_mm is not None]
    return ImagesScore(
        images=len(results),
        analysed=sum(result.not_analysed is None for result in results),
        bodies=len(rows),
        found=_share([(subject, body.found) for subject, body in rows]),
        within_5_mm=_share([(subject, (body.centre_error_mm or np.inf) <= NEAR_MM) for subject, body in rows]),
        false_in_span=sum(result.false_in_span for result in results),
        beyond_span=sum(result.beyond_span for result in results),
        centre_error_median_mm=float(np.median(centres)) if centres else None,
        level_right=_share([(subject, _levels_off(body) == 0) for subject, body in found]),
        level_within_one=_share([(subject, _levels_off(body) <= 1) for subject, body in found]),
        ratio_error=_mean([(subject, abs(error)) for subject, error in errors]),
        ratio_bias=float(np.mean([error for _, error in errors])) if errors else None,
        uncut_found_not_measured=sum(not body.cut and body.ratio is None for _, body in found),
        seconds_mean=float(np.mean([result.seconds for result in results])),
    )


def to_json(evaluation: Evaluation) -> dict[str, Any]:
    """Plain data for a JSON file; names of files only, never where they lie."""
    return {"schema": SCHEMA, **asdict(evaluation)}


def _levels_off(body: BodyResult) -> int:
    """How many levels the name is off; levels that most people lack (T13, L6) are steps too."""
    if body.said_level is None:
        return len(HEAD_TO_FOOT)
    return abs(HEAD_TO_FOOT.index(body.said_level) - HEAD_TO_FOOT.index(body.level))


def _share(rows: Sequence[tuple[str, bool]]) -> Estimate:
    hits = np.array([hit for _, hit in rows], bool)
    return share_by_subject(hits, np.ones(len(rows), bool), [subject for subject, _ in rows])


def _mean(rows: Sequence[tuple[str, float]]) -> Estimate:
    values = np.array([value for _, value in rows], float)

    def mean(at: Rows) -> float | None:
        return float(values[at].mean()) if len(at) else None

    return by_subject(mean, [subject for subject, _ in rows])
