"""The lines of the radiologist's two lists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from vfx_finder.domain.certainty import percent
from vfx_finder.domain.referral import Route
from vfx_finder.domain.spine import Level
from vfx_finder.figures.people import Person, patient_of, person_aged, written_date
from vfx_finder.figures.strip import Strip, in_words, strip
from vfx_finder.ledger.documents import decisions_of
from vfx_finder.ledger.models import Case, SignedReview

_HOURS_SHOWN_UNTIL = 48


@dataclass(frozen=True)
class WaitingRow:
    """One study that waits to be read."""

    id: int
    patient: Person
    conflict: bool
    study: str
    study_date: str
    max_grade: int
    found: str
    strip: Strip
    probability: str
    waiting: str
    is_film: bool = False


@dataclass(frozen=True)
class SignedRow:
    """One study that has been signed."""

    id: int
    patient: Person
    study: str
    study_date: str
    signed_at: datetime
    signed_name: str
    found: str
    strip: Strip
    went_to: str


@dataclass(frozen=True)
class Found:
    """What is known of a study: `grades` are those of every graded level, fractured or not; `told` is how a level is
    told that is not sure; `age` is the patient's on its day by what is known now."""

    age: int | None
    grades: Mapping[Level, int] = field(default_factory=dict)
    told: Mapping[Level, str] = field(default_factory=dict)


def waiting_row(case: Case, known: Found, now: datetime) -> WaitingRow:
    """The line of one study on the worklist."""
    probability = case.probability_grade2plus
    return WaitingRow(
        id=case.pk,
        patient=person_aged(patient_of(case), known.age),
        conflict=case.patient_conflict,
        study=study_name(case),
        study_date=written_date(case.StudyDate),
        max_grade=case.max_grade or 0,
        found=in_words(known.grades, known.told),
        strip=strip(known.grades, seen=known.grades.keys()),
        probability=percent(probability) if probability is not None else "–",
        waiting=elapsed(now - (case.finished_at or now)),
    )


def film_row(case: Case, suspected: Sequence[str], age: int | None, now: datetime) -> WaitingRow:
    """A radiograph that waits to be read: levels that call for a look, neither grade nor probability."""
    row = waiting_row(case, Found(age), now)
    found = f"On a radiograph, not graded: {', '.join(suspected)}"
    return replace(row, found=found, probability="–", is_film=True)


def signed_row(review: SignedReview, age: int | None) -> SignedRow:
    """A signed study with what was confirmed."""
    case = review.case
    grades = {Level(name): grade for name, grade in review.grades.items()}
    return SignedRow(
        id=case.pk,
        patient=person_aged(patient_of(case), age),
        study=study_name(case),
        study_date=written_date(case.StudyDate),
        signed_at=review.signed_at,
        signed_name=review.signed_name,
        found=in_words(grades),
        strip=strip(grades, {decision.level for decision in decisions_of(review.document)}),
        went_to=Route(review.route).label,
    )


def study_name(case: Case) -> str:
    """What the study is called: its description as sent, else its modality."""
    return case.StudyDescription or f"{case.Modality or 'Imaging'} study"


def elapsed(time: timedelta) -> str:
    """A waiting time in its largest fitting unit: "5 min", "7 h", "3 days"."""
    minutes = max(0, int(time.total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h" if hours < _HOURS_SHOWN_UNTIL else f"{hours // 24} days"
