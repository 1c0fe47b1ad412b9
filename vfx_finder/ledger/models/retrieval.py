"""Asking an archive for studies: where it is, and how far a sweep over its past has come."""

from django.db import models
from django.db.models import F, Q


class Archive(models.Model):
    """One archive that answers C-FIND and sends by C-MOVE or C-GET (DICOM PS3.4 annex C).

    `studies_per_hour` paces it; `from_hour` to `until_hour` (local time, may pass midnight) is the window in which
    it may be asked, both None for any time.
    """

    name = models.CharField(max_length=64, unique=True)
    AETitle = models.CharField(max_length=16)
    host = models.CharField(max_length=256)
    port = models.PositiveIntegerField()
    use_tls = models.BooleanField(default=False)
    method = models.CharField(max_length=8, default="C-MOVE")
    studies_per_hour = models.PositiveIntegerField(default=60)
    from_hour = models.PositiveSmallIntegerField(null=True)
    until_hour = models.PositiveSmallIntegerField(null=True)
    fetch_priors = models.BooleanField(default=False)
    """Ask this archive for the earlier spine studies of a patient whose study is flagged."""
    enabled = models.BooleanField(default=True)
    last_ok_at = models.DateTimeField(null=True)
    last_answer = models.CharField(max_length=256, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=Q(method__in=["C-MOVE", "C-GET"]), name="archive_method_known"),
            models.CheckConstraint(condition=Q(port__gt=0, port__lte=65535), name="archive_port_valid"),
            models.CheckConstraint(
                condition=Q(from_hour__isnull=True, until_hour__isnull=True)
                | Q(from_hour__lte=23, until_hour__lte=23, from_hour__isnull=False, until_hour__isnull=False),
                name="archive_window_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"archive {self.name}"


class Sweep(models.Model):
    """Case-finding over an archive's past: every matching study of these days is asked for, once. Resumable."""

    archive_id: int
    archive = models.ForeignKey(Archive, on_delete=models.PROTECT, related_name="sweeps")
    first_day = models.DateField()
    last_day = models.DateField()
    modality = models.CharField(max_length=16, default="CT")
    description = models.CharField(max_length=128, blank=True)
    state = models.CharField(max_length=16, default="running")
    """"running", "paused" or "done"."""
    listed_until = models.DateField(null=True)
    """The last day whose studies have been listed by C-FIND."""
    started_at = models.DateTimeField()
    moved_at = models.DateTimeField()
    problem = models.CharField(max_length=256, blank=True)

    class Meta:
        ordering = ["-started_at"]
        constraints = [
            models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="sweep_days_in_order"),
            models.CheckConstraint(condition=Q(state__in=["running", "paused", "done"]), name="sweep_state_known"),
        ]

    def __str__(self) -> str:
        return f"sweep {self.pk} ({self.state})"


class SweptStudy(models.Model):
    """One study that a sweep listed, and what became of it: "listed", "asked", "received", "here-already", "failed"."""

    sweep_id: int
    sweep = models.ForeignKey(Sweep, on_delete=models.PROTECT, related_name="studies")
    StudyInstanceUID = models.CharField(max_length=64)
    StudyDate = models.CharField(max_length=32, blank=True)
    state = models.CharField(max_length=16, default="listed")
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    moved_at = models.DateTimeField()
    reason = models.CharField(max_length=256, blank=True)

    class Meta:
        ordering = ["StudyDate", "pk"]
        indexes = [models.Index(fields=["state", "next_at"])]
        constraints = [
            models.UniqueConstraint(fields=["sweep", "StudyInstanceUID"], name="swept_once"),
            models.CheckConstraint(
                condition=Q(state__in=["listed", "asked", "received", "here-already", "failed"]),
                name="swept_state_known",
            ),
        ]

    def __str__(self) -> str:
        return f"swept study {self.pk} ({self.state})"
