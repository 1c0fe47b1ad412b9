"""Found, identified and measured: how well bodies are located, named and gauged."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.evaluation.rows import BodyRow, StudyRow, bodies_of, patients_of
from pipelines.evaluation.statistics import Estimate, mean_by_subject, share_by_subject

NEAR_MM = 5.0
WITHIN_ONE = 1.0

WITH_ANCHOR, WITHOUT_ANCHOR, NOT_STATED = "an anchor in view", "no anchor in view", "anchors not stated"


@dataclass(frozen=True)
class LocationScore:
    """Bodies of a group of studies. Shares are of all bodies in view, so that a missed one counts against each; those
    `_of_found` are of the bodies found. Ratios leave out bodies that the border cuts."""

    studies: int
    patients: int
    bodies: int
    identification_rate: Estimate
    localisation_mm: Estimate
    level_within_one: Estimate
    level_right_of_found: Estimate
    level_within_one_of_found: Estimate
    found: Estimate
    within_5_mm: Estimate
    false_in_span: int
    false_in_span_per_study: Estimate
    beyond_span: int
    centre_error_median_mm: float | None
    ratio_error: Estimate
    ratio_bias: Estimate
    ratio_error_p90: float | None
    height_error_mm: Estimate
    height_bias_mm: Estimate
    whole_found_not_measured: int


def location(studies: Sequence[StudyRow]) -> LocationScore:
    """The score of these studies, with intervals by patient; a study that was not analysed misses every body."""
    rows = bodies_of(studies)
    found = [row for row in rows if row.said]
    errors = [row for row in found if row.ratio_error is not None]
    strays = Counter(stray.in_span for study in studies for stray in study.strays)
    return LocationScore(
        studies=len(studies),
        patients=len(set(patients_of(studies))),
        bodies=len(rows),
        identification_rate=_share(rows, [row.identified for row in rows]),
        localisation_mm=_mean([(row, row.label_mm) for row in rows]),
        level_within_one=_share(rows, [_is_within_one(row) for row in rows]),
        level_right_of_found=_share(found, [row.levels_off == 0 for row in found]),
        level_within_one_of_found=_share(found, [_is_within_one(row) for row in found]),
        found=_share(rows, [row.said is not None for row in rows]),
        within_5_mm=_share(rows, [row.centre_mm is not None and row.centre_mm <= NEAR_MM for row in rows]),
        false_in_span=strays[True],
        false_in_span_per_study=_false_per_study(studies),
        beyond_span=strays[False],
        centre_error_median_mm=_quantile([row.centre_mm for row in found], 0.5),
        ratio_error=_mean([(row, abs(row.ratio_error or 0.0)) for row in errors]),
        ratio_bias=_mean([(row, row.ratio_error) for row in errors]),
        ratio_error_p90=_quantile([abs(row.ratio_error or 0.0) for row in errors], 0.9),
        height_error_mm=_mean([(row, abs(off)) for row in errors for off in _heights_off(row)]),
        height_bias_mm=_mean([(row, off) for row in errors for off in _heights_off(row)]),
        whole_found_not_measured=sum(not row.true.cut and row.said.ratio is None for row in found if row.said),
    )


def by_anchor(studies: Sequence[StudyRow]) -> dict[str, LocationScore]:
    """The score apart for studies with and without an anchor (sacrum, C2) in view, and where that is not stated."""
    groups: dict[str, list[StudyRow]] = {}
    for study in studies:
        groups.setdefault(_anchor_group(study), []).append(study)
    return {name: location(groups[name]) for name in (WITH_ANCHOR, WITHOUT_ANCHOR, NOT_STATED) if name in groups}


def _anchor_group(study: StudyRow) -> str:
    if study.about.anchors is None:
        return NOT_STATED
    return WITH_ANCHOR if study.about.anchors else WITHOUT_ANCHOR


def _is_within_one(row: BodyRow) -> bool:
    return row.levels_off is not None and row.levels_off <= WITHIN_ONE


def _heights_off(row: BodyRow) -> list[float]:
    said, true = row.said, row.true.heights_mm
    if said is None or said.heights_mm is None or true is None:
        return []
    return [one - other for one, other in zip(said.heights_mm, true, strict=True)]


def _share(rows: Sequence[BodyRow], hits: Sequence[bool]) -> Estimate:
    return share_by_subject(np.array(hits, bool), np.ones(len(rows), bool), patients_of(rows))


def _mean(told: Sequence[tuple[BodyRow, float | None]]) -> Estimate:
    known = [(row, value) for row, value in told if value is not None]
    return mean_by_subject(np.array([value for _, value in known], float), patients_of([row for row, _ in known]))


def _false_per_study(studies: Sequence[StudyRow]) -> Estimate:
    counts = [sum(stray.in_span for stray in study.strays) for study in studies]
    return mean_by_subject(np.array(counts, float), patients_of(studies))


def _quantile(values: Sequence[float | None], share: float) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.quantile(known, share)) if known else None
