"""What may be said of a vertebra on a film: suspected or not, with the measured loss; never a grade."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from pipelines.steps.judge import CUT, summary
from pipelines.steps.material import METAL
from vfx_finder.domain import genant
from vfx_finder.domain.finding import FILM_SUSPECTED, Finding, PatientSummary
from vfx_finder.domain.genant import GenantRule
from vfx_finder.domain.numbering import NO_VERTEBRA
from vfx_finder.domain.spine import Heights, Level, Vertebra
from vfx_finder.domain.study import Reason, Unsuitable

FILM_RULE = replace(genant.RULE, reader_scale=0.045)
"""The rule for films: the same thresholds of loss; certainty wider by the error of heights on films
(docs/evidence/xray_spine.md)."""

STRONG_SPREAD = 0.10
"""Spread (SD) of lowest over highest height of a body above which nothing is said of it, unless it lost so much that
twice the spread leaves it at grade 2."""

_TWICE = 2.0


def judge_film(
    vertebrae: Sequence[Vertebra], spreads: Sequence[float], rule: GenantRule = FILM_RULE
) -> tuple[tuple[Finding, ...], PatientSummary]:
    """Every vertebra with its loss and whether it is suspected: its severity is at least that of grade 2 even if its
    loss was measured one `spread` (SD of lowest over highest height) too high."""
    findings = tuple(
        _judged(vertebra, _neighbours(vertebrae, at), spread, rule)
        for at, (vertebra, spread) in enumerate(zip(vertebrae, spreads, strict=True))
    )
    return findings, summary(findings)


def _judged(vertebra: Vertebra, neighbours: Mapping[Level, Heights], spread: float, rule: GenantRule) -> Finding:
    level, heights = vertebra.level.level, vertebra.heights
    why = _not_measured(vertebra)
    if heights is None or why is not None:
        return Finding(vertebra, None, None, None, None, why)
    loss = genant.loss_of(level, heights, neighbours, rule)
    severity = genant.severity(level, loss, rule)
    beyond = severity - rule.moderate
    if spread > STRONG_SPREAD and beyond < _TWICE * spread:
        doubt = Unsuitable(
            Reason.PLANES_DISAGREE, f"The end-plates of {level} cannot be told well enough on this film."
        )
        return Finding(vertebra, loss, None, None, None, doubt)
    suspected = beyond >= spread
    words = f"suspected, please look: measured loss {severity:.0%}" if suspected else "no loss of height measured that"
    words = words if suspected else f"{words} calls for a look"
    return Finding(
        replace(vertebra, flags=(*vertebra.flags, *((FILM_SUSPECTED,) if suspected else ()))),
        loss,
        None,
        genant.deformity(level, heights, neighbours, rule) if suspected else None,
        genant.probability_grade2plus(severity, spread, rule),
        Unsuitable(Reason.FILM_NOT_GRADED, f"Films are not graded (research); {words}."),
    )


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
