"""Asking an archive for studies: where it is, and how far a sweep over its past has come."""

from django.db import models
from django.db.models import F, Q

from vfx_finder.ledger.models.case import Case


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
    last_tried_at = models.DateTimeField(null=True)
    last_answer = models.CharField(max_length=256, blank=True)
    last_asked_at = models.DateTimeField(null=True)
    """When it was last asked to send a study: what the pace is counted from."""
    echo_wanted_at = models.DateTimeField(null=True)
    """Somebody waits for a C-ECHO, which the worker sends."""

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
    """"running", "paused", "cancelled" or "done"."""
    listed_until = models.DateField(null=True)
    """The last day whose studies have been listed by C-FIND."""
    started_at = models.DateTimeField()
    moved_at = models.DateTimeField()
    problem = models.CharField(max_length=256, blank=True)

    class Meta:
        ordering = ["-started_at"]
        constraints = [
            models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="sweep_days_in_order"),
            models.CheckConstraint(
                condition=Q(state__in=["running", "paused", "cancelled", "done"]), name="sweep_state_known"
            ),
        ]

    def __str__(self) -> str:
        return f"sweep {self.pk} ({self.state})"


class PriorSearch(models.Model):
    """One archive asked for earlier studies of the patient of a flagged study: "waiting", "done" or "failed"."""

    archive_id: int
    case_id: int
    archive = models.ForeignKey(Archive, on_delete=models.PROTECT, related_name="prior_searches")
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="prior_searches")
    state = models.CharField(max_length=16, default="waiting")
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    moved_at = models.DateTimeField()
    reason = models.CharField(max_length=256, blank=True)

    class Meta:
        ordering = ["moved_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["archive", "case"], name="priors_searched_once"),
            models.CheckConstraint(condition=Q(state__in=["waiting", "done", "failed"]), name="search_state_known"),
        ]

    def __str__(self) -> str:
        return f"search {self.pk} for priors of study {self.case_id} ({self.state})"


class SweptStudy(models.Model):
    """One study that a sweep, or a search for priors, listed, and what became of it.

    "listed", "asked", "received", "here-already", "left-out" (by a routing rule, which `reason` names) or "failed".
    """

    sweep_id: int | None
    search_id: int | None
    sweep = models.ForeignKey(Sweep, on_delete=models.PROTECT, null=True, related_name="studies")
    search = models.ForeignKey(PriorSearch, on_delete=models.PROTECT, null=True, related_name="studies")
    StudyInstanceUID = models.CharField(max_length=64)
    StudyDate = models.CharField(max_length=32, blank=True)
    state = models.CharField(max_length=16, default="listed")
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    moved_at = models.DateTimeField()
    reason = models.CharField(max_length=256, blank=True)

    class Meta:
        ordering = ["StudyDate", "pk"]
        indexes = [
            models.Index(fields=["state", "next_at"]),
            models.Index(fields=["StudyInstanceUID"], name="swept_by_study"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["sweep", "StudyInstanceUID"], name="swept_once"),
            models.UniqueConstraint(fields=["search", "StudyInstanceUID"], name="prior_asked_once"),
            models.CheckConstraint(
                condition=Q(sweep__isnull=False, search__isnull=True) | Q(sweep__isnull=True, search__isnull=False),
                name="swept_for_one_purpose",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["listed", "asked", "received", "here-already", "left-out", "failed"]),
                name="swept_state_known",
            ),
        ]

    def __str__(self) -> str:
        return f"swept study {self.pk} ({self.state})"
