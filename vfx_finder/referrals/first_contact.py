"""The nurse's questions at the first contact: as a form with what was answered, and read back from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vfx_finder.domain.first_contact import Answer, Event, FirstContact, Treatment
from vfx_finder.ledger.first_contact import answers_of
from vfx_finder.ledger.models import ReferralAnswers

_CHOICES: tuple[tuple[str, str, type[Event] | type[Treatment] | type[Answer]], ...] = (
    ("event", "How did it come about?", Event),
    ("treatment", "Bone treatment", Treatment),
    ("hip_fracture", "Hip fracture ever", Answer),
    ("cancer", "Cancer, now or earlier", Answer),
    ("bone_specialist", "Under a bone specialist", Answer),
)
DOSE = "prednisolone_mg_per_day"
_DOSE_WORDS = "Prednisolone, mg a day"


@dataclass(frozen=True)
class Question:
    """One question with its choices as code and label; `chosen` is empty while it was not asked."""

    name: str
    words: str
    choices: tuple[tuple[str, str], ...]
    chosen: str
    answer: str


@dataclass(frozen=True)
class ShownContact:
    """The questions with what stands, what to think of, and who answered when."""

    questions: tuple[Question, ...]
    dose: str
    dose_words: str
    unasked: int
    heed: tuple[str, ...]
    author: str
    at: datetime | None


def shown_contact(row: ReferralAnswers | None) -> ShownContact:
    """The newest answers of a referral, or the questions alone."""
    said = answers_of(row) if row else FirstContact()
    questions = tuple(_question(name, words, kind, getattr(said, name)) for name, words, kind in _CHOICES)
    dose = said.prednisolone_mg_per_day
    return ShownContact(
        questions=questions,
        dose="" if dose is None else f"{dose:g}",
        dose_words=_DOSE_WORDS,
        unasked=sum(not one.chosen for one in questions) + (dose is None),
        heed=said.heed,
        author=row.author_name if row else "",
        at=row.written_at if row else None,
    )


def contact_from_form(form: Mapping[str, str]) -> FirstContact:
    """What the form says; a field without a choice was not asked. Raises `ValueError` for what it does not offer."""
    chosen = {name: kind(code) for name, _, kind in _CHOICES if (code := form.get(name, ""))}
    dose = form.get(DOSE, "").strip().replace(",", ".")
    return FirstContact(**chosen, prednisolone_mg_per_day=float(dose) if dose else None)  # type: ignore[arg-type]


def _question(
    name: str, words: str, kind: type[Event] | type[Treatment] | type[Answer], said: StrEnum | None
) -> Question:
    choices = tuple((one.value, one.label) for one in kind)
    return Question(name, words, choices, said.value if said else "", dict(choices).get(said.value, "") if said else "")
