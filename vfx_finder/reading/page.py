"""The study page as plain words and numbers, ready for the template."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from django.conf import settings
from django.utils import timezone

from vfx_finder.domain import genant
from vfx_finder.domain.certainty import percent
from vfx_finder.domain.finding import (
    FILM_SUSPECTED,
    HEADER_DISAGREES,
    SCALE_AT_DETECTOR,
    SCALE_ESTIMATED,
    Analysis,
    millimetres,
)
from vfx_finder.domain.flow import CaseState
from vfx_finder.domain.guidance import CEMENT_ADVICE, cement_words, report_text
from vfx_finder.domain.mimic import Mimic
from vfx_finder.domain.numbering import LEVEL_UNCERTAIN, NO_VERTEBRA, numbering_remarks
from vfx_finder.domain.referral import Eligibility, Route, eligibility, route
from vfx_finder.domain.review import Decision, RejectReason, ReviewOutcome
from vfx_finder.domain.spine import Heights, Level
from vfx_finder.domain.study import Reason
from vfx_finder.figures.density import ShownDensity, shown_density
from vfx_finder.figures.people import Person, patient_of, person_aged, plain_date, written_date
from vfx_finder.figures.sagittal import Figure, Mark, figure
from vfx_finder.figures.since import ShownChange, ShownComparison
from vfx_finder.figures.waiting import held_until
from vfx_finder.ledger.models import SignedReview
from vfx_finder.ledger.queries import StudyFile
from vfx_finder.reading.comparison import compared
from vfx_finder.reading.draft import Draft, Row

_UNSURE_MARK = "?"
_GRADES = (0, 1, 2, 3)
_FLAG_WORDS: Mapping[str, str] = {
    "cut-by-field-of-view": "cut by field of view",
    "planes-disagree": "planes disagree",
    "thick-slices": "thick slices",
    FILM_SUSPECTED: "suspected: please look",
    SCALE_ESTIMATED: "no mm: scale estimated",
    SCALE_AT_DETECTOR: "no mm: scale of detector",
    HEADER_DISAGREES: "header says another view",
    "research-film": "research",
} | {mimic.value: mimic.words for mimic in Mimic}
_WHY_NOT: Mapping[Reason, str] = {
    Reason.CUT_BY_FIELD_OF_VIEW: "Cut by the field of view: not graded",
    Reason.NOT_MEASURABLE: "Could not be measured",
    Reason.OUTSIDE_GRADED_LEVELS: "Outside T4 to L4: not graded",
    Reason.PLANES_DISAGREE: "Sections differ too much: not graded",
    Reason.METAL: "Metal: not graded",
    Reason.CEMENT: "Cement, as after a treated fracture: not graded",
    Reason.TOO_THICK_FOR_MILD: "Mildly reduced, slices too thick to tell: not graded",
    Reason.NOT_A_VERTEBRA: "Probably no vertebra: not graded, not numbered",
}


_CLOSED_BECAUSE: Mapping[CaseState, str] = {
    CaseState.ANALYSED_CLEAR: "No vertebra reached the operating point: not on the worklist, nothing to sign. "
    "This does not exclude a fracture.",
    CaseState.RECEIVING: "More images are arriving: this study will be analysed again.",
    CaseState.SETTLED: "Waiting to be analysed again.",
    CaseState.UNSUITABLE: "This study could not be analysed: read it in PACS.",
    CaseState.FAILED: "The analysis failed and stands on the operator's list: read it in PACS.",
}


_WITH_A_REPORT = (CaseState.AWAITING_REVIEW, CaseState.REVIEWED)
"""A study that no reader reads has no report text: silence must not look like a normal finding."""


@dataclass(frozen=True)
class Waiting:
    """Where a study stands among those that wait: place 0 where it is not one of them."""

    place: int
    total: int
    next_id: int | None

    @classmethod
    def around(cls, case_id: int, order: Sequence[int]) -> "Waiting":
        """Place and successor in the worklist's order; after the last comes the first again."""
        if case_id not in order:
            return cls(0, len(order), order[0] if order else None)
        at = order.index(case_id)
        following = [*order[at + 1 :], *order[:at]]
        return cls(at + 1, len(order), following[0] if following else None)


@dataclass(frozen=True)
class ShownStudy:
    """The words of the header."""

    study: str
    study_date: str
    accession: str
    conflict: bool


@dataclass(frozen=True)
class StudyPage:
    """Everything that the study page shows."""

    study_id: int
    analysis_id: int | None
    patient: Person
    study: ShownStudy
    is_open: bool
    closed_because: str
    waiting: Waiting
    rows: "tuple[ShownRow, ...]"
    density: ShownDensity | None
    since: ShownComparison | None
    reasons: tuple[RejectReason, ...]
    figure: Figure | None
    report: str
    numbering: tuple[str, ...]
    film: str
    cement: str
    problems: tuple[str, ...]
    will_sign: str
    route: str
    may_shift_up: bool
    may_shift_down: bool


