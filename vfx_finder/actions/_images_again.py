"""Images that come again after they were removed: received anew, and no duplicates of what is not here any more."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vfx_finder.actions._trail import Act, tell
from vfx_finder.domain.flow import CaseState
from vfx_finder.domain.study import Instance
from vfx_finder.ledger.models import Case, StoredInstance


@dataclass(frozen=True)
class Back:
    """SOPInstanceUIDs of removed images that are here again; `same`: with the bytes that had been removed."""

    uids: frozenset[str] = frozenset()
    same: frozenset[str] = frozenset()


def take_back(known: Sequence[Instance], cases: Mapping[str, Case], act: Act) -> Back:
    """Give those of these instances their bytes again whose rows say that they were removed.

    In the transaction of the arrivals, with their studies locked. Of two with one UID the first is kept.
    """
    first = {one.SOPInstanceUID: one for one in reversed(known)}
    removed = StoredInstance.objects.select_for_update().filter(SOPInstanceUID__in=first, removed_at__isnull=False)
    rows = list(removed.order_by("pk"))
    same = frozenset(row.SOPInstanceUID for row in rows if row.sha256 == first[row.SOPInstanceUID].sha256)
    for row in rows:
        one = first[row.SOPInstanceUID]
        row.late = row.late or (row.SOPInstanceUID not in same and is_late(one, cases[one.StudyInstanceUID]))
        row.sha256, row.calling, row.received_at, row.removed_at = one.sha256, one.calling, act.now, None
    StoredInstance.objects.bulk_update(rows, ["late", "sha256", "calling", "received_at", "removed_at"], batch_size=200)
    for uid, case in cases.items():
        count = sum(first[row.SOPInstanceUID].StudyInstanceUID == uid for row in rows)
        if count:
            tell(act, "images-received-anew", case, {"count": count})
    return Back(frozenset(row.SOPInstanceUID for row in rows), same)


def is_late(instance: Instance, case: Case) -> bool:
    """Whether it comes after the review was signed, and is none of our own results on their way back."""
    return case.state == CaseState.REVIEWED and not instance.made_here
