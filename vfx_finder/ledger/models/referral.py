"""A patient on the way to the fracture liaison service."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from vfx_finder.domain.first_contact import MOST_PREDNISOLONE_MG, Answer, Event, Treatment
from vfx_finder.domain.flow import REFERRAL_TRANSITIONS, ReferralState
from vfx_finder.domain.referral import Hold, Tier
from vfx_finder.ledger.models.case import Case
from vfx_finder.ledger.models.review import SignedReview

ENDED = Q(state__in=[state.value for state in ReferralState if not REFERRAL_TRANSITIONS[state]])
OPEN = Q(state__in=[state.value for state in ReferralState if REFERRAL_TRANSITIONS[state]])


_EVENTS = ["", *(one.value for one in Event)]
_TREATMENTS = ["", *(one.value for one in Treatment)]
_ANSWERS = ["", *(one.value for one in Answer)]


class Referral(models.Model):
    """One patient's episode with the service. At most one is open for a patient; the database sees to it.

    `diagnosed_on` starts the 90-day clock (`domain.referral.days_left`). `hold` is a question to be answered before
    the referral may be accepted. `earlier` is the patient's previous episode. `grades` is the highest confirmed
    Genant grade by level in this episode; later studies of the same patient that show more raise it.
    """

    case_id: int
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="referrals")
    review = models.OneToOneField(SignedReview, on_delete=models.PROTECT, related_name="referral")
    earlier = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="later")
    PatientID = models.CharField(max_length=256)
    IssuerOfPatientID = models.CharField(max_length=256, blank=True)
    PatientName = models.CharField(max_length=512, blank=True)
    PatientBirthDate = models.CharField(max_length=32, blank=True)
    PatientSex = models.CharField(max_length=32, blank=True)
    age = models.PositiveSmallIntegerField(null=True)
    """Whole years on the day of the study, None where nobody knows yet."""

    state = models.CharField(
        max_length=32, choices=[(s.value, s.value) for s in ReferralState], default=ReferralState.NEW.value
    )
    tier = models.CharField(max_length=1, choices=[(t.value, t.value) for t in Tier])
    imaging_tier = models.CharField(max_length=1, blank=True, choices=[(t.value, t.value) for t in Tier])
    """The tier by the images alone, kept once the patient's answers have a say in `tier`; empty before."""

    hold = models.CharField(max_length=32, blank=True, choices=[(h.value, h.value) for h in Hold])
    grades = models.JSONField()
    max_grade = models.PositiveSmallIntegerField()
    fracture_count = models.PositiveSmallIntegerField()
    spinal_deformity_index = models.PositiveSmallIntegerField()
    diagnosed_on = models.DateField()
    opened_at = models.DateTimeField()
    moved_at = models.DateTimeField()
    ended_reason = models.CharField(max_length=64, blank=True)
    ended_detail = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["IssuerOfPatientID", "PatientID"],
                condition=OPEN & ~Q(PatientID=""),
                name="one_open_referral_per_patient",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in ReferralState]), name="referral_state_known"
            ),
            models.CheckConstraint(condition=Q(tier__in=[tier.value for tier in Tier]), name="referral_tier_known"),
            models.CheckConstraint(
                condition=(ENDED & ~Q(ended_reason="")) | (~ENDED & Q(ended_reason="")),
                name="referral_end_has_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(hold="") | Q(state=ReferralState.NEW.value) | ENDED, name="referral_on_hold_is_new"
            ),
        ]

    def __str__(self) -> str:
        return f"referral {self.pk} ({self.state})"


class ReferralNote(models.Model):
    """A remark on a referral by a named person. Immutable: a correction is another note."""

    referral = models.ForeignKey(Referral, on_delete=models.PROTECT, related_name="notes")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    author_name = models.CharField(max_length=256)
    written_at = models.DateTimeField()
    text = models.TextField()

    class Meta:
        ordering = ["written_at", "pk"]
        constraints = [models.CheckConstraint(condition=~Q(text=""), name="note_says_something")]

    def __str__(self) -> str:
        return f"note {self.pk} on referral {self.referral_id}"


class ReferralAnswers(models.Model):
    """What the patient said about the fracture (`domain.first_contact`), as a named nurse saved it; empty where nobody
    asked. Immutable: a correction is another row, and the newest stands."""

    referral = models.ForeignKey(Referral, on_delete=models.PROTECT, related_name="answers")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    author_name = models.CharField(max_length=256)
    written_at = models.DateTimeField()
    event = models.CharField(max_length=32, blank=True)
    treatment = models.CharField(max_length=16, blank=True)
    prednisolone_mg_per_day = models.FloatField(null=True)
    hip_fracture = models.CharField(max_length=16, blank=True)
    cancer = models.CharField(max_length=16, blank=True)
    bone_specialist = models.CharField(max_length=16, blank=True)

    class Meta:
        ordering = ["written_at", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(event__in=_EVENTS), name="answer_event_known"),
            models.CheckConstraint(condition=Q(treatment__in=_TREATMENTS), name="answer_treatment_known"),
            models.CheckConstraint(
                condition=Q(hip_fracture__in=_ANSWERS) & Q(cancer__in=_ANSWERS) & Q(bone_specialist__in=_ANSWERS),
                name="answers_known",
            ),
            models.CheckConstraint(
                condition=Q(prednisolone_mg_per_day__isnull=True)
                | Q(prednisolone_mg_per_day__range=(0, MOST_PREDNISOLONE_MG)),
                name="answer_dose_possible",
            ),
        ]

    def __str__(self) -> str:
        return f"answers {self.pk} on referral {self.referral_id}"
