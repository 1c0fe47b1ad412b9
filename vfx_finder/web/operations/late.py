"""The series of a study as an operator reads them: those that were analysed or not, and those that came too late."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vfx_finder.domain.late import LateKind
from vfx_finder.domain.study import SeriesVerdict
from vfx_finder.ledger.late import LateSeries

SHOWN = 300
"""Images of one series that are named; the rest are counted."""

_TOO_LATE = "came after signing"
_NOT_LOOKED_AT = "What is signed stays as it is and is not analysed anew."


@dataclass(frozen=True)
class SeriesRow:
    """One series: how many images when it was analysed and afterwards, and what became of it ("" = analysed)."""

    description: str
    images: int
    late: int
    verdict: str = ""
    detail: str = ""


def series_rows(verdicts: Sequence[SeriesVerdict], late: Iterable[LateSeries]) -> list[SeriesRow]:
    """Every series of the study, those that came after signing last."""
    came = [one for one in late if one.first.kind is not LateKind.CHANGED]
    added = {one.SeriesInstanceUID: _added(one.SeriesInstanceUID, came) for one in verdicts}
    rows = [_analysed(one, added[one.SeriesInstanceUID]) for one in verdicts]
    firsts = [one.first for one in came if one.first.kind is LateKind.NEW_SERIES]
    new = {one.SeriesInstanceUID: one.SeriesDescription for one in firsts}
    return rows + [
        SeriesRow(described, 0, _added(uid, came), _TOO_LATE, _NOT_LOOKED_AT) for uid, described in new.items()
    ]


def _added(SeriesInstanceUID: str, came: Iterable[LateSeries]) -> int:
    return sum(len(one.images) for one in came if one.first.SeriesInstanceUID == SeriesInstanceUID)


def _analysed(one: SeriesVerdict, late: int) -> SeriesRow:
    if one.unsuitable is None:
        return SeriesRow(one.SeriesDescription, one.instances, late)
    return SeriesRow(one.SeriesDescription, one.instances, late, one.unsuitable.reason, one.unsuitable.detail)


@dataclass(frozen=True)
class LateRow:
    """Images that came late, or again with other content: those named, and how many more."""

    series: LateSeries

    @property
    def named(self) -> Sequence[object]:
        """The first of them."""
        return self.series.images[:SHOWN]

    @property
    def more(self) -> int:
        """How many are not named."""
        return max(0, len(self.series.images) - SHOWN)
