"""Where the patients of signed studies went, and how far their referrals have come."""

from collections.abc import Iterable
from dataclasses import dataclass

from vfx_finder.domain.flow import ReferralState
from vfx_finder.domain.referral import Route
from vfx_finder.ledger.models import AuditEvent, SignedReview


@dataclass(frozen=True)
class Whereabouts:
    """The route that was signed; the referral that the study opened or added to, None where it did neither."""

    route: Route
    referral: ReferralState | None


def whereabouts(case_ids: Iterable[int]) -> dict[int, Whereabouts]:
    """By study, of those that are signed."""
    wanted = list(case_ids)
    signed = SignedReview.objects.filter(case_id__in=wanted).values_list("case_id", "route", "referral__state")
    joined = AuditEvent.objects.filter(case_id__in=wanted, verb="escalated", referral__isnull=False)
    states = dict(joined.order_by("pk").values_list("case_id", "referral__state"))
    return {case_id: _went(route, own or states.get(case_id)) for case_id, route, own in signed}


def _went(route: str, referral: str | None) -> Whereabouts:
    return Whereabouts(Route(route), ReferralState(referral) if referral else None)
