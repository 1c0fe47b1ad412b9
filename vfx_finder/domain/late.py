"""Images that come after a review was signed: the signed reading stays, and a person says what they mean."""

from dataclasses import dataclass
from enum import StrEnum

LONGEST_REMARK = 200


class LateAnswer(StrEnum):
    """What a person decided about images that came after the signature."""

    NOTHING_NEW = "no-new-reading-needed"
    READ_ELSEWHERE = "read-again-in-pacs"

    @property
    def words(self) -> str:
        """As it stands in the story of the study."""
        return _WORDS[self]


_WORDS: dict[LateAnswer, str] = {
    LateAnswer.NOTHING_NEW: "no new reading needed",
    LateAnswer.READ_ELSEWHERE: "read again in PACS",
}


class WhyNothing(StrEnum):
    """Why late images need no new reading."""

    SAME_AGAIN = "same-images-again"
    REBUILT = "another-reconstruction"
    OTHER_PART = "no-spine-in-them"
    NO_IMAGES = "nothing-to-read"
    OTHER = "other"

    @property
    def words(self) -> str:
        """As a person chooses it, and as it stands in the story."""
        return _WHY[self]


_WHY: dict[WhyNothing, str] = {
    WhyNothing.SAME_AGAIN: "the same images, sent again or recoded",
    WhyNothing.REBUILT: "another reconstruction of what was read",
    WhyNothing.OTHER_PART: "no spine in them",
    WhyNothing.NO_IMAGES: "a report, dose sheet or key image: nothing to read",
    WhyNothing.OTHER: "another reason",
}


@dataclass(frozen=True)
class LateWord:
    """What a person said of late images: the answer, why no new reading is needed, and a remark of their own.

    Raises `ValueError`, with words for the person, without a reason where one is asked for, or a remark that is
    needed or too long.
    """

    answer: LateAnswer
    why: WhyNothing | None = None
    remark: str = ""

    def __post_init__(self) -> None:
        if self.answer is LateAnswer.NOTHING_NEW and self.why is None:
            raise ValueError("Say why no new reading is needed: choose a reason.")
        if self.why is WhyNothing.OTHER and not self.remark.strip():
            raise ValueError("Say in words why no new reading is needed.")
        if len(self.remark) > LONGEST_REMARK:
            raise ValueError(f"A remark has {LONGEST_REMARK} characters at most.")


class LateKind(StrEnum):
    """What came of an image that was not there when the study was read."""

    NEW_SERIES = "new series"
    LATE = "late"
    CHANGED = "changed"
