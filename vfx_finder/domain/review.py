"""What a radiologist decided about one study, vertebra by vertebra, and what follows from it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vfx_finder.domain.finding import Deformity
from vfx_finder.domain.spine import GRADED_LEVELS, Level


class Decision(StrEnum):
    """Whether a person agrees: about one vertebra, or about the whole study (confirmed = at least one fracture)."""

    CONFIRMED = "confirmed"
    REJECTED = "rejected"


class RejectReason(StrEnum):
    """Why this vertebra is not an osteoporotic fracture.

    Schmorl nodes are a known cause of false flags (CINA-VCF study); short vertebral height without end-plate fracture
    is the ABQ distinction (Wang 2017); obliquity and Cupid's bow are named by the STOPP film guide. The other mimics
    are textbook differentials without a checked primary source: they are offered as words to choose, never as a rule.
    """

    PHYSIOLOGICAL_WEDGING = "physiological-wedging"
    SHORT_VERTEBRAL_HEIGHT = "short-vertebral-height"
    SCHMORL_NODE = "schmorl-node"
    SCHEUERMANN = "scheuermann"
    CUPIDS_BOW = "cupids-bow"
    LIMBUS = "limbus-vertebra"
    DEGENERATIVE = "degenerative"
    OBLIQUITY = "scoliosis-or-obliquity"
    CONGENITAL = "congenital"
    OTHER_BONE_DISEASE = "other-bone-disease"
    INFECTION = "infection"
    PATHOLOGICAL_SUSPECTED = "pathological-suspected"
    HIGH_ENERGY_TRAUMA = "high-energy-trauma"
    POST_OPERATIVE = "post-operative"
    MEASUREMENT_ERROR = "measurement-error"
    NOT_A_VERTEBRA = "not-a-vertebra"
    ALREADY_KNOWN = "already-known"
    OTHER = "other"

    @property
    def label(self) -> str:
        """What a person reads and picks."""
        return _LABELS[self]


_LABELS: dict[RejectReason, str] = {
    RejectReason.PHYSIOLOGICAL_WEDGING: "Physiological (developmental) wedging",
    RejectReason.SHORT_VERTEBRAL_HEIGHT: "Short vertebral height, end plates intact",
    RejectReason.SCHMORL_NODE: "Schmorl node",
    RejectReason.SCHEUERMANN: "Scheuermann disease",
    RejectReason.CUPIDS_BOW: "Cupid's bow",
    RejectReason.LIMBUS: "Limbus vertebra",
    RejectReason.DEGENERATIVE: "Degenerative remodelling",
    RejectReason.OBLIQUITY: "Scoliosis or oblique projection",
    RejectReason.CONGENITAL: "Congenital (block, butterfly, hemivertebra)",
    RejectReason.OTHER_BONE_DISEASE: "Other bone disease (Paget, osteomalacia, haemangioma, renal)",
    RejectReason.INFECTION: "Infection (discitis, osteomyelitis)",
    RejectReason.PATHOLOGICAL_SUSPECTED: "Suspected pathological fracture (metastasis, myeloma): to oncology, not FLS",
    RejectReason.HIGH_ENERGY_TRAUMA: "High-energy trauma",
    RejectReason.POST_OPERATIVE: "Post-operative, cement or metalwork",
    RejectReason.MEASUREMENT_ERROR: "Measured wrongly",
    RejectReason.NOT_A_VERTEBRA: "Not a vertebra",
    RejectReason.ALREADY_KNOWN: "Already known and acted on",
    RejectReason.OTHER: "Other (say why in the note)",
}


@dataclass(frozen=True)
class VertebraDecision:
    """One vertebra as the reader leaves it, beside what the software said.

    `grade` is the Genant grade 0 to 3 that the reader signs; `original_grade` is None where the software did not
    grade. A rejected vertebra has a `reason`; a confirmed one has none. A vertebra that the software called fractured
    cannot be confirmed at grade 0: reject it, so that the reason is kept. Raises `ValueError` otherwise.
    """

    level: Level
    original_level: Level
    grade: int
    original_grade: int | None
    deformity: Deformity | None = None
    decision: Decision = Decision.CONFIRMED
    reason: RejectReason | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if self.grade not in range(4):
            raise ValueError("A Genant grade is 0, 1, 2 or 3.")
        if (self.decision is Decision.REJECTED) != (self.reason is not None):
            raise ValueError("A rejected vertebra needs a reason, and only a rejected one has one.")
        if self.decision is Decision.CONFIRMED and self.grade == 0 and (self.original_grade or 0) > 0:
            raise ValueError("A flagged vertebra that is no fracture is rejected with a reason.")

    @property
    def is_fracture(self) -> bool:
        """Confirmed at grade 1 or more."""
        return self.decision is Decision.CONFIRMED and self.grade > 0


@dataclass(frozen=True)
class Review:
    """A signed reading of one study. `signed_at` carries its time zone.

    Raises `ValueError` for an anonymous signature, a time without zone, or two confirmed fractures at one level.
    """

    vertebrae: tuple[VertebraDecision, ...]
    signed_by: str
    signed_at: datetime

    def __post_init__(self) -> None:
        if not self.signed_by.strip():
            raise ValueError("A review is signed by a person.")
        if self.signed_at.utcoffset() is None:
            raise ValueError("The time of signing carries its time zone.")
        levels = [v.level for v in self.vertebrae if v.is_fracture]
        if len(levels) != len(set(levels)):
            raise ValueError("Two fractures cannot stand at the same level.")


@dataclass(frozen=True)
class ConfirmedFracture:
    """One vertebral fracture that a radiologist has signed, Genant grade 1 to 3."""

    level: Level
    grade: int
    deformity: Deformity | None


@dataclass(frozen=True)
class ReviewOutcome:
    """What a review adds up to; `fractures` stand from head to foot.

    `pathological_suspected`: at least one vertebra was rejected for that reason, whatever else was confirmed.
    """

    fractures: tuple[ConfirmedFracture, ...]
    pathological_suspected: bool = False

    @property
    def decision(self) -> Decision:
        """Confirmed where at least one fracture was."""
        return Decision.CONFIRMED if self.fractures else Decision.REJECTED

    @property
    def max_grade(self) -> int:
        """Highest confirmed Genant grade, 0 without a fracture."""
        return max((fracture.grade for fracture in self.fractures), default=0)

    @property
    def fracture_count(self) -> int:
        """Number of confirmed fractures of grade 1 or more."""
        return len(self.fractures)

    @property
    def spinal_deformity_index(self) -> int:
        """Sum of the grades from T4 to L4 (Kerkeni 2009, Osteoporos Int 20:1547)."""
        return sum(fracture.grade for fracture in self.fractures if fracture.level in GRADED_LEVELS)

    @property
    def grades(self) -> dict[Level, int]:
        """Confirmed grade by level."""
        return {fracture.level: fracture.grade for fracture in self.fractures}


def outcome(review: Review) -> ReviewOutcome:
    """The confirmed fractures of a review from head to foot, and whether one of its vertebrae looked pathological."""
    return ReviewOutcome(
        fractures=_head_to_foot(
            ConfirmedFracture(v.level, v.grade, v.deformity) for v in review.vertebrae if v.is_fracture
        ),
        pathological_suspected=any(v.reason is RejectReason.PATHOLOGICAL_SUSPECTED for v in review.vertebrae),
    )


def _head_to_foot(fractures: Iterable[ConfirmedFracture]) -> tuple[ConfirmedFracture, ...]:
    order = list(Level)
    return tuple(sorted(fractures, key=lambda fracture: order.index(fracture.level)))
