"""Where results go, and the proof that they arrived."""

from django.db import models
from django.db.models import Q

from vfx_finder.domain.delivery import DeliveryState, Protocol
from vfx_finder.ledger.models.case import AnalysisRecord, Case
from vfx_finder.ledger.models.review import SignedReview

ENDED = Q(state__in=[DeliveryState.PROVEN.value, DeliveryState.DEAD.value, DeliveryState.SUPERSEDED.value])


class Destination(models.Model):
    """One system that gets results, how it is spoken to, and what it gets.

    DICOM and HL7 use `host` and `port` (and `AETitle`, `use_tls`), STOW-RS and FHIR `url` (and `token`).
    `receiving_application` and `receiving_facility` are MSH-5 and MSH-6 of HL7 messages, empty for the installation's.
    `kinds` names the object kinds (`domain.delivered.Kind`). `before_sign_off`: also send a preliminary result,
    marked as unconfirmed; the default is only what a radiologist signed. `commitment`: ask for storage commitment.
    `last_answer` is what the peer said last, in words; `last_ok_at` when it last said yes, if only to a try;
    `last_took_at` when it last took a whole result; `away_since` is set while it cannot be reached. `try_wanted_at`:
    an operator asked for a try, and the worker has not answered yet.
    """

    name = models.CharField(max_length=64, unique=True)
    protocol = models.CharField(max_length=16, choices=[(p.value, p.value) for p in Protocol])
    AETitle = models.CharField(max_length=16, blank=True)
    host = models.CharField(max_length=256, blank=True)
    port = models.PositiveIntegerField(null=True)
    use_tls = models.BooleanField(default=False)
    url = models.CharField(max_length=512, blank=True)
    token = models.CharField(max_length=512, blank=True)
    receiving_application = models.CharField(max_length=227, blank=True)
    receiving_facility = models.CharField(max_length=227, blank=True)
    kinds = models.JSONField(default=list)
    before_sign_off = models.BooleanField(default=False)
    commitment = models.BooleanField(default=True)
    enabled = models.BooleanField(default=True)
    last_ok_at = models.DateTimeField(null=True)
    last_tried_at = models.DateTimeField(null=True)
    last_answer = models.CharField(max_length=256, blank=True)
    last_took_at = models.DateTimeField(null=True)
    away_since = models.DateTimeField(null=True)
    try_wanted_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.CheckConstraint(condition=~Q(name=""), name="destination_has_a_name"),
            models.CheckConstraint(
                condition=Q(protocol__in=[protocol.value for protocol in Protocol]), name="destination_protocol_known"
            ),
            models.CheckConstraint(
                condition=(Q(protocol__in=["dicom", "hl7-mllp"]) & ~Q(host="") & Q(port__gt=0, port__lte=65535))
                | (Q(protocol__in=["stow-rs", "fhir-r4"]) & ~Q(url="")),
                name="destination_has_an_address",
            ),
        ]

    def __str__(self) -> str:
        return f"destination {self.name}"

    @property
    def asks_commitment(self) -> bool:
        """Whether storage commitment is asked for here: DICOM alone has it (PS3.4 annex J)."""
        return self.commitment and self.protocol == Protocol.DICOM


class Delivery(models.Model):
    """One result on its way to one destination: of one generation, at one stage (`domain.delivered.Stage`).

    `attempts` counts how often it was sent, `asked` how often its storage commitment was asked for, both since a
    person last began it anew. `answer` is the peer's last answer in words, never a patient's name.
    """

    case_id: int
    destination_id: int
    analysis_id: int
    review_id: int | None
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="deliveries")
    destination = models.ForeignKey(Destination, on_delete=models.PROTECT, related_name="deliveries")
    analysis = models.ForeignKey(AnalysisRecord, on_delete=models.PROTECT, related_name="deliveries")
    review = models.ForeignKey(SignedReview, on_delete=models.PROTECT, null=True, related_name="deliveries")
    stage = models.CharField(max_length=16)
    state = models.CharField(
        max_length=16,
        choices=[(s.value, s.value) for s in DeliveryState],
        default=DeliveryState.WAITING.value,
    )
    attempts = models.PositiveIntegerField(default=0)
    asked = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    moved_at = models.DateTimeField()
    answer = models.CharField(max_length=512, blank=True)
    TransactionUID = models.CharField(max_length=64, blank=True)
    """Of the storage commitment that is being waited for."""

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [models.Index(fields=["state", "next_at"]), models.Index(fields=["TransactionUID"])]
        constraints = [
            models.UniqueConstraint(fields=["destination", "analysis", "stage"], name="delivered_once"),
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in DeliveryState]), name="delivery_state_known"
            ),
            models.CheckConstraint(condition=~ENDED | Q(next_at__isnull=True), name="delivery_ended_is_not_due"),
        ]

    def __str__(self) -> str:
        return f"delivery {self.pk} ({self.state})"


class DeliveredObject(models.Model):
    """One object of a delivery and what the peer answered for it. `status` is the DIMSE or HTTP status, if any.

    `set_aside_at`: a person had the delivery sent again then; what had been stored before is kept as it was answered.
    """

    delivery_id: int
    delivery = models.ForeignKey(Delivery, on_delete=models.PROTECT, related_name="delivered")
    kind = models.CharField(max_length=32)
    SOPClassUID = models.CharField(max_length=64, blank=True)
    SOPInstanceUID = models.CharField(max_length=64, blank=True)
    status = models.PositiveIntegerField(null=True)
    answer = models.CharField(max_length=256, blank=True)
    stored_at = models.DateTimeField(null=True)
    committed_at = models.DateTimeField(null=True)
    set_aside_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["delivery", "kind", "SOPInstanceUID"],
                condition=Q(set_aside_at__isnull=True),
                name="one_row_per_object",
            ),
        ]

    def __str__(self) -> str:
        return f"object {self.pk} ({self.kind})"
