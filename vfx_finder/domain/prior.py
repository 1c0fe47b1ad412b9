"""One study against an earlier one of the same patient: what is new, known, worse or unchanged, and by how much.

Facts from two finished analyses and from what readers signed; nothing is measured again. Bodies do not grow, and sound
ones do not shrink: both are used to notice another scale, another numbering, or another patient.
"""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from vfx_finder.domain.prior_numbering import (
    DIFFERENCE_SD,
    SIDES,
    Pair,
    Triple,
    pairs_at,
    plausible_shifts,
    size_changes,
)
from vfx_finder.domain.seen import SeenVertebra, rare_levels
from vfx_finder.domain.spine import Heights

TOLERANCE = 3 * DIFFERENCE_SD
"""A height counts as lost when it is more than 11 % lower than before: three heights of a dozen vertebrae are compared,
and at two standard deviations one patient in three would be told of a change that is none."""

SCALE_TOLERANCE = 0.03
LARGEST_SCALE = 0.12
LEAST_SOUND = 3
"""Two scans of one patient agree in size. The median of at least three sound bodies may differ by 3 % (pixel spacing,
tilt, threshold); beyond that heights are compared after scaling, which is told; beyond 12 % the two are hardly of one
patient and nothing is compared. (House decisions.)"""


class Change(StrEnum):
    """What became of one vertebra since the earlier study."""

    NEW = "new"
    KNOWN = "known"
    WORSE = "worse"
    UNCHANGED = "unchanged"
    NOT_COMPARABLE = "not-comparable"


class WhyNotComparable(StrEnum):
    """Why a vertebra cannot be compared."""

    NOT_IN_VIEW_THEN = "not-in-view-then"
    NOT_GRADED_NOW = "not-graded-now"
    NOT_GRADED_THEN = "not-graded-then"
    TALLER = "taller-than-before"
    NUMBERING = "numbering-doubtful"
    ANOTHER_SIZE = "another-size"

    @property
    def label(self) -> str:
        """What a person reads."""
        return _WHY_LABELS[self]


_WHY_LABELS: dict[WhyNotComparable, str] = {
    WhyNotComparable.NOT_IN_VIEW_THEN: "not in view then",
    WhyNotComparable.NOT_GRADED_NOW: "not graded",
    WhyNotComparable.NOT_GRADED_THEN: "not graded then",
    WhyNotComparable.TALLER: "taller than before: error, cement or another level",
    WhyNotComparable.NUMBERING: "numbering may differ by one",
    WhyNotComparable.ANOTHER_SIZE: "the two spines differ in size",
}


@dataclass(frozen=True)
class Compared:
    """One vertebra of the later study. `then` is the vertebra of the earlier one, None where there is none.

    `lost_mm` and `lost_share` (of the earlier height): anterior, middle, posterior; negative where it is now higher;
    after scaling where `Comparison.scale` says so. None where either was not measured.
    """

    now: SeenVertebra
    then: SeenVertebra | None
    change: Change
    why: WhyNotComparable | None = None
    lost_mm: Triple | None = None
    lost_share: Triple | None = None


@dataclass(frozen=True)
class Comparison:
    """The later study's vertebrae in the order given.

    `shift`: the vertebra numbered n here was numbered n + shift then (+1 towards the feet). `scale`: size of the sound
    bodies here over then, None where fewer than three could be compared; `scaled` where heights were divided by it.
    `numbering_doubtful`: another numbering fits nearly as well. `variant_differs`: T13 or L6 is in one study only.
    """

    vertebrae: tuple[Compared, ...]
    shift: int = 0
    scale: float | None = None
    scaled: bool = False
    numbering_doubtful: bool = False
    variant_differs: bool = False

    def of(self, change: Change) -> tuple[Compared, ...]:
        """The vertebrae with this change."""
        return tuple(one for one in self.vertebrae if one.change is change)


