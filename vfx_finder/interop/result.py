"""One result as other systems are told of it: whose it is, what was found, who stands behind it."""

import base64
import hashlib
from dataclasses import dataclass
from datetime import datetime

from vfx_finder.domain.delivered import Stage
from vfx_finder.domain.finding import Analysis
from vfx_finder.domain.guidance import RESEARCH_ONLY, report_text
from vfx_finder.domain.referral import eligibility
from vfx_finder.domain.review import Review, outcome
from vfx_finder.domain.told import Told, doubts, fractures, headline, told

PRODUCT = "vfx_finder"
UNCONFIRMED = "Found by software, unconfirmed by a radiologist."
_CONTROL_ID_LENGTH = 20
"""MSH-10 in HL7 v2.5.1 (2.14.9.10)."""


@dataclass(frozen=True)
class Study:
    """Whose result it is, and of which study; header values, the patient as the hospital knows them now."""

    PatientID: str
    IssuerOfPatientID: str
    PatientName: str
    PatientBirthDate: str
    PatientSex: str
    StudyInstanceUID: str
    AccessionNumber: str
    StudyDate: str
    Modality: str
    ReferringPhysicianName: str
    age: int | None


@dataclass(frozen=True)
class Result:
    """A result at one stage. `at` is when it was said, with its time zone. `key` names this delivery, the same at every
    try; `key_of_analysis` the analysis, the same at both stages. `withdrawn` are the analyses of older images that the
    same system was told of before and that no longer stand, each with how many vertebrae it told of.
    """

    study: Study
    analysis: Analysis
    review: Review | None
    at: datetime
    key: str
    key_of_analysis: str
    withdrawn: tuple[tuple[str, int], ...] = ()

    @property
    def stage(self) -> Stage:
        """Final once it is signed."""
        return Stage.FINAL if self.review else Stage.PRELIMINARY

    @property
    def vertebrae(self) -> tuple[Told, ...]:
        """Every vertebra that has a place in the numbering, head to foot."""
        return tuple(one for one in told(self.analysis, self.review) if one.is_vertebra)

    @property
    def control_id(self) -> str:
        """The same message has the same one at every try, so that its receiver can tell a repeat."""
        digest = hashlib.sha256(self.key.encode()).digest()
        return f"VFX{base64.b32encode(digest).decode()}"[:_CONTROL_ID_LENGTH]

    @property
    def text(self) -> str:
        """The report in words: as the radiologist signed it, or what the software suspects, and that it is that."""
        if self.review is None:
            return _unsigned(self.analysis, self.vertebrae)
        signed = f"Signed by {self.review.signed_by}, {self.review.signed_at:%d %b %Y %H:%M %Z}."
        reached, eligible = outcome(self.review), eligibility(self.study.age)
        unsure = doubts(self.analysis, self.review.vertebrae)
        text = report_text(reached, eligible, unsure, is_film=self.analysis.is_film)
        return f"{text}\n{signed}"

    @property
    def software(self) -> str:
        """What made it, with the versions of its networks."""
        return " ".join([PRODUCT, *(f"{model.name} {model.version}" for model in self.analysis.models)])


def _unsigned(analysis: Analysis, vertebrae: tuple[Told, ...]) -> str:
    lines = [f"{one.name}: {one.sentence}." for one in fractures(vertebrae)]
    return "\n".join([UNCONFIRMED, headline(analysis, vertebrae), *lines, RESEARCH_ONLY])
