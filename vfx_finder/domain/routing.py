"""Which studies are analysed, and how soon: rules as data, the first that fits decides.

A study may have several values of one trait, joined by a backslash as in ModalitiesInStudy (DICOM PS3.3 section
C.4.23): the parts of the body that its series show. A rule that leaves studies out fits only when all of them fit its
pattern, so that a head scan with a chest is never left out as a head; every other rule fits when one of them does.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

SEPARATOR = "\\"
"""Between several values of one element, DICOM PS3.5 section 6.4."""

LONGEST_GATHERED = 64
MORE = "..."


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


BY_HAND = "(by hand)"
PULLED = "(asked for from an archive)"
"""What `Case.routed_by` says where no rule chose: a person did, or the study came because it was asked for. No rule's
name begins with a bracket."""


@dataclass(frozen=True)
class Traits:
    """What a rule may look at; as the headers have it, `age` in whole years or None where nobody knows.

    `Modality` and `BodyPartExamined` are those of all its series.
    """

    calling: str = ""
    Modality: str = ""
    BodyPartExamined: str = ""
    StudyDescription: str = ""
    StationName: str = ""
    age: int | None = None


PATTERNS = {
    "calling": "sent by",
    "Modality": "modality",
    "BodyPartExamined": "body part",
    "StudyDescription": "study description",
    "StationName": "station name",
}
"""The traits that a rule describes by a pattern, and what people call them."""

UNKNOWN_BEFORE_IT_ARRIVES = frozenset({"calling", "BodyPartExamined", "StationName"})
"""What an archive's list of studies does not tell (DICOM PS3.4 section C.6.2.1: no such study level keys)."""


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
        return not self.misfits(study)

    def misfits(self, study: Traits) -> tuple[str, ...]:
        """Every condition that does not hold, in words for an operator; empty where the rule fits."""
        return (*self._other_texts(study), *self._other_age(study.age))

    def might_fit(self, study: Traits) -> bool:
        """Whether it could fit a study of which nothing is known but what an archive lists."""
        known = [name for name in PATTERNS if name not in UNKNOWN_BEFORE_IT_ARRIVES]
        return all(self._likes(name, study) for name in known) and not any(self._other_age(study.age))

    @property
    def asks_for_the_unknown(self) -> bool:
        """Whether it has a condition that an archive's list of studies does not answer."""
        return any(getattr(self, name) for name in UNKNOWN_BEFORE_IT_ARRIVES)

    def _other_texts(self, study: Traits) -> Iterator[str]:
        for name, words in PATTERNS.items():
            if not self._likes(name, study):
                yield f"{words} {told(getattr(study, name))}, not “{getattr(self, name)}”"

    def _likes(self, name: str, study: Traits) -> bool:
        pattern, values = getattr(self, name), getattr(study, name).split(SEPARATOR)
        every = all if self.verdict is Verdict.LEAVE_OUT else any
        return not pattern or every(_like(pattern, value) for value in values)

    def _other_age(self, age: int | None) -> Iterator[str]:
        if self.youngest is None and self.oldest is None:
            return
        if age is None:
            yield "the age is not known"
        elif self.youngest is not None and age < self.youngest:
            yield f"the age is {age}, below {self.youngest}"
        elif self.oldest is not None and age > self.oldest:
            yield f"the age is {age}, above {self.oldest}"


@dataclass(frozen=True)
class Tried:
    """One rule put to a study: whether it decides, and if not, why. Only the first in force that fits decides; one
    that is not `in_force` "decides" where it would, were it the only one to be put in force."""

    rule: Rule
    decides: bool
    why_not: tuple[str, ...] = ()
    in_force: bool = True


def first_fitting(rules: tuple[Rule, ...], study: Traits) -> Rule | None:
    """The first rule, in their order, that fits; None where none does (then the study is analysed as normal)."""
    return next((rule for rule in rules if rule.fits(study)), None)


def tried(rules: tuple[Rule, ...], study: Traits, off: frozenset[str] = frozenset()) -> tuple[Tried, ...]:
    """Every rule put to this study, in their order; `off` names those that are switched off and decide nothing."""
    found: list[Tried] = []
    for rule in rules:
        before = next((one.rule for one in found if one.decides and one.in_force), None)
        found.append(_tried(rule, study, before, rule.name not in off))
    return tuple(found)


def left_out_before_it_arrives(rules: tuple[Rule, ...], study: Traits) -> Rule | None:
    """The rule that is certain to leave out a study of which only an archive's list is known; None where none is.

    A study whose fate hangs on what only its images tell is asked for.
    """
    first = next((rule for rule in rules if rule.might_fit(study)), None)
    if first is None or first.asks_for_the_unknown or first.verdict is not Verdict.LEAVE_OUT:
        return None
    return first


def told(values: str) -> str:
    """The values of a trait as a person reads them; a pattern that leaves out must fit all of them."""
    return ", ".join(f"“{one}”" for one in values.split(SEPARATOR) if one.strip()) or "not stated"


def gathered(known: str, value: str) -> str:
    """The values so far and one more, each once; what a row cannot hold is told by a last value "..."."""
    values = [one for one in known.split(SEPARATOR) if one]
    if value in values or MORE in values or not value:
        return known
    longer = SEPARATOR.join([*values, value])
    return longer if len(longer) <= LONGEST_GATHERED - len(MORE) - 1 else SEPARATOR.join([*values, MORE])


def _tried(rule: Rule, study: Traits, before: Rule | None, in_force: bool) -> Tried:
    why_not = rule.misfits(study)
    if not why_not and before is not None:
        why_not = (f"the rule “{before.name}” is asked before it",)
    return Tried(rule, not why_not, why_not, in_force)


def _like(pattern: str, value: str) -> bool:
    return fnmatchcase(value.strip().upper(), pattern.strip().upper())
