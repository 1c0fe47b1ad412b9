"""Other bytes under the UID of a kept instance: the first ones stay, and a person learns that others came."""

from collections.abc import Iterable, Sequence

import structlog
from django.db.models import F

from vfx_finder.actions._trail import Act, tell
from vfx_finder.domain.study import Instance
from vfx_finder.ledger.models import Case, OtherContent, StoredInstance

log = structlog.get_logger(__name__)

Offered = tuple[StoredInstance, Instance]
"""A kept instance, and what came under its UID with other bytes."""


def note_other_content(differing: Iterable[tuple[Case, StoredInstance, Instance]], act: Act) -> None:
    """A row for every other content, counted up where it has come before; one line for each study, and one in the log.

    In the transaction of the arrivals, with their studies locked.
    """
    for case, offered in _by_case(differing):
        _note(case, offered, act)


def _by_case(differing: Iterable[tuple[Case, StoredInstance, Instance]]) -> Iterable[tuple[Case, list[Offered]]]:
    found: dict[int, tuple[Case, list[Offered]]] = {}
    for case, row, one in differing:
        found.setdefault(case.pk, (case, []))[1].append((row, one))
    return found.values()


def _note(case: Case, offered: Sequence[Offered], act: Act) -> None:
    OtherContent.objects.bulk_create([_row(case, row, one, act) for row, one in offered], ignore_conflicts=True)
    kept = {row.pk for row, _ in offered}
    # The bytes hold their UID, so that a digest belongs to one instance alone.
    again = OtherContent.objects.filter(instance_id__in=kept, sha256__in={one.sha256 for _, one in offered})
    again.update(times=F("times") + 1, last_at=act.now)
    images = len(kept)
    tell(act, "duplicate-with-other-bytes", case, {"count": images})
    log.warning("other-bytes-for-kept-instances", correlation_id=case.correlation_id, images=images)


def _row(case: Case, row: StoredInstance, one: Instance, act: Act) -> OtherContent:
    return OtherContent(
        case=case, instance=row, sha256=one.sha256, calling=one.calling, first_at=act.now, last_at=act.now
    )
