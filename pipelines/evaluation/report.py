"""An evaluation as a whole: raw results summed up into scores, and written as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipelines.evaluation.calls import CallScore, Curves, calls, core, curves
from pipelines.evaluation.cases import Excluded
from pipelines.evaluation.grading import Graded, GradingScore, core_levels, score
from pipelines.evaluation.location import LocationScore, by_anchor, location
from pipelines.evaluation.origin import Origin
from pipelines.evaluation.paired import PairedScore, paired
from pipelines.evaluation.patients import Analysed, PatientScore, Spent, analysed, patients, spent
from pipelines.evaluation.refit import refitted
from pipelines.evaluation.rows import SPLITS, StudyRow, bodies_of, split, study_row
from pipelines.evaluation.run import Results
from vfx_finder.domain.operating_point import OPERATING_POINTS, OperatingPoint

SCHEMA = "vfx-finder/evaluation/2"

POINTS: tuple[OperatingPoint, ...] = tuple(OPERATING_POINTS.values())


@dataclass(frozen=True)
class ImageScores:
    """All of one kind of image, real or synthetic. `calls` count T4 to L4, `calls_all` every level that is graded;
    `splits` hold `calls` by part: {"kernel": {"soft": ...}}, "level" every level. None where no grade is known."""

    analysed: Analysed
    spent: Spent
    location: LocationScore
    by_anchor: Mapping[str, LocationScore]
    calls: CallScore | None
    calls_all: CallScore | None
    curves: Curves | None
    patients: PatientScore | None
    patients_all: PatientScore | None
    splits: Mapping[str, Mapping[str, CallScore]]
    paired: tuple[PairedScore, ...]


@dataclass(frozen=True)
class MaskScores:
    """Masks with published grades: by the rule as it is, and by thresholds refitted without the patient tested."""

    t4_l4: GradingScore | None
    every_level: GradingScore
    t4_l4_refitted: GradingScore | None
    every_level_refitted: GradingScore


@dataclass(frozen=True)
class Evaluation:
    """Everything one run of `vfx-finder evaluate` says; a part is None where no case speaks of it. `made`: with which
    software and models, and when."""

    synthetic: ImageScores | None
    real: ImageScores | None
    masks: MaskScores | None
    excluded: tuple[Excluded, ...]
    taken_up: int = 0
    outdated: int = 0
    made: Origin | None = None


def evaluation(results: Results, points: Sequence[OperatingPoint] = POINTS) -> Evaluation:
    """The scores of these results at these operating points."""
    studies = [study_row(record) for record in results.images]
    return Evaluation(
        synthetic=_images([study for study in studies if study.record.truth.synthetic], points),
        real=_images([study for study in studies if not study.record.truth.synthetic], points),
        masks=_masks(results.graded),
        excluded=results.excluded,
        taken_up=results.taken_up,
        outdated=results.outdated,
    )


def to_json(told: Evaluation, results: Results) -> dict[str, Any]:
    """Plain data for a JSON file; names of files only, never where they lie."""
    studies = [study_row(record) for record in results.images]
    return {
        "schema": SCHEMA,
        "research_software": True,
        "synthetic_is_no_clinical_evidence": told.synthetic is not None,
        **asdict(told),
        "bodies": [_body(study) for study in studies],
        "graded_masks": [asdict(row) for row in results.graded],
    }


def _images(studies: Sequence[StudyRow], points: Sequence[OperatingPoint]) -> ImageScores | None:
    if not studies:
        return None
    rows = bodies_of(studies)
    known = any(row.true.grade is not None for row in rows)
    with_spine = [study for study in studies if study.has_spine]
    return ImageScores(
        analysed=analysed(studies),
        spent=spent(studies),
        location=location(with_spine),
        by_anchor=by_anchor(with_spine),
        calls=calls(core(rows), points) if known else None,
        calls_all=calls(rows, points) if known else None,
        curves=curves(core(rows)) if known else None,
        patients=patients(studies, points, core=True) if known else None,
        patients_all=patients(studies, points, core=False) if known else None,
        splits=_splits(studies, points) if known else {},
        paired=paired(with_spine),
    )


def _splits(studies: Sequence[StudyRow], points: Sequence[OperatingPoint]) -> dict[str, dict[str, CallScore]]:
    rows = [row for row in bodies_of(studies) if row.true.grade is not None]
    return {
        name: {part: calls(group, points) for part, group in split(rows if name == "level" else core(rows), by).items()}
        for name, by in SPLITS.items()
    }


def _masks(graded: Sequence[Graded]) -> MaskScores | None:
    if not graded:
        return None
    inside = core_levels(graded)
    return MaskScores(
        t4_l4=score(inside) if inside else None,
        every_level=score(graded),
        t4_l4_refitted=score(refitted(inside)) if inside else None,
        every_level_refitted=score(refitted(graded)),
    )


def _body(study: StudyRow) -> dict[str, Any]:
    """What was said of each body of one image, beside what is true."""
    return {
        "name": study.record.name,
        "not_analysed": study.record.not_analysed,
        "bodies": [
            {
                "level": row.true.level,
                "said_level": row.said.level if row.said else None,
                "identified": row.identified,
                "centre_error_mm": row.centre_mm,
                "true_ratio": row.true.ratio,
                "ratio": row.said.ratio if row.said else None,
                "ratio_error": row.ratio_error,
                "true_grade": row.true.grade,
                "grade": row.said.grade if row.said else None,
                "probability_grade2plus": row.said.probability if row.said else None,
                "why_not_graded": row.why_not_graded,
            }
            for row in study.bodies
        ],
        "false_in_span": sum(stray.in_span for stray in study.strays),
        "beyond_span": sum(not stray.in_span for stray in study.strays),
    }
