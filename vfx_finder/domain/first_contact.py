"""What a nurse asks at the first contact about a fracture that was found by chance, and what the answers mean."""

from dataclasses import dataclass
from enum import StrEnum

from vfx_finder.domain.referral import Circumstances

MOST_PREDNISOLONE_MG = 200.0
"""A higher daily dose is a slip of the keyboard."""


class Event(StrEnum):
    """How the fracture came about, as far as the patient knows.

    No fall is asked for: most vertebral fractures come from lifting, bending or twisting, or by themselves, and are
    fragility fractures all the same (NICE NG259, 2026).
    """

    NOTHING = "nothing-remembered"
    LIFTING = "lifting-bending-twisting"
    LOW_FALL = "fall-from-standing-height"
    HIGH_ENERGY = "high-energy-trauma"
    NOT_KNOWN = "not-known"

    @property
    def label(self) -> str:
        """What a person reads and picks."""
        return _EVENT_LABELS[self]


_EVENT_LABELS: dict[Event, str] = {
    Event.NOTHING: "Nothing remembered: by itself",
    Event.LIFTING: "Lifting, bending or twisting",
    Event.LOW_FALL: "Fall from standing height or less",
    Event.HIGH_ENERGY: "High-energy trauma (traffic, fall from a height)",
    Event.NOT_KNOWN: "Asked, not known",
}


class Treatment(StrEnum):
    """Bone treatment beside the fracture (FLS-DB field 2.06 asks for bone-sparing therapy)."""

    NONE = "none"
    WHEN_FOUND = "when-found"
    SINCE = "started-since"
    NOT_KNOWN = "not-known"

    @property
    def label(self) -> str:
        """What a person reads and picks."""
        return _TREATMENT_LABELS[self]


_TREATMENT_LABELS: dict[Treatment, str] = {
    Treatment.NONE: "None",
    Treatment.WHEN_FOUND: "On treatment when it was found",
    Treatment.SINCE: "Started since",
    Treatment.NOT_KNOWN: "Asked, not known",
}


class Answer(StrEnum):
    """Yes, no, or asked without an answer."""

    YES = "yes"
    NO = "no"
    NOT_KNOWN = "not-known"

    @property
    def label(self) -> str:
        """What a person reads and picks."""
        return "Asked, not known" if self is Answer.NOT_KNOWN else self.value.capitalize()


@dataclass(frozen=True)
class FirstContact:
    """The answers; None where nobody has asked. `prednisolone_mg_per_day` is the systemic dose as prednisolone, 0 for
    none. `hip_fracture`: ever. `cancer`: now or earlier. `bone_specialist`: already under one.

    Raises `ValueError` for a dose that nobody takes.
    """

    event: Event | None = None
    treatment: Treatment | None = None
    prednisolone_mg_per_day: float | None = None
    hip_fracture: Answer | None = None
    cancer: Answer | None = None
    bone_specialist: Answer | None = None

    def __post_init__(self) -> None:
        dose = self.prednisolone_mg_per_day
        if dose is not None and not 0 <= dose <= MOST_PREDNISOLONE_MG:
            raise ValueError(f"A dose is between 0 and {MOST_PREDNISOLONE_MG:g} mg a day.")

    @property
    def circumstances(self) -> Circumstances:
        """What of it bears on the priority (`domain.referral.tier`); an unknown answer is like none."""
        return Circumstances(
            prednisolone_mg_per_day=self.prednisolone_mg_per_day,
            fracture_on_treatment=_known(self.treatment is Treatment.WHEN_FOUND, self.treatment),
            hip_fracture=_known(self.hip_fracture is Answer.YES, self.hip_fracture),
        )

    @property
    def heed(self) -> tuple[str, ...]:
        """What the nurse should think of; none of it moves a referral by itself."""
        said = (
            (self.event is Event.HIGH_ENERGY, _HIGH_ENERGY),
            (self.cancer is Answer.YES, _CANCER),
            (self.bone_specialist is Answer.YES, _SPECIALIST),
        )
        return tuple(words for holds, words in said if holds)


_HIGH_ENERGY = (
    "High-energy trauma: you decide whether this is still a fragility fracture. It ends nothing by itself; if the "
    "referral ends for it, that reason is offered."
)
_CANCER = (
    "Cancer: what looks like a fragility fracture can be due to malignancy (NICE NG259, 2026). See that it was thought "
    "of before treatment is decided."
)
_SPECIALIST = "Already under a bone specialist: tell that team what was found, whoever goes on with it."


def _known(holds: bool, answer: StrEnum | None) -> bool | None:
    """True or false where it was answered, None where nobody asked or nobody knew."""
    return None if answer is None or answer.value == Answer.NOT_KNOWN.value else holds
