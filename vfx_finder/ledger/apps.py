"""The Django application of the ledger."""

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    """Rows of studies, reviews, referrals and the audit trail."""

    name = "vfx_finder.ledger"
    label = "ledger"
    default_auto_field = "django.db.models.BigAutoField"
