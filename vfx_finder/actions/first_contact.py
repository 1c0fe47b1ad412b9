"""The nurse's answers about a fracture: every save is a new row, and the priority follows the newest."""

from dataclasses import asdict
from datetime import datetime

from django.db import transaction

from vfx_finder.actions._trail import Act, Detail, tell
from vfx_finder.domain.actor import Actor
from vfx_finder.domain.errors import WrongState
from vfx_finder.domain.first_contact import FirstContact
from vfx_finder.domain.flow import REFERRAL_TRANSITIONS, ReferralState
from vfx_finder.domain.referral import Tier, tier
from vfx_finder.domain.review import ConfirmedFracture, ReviewOutcome
from vfx_finder.domain.roles import Permission
from vfx_finder.domain.spine import Level
from vfx_finder.ledger.first_contact import latest_answers
from vfx_finder.ledger.models import Referral, ReferralAnswers


def answer(referral_id: int, said: FirstContact, actor: Actor, now: datetime) -> Referral:
    """Keep the answers and set the priority by them; a correction may lower it again, down to what the images say.

    Answers that are those already kept change nothing. Raises `WrongState` where the referral has ended.
    """
    actor.must(Permission.MOVE_REFERRAL)
    act = Act(actor, now)
    with transaction.atomic():
        referral = Referral.objects.select_for_update(of=("self",)).select_related("case").get(pk=referral_id)
        if not REFERRAL_TRANSITIONS[ReferralState(referral.state)]:
            raise WrongState("This referral has ended; nothing is added to it.")
        if said == latest_answers(referral_id):
            return referral
        ReferralAnswers.objects.create(
            referral=referral, author_id=actor.user_id, author_name=actor.name, written_at=now, **_columns(said)
        )
        was = referral.tier
        referral.imaging_tier = referral.imaging_tier or was
        referral.tier = by_answers(referral, said)
        referral.save()
        tell(act, "circumstances-answered", referral.case, _detail(said, was, referral.tier), referral=referral)
    return referral


def by_answers(referral: Referral, said: FirstContact) -> Tier:
    """The higher priority of what the images say and what the patient says."""
    found = tuple(ConfirmedFracture(Level(name), grade, None) for name, grade in referral.grades.items())
    return min(Tier(referral.imaging_tier or referral.tier), tier(ReviewOutcome(found), said.circumstances))


def _columns(said: FirstContact) -> dict[str, object]:
    """Codes are kept empty where nobody asked; a dose is kept null."""
    dose = said.prednisolone_mg_per_day
    return {name: value or "" for name, value in asdict(said).items()} | {"prednisolone_mg_per_day": dose}


def _detail(said: FirstContact, was: str, now: str) -> Detail:
    answered: Detail = {name: value for name, value in asdict(said).items() if value is not None}
    return answered | ({"tier_was": was, "tier": now} if was != now else {})
