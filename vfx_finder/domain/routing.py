"""Which studies are analysed, and how soon: rules as data, the first that fits decides."""

from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase


class Priority(StrEnum):
    """How soon a settled study is analysed."""

    URGENT = "urgent"
    NORMAL = "normal"
    OFF_PEAK = "off-peak"


class Verdict(StrEnum):
    """What a rule asks for: analysis at a priority, or none."""

    URGENT = "urgent"
    NORMAL = "normal"
    OFF_PEAK = "off-peak"
    LEAVE_OUT = "leave-out"


@dataclass(frozen=True)
class Traits:
    """What a rule may look at; as the headers have it, `age` in whole years or None where nobody knows."""

    calling: str = ""
    Modality: str = ""
    BodyPartExamined: str = ""
    StudyDescription: str = ""
    StationName: str = ""
    age: int | None = None


@dataclass(frozen=True)
class Rule:
    """One line of the routing table. A pattern has `*` and `?`, ignores case, and fits everything when empty.

    `youngest` and `oldest` bound the age in whole years, both included; a study of unknown age never fits a bound.
    """

    name: str
    verdict: Verdict
    calling: str = ""
    Modality: str = ""
    BodyPartExamined: str = ""
    StudyDescription: str = ""
    StationName: str = ""
    youngest: int | None = None
    oldest: int | None = None

    def fits(self, study: Traits) -> bool:
        """Whether every condition of this rule holds for the study."""
        patterns = ("calling", "Modality", "BodyPartExamined", "StudyDescription", "StationName")
        return all(_like(getattr(self, name), getattr(study, name)) for name in patterns) and self._fits_age(study.age)

    def _fits_age(self, age: int | None) -> bool:
        if self.youngest is None and self.oldest is None:
            return True
        if age is None:
            return False
        return (self.youngest is None or age >= self.youngest) and (self.oldest is None or age <= self.oldest)


def first_fitting(rules: tuple[Rule, ...], study: Traits) -> Rule | None:
    """The first rule, in their order, that fits; None where none does (then the study is analysed as normal)."""
    return next((rule for rule in rules if rule.fits(study)), None)


def _like(pattern: str, value: str) -> bool:
    return not pattern or fnmatchcase(value.strip().upper(), pattern.strip().upper())
