"""What a radiologist signed."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from vfx_finder.ledger.models.case import AnalysisRecord, Case


class SignedReview(models.Model):
    """One signed reading. Immutable: a trigger refuses any change.

    `document` is the review vertebra by vertebra, `grades` the confirmed Genant grade by level, `route` where the
    patient went from here (`domain.referral.Route`).
    """

    case_id: int
    case = models.OneToOneField(Case, on_delete=models.PROTECT, related_name="review")
    analysis = models.ForeignKey(AnalysisRecord, on_delete=models.PROTECT, related_name="reviews")
    signed_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviews")
    signed_name = models.CharField(max_length=256)
    signed_at = models.DateTimeField()
    document = models.JSONField()
    grades = models.JSONField()
    decision = models.CharField(max_length=16)
    max_grade = models.PositiveSmallIntegerField()
    fracture_count = models.PositiveSmallIntegerField()
    spinal_deformity_index = models.PositiveSmallIntegerField()
    pathological_suspected = models.BooleanField()
    route = models.CharField(max_length=32)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(signed_name=""), name="review_is_signed"),
            models.CheckConstraint(condition=Q(max_grade__lte=3), name="review_grade_is_genant"),
        ]

    def __str__(self) -> str:
        return f"review {self.pk} of study {self.case_id}"
