"""Genant grading of vertebral fractures from heights: the only home of its thresholds and of normal ratios.

Three statements about one vertebra, and how they become a grade (docs/grading.md shows what each is worth):

- *own loss*: 1 - lowest / highest of its three heights. Read with Genant's 20 / 25 / 40 %. It is blind to a body that
  lost height evenly, and the lowest lumbar body is wedge-shaped by nature.
- *expected loss*: the largest shortfall of a height against what its level, its neighbours and its own best-kept
  height predict. A normal vertebra has about 15 % of own loss but 6 % of expected loss, so 20 / 25 / 40 % must not be
  put on it alone: it is first carried over to the scale of the own loss.
- *severity*: the mean of both on the scale of the own loss; never less than the expected loss itself, which is
  Genant's own comparison with adjacent normal vertebrae and finds the evenly crushed body.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from vfx_finder.domain import certainty
from vfx_finder.domain.finding import Deformity, Finding, Loss
from vfx_finder.domain.spine import GRADED_LEVELS, Heights, Level
from vfx_finder.domain.study import Reason

Triple = tuple[float, float, float]

NORMAL_SHAPE: Mapping[Level, Triple] = {
    Level.T1: (0.631, 0.529, 0.634),
    Level.T2: (0.655, 0.560, 0.678),
    Level.T3: (0.668, 0.578, 0.705),
    Level.T4: (0.675, 0.589, 0.720),
    Level.T5: (0.679, 0.597, 0.731),
    Level.T6: (0.686, 0.606, 0.742),
    Level.T7: (0.698, 0.620, 0.757),
    Level.T8: (0.717, 0.640, 0.780),
    Level.T9: (0.745, 0.667, 0.810),
    Level.T10: (0.782, 0.703, 0.849),
    Level.T11: (0.827, 0.745, 0.894),
    Level.T12: (0.879, 0.791, 0.940),
    Level.L1: (0.932, 0.836, 0.981),
    Level.L2: (0.981, 0.873, 1.006),
    Level.L3: (1.015, 0.889, 1.000),
    Level.L4: (1.022, 0.874, 0.952),
    Level.L5: (0.990, 0.816, 0.852),
}
"""Normal anterior, middle and posterior height by level, in units of the posterior height of L3.

