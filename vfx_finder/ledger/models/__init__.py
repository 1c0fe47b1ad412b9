"""The tables. Facts that people sign and the audit trail are never changed: the database itself refuses it."""

from vfx_finder.ledger.models.audit import AuditEvent
from vfx_finder.ledger.models.case import AnalysisRecord, Case, OtherContent, StoredInstance
from vfx_finder.ledger.models.delivery import DeliveredObject, Delivery, Destination
from vfx_finder.ledger.models.heartbeat import Heartbeat
from vfx_finder.ledger.models.hospital import HospitalMessage, PatientChange, RadiologyReport
from vfx_finder.ledger.models.referral import Referral, ReferralAnswers, ReferralNote
from vfx_finder.ledger.models.removal import ImagesRemoval
from vfx_finder.ledger.models.retrieval import Archive, PriorSearch, Sweep, SweptStudy
from vfx_finder.ledger.models.review import SignedReview
from vfx_finder.ledger.models.routing import RoutingRule
from vfx_finder.ledger.models.sender import CommitmentRequest, Refusal, Sender

__all__ = [
    "AnalysisRecord",
    "Archive",
    "AuditEvent",
    "Case",
    "CommitmentRequest",
    "DeliveredObject",
    "Delivery",
    "Destination",
    "Heartbeat",
    "HospitalMessage",
    "ImagesRemoval",
    "OtherContent",
    "PatientChange",
    "PriorSearch",
    "RadiologyReport",
    "Referral",
    "ReferralAnswers",
    "ReferralNote",
    "Refusal",
    "RoutingRule",
    "Sender",
    "SignedReview",
    "StoredInstance",
    "Sweep",
    "SweptStudy",
]
