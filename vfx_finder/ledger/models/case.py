"""One received study, its instances, and what was computed from them."""

from django.db import models
from django.db.models import F, Q

from vfx_finder.domain.flow import CaseState
from vfx_finder.domain.routing import Priority
from vfx_finder.domain.study import Reason

GRADES = Q(max_grade__gte=0) & Q(max_grade__lte=3)
RECEIVING = Q(state=CaseState.RECEIVING.value)
NOT_ANALYSED = Q(state__in=[CaseState.UNSUITABLE.value, CaseState.FAILED.value])
NOT_ANALYSED_UNSEEN = NOT_ANALYSED & Q(reason_seen_at__isnull=True)
"""What stands under *To do*: nobody has said that there is nothing to do about it."""
NEVER_LOOKED_AT = (Reason.LEFT_OUT.value, Reason.PATIENT_CONFLICT.value, Reason.IMAGES_REMOVED.value)
"""Reasons that were known before anything was analysed."""
ANSWERED = Q(finished_at__isnull=False) & ~Q(state=CaseState.FAILED.value) & ~Q(reason__in=NEVER_LOOKED_AT)
"""The analysis came to an end, whatever it said."""
WITH_IMAGES = Q(images_removed_at__isnull=True)
"""Images of the study are in the spool."""
TO_REVIEW = Q(state__in=[CaseState.AWAITING_REVIEW.value, CaseState.REVIEWED.value])


class Case(models.Model):
    """One study by its StudyInstanceUID, whoever sent it; patient and study headers stand here exactly as sent.

    `generation` counts what was to be analysed: every new instance and every retry begins another one, so that a
    result of older bytes, or of a worker that was given up, is recognised and refused.
    """

    StudyInstanceUID = models.CharField(max_length=64, unique=True)
    PatientID = models.CharField(max_length=256, blank=True)
    IssuerOfPatientID = models.CharField(max_length=256, blank=True)
    PatientName = models.CharField(max_length=512, blank=True)
    PatientBirthDate = models.CharField(max_length=32, blank=True)
    PatientSex = models.CharField(max_length=32, blank=True)
    PatientAge = models.CharField(max_length=32, blank=True)
    StudyDate = models.CharField(max_length=32, blank=True)
    StudyDescription = models.CharField(max_length=256, blank=True)
    AccessionNumber = models.CharField(max_length=64, blank=True)
    ReferringPhysicianName = models.CharField(max_length=512, blank=True)
    Modality = models.CharField(max_length=32, blank=True)
    BodyPartExamined = models.CharField(max_length=64, blank=True)
    StationName = models.CharField(max_length=64, blank=True)

    state = models.CharField(
        max_length=32, choices=[(s.value, s.value) for s in CaseState], default=CaseState.RECEIVING.value
    )
    generation = models.PositiveIntegerField(default=1)
    correlation_id = models.CharField(max_length=32, unique=True)
    calling = models.CharField(max_length=64)
    received_at = models.DateTimeField()
    last_instance_at = models.DateTimeField()
    settle_due_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    asked_at = models.DateTimeField(null=True)
    """What the time to answer counts from: the last image before it settled, or when a person had it analysed again."""
    finished_at = models.DateTimeField(null=True)
    patient_conflict = models.BooleanField(default=False)
    """Instances of this study name different patients: a person must look."""
    instances_after_review = models.PositiveIntegerField(default=0)
    late_seen = models.PositiveIntegerField(default=0)
    """How many of those a person has seen to; the others are an alarm."""
    images_removed_at = models.DateTimeField(null=True)
    """When the last of its images was removed; any that arrives empties it. What was found in them stays."""
    priority = models.CharField(
        max_length=16, choices=[(p.value, p.value) for p in Priority], default=Priority.NORMAL.value
    )
    routed_by = models.CharField(max_length=128, blank=True)
    """The name of the routing rule that chose the priority or left the study out; empty where none fitted."""

    max_grade = models.PositiveSmallIntegerField(null=True)
    fracture_count = models.PositiveSmallIntegerField(null=True)
    spinal_deformity_index = models.PositiveSmallIntegerField(null=True)
    probability_grade2plus = models.FloatField(null=True)
    reason = models.CharField(max_length=64, blank=True)
    detail = models.TextField(blank=True)
    reason_seen_at = models.DateTimeField(null=True)
    """When a person said that there is nothing (more) to do about the reason; another result empties it."""

    class Meta:
        indexes = [
            models.Index(fields=["state", "-max_grade"]),
            models.Index(fields=["IssuerOfPatientID", "PatientID"]),
            models.Index(fields=["settle_due_at"], condition=RECEIVING, name="case_to_settle"),
            models.Index(fields=["last_instance_at"], condition=WITH_IMAGES, name="case_with_images"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in CaseState]), name="case_state_known"
            ),
            models.CheckConstraint(
                condition=(RECEIVING & Q(settle_due_at__isnull=False)) | (~RECEIVING & Q(settle_due_at__isnull=True)),
                name="case_receiving_has_a_due_time",
            ),
            models.CheckConstraint(
                condition=(NOT_ANALYSED & ~Q(reason="")) | (~NOT_ANALYSED & Q(reason="")),
                name="case_not_analysed_has_a_reason",
            ),
            models.CheckConstraint(
                condition=~TO_REVIEW | GRADES,
                name="case_to_review_has_a_grade",
            ),
            models.CheckConstraint(condition=Q(max_grade__isnull=True) | GRADES, name="case_grade_is_genant"),
            models.CheckConstraint(condition=~Q(correlation_id=""), name="case_has_correlation_id"),
            models.CheckConstraint(condition=Q(priority__in=[p.value for p in Priority]), name="case_priority_known"),
            models.CheckConstraint(condition=Q(last_instance_at__gte=F("received_at")), name="case_times_in_order"),
        ]

    def __str__(self) -> str:
        return f"study {self.pk} ({self.state})"

    @property
    def seconds_to_answer(self) -> float | None:
        """From `asked_at` to the answer, whatever arrived afterwards; None where there is no answer."""
        looked_at = self.state != CaseState.FAILED and self.reason not in NEVER_LOOKED_AT
        if self.finished_at is None or self.asked_at is None or not looked_at:
            return None
        return float((self.finished_at - self.asked_at).total_seconds())

    @property
    def asked_by_hand(self) -> bool:
        """Whether a person had it analysed again; a study that settles by itself has been quiet before."""
        return self.asked_at is not None and self.asked_at == self.settled_at

    def forget_result(self) -> None:
        """Empty what an earlier analysis said; its record stays in `analyses`."""
        self.settled_at = self.asked_at = self.finished_at = self.reason_seen_at = None
        self.max_grade = self.fracture_count = self.spinal_deformity_index = self.probability_grade2plus = None
        self.reason = self.detail = ""


