"""The images that went worst, with what went wrong in words: where to look first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pipelines.evaluation.patients import false_flags
from pipelines.evaluation.rows import POSITIVE_GRADE, BodyRow, StudyRow, is_core, is_flagged
from vfx_finder.domain.operating_point import BALANCED, OperatingPoint

MOST = 20
"""At most so many are shown with their picture."""

LARGE_RATIO_ERROR = 0.08
"""Four times the target of the mean error: such a body was not measured where it is."""


@dataclass(frozen=True)
class Wrong:
    """One kind of thing that went wrong in a study, how often, and how heavy each weighs in the order of the worst."""

    words: str
    count: int
    weight: float


def wrongs(study: StudyRow, point: OperatingPoint = BALANCED) -> tuple[Wrong, ...]:
    """All that went wrong in one study, the heaviest first."""
    refused = study.has_spine and study.record.not_analysed is not None
    counts = (
        ("not analysed", int(refused), 8.0),
        ("fracture not flagged", _count(study, lambda row: _is_missed_fracture(row, point)), 6.0),
        ("false flag", false_flags(study, point, core=False), 5.0),
        ("body in an image without a spine", 0 if study.has_spine else len(study.record.said), 4.0),
        ("false body", sum(stray.in_span for stray in study.strays), 4.0),
        ("body missed", 0 if refused else _count(study, lambda row: row.said is None), 2.0),
        ("ratio more than 0.08 off", _count(study, lambda row: abs(row.ratio_error or 0.0) > LARGE_RATIO_ERROR), 1.5),
        ("wrong level", _count(study, lambda row: bool(row.levels_off)), 0.5),
    )
    return told_wrong(counts)


def worst_first(studies: Sequence[StudyRow]) -> list[int]:
    """The numbers of the studies in which something went wrong, the worst `MOST`; among equals the worse measured
    first."""
    return heaviest([(wrongs(study), _largest_error(study)) for study in studies], MOST)


def told_wrong(counts: Sequence[tuple[str, int, float]]) -> tuple[Wrong, ...]:
    """What went wrong at all of these kinds (words, how often, weight), the heaviest first."""
    found = [Wrong(words, count, weight) for words, count, weight in counts if count]
    return tuple(sorted(found, key=lambda wrong: -wrong.weight))


def heaviest(told: Sequence[tuple[Sequence[Wrong], float]], most: int) -> list[int]:
    """The numbers of those in which something went wrong, at most so many, the heaviest first; among equals the one
    with the larger error, which stands beside what went wrong."""
    weight = [sum(wrong.weight * wrong.count for wrong in wrong_here) for wrong_here, _ in told]
    bad = [at for at, heavy in enumerate(weight) if heavy > 0]
    return sorted(bad, key=lambda at: (-weight[at], -told[at][1], at))[:most]


def in_words(wrong_here: Sequence[Wrong]) -> tuple[str, ...]:
    """Each in words, with how often where it is more than once."""
    return tuple(f"{wrong.words}{f' × {wrong.count}' if wrong.count > 1 else ''}" for wrong in wrong_here)


def _largest_error(study: StudyRow) -> float:
    return max((abs(row.ratio_error or 0.0) for row in study.bodies), default=0.0)


def _count(study: StudyRow, is_wrong: Callable[[BodyRow], bool]) -> int:
    return sum(is_wrong(row) for row in study.bodies)


def _is_missed_fracture(row: BodyRow, point: OperatingPoint) -> bool:
    fractured = (row.true.grade or 0) >= POSITIVE_GRADE and is_core(row.true.level)
    return fractured and not is_flagged(row.said, point)
