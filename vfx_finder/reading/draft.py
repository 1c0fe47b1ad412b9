"""What a radiologist has chosen so far on the study page: read from the form, shifted by a level, decided.

Nothing here is stored: the page carries the draft, and only signing writes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from vfx_finder.domain.finding import Finding
from vfx_finder.domain.operating_point import BALANCED
from vfx_finder.domain.referral import REFERRED_FROM_GRADE
from vfx_finder.domain.review import ConfirmedFracture, Decision, RejectReason, ReviewOutcome, VertebraDecision
from vfx_finder.domain.spine import HEAD_TO_FOOT, Level
from vfx_finder.ledger.documents import decisions_of
from vfx_finder.ledger.queries import StudyFile

_RARE = frozenset({Level.T13, Level.L6})
_NOTE_LENGTH = 200
_LEVELS = {level.value: level for level in Level}
_REASONS = {reason.value: reason for reason in RejectReason}


@dataclass(frozen=True)
class Row:
    """One vertebra of the draft. `grade` is None while neither the software nor the reader graded it; `decision` is
    None while a mild flag of the software, or one that is probably none, waits for the reader's word."""

    index: int
    finding: Finding
    level: Level
    grade: int | None
    decision: Decision | None = Decision.CONFIRMED
    reason: RejectReason | None = None
    note: str = ""

    @property
    def was_flagged(self) -> bool:
        """The software suspects it (grade 1 or more, on a film a loss): it is confirmed, or rejected with a reason."""
        return self.finding.is_suspected

    @property
    def is_unanswered(self) -> bool:
        """A suspicion on a film, where the software gives no grade, that was neither graded nor rejected."""
        return self.was_flagged and not self.finding.grade and not self.is_fracture and not self.is_rejected

    @property
    def is_rejected(self) -> bool:
        """The reader says it is no osteoporotic fracture."""
        return self.decision is Decision.REJECTED

    @property
    def is_undecided(self) -> bool:
        """A flag, mild or improbable, that the reader has neither confirmed nor rejected: it counts towards nothing."""
        return self.decision is None

    @property
    def is_fracture(self) -> bool:
        """Stands as a fracture in what will be signed."""
        return bool(self.grade) and self.decision is Decision.CONFIRMED

    @property
    def level_words(self) -> str:
        """The level as it is told: with its alternatives while it is the software's and not sure."""
        estimate = self.finding.vertebra.level
        return estimate.words if self.level is estimate.level else self.level.value

    @property
    def is_changed(self) -> bool:
        """Differs from what the software proposed."""
        estimate = self.finding.vertebra.level.level
        return self.is_rejected or self.level is not estimate or self.grade != self.finding.grade


