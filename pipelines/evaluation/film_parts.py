"""Films split up: what was found and said by level and by part of the spine, and the curves behind the figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.evaluation.film_scores import (
    FilmRow,
    film_judged,
    film_rows,
    has_grade2,
    is_broken,
    is_called,
    judged_rows,
    mean_of,
    share_of,
)
from pipelines.evaluation.films import LOWER, UPPER, FilmResult
from pipelines.evaluation.statistics import Bin, Estimate, reliability, roc
from vfx_finder.domain.spine import Level, Point

PARTS: Mapping[str, tuple[Level, ...]] = {
    "T1 to T6": UPPER,
    "T7 to T12": LOWER[:6],
    "L1 to L5": LOWER[6:],
}


@dataclass(frozen=True)
class PartScore:
    """The bodies of one level or part; as in `FilmScores`."""

    found: Estimate
    level_right: Estimate
    level_within_one: Estimate
    corner_error: Estimate
    ratio_error: Estimate
    falsely_suspected: Estimate
    fractures_suspected: Estimate


@dataclass(frozen=True)
class FilmCurves:
    """What is drawn of films whose grades are known: ROC of the probability by vertebra and by film (its most suspected
    vertebra) with (1 - specificity, sensitivity) of what was suspected, None where only one kind is there, and n; and
    the reliability of the probability."""

    roc_vertebra: tuple[Point, ...]
    suspected_vertebra: Point | None
    vertebrae: int
    roc_film: tuple[Point, ...]
    suspected_film: Point | None
    films: int
    reliability: tuple[Bin, ...]


def by_level(results: Sequence[FilmResult]) -> dict[str, PartScore]:
    """The bodies of each level that is there, from head to foot."""
    rows = film_rows(results)
    found = {level.value: [row for row in rows if row.body.level is level] for level in (*UPPER, *LOWER)}
    return {level: _part(ones) for level, ones in found.items() if ones}


def by_part(results: Sequence[FilmResult]) -> dict[str, PartScore]:
    """The bodies of each part of the spine that is there."""
    rows = film_rows(results)
    found = {part: [row for row in rows if row.body.level in levels] for part, levels in PARTS.items()}
    return {part: _part(ones) for part, ones in found.items() if ones}


def film_curves(results: Sequence[FilmResult]) -> FilmCurves:
    """The curves of these films; a refused film counts as not suspected."""
    rows = film_rows(results)
    judged = judged_rows(rows)
    score, broken = np.array([one for _, one, _ in judged], float), np.array([hit for *_, hit in judged], bool)
    graded = [result for result in results if any(body.grade is not None for body in result.bodies)]
    films = [film_judged(result) for result in graded]
    most, shows = np.array([one for one, _ in films], float), np.array([hit for _, hit in films], bool)
    called = [bool(row.body.suspected) for row in rows if row.body.grade is not None and row.is_judged]
    return FilmCurves(
        roc_vertebra=roc(score, broken),
        suspected_vertebra=_suspected(called, broken),
        vertebrae=len(judged),
        roc_film=roc(most, shows),
        suspected_film=_suspected([is_called(result) for result in graded], shows),
        films=len(films),
        reliability=reliability(score, broken) if len(score) else (),
    )


def _suspected(called: Sequence[bool], broken: np.ndarray) -> Point | None:
    told = np.array(called, bool)
    return (float(told[~broken].mean()), float(told[broken].mean())) if 0 < broken.sum() < len(broken) else None


def _part(rows: Sequence[FilmRow]) -> PartScore:
    found = [row for row in rows if row.body.called is not None]
    sound = [row for row in found if row.body.suspected is not None and not has_grade2(row.body)]
    return PartScore(
        found=share_of([(row.film, row.body.found) for row in rows]),
        level_right=share_of([(row.film, row.levels_off == 0) for row in found]),
        level_within_one=share_of([(row.film, row.levels_off <= 1) for row in found]),
        corner_error=mean_of([(row.film, error) for row in found if (error := row.body.corner_error) is not None]),
        ratio_error=mean_of([(row.film, error) for row in found if (error := row.body.ratio_error) is not None]),
        falsely_suspected=share_of([(row.film, bool(row.body.suspected)) for row in sound]),
        fractures_suspected=share_of([(row.film, bool(row.body.suspected)) for row in rows if is_broken(row.body)]),
    )
