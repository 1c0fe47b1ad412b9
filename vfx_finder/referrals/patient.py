"""One patient's page: what was found, where they stand, what may come next, what happened so far."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.utils import timezone

from vfx_finder.domain.age import parse_date
from vfx_finder.domain.finding import millimetres
from vfx_finder.domain.flow import REFERRAL_TRANSITIONS, ReferralState
from vfx_finder.domain.guidance import GRADE_WORDS
from vfx_finder.domain.referral import CloseReason, Hold, NotForFlsReason
from vfx_finder.domain.review import VertebraDecision
from vfx_finder.domain.seen import seen
from vfx_finder.domain.spine import Level
from vfx_finder.domain.told import doubts
from vfx_finder.figures.clock import Clock, clock
from vfx_finder.figures.density import ShownDensity, shown_density
from vfx_finder.figures.people import Person, patient_of, person_aged, plain_date, written_date, written_name
from vfx_finder.figures.sagittal import Figure, Mark, figure
from vfx_finder.figures.since import ShownComparison, since
from vfx_finder.figures.story import Line, story
from vfx_finder.ledger.documents import decisions_of
from vfx_finder.ledger.models import AuditEvent, ReferralNote
from vfx_finder.ledger.queries import ReferralFile
from vfx_finder.referrals import wording
from vfx_finder.referrals.queue import BEFORE_ASSESSMENT, Due, next_due

_ROWS_OF_TEXT = 42
"""The picture is smaller here than on the radiologist's page, so its letters are larger."""


@dataclass(frozen=True)
class Step:
    """One station of the pathway; `css` is done, now or to-come."""

    label: str
    css: str
    when: str


@dataclass(frozen=True)
class Choice:
    """A permitted next move; `reasons` are code and label where it is an end."""

    value: str
    label: str
    reasons: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Fracture:
    """One signed fracture."""

    level: Level
    grade: int
    words: str
    change: str = ""


@dataclass(frozen=True)
class PatientPage:
    """Everything that the patient page shows."""

    id: int
    patient: Person
    born: str
    tier: str
    sdi: int
    state: str
    is_open: bool
    clock: Clock | None
    diagnosed: str
    due: Due | None
    hold: str
    pathway: tuple[Step, ...]
    onward: tuple[Choice, ...]
    ends: tuple[Choice, ...]
    ended_reason: str
    ended_detail: str
    figure: Figure | None
    fractures: tuple[Fracture, ...]
    density: ShownDensity | None
    since: ShownComparison | None
    signed_by: str
    signed_at: datetime
    study: str
    study_date: str
    asked_by: str
    notes: tuple[ReferralNote, ...]
    story: tuple[Line, ...]
    others: tuple[Choice, ...]


def page_of(file: ReferralFile, today: date) -> PatientPage:
    """The page of one referral."""
    referral, case, state = file.referral, file.study.case, ReferralState(file.referral.state)
    is_open = bool(REFERRAL_TRANSITIONS[state])
    decided = decisions_of(referral.review.document)
    later = seen(file.study.analysis.findings, decided) if file.study.analysis else ()
    earlier = since(file.study, later)
    changes = {one.level: said.words for one, said in zip(later, earlier.changes, strict=True)} if earlier else {}
    return PatientPage(
        id=referral.pk,
        patient=person_aged(patient_of(referral), referral.age),
        born=_born(referral.PatientBirthDate),
        tier=referral.tier,
        sdi=referral.spinal_deformity_index,
        state=wording.STATE[state],
        is_open=is_open,
        clock=clock(file.days_left) if state in BEFORE_ASSESSMENT else None,
        diagnosed=plain_date(referral.diagnosed_on),
        due=next_due(state, referral.diagnosed_on, today),
        hold=Hold(referral.hold).label if referral.hold else "",
        pathway=_pathway(state, _reached(file.events), referral.opened_at),
        onward=() if referral.hold else tuple(Choice(to, wording.STEP[to]) for to in wording.onward(state)),
        ends=tuple(Choice(end, wording.STEP[end], wording.reasons(end)) for end in wording.ends(state)),
        ended_reason=_end_label(state, referral.ended_reason),
        ended_detail=referral.ended_detail,
        figure=_figure(file, decided),
        fractures=tuple(
            replace(one, change=changes.get(one.level, ""))
            for one in _fractures(referral.grades, decided, _doubts(file, decided))
        ),
        density=_density(file, decided),
        since=earlier,
        signed_by=referral.review.signed_name,
        signed_at=referral.review.signed_at,
        study=case.StudyDescription or f"{case.Modality} study",
        study_date=written_date(case.StudyDate),
        asked_by=written_name(case.ReferringPhysicianName),
        notes=tuple(reversed(file.notes)),
        story=story(_whole_story(file)),
        others=tuple(Choice(str(other.pk), _other_words(other.state, other.diagnosed_on)) for other in file.others),
    )


