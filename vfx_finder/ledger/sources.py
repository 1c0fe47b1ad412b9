"""What the page of senders asks of the ledger besides the senders themselves."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Max

from vfx_finder.ledger.models import AuditEvent, Case, CommitmentRequest


def never_sent(calling: Iterable[str]) -> set[str]:
    """Those of these AE titles that no study and no request for storage commitment came from."""
    titles = set(calling)
    named = Case.objects.filter(calling__in=titles).values_list("calling", flat=True)
    asked = CommitmentRequest.objects.filter(calling__in=titles).values_list("calling", flat=True)
    return titles - set(named.order_by().distinct()) - set(asked.order_by().distinct())


def last_brought(calling: Iterable[str]) -> dict[str, datetime]:
    """By calling AE title: when an image of a study that it opened arrived last."""
    cases = Case.objects.filter(calling__in=list(calling)).values_list("calling")
    return dict(cases.annotate(Max("last_instance_at")).order_by())


def token_made_at(sender_id: int) -> datetime | None:
    """When the newest STOW-RS token of this sender was made."""
    made = AuditEvent.objects.filter(verb="sender-token-made", detail__sender=sender_id)
    return made.order_by("-at").values_list("at", flat=True).first()
