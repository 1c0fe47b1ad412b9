"""Images that have been kept for long enough leave the spool; rows, findings, pictures and results stay.

Rows first, files second: a process that is killed in between leaves files that no row needs, and `finish` takes them
out. Both hold the study's lock, as whoever writes the rows of arriving images does: an image that is sent again in
the meantime is received anew, and never removed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from vfx_finder.actions._trail import Act, tell
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.retention import Rule, Stays
from vfx_finder.domain.roles import Permission
from vfx_finder.ledger import retention
from vfx_finder.ledger.models import Case, ImagesRemoval, StoredInstance
from vfx_finder.ledger.retention import PRESENT, promised
from vfx_finder.spool import Spool

AT_ONCE = 200
"""Files removed in one transaction: arriving images of the same study wait for so long."""


@dataclass(frozen=True)
class Gone:
    """What was removed of one study."""

    images: int
    bytes: int


def remove_images(case_id: int, spool: Spool, rule: Rule, actor: Actor, now: datetime) -> Gone | Stays | None:
    """Remove the images of one study, or say why they must stay; None where they are not old enough (any more).

    Raises `NotAllowed` for an actor who may not.
    """
    act = Act(actor, now)
    removal = _begin(case_id, spool, rule, act)
    return _finished(removal, spool, now) if isinstance(removal, ImagesRemoval) else removal


def finish(spool: Spool, actor: Actor, now: datetime) -> int:
    """Bring every removal to its end whose process died in the middle; returns how many."""
    actor.must(Permission.REMOVE_IMAGES)
    left = retention.unfinished()
    for removal in left:
        _finished(removal, spool, now)
    return len(left)


def _begin(case_id: int, spool: Spool, rule: Rule, act: Act) -> ImagesRemoval | Stays | None:
    act.actor.must(Permission.REMOVE_IMAGES)
    with transaction.atomic():
        case = Case.objects.select_for_update().get(pk=case_id)
        if not retention.old_enough(rule, act.now).filter(pk=case_id).exists():
            return None
        keeping = retention.what_keeps([case], rule).get(case_id)
        if keeping is not None:
            return keeping
        rows = StoredInstance.objects.select_for_update().filter(PRESENT, case=case).order_by("pk")
        size = sum(spool.size_of(row.path) for row in rows)
        StoredInstance.objects.filter(pk__in=[row.pk for row in rows]).update(removed_at=act.now)
        case.images_removed_at = act.now
        case.save(update_fields=["images_removed_at"])
        told = {"images": len(rows), "bytes": size, "kept_days": rule.days}
        tell(act, "images-removed", case, {**told, "also_committed": rule.also_committed})
        return ImagesRemoval.objects.create(case=case, begun_at=act.now, also_committed=rule.also_committed, **told)


def _finished(removal: ImagesRemoval, spool: Spool, now: datetime) -> Gone:
    """The files of a removal that has begun, and its end. Safe to be done again, and in several processes at once."""
    marked = StoredInstance.objects.filter(case_id=removal.case_id, removed_at=removal.begun_at)
    pks = list(marked.order_by("pk").values_list("pk", flat=True))
    parts = [pks[first : first + AT_ONCE] for first in range(0, len(pks), AT_ONCE)]
    gone = [path for part in parts for path in _removed(removal, part, spool)]
    spool.sync(gone)
    with transaction.atomic():
        case = Case.objects.select_for_update().get(pk=removal.case_id)
        removal = ImagesRemoval.objects.select_for_update().get(pk=removal.pk)
        if removal.finished_at is None:
            removal.finished_at = max(now, removal.begun_at)
            removal.save(update_fields=["finished_at"])
        if case.images_removed_at and StoredInstance.objects.filter(PRESENT, case=case).exists():
            case.images_removed_at = None
            case.save(update_fields=["images_removed_at"])
    return Gone(removal.images, removal.bytes)


def _removed(removal: ImagesRemoval, pks: Sequence[int], spool: Spool) -> list[str]:
    """Of these rows the paths whose files are gone; what was promised or offered again since stays."""
    with transaction.atomic():
        Case.objects.select_for_update().get(pk=removal.case_id)
        rows = StoredInstance.objects.select_for_update().filter(pk__in=pks, removed_at=removal.begun_at).order_by("pk")
        if not removal.also_committed:
            # Whoever asked for commitment before the rows said "removed" may be told that they are kept.
            _give_back(removal, rows.filter(promised()), spool)
        return [row.path for row in rows.all() if spool.remove(row.path)]


def _give_back(removal: ImagesRemoval, rows: Iterable[StoredInstance], spool: Spool) -> None:
    kept = {row.pk: spool.size_of(row.path) for row in rows}
    here = [pk for pk, size in kept.items() if size]
    if not here:
        return
    StoredInstance.objects.filter(pk__in=here).update(removed_at=None)
    fresh = ImagesRemoval.objects.select_for_update().get(pk=removal.pk)
    fresh.images = max(0, fresh.images - len(here))
    fresh.bytes = max(0, fresh.bytes - sum(kept.values()))
    fresh.save(update_fields=["images", "bytes"])
