"""What waits for a person: other bytes under the UIDs of kept images, and how much there is to do in all."""

from dataclasses import dataclass

from django.db.models import Count, F, Max, Min, Q, QuerySet

from vfx_finder.domain.delivery import DeliveryState
from vfx_finder.ledger.models import Case, Delivery, HospitalMessage
from vfx_finder.ledger.models.case import NOT_ANALYSED_UNSEEN

_UNSEEN = Q(other_contents__isnull=False, other_contents__seen_at=None)


def other_content() -> QuerySet[Case]:
    """Studies of which images came again with other content that nobody has seen to, the last first.

    `other_images` says of how many, `other_since` and `other_until` when first and last, `other_up_to` is the newest
    row of them.
    """
    found = Case.objects.filter(_UNSEEN).annotate(
        other_images=Count("other_contents__instance", distinct=True),
        other_since=Min("other_contents__first_at"),
        other_until=Max("other_contents__last_at"),
        other_up_to=Max("other_contents__pk"),
    )
    return found.order_by("-other_until", "pk")


def other_content_of(case_id: int) -> Case | None:
    """The same of one study; None where there is nothing to see to."""
    return other_content().filter(pk=case_id).first()


@dataclass(frozen=True)
class ToDo:
    """How many studies, results and messages wait for a person."""

    studies: int
    dead_letters: int
    messages: int


def to_do() -> ToDo:
    """What an operator has before them; a study that needs a look for two reasons is one study."""
    late = Q(instances_after_review__gt=F("late_seen"))
    waits = Case.objects.filter(NOT_ANALYSED_UNSEEN | late).values("pk")
    return ToDo(
        studies=waits.union(Case.objects.filter(_UNSEEN).values("pk")).count(),
        dead_letters=Delivery.objects.filter(state=DeliveryState.DEAD).count(),
        messages=HospitalMessage.objects.filter(outcome="listed", looked_at__isnull=True).count(),
    )
