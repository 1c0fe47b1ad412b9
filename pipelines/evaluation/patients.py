"""Whole patients: who is called, who is called falsely, and who is not analysed at all."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.evaluation.rows import StudyRow, is_flagged, patients_of
from pipelines.evaluation.statistics import (
    Estimate,
    auc_by_subject,
    calibration_by_subject,
    mean_by_subject,
    share_by_subject,
)
from vfx_finder.domain.operating_point import OperatingPoint

MIMICS = "mimics"


@dataclass(frozen=True)
class PatientPoint:
    """One operating point: a patient is called when at least one vertebra is flagged. `sensitivity_of_all` counts
    patients that were not analysed as not called; `mimics_called` is the share called of those with mimics alone."""

    name: str
    threshold: float
    sensitivity: Estimate
    specificity: Estimate
    sensitivity_of_all: Estimate
    false_flags: Estimate
    mimics_called: Estimate


@dataclass(frozen=True)
class PatientScore:
    """Each study counts once; intervals resample patients. `auc` ranks by the most suspected vertebra.
    `calibration_error` is that of the patient's own probability (None where only T4 to L4 count)."""

    studies: int
    patients: int
    positive: int
    auc: Estimate
    calibration_error: Estimate | None
    points: tuple[PatientPoint, ...]


@dataclass(frozen=True)
class Analysed:
    """Which studies were analysed: with a spine in view, by reason where not; and those without a spine, which should
    not be."""

    with_spine: int
    not_analysed: Estimate
    reasons: Mapping[str, int]
    without_spine: int
    without_spine_not_analysed: Estimate
    without_spine_bodies: int


@dataclass(frozen=True)
class Spent:
    """Seconds of one analysis, reading included, and the highest memory of a process (MB)."""

    images: int
    seconds_median: float
    seconds_p90: float
    seconds_most: float
    peak_mb: float


def patients(studies: Sequence[StudyRow], points: Sequence[OperatingPoint], core: bool) -> PatientScore:
    """The score of all studies with a spine and known grades; `core` counts T4 to L4 alone."""
    known = [study for study in studies if study.has_spine and study.knows_grades]
    analysed = [study for study in known if study.record.not_analysed is None]
    truth = np.array([study.is_positive(core) for study in analysed], bool)
    most = [max((said.probability or 0.0 for said, _ in study.counted(core)), default=0.0) for study in analysed]
    return PatientScore(
        studies=len(known),
        patients=len(set(patients_of(known))),
        positive=sum(study.is_positive(core) for study in known),
        auc=auc_by_subject(np.array(most, float), truth, patients_of(analysed)),
        calibration_error=None if core else _calibration(analysed),
        points=tuple(_at(point, known, core) for point in points),
    )


def analysed(studies: Sequence[StudyRow]) -> Analysed:
    """The share that was not analysed, and why."""
    spines, others = [s for s in studies if s.has_spine], [s for s in studies if not s.has_spine]
    return Analysed(
        with_spine=len(spines),
        not_analysed=_refused(spines),
        reasons=dict(Counter(s.record.not_analysed for s in spines if s.record.not_analysed).most_common()),
        without_spine=len(others),
        without_spine_not_analysed=_refused(others),
        without_spine_bodies=sum(len(study.record.said) for study in others),
    )


def spent(studies: Sequence[StudyRow]) -> Spent:
    """Time and memory over all images."""
    seconds = [study.record.seconds for study in studies]
    return Spent(
        images=len(studies),
        seconds_median=float(np.median(seconds)),
        seconds_p90=float(np.quantile(seconds, 0.9)),
        seconds_most=max(seconds),
        peak_mb=max(study.record.peak_mb for study in studies),
    )


def is_called(study: StudyRow, point: OperatingPoint, core: bool) -> bool:
    """Whether at least one vertebra of this study is flagged."""
    return any(is_flagged(said, point) for said, _ in study.counted(core))


def false_flags(study: StudyRow, point: OperatingPoint, core: bool) -> int:
    """How many flagged findings are no vertebra of grade 2 or 3."""
    return sum(is_flagged(said, point) and not positive for said, positive in study.counted(core))


def _at(point: OperatingPoint, known: Sequence[StudyRow], core: bool) -> PatientPoint:
    seen = [study for study in known if study.record.not_analysed is None]
    called = [is_called(study, point, core) for study in seen]
    positive = [study.is_positive(core) for study in seen]
    mimics = [study.about.contents == MIMICS for study in seen]
    return PatientPoint(
        name=point.name,
        threshold=point.threshold,
        sensitivity=_share(called, positive, seen),
        specificity=_share([not one for one in called], [not one for one in positive], seen),
        sensitivity_of_all=_share(
            [is_called(study, point, core) for study in known], [study.is_positive(core) for study in known], known
        ),
        false_flags=mean_by_subject(
            np.array([false_flags(study, point, core) for study in seen], float), patients_of(seen)
        ),
        mimics_called=_share(called, mimics, seen),
    )


def _calibration(studies: Sequence[StudyRow]) -> Estimate:
    told = [study for study in studies if study.record.patient_probability is not None]
    probability = np.array([study.record.patient_probability for study in told], float)
    positive = np.array([study.is_positive(core=False) for study in told], bool)
    return calibration_by_subject(probability, positive, patients_of(told))


def _refused(studies: Sequence[StudyRow]) -> Estimate:
    return _share([study.record.not_analysed is not None for study in studies], [True] * len(studies), studies)


def _share(hits: Sequence[bool], among: Sequence[bool], studies: Sequence[StudyRow]) -> Estimate:
    return share_by_subject(np.array(hits, bool), np.array(among, bool), patients_of(studies))
