"""What a report must say, what it must not, and what this software may be used for."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vfx_finder.domain.finding import Deformity
from vfx_finder.domain.referral import REFERRED_FROM_GRADE, Eligibility, Route, route
from vfx_finder.domain.review import ConfirmedFracture, ReviewOutcome
from vfx_finder.domain.spine import HEAD_TO_FOOT, Level

RESEARCH_ONLY = "Research software: not validated, not a medical device, not for clinical use."
"""Stands on every page, in README and in every report draft until the software is validated."""

INTENDED_USE = (
    "Software that analyses completed CT studies of adults aged 50 and over that include the spine and were obtained "
    "for other reasons (lateral spine X-rays: research only), and flags studies with findings suggestive of at least "
    "one moderate or severe vertebral fracture to a radiologist, in parallel to standard reporting. Not for diagnosis; "
    "does not exclude fracture; does not remove or reorder urgent work. Every flag must be confirmed by a radiologist "
    "before a patient is referred to a Fracture Liaison Service."
)
"""Own words, on the pattern of FDA K192901 (2020) and K240612 (2024) and NICE HTE34 (2025)."""

MUST_SAY = "vertebral fracture"
"""The words that a report uses (RCR AuditLive standard 3, target 100 %)."""

GRADE_WORDS: dict[int, str] = {1: "mild", 2: "moderate", 3: "severe"}
"""Semiquantitative grade in words (Genant 1993)."""

_AMBIGUOUS = re.compile(
    r"\b(wedg\w*|compress\w*|collaps\w*|deform\w*|biconcav\w*|sag(?:s|ged|ging)?\b|(?:loss of(?: \w+)?|reduced) height|"
    r"height (?:loss|reduction))",
    re.IGNORECASE,
)
"""Words that audits of reports count as ambiguous when they stand in place of "fracture" (Irish and Kerry audits);
deformity and biconcavity by analogy."""

_FRACTURE = re.compile(r"\bfractur\w*\b(?! liaison)", re.IGNORECASE)
_NEGATED = re.compile(r"\b(?:no|not|without)\b(?: \w+){0,3}? (?:vertebral )?fractur\w*\b(?! liaison)", re.IGNORECASE)
_LEVEL = re.compile(r"\b(" + "|".join(sorted(HEAD_TO_FOOT, key=len, reverse=True)) + r")\b")
_GRADE = re.compile(r"\b(?:genant\b.{0,20}?\bgrade|grade)\s*[1-3]\b", re.IGNORECASE)
_RECOMMENDS = re.compile(r"\brecommend\w*|\brefer(?:ral|red)?\b", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")


@dataclass(frozen=True)
class WordingProblem:
    """One thing a report says or fails to say. `words` is the offending text, empty where something is missing."""

    code: str
    label: str
    words: str = ""


def report_text(
    outcome: ReviewOutcome,
    eligible: Eligibility,
    doubts: Mapping[Level, str] | None = None,
    *,
    is_film: bool = False,
) -> str:
    """A draft for the radiologist's report: what was confirmed, where, how severe, and what to do about it.

    Follows what RCR and ROS ask of a report (RCR BFCR(21)5 2021, AuditLive): the bones are commented on, the words
    "vertebral fracture", number, level, Genant grade, and a recommendation. It always passes `check_wording`. `doubts`
    holds, for a level that is not certain, how it is told ("L1, or T12 (31 %)"). Of a radiograph it says so.
    """
    film = [_FILM] if is_film else []
    if not outcome.fractures:
        return "\n".join([*film, _nothing_confirmed(outcome)])
    found = [_line(fracture, (doubts or {}).get(fracture.level, "")) for fracture in outcome.fractures]
    lines = [*film, _headline(outcome), *found, _advice(outcome, eligible)]
    return "\n".join([*lines, RESEARCH_ONLY])


_FILM = "Read on a radiograph (X-ray): a projection, without grades by software."


def cement_words(levels: Sequence[str]) -> str:
    """That vertebrae hold cement, in a sentence; empty where none does.

    Cement tells of a fracture that was treated, or of a lesion; a body filled with it cannot be graded by its heights.
    A previous vertebral fracture calls for assessment whenever it happened (NICE NG259 1.4.1 and 1.7.3, 2026).
    """
    if not levels:
        return ""
    return f"Cement in {', '.join(levels)}, as after a treated fracture: not graded."


CEMENT_ADVICE = (
    "Software lists no study for cement alone and cannot know whether it was put in for an osteoporotic fracture. If "
    "it was, give the vertebra a grade to sign it as a fracture, or name it in the report."
)
"""What stands beside `cement_words` where a radiologist reads."""

PROBABILITY_WORDS = (
    "The patient's P(\u22652) is that of the most suspected vertebra, raised a little by further ones; it stops at "
    "99 %, because no measurement of this software supports more certainty."
)
"""How the patient's probability is made (`domain.genant.patient_probability`), wherever it is shown."""


