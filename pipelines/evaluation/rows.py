"""Flat rows that statistics are made of: one for each true vertebra, one for each false finding, one for each study."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pipelines.evaluation.matching import distance, distances_of_label, identified, is_in_span, levels_off, pairs
from pipelines.evaluation.record import ImageRecord, Said
from pipelines.evaluation.truth import NO_SPINE, Acquisition, TrueBody
from vfx_finder.domain.operating_point import OperatingPoint
from vfx_finder.domain.spine import GRADED_LEVELS, Level

MISSED = "not-found"
"""Why a vertebra that nothing was said of has no grade."""

POSITIVE_GRADE = 2
UNKNOWN = "not stated"

SLICE_BANDS = ((1.25, "0 to 1.25 mm"), (2.0, "1.25 to 2 mm"), (3.0, "2 to 3 mm"), (5.0, "3 to 5 mm"))
AGE_BANDS = ((49, "49 and under"), (64, "50 to 64"), (79, "65 to 79"))
"""Upper bounds, included, with names that sort as they follow on one another."""


@dataclass(frozen=True)
class BodyRow:
    """One true vertebra and what was said of it; `said` is None where it was missed. `label_mm` is how far the finding
    of its level lies off, `centre_mm` how far the finding that is this body lies off."""

    study: str
    about: Acquisition
    true: TrueBody
    said: Said | None
    identified: bool
    label_mm: float | None
    centre_mm: float | None

    @property
    def levels_off(self) -> float | None:
        """How many levels the name is off; None where it was missed."""
        return levels_off(self.said.level, self.true.level) if self.said else None

    @property
    def ratio_error(self) -> float | None:
        """Measured less true lowest over highest height; None where either is missing or the body is cut."""
        if self.true.cut or self.true.ratio is None or self.said is None or self.said.ratio is None:
            return None
        return self.said.ratio - self.true.ratio

    @property
    def why_not_graded(self) -> str | None:
        """None where it was graded."""
        if self.said is None:
            return MISSED
        return None if self.said.probability is not None else self.said.why_not or "not-graded"


@dataclass(frozen=True)
class StrayRow:
    """A finding that is no known body. `in_span`: between the first and last one, where no unknown body can be."""

    study: str
    about: Acquisition
    said: Said
    in_span: bool


@dataclass(frozen=True)
class StudyRow:
    """One analysed image with its rows. `strays_count`: a stray flag is a false flag also beyond the span, because the
    truth is whole."""

    record: ImageRecord
    bodies: tuple[BodyRow, ...]
    strays: tuple[StrayRow, ...]

    @property
    def about(self) -> Acquisition:
        """Who and how."""
        return self.record.truth.about

    @property
    def has_spine(self) -> bool:
        """Whether there is a vertebra to be found."""
        return self.about.contents != NO_SPINE

    @property
    def knows_grades(self) -> bool:
        """Whether the truth grades at least one vertebra."""
        return any(body.true.grade is not None for body in self.bodies) or not self.has_spine

    def is_positive(self, core: bool) -> bool:
        """Whether a vertebra (of T4 to L4 if `core`) is truly of grade 2 or 3."""
        bodies = [row.true for row in self.bodies if not core or is_core(row.true.level)]
        return any((body.grade or 0) >= POSITIVE_GRADE for body in bodies)

    def counted(self, core: bool) -> list[tuple[Said, bool]]:
        """The graded findings that bear on the patient, each with whether it is truly of grade 2 or 3.

        A body counts under its true level, a stray finding under the level it was given. Where the truth may leave
        vertebrae out, findings beyond its span and bodies without a known grade are left out.
        """
        known = [(row.true.level, row.said, (row.true.grade or 0) >= POSITIVE_GRADE) for row in self._graded_bodies()]
        stray = [(row.said.level, row.said, False) for row in self.strays if row.in_span or self.record.truth.synthetic]
        return [
            (said, positive)
            for level, said, positive in (*known, *stray)
            if said is not None and said.probability is not None and (not core or is_core(level))
        ]

    def _graded_bodies(self) -> list[BodyRow]:
        return [row for row in self.bodies if row.true.grade is not None]


def study_row(record: ImageRecord) -> StudyRow:
    """Hold what was said of an image against its truth."""
    bodies, said = record.truth.bodies, record.said
    found = pairs(bodies, said)
    right, label_mm = identified(bodies, said), distances_of_label(bodies, said)
    return StudyRow(
        record=record,
        bodies=tuple(
            BodyRow(
                record.name,
                record.truth.about,
                body,
                said[found[i]] if i in found else None,
                right[i],
                label_mm[i],
                distance(body.centre_mm, said[found[i]].centre_mm) if i in found else None,
            )
            for i, body in enumerate(bodies)
        ),
        strays=tuple(
            StrayRow(record.name, record.truth.about, one, is_in_span(one.centre_mm, bodies))
            for j, one in enumerate(said)
            if j not in found.values()
        ),
    )


def is_core(level: Level) -> bool:
    """Whether a level is one of T4 to L4, where fractures are read by convention."""
    return level in GRADED_LEVELS


def is_flagged(said: Said | None, point: OperatingPoint) -> bool:
    """Whether this finding reaches the worklist at an operating point."""
    return said is not None and point.flags(said.grade, said.probability)


def bodies_of(studies: Iterable[StudyRow]) -> list[BodyRow]:
    """The rows of all true vertebrae."""
    return [row for study in studies for row in study.bodies]


def patients_of(rows: Iterable[BodyRow | StudyRow | StrayRow]) -> list[str]:
    """Whom each row belongs to: the unit that intervals resample."""
    return [row.about.patient for row in rows]


Splitter = Callable[[BodyRow], str]


def slice_band(about: Acquisition) -> str:
    """The band of slice thickness."""
    return _band(about.slice_mm, SLICE_BANDS, "over 5 mm")


def age_band(about: Acquisition) -> str:
    """The band of age."""
    return _band(about.age, AGE_BANDS, "80 and over")


SPLITS: dict[str, Splitter] = {
    "level": lambda row: row.true.level.value,
    "slice thickness": lambda row: slice_band(row.about),
    "kernel": lambda row: row.about.kernel or UNKNOWN,
    "sex": lambda row: row.about.sex or UNKNOWN,
    "age": lambda row: age_band(row.about),
    "view": lambda row: row.about.view or UNKNOWN,
    "kind of fracture": lambda row: row.true.fracture or "no fracture",
    "likeness to a fracture": lambda row: row.true.mimic or "none",
}
"""What results are split by, and in which part a vertebra falls."""


def split(rows: Sequence[BodyRow], by: Splitter) -> dict[str, list[BodyRow]]:
    """The rows by part; parts in the order of their names, levels from head to foot."""
    parts: dict[str, list[BodyRow]] = {}
    for row in rows:
        parts.setdefault(by(row), []).append(row)
    order = [level.value for level in Level]
    return dict(sorted(parts.items(), key=lambda part: (order.index(part[0]) if part[0] in order else -1, part[0])))


def _band(value: float | None, bounds: Sequence[tuple[float, str]], above: str) -> str:
    if value is None:
        return UNKNOWN
    return next((name for bound, name in bounds if value <= bound), above)
