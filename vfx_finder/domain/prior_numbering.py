"""Which vertebra of one study is which of an earlier one, when the two may be numbered one level apart.

Numbering is compared by minus log-likelihood (natural units) of the changes of height that it implies: normal with
`DIFFERENCE_SD` for each height and `SCALE_SD` for the size of the whole spine.
"""

import math
import statistics
from collections.abc import Iterable, Sequence

from vfx_finder.domain.seen import RARE, SeenVertebra, rare_levels
from vfx_finder.domain.spine import HEAD_TO_FOOT, Heights, Level

Triple = tuple[float, float, float]
Pair = tuple[SeenVertebra, SeenVertebra | None]
SIDES = ("anterior", "middle", "posterior")

RATIO_ERROR = 0.021
"""Mean error of lowest over highest height on real CT against expert masks (design study of this project, 2026: 7
bodies of VerSe 005 and 006); docs/evidence/ct_spine.md has what the shipped networks reach."""

DIFFERENCE_SD = RATIO_ERROR * math.sqrt(math.pi / 2) * math.sqrt(2)
"""Standard deviation of the difference of two such measurements: 0.037. A mean error is 0.80 of a normal standard
deviation, and two measurements err independently."""

SHIFTS = (0, -1, 1)
LEAST_PAIRS = 4
SCALE_SD = 0.04
WORST_LOSS, WORST_GAIN = 4.0, 12.0
SHIFT_PENALTY = {True: 5.0, False: 1.0}
SHIFT_MARGIN = 3.0
"""A loss costs at most 4 (a fracture may be new), a gain at most 12 (a body does not grow). A shift must pay for
itself: 5 where both numberings are sure, 1 where one is not; what lies within 3 of the best is not told apart. A whole
spine that changes its size is nearly as likely as one numbered differently, so size tells little. (House decisions.)"""


def plausible_shifts(earlier: Sequence[SeenVertebra], later: Sequence[SeenVertebra]) -> dict[int, float]:
    """Shifts that explain the heights, with their costs; 0 alone where too few bodies tell."""
    pairs = {shift: size_changes(pairs_at(earlier, later, shift)) for shift in SHIFTS}
    enough = {shift: found for shift, found in pairs.items() if len(found) >= LEAST_PAIRS}
    if 0 not in enough:
        return {0: 0.0}
    is_sure = all(one.level_sure for one in (*earlier, *later)) and rare_levels(earlier) == rare_levels(later)
    count = min(len(found) for found in enough.values())
    costs = {
        shift: _misfit(found) * count + (SHIFT_PENALTY[is_sure] if shift else 0.0) for shift, found in enough.items()
    }
    best = min(costs.values())
    return {shift: cost for shift, cost in costs.items() if cost <= best + SHIFT_MARGIN}


def pairs_at(earlier: Sequence[SeenVertebra], later: Sequence[SeenVertebra], shift: int) -> list[Pair]:
    """Each later vertebra with the earlier one that it would be."""
    by_level = {one.level: one for one in sorted(earlier, key=lambda one: one.heights is not None)}
    present = {one.level for one in later}
    order = [level for level in HEAD_TO_FOOT if level not in RARE or level in present]
    return [(one, by_level.get(_stepped(order, one.level, shift))) for one in later]  # type: ignore[arg-type]


def _stepped(order: Sequence[Level], level: Level, shift: int) -> Level | None:
    at = order.index(level) + shift
    return order[at] if 0 <= at < len(order) else None


def size_changes(pairs: Iterable[Pair]) -> list[Triple]:
    """Logarithm of each height now over then, for the pairs that were measured twice."""
    return [_logs(now.heights, then.heights) for now, then in pairs if then and now.heights and then.heights]


def _logs(now: Heights, then: Heights) -> Triple:
    a, m, p = (math.log(getattr(now, side) / getattr(then, side)) for side in SIDES)
    return a, m, p


def _misfit(changes: Sequence[Triple]) -> float:
    """Cost for each pair of these changes of height, the change of size of the whole spine included."""
    size = statistics.median(sum(change) / 3 for change in changes)
    body = statistics.fmean(_surprise(value - size) for change in changes for value in change)
    return body + min((size / SCALE_SD) ** 2 / 2, WORST_GAIN) / len(changes)


def _surprise(change: float) -> float:
    return min((change / DIFFERENCE_SD) ** 2 / 2, WORST_GAIN if change > 0 else WORST_LOSS)