Sources: T1 to L1 from the published reader measurements of the neuro-ml vertebral fracture set (54 to 99 patients a
level), carried to this system's height definition by one factor for each height that was measured on the expert masks
of VerSe (Sekuboyina et al. 2021, CC BY-SA 4.0; 10 normal vertebrae); L2 to L5 measured with this system's code on the
mean lumbar shape of 87 patients (Clouthier, morphable lumbar model, MIT licence). Smoothed over levels (degree 4, log
scale). T13 and L6 are half-way and like L5.
"""

POSITION: Mapping[Level, float] = {level: float(at) for at, level in enumerate(NORMAL_SHAPE)} | {
    Level.T13: 11.5,
    Level.L6: 17.0,
}


@dataclass(frozen=True)
class GenantRule:
    """Every number of the grading rule.

    `mild`, `moderate`, `severe`: loss of height from which a vertebra is grade 1, 2, 3. Genant et al. 1993 (J Bone
    Miner Res 8:1137) print touching ranges (20-25, 25-40, over 40 %); here each range holds its lower bound.
    `normal_share`: share of its expected height that carries an expected loss to the scale of an own loss: lowest over
    highest height is 0.85 in normal vertebrae (neuro-ml readers, T4-L2), lowest over expected height 0.94 (expert
    masks of VerSe, 11 normal vertebrae).
    `span`, `quantile`, `least_neighbours`: neighbours within so many levels predict a height, as this quantile of their
    predictions (above the median, because fractured neighbours predict too little), if there are so many.
    `most_above`: a height may exceed what the best-kept height of its best-kept neighbour predicts by this share; what
    stands out further is a lip of the rim or an outline that ran on, not the height that others were lost from. On the
    masks with published grades (docs/grading.md) no bound from 0.04 up changes a single grade. `least_for_bound`: with
    fewer neighbours nothing is bounded, for two that have collapsed evenly would hide the fracture between them.
    `reader_scale`: width of the logistic curve from severity to the probability that a reader calls grade 2: readers
    of the same vertebra differ by 0.0325 on average in lowest over highest height (neuro-ml, 3,239 pairs), which is a
    standard deviation of 0.041 and a logistic scale of 0.0225.
    `sound_per_fractured`: of vertebrae measured just at the bound of grade 2, so many are none for each that is one:
    sound vertebrae are far more common, so more of them are measured too low than fractured ones too high. Chosen after
    both sets in docs/evidence/ct_spine.md had been seen: 1 said too much on either, 1.6 to 2.7 fits the masks with
    published grades best, 3.3 to 6.5 the synthetic scans.
    `plain`: from this severity on no shape makes a vertebra less probable than `PLAIN_AT_LEAST`: it lies more than the
    SD between readers (0.041) above the bound of grade 2. A house decision; on the frozen synthetic scans it brings one
    vertebra back that is none (docs/evidence/ct_spine.md).
    """

    mild: float = 0.20
    moderate: float = 0.25
    severe: float = 0.40
    normal_share: float = 0.90
    span: float = 3.0
    quantile: float = 0.6
    least_neighbours: int = 2
    most_above: float = 0.04
    least_for_bound: int = 3
    reader_scale: float = 0.0225
    sound_per_fractured: float = 3.0
    plain: float = 0.30


RULE = GenantRule()

OWN_LOSS_LEVELS = frozenset(GRADED_LEVELS)
"""Levels whose own loss counts. L5 is wedge-shaped by nature, so it is graded by its expected loss alone."""

LEVELS_WITH_GRADE = OWN_LOSS_LEVELS | {Level.L5}

CRUSH_SHARE = 1 / 2
WEDGE_SHARE = 3 / 4
"""Genant 1993: crush when the posterior height is lost too, wedge when the anterior one is, biconcave when the middle
one is. Crush: the posterior height fell short of its neighbours by as much as a mild loss, and by this share of the
largest shortfall. Wedge: the anterior height fell short, within the vertebra's own shape, by this share of the middle
one (the lowest middle height of a wedge lies on its slope)."""

MOST_CERTAIN = certainty.MOST_CERTAIN

PLAIN_AT_LEAST = 0.25
"""Least probability of a grade 2 or 3 whose loss is plain (`GenantRule.plain`), or whose shape was not asked."""

MIMIC_ODDS = 4.0
"""Likeness to a mimic divides the odds of a grade 2 or 3 by this, once, however many it resembles: 90 % become 69 %,
25 % become 8 %. A house decision: enough to move a doubtful vertebra, too little to overrule a plain loss."""


def own_loss(heights: Heights) -> float:
    """1 - lowest / highest of the three heights: 0 for equal heights, towards 1 for a collapsed body."""
    return 1.0 - heights.min_max


def expected_heights(
    level: Level, heights: Heights, neighbours: Mapping[Level, Heights], rule: GenantRule = RULE
) -> Triple | None:
    """Anterior, middle and posterior height (mm) this vertebra should have; None for a level without a normal shape.

    Each is the larger of two predictions: by the neighbours, and by the vertebra's own best-kept height.
    """
    shape = _shape(level)
    if shape is None:
        return None
    best_kept = max(height / normal for height, normal in zip(_triple(heights), shape, strict=True))
    scales = _neighbour_scales(level, neighbours, rule) or (0.0, 0.0, 0.0)
    predicted = [max(best_kept, scale) * normal for scale, normal in zip(scales, shape, strict=True)]
    return predicted[0], predicted[1], predicted[2]


def has_neighbours(level: Level, neighbours: Mapping[Level, Heights], rule: GenantRule = RULE) -> bool:
    """Whether enough neighbours were measured to say what this vertebra should look like."""
    return _shape(level) is not None and _neighbour_scales(level, neighbours, rule) is not None


def loss_of(level: Level, heights: Heights, neighbours: Mapping[Level, Heights], rule: GenantRule = RULE) -> Loss:
    """Own and expected loss of one vertebra; `neighbours` holds the measured others, by level.

    A height that stands out above its neighbours' best (`GenantRule.most_above`) counts only up to that bound.
    """
    heights = within_reason(level, heights, neighbours, rule)
    expected = expected_heights(level, heights, neighbours, rule)
    return Loss(own_loss(heights), None if expected is None else max(_shortfalls(heights, expected)))


def within_reason(
    level: Level, heights: Heights, neighbours: Mapping[Level, Heights], rule: GenantRule = RULE
) -> Heights:
    """The heights, none higher than the best-kept neighbour makes plausible; unchanged where too few tell.

    No height is brought below the lowest one: a tall box never becomes a fracture by being bounded.
    """
    shape = _shape(level)
    near = _near(level, neighbours, rule) if shape else []
    if shape is None or len(near) < rule.least_for_bound:
        return heights
    most, lowest = (1.0 + rule.most_above) * max(max(scales) for scales in near), min(_triple(heights))
    kept = [min(height, max(lowest, most * normal)) for height, normal in zip(_triple(heights), shape, strict=True)]
    return Heights(kept[0], kept[1], kept[2])


def severity(level: Level, loss: Loss, rule: GenantRule = RULE) -> float:
    """One number on the scale of Genant's thresholds, made of own and expected loss as the module says."""
    if loss.expected is None:
        return loss.own
    carried = 1.0 - (1.0 - loss.expected) * rule.normal_share
    both = (loss.own + carried) / 2 if level in OWN_LOSS_LEVELS else carried
    return max(both, loss.expected)


