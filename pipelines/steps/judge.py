"""From measured vertebrae to graded findings, and to the patient's four numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pipelines.steps.material import CEMENT, METAL
from pipelines.steps.measure import PLANES_UNLIKE
from vfx_finder.domain import genant
from vfx_finder.domain.finding import Finding, PatientSummary
from vfx_finder.domain.genant import GenantRule
from vfx_finder.domain.mimic import Mimic, mimics_in
from vfx_finder.domain.numbering import NO_VERTEBRA
from vfx_finder.domain.spine import GRADED_LEVELS, Heights, Level, Vertebra
from vfx_finder.domain.study import Reason, Unsuitable

CUT = "cut-by-field-of-view"
THICK_SLICES = "thick-slices"
NO_NEIGHBOURS = "no-neighbours"
THICK_SLICE_MM = 5.0
"""Slices thicker than this cannot show a loss of a fifth of a height of 20 mm: no grade 1 is given."""

STRONG_SPREAD = 0.10
"""SD of the lowest over highest height over planes, or between the two looks, from which a vertebra within that
distance of grade 2 is not called sound: two and a half times the SD between readers (0.041)."""

TOLD_FROM = 0.02
"""A vertebra of less probability than this is plainly sound: what else it resembles would only be noise."""

_LOWERING = frozenset(mimic.value for mimic in Mimic if mimic.lowers_certainty)
_UNRELIABLE = {CUT, METAL, CEMENT, PLANES_UNLIKE}

_UNTRUSTED = {
    METAL: (Reason.METAL, "Metal lies in or beside {level}: its end-plates cannot be trusted."),
    CEMENT: (Reason.CEMENT, "{level} is filled with cement, as after a treated fracture."),
    PLANES_UNLIKE: (Reason.PLANES_DISAGREE, "The outline of {level} is not the same body in neighbouring sections."),
}


@dataclass(frozen=True)
class Circumstances:
    """What bears on the certainty of the whole series: the distance between acquired slices (mm), and the rule."""

    slice_mm: float = 0.0
    rule: GenantRule = genant.RULE


def judge(
    vertebrae: Sequence[Vertebra],
    ratio_spreads: Sequence[float] = (),
    circumstances: Circumstances | None = None,
    broken: Sequence[float | None] = (),
) -> tuple[tuple[Finding, ...], PatientSummary]:
    """Grade every vertebra that can be graded, say why of every other, and sum up the patient.

    `ratio_spreads` holds `BodyMeasure.ratio_spread` of each vertebra in the same order (empty: all 0), `broken` the
    probability of grade 2 or 3 that its shape gives (None: the severity alone says it). Grades are the rule's alone.
    """
    about = circumstances or Circumstances()
    spreads = list(ratio_spreads) or [0.0] * len(vertebrae)
    said = list(broken) or [None] * len(vertebrae)
    findings = tuple(
        _with_probability(_judged(vertebra, _neighbours(vertebrae, at), spread, about), by_shape, about.rule)
        for at, (vertebra, spread, by_shape) in enumerate(zip(vertebrae, spreads, said, strict=True))
    )
    return findings, summary(findings)


def summary(findings: Sequence[Finding]) -> PatientSummary:
    """The patient's four numbers; the spinal deformity index is the sum of grades over T4 to L4 (Kerkeni 2009)."""
    grades = [finding.grade for finding in findings if finding.grade is not None]
    in_index = [finding for finding in findings if finding.vertebra.level.level in GRADED_LEVELS]
    suspected = [finding.probability_grade2plus for finding in findings if finding.probability_grade2plus is not None]
    return PatientSummary(
        max_grade=max(grades, default=0),
        fracture_count=sum(grade >= 1 for grade in grades),
        spinal_deformity_index=sum(finding.grade or 0 for finding in in_index),
        probability_grade2plus=genant.patient_probability(suspected),
    )


