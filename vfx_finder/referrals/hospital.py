"""What the hospital says of a patient in the queue, for the top of their page."""

from dataclasses import dataclass

from vfx_finder.domain.flow import REFERRAL_TRANSITIONS, ReferralState
from vfx_finder.domain.referral import CloseReason
from vfx_finder.figures.people import died_words
from vfx_finder.ledger import hospital
from vfx_finder.ledger.models import Referral


@dataclass(frozen=True)
class HospitalWord:
    """`died` in words, empty where the patient lives; `closing` are state and reason that end the referral for it, None
    where it has ended. `other_open` is another open referral of the same patient, after a merge."""

    died: str
    closing: tuple[str, str] | None
    other_open: int | None


def word_of(referral: Referral) -> HospitalWord:
    """What the hospital says of this referral's patient."""
    died = died_words(hospital.death_of(referral.PatientID, referral.IssuerOfPatientID))
    is_open = bool(REFERRAL_TRANSITIONS[ReferralState(referral.state)])
    other = hospital.other_open(referral) if is_open else None
    closing = (ReferralState.CLOSED.value, CloseReason.DECEASED.value) if died and is_open else None
    return HospitalWord(died, closing, other.pk if other else None)
