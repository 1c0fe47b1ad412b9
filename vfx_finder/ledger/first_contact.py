"""The newest answers about a referral."""

from vfx_finder.domain.first_contact import Answer, Event, FirstContact, Treatment
from vfx_finder.ledger.models import ReferralAnswers


def latest_row(referral_id: int) -> ReferralAnswers | None:
    """The newest answers as they were saved, with who saved them; None where nobody has."""
    return ReferralAnswers.objects.filter(referral_id=referral_id).order_by("-written_at", "-pk").first()


def latest_answers(referral_id: int) -> FirstContact:
    """The newest answers; nothing asked where nobody has saved any."""
    row = latest_row(referral_id)
    return FirstContact() if row is None else answers_of(row)


def answers_of(row: ReferralAnswers) -> FirstContact:
    """One saved row as the domain's words."""
    return FirstContact(
        event=Event(row.event) if row.event else None,
        treatment=Treatment(row.treatment) if row.treatment else None,
        prednisolone_mg_per_day=row.prednisolone_mg_per_day,
        hip_fracture=_answer(row.hip_fracture),
        cancer=_answer(row.cancer),
        bone_specialist=_answer(row.bone_specialist),
    )


def _answer(code: str) -> Answer | None:
    return Answer(code) if code else None
