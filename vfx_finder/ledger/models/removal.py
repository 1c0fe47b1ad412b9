"""Images that were taken out of the spool because they had been kept for long enough."""

from django.db import models
from django.db.models import F, Q

from vfx_finder.ledger.models.case import Case


class ImagesRemoval(models.Model):
    """The images of one study, removed: begun when its rows said so, finished when the last file was gone for good.

    Between the two a process may die; whoever comes next goes on. `kept_days` is how long images were kept by the
    rule of that day; `also_committed`: a person had those removed too for which we had taken responsibility.
    """

    case_id: int
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="removals")
    begun_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    kept_days = models.PositiveIntegerField()
    images = models.PositiveIntegerField()
    bytes = models.BigIntegerField()
    also_committed = models.BooleanField(default=False)

    class Meta:
        ordering = ["-begun_at", "-pk"]
        indexes = [models.Index(fields=["begun_at"], condition=Q(finished_at__isnull=True), name="removal_unfinished")]
        constraints = [
            models.CheckConstraint(
                condition=Q(finished_at__isnull=True) | Q(finished_at__gte=F("begun_at")),
                name="removal_times_in_order",
            ),
        ]

    def __str__(self) -> str:
        return f"removal {self.pk} of the images of study {self.case_id}"
