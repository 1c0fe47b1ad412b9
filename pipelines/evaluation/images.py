"""A CT with an expert mask: which bodies were found, where, under which name, and how well they were measured."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from pipelines.evaluation.cases import Case
from pipelines.steps.mask_sections import MaskMeasure, measure_label_mask
from vfx_finder.domain.finding import Analysis, Finding
from vfx_finder.domain.spine import Level, Point3

Analyser = Callable[[Sequence[Path]], Analysis]

FOUND_WITHIN_MM = 10.0
"""A body counts as found when a finding's centre is this near its own (VerSe 2020 allows 20 mm; half a body's height
keeps a disc or the neighbour from counting)."""
SPAN_MARGIN_MM = 12.0
"""The labelled span reaches half a body's height beyond its first and last centre."""


@dataclass(frozen=True)
class BodyResult:
    """One expert body and what the analysis said of it. `ratio` is lowest over highest height; None where unknown.

    `cut`: the border of the image cuts the expert's body; it counts for finding, not for the error of its ratio.
    """

    level: Level
    cut: bool
    found: bool
    centre_error_mm: float | None
    said_level: Level | None
    expert_ratio: float | None
    ratio: float | None
    true_grade: int | None
    grade: int | None
    why_not_graded: str | None

    @property
    def ratio_error(self) -> float | None:
        """Measured less expert ratio; None where either is missing or the body is cut."""
        if self.cut or self.ratio is None or self.expert_ratio is None:
            return None
        return self.ratio - self.expert_ratio


@dataclass(frozen=True)
class ImageResult:
    """One CT. `false_in_span` counts findings inside the labelled span that are none of its bodies; `beyond_span`
    those above or below it, of which the mask says nothing."""

    subject: str
    bodies: tuple[BodyResult, ...]
    false_in_span: int
    beyond_span: int
    seconds: float
    not_analysed: str | None


def evaluate_image(case: Case, analyse: Analyser) -> ImageResult:
    """Analyse the CT of a case and hold the answer against its expert mask."""
    if case.ct is None:
        raise ValueError("This case has no CT.")
    expert = measure_label_mask(case.mask)
    started = perf_counter()
    analysis = analyse([case.ct])
    seconds = perf_counter() - started
    pairs = _pairs(expert, analysis.findings)
    unmatched = [finding for at, finding in enumerate(analysis.findings) if at not in pairs.values()]
    inside = sum(_in_span(finding.vertebra.centre_mm, expert) for finding in unmatched)
    return ImageResult(
        subject=case.subject,
        bodies=tuple(
            _result(level, body, _at(analysis.findings, pairs.get(level)), case.grades.get(level))
            for level, body in expert.items()
        ),
        false_in_span=inside,
        beyond_span=len(unmatched) - inside,
        seconds=seconds,
        not_analysed=None if analysis.unsuitable is None else analysis.unsuitable.reason.value,
    )


def _at(findings: Sequence[Finding], at: int | None) -> Finding | None:
    return None if at is None else findings[at]


def _pairs(expert: Mapping[Level, MaskMeasure], findings: Sequence[Finding]) -> dict[Level, int]:
    """Which finding is which expert body: nearest pairs first, each used once."""
    near = sorted(
        (_distance(body.centre_mm, finding.vertebra.centre_mm), level, at)
        for level, body in expert.items()
        for at, finding in enumerate(findings)
    )
    pairs: dict[Level, int] = {}
    for distance, level, at in near:
        if distance <= FOUND_WITHIN_MM and level not in pairs and at not in pairs.values():
            pairs[level] = at
    return pairs


def _distance(one: Point3, other: Point3) -> float:
    return float(np.linalg.norm(np.subtract(one, other)))


def _in_span(centre: Point3, expert: Mapping[Level, MaskMeasure]) -> bool:
    heights = [body.centre_mm[2] for body in expert.values()]
    return min(heights) - SPAN_MARGIN_MM <= centre[2] <= max(heights) + SPAN_MARGIN_MM


def _result(level: Level, body: MaskMeasure, finding: Finding | None, true_grade: int | None) -> BodyResult:
    heights = finding.vertebra.heights if finding else None
    return BodyResult(
        level=level,
        cut=body.cut,
        found=finding is not None,
        centre_error_mm=_distance(body.centre_mm, finding.vertebra.centre_mm) if finding else None,
        said_level=finding.vertebra.level.level if finding else None,
        expert_ratio=body.body.heights.min_max if body.body else None,
        ratio=heights.min_max if heights else None,
        true_grade=true_grade,
        grade=finding.grade if finding else None,
        why_not_graded=finding.unsuitable.reason.value if finding and finding.unsuitable else None,
    )
