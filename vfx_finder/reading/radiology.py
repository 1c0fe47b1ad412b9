"""The radiology department's own report beside the findings: what it says, and whether it mentions a fracture."""

from dataclasses import dataclass

from django.utils import timezone

from vfx_finder.domain.mention import Mention, Verdict, mentions_vertebral_fracture
from vfx_finder.figures.people import died_words, plain_date
from vfx_finder.ledger.hospital import death_of, reports_of
from vfx_finder.ledger.models import Case, RadiologyReport

_STATUS = {
    "P": "preliminary",
    "R": "not yet verified",
    "I": "not complete",
    "F": "final",
    "C": "corrected",
    "X": "withdrawn",
    "D": "withdrawn",
}
"""OBR-25 in words (HL7 table 0123)."""
_WITHDRAWN = "withdrawn"

_VERDICTS = {
    Verdict.YES: "mentions a vertebral fracture",
    Verdict.NO: "mentions no vertebral fracture",
    Verdict.UNSURE: "may mention a vertebral fracture: read it",
}


@dataclass(frozen=True)
class ShownReport:
    """One report: when and how final, its text, and what the rules found in it, with the sentences quoted."""

    when: str
    status: str
    text: str
    verdict: str
    quoted: tuple[str, ...]


@dataclass(frozen=True)
class Radiology:
    """What the hospital told of this study and its patient. `newest` None where no report has come."""

    newest: ShownReport | None
    older: tuple[ShownReport, ...]
    died: str


def radiology_of(case: Case) -> Radiology:
    """Every report of a study, and whether its patient is reported dead."""
    newest, *older = [_shown(report) for report in reports_of(case)] or [None]
    return Radiology(newest, tuple(one for one in older if one), died_words(death_of(*_number(case))))


def _number(case: Case) -> tuple[str, str]:
    return case.PatientID, case.IssuerOfPatientID


def _shown(report: RadiologyReport) -> ShownReport:
    status = _STATUS.get(report.status, "status not stated")
    said = mentions_vertebral_fracture(report.text) if status != _WITHDRAWN else Mention(Verdict.UNSURE)
    return ShownReport(
        when=plain_date(timezone.localtime(report.reported_at or report.received_at).date()),
        status=status,
        text=report.text,
        verdict=_VERDICTS[said.verdict] if status != _WITHDRAWN else "was withdrawn",
        quoted=said.sentences,
    )
