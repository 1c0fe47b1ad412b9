"""What a person says of things that no process can decide: images after the signature, other bytes under a known UID.

A signed review is final (`domain.flow`): it is neither changed nor analysed anew. Whoever sees to late images has
looked at them in the archive, and says so by name.
"""

from datetime import datetime

from django.db import transaction

from vfx_finder.actions._trail import Act, Detail, tell
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.late import LateWord
from vfx_finder.domain.roles import Permission
from vfx_finder.ledger.models import Case, OtherContent
from vfx_finder.ledger.models.case import NOT_ANALYSED_UNSEEN

AT_ONCE = 500
"""Studies seen to by one request, so that it is answered within seconds."""


def see_to_late_images(case_id: int, up_to: int, word: LateWord, actor: Actor, now: datetime) -> Case:
    """Say what the images mean that came after signing; `up_to` of them were on the screen.

    The alarm ends, unless more have come meanwhile, and comes back with the next one. Raises `WrongState` where there
    is nothing (any more) to see to.
    """
    actor.must(Permission.SEE_TO)
    with transaction.atomic():
        case = Case.objects.select_for_update().get(pk=case_id)
        seen = min(up_to, case.instances_after_review)
        if seen <= case.late_seen:
            raise WrongState("Somebody has seen to these images already.")
        told = seen - case.late_seen
        case.late_seen = seen
        case.save(update_fields=["late_seen"])
        said = {"why": word.why, "remark": word.remark.strip()}
        detail: Detail = {"count": told, "answer": word.answer} | {name: what for name, what in said.items() if what}
        tell(Act(actor, now), "late-images-seen", case, detail)
    return case


def see_to_other_content(case_id: int, up_to: int, actor: Actor, now: datetime) -> int:
    """Say that the other bytes were looked into which came under UIDs of this study; returns of how many images.

    `up_to` is the newest row that was on the screen; what came after it goes on being an alarm. Raises `WrongState`
    where there is nothing (any more) to see to.
    """
    actor.must(Permission.SEE_TO)
    with transaction.atomic():
        case = Case.objects.select_for_update().get(pk=case_id)
        unseen = OtherContent.objects.filter(case=case, seen_at=None, pk__lte=up_to)
        images = unseen.values("instance").distinct().count()
        if not images:
            raise WrongState("Somebody has seen to this already.")
        unseen.update(seen_at=now)
        tell(Act(actor, now), "other-content-seen", case, {"count": images})
    return images


def see_to_not_analysed(case_id: int, actor: Actor, now: datetime) -> Case:
    """Say that there is nothing (more) to do about the reason why this study was not analysed.

    It stays not analysed, with its reason, and can still be retried. Raises `WrongState` where somebody has said so
    already, or the study has moved on.
    """
    actor.must(Permission.SEE_TO)
    with transaction.atomic():
        case = Case.objects.select_for_update().get(pk=case_id)
        if not case.reason or case.reason_seen_at is not None:
            raise WrongState("Somebody has seen to this study already, or it is being analysed again.")
        _reason_seen(case, Act(actor, now))
    return case


def see_to_all_not_analysed(reason: str, until: datetime, actor: Actor, now: datetime) -> int:
    """The same of every study with this reason that ended up to `until`, the oldest `AT_ONCE`; returns how many.

    `until` is when the newest ended that was on the screen: nobody has seen what came after it.
    """
    actor.must(Permission.SEE_TO)
    with transaction.atomic():
        shown = Case.objects.select_for_update().filter(NOT_ANALYSED_UNSEEN, reason=reason, finished_at__lte=until)
        cases = list(shown.order_by("pk")[:AT_ONCE])
        for case in cases:
            _reason_seen(case, Act(actor, now))
    return len(cases)


def _reason_seen(case: Case, act: Act) -> None:
    case.reason_seen_at = act.now
    case.save(update_fields=["reason_seen_at"])
    tell(act, "not-analysed-seen", case, {"reason": case.reason})
