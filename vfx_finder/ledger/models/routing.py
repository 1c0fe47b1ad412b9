"""The routing table: which studies are analysed, and how soon."""

from django.db import models
from django.db.models import Q

from vfx_finder.domain.routing import Verdict


class RoutingRule(models.Model):
    """One line of the table, kept as `domain.routing.Rule` has it; rules are asked in the order of `position`."""

    position = models.PositiveIntegerField(unique=True)
    name = models.CharField(max_length=128, unique=True)
    verdict = models.CharField(max_length=16, choices=[(v.value, v.value) for v in Verdict])
    calling = models.CharField(max_length=64, blank=True)
    Modality = models.CharField(max_length=32, blank=True)
    BodyPartExamined = models.CharField(max_length=64, blank=True)
    StudyDescription = models.CharField(max_length=256, blank=True)
    StationName = models.CharField(max_length=64, blank=True)
    youngest = models.PositiveSmallIntegerField(null=True)
    oldest = models.PositiveSmallIntegerField(null=True)
    enabled = models.BooleanField(default=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.CheckConstraint(
                condition=Q(verdict__in=[verdict.value for verdict in Verdict]), name="rule_verdict_known"
            ),
            models.CheckConstraint(condition=~Q(name=""), name="rule_has_a_name"),
        ]

    def __str__(self) -> str:
        return f"rule {self.position} ({self.verdict})"
