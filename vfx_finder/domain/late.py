"""Images that come after a review was signed: the signed reading stays, and a person says what they mean."""

from enum import StrEnum


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
