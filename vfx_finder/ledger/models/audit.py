"""Who did what, when: appended, never changed."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from vfx_finder.ledger.models.case import Case
from vfx_finder.ledger.models.referral import Referral


class AuditEvent(models.Model):
    """One thing that was done, by a person or by a named process of the system, never by neither.

    A trigger refuses updates and deletes. `correlation_id` is the study's, from the first C-STORE to the referral.
    `detail` holds codes and numbers, never a patient's name.
    """

    at = models.DateTimeField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    process = models.CharField(max_length=64, blank=True)
    name = models.CharField(max_length=256)
    role = models.CharField(max_length=32)
    verb = models.CharField(max_length=64)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, null=True, related_name="events")
    referral = models.ForeignKey(Referral, on_delete=models.PROTECT, null=True, related_name="events")
    correlation_id = models.CharField(max_length=32, blank=True)
    detail = models.JSONField(default=dict)

    class Meta:
        ordering = ["at", "pk"]
        indexes = [models.Index(fields=["correlation_id"]), models.Index(fields=["-at"])]
        constraints = [
            models.CheckConstraint(
                condition=Q(user__isnull=False, process="") | (Q(user__isnull=True) & ~Q(process="")),
                name="audit_names_a_person_or_a_process",
            ),
            models.CheckConstraint(condition=~Q(verb="") & ~Q(name=""), name="audit_says_who_and_what"),
        ]

    def __str__(self) -> str:
        return f"{self.verb} by {self.name}"
