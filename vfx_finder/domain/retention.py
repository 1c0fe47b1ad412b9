"""How long images are kept, and what keeps those of a study beyond that. What was found in them is kept for good."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


@dataclass(frozen=True)
class Rule:
    """Images are kept for this many days (at least 1) after the last of their study came.

    `also_committed`: a person wants those removed too for which we have taken responsibility (storage commitment).
    Raises `ValueError` for fewer days.
    """

    days: int
    also_committed: bool = False

    def __post_init__(self) -> None:
        if self.days < 1:
            raise ValueError("Images are kept for a day at least.")

    def before(self, now: datetime) -> datetime:
        """Studies whose last image came before this moment are old enough."""
        return now - timedelta(days=self.days)


SEND_AGAIN = "The images of this study were removed after their time: send it again from PACS first."
"""To whoever asks for what needs them."""


class Stays(StrEnum):
    """Why a study that is old enough keeps its images."""

    NOT_FINISHED = "not-finished"
    NOT_SEEN = "not-seen-to"
    LATE_IMAGES = "late-images"
    OTHER_CONTENT = "other-content"
    JOB = "analysis-waits"
    DELIVERY = "result-not-delivered"
    ASKED_FOR = "asked-for-from-an-archive"
    BEING_READ = "patient-being-read"
    COMMITTED = "responsibility-taken"

    @property
    def words(self) -> str:
        """For an operator."""
        return _WORDS[self]


_WORDS: dict[Stays, str] = {
    Stays.NOT_FINISHED: "It is not finished: it still arrives, waits for its analysis, or for a radiologist.",
    Stays.NOT_SEEN: "It was not analysed, and nobody has seen to that (To do).",
    Stays.LATE_IMAGES: "Images came after signing, and nobody has seen to them (To do).",
    Stays.OTHER_CONTENT: "Images came again with other content, and nobody has seen to that (To do).",
    Stays.JOB: "An analysis of it waits or runs.",
    Stays.DELIVERY: "A result of it is on its way, or was given up and can be sent again (To do, Dead letters).",
    Stays.ASKED_FOR: "It is being asked for from an archive.",
    Stays.BEING_READ: "Another study of the same patient is not read yet; this one may be its prior.",
    Stays.COMMITTED: "A system was told by storage commitment that we keep it, and may have no other copy.",
}
