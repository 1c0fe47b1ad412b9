"""What a person says of things that no process can decide: images after the signature, other bytes under a known UID.

A signed review is final (`domain.flow`): it is neither changed nor analysed anew. Whoever sees to late images has
looked at them in the archive, and says so by name.
"""

from datetime import datetime

from django.db import transaction

from vfx_finder.actions._trail import Act, tell
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.late import LateAnswer
from vfx_finder.domain.roles import Permission
from vfx_finder.ledger.models import Case, OtherContent


def see_to_late_images(case_id: int, up_to: int, answer: LateAnswer, actor: Actor, now: datetime) -> Case:
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
        tell(Act(actor, now), "late-images-seen", case, {"count": told, "answer": answer})
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