def _nothing_confirmed(outcome: ReviewOutcome) -> str:
    lines = ["Bones: no osteoporotic vertebral fracture confirmed on review."]
    if outcome.pathological_suspected:
        lines.append(_ONCOLOGY)
    return "\n".join([*lines, RESEARCH_ONLY])


def _headline(outcome: ReviewOutcome) -> str:
    if outcome.fracture_count == 1:
        return "Bones: 1 vertebral fracture."
    return f"Bones: {outcome.fracture_count} vertebral fractures. Each vertebral fracture by level:"


def _line(fracture: ConfirmedFracture, doubt: str) -> str:
    shape = f", {_SHAPES[fracture.deformity]}" if fracture.deformity else ""
    words = f"{GRADE_WORDS[fracture.grade]} vertebral fracture, Genant grade {fracture.grade}{shape}."
    return f"{fracture.level}: {words}" + (f" Level not certain: {doubt}." if doubt else "")


_SHAPES: dict[Deformity, str] = {
    Deformity.WEDGE: "wedge-shaped fracture",
    Deformity.BICONCAVE: "biconcave fracture",
    Deformity.CRUSH: "crush fracture",
}

_ONCOLOGY = (
    "At least one vertebra looks pathological: recommend urgent further imaging and referral by the suspected-cancer "
    "route, not to the Fracture Liaison Service."
)


def _advice(outcome: ReviewOutcome, eligible: Eligibility) -> str:
    there = route(outcome, eligible)
    if there.route is Route.ONCOLOGY:
        return _ONCOLOGY
    if there.route is Route.SPECIALIST or eligible is Eligibility.TOO_YOUNG:
        return (
            "Recommend bone-health assessment with specialist advice: the patient is under 50, so this is not a "
            "Fracture Liaison Service (FLS) referral."
        )
    if outcome.max_grade < REFERRED_FROM_GRADE:
        return (
            "Recommend bone-health assessment if clinically appropriate; a mild fracture alone is not referred to the "
            "Fracture Liaison Service (FLS) automatically."
        )
    age = " Age is not recorded: please confirm that the patient is 50 or over." if there.hold else ""
    return "Recommend referral to the Fracture Liaison Service (FLS) for bone-health assessment." + age


def check_wording(text: str) -> tuple[WordingProblem, ...]:
    """What is missing or ambiguous in the wording of a report, in the order a reader would mend it.

    A report that denies a fracture needs no level, grade or recommendation. An ambiguous word is a problem only in a
    sentence that does not itself say "fracture" (audits mark it where it stands as a substitute).
    """
    problems = [] if MUST_SAY in text.lower() else [_MISSING_WORDS]
    if not _denies(text):
        problems += [missing for pattern, missing in _REQUIRED if not pattern.search(text)]
    return (*problems, *_ambiguous(text))


def _denies(text: str) -> bool:
    """Whether the text speaks of fractures only to say that there is none."""
    about = [part for part in _SENTENCE.split(text) if _FRACTURE.search(part)]
    return bool(about) and all(_NEGATED.search(part) for part in about)


def _ambiguous(text: str) -> tuple[WordingProblem, ...]:
    return tuple(
        WordingProblem("ambiguous-word", f'"{found.group()}" does not say fracture', found.group())
        for part in _SENTENCE.split(text)
        if not _FRACTURE.search(part)
        for found in _AMBIGUOUS.finditer(part)
    )


_MISSING_WORDS = WordingProblem("no-vertebral-fracture", 'The words "vertebral fracture" are missing')
_REQUIRED: tuple[tuple[re.Pattern[str], WordingProblem], ...] = (
    (_LEVEL, WordingProblem("no-level", "No vertebral level is named")),
    (_GRADE, WordingProblem("no-grade", "No Genant grade is given")),
    (_RECOMMENDS, WordingProblem("no-recommendation", "No recommendation for assessment or referral is made")),
)


@dataclass(frozen=True)
class AuditStandard:
    """One audit standard of the Royal College of Radiologists: target as a fraction, None where it is yes or no."""

    number: int
    statement: str
    target: float | None
    at_least: bool = True


AUDIT_STANDARDS: tuple[AuditStandard, ...] = (
    AuditStandard(1, "The report comments on the integrity of the bones", 1.0),
    AuditStandard(2, "Moderate and severe vertebral fractures are correctly identified in the report", 0.9, False),
    AuditStandard(3, 'The term "vertebral fracture" is used', 1.0),
    AuditStandard(4, "An appropriate recommendation for further assessment is made", 1.0),
    AuditStandard(5, "A local policy is agreed", None),
)
"""RCR AuditLive, from BFCR(21)5 (2021). Standard 2 asks for more than 90 %; the others for all."""


def meets(standard: AuditStandard, done: int, out_of: int) -> bool | None:
    """Whether `done` of `out_of` meets the standard's target; None without a target or without any case."""
    if standard.target is None or out_of == 0:
        return None
    share = done / out_of
    return share >= standard.target if standard.at_least else share > standard.target
