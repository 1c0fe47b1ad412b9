"""Who may send to us, and who was turned away."""

from django.db import models
from django.db.models import F, Q

from vfx_finder.domain.sender import Refused


class Sender(models.Model):
    """One system that may send: by C-STORE under its AE title, by STOW-RS with its token, or both.

    `host` is an address or network ("10.1.2.0/24"), empty for any. `port` is where the sender itself listens, for
    storage commitment results that cannot go back on its own association; None = not known. `settle_seconds` overrides
    the installation's setting. `token_sha256` is the digest of the STOW-RS token; the token itself is shown once and
    never kept.
    """

    AETitle = models.CharField(max_length=16, unique=True)
    host = models.CharField(max_length=64, blank=True)
    port = models.PositiveIntegerField(null=True)
    description = models.CharField(max_length=256, blank=True)
    enabled = models.BooleanField(default=True)
    settle_seconds = models.FloatField(null=True)
    token_sha256 = models.CharField(max_length=64, blank=True)
    last_heard_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["AETitle"]
        constraints = [
            models.CheckConstraint(condition=~Q(AETitle=""), name="sender_has_a_title"),
            models.CheckConstraint(
                condition=Q(port__isnull=True) | Q(port__range=(1, 65535)), name="sender_port_is_one"
            ),
            models.CheckConstraint(
                condition=Q(settle_seconds__isnull=True) | Q(settle_seconds__gt=0), name="sender_settles"
            ),
            models.UniqueConstraint(fields=["token_sha256"], condition=~Q(token_sha256=""), name="sender_token_is_own"),
        ]

    def __str__(self) -> str:
        return f"sender {self.AETitle}"


class Refusal(models.Model):
    """One kind of refusal of one peer, counted: who knocked, from where, and why it was turned away.

    `detail` tells causes apart that share a reason: an expired certificate, and one that a stranger signed.
    """

    calling = models.CharField(max_length=64)
    host = models.CharField(max_length=64)
    reason = models.CharField(max_length=64)
    detail = models.CharField(max_length=256, blank=True)
    count = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()

    class Meta:
        ordering = ["-last_at"]
        constraints = [
            models.UniqueConstraint(fields=["calling", "host", "reason", "detail"], name="one_row_per_cause"),
            models.CheckConstraint(condition=Q(last_at__gte=F("first_at")), name="refusal_times_in_order"),
        ]

    def __str__(self) -> str:
        return f"refusal {self.pk} ({self.reason})"


NOT_ALL_TAKEN = Q(reason=Refused.NOT_ALL_TAKEN.value)
"""Callers that were let in, and offered more than is taken."""


class CommitmentRequest(models.Model):
    """A peer asked whether we took responsibility for its instances (DICOM PS3.4 annex J), and what it was told.

    `asked` and `answer` hold SOP Class and Instance UIDs as the request and the N-EVENT-REPORT name them.
    """

    TransactionUID = models.CharField(max_length=64)
    calling = models.CharField(max_length=64)
    host = models.CharField(max_length=64)
    asked = models.JSONField()
    answer = models.JSONField(null=True)
    asked_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=256, blank=True)

    class Meta:
        ordering = ["-asked_at"]
        constraints = [
            models.UniqueConstraint(fields=["calling", "TransactionUID"], name="one_row_per_transaction"),
        ]

    def __str__(self) -> str:
        return f"commitment request {self.pk}"