def page_of(file: StudyFile, draft: Draft, waiting: Waiting) -> StudyPage:
    """The page of one study with this draft."""
    case, analysis = file.case, file.analysis
    who = person_aged(patient_of(case), file.age)
    eligible, reached = eligibility(who.age), draft.outcome()
    earlier = compared(file, draft)
    picture = analysis.picture if analysis else None
    state = CaseState(case.state)
    return StudyPage(
        study_id=case.pk,
        analysis_id=file.record.pk if file.record else None,
        patient=who,
        study=ShownStudy(
            case.StudyDescription or f"{case.Modality} study",
            written_date(case.StudyDate),
            case.AccessionNumber,
            case.patient_conflict,
        ),
        is_open=state is CaseState.AWAITING_REVIEW,
        closed_because=_closed_because(file),
        waiting=waiting,
        rows=shown_rows(draft, earlier.changes if earlier else (), is_film=_is_film(analysis)),
        since=earlier,
        density=_density(file, draft),
        reasons=tuple(RejectReason),
        figure=figure(picture.width, picture.height, marks(draft)) if picture else None,
        report=_report(file, draft, eligible),
        numbering=numbering_remarks([row.finding.vertebra for row in draft.rows]),
        film=f"{_ON_A_FILM} {analysis.operating_point.words}" if analysis and analysis.is_film else "",
        cement=_cement(draft),
        problems=draft.problems,
        will_sign=will_sign(draft),
        route=_will_go(reached, eligible),
        may_shift_up=draft.may_shift(-1),
        may_shift_down=draft.may_shift(1),
    )


_ON_A_FILM = (
    "This is a radiograph (X-ray): a projection, read by a model that is an experiment. Nothing on it is graded by "
    "software, and a vertebra that is not marked may be fractured: read the film."
)


def _is_film(analysis: Analysis | None) -> bool:
    return analysis is not None and analysis.is_film


def _report(file: StudyFile, draft: Draft, eligible: Eligibility) -> str:
    if CaseState(file.case.state) not in _WITH_A_REPORT:
        return ""
    if any(row.is_unanswered for row in draft.rows):
        return "No text yet: a suspicion on this radiograph is not answered."
    return report_text(draft.outcome(), eligible, draft.doubts, is_film=_is_film(file.analysis))


def _cement(draft: Draft) -> str:
    """Which vertebrae hold cement, while the reader has given them no grade."""
    words = cement_words([row.level_words for row in draft.rows if row.finding.has_cement and row.grade is None])
    return f"{words} {CEMENT_ADVICE}" if words else ""


def _density(file: StudyFile, draft: Draft) -> ShownDensity | None:
    """The density by the names that the draft gives, doubted where the draft calls its vertebra fractured."""
    names = {row.finding.vertebra.level.level: row for row in draft.rows}
    fractured = {level for level, row in names.items() if row.is_fracture}
    measured = file.analysis.bone_density if file.analysis else None
    return shown_density(measured, fractured, {level: row.level for level, row in names.items()})


def went_to(signed: SignedReview) -> str:
    """Where the patient of a signed study went, in one sentence."""
    return f"{Route(signed.route).label}."


def _closed_because(file: StudyFile) -> str:
    if file.review is None:
        until = held_until(file.case, settings.VFX.off_peak_hours, timezone.now())
        said = _CLOSED_BECAUSE.get(CaseState(file.case.state), "")
        return f"Waiting until {until} to be analysed again." if until else said
    signed_at = timezone.localtime(file.review.signed_at)
    when = f"{plain_date(signed_at.date())} {signed_at:%H:%M}"
    return (
        f"Signed by {file.review.signed_name}, {when}. What is signed stays as it is; "
        "a correction belongs in the report of record."
    )


def _will_go(reached: ReviewOutcome, eligible: Eligibility) -> str:
    there = route(reached, eligible)
    asked = " Age not known: the nurse asks first." if there.hold else ""
    return f"Goes to: {there.route.label}.{asked}"


@dataclass(frozen=True)
class ShownRow:
    """One line of the table. Numbers are already written out; empty text where there is nothing to say."""

    index: int
    level: Level
    level_choices: tuple[Level, ...]
    confidence: str
    alternatives: str
    level_unsure: bool
    measured: bool
    anterior: str
    middle: str
    posterior: str
    lowest: str
    loss: str
    loss_expected: str
    why_not: str
    grade: int | None
    grade_choices: tuple[int, ...]
    shape: str
    probability: str
    was_flagged: bool
    is_rejected: bool
    is_confirmed: bool
    is_worst: bool
    reason: RejectReason | None
    note: str
    flags: tuple[str, ...]
    css: str
    caption: str
    change: ShownChange | None = None


def shown_rows(draft: Draft, changes: Sequence[ShownChange] = (), *, is_film: bool = False) -> tuple[ShownRow, ...]:
    """The draft from head to foot, as the table shows it, each with its change since an earlier study."""
    worst = draft.worst_index
    beside = changes or [None] * len(draft.rows)
    shown = [replace(_shown(row, row.index == worst), change=by) for row, by in zip(draft.rows, beside, strict=True)]
    return tuple(map(_of_a_film, shown, draft.rows)) if is_film else tuple(shown)


