"""What the hospital's other systems told us by HL7: messages as received, reports, and what happened to patients."""

from django.db import models
from django.db.models import Q


class HospitalMessage(models.Model):
    """One HL7 v2 message exactly as received, and what was done with it; nothing is dropped.

    `outcome` is a `domain.hospital.Outcome`; `reason` a `domain.hospital.Remark`, for an unreadable message with what
    is wrong after a colon. `looked_at` and `looked_by` say who put a listed message aside.
    """

    received_at = models.DateTimeField()
    sending = models.CharField(max_length=256, blank=True)
    control_id = models.CharField(max_length=256, blank=True)
    kind = models.CharField(max_length=16)
    content = models.TextField()
    sha256 = models.CharField(max_length=64, unique=True)
    outcome = models.CharField(max_length=16)
    reason = models.CharField(max_length=256, blank=True)
    looked_at = models.DateTimeField(null=True)
    looked_by = models.CharField(max_length=256, blank=True)

    class Meta:
        ordering = ["-received_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=["applied", "listed", "not-used"]), name="message_outcome_known"
            ),
        ]

    def __str__(self) -> str:
        return f"message {self.pk} ({self.kind})"


class RadiologyReport(models.Model):
    """The radiology department's own report of a study, as its system sent it; a correction is another row.

    It decides whether a fracture was occult, that is, not mentioned. Joined to a study by accession number and
    patient, or by StudyInstanceUID where the message has it.
    """

    message = models.ForeignKey(HospitalMessage, on_delete=models.PROTECT, related_name="reports")
    PatientID = models.CharField(max_length=256)
    IssuerOfPatientID = models.CharField(max_length=256, blank=True)
    AccessionNumber = models.CharField(max_length=64, blank=True)
    StudyInstanceUID = models.CharField(max_length=64, blank=True)
    status = models.CharField(max_length=8)
    """OBR-25: P preliminary, F final, C corrected."""
    reported_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField()
    text = models.TextField()

    class Meta:
        ordering = ["received_at", "pk"]
        indexes = [models.Index(fields=["AccessionNumber"]), models.Index(fields=["StudyInstanceUID"])]

    def __str__(self) -> str:
        return f"radiology report {self.pk}"


class PatientChange(models.Model):
    """Something the patient administration system said of a patient: corrected, merged into another, died, or not.

    `PatientID` is the surviving identity; `earlier_id` the one merged into it. `deceased_on` is set for a death.
    """

    message = models.ForeignKey(HospitalMessage, on_delete=models.PROTECT, related_name="changes")
    kind = models.CharField(max_length=16)
    """"corrected", "merged", "died", or "alive": a death taken back."""
    PatientID = models.CharField(max_length=256)
    IssuerOfPatientID = models.CharField(max_length=256, blank=True)
    earlier_id = models.CharField(max_length=256, blank=True)
    earlier_issuer = models.CharField(max_length=256, blank=True)
    PatientName = models.CharField(max_length=512, blank=True)
    PatientBirthDate = models.CharField(max_length=32, blank=True)
    PatientSex = models.CharField(max_length=32, blank=True)
    deceased_on = models.DateField(null=True)
    happened_at = models.DateTimeField(null=True)
    received_at = models.DateTimeField()

    class Meta:
        ordering = ["received_at", "pk"]
        indexes = [models.Index(fields=["IssuerOfPatientID", "PatientID"]), models.Index(fields=["earlier_id"])]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["corrected", "merged", "died", "alive"]), name="change_kind_known"
            ),
            models.CheckConstraint(condition=~Q(kind="merged") | ~Q(earlier_id=""), name="merge_names_both"),
        ]

    def __str__(self) -> str:
        return f"patient change {self.pk} ({self.kind})"
