"""What came after its time and waits for a person: other bytes under the UIDs of kept images."""

from django.db.models import Count, Max, Min, Q, QuerySet

from vfx_finder.ledger.models import Case

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