class StoredInstance(models.Model):
    """One acknowledged SOP Instance and where its untouched bytes lie in the spool.

    `late`: it came after its study was signed, and is none of our own results. `promised_at`: we confirmed to a peer
    that we keep it (storage commitment). `removed_at`: its bytes were taken out of the spool then, or are about to be
    (`ImagesRemoval`); one that is sent again is received anew.
    """

    case_id: int
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="instances")
    SOPInstanceUID = models.CharField(max_length=64, unique=True)
    SOPClassUID = models.CharField(max_length=64)
    SeriesInstanceUID = models.CharField(max_length=64)
    SeriesDescription = models.CharField(max_length=256, blank=True)
    Modality = models.CharField(max_length=32, blank=True)
    path = models.CharField(max_length=1024, unique=True)
    sha256 = models.CharField(max_length=64)
    calling = models.CharField(max_length=64)
    received_at = models.DateTimeField()
    late = models.BooleanField(default=False, db_default=False)
    promised_at = models.DateTimeField(null=True)
    removed_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"instance {self.pk} of study {self.case_id}"


class OtherContent(models.Model):
    """Other bytes that were offered under the UID of a kept instance: told by their digest, how often, and since when.

    The first bytes stay. `seen_at` is set once a person has seen to it; the same bytes again raise no new alarm.
    """

    case_id: int
    instance_id: int
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="other_contents")
    instance = models.ForeignKey(StoredInstance, on_delete=models.PROTECT, related_name="other_contents")
    sha256 = models.CharField(max_length=64)
    calling = models.CharField(max_length=64)
    times = models.PositiveIntegerField(default=0)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    seen_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["case"], condition=Q(seen_at__isnull=True), name="other_content_unseen"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["instance", "sha256"], name="other_content_once"),
        ]

    def __str__(self) -> str:
        return f"other content {self.pk} of study {self.case_id}"


class AnalysisRecord(models.Model):
    """What one analysis said, kept for good: the whole answer, its picture, and the networks that gave it.

    `generation` is the case's at that time; the pair is unique, so nothing is analysed twice.
    """

    case_id: int
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="analyses")
    generation = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    document = models.JSONField()
    model_versions = models.JSONField()
    seconds = models.JSONField()
    picture_png = models.BinaryField(null=True)
    reformat = models.BinaryField(null=True)
    """The sagittal reformat that result objects are made of, 1 to 3 MB: read by deliveries only."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "generation"], name="analysed_once")]

    def __str__(self) -> str:
        return f"analysis {self.pk} of study {self.case_id}"