def _of_a_film(shown: ShownRow, row: Row) -> ShownRow:
    """With the one loss that is told of a film, in place of own and expected loss."""
    severity = genant.severity_of(row.finding)
    return replace(shown, loss="–" if severity is None else _percent(severity), loss_expected="")


def marks(draft: Draft) -> tuple[Mark, ...]:
    """The draft as it is drawn over the picture."""
    return tuple(
        Mark(
            row.index,
            _drawn_level(row),
            row.grade,
            row.finding.vertebra.drawing,
            millimetres(row.finding.vertebra),
            row.is_rejected,
            row.finding.is_suspected,
        )
        for row in draft.rows
    )


def _drawn_level(row: Row) -> str:
    """Short enough for the gutter: "L1", "L1?" where it is not sure, "?" for what is probably no vertebra."""
    if NO_VERTEBRA in row.finding.vertebra.flags and not row.is_changed:
        return _UNSURE_MARK
    return row.level if row.level_words == row.level else f"{row.level}{_UNSURE_MARK}"


def will_sign(draft: Draft) -> str:
    """What one key press will put on record, in one sentence."""
    rejected = f" Rejected: {', '.join(row.level for row in draft.rejected)}." if draft.rejected else ""
    undecided = ", ".join(row.level for row in draft.rows if row.is_undecided)
    rest = f"{rejected} Not decided, not signed: {undecided}." if undecided else rejected
    if not draft.fractures:
        return f"You sign: no vertebral fracture.{rest}"
    found = ", ".join(f"{row.level} grade {row.grade}" for row in draft.fractures)
    noun = "fracture" if len(draft.fractures) == 1 else "fractures"
    return f"You sign: vertebral {noun} {found}.{rest}"


def _shown(row: Row, is_worst: bool) -> ShownRow:
    finding, estimate = row.finding, row.finding.vertebra.level
    heights, loss = millimetres(finding.vertebra), finding.loss
    probability = finding.probability_grade2plus
    return ShownRow(
        index=row.index,
        level=row.level,
        level_choices=tuple(Level),
        confidence=percent(estimate.confidence),
        alternatives=estimate.others,
        level_unsure=not estimate.is_sure,
        measured=heights is not None,
        anterior=f"{heights.anterior:.1f}" if heights else "",
        middle=f"{heights.middle:.1f}" if heights else "",
        posterior=f"{heights.posterior:.1f}" if heights else "",
        lowest=_lowest(heights) if row.is_fracture and heights else "",
        loss=_percent(loss.own) if loss else "–",
        loss_expected=_percent(loss.expected) if loss and loss.expected is not None else "",
        why_not=_why_not(row),
        grade=None if row.is_rejected else row.grade,
        grade_choices=_GRADES,
        shape=finding.deformity.value if finding.deformity and row.grade else "",
        probability=percent(probability) if probability is not None and finding.grade is not None else "–",
        was_flagged=row.was_flagged,
        is_rejected=row.is_rejected,
        is_confirmed=row.was_flagged and row.decision is Decision.CONFIRMED,
        is_worst=is_worst,
        reason=row.reason,
        note=row.note,
        flags=_flags(row),
        css=_css(row),
        caption=_caption(row, heights),
    )


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.0f} %"


def _why_not(row: Row) -> str:
    unsuitable = row.finding.unsuitable
    return _WHY_NOT.get(unsuitable.reason, unsuitable.detail) if unsuitable else "Not measured"


def _flags(row: Row) -> tuple[str, ...]:
    moved = row.level is not row.finding.vertebra.level.level
    was = (f"was {row.finding.vertebra.level.level}",) if moved else ()
    ungraded = ("not graded",) if row.grade is None and millimetres(row.finding.vertebra) else ()
    return (
        was
        + ungraded
        + tuple(
            _FLAG_WORDS.get(flag, flag.replace("-", " "))
            for flag in row.finding.vertebra.flags
            if flag != LEVEL_UNCERTAIN
        )
    )


def _lowest(heights: Heights) -> str:
    sides = {"a": heights.anterior, "m": heights.middle, "p": heights.posterior}
    return min(sides, key=lambda side: sides[side])


def _css(row: Row) -> str:
    if row.is_rejected:
        return "rejected"
    if row.is_undecided:
        return f"undecided is-{row.grade}"
    return f"fracture is-{row.grade}" if row.is_fracture else "quiet"


def _caption(row: Row, heights: Heights | None) -> str:
    said = "rejected" if row.is_rejected else "not graded" if row.grade is None else f"grade {row.grade}"
    if heights is None:
        return f"{row.level_words} · {said}"
    return (
        f"{row.level_words} · {said} · a {heights.anterior:.1f}  m {heights.middle:.1f}  p {heights.posterior:.1f} mm"
    )