def severity_of(finding: Finding) -> float | None:
    """What the grade of a finding was read from; on a film, which is never graded, the measured loss that stands in its
    place. None where neither is said."""
    on_film = finding.unsuitable is not None and finding.unsuitable.reason is Reason.FILM_NOT_GRADED
    if finding.loss is None or (finding.grade is None and not on_film):
        return None
    return severity(finding.vertebra.level.level, finding.loss)


def grade(severity: float, rule: GenantRule = RULE) -> int:
    """Genant grade 0 to 3 of a severity; a value on a threshold belongs to the higher grade."""
    return sum(severity >= bound for bound in (rule.mild, rule.moderate, rule.severe))


def deformity(
    level: Level, heights: Heights, neighbours: Mapping[Level, Heights], rule: GenantRule = RULE
) -> Deformity:
    """Wedge, biconcave or crush, by which heights fall short of their expectation. Meaningful for grade 1 and above.

    Only the neighbours can say that a posterior height was lost (Genant 1993): against the vertebra's own
    best-kept height, a rim that stands up in front would make a crush of a sound posterior wall.
    """
    anterior, middle, posterior = _shortfalls(heights, _expected_beside(level, heights, neighbours, rule))
    if posterior >= max(_mild_shortfall(rule), CRUSH_SHARE * max(anterior, middle)):
        return Deformity.CRUSH
    anterior, middle, _ = _shortfalls(heights, _expected_or_even(level, heights, {}, rule))
    return Deformity.WEDGE if anterior >= WEDGE_SHARE * middle else Deformity.BICONCAVE


def _mild_shortfall(rule: GenantRule) -> float:
    """The shortfall of a height that is as much as a mild loss: `mild` carried to the scale of the expected loss."""
    return 1.0 - (1.0 - rule.mild) / rule.normal_share


