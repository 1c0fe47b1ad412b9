"""The spine strip: T4 to L4 in a row, a fractured vertebra lower and coloured, one not seen as a dash."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from vfx_finder.domain.spine import GRADED_LEVELS, Level

_CELL, _GAP, _TOP, _FULL = 11, 2, 2, 18
_HEIGHT_OF_GRADE = {0: 18, 1: 14, 2: 11, 3: 7}
_LUMBAR_GAP = 5
_RARE = frozenset({Level.T13})
_NAMED = frozenset({Level.T4, Level.T8, Level.L1, Level.L4})


@dataclass(frozen=True)
class Cell:
    """One level of the strip: `grade` is None where the level was not graded or not in view."""

    level: str
    grade: int | None
    x: int
    y: int
    width: int
    height: int

    @property
    def named(self) -> bool:
        """Carries its name below, so that the eye finds its way."""
        return self.level in _NAMED


@dataclass(frozen=True)
class Strip:
    """The cells, the drawing's size in pixels, and the same in words."""

    cells: tuple[Cell, ...]
    width: int
    height: int
    words: str


def strip(grades: Mapping[Level, int], seen: Collection[Level] = ()) -> Strip:
    """A strip of Genant grades by level; `seen` are levels that were graded, with or without a fracture."""
    levels = [level for level in GRADED_LEVELS if level not in _RARE or level in grades]
    cells, x = [], 1
    for level in levels:
        x += _LUMBAR_GAP if level is Level.L1 else 0
        grade = grades.get(level, 0 if level in seen else None)
        height = _HEIGHT_OF_GRADE[grade] if grade is not None else 2
        cells.append(Cell(level, grade, x, _TOP + _FULL - height, _CELL, height))
        x += _CELL + _GAP
    return Strip(tuple(cells), x, _TOP + _FULL + 12, in_words(grades))


def in_words(grades: Mapping[Level, int], told: Mapping[Level, str] | None = None) -> str:
    """Fractures from head to foot, "T12 grade 2, L1 grade 3"; `told` has other words for a level that is not sure."""
    order = list(Level)
    found = sorted((item for item in grades.items() if item[1] > 0), key=lambda item: order.index(item[0]))
    named = told or {}
    return ", ".join(f"{named.get(level, level)} grade {grade}" for level, grade in found) or "no fracture"
