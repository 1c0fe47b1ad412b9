"""What a result says of each vertebra, before and after a radiologist signed: one wording for every object we send."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from vfx_finder.domain import genant
from vfx_finder.domain.certainty import stated
from vfx_finder.domain.finding import Analysis, Deformity, Finding, Loss, millimetres
from vfx_finder.domain.guidance import GRADE_WORDS, cement_words
from vfx_finder.domain.mimic import mimics_in
from vfx_finder.domain.numbering import NO_VERTEBRA
from vfx_finder.domain.review import Decision, Review, VertebraDecision
from vfx_finder.domain.seen import SeenVertebra, seen
from vfx_finder.domain.spine import GRADED_LEVELS, Drawing, Heights, Level


class Standing(StrEnum):
    """What is said of a vertebra, and who says it."""

    SUSPECTED = "suspected"
    """Grade 1 or more by the software, or on a film a loss that calls for a look; nobody has confirmed it."""
    NO_FRACTURE = "no-fracture"
    """Grade 0."""
    CONFIRMED = "confirmed"
    """A fracture that a radiologist signed."""
    REJECTED = "rejected"
    """A finding of the software that a radiologist turned down, with a reason."""
    UNDECIDED = "undecided"
    """A mild finding of the software that the radiologist signed without a word on it."""
    NOT_GRADED = "not-graded"
    """Found and not graded, with a reason."""

    @property
    def is_fracture(self) -> bool:
        """Drawn and counted as a fracture: suspected or confirmed."""
        return self in (Standing.SUSPECTED, Standing.CONFIRMED)


@dataclass(frozen=True)
class Told:
    """One vertebra as a result tells it.

    `level_words` is the level with its alternatives where it is not sure ("L1, or T12 (31 %)"), empty for a body that
    is probably no vertebra. `grade` is None where it has none, on films always until a reader gives one. `heights` are
    mm, None where a film does not say its scale at the patient, `loss` fractions, `probability` that of grade 2 or 3
    as it is stated (`domain.certainty`). `lost` is the one loss that pictures and tables give: of a CT the own loss, of
    a film what stands in place of a grade (`genant.severity_of`), None where nothing is said of it.
    `why` says why it is rejected or not graded; `remarks` what it resembles.
    """

    level: Level
    level_words: str
    standing: Standing
    grade: int | None
    deformity: Deformity | None
    heights: Heights | None
    loss: Loss | None
    lost: float | None
    probability: float | None
    why: str
    remarks: tuple[str, ...]
    drawing: Drawing | None
    centre_mm: tuple[float, float, float]

    @property
    def name(self) -> str:
        """How it is called in a list."""
        return self.level_words or "Body that is probably no vertebra"

    @property
    def short(self) -> str:
        """The level as it stands in a picture: with a question mark where its alternatives must be told beside it."""
        if not self.is_vertebra:
            return "-"
        return self.level.value if self.level_words == self.level.value else f"{self.level.value}?"

    @property
    def is_vertebra(self) -> bool:
        """Has a place in the numbering."""
        return bool(self.level_words)

    @property
    def sentence(self) -> str:
        """The whole judgement in one sentence without the level, such as "suspected vertebral fracture, grade 2"."""
        return _SENTENCES[self.standing].format(grade=self._grade_words, why=self.why)

    @property
    def _grade_words(self) -> str:
        if self.grade is None:
            return "not graded (research on films)"
        if not self.grade:
            return ""
        shape = f", {self.deformity.value} shape" if self.deformity else ""
        return f"{GRADE_WORDS[self.grade]}, Genant grade {self.grade}{shape}"


_SENTENCES: Mapping[Standing, str] = {
    Standing.SUSPECTED: "suspected vertebral fracture, {grade}; unconfirmed",
    Standing.NO_FRACTURE: "Genant grade 0",
    Standing.CONFIRMED: "vertebral fracture, {grade}",
    Standing.REJECTED: "not confirmed as an osteoporotic vertebral fracture: {why}",
    Standing.UNDECIDED: "possible vertebral fracture, {grade}, found by software; the radiologist did not comment",
    Standing.NOT_GRADED: "{why}",
}


def told(analysis: Analysis, review: Review | None) -> tuple[Told, ...]:
    """Every vertebra of the analysis, head to foot, in the order of its findings: as signed where there is a review."""
    decisions = review.vertebrae if review else ()
    by_level = {decision.original_level: decision for decision in decisions}
    left = seen(analysis.findings, decisions)
    said = tuple(
        _told(finding, vertebra, by_level.get(finding.vertebra.level.level), is_signed=review is not None)
        for finding, vertebra in zip(analysis.findings, left, strict=True)
    )
    if not analysis.is_film:
        return said
    lost = (genant.severity_of(finding) for finding in analysis.findings)
    return tuple(replace(one, lost=severity) for one, severity in zip(said, lost, strict=True))


def what_lost_means(analysis: Analysis) -> str:
    """What the loss in a table is, for whoever reads it."""
    if analysis.is_film:
        return "Loss: by its own heights and by what level and neighbours predict; no grade is read from it on a film."
    return "Loss: lowest against largest own height; a grade is read from it and from the expected height together."


def doubts(analysis: Analysis, decisions: Sequence[VertebraDecision]) -> dict[Level, str]:
    """How the level of a signed fracture is told where it was not sure and the reader left it as it was."""
    kept = {said.level for said in decisions if said.is_fracture and said.level is said.original_level}
    levels = [finding.vertebra.level for finding in analysis.findings]
    return {one.level: one.words for one in levels if one.level in kept and not one.is_sure}


def fractures(vertebrae: Sequence[Told]) -> tuple[Told, ...]:
    """Those that are suspected, or were confirmed."""
    return tuple(one for one in vertebrae if one.standing.is_fracture)


def headline(analysis: Analysis, vertebrae: Sequence[Told]) -> str:
    """The result in one line; never that a patient is free of fracture.

    A finding on which the radiologist signed no word is named, and so is cement. Of a radiograph it says that it is
    one, and nothing of what was not suspected: the model for films is an experiment.
    """
    film = f"{FILM}: " if analysis.is_film else ""
    return " ".join(part for part in (f"{film}{_result(analysis, vertebrae)}", _cement(analysis, vertebrae)) if part)


FILM = "Radiograph (X-ray, research)"
"""What stands before every result of a film."""


def _result(analysis: Analysis, vertebrae: Sequence[Told]) -> str:
    found = fractures(vertebrae)
    if not found:
        return _nothing_found(analysis, vertebrae)
    word = "Suspected vertebral fracture" if found[0].standing is Standing.SUSPECTED else "Vertebral fracture"
    listed = "; ".join(_where(one) for one in found)
    return f"{word}{'s' if len(found) > 1 else ''}: {listed}."


def _nothing_found(analysis: Analysis, vertebrae: Sequence[Told]) -> str:
    graded = sum(one.grade is not None for one in vertebrae)
    if unsaid := [_where(one) for one in vertebrae if one.standing is Standing.UNDECIDED]:
        words = "No vertebral fracture confirmed; found by software, without the radiologist's word: "
        return f"{words}{'; '.join(unsaid)}. Does not exclude fracture."
    if analysis.is_film:
        measured = sum(one.loss is not None for one in vertebrae)
        return f"{measured} vertebrae measured on the projection, not graded by software. Does not exclude fracture."
    return f"No vertebral fracture suspected or confirmed in {graded} graded vertebrae. Does not exclude fracture."


def _cement(analysis: Analysis, vertebrae: Sequence[Told]) -> str:
    """Which levels hold cement, unless a reader decided about them; `vertebrae` may leave some findings out."""
    filled = {found.vertebra.centre_mm for found in analysis.findings if found.has_cement}
    left = [one for one in vertebrae if one.standing is Standing.NOT_GRADED and one.centre_mm in filled]
    return cement_words([one.level_words or one.level.value for one in left])


def _where(one: Told) -> str:
    return one.level_words if one.grade is None else f"grade {one.grade} at {one.level_words}"


@dataclass(frozen=True)
class Sums:
    """The patient's numbers as told: highest grade, number of fractures, spinal deformity index (T4 to L4). What is
    made of grades is None where no vertebra has one, as on a film."""

    max_grade: int | None
    fracture_count: int
    spinal_deformity_index: int | None


def sums(vertebrae: Sequence[Told]) -> Sums:
    """What the suspected, or the confirmed, fractures add up to."""
    grades = [(one.level, one.grade or 0) for one in fractures(vertebrae)]
    if all(one.grade is None for one in vertebrae):
        return Sums(None, len(grades), None)
    in_index = sum(grade for level, grade in grades if level in GRADED_LEVELS)
    return Sums(max((grade for _, grade in grades), default=0), len(grades), in_index)


def _told(finding: Finding, vertebra: SeenVertebra, said: VertebraDecision | None, *, is_signed: bool) -> Told:
    found = finding.vertebra
    is_none = NO_VERTEBRA in found.flags
    standing = _standing(finding, said, is_signed=is_signed)
    return Told(
        level=vertebra.level,
        level_words="" if is_none else _level_words(finding, vertebra, is_signed=is_signed),
        standing=standing,
        grade=None if is_none or standing is Standing.NOT_GRADED else vertebra.grade,
        deformity=(said.deformity if said else finding.deformity) if standing.is_fracture else None,
        heights=millimetres(found),
        loss=finding.loss,
        lost=finding.loss.own if finding.loss else None,
        probability=None if finding.probability_grade2plus is None else stated(finding.probability_grade2plus),
        why=_why(finding, said),
        remarks=tuple(mimic.words for mimic in mimics_in(found.flags)),
        drawing=found.drawing,
        centre_mm=found.centre_mm,
    )


def _standing(finding: Finding, said: VertebraDecision | None, *, is_signed: bool) -> Standing:
    if said is not None:
        if said.decision is Decision.REJECTED:
            return Standing.REJECTED
        return Standing.CONFIRMED if said.is_fracture else Standing.NO_FRACTURE
    if finding.grade is None:
        return _not_yet(is_signed) if finding.is_suspected else Standing.NOT_GRADED
    if not finding.grade:
        return Standing.NO_FRACTURE
    return _not_yet(is_signed)


def _not_yet(is_signed: bool) -> Standing:
    """A finding of the software on which nobody has said a word, though perhaps on others."""
    return Standing.UNDECIDED if is_signed else Standing.SUSPECTED


def _level_words(finding: Finding, vertebra: SeenVertebra, *, is_signed: bool) -> str:
    """The software's level with its alternatives; a level that a reader has signed stands alone."""
    return vertebra.level.value if is_signed else finding.vertebra.level.words


def _why(finding: Finding, said: VertebraDecision | None) -> str:
    if said is not None and said.reason is not None:
        return said.reason.label + (f" ({said.note})" if said.note else "")
    if finding.unsuitable is None:
        return "" if finding.grade is not None else "not graded"
    detail = finding.unsuitable.detail.rstrip(".") or finding.unsuitable.reason.value.replace("-", " ")
    return detail if "not graded" in detail else f"not graded: {detail}"
