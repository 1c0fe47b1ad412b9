"""What may be said of a vertebra on a film: suspected or not, with the measured loss; never a grade."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pipelines.steps.film_shape import shapes
from pipelines.steps.judge import CUT, summary
from pipelines.steps.material import METAL
from vfx_finder.domain import certainty, genant
from vfx_finder.domain.finding import FILM_SUSPECTED, Deformity, Finding, PatientSummary
from vfx_finder.domain.numbering import NO_VERTEBRA
from vfx_finder.domain.operating_point import ON_FILMS
from vfx_finder.domain.spine import Heights, Level, Vertebra
from vfx_finder.domain.study import Reason, Unsuitable

STRONG_SPREAD = 0.07
"""Spread (SD) of lowest over highest height of a body above which it is not called sound unless its look is that of a
sound one (`FilmRule.cleared`), and above which metal or burnt-out parts over it count."""

_LEAST = 1e-4
_TOLD = 0.05


@dataclass(frozen=True)
class FilmRule:
    """How two statements on a body, its measured loss and the look of it, make one probability of grade 2 or 3.

    Losses are measured by the rule of CT (`genant.RULE`). Log-odds: `constant` + `per_severity` times the severity
    above the bound of grade 2 in units of its error (`error` and the spread of the measurement together) + `per_look`
    times the log-odds that the look gives. The three factors were fitted on 150 synthetic films that no training saw
    (docs/evidence/xray_spine.md says what they are worth).
    `suspected`: the probability from which a vertebra is suspected, where it lost at least a mild share of its height.
    A loss that is still severe (grade 3) when it was measured `plain_spreads` spreads too high is suspected whatever
    its look: no picture speaks against half a height. `cleared`: below this probability a vertebra may be called sound
    although its end-plates are unsure.
    """

    error: float = 0.045
    constant: float = -1.62
    per_severity: float = 0.42
    per_look: float = 0.85
    suspected: float = ON_FILMS.threshold
    plain_spreads: float = 2.0
    cleared: float = 0.1


FILM_RULE = FilmRule()


@dataclass(frozen=True)
class Evidence:
    """What the close looks at one body say beside its heights: how unsure (SD) its lowest over its highest height is,
    and each of the three (SD, in the unit of the heights), and the probability that it is broken by the look of it."""

    ratio_spread: float
    height_spreads: tuple[float, float, float]
    broken: float


def judge_film(
    vertebrae: Sequence[Vertebra], evidence: Sequence[Evidence], rule: FilmRule = FILM_RULE
) -> tuple[tuple[Finding, ...], PatientSummary]:
    """Every vertebra with its loss and whether it is suspected (`FilmRule`); `evidence` in the same order."""
    findings = tuple(
        _judged(vertebra, _neighbours(vertebrae, at), one, rule)
        for at, (vertebra, one) in enumerate(zip(vertebrae, evidence, strict=True))
    )
    return findings, summary(findings)


def probability(severity: float, evidence: Evidence, rule: FilmRule = FILM_RULE) -> float:
    """Probability (0..1) of grade 2 or 3, by measured severity and by the look."""
    error = math.hypot(rule.error, evidence.ratio_spread)
    look = min(1 - _LEAST, max(_LEAST, evidence.broken))
    above = rule.per_severity * (severity - genant.RULE.moderate) / error + rule.per_look * math.log(look / (1 - look))
    return 1 / (1 + math.exp(-rule.constant - above))


def _judged(vertebra: Vertebra, neighbours: Mapping[Level, Heights], evidence: Evidence, rule: FilmRule) -> Finding:
    level, heights, why = vertebra.level.level, vertebra.heights, _not_measured(vertebra)
    if heights is None or why is not None:
        return Finding(vertebra, None, None, None, None, why)
    loss = genant.loss_of(level, heights, neighbours)
    severity = genant.severity(level, loss)
    likely = probability(severity, evidence, rule)
    if severity - rule.plain_spreads * evidence.ratio_spread >= genant.RULE.severe:
        likely = max(likely, rule.suspected)
    if likely >= rule.suspected and severity >= genant.RULE.mild:
        likeness = shapes(level, heights, evidence.height_spreads, neighbours)
        return _suspected(Finding(vertebra, loss, None, next(iter(likeness)), likely), severity, likeness)
    if evidence.ratio_spread > STRONG_SPREAD and likely >= rule.cleared:
        words = f"The end-plates of {level} cannot be told well enough on this film."
        return Finding(vertebra, loss, None, None, None, Unsuitable(Reason.PLANES_DISAGREE, words))
    words = "Films are not graded (research); no loss of height measured that calls for a look."
    return Finding(vertebra, loss, None, None, likely, Unsuitable(Reason.FILM_NOT_GRADED, words))


def _suspected(finding: Finding, severity: float, likeness: Mapping[Deformity, float]) -> Finding:
    """A finding that calls for a look, with its loss, and what shape it may be of."""
    shares = ", ".join(f"{shape} {certainty.percent(share)}" for shape, share in likeness.items() if share >= _TOLD)
    words = f"Films are not graded (research); suspected, please look: measured loss {severity:.0%} ({shares})."
    flagged = replace(finding.vertebra, flags=(*finding.vertebra.flags, FILM_SUSPECTED))
    return replace(finding, vertebra=flagged, unsuitable=Unsuitable(Reason.FILM_NOT_GRADED, words))


def _not_measured(vertebra: Vertebra) -> Unsuitable | None:
    level = vertebra.level.level
    checks = (
        (NO_VERTEBRA in vertebra.flags, Reason.NOT_A_VERTEBRA, "This is probably no vertebra."),
        (level not in genant.LEVELS_WITH_GRADE, Reason.OUTSIDE_GRADED_LEVELS, f"{level}: only T4 to L5 are judged."),
        (CUT in vertebra.flags, Reason.CUT_BY_FIELD_OF_VIEW, f"{level} is only partly on the film."),
        (METAL in vertebra.flags, Reason.METAL, f"Metal or a burnt-out part of the film lies over {level}."),
        (vertebra.heights is None, Reason.NOT_MEASURABLE, f"The end-plates of {level} could not be traced."),
    )
    return next((Unsuitable(reason, words) for found, reason, words in checks if found), None)


def _neighbours(vertebrae: Sequence[Vertebra], here: int) -> dict[Level, Heights]:
    return {
        other.level.level: other.heights
        for at, other in enumerate(vertebrae)
        if at != here and other.heights is not None and not {CUT, METAL} & set(other.flags)
    }
