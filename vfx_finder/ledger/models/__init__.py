"""The tables. Facts that people sign and the audit trail are never changed: the database itself refuses it."""

from vfx_finder.ledger.models.audit import AuditEvent
from vfx_finder.ledger.models.case import AnalysisRecord, Case, StoredInstance
from vfx_finder.ledger.models.referral import Referral, ReferralNote
from vfx_finder.ledger.models.review import SignedReview

__all__ = ["AnalysisRecord", "AuditEvent", "Case", "Referral", "ReferralNote", "SignedReview", "StoredInstance"]