def compare(earlier: Sequence[SeenVertebra], later: Sequence[SeenVertebra]) -> Comparison:
    """What became of every vertebra of `later` since `earlier`; both of one patient, in any order."""
    fits = plausible_shifts(earlier, later)
    shift = 0 if 0 in fits else min(fits, key=lambda one: fits[one])
    scale = _scale(pairs_at(earlier, later, shift))
    others = [_all_compared(earlier, later, other, scale) for other in fits if other != shift]
    chosen = _all_compared(earlier, later, shift, scale)
    return Comparison(
        vertebrae=tuple(_settled(one, [rival[at] for rival in others]) for at, one in enumerate(chosen)),
        shift=shift,
        scale=scale,
        scaled=scale is not None and SCALE_TOLERANCE < abs(scale - 1) <= LARGEST_SCALE,
        numbering_doubtful=len(fits) > 1,
        variant_differs=rare_levels(earlier) != rare_levels(later),
    )


def _scale(pairs: Iterable[Pair]) -> float | None:
    """Size of the sound bodies now over then: the median; None where fewer than three tell."""
    sound = [(now, then) for now, then in pairs if then and not now.is_broken and not then.is_broken]
    sizes = [math.exp(sum(change) / 3) for change in size_changes(sound)]
    return statistics.median(sizes) if len(sizes) >= LEAST_SOUND else None


def _all_compared(
    earlier: Sequence[SeenVertebra], later: Sequence[SeenVertebra], shift: int, scale: float | None
) -> list[Compared]:
    by = scale if scale is not None and abs(scale - 1) > SCALE_TOLERANCE else 1.0
    found = [_compared(now, then, by) for now, then in pairs_at(earlier, later, shift)]
    if abs(by - 1) <= LARGEST_SCALE:
        return found
    return [replace(one, change=Change.NOT_COMPARABLE, why=one.why or WhyNotComparable.ANOTHER_SIZE) for one in found]


def _compared(now: SeenVertebra, then: SeenVertebra | None, scale: float) -> Compared:
    why = _why_not(now, then)
    if then is None or now.heights is None or then.heights is None:
        return Compared(now, then, Change.NOT_COMPARABLE, why)
    lost_mm, lost = _lost(now.heights, then.heights, scale)
    change = Change.NOT_COMPARABLE if why else _change(now, then, lost)
    if change is Change.NOT_COMPARABLE and why is None:
        why = WhyNotComparable.TALLER
    return Compared(now, then, change, why, lost_mm, lost)


def _why_not(now: SeenVertebra, then: SeenVertebra | None) -> WhyNotComparable | None:
    if now.heights is None or now.grade is None:
        return WhyNotComparable.NOT_GRADED_NOW
    if then is None:
        return WhyNotComparable.NOT_IN_VIEW_THEN
    return WhyNotComparable.NOT_GRADED_THEN if then.heights is None or then.grade is None else None


def _lost(now: Heights, then: Heights, scale: float) -> tuple[Triple, Triple]:
    """Height lost in mm and as a share of the height then."""
    a, m, p = ((getattr(then, side), getattr(now, side) / scale) for side in SIDES)
    mm = (a[0] - a[1], m[0] - m[1], p[0] - p[1])
    return mm, (mm[0] / a[0], mm[1] / m[0], mm[2] / p[0])


def _change(now: SeenVertebra, then: SeenVertebra, lost: Triple) -> Change:
    if max(lost) > TOLERANCE:
        return Change.NEW if now.is_broken and not then.is_broken else Change.WORSE
    if min(lost) < -TOLERANCE:
        return Change.NOT_COMPARABLE
    return Change.KNOWN if now.is_broken and then.is_broken else Change.UNCHANGED


def _settled(one: Compared, rivals: Sequence[Compared]) -> Compared:
    """The comparison, unless another plausible numbering says otherwise of this vertebra."""
    said = {rival.change for rival in rivals} - {Change.NOT_COMPARABLE}
    if one.change is Change.NOT_COMPARABLE or said <= {one.change}:
        return one
    return replace(one, change=Change.NOT_COMPARABLE, why=WhyNotComparable.NUMBERING)