def _judged(vertebra: Vertebra, neighbours: Mapping[Level, Heights], spread: float, about: Circumstances) -> Finding:
    unsuitable, level, heights = _unsuitable(vertebra), vertebra.level.level, vertebra.heights
    if heights is None or CUT in vertebra.flags:
        return Finding(vertebra, None, None, None, None, unsuitable)
    loss = genant.loss_of(level, heights, neighbours, about.rule)
    if unsuitable is not None:
        return Finding(vertebra, loss, None, None, None, unsuitable)
    severity = genant.severity(level, loss, about.rule)
    flagged, withheld = _flagged(vertebra, neighbours, about), _withheld(level, severity, spread, about)
    if withheld is not None:
        return Finding(flagged, loss, None, None, None, withheld)
    grade, probability = genant.grade(severity, about.rule), genant.probability_grade2plus(severity, spread, about.rule)
    if probability < TOLD_FROM:
        flagged = replace(flagged, flags=tuple(flag for flag in flagged.flags if flag not in _LOWERING))
    is_mimic = any(mimic.lowers_certainty for mimic in mimics_in(flagged.flags))
    return Finding(
        vertebra=flagged,
        loss=loss,
        grade=grade,
        deformity=genant.deformity(level, heights, neighbours, about.rule) if grade else None,
        probability_grade2plus=genant.lowered(probability) if is_mimic else probability,
    )


def _with_probability(finding: Finding, by_shape: float | None, rule: GenantRule) -> Finding:
    """A graded finding with the probability that its shape gives, where there is one.

    Likeness to a mimic is not counted once more: the shape that makes the likeness is what the probability is of. A
    plain loss, or a grade 2 whose shape was not asked, keeps `genant.PLAIN_AT_LEAST`, whatever it resembles.
    """
    if finding.grade is None or finding.loss is None or finding.probability_grade2plus is None:
        return finding
    said = finding.probability_grade2plus if by_shape is None else by_shape
    severity = genant.severity(finding.vertebra.level.level, finding.loss, rule)
    is_plain = severity >= (rule.moderate if by_shape is None else rule.plain)
    return replace(finding, probability_grade2plus=max(said, genant.PLAIN_AT_LEAST) if is_plain else said)


def may_be_asked(vertebra: Vertebra) -> bool:
    """Whether its heights may say something of it and of its neighbours: measured, wholly in view, and of bone."""
    return vertebra.heights is not None and not _UNRELIABLE & set(vertebra.flags)


def _unsuitable(vertebra: Vertebra) -> Unsuitable | None:
    level = vertebra.level.level
    if NO_VERTEBRA in vertebra.flags:
        return Unsuitable(Reason.NOT_A_VERTEBRA, "This is probably no vertebra; the others count without it.")
    if level not in genant.LEVELS_WITH_GRADE:
        return Unsuitable(Reason.OUTSIDE_GRADED_LEVELS, f"{level} is not graded: only T4 to L5 are.")
    if CUT in vertebra.flags:
        return Unsuitable(Reason.CUT_BY_FIELD_OF_VIEW, f"{level} is only partly in the picture.")
    for flag, (reason, words) in _UNTRUSTED.items():
        if flag in vertebra.flags:
            return Unsuitable(reason, words.format(level=level))
    if vertebra.heights is None:
        return Unsuitable(Reason.NOT_MEASURABLE, f"The end-plates of {level} could not be traced.")
    return None


def _neighbours(vertebrae: Sequence[Vertebra], here: int) -> dict[Level, Heights]:
    """The measured vertebrae that may say what this one should look like: wholly in view, of bone, not this one."""
    return {
        other.level.level: other.heights
        for at, other in enumerate(vertebrae)
        if at != here and other.heights is not None and may_be_asked(other)
    }


def _withheld(level: Level, severity: float, spread: float, about: Circumstances) -> Unsuitable | None:
    """Why this vertebra must not be called sound, or mild, although it measures so; never withholds a grade 2 or 3."""
    rule = about.rule
    if severity >= rule.moderate:
        return None
    if spread > STRONG_SPREAD and severity + spread >= rule.moderate:
        return Unsuitable(
            Reason.PLANES_DISAGREE, f"Sections through {level} differ too much to tell whether it is broken."
        )
    if about.slice_mm > THICK_SLICE_MM and severity >= rule.mild:
        return Unsuitable(
            Reason.TOO_THICK_FOR_MILD, f"{level} looks mildly reduced on slices of {about.slice_mm:g} mm."
        )
    return None


def _flagged(vertebra: Vertebra, neighbours: Mapping[Level, Heights], about: Circumstances) -> Vertebra:
    raised = {
        THICK_SLICES: about.slice_mm > THICK_SLICE_MM,
        NO_NEIGHBOURS: not genant.has_neighbours(vertebra.level.level, neighbours, about.rule),
    }
    new = tuple(flag for flag, is_raised in raised.items() if is_raised and flag not in vertebra.flags)
    return replace(vertebra, flags=vertebra.flags + new)
