"""The films that went worst, with what went wrong in words: where to look first."""

from collections.abc import Callable, Sequence

from pipelines.evaluation.film_scores import has_grade2, is_broken
from pipelines.evaluation.films import LOWER, UPPER, BodyResult, FilmResult
from pipelines.evaluation.worst import Wrong, heaviest, told_wrong

MOST_FILMS = 12
"""At most so many are shown with their picture."""

LARGE_CORNER_ERROR = 0.16
"""Twice the target of the mean error, over vertebral height: such corners lie on another edge."""


def film_wrongs(result: FilmResult) -> tuple[Wrong, ...]:
    """All that went wrong on one film, the heaviest first."""
    refused = bool(result.unsuitable)
    return told_wrong(
        (
            ("refused", int(refused), 8.0),
            ("fracture not suspected", _count(result, is_unsuspected_fracture), 6.0),
            ("falsely suspected", _count(result, is_falsely_suspected), 5.0),
            ("false body suspected", sum(stray.inside and stray.suspected for stray in result.strays), 5.0),
            ("false body", result.false_bodies, 4.0),
            ("body missed", 0 if refused else _count(result, is_missed), 2.0),
            ("corners far off", _count(result, _is_far_off), 1.5),
            ("wrong level", _count(result, is_misnamed), 0.5),
        )
    )


def worst_films(results: Sequence[FilmResult]) -> list[int]:
    """The numbers of the films on which something went wrong, the worst `MOST_FILMS`; among equals the worse measured
    first."""
    return heaviest([(film_wrongs(result), _largest_error(result)) for result in results], MOST_FILMS)


def is_unsuspected_fracture(body: BodyResult) -> bool:
    """Whether a body truly of grade 2 or 3 (T4 to L5) was not suspected, found or not."""
    return is_broken(body) and not body.suspected


def is_falsely_suspected(body: BodyResult) -> bool:
    """Whether a body was suspected that is not known to be of grade 2 or 3."""
    return bool(body.suspected) and not has_grade2(body)


def is_missed(body: BodyResult) -> bool:
    """Whether a body of T1 to L5 was not found."""
    return not body.found and body.level in (*UPPER, *LOWER)


def is_misnamed(body: BodyResult) -> bool:
    """Whether a body was found and called another level."""
    return body.called is not None and body.called is not body.level


def _is_far_off(body: BodyResult) -> bool:
    return (body.corner_error or 0.0) > LARGE_CORNER_ERROR


def _largest_error(result: FilmResult) -> float:
    return max((body.corner_error or 0.0 for body in result.bodies), default=0.0)


def _count(result: FilmResult, is_wrong: Callable[[BodyResult], bool]) -> int:
    return sum(is_wrong(body) for body in result.bodies)
