"""What the films of one annotations file add up to, with intervals that resample whole films."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.evaluation.films import LOWER, UPPER, BodyResult, FilmResult, StrayResult
from pipelines.evaluation.statistics import (
    Estimate,
    auc_by_subject,
    calibration_by_subject,
    mean_by_subject,
    share_by_subject,
)
from vfx_finder.domain.genant import LEVELS_WITH_GRADE
from vfx_finder.domain.spine import HEAD_TO_FOOT

POSITIVE_GRADE = 2


@dataclass(frozen=True)
class FilmScores:
    """Shares are 0 to 1, errors and seconds means; each with its n of rows (bodies or films) and of films.

    A film that was refused counts with all its bodies as missed, and as not suspected in `auc_film`. What is said of
    level, corners and ratio is of the bodies found; `falsely_suspected` and `auc_vertebra` of those judged.

    Of vertebrae of grade 2 or 3 from T4 to L5: `fractures_suspected`, the share suspected of all in view (none on a
    film that was not read); `films_suspected`, the share suspected of the films read that show one; `films_spared`, the
    share not suspected of the films read that show none. A film is suspected, and ranked in `auc_film`, by whatever
    stands on its list: a false body counts as a true one does.
    """

    films: int
    refused: int
    accepted: Estimate
    recall_lower: Estimate
    recall_upper: Estimate
    false_bodies: Estimate
    level_right: Estimate
    level_within_one: Estimate
    corner_error: Estimate
    ratio_error: Estimate
    ratio_spread: float | None
    falsely_suspected: Estimate
    auc_vertebra: Estimate
    auc_film: Estimate
    fractures_suspected: Estimate
    films_suspected: Estimate
    films_spared: Estimate
    calibration_error: Estimate
    seconds: Estimate


@dataclass(frozen=True)
class FilmRow:
    """One true body of T1 to L5, and the number of its film."""

    film: str
    body: BodyResult

    @property
    def levels_off(self) -> int:
        """How many levels away from its own it was called; of a body that was found."""
        called = self.body.called or self.body.level
        return abs(HEAD_TO_FOOT.index(called) - HEAD_TO_FOOT.index(self.body.level))

    @property
    def is_judged(self) -> bool:
        """Whether it was found and given a probability of grade 2 or 3."""
        return self.body.called is not None and self.body.probability is not None


def film_rows(results: Sequence[FilmResult]) -> list[FilmRow]:
    """Every true body of T1 to L5 on these films."""
    return [
        FilmRow(str(at), body)
        for at, result in enumerate(results)
        for body in result.bodies
        if body.level in (*UPPER, *LOWER)
    ]


def film_scores(results: Sequence[FilmResult]) -> FilmScores:
    """The scores of these films."""
    rows = film_rows(results)
    found = [row for row in rows if row.body.called is not None]
    sound = [row for row in found if row.body.suspected is not None and not has_grade2(row.body)]
    broken = [row for row in rows if is_broken(row.body)]
    judged = judged_rows(rows)
    every = [(str(at), result) for at, result in enumerate(results)]
    graded = [(film, result) for film, result in every if any(body.grade is not None for body in result.bodies)]
    read = [(film, result) for film, result in graded if not result.unsuitable]
    ratios = [row.body.ratio for row in found if row.body.ratio]
    return FilmScores(
        films=len(results),
        refused=sum(bool(result.unsuitable) for result in results),
        accepted=share_of([(film, not result.unsuitable) for film, result in every]),
        recall_lower=share_of([(row.film, row.body.found) for row in rows if row.body.level in LOWER]),
        recall_upper=share_of([(row.film, row.body.found) for row in rows if row.body.level in UPPER]),
        false_bodies=mean_of([(film, result.false_bodies) for film, result in every]),
        level_right=share_of([(row.film, row.levels_off == 0) for row in found]),
        level_within_one=share_of([(row.film, row.levels_off <= 1) for row in found]),
        corner_error=mean_of([(row.film, error) for row in found if (error := row.body.corner_error) is not None]),
        ratio_error=mean_of([(row.film, error) for row in found if (error := row.body.ratio_error) is not None]),
        ratio_spread=float(np.std([true for _, true in ratios])) if ratios else None,
        falsely_suspected=share_of([(row.film, bool(row.body.suspected)) for row in sound]),
        auc_vertebra=_auc(judged),
        auc_film=_auc([(film, *film_judged(result)) for film, result in graded]),
        fractures_suspected=share_of([(row.film, bool(row.body.suspected)) for row in broken]),
        films_suspected=share_of([(film, is_called(result)) for film, result in read if _shows_one(result)]),
        films_spared=share_of([(film, not is_called(result)) for film, result in read if not _shows_one(result)]),
        calibration_error=calibration_by_subject(
            np.array([probability for _, probability, _ in judged], float),
            np.array([broken for *_, broken in judged], bool),
            [film for film, *_ in judged],
        ),
        seconds=mean_of([(film, result.seconds) for film, result in every]),
    )


def has_grade2(body: BodyResult) -> bool:
    """Whether a body is truly of grade 2 or 3."""
    return (body.grade or 0) >= POSITIVE_GRADE


def is_broken(body: BodyResult) -> bool:
    """Whether it is so from T4 to L5, where films are read for fracture."""
    return has_grade2(body) and body.level in LEVELS_WITH_GRADE


def is_called(result: FilmResult) -> bool:
    """Whether anything on the film was suspected, a true body or a false one."""
    return any(one.suspected for one in _everything(result))


def judged_rows(rows: Sequence[FilmRow]) -> list[tuple[str, float, bool]]:
    """Film, probability and truth (grade 2 or 3) of the bodies found that were judged and whose grade is known."""
    return [
        (row.film, row.body.probability or 0.0, has_grade2(row.body))
        for row in rows
        if row.body.grade is not None and row.is_judged
    ]


def film_judged(result: FilmResult) -> tuple[float, bool]:
    """The highest probability on a film, of a true body or not (0 for a refused one), and whether it shows grade 2 or
    3 where films are read for it."""
    told = [one.probability for one in _everything(result) if one.probability is not None]
    return max(told, default=0.0), _shows_one(result)


def _everything(result: FilmResult) -> list[BodyResult | StrayResult]:
    """What stands on a film's list where the truth knows every vertebra."""
    return [*result.bodies, *(stray for stray in result.strays if stray.inside)]


def _shows_one(result: FilmResult) -> bool:
    return any(map(is_broken, result.bodies))


def share_of(told: Sequence[tuple[str, bool]]) -> Estimate:
    """The share of those that are so, with the film of each."""
    hits = np.array([hit for _, hit in told], bool)
    return share_by_subject(hits, np.ones(len(told), bool), [film for film, _ in told])


def mean_of(told: Sequence[tuple[str, float]]) -> Estimate:
    """The mean of these values, with the film of each."""
    return mean_by_subject(np.array([value for _, value in told], float), [film for film, _ in told])


def _auc(told: Sequence[tuple[str, float, bool]]) -> Estimate:
    score, positive = [value for _, value, _ in told], [hit for *_, hit in told]
    return auc_by_subject(np.array(score, float), np.array(positive, bool), [film for film, *_ in told])
