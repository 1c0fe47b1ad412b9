"""Which processes are alive, and what each can see that the pages cannot."""

from django.db import models
from django.db.models import Q


class Heartbeat(models.Model):
    """The last sign of life of one process of the system, such as "listener-1"; the worker's is procrastinate's own.

    `facts` are numbers and words about the process's own machine (free bytes of the spool's disk, open associations),
    because the pages may be served by another. Never a patient's identifier.
    """

    process = models.CharField(max_length=64, unique=True)
    started_at = models.DateTimeField()
    at = models.DateTimeField()
    facts = models.JSONField(default=dict)

    class Meta:
        ordering = ["process"]
        constraints = [
            models.CheckConstraint(condition=~Q(process=""), name="heartbeat_names_a_process"),
        ]

    def __str__(self) -> str:
        return f"heartbeat of {self.process}"
