"""What the films of one annotations file add up to, with intervals that resample whole films."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.evaluation.films import LOWER, UPPER, BodyResult, FilmResult
from pipelines.evaluation.statistics import Estimate, auc_by_subject, mean_by_subject, share_by_subject
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
    share not suspected of the films read that show none.
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
    seconds: Estimate


@dataclass(frozen=True)
class _Row:
    """One true body, and the number of its film."""

    film: str
    body: BodyResult

    @property
    def levels_off(self) -> int:
        """How many levels away from its own it was called; of a body that was found."""
        called = self.body.called or self.body.level
        return abs(HEAD_TO_FOOT.index(called) - HEAD_TO_FOOT.index(self.body.level))


def film_scores(results: Sequence[FilmResult]) -> FilmScores:
    """The scores of these films."""
    rows = [
        _Row(str(at), body)
        for at, result in enumerate(results)
        for body in result.bodies
        if body.level in (*UPPER, *LOWER)
    ]
    found = [row for row in rows if row.body.called is not None]
    sound = [row for row in found if row.body.suspected is not None and not _has_grade2(row.body)]
    broken = [row for row in rows if _is_broken(row.body)]
    every = [(str(at), result) for at, result in enumerate(results)]
    graded = [(film, result) for film, result in every if any(body.grade is not None for body in result.bodies)]
    read = [(film, result) for film, result in graded if not result.unsuitable]
    ratios = [(row.film, row.body.ratio) for row in found if row.body.ratio]
    return FilmScores(
        films=len(results),
        refused=sum(bool(result.unsuitable) for result in results),
        accepted=_share([(film, not result.unsuitable) for film, result in every]),
        recall_lower=_share([(row.film, row.body.found) for row in rows if row.body.level in LOWER]),
        recall_upper=_share([(row.film, row.body.found) for row in rows if row.body.level in UPPER]),
        false_bodies=_mean([(film, result.false_bodies) for film, result in every]),
        level_right=_share([(row.film, row.levels_off == 0) for row in found]),
        level_within_one=_share([(row.film, row.levels_off <= 1) for row in found]),
        corner_error=_mean([(row.film, error) for row in found if (error := row.body.corner_error) is not None]),
        ratio_error=_mean([(film, abs(ratio[0] - ratio[1])) for film, ratio in ratios]),
        ratio_spread=float(np.std([ratio[1] for _, ratio in ratios])) if ratios else None,
        falsely_suspected=_share([(row.film, bool(row.body.suspected)) for row in sound]),
        auc_vertebra=_auc(
            [
                (row.film, score, _has_grade2(row.body))
                for row in found
                if row.body.grade is not None and (score := row.body.probability) is not None
            ]
        ),
        auc_film=_auc(
            [(film, _most_suspected(result), any(map(_has_grade2, result.bodies))) for film, result in graded]
        ),
        fractures_suspected=_share([(row.film, bool(row.body.suspected)) for row in broken]),
        films_suspected=_share([(film, _is_called(result)) for film, result in read if _shows_one(result)]),
        films_spared=_share([(film, not _is_called(result)) for film, result in read if not _shows_one(result)]),
        seconds=_mean([(film, result.seconds) for film, result in every]),
    )


def _has_grade2(body: BodyResult) -> bool:
    return (body.grade or 0) >= POSITIVE_GRADE


def _is_broken(body: BodyResult) -> bool:
    return _has_grade2(body) and body.level in LEVELS_WITH_GRADE


def _shows_one(result: FilmResult) -> bool:
    return any(map(_is_broken, result.bodies))


def _is_called(result: FilmResult) -> bool:
    return any(body.suspected for body in result.bodies)


def _most_suspected(result: FilmResult) -> float:
    return max((body.probability for body in result.bodies if body.probability is not None), default=0.0)


def _share(told: Sequence[tuple[str, bool]]) -> Estimate:
    hits = np.array([hit for _, hit in told], bool)
    return share_by_subject(hits, np.ones(len(told), bool), [film for film, _ in told])


def _mean(told: Sequence[tuple[str, float]]) -> Estimate:
    return mean_by_subject(np.array([value for _, value in told], float), [film for film, _ in told])


def _auc(told: Sequence[tuple[str, float, bool]]) -> Estimate:
    score, positive = [value for _, value, _ in told], [hit for *_, hit in told]
    return auc_by_subject(np.array(score, float), np.array(positive, bool), [film for film, *_ in told])
