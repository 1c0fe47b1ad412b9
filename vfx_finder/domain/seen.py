"""Vertebrae as a study leaves them: as the software found them, and as a reader signed them where one did."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vfx_finder.domain.finding import Finding
from vfx_finder.domain.review import Decision, RejectReason, VertebraDecision
from vfx_finder.domain.spine import HEAD_TO_FOOT, Heights, Level

RARE = frozenset({Level.T13, Level.L6})

LEVEL_UNCERTAIN = "level-uncertain"
NO_VERTEBRA = "probably-no-vertebra"

STILL_A_FRACTURE = frozenset(
    {RejectReason.ALREADY_KNOWN, RejectReason.PATHOLOGICAL_SUSPECTED, RejectReason.HIGH_ENERGY_TRAUMA}
)
"""Reasons that reject a referral and not the fracture: the body is broken, by another cause or known before."""


@dataclass(frozen=True)
class SeenVertebra:
    """One vertebra as a study leaves it. `grade` is a Genant grade, None where it is not graded; `is_rejected` that a
    reader does not let it stand, for `reason`. `level_sure`: the software was sure of the level, or a reader signed."""

    level: Level
    heights: Heights | None
    grade: int | None
    is_rejected: bool = False
    reason: RejectReason | None = None
    level_sure: bool = True

    @property
    def is_broken(self) -> bool:
        """Grade 1 or more, unless a reader said that it is no fracture."""
        return bool(self.grade) and (not self.is_rejected or self.reason in STILL_A_FRACTURE)


def seen(findings: Iterable[Finding], decisions: Iterable[VertebraDecision] = ()) -> tuple[SeenVertebra, ...]:
    """The vertebrae of an analysis, as signed where a reader decided about them.

    A reader who moved every level by the same step moved those without a decision too.
    """
    signed = {decision.original_level: decision for decision in decisions}
    step = _common_step(signed.values())
    return tuple(_seen(finding, signed, step) for finding in findings)


def _seen(finding: Finding, signed: Mapping[Level, VertebraDecision], step: int) -> SeenVertebra:
    vertebra = finding.vertebra
    estimate = vertebra.level.level
    said = signed.get(estimate)
    if NO_VERTEBRA in vertebra.flags:
        return SeenVertebra(estimate, None, None)
    if said is None:
        is_sure = bool(signed) or LEVEL_UNCERTAIN not in vertebra.flags
        return SeenVertebra(_moved(estimate, step), vertebra.heights, finding.grade, level_sure=is_sure)
    return SeenVertebra(said.level, vertebra.heights, said.grade, said.decision is Decision.REJECTED, said.reason)


def _common_step(decisions: Iterable[VertebraDecision]) -> int:
    order = [level for level in HEAD_TO_FOOT if level not in RARE]
    steps = {
        order.index(one.level) - order.index(one.original_level)
        for one in decisions
        if not {one.level, one.original_level} & RARE
    }
    return steps.pop() if len(steps) == 1 else 0


def _moved(level: Level, step: int) -> Level:
    order = [one for one in HEAD_TO_FOOT if one not in RARE]
    if not step or level in RARE:
        return level
    return order[min(max(order.index(level) + step, 0), len(order) - 1)]


def rare_levels(spine: Sequence[SeenVertebra]) -> frozenset[Level]:
    """T13 and L6, where this spine has them."""
    return frozenset(one.level for one in spine) & RARE
