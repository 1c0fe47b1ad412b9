"""What one question of `vfx-finder doctor` comes to."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How one question was answered."""

    GOOD = "good"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True)
class Answer:
    """One row of the doctor's table; `advice` says what to do about anything but a good answer."""

    question: str
    verdict: Verdict
    found: str
    advice: str = ""