def _expected_beside(level: Level, heights: Heights, neighbours: Mapping[Level, Heights], rule: GenantRule) -> Triple:
    """Heights (mm) that the neighbours alone predict; where too few tell, as `expected_heights` does."""
    shape, scales = _shape(level), _neighbour_scales(level, neighbours, rule)
    if shape is None or scales is None:
        return _expected_or_even(level, heights, neighbours, rule)
    return scales[0] * shape[0], scales[1] * shape[1], scales[2] * shape[2]


def probability_grade2plus(severity: float, noise: float = 0.0, rule: GenantRule = RULE) -> float:
    """Probability (0..1) that a reader would call this vertebra grade 2 or 3.

    `noise` is the standard deviation of the lowest over highest height over the planes measured: an uncertain
    measurement gives an uncertain probability. At the bound of grade 2 it is 1 in 4 (`sound_per_fractured`).
    """
    width = math.hypot(rule.reader_scale, noise * math.sqrt(3) / math.pi)
    above = max(-40.0, min(40.0, (severity - rule.moderate) / width))
    return 1.0 / (1.0 + rule.sound_per_fractured * math.exp(-above))


def lowered(probability: float) -> float:
    """The probability of a vertebra that resembles a mimic (`MIMIC_ODDS`)."""
    return probability / (probability + MIMIC_ODDS * (1.0 - probability))


def patient_probability(probabilities: Iterable[float]) -> float:
    """Probability (0..0.99) that at least one vertebra of a patient is grade 2 or 3.

    Errors within one patient are shared, so vertebrae are no independent draws: the most suspected counts in full, the
    next half, the next a quarter. Never lower than the most suspected vertebra (up to the cap), never raised by its
    many normal neighbours.
    """
    none = 1.0
    for rank, probability in enumerate(sorted(probabilities, reverse=True)):
        none *= (1.0 - min(probability, 1.0)) ** (0.5**rank)
    return min(1.0 - none, MOST_CERTAIN)


def _triple(heights: Heights) -> Triple:
    return heights.anterior, heights.middle, heights.posterior


def _shape(level: Level) -> Triple | None:
    if level is Level.L6:
        return NORMAL_SHAPE[Level.L5]
    if level is Level.T13:
        above, below = NORMAL_SHAPE[Level.T12], NORMAL_SHAPE[Level.L1]
        return (above[0] + below[0]) / 2, (above[1] + below[1]) / 2, (above[2] + below[2]) / 2
    return NORMAL_SHAPE.get(level)


def _expected_or_even(level: Level, heights: Heights, neighbours: Mapping[Level, Heights], rule: GenantRule) -> Triple:
    highest = max(_triple(heights))
    return expected_heights(level, heights, neighbours, rule) or (highest, highest, highest)


def _near(level: Level, neighbours: Mapping[Level, Heights], rule: GenantRule) -> list[list[float]]:
    """Patient size as each height of each neighbour within the span says."""
    return [
        [height / normal for height, normal in zip(_triple(there), shape, strict=True)]
        for other, there in neighbours.items()
        if other is not level and (shape := _shape(other)) and abs(POSITION[other] - POSITION[level]) <= rule.span
    ]


def _neighbour_scales(level: Level, neighbours: Mapping[Level, Heights], rule: GenantRule) -> Triple | None:
    """Patient size as the neighbours' anterior, middle and posterior heights say; None where there are too few."""
    near = _near(level, neighbours, rule)
    if len(near) < rule.least_neighbours:
        return None
    anterior, middle, posterior = (_quantile(column, rule.quantile) for column in zip(*near, strict=True))
    return anterior, middle, posterior


def _quantile(values: Iterable[float], share: float) -> float:
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    low = math.floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (at - low) * (ordered[high] - ordered[low])


def _shortfalls(heights: Heights, expected: Triple) -> Triple:
    """Share by which each height falls short of its expectation; 0 where it does not."""
    short = [max(0.0, 1.0 - height / full) for height, full in zip(_triple(heights), expected, strict=True)]
    return short[0], short[1], short[2]