@dataclass(frozen=True)
class Draft:
    """The rows from head to foot."""

    rows: tuple[Row, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """What must be mended before this can be signed, in words; empty when it can."""
        return (*_missing_reasons(self.rows), *_unanswered(self.rows), *_doubled_levels(self.rows))

    @property
    def fractures(self) -> tuple[Row, ...]:
        """What will be signed as a fracture."""
        return tuple(row for row in self.rows if row.is_fracture)

    @property
    def rejected(self) -> tuple[Row, ...]:
        """What will be signed as no osteoporotic fracture."""
        return tuple(row for row in self.rows if row.is_rejected)

    @property
    def worst_index(self) -> int:
        """Where the eye goes first: what stands as a fracture, then what is probably one, the highest grade first."""
        worst = max(self.rows, key=_severity, default=None)
        return worst.index if worst else 0

    def may_shift(self, by: int) -> bool:
        """Whether every level can move by one place towards the feet (+1) or the head (-1)."""
        order = _numbering(self.rows)
        places = [order.index(row.level) + by for row in self.rows]
        return bool(places) and min(places) >= 0 and max(places) < len(order)

    def shifted(self, by: int) -> "Draft":
        """Every level moved by one place; unchanged where one of them would fall off the spine."""
        if not self.may_shift(by):
            return self
        order = _numbering(self.rows)
        return Draft(tuple(replace(row, level=order[order.index(row.level) + by]) for row in self.rows))

    @property
    def doubts(self) -> dict[Level, str]:
        """How the level of a fracture is told where it is not sure and the reader has not set it."""
        return {row.level: row.level_words for row in self.fractures if row.level_words != row.level}

    def outcome(self) -> ReviewOutcome:
        """What the draft adds up to, also while it has problems."""
        order = list(Level)
        found = (ConfirmedFracture(row.level, row.grade or 0, row.finding.deformity) for row in self.fractures)
        return ReviewOutcome(
            tuple(sorted(found, key=lambda fracture: order.index(fracture.level))),
            any(row.reason is RejectReason.PATHOLOGICAL_SUSPECTED for row in self.rows),
        )

    def decisions(self) -> tuple[VertebraDecision, ...]:
        """What is signed: every vertebra that was graded or rejected. Call only without `problems`."""
        said = [row for row in self.rows if row.grade is not None or row.is_rejected]
        return tuple(_decision(row) for row in said if row.decision is not None)


def proposed(findings: Sequence[Finding]) -> Draft:
    """The draft as the software proposes it: a flag from `REFERRED_FROM_GRADE` stands until a reader rejects it. A
    milder one, one without a grade on a film, or one that is probably none by its shape (under the probability of
    "balanced") does not stand until a reader confirms it."""
    return Draft(tuple(_proposed(index, found) for index, found in enumerate(findings)))


def _proposed(index: int, found: Finding) -> Row:
    is_open = found.is_suspected and ((found.grade or 0) < REFERRED_FROM_GRADE or not _is_flagged(found))
    return Row(index, found, found.vertebra.level.level, found.grade, None if is_open else Decision.CONFIRMED)


def _is_flagged(found: Finding) -> bool:
    return BALANCED.flags(found.grade, found.probability_grade2plus)


def as_it_stands(file: StudyFile) -> Draft:
    """As signed where a review is there, as the software proposes where none is; empty without an analysis."""
    if file.analysis is None:
        return Draft(())
    if file.review is None:
        return proposed(file.analysis.findings)
    decided = {decision.original_level: decision for decision in decisions_of(file.review.document)}
    return Draft(tuple(_as_signed(row, decided) for row in proposed(file.analysis.findings).rows))


def _as_signed(row: Row, decided: Mapping[Level, VertebraDecision]) -> Row:
    said = decided.get(row.level)
    if said is None:
        return row
    return replace(row, level=said.level, grade=said.grade, decision=said.decision, reason=said.reason, note=said.note)


def from_form(findings: Sequence[Finding], form: Mapping[str, str]) -> Draft:
    """The draft as the form says; a field that is missing or makes no sense keeps what the software proposed."""
    return Draft(tuple(_row_from_form(row, form) for row in proposed(findings).rows))


def _row_from_form(row: Row, form: Mapping[str, str]) -> Row:
    level, grade = form.get(f"level-{row.index}", ""), form.get(f"grade-{row.index}", "")
    chosen = int(grade) if grade in {"0", "1", "2", "3"} else row.grade
    is_rejected = row.was_flagged and (form.get(f"decision-{row.index}") == Decision.REJECTED or chosen == 0)
    return replace(
        row,
        level=_LEVELS.get(level, row.level),
        grade=(chosen or row.finding.grade) if is_rejected else chosen,
        decision=_chosen_decision(row, chosen, form) if not is_rejected else Decision.REJECTED,
        reason=_REASONS.get(form.get(f"reason-{row.index}", "")) if is_rejected else None,
        note=form.get(f"note-{row.index}", "").strip()[:_NOTE_LENGTH] if is_rejected else "",
    )


def _chosen_decision(row: Row, grade: int | None, form: Mapping[str, str]) -> Decision | None:
    """Confirmed where the reader said so, or gave another grade; else as it was proposed."""
    is_said = form.get(f"decision-{row.index}") == Decision.CONFIRMED or grade != row.finding.grade
    return Decision.CONFIRMED if is_said else row.decision


def _decision(row: Row) -> VertebraDecision:
    return VertebraDecision(
        level=row.level,
        original_level=row.finding.vertebra.level.level,
        grade=row.grade or 0,
        original_grade=row.finding.grade,
        deformity=row.finding.deformity if row.grade else None,
        decision=row.decision or Decision.CONFIRMED,
        reason=row.reason,
        note=row.note,
    )


def _severity(row: Row) -> tuple[bool, bool, int, bool, float]:
    probability = row.finding.probability_grade2plus or 0.0
    return row.is_fracture, _is_flagged(row.finding), row.grade or 0, row.was_flagged, probability


def _missing_reasons(rows: Sequence[Row]) -> list[str]:
    unsaid = [f"{row.level}: choose why it is rejected." for row in rows if row.is_rejected and row.reason is None]
    wordless = [
        f"{row.level}: say in the note what the other reason is."
        for row in rows
        if row.reason is RejectReason.OTHER and not row.note
    ]
    return unsaid + wordless


def _unanswered(rows: Sequence[Row]) -> list[str]:
    """A film goes unsigned until each suspicion on it is answered: silence would sign that there is no fracture."""
    return [
        f"{row.level}: suspected on this radiograph; give it a grade, or reject it."
        for row in rows
        if row.is_unanswered
    ]


def _doubled_levels(rows: Sequence[Row]) -> list[str]:
    levels = [row.level for row in rows if row.is_fracture]
    doubled = sorted({level for level in levels if levels.count(level) > 1}, key=list(Level).index)
    return [f"{level} stands on two fractures: change one level." for level in doubled]


def _numbering(rows: Sequence[Row]) -> list[Level]:
    """The usual numbering, with T13 or L6 only where this spine has one."""
    present = {row.level for row in rows}
    return [level for level in HEAD_TO_FOOT if level not in _RARE or level in present]
