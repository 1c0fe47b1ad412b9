"""What a signed study shows that an earlier one did not: for the audit trail and for the priority of a referral."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from vfx_finder.actions._trail import Detail
from vfx_finder.domain.age import parse_date
from vfx_finder.domain.prior import Change, Compared, compare
from vfx_finder.domain.referral import NOTHING_KNOWN, Circumstances, is_recent
from vfx_finder.domain.review import VertebraDecision
from vfx_finder.domain.seen import seen
from vfx_finder.domain.spine import Level
from vfx_finder.ledger.documents import analysis_of
from vfx_finder.ledger.models import AnalysisRecord
from vfx_finder.ledger.priors import earlier_study


@dataclass(frozen=True)
class Since:
    """The levels of signed fractures that are new or worse since an earlier study; `taken_on` None without one."""

    taken_on: date | None = None
    new: tuple[str, ...] = ()
    worse: tuple[str, ...] = ()
    circumstances: Circumstances = NOTHING_KNOWN

    @property
    def detail(self) -> Detail:
        """For the audit trail: when the earlier study was made, and what is new or worse."""
        if self.taken_on is None:
            return {}
        detail: Detail = {"compared_with": f"{self.taken_on:%Y%m%d}"}
        for name, levels in (("new", self.new), ("worse", self.worse)):
            if levels:
                detail[name] = ", ".join(levels)
        return detail


def since_earlier(analysis: AnalysisRecord, decisions: Sequence[VertebraDecision]) -> Since:
    """Compare an analysis, as it is signed now, with the patient's most recent earlier study."""
    case = analysis.case
    earlier = earlier_study(case)
    if earlier is None:
        return Since()
    comparison = compare(earlier.vertebrae, seen(analysis_of(analysis.document, None).findings, decisions))
    signed = {decision.level for decision in decisions if decision.is_fracture}
    new, worse = (_levels(comparison.of(change), signed) for change in (Change.NEW, Change.WORSE))
    is_new = bool(new) and is_recent(earlier.taken_on, parse_date(case.StudyDate))
    return Since(earlier.taken_on, new, worse, Circumstances(new_within_24_months=is_new or None))


def _levels(compared: Sequence[Compared], signed: set[Level]) -> tuple[str, ...]:
    return tuple(one.now.level.value for one in compared if one.now.level in signed)