def _born(DA: str) -> str:
    day = parse_date(DA)
    return plain_date(day) if day else ""


def _other_words(state: str, diagnosed: date) -> str:
    return f"{wording.STATE[ReferralState(state)]}, diagnosed {plain_date(diagnosed)}"


def _reached(events: tuple[AuditEvent, ...]) -> Mapping[str, datetime]:
    return {event.detail["is"]: event.at for event in events if event.verb == "moved"}


def _whole_story(file: ReferralFile) -> list[AuditEvent]:
    """From the first image of the study, with what other studies added to this referral."""
    told = {event.pk: event for event in (*file.study.events, *file.events)}
    return sorted(told.values(), key=lambda event: (event.at, event.pk))


def _pathway(here: ReferralState, reached: Mapping[str, datetime], opened_at: datetime) -> tuple[Step, ...]:
    stations = list(wording.PATHWAY)
    if here is ReferralState.NOT_FOR_FLS:
        stations = [ReferralState.NEW, ReferralState.NOT_FOR_FLS]
    times = {ReferralState.NEW.value: opened_at} | dict(reached)
    return tuple(
        Step(wording.STATE[one], _css(one, here, times), _day(times[one]) if one in times else "") for one in stations
    )


def _day(moment: datetime) -> str:
    return plain_date(timezone.localtime(moment).date())


def _css(one: ReferralState, here: ReferralState, times: Mapping[str, datetime]) -> str:
    if one is here:
        return "now"
    return "done" if one in times else "to-come"


def _end_label(state: ReferralState, code: str) -> str:
    if not code:
        return ""
    return CloseReason(code).label if state is ReferralState.CLOSED else NotForFlsReason(code).label


def _fractures(
    grades: Mapping[str, int], decided: tuple[VertebraDecision, ...], doubts: Mapping[Level, str]
) -> tuple[Fracture, ...]:
    shapes = {decision.level: decision.deformity for decision in decided if decision.is_fracture}
    order = list(Level)
    found = sorted(((Level(name), grade) for name, grade in grades.items()), key=lambda item: order.index(item[0]))
    return tuple(
        Fracture(level, grade, ", ".join(filter(None, (GRADE_WORDS[grade], shapes.get(level), doubts.get(level)))))
        for level, grade in found
    )


def _doubts(file: ReferralFile, decided: tuple[VertebraDecision, ...]) -> dict[Level, str]:
    """The alternatives of each signed fracture whose level was not sure and was left as the software had it."""
    if file.study.analysis is None:
        return {}
    return {level: f"level not certain: {words}" for level, words in doubts(file.study.analysis, decided).items()}


def _density(file: ReferralFile, decided: tuple[VertebraDecision, ...]) -> ShownDensity | None:
    fractured = {decision.original_level for decision in decided if decision.is_fracture}
    measured = file.study.analysis.bone_density if file.study.analysis else None
    return shown_density(measured, fractured, {one.original_level: one.level for one in decided})


def _figure(file: ReferralFile, decided: tuple[VertebraDecision, ...]) -> Figure | None:
    """The picture that the radiologist signed, with the levels and grades as signed."""
    analysis = file.study.analysis
    if analysis is None or analysis.picture is None:
        return None
    said = {decision.original_level: decision for decision in decided}
    marks = []
    for index, finding in enumerate(analysis.findings):
        vertebra, decision = finding.vertebra, said.get(finding.vertebra.level.level)
        level = decision.level if decision else vertebra.level.level
        grade = None if finding.grade is None else 0
        if decision:
            grade = decision.grade if decision.is_fracture else 0
        marks.append(Mark(index, level, grade, vertebra.drawing, millimetres(vertebra)))
    return figure(analysis.picture.width, analysis.picture.height, marks, _ROWS_OF_TEXT)
