"""Vertebral levels, and what was measured on one vertebra."""

from dataclasses import dataclass
from enum import StrEnum

from vfx_finder.domain.certainty import percent

Point = tuple[float, float]
Point3 = tuple[float, float, float]


class Level(StrEnum):
    """A vertebral level from C1 down to S1, with the supernumerary T13 and L6."""

    C1 = "C1"
    C2 = "C2"
    C3 = "C3"
    C4 = "C4"
    C5 = "C5"
    C6 = "C6"
    C7 = "C7"
    T1 = "T1"
    T2 = "T2"
    T3 = "T3"
    T4 = "T4"
    T5 = "T5"
    T6 = "T6"
    T7 = "T7"
    T8 = "T8"
    T9 = "T9"
    T10 = "T10"
    T11 = "T11"
    T12 = "T12"
    T13 = "T13"
    L1 = "L1"
    L2 = "L2"
    L3 = "L3"
    L4 = "L4"
    L5 = "L5"
    L6 = "L6"
    S1 = "S1"


HEAD_TO_FOOT: tuple[Level, ...] = tuple(Level)

GRADED_LEVELS: tuple[Level, ...] = (
    Level.T4, Level.T5, Level.T6, Level.T7, Level.T8, Level.T9, Level.T10, Level.T11, Level.T12, Level.T13,
    Level.L1, Level.L2, Level.L3, Level.L4,
)  # fmt: skip
"""Levels read for vertebral fracture: T4 to L4 (Kerkeni 2009, Osteoporos Int 20:1547); T13 by analogy."""


@dataclass(frozen=True)
class Heights:
    """Anterior, middle and posterior height of a vertebral body, mm, all greater than zero.

    Definition ("corner-max, mid-min"): highest within the anterior 2-22 % of the depth, lowest within 30-70 %,
    highest within 78-98 %, on the mid-sagittal slab. Raises `ValueError` for a height that is not positive.
    """

    anterior: float
    middle: float
    posterior: float

    def __post_init__(self) -> None:
        if min(self.anterior, self.middle, self.posterior) <= 0:
            raise ValueError("Vertebral heights must be positive.")

    @property
    def min_max(self) -> float:
        """Smallest over largest of the three heights."""
        return min(self.anterior, self.middle, self.posterior) / max(self.anterior, self.middle, self.posterior)

    @property
    def anterior_posterior(self) -> float:
        """Ha / Hp."""
        return self.anterior / self.posterior

    @property
    def middle_posterior(self) -> float:
        """Hm / Hp."""
        return self.middle / self.posterior


SURE_OF_LEVEL = 0.9
"""Below this probability a level is never told without its alternatives."""

_ALTERNATIVES_TOLD = 2


@dataclass(frozen=True)
class LevelEstimate:
    """The most probable level of a vertebra, its probability, and every alternative of 1 % or more."""

    level: Level
    confidence: float
    alternatives: dict[Level, float]

    @property
    def is_sure(self) -> bool:
        """Probable enough to be told alone."""
        return self.confidence >= SURE_OF_LEVEL

    @property
    def others(self) -> str:
        """The most probable alternatives in words, "or T12 (31 %)"; empty where there is none."""
        ranked = sorted(self.alternatives.items(), key=lambda item: -item[1])[:_ALTERNATIVES_TOLD]
        return " ".join(f"or {level} ({percent(share)})" for level, share in ranked)

    @property
    def words(self) -> str:
        """The level as it is told: "L1", or "L1, or T12 (31 %)" where it is not sure."""
        return self.level.value if self.is_sure or not self.others else f"{self.level}, {self.others}"


@dataclass(frozen=True)
class Drawing:
    """What is drawn over the sagittal picture for one vertebra, in its pixels (column, row).

    `outline` is closed implicitly; `height_lines` are the anterior, middle and posterior heights, upper end first.
    """

    outline: tuple[Point, ...]
    height_lines: tuple[tuple[Point, Point], ...]


@dataclass(frozen=True)
class Vertebra:
    """One vertebral body as found and measured. `centre_mm` is in DICOM patient space (LPS, mm).

    `heights` is None where it could not be measured; `flags` are machine-readable remarks such as
    "cut-by-field-of-view", "planes-disagree", "thick-slices", "level-uncertain".
    """

    level: LevelEstimate
    centre_mm: Point3
    heights: Heights | None
    flags: tuple[str, ...]
    drawing: Drawing | None
